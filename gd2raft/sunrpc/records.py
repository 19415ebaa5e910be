"""Record marking (RFC 5531, section 11): how a stream of bytes is cut into ONC RPC messages.

Pure. Each fragment starts with a word: the top bit says "last of its record", the rest is its length. GlusterFS sends
one fragment per record, but several are legal. Knows nothing of what a record means, nor where bytes come from.
"""

from __future__ import annotations

import struct

_MARK = struct.Struct(">I")
_LAST = 0x80000000
REQUEST_BYTES_MAX = 1 << 20
FRAGMENTS_MAX = 256


class RecordError(ValueError):
    """The stream can't be cut into records any more; the connection is lost."""


def frame(record: bytes) -> bytes:
    """One record as one fragment, ready to send.

    >>> frame(b"abcd").hex()
    '8000000461626364'
    """
    if len(record) >= _LAST:
        raise ValueError(f"a record of {len(record)} bytes does not fit into one fragment")
    return _MARK.pack(_LAST | len(record)) + record


class RecordAssembler:
    """Bytes in by `feed`, whole records out by `pop`. Buffers at most one record plus what one `feed` brought."""

    def __init__(self, bytes_max: int = REQUEST_BYTES_MAX, fragments_max: int = FRAGMENTS_MAX) -> None:
        self._bytes_max = bytes_max
        self._fragments_max = fragments_max
        self._buffer = bytearray()
        self._fragments: list[bytes] = []
        self._size = 0

    @property
    def partial(self) -> bool:
        """True when a record has begun and isn't complete."""
        return bool(self._buffer or self._fragments)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def pop(self) -> bytes | None:
        """The next whole record, or None if more bytes are needed. Raises RecordError past a limit."""
        while (fragment := self._pop_fragment()) is not None:
            last, body = fragment
            self._fragments.append(body)
            self._size += len(body)
            if last:
                return self._finish()
            if len(self._fragments) >= self._fragments_max:
                raise RecordError(f"more than {self._fragments_max} fragments in one record")
        return None

    def _pop_fragment(self) -> tuple[bool, bytes] | None:
        if len(self._buffer) < 4:
            return None
        mark = _MARK.unpack_from(self._buffer)[0]
        size = mark & ~_LAST
        self._check(size, last=bool(mark & _LAST))
        if len(self._buffer) < 4 + size:
            return None
        body = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        return bool(mark & _LAST), body

    def _check(self, size: int, *, last: bool) -> None:
        if self._size + size > self._bytes_max:
            raise RecordError(f"a record of {self._size + size} bytes or more, at most {self._bytes_max} allowed")
        if size == 0 and not last:
            raise RecordError("an empty fragment that is not the last of its record")

    def _finish(self) -> bytes:
        record = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
        self._fragments, self._size = [], 0
        return record
