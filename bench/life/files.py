"""Files with checksums: written through mounts, and looked for again on a mount and on the folders of bricks.

A file counts as acknowledged once fsync and close have said so. This file must not know which commands run or what is killed meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import random
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

FOLDERS = 10
SMALL_BYTES, LARGE_BYTES = 6000, 300_000
LARGE_EVERY = 100
READERS = 4
HANGS_S = 120.0
NOT_DATA = (".glusterfs", ".trashcan", ".glusterfs-anonymous-inode")
GFID = "trusted.gfid"
POINTER = 0o1000
"""The mode of distribute's pointers to where a file really is."""


class Ledger:
    """What writers were told. `sums`: path -> checksum of what was acknowledged; `doubtful`: tried, and not acknowledged."""

    def __init__(self) -> None:
        self.sums: dict[str, str] = {}
        self.doubtful: set[str] = set()
        self.errors: list[str] = []


class Writer(threading.Thread):
    """Creates NAME/0, NAME/1, ... until it is ended, or `count` of them; contents are decided by `seed`."""

    def __init__(self, mount: Path, name: str, ledger: Ledger, seed: str, per_s: float = 0.0, count: int | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self._mount, self._ledger, self._count = mount, ledger, count
        self._dice = random.Random(f"{seed} {name}")
        self._pause_s = 1 / per_s if per_s else 0.0
        self._end = threading.Event()

    def run(self) -> None:
        number = 0
        while number != self._count and not self._end.is_set():
            self._write(f"{folder(number)}/{self.name}-{number}", self._content(number))
            number += 1
            if self._pause_s:
                self._end.wait(self._pause_s * self._dice.uniform(0.5, 1.5))

    def _content(self, number: int) -> bytes:
        return self._dice.randbytes(LARGE_BYTES if number % LARGE_EVERY == LARGE_EVERY - 1 else self._dice.randint(1, SMALL_BYTES))

    def _write(self, name: str, data: bytes) -> None:
        path = self._mount / name
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._ledger.doubtful.add(name)
            self._ledger.errors.append(f"{time.strftime('%H:%M:%S')} {name}: {error}")
        else:
            self._ledger.sums[name] = hashlib.md5(data).hexdigest()

    def end(self) -> None:
        """Raises TimeoutError when a write hangs."""
        self._end.set()
        self.join(HANGS_S)
        if self.is_alive():
            raise TimeoutError(f"{self.name}: a write has not ended for {HANGS_S:g} s")


def folder(number: int) -> str:
    """Where a writer's file of this number goes."""
    return f"d{number % FOLDERS}"


class Found(NamedTuple):
    """Paths: with other bytes, unreadable or absent, readable but not listed, listed twice, listed and written by nobody."""

    wrong: Sequence[str]
    missing: Sequence[str]
    unlisted: Sequence[str]
    twice: Sequence[str]
    strange: Sequence[str]

    def violations(self) -> list[str]:
        return [f"{len(names)} files {what}, such as {sorted(names)[:3]}" for what, names in self._asdict().items() if names]


def compare(root: Path, ledger: Ledger) -> Found:
    """Every acknowledged file below `root`, read again, and the listing of all folders."""
    with ThreadPoolExecutor(READERS) as readers:
        sums = dict(zip(ledger.sums, readers.map(lambda name: _sum_of(root / name), ledger.sums), strict=True))
    listed = Counter(_listing(root))
    return Found(
        wrong=[name for name, found in sums.items() if found not in (None, ledger.sums[name])],
        missing=[name for name, found in sums.items() if found is None],
        unlisted=[name for name, found in sums.items() if found is not None and name not in listed],
        twice=[name for name, times in listed.items() if times > 1],
        strange=[name for name in listed if name not in ledger.sums and name not in ledger.doubtful],
    )


def _sum_of(path: Path) -> str | None:
    try:
        return hashlib.md5(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _listing(root: Path) -> Iterator[str]:
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in NOT_DATA]
        for name in names:
            yield str((Path(folder) / name).relative_to(root))


def lacking(brick: Path, names: Iterable[str], ledger: Ledger) -> list[str]:
    """Those of `names` that a brick's folder does not hold as they were acknowledged."""
    return [name for name in names if _sum_of(brick / name) != ledger.sums[name]]


def left_on(brick: Path) -> list[str]:
    """Data in a brick's folder; distribute's pointers are none."""
    found = []
    for name in _listing(brick):
        mode = (brick / name).lstat()
        if not (stat.S_IMODE(mode.st_mode) == POINTER and mode.st_size == 0):
            found.append(name)
    return found


def is_twin(brick: Path, other: Path, name: str) -> bool:
    """Whether a file in a brick's folder is the same one as in the other's, and nothing is in it that the other lacks."""
    try:
        ours, theirs = os.getxattr(brick / name, GFID), os.getxattr(other / name, GFID)
    except OSError:
        return False
    return ours == theirs and (not (brick / name).lstat().st_size or _sum_of(brick / name) == _sum_of(other / name))
