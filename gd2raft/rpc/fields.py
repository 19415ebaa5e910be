"""Types of the fields of messages, each with its limit: a field without one is refused (codegen/schema.py).

Limits are checked when a message is decoded. They may grow in a later version, never shrink: an older peer refuses what is
past its own. A message whose parts are all at their limits fits into a frame, but for long lists of long items.
This file must not know any message.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

PAYLOAD_BYTES_MAX = 3840 * 1024  # a frame (limits.py) without what may stand beside a payload
TEXT_CHARS_MAX = 8192
PEERS_MAX = 16_384
NOTICES_MAX = 64

Name = Annotated[str, Meta(max_length=255)]
"""An id, a volume, a kind, an address."""
Label = Annotated[str, Meta(max_length=1024)]
"""What somebody outside chose: a request's id, a user."""
Key = Annotated[str, Meta(max_length=8192)]
"""Of the store."""
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
"""For people: an error, a hint, a warning."""
Count = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Index = Annotated[int, Meta(ge=0, le=0x7FFFFFFFFFFFFFFF)]
"""Of the log, a term, a revision."""
Millis = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Payload = Annotated[bytes, Meta(max_length=PAYLOAD_BYTES_MAX)]
"""Bytes with a meaning of their own, such as JSON or an entry of the log."""
Secret = Annotated[bytes, Meta(max_length=1024)]
PeerNames = Annotated[list[Name], Meta(max_length=PEERS_MAX)]
"""Ids or addresses, at most one for each peer."""
Names = Annotated[list[Name], Meta(max_length=1024)]


def cut(text: str) -> str:
    """To what a message's text may hold."""
    return text[:TEXT_CHARS_MAX]
