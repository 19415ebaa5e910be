"""How far the log is known to be committed, for the next start: so that a peer alone still knows what it knew.

A hint, overwritten in place and never fsynced: kill -9 doesn't lose it, a power failure may, and then it is simply older. It names
entry and pool: the store believes it only if its log holds that very entry, so that it can't be too high even when the
log lost its tail or belongs to another pool by now. It must not know what the entries are.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

_HINT = struct.Struct("<QQI")
_ENTRY = struct.Struct("<QQ")


class CommitHint:
    """The file `path`, made by the first write. A missing, damaged or foreign one reads as (0, 0)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._open() if path.exists() else -1
        self.closed = False

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self, pool: str) -> tuple[int, int]:
        """(index, term) of an entry of the pool's log that was committed."""
        data = os.pread(self._descriptor, _HINT.size, 0) if self._descriptor >= 0 else b""
        if len(data) != _HINT.size:
            return 0, 0
        index, term, crc = _HINT.unpack(data)
        return (index, term) if crc == _crc(data[: _ENTRY.size], pool) else (0, 0)

    def write(self, pool: str, index: int, term: int) -> None:
        """Never raises for a full disk: a hint may be old."""
        data = _ENTRY.pack(index, term)
        try:
            if self._descriptor < 0:
                self._descriptor = self._open()
            os.pwrite(self._descriptor, data + struct.pack("<I", _crc(data, pool)), 0)
        except OSError:
            return

    def close(self) -> None:
        self.closed = True
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _crc(data: bytes, pool: str) -> int:
    return zlib.crc32(data, zlib.crc32(pool.encode()))
