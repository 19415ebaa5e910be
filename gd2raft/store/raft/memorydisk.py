"""A disk in memory that forgets what was not fsynced: for simulations and tests. Same seam, same order of effects as RealDisk.

crash() gives what a machine would find after it lost power: of every file the synced bytes, and of the rest a torn part in
which pieces may be missing (zeros), because a disk writes in the order it likes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import TypeVar

from gd2raft.store.raft.disk import Appended, AppendFile, DiskFull

T = TypeVar("T")

AT_ONCE = 0.25
"""This share of the appends ends before append() returns, as on a real disk that is fast."""


class Inode:
    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.synced = self.last_group = len(data)  # last_group: where the last synced group began


class MemoryDisk:
    """See `Disk`. Latencies are drawn from `rng`, up to `latency_s`; `space` is what is left, None for no limit."""

    def __init__(self, rng: random.Random, latency_s: float = 0.0) -> None:
        self.files: dict[str, Inode] = {}
        self.rng, self.latency_s = rng, latency_s
        self.space: int | None = None
        self.fail_sync = False
        self.dead = False

    def crash(self) -> MemoryDisk:
        """The disk after a crash now; the operations on the old one never end."""
        self.dead = True
        disk = MemoryDisk(self.rng, self.latency_s)
        disk.files = {name: self._after_crash(inode) for name, inode in self.files.items()}
        return disk

    def _after_crash(self, inode: Inode) -> Inode:
        unsynced = len(inode.data) - inode.synced
        kept = inode.synced + (self.rng.randint(0, unsynced) if unsynced else 0)
        data = inode.data[:kept]
        if kept > inode.synced and self.rng.random() < 0.5:
            start = self.rng.randint(inode.synced, kept - 1)
            end = min(kept, start + self.rng.randint(1, 64))
            data[start:end] = bytes(end - start)
        after = Inode(bytes(data))
        after.last_group = inode.last_group
        return after

    def path(self, name: str) -> str:
        return f"memory:{name}"

    def read(self, name: str) -> bytes | None:
        inode = self.files.get(name)
        return bytes(inode.data) if inode else None

    async def read_later(self, name: str) -> bytes | None:
        await self.wait()
        return self.read(name)

    async def wait(self) -> None:
        """As long as the disk takes; forever when the machine is gone."""
        await asyncio.sleep(self.rng.random() * self.latency_s if self.latency_s else 0)
        if self.dead:
            await asyncio.get_running_loop().create_future()

    def take_space(self, size: int) -> None:
        if self.space is not None:
            if size > self.space:
                raise DiskFull("no space left (simulated)")
            self.space -= size

    def check_sync(self) -> None:
        if self.fail_sync:
            raise OSError(5, "Input/output error (simulated)")

    async def replace(self, name: str, chunks: Iterable[bytes]) -> None:
        data = b"".join(chunks)
        await self.wait()
        self.take_space(len(data))
        self.check_sync()
        self.files[name] = Inode(data)  # the rename happened: from here on a crash may find the new one
        await self.wait()

    async def open_append(self, name: str, size: int) -> AppendFile:
        inode = self.files[name]
        del inode.data[size:]
        inode.synced = len(inode.data)
        inode.last_group = min(inode.last_group, size)
        await self.wait()
        return MemoryAppendFile(self, inode)

    async def archive(self, names: Iterable[str], folder: str) -> None:
        for name in names:
            if name in self.files:
                self.files[f"{folder}/{name}"] = self.files[name]
        await self.wait()

    async def remove(self, name: str) -> None:
        self.files.pop(name, None)
        await self.wait()

    async def compute(self, work: Callable[[], T]) -> T:
        await self.wait()
        return work()

    def close(self) -> None: ...


class MemoryAppendFile:
    def __init__(self, disk: MemoryDisk, inode: Inode) -> None:
        self._disk, self._inode = disk, inode

    def append(self, data: bytes, after_sync: bytes, *, sync: bool, done: Appended) -> None:
        disk, loop = self._disk, asyncio.get_running_loop()
        try:
            disk.take_space(len(data))
        except DiskFull as error:
            loop.call_soon(done, error)
            return
        self._inode.data += data
        delay_s = disk.rng.random() * disk.latency_s
        if disk.latency_s and delay_s < disk.latency_s * AT_ONCE:
            self._end(after_sync, sync, done)
        else:
            loop.call_later(delay_s, self._end, after_sync, sync, done)

    def _end(self, after_sync: bytes, sync: bool, done: Appended) -> None:
        if self._disk.dead:
            return
        try:
            if sync:
                self._disk.check_sync()
                self._inode.last_group = self._inode.synced
                self._inode.synced = len(self._inode.data)
        except OSError as error:
            done(error)
            return
        self._inode.data += after_sync
        done(len(self._inode.data))

    def close(self) -> None: ...
