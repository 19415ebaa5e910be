"""A file in memory that many daemons write and the benchmark reads: when each peer's state reached which revision.

Times are CLOCK_MONOTONIC, which is one for the whole machine. One row a peer: its revision, and the times of the last REMEMBERED ones.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

REMEMBERED = 2048
_HEAD = struct.Struct("<q")
_TIME = struct.Struct("<d")
ROW = _HEAD.size + REMEMBERED * _TIME.size


class Board:
    """See the module's docstring. `make` it once; daemons open it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    @staticmethod
    def make(path: Path, peers: int) -> Board:
        with path.open("wb") as file:
            file.truncate(peers * ROW)
        return Board(path)

    def reached(self, peer: int, revision: int, at: float) -> None:
        """The state of a peer is at `revision` now; what lies between the last one and this came at once."""
        row = peer * ROW
        (before,) = _HEAD.unpack_from(self._memory, row)
        for number in range(max(before + 1, revision - REMEMBERED + 1), revision + 1):
            _TIME.pack_into(self._memory, row + _HEAD.size + number % REMEMBERED * _TIME.size, at)
        _HEAD.pack_into(self._memory, row, revision)

    def revision(self, peer: int) -> int:
        return int(_HEAD.unpack_from(self._memory, peer * ROW)[0])

    def time_of(self, peer: int, revision: int) -> float | None:
        """When the peer reached it; None: not yet, or too long ago."""
        now = self.revision(peer)
        if not now - REMEMBERED < revision <= now:
            return None
        return float(_TIME.unpack_from(self._memory, peer * ROW + _HEAD.size + revision % REMEMBERED * _TIME.size)[0])

    def forget(self, peer: int) -> None:
        """The peer begins anew (it was killed): its revision counts from 0 again."""
        _HEAD.pack_into(self._memory, peer * ROW, 0)
