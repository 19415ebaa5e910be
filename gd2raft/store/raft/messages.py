"""What voters say to each other, as CBOR arrays: [version, pool, to, kind, fields...]. It must not know what they mean.

The sender is not in the message: the transport below has proven who it is. Fields are only ever appended. The limits are
checked here, so that the guard sees only messages of the right types and sizes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cbor2
import msgspec

from gd2raft.store.raft.errors import BadMessage
from gd2raft.store.raft.log import KERNEL_PREFIX, Entry

VERSION = 1
MESSAGE_BYTES_MAX = 2 * 1024 * 1024
ENTRIES_MAX = 4096
TERM_MAX = 2**62


class Message(msgspec.Struct, frozen=True, array_like=True):
    """`term` is the sender's; what is said holds in that term only (in PreVote and its reply: in the term asked for)."""

    term: int


class PreVote(Message, frozen=True, array_like=True):
    """Would you vote for me in `term`? Changes nothing (Raft thesis, 9.6)."""

    last_index: int
    last_term: int


class PreVoteReply(Message, frozen=True, array_like=True):
    """granted: echo of the term asked for. Not granted: own term. removed: you vote no more, by what is committed here."""

    granted: bool
    removed: bool


class Vote(Message, frozen=True, array_like=True):
    """transfer: the leader asked me to take over, so don't stick to it."""

    last_index: int
    last_term: int
    transfer: bool


class VoteReply(Message, frozen=True, array_like=True):
    """Granted; a refusal is not sent."""


class Append(Message, frozen=True, array_like=True):
    """Entries after `prev_index`; none: a heartbeat. `round` is echoed. quorum: the leader hears a majority."""

    prev_index: int
    prev_term: int
    entries: tuple[tuple[bytes, int, int], ...]
    commit: int
    round: int
    quorum: bool


class AppendReply(Message, frozen=True, array_like=True):
    """match: entries up to here are on my disk, equal to yours (0: nothing new to say). next: send from here on (0: as you are)."""

    round: int
    match: int
    next: int


class Stale(Message, frozen=True, array_like=True):
    """What you said is of an old term."""


class TimeoutNow(Message, frozen=True, array_like=True):
    """Take over the leadership, at once."""


class SnapshotChunk(Message, frozen=True, array_like=True):
    """A piece of a log snapshot file that ends at (index, last_term)."""

    index: int
    last_term: int
    offset: int
    total: int
    data: bytes
    round: int


class SnapshotReply(Message, frozen=True, array_like=True):
    """I have the bytes before `offset` of the log snapshot up to `index`."""

    index: int
    offset: int
    round: int


KINDS: tuple[type[Message], ...] = (
    PreVote, PreVoteReply, Vote, VoteReply, Append, AppendReply, Stale, TimeoutNow, SnapshotChunk, SnapshotReply,
)  # fmt: skip
"""By their number on the wire: never reorder."""
_NUMBER = {kind: number for number, kind in enumerate(KINDS)}


class Envelope(NamedTuple):
    pool: str
    to: str
    message: Message


def encode(pool: str, to: str, message: Message) -> bytes:
    fields = [getattr(message, name) for name in message.__struct_fields__]
    return cbor2.dumps([VERSION, pool, to, _NUMBER[type(message)], *fields])


def decode(data: bytes) -> Envelope:
    """Raises BadMessage."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise BadMessage(f"a message of {len(data)} bytes, at most {MESSAGE_BYTES_MAX} are possible")
    try:
        version, pool, to, number, *fields = cbor2.loads(data)
        if version != VERSION:
            raise BadMessage(f"a message of version {version!r}, this daemon speaks {VERSION}")
        message = _convert(number, fields)
    except BadMessage:
        raise
    except (ValueError, TypeError, LookupError, cbor2.CBORDecodeError, msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise BadMessage(f"not a message: {error}") from error
    if not (isinstance(pool, str) and isinstance(to, str)):
        raise BadMessage("the addresses of a message must be texts")
    return Envelope(pool, to, message)


def _convert(number: Any, fields: list[Any]) -> Message:
    if type(number) is not int or not 0 <= number < len(KINDS):
        raise BadMessage(f"an unknown kind of message: {number!r}")
    message = msgspec.convert(fields, type=KINDS[number], builtin_types=(bytes,))
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, int) and not 0 <= value <= TERM_MAX:
            raise BadMessage(f"{name}={value} is out of range")
    if isinstance(message, Append):
        _check_entries(message)
    return message


def _check_entries(message: Append) -> None:
    if len(message.entries) > ENTRIES_MAX:
        raise BadMessage(f"{len(message.entries)} entries in a message, at most {ENTRIES_MAX} are possible")
    term = message.prev_term
    for offset, (command, index, entry_term) in enumerate(message.entries):
        if command[:1] != KERNEL_PREFIX:
            raise BadMessage("an entry that the kernel would interpret")
        if index != message.prev_index + 1 + offset or not term <= entry_term <= message.term:
            raise BadMessage(f"entries out of order at {index}")
        term = entry_term


def entries_of(message: Append) -> list[Entry]:
    return [Entry(*entry) for entry in message.entries]
