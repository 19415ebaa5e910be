"""How far the log is known to be committed, for the next start: so that a peer alone still knows what it knew.

A hint, overwritten in place and never fsynced: kill -9 doesn't lose it, a power failure may, and then it is simply older. It is
never too high, because what is committed stays so. It must not know what the entries are.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

_HINT = struct.Struct("<QI")


class CommitHint:
    """The file `path`. A missing or damaged one reads as 0."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self) -> int:
        data = os.pread(self._descriptor, _HINT.size, 0)
        if len(data) != _HINT.size:
            return 0
        index, crc = _HINT.unpack(data)
        return int(index) if crc == zlib.crc32(data[:8]) else 0

    def write(self, index: int) -> None:
        """Never raises for a full disk: the file has its size already, and a hint may be old."""
        data = struct.pack("<Q", index)
        try:
            os.pwrite(self._descriptor, data + struct.pack("<I", zlib.crc32(data)), 0)
        except OSError:
            return

    def close(self) -> None:
        os.close(self._descriptor)
