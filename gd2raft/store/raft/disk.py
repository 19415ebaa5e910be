"""The disk as the store sees it: a folder of few files, replaced whole or appended to. It must not know what is in them.

`Disk` is the seam at which the simulator puts a disk that forgets, tears and fills up. `RealDisk` appends in place while the
disk is fast (two changes of threads cost more than its fsync), and in one thread of its own while it isn't, so that the event loop
does not wait for a slow disk. Everything else is done in another thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeVar

from gd2raft.store.raft.errors import StorageError

T = TypeVar("T")
FULL = (errno.ENOSPC, errno.EDQUOT)

FAST_S = 0.004
COUNTED_S_MAX = 0.02
REMEMBERED = 16
"""The event loop waits for the disk while the last appends (about REMEMBERED) took less than FAST_S on average. A single stall counts as
COUNTED_S_MAX, so that it takes some of them to change the mode."""


Appended = Callable[["int | Exception"], None]
"""Told how an append ended: the file's new size, or DiskFull or OSError."""


class AppendFile(Protocol):
    """A file open for appending, by one append at a time."""

    def append(self, data: bytes, after_sync: bytes, *, sync: bool, done: Appended) -> None:
        """Write `data`, fdatasync it if `sync`, then write `after_sync` without; `done` is called on the event loop.

        `done` may be called before this returns. After DiskFull the file has the length that it had before: the call may be
        repeated. (Not a coroutine, because every commit waits for it, and a task and a future more are a good part of its cost.)
        """
        ...

    def close(self) -> None: ...


class DiskFull(Exception):
    """No space left; nothing of the data is in the file."""


class Disk(Protocol):
    """One folder."""

    def path(self, name: str) -> str: ...

    def read(self, name: str) -> bytes | None:
        """The whole file, None when there is none. Blocking: only at start, or from `run`."""
        ...

    async def read_later(self, name: str) -> bytes | None: ...

    async def replace(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write the chunks to a new file and put it durably in the place of `name`: after a crash it is the old or the new one."""
        ...

    async def open_append(self, name: str, size: int) -> AppendFile:
        """Open for appending after cutting the file to `size` bytes, durably."""
        ...

    async def archive(self, names: Iterable[str], folder: str) -> None:
        """Give files a second name in a new folder below this one, durably; a file that is not there is left out."""
        ...

    async def remove(self, name: str) -> None:
        """Remove the file, durably, if it is there."""
        ...

    async def compute(self, work: Callable[[], T]) -> T:
        """Run something long that touches nothing of the event loop's, beside it."""
        ...

    def close(self) -> None: ...


class RealDisk:
    """See `Disk`. Takes a lock on the folder: two daemons on one folder would destroy it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StorageError(f"another daemon uses {folder}: stop it, or give this one its own folder") from error
        for left_over in folder.glob("*.tmp"):
            left_over.unlink()
        self._writer = Writer("store-disk")
        self._slow_thread = ThreadPoolExecutor(1, thread_name_prefix="store-snapshot")

    def path(self, name: str) -> str:
        return str(self._folder / name)

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    async def read_later(self, name: str) -> bytes | None:
        return await self._run_slow(lambda: self.read(name))

    async def replace(self, name: str, chunks: Iterable[bytes]) -> None:
        await self._run_slow(lambda: self._replace(name, chunks))

    def _replace(self, name: str, chunks: Iterable[bytes]) -> None:
        temporary = self._folder / f"{name}.tmp"
        try:
            with temporary.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._folder / name)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError) and error.errno in FULL:
                raise DiskFull(str(error)) from error
            raise
        sync_folder(self._folder)

    async def open_append(self, name: str, size: int) -> AppendFile:
        descriptor = await self._run_slow(lambda: _open_cut(self._folder / name, size))
        return RealAppendFile(descriptor, size, self._writer)

    async def archive(self, names: Iterable[str], folder: str) -> None:
        await self._run_slow(lambda: self._archive(list(names), self._folder / folder))

    def _archive(self, names: list[str], target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in names:
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                os.link(self._folder / name, target / name)
        sync_folder(target)
        sync_folder(self._folder)

    async def remove(self, name: str) -> None:
        await self._run_slow(lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        sync_folder(self._folder)

    async def compute(self, work: Callable[[], T]) -> T:
        return await self._run_slow(work)

    async def _run_slow(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._slow_thread, work)

    def close(self) -> None:
        self._writer.close()
        self._slow_thread.shutdown(wait=True)
        os.close(self._lock)


class Writer:
    """A thread that does one thing after the other, with as little as possible between a wish and its end."""

    def __init__(self, name: str) -> None:
        self._wishes: SimpleQueue[tuple[Callable[[], int], Callable[[int | Exception], object]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], int], done: Appended) -> None:
        """`done` is called on the running event loop, with the result or the exception."""
        loop = asyncio.get_running_loop()

        def tell(outcome: int | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done, outcome)

        self._wishes.put((work, tell))

    def _run(self) -> None:
        while (wish := self._wishes.get()) is not None:
            work, tell = wish
            outcome: int | Exception
            try:
                outcome = work()
            except Exception as error:
                outcome = error
            tell(outcome)

    def close(self) -> None:
        """Wait until everything is done."""
        self._wishes.put(None)
        self._thread.join()


AHEAD_BYTES = 256 * 1024
"""A log is written into zeros that the file has already: an fsync of a file that grows waits for the file system's journal,
and so for everybody else's writes (measured on a busy ext4: 6 ms against 0.07 ms). Not where an fsync is rare: there the zeros are only
as much again to be written."""


class Pace:
    """Whether the disk may be waited for in place. One append at a time tells it how long it took, from whichever thread."""

    def __init__(self) -> None:
        self._mean_s = 0.0

    @property
    def fast(self) -> bool:
        return self._mean_s < FAST_S

    def note(self, took_s: float) -> None:
        self._mean_s += (min(took_s, COUNTED_S_MAX) - self._mean_s) / REMEMBERED


class RealAppendFile:
    """See `AppendFile`."""

    def __init__(self, descriptor: int, size: int, writer: Writer) -> None:
        self._descriptor, self._size, self._writer = descriptor, size, writer
        self._allocated = size
        self._paces = {True: Pace(), False: Pace()}  # of appends with fsync, and of those without
        self._synced_before = False  # the append before this one was

    def append(self, data: bytes, after_sync: bytes, *, sync: bool, done: Appended) -> None:
        if not self._paces[sync].fast:
            self._writer.do(lambda: self._append_timed(data, after_sync, sync), done)
            return
        outcome: int | Exception
        try:
            outcome = self._append_timed(data, after_sync, sync)
        except Exception as error:
            outcome = error
        done(outcome)

    def _append_timed(self, data: bytes, after_sync: bytes, sync: bool) -> int:
        began = time.perf_counter()
        try:
            return self._append(data, after_sync, sync)
        finally:
            self._paces[sync].note(time.perf_counter() - began)

    def _append(self, data: bytes, after_sync: bytes, sync: bool) -> int:
        often, self._synced_before = sync and self._synced_before, sync
        try:
            self._write(data, ahead=often)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._cut()
            raise DiskFull(str(error)) from error
        if sync:
            os.fdatasync(self._descriptor)
        if after_sync:
            self._append_seal(after_sync)
        return self._size

    def _append_seal(self, seal: bytes) -> None:
        """A seal that finds no space is left out: the next append will find the same, before anything is acknowledged."""
        try:
            self._write(seal, ahead=False)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._cut()

    def _write(self, data: bytes, *, ahead: bool) -> None:
        end = self._size + len(data)
        if ahead and end > self._allocated:
            self._reserve(end + AHEAD_BYTES)
        _write_all(self._descriptor, data, self._size)
        self._size, self._allocated = end, max(end, self._allocated)

    def _reserve(self, end: int) -> None:
        """Zeros up to `end`. Without space for them the file grows with what is written."""
        try:
            _write_all(self._descriptor, bytes(end - self._allocated), self._allocated)
            self._allocated = end
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._cut()

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._size)
        self._allocated = self._size

    def close(self) -> None:
        os.close(self._descriptor)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, data, offset) if data else 0
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)


def _open_cut(path: Path, size: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    return descriptor


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
