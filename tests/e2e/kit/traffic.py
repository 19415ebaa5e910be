"""Clients of a volume that write and read all the time, and what they must find afterwards. They know a mount and nothing of daemons."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from kit.waiting import pause

FOLDERS = 10
MISSING_S = 10.0
"""A client learns of a rebalance's commit hash when it asks for the root's attributes again, 1 s after it did so last. It doesn't look in other places
for files of folders that were changed meanwhile; the real glusterd's clients miss some after a fix-layout, too."""


class Writer(threading.Thread):
    """Writes files one after the other until it is ended. `sums`: path below the mount -> checksum of what was acknowledged."""

    def __init__(self, mount: Path) -> None:
        super().__init__(daemon=True)
        self.mount = mount
        self.sums: dict[str, str] = {}
        self.errors: list[str] = []
        self.ending = threading.Event()

    def write(self, name: str, size: int = 3000) -> None:
        data = os.urandom(size)
        path = self.mount / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self.sums[name] = hashlib.md5(data).hexdigest()

    def run(self) -> None:
        number = 0
        while not self.ending.wait(0.02):
            number += 1
            try:
                self.write(f"live{number % FOLDERS}/file{number}")
            except OSError as error:
                self.errors.append(f"file {number}: {error}")

    def end(self) -> None:
        self.ending.set()
        self.join(60)
        assert not self.is_alive(), "a write hangs"
        assert not self.errors, self.errors[:5]

    def check(self, bricks: Sequence[Path] = ()) -> None:
        """Every file is there with its checksum, and listed. What is not found is looked for again, and on the `bricks`, to say more.

        What is found the second time was not lost, and is warned of.
        """
        found = {name: self._found(name) for name in self.sums}
        if missing := [name for name, checksum in found.items() if checksum is None]:
            since = time.monotonic()
            while (still := [name for name in missing if found[name] is None]) and time.monotonic() - since < MISSING_S:
                pause(0.2)
                found |= {name: self._found(name) for name in still}
            copies = [str(path) for brick in bricks for name in missing[:5] for path in [brick / name] if path.exists()]
            assert not still, f"not found, nor {MISSING_S:.0f} s later: {still[:5]}, on the bricks: {copies}"
            warnings.warn(f"the mount did not find {missing[:5]} until {time.monotonic() - since:.1f} s later", stacklevel=2)
        wrong = [name for name, checksum in found.items() if checksum != self.sums[name]]
        assert not wrong, f"{len(wrong)} of {len(self.sums)} files have other bytes: {wrong[:5]}"
        listed = {str(p.relative_to(self.mount)) for p in self.mount.rglob("*") if p.is_file() and ".meta" not in p.parts}
        assert listed == self.sums.keys(), f"missing in listings: {sorted(self.sums.keys() - listed)[:5]}"

    def _found(self, name: str) -> str | None:
        """The checksum of what is read through the mount; None when there is no such file."""
        try:
            return hashlib.md5((self.mount / name).read_bytes()).hexdigest()
        except FileNotFoundError:
            return None


class Reader(threading.Thread):
    """Reads the same files again and again until it is ended. `missed`: what was not there, or could not be read, and when."""

    def __init__(self, mount: Path, names: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.mount, self.names = mount, names
        self.rounds = 0
        self.missed: list[str] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            for name in self.names:
                try:
                    (self.mount / name).read_bytes()
                except OSError as error:
                    self.missed.append(f"{time.strftime('%H:%M:%S')} {name}: {error.strerror}")
            self.rounds += 1

    def end(self) -> None:
        self.ending.set()
        self.join(60)
        assert not self.is_alive(), "a read hangs"
        assert self.rounds > 1
        assert not self.missed, f"{len(self.missed)} of {self.rounds} times {len(self.names)} reads failed: {self.missed[:5]}"


@contextlib.contextmanager
def reading(mounts: Sequence[Path], names: Sequence[str]) -> Iterator[None]:
    """Meanwhile somebody reads these files at each mount all the time, and nothing may be missed."""
    readers = [Reader(mount, names) for mount in mounts]
    try:
        for reader in readers:
            reader.start()
        yield
    finally:
        for reader in readers:
            reader.ending.set()
    for reader in readers:
        reader.end()
