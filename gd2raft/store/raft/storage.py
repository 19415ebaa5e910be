"""The log and its snapshot on the disk, one write after the other. It must not know of voting, messages or clients.

`kick()` after any change of the log; `on_synced(number)` tells how far it is durable. Groups form by themselves: what
changes while an fsync runs goes with the next one. A failure that leaves open what is on the disk is reported to `on_fatal`
once, and nothing is written any more: after a failed fsync the kernel may have dropped the very pages that we want to save.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from typing import NamedTuple

from gd2raft.core.kv import Frozen
from gd2raft.store.raft import snapshot, wal
from gd2raft.store.raft.disk import AppendFile, Disk, DiskFull
from gd2raft.store.raft.errors import SnapshotCorrupt, StorageError, WalCorrupt
from gd2raft.store.raft.log import Log

WAL, SNAPSHOT = "raft.wal", "raft.snapshot"
FULL_RETRY_S = 1.0
PUT_OFF_BYTES_MAX = 256 * 1024
"""So many bytes of entries a learner keeps for its next fsync before it writes them without one."""
CLOSE_S = 5.0

logger = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """What the folder holds: identity, log, and the state at the log's snapshot (None: from the beginning)."""

    identity: wal.Identity
    nonce: bytes
    log: Log
    size: int
    meta: snapshot.Meta | None
    frozen: Frozen | None
    reset: bool  # the log ends before the snapshot: a snapshot was installed and the log not yet replaced
    torn: int  # bytes after the log's good ones


def load(disk: Disk, peer: str) -> Loaded | None:
    """Read the folder; None when it is empty. Raises WalCorrupt, SnapshotCorrupt."""
    data, image = disk.read(WAL), disk.read(SNAPSHOT)
    if data is None:
        if image is None:
            return None
        raise WalCorrupt(disk.path(WAL), 0, "it is missing, while its snapshot is there")
    log, header, size, torn = wal.recover(disk.path(WAL), data, peer)
    meta, frozen = snapshot.decode(disk.path(SNAPSHOT), image) if image is not None else (None, None)
    identity = wal.Identity(header.pool, header.peer)
    reset = _fit(disk, identity, log, meta)
    if meta is not None and meta.pool != identity.pool:
        meta = frozen = None
    return Loaded(identity, header.nonce, log, size, meta, frozen, reset, torn)


def _fit(disk: Disk, identity: wal.Identity, log: Log, meta: snapshot.Meta | None) -> bool:
    """Make the log begin at or before the snapshot; whether it had to be replaced by it."""
    if meta is None:
        if log.base_index:
            raise SnapshotCorrupt(disk.path(SNAPSHOT), 0, f"it is missing, and the log begins after entry {log.base_index}")
        return False
    if meta.pool != identity.pool and log.base_index == 0:
        return False  # left over from the pool that this peer left: reset() had not come to removing it
    if meta.pool != identity.pool:
        raise SnapshotCorrupt(disk.path(SNAPSHOT), 0, f"it belongs to the pool {meta.pool}, the log to {identity.pool}")
    if meta.index < log.base_index:
        raise SnapshotCorrupt(disk.path(SNAPSHOT), 0, f"it ends at entry {meta.index}, the log begins after {log.base_index}")
    if log.term_at(meta.index) == meta.term:
        return False
    log.reset(meta.index, meta.term, meta.config)
    return True


class Group(NamedTuple):
    """Changes of the log on their way into the file."""

    number: int
    data: bytes
    seal: bytes
    sync: bool
    end: int


class Storage:
    """See the module's docstring."""

    def __init__(self, disk: Disk, identity: wal.Identity, log: Log, new_nonce: Callable[[], bytes]) -> None:
        self.disk, self.identity, self.log = disk, identity, log
        self._new_nonce = new_nonce
        self._nonce = b""
        self._file: AppendFile | None = None
        self._size = self._group_start = 0
        self._rewrite = False
        self._busy = False  # a write is under way; the next begins when it ends
        self._task: asyncio.Task[None] | None = None  # that writes a whole file
        self._retry: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None  # close() waits for it
        self._written = log.change_number
        self._synced = log.change_number
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._write_waiters: list[tuple[int, asyncio.Future[None]]] = []
        self.share = zlib.crc32(identity.peer.encode()) / (1 << 32)
        """From 0 to 1, this peer's own: what all peers have to do at the same entry of the log, they put off by so much of the time."""
        self.lazy_s: float | None = None  # learner: write, and fsync, only so often
        self._lazy_timer: asyncio.TimerHandle | None = None
        self.full = False
        self.failed: StorageError | None = None
        self.on_synced: Callable[[int], None] = lambda _number: None
        self.on_durable: Callable[[], None] = lambda: None  # for whoever keeps nothing but that
        self.on_full: Callable[[bool], None] = lambda _full: None
        self.on_fatal: Callable[[StorageError], None] = lambda _error: None

    @property
    def file_bytes(self) -> int:
        """Size of the log file."""
        return self._size

    async def open(self, nonce: bytes, size: int) -> None:
        """Go on with the file as it was recovered: its first `size` bytes."""
        self._nonce = nonce
        self._file = await self.disk.open_append(WAL, size)
        self._size = size
        self._group_start = size

    async def create(self) -> None:
        """Write the log as a new file."""
        self._rewrite = True
        await self.flush()

    def kick(self) -> None:
        """Something changed: bring it to the disk, soon."""
        if self._busy or self.failed is not None:
            return
        if self._rewrite:
            self._busy = True
            self._task = asyncio.get_running_loop().create_task(self._write_whole())
        elif self.log.changes and self._may_put_off and not self._waiters and not self._write_waiters:
            self._sync_later()
        elif self.log.changes or (self._synced < self._written and self.lazy_s is None):
            self._begin_group(sync=self.lazy_s is None)

    def rewrite(self) -> None:
        """Replace the file by the log as it is now (it was compacted, or reset)."""
        self._rewrite = True
        self.kick()

    async def flush(self) -> None:
        """Wait until every change so far is durable. Raises StorageError."""
        await self._wait(self.log.change_number)

    @property
    def may_apply(self) -> bool:
        """Whether every change so far is in the file, durable or not; or goes there with a learner's next fsync, as far as is known."""
        return self.failed is None and (self._written >= self.log.change_number or self._may_put_off)

    @property
    def _may_put_off(self) -> bool:
        return self.lazy_s is not None and not self.full and self.log.changes_bytes <= PUT_OFF_BYTES_MAX

    async def written(self) -> None:
        """Wait until every change so far is in the file, durable or not. Raises StorageError."""
        number = self.log.change_number
        if self.failed is not None:
            raise self.failed
        if self._written < number:
            waiter = asyncio.get_running_loop().create_future()
            self._write_waiters.append((number, waiter))
            self.kick()
            await waiter

    async def _wait(self, number: int) -> None:
        if self.failed is not None:
            raise self.failed
        if self._synced >= number and not self._rewrite:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((number, waiter))
        self.kick()
        await waiter

    async def _write_whole(self) -> None:
        try:
            await self._write_file()
        except (OSError, StorageError) as error:
            self._fail(error)
        finally:
            self._task = None
            self._free()

    def _begin_group(self, *, sync: bool) -> None:
        self._busy = True
        number, changes = self.log.change_number, self.log.take_changes()
        data = wal.encode_group(self._nonce, self._size, self._group_start, changes)
        end = self._size + len(data)
        seal = wal.encode_seal(self._nonce, end) if sync else b""
        self._append(Group(number, data, seal, sync, end))

    def _append(self, group: Group) -> None:
        assert self._file is not None
        self._retry = None
        self._file.append(group.data, group.seal, sync=group.sync, done=lambda outcome: self._appended(group, outcome))

    def _appended(self, group: Group, outcome: int | Exception) -> None:
        if isinstance(outcome, DiskFull):
            self._set_full(True)  # nobody tells when there is space again
            self._retry = asyncio.get_running_loop().call_later(FULL_RETRY_S, self._append, group)
            return
        if isinstance(outcome, Exception):
            self._fail(outcome)
            self._free()
            return
        self._size = outcome
        self._set_full(False)
        self._note_written(group.number)
        if group.sync:
            self._group_start = group.end
            self._done(group.number)
        else:
            self._sync_later()
        self._free()

    def _free(self) -> None:
        """The write has ended: on with what came meanwhile."""
        self._busy = False
        self.kick()
        if not self._busy and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _set_full(self, full: bool) -> None:
        if full != self.full:
            self.full = full
            logger.log(logging.ERROR if full else logging.INFO, "the disk of the log is %s", "full" if full else "usable again")
            self.on_full(full)

    def _sync_later(self) -> None:
        if self._lazy_timer is None and self.lazy_s is not None:
            self._lazy_timer = asyncio.get_running_loop().call_later(self.lazy_s * (1 + self.share), self._sync_lazily)

    def _sync_lazily(self) -> None:
        self._lazy_timer = None
        if not self._busy and self.failed is None and self._synced < self.log.change_number:
            self._begin_group(sync=True)
        elif self._busy:
            self._sync_later()

    async def _write_file(self) -> None:
        self._rewrite = False
        number = self.log.change_number
        self.log.take_changes()
        self._nonce = self._new_nonce()
        content, seal_at = wal.encode_file(self.identity, self._nonce, self.log)
        while True:
            try:
                await self.disk.replace(WAL, [content])
                break
            except DiskFull:
                self._set_full(True)
                await asyncio.sleep(FULL_RETRY_S)
        self._set_full(False)
        if self._file is not None:
            self._file.close()
        self._file = await self.disk.open_append(WAL, len(content))
        self._size, self._group_start = len(content), seal_at
        self._note_written(number)
        self._done(number)

    def _note_written(self, number: int) -> None:
        self._written = number
        self._write_waiters = _release(self._write_waiters, number)

    def _done(self, number: int) -> None:
        self._synced = number
        self.log.synced(number)
        self._waiters = _release(self._waiters, number)
        self.on_synced(number)
        self.on_durable()

    def _fail(self, error: BaseException) -> None:
        self.failed = (
            error
            if isinstance(error, StorageError)
            else StorageError(
                f"writing {self.disk.path(WAL)} failed: {error}. What is on the disk is not known, so this daemon stops; start it again when the disk is sound"
            )
        )
        for _, waiter in [*self._waiters, *self._write_waiters]:
            if not waiter.done():
                waiter.set_exception(self.failed)
        self._waiters.clear()
        self._write_waiters.clear()
        self.on_fatal(self.failed)

    async def save_snapshot(self, meta: snapshot.Meta, frozen: Frozen) -> None:
        """Write a new snapshot. Raises OSError, DiskFull: the old one is still there then."""
        await self.disk.replace(SNAPSHOT, snapshot.encode(meta, frozen))

    async def save_snapshot_bytes(self, data: bytes) -> None:
        await self.disk.replace(SNAPSHOT, [data])

    async def close(self) -> None:
        """Bring the rest to the disk, as far as it works, and let go of the files."""
        self.lazy_s = None
        if self._lazy_timer is not None:
            self._lazy_timer.cancel()
        self.kick()
        if self._busy:
            self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._idle], timeout=CLOSE_S)
        self.abandon()
        if self._file is not None:
            self._file.close()
            self._file = None

    def abandon(self) -> None:
        """Write nothing any more, and tell nobody: as when the process ends here."""
        self.failed = self.failed or StorageError("the log is closed")
        self.on_synced = lambda _number: None
        self.on_durable = lambda: None
        self.on_full = lambda _full: None
        self.on_fatal = lambda _error: None
        for timer in (self._lazy_timer, self._retry):
            if timer is not None:
                timer.cancel()
        if self._task is not None:
            self._task.cancel()


def _release(waiters: list[tuple[int, asyncio.Future[None]]], number: int) -> list[tuple[int, asyncio.Future[None]]]:
    """Wake those who wait for a number up to this one; the others."""
    for wanted, waiter in waiters:
        if wanted <= number and not waiter.done():
            waiter.set_result(None)
    return [(wanted, waiter) for wanted, waiter in waiters if wanted > number]
