"""What a GlusterFS process wrote to its log before it died: the first errors of this run, which are the cause; later ones follow from them.

Knows the format of the log and nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path

_BYTES_MAX = 64 * 1024
_LINES_MAX = 3
_TEXT_MAX = 600
_LINE = re.compile(r"^\[[^\]]*\] [EC] (?:\[MSGID: \d+\] )?\[[^\]]*\] \S+: (.*)$", re.MULTILINE)
_FOLLOWS = ("Initialization of volume failed", "initializing translator failed", "init failed")


def size_of(path: str) -> int:
    """Where the next line will start; 0 when there is no log."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def errors_since(path: str, offset: int) -> str:
    """The first distinct errors after `offset` (from the start, if the log was rotated), joined by '; '. Empty when there are none."""
    try:
        with Path(path).open("rb") as file:
            file.seek(offset if offset <= size_of(path) else 0)
            text = file.read(_BYTES_MAX).decode(errors="replace")
    except OSError:
        return ""
    return first_errors(text)


def first_errors(text: str) -> str:
    """
    >>> first_errors("[2024-01-01 00:00:00.1 +0000] E [index.c:2427:init] 0-v-index: Failed to find parent dir [No such file or directory]")
    'Failed to find parent dir [No such file or directory]'
    """
    messages = dict.fromkeys(message.strip().rstrip(".") for message in _LINE.findall(text))
    causes = [message for message in messages if not message.startswith(_FOLLOWS)] or list(messages)
    return "; ".join(causes[:_LINES_MAX])[:_TEXT_MAX]
