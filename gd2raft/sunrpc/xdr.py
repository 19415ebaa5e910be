"""XDR (RFC 4506) as GlusterFS uses it: big-endian words, counted bytes padded to four.

Pure. Knows nothing of records, programs or sockets. Every variable-length read takes its own limit, so that a
hostile length is refused before a byte of it is looked at.
"""

from __future__ import annotations

import struct

_U32 = struct.Struct(">I")
_I32 = struct.Struct(">i")
_U64 = struct.Struct(">Q")


class XdrError(ValueError):
    """The bytes are not what the type says: too short, longer than allowed, or text with a NUL inside."""


class Reader:
    """Reads values from `data` in order. Bytes left over are allowed: newer GlusterFS versions append fields."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._offset

    def take(self, size: int) -> bytes:
        if size > self.remaining:
            raise XdrError(f"{size} bytes wanted at offset {self._offset}, {self.remaining} left")
        start = self._offset
        self._offset += size
        return self._data[start : self._offset]

    def rest(self) -> bytes:
        return self.take(self.remaining)

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def i32(self) -> int:
        return int(_I32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def opaque(self, bytes_max: int) -> bytes:
        """Counted bytes. Padding is skipped unread; it may be missing at the very end of the data."""
        size = self.u32()
        if size > bytes_max:
            raise XdrError(f"{size} bytes announced, at most {bytes_max} allowed")
        value = self.take(size)
        self._offset = min(self._offset + (-size) % 4, len(self._data))
        return value

    def string(self, bytes_max: int) -> str:
        """Text; bytes that aren't UTF-8 (a brick path may hold any) survive a round trip as surrogates."""
        value = self.opaque(bytes_max)
        if b"\0" in value:
            raise XdrError("NUL inside a string")
        return value.decode("utf-8", "surrogateescape")


class Writer:
    """Collects encoded values; `bytes(writer)` gives them all."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def u32(self, value: int) -> Writer:
        self._parts.append(_U32.pack(value))
        return self

    def i32(self, value: int) -> Writer:
        self._parts.append(_I32.pack(value))
        return self

    def u64(self, value: int) -> Writer:
        self._parts.append(_U64.pack(value))
        return self

    def opaque(self, value: bytes) -> Writer:
        self._parts += (_U32.pack(len(value)), value, b"\0" * (-len(value) % 4))
        return self

    def string(self, value: str) -> Writer:
        return self.opaque(value.encode("utf-8", "surrogateescape"))

    def raw(self, value: bytes) -> Writer:
        self._parts.append(value)
        return self

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)


def printable(text: str, chars_max: int = 200) -> str:
    """Text from the wire made safe for a log line: no surrogates, no control characters, not endless."""
    shown = text[:chars_max].encode("unicode_escape", "backslashreplace").decode("ascii")
    return shown if len(text) <= chars_max else shown + "..."
