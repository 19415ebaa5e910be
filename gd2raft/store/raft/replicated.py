"""The log of one peer, on its disk and applied: reading it, compacting it, feeding others and being fed. The same for voters and learners.

It must not know of elections or clients: what votes and who asks is node.py's, which fills in the hooks at the end of the class.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from gd2raft.core.kv import Result, Versioned
from gd2raft.store.raft import snapshot
from gd2raft.store.raft.disk import Disk, DiskFull
from gd2raft.store.raft.errors import BadMessage, SnapshotCorrupt, StorageError
from gd2raft.store.raft.links import Links
from gd2raft.store.raft.log import Entry, HardState, Log
from gd2raft.store.raft.replica import Replica
from gd2raft.store.raft.settings import Settings
from gd2raft.store.raft.storage import SNAPSHOT, Storage
from gd2raft.store.watch import HistoryWatch

logger = logging.getLogger(__name__)

Frame = Entry
"""A committed log entry: what a voter applies and a learner is fed with."""

SNAPSHOT_CHUNK_BYTES = 256 * 1024


class Diverged(StorageError):
    """A learner was fed with something that contradicts what it applied."""


class Replicated:
    """See the module's docstring."""

    def __init__(self, disk: Disk, settings: Settings, rng: random.Random, links: Links) -> None:
        self._disk, self.settings, self._rng, self._links = disk, settings, rng, links
        self._storage: Storage | None = None
        self._replica = Replica(settings)
        self._snapshot_meta: snapshot.Meta | None = None
        self._compacting: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()  # one change of the log as a whole at a time
        self._snapshotting = asyncio.Lock()
        self._failed: StorageError | None = None

    def _attach(self, storage: Storage) -> None:
        self._storage = storage
        storage.on_fatal = self._fail
        storage.on_durable = lambda: self._links.on_durable()
        storage.lazy_s = self.settings.learner_sync_s

    def _new_nonce(self) -> bytes:
        return self._rng.randbytes(8)

    @property
    def revision(self) -> int:
        return self._replica.state.revision

    def get(self, key: str) -> Versioned | None:
        return self._replica.state.get(key)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]:
        return self._replica.state.list(prefix, after=after, limit=limit)

    def watch(self, prefix: str = "", from_revision: int | None = None) -> HistoryWatch:
        return self._replica.history.watch(prefix, from_revision)

    async def wait_revision(self, revision: int, *, timeout_s: float = 3600.0) -> None:
        async with asyncio.timeout(timeout_s):
            await self._replica.wait_revision(revision)

    @property
    def _log(self) -> Log | None:
        return self._storage.log if self._storage else None

    @property
    def pool(self) -> str:
        """The pool that this peer's log belongs to, "" when there is none yet."""
        return self._storage.identity.pool if self._storage else ""

    @property
    def durable_index(self) -> int:
        """Entries up to this one are on this peer's disk."""
        return self._log.durable_index if self._log else 0

    @property
    def last_applied(self) -> tuple[int, int]:
        return self._replica.applied

    def _apply_until(self, index: int) -> None:
        assert self._storage is not None
        applied = self._replica.applied[0]
        if index <= applied:
            return
        log = self._storage.log
        entries = log.after(applied, 1 << 62, index)
        try:
            self._replica.apply(entries, self._results if self._awaits_results else None)
        except msgspec.DecodeError as error:
            self._fail(
                StorageError(f"entry {self._replica.applied[0] + 1} of the log can't be read ({error}): was it written by a newer daemon?")
            )
            return
        self._links.on_committed(entries)
        self._maybe_compact()

    # feeding, and being fed

    def frames_after(self, index: int, bytes_max: int) -> Sequence[Frame] | None:
        """Committed frames after `index`, at least one if there is one; None when they were compacted: use a snapshot."""
        if self._log is None or index < self._log.base_index:
            return None
        if index >= self._replica.applied[0]:
            return []
        return self._log.after(index, bytes_max, self._replica.applied[0])

    async def snapshot_for_learner(self) -> tuple[bytes, AsyncIterator[bytes]]:
        """The log snapshot: (its meta as bytes, chunks). frames_after(its index) goes on from it."""
        index, term, data = await self._read_snapshot()
        return msgspec.msgpack.encode((self.pool, index, term, len(data))), _chunks(data)

    def export(self) -> Iterator[bytes]:
        """The state as it is now, as the pieces of a log snapshot file; small ones, to be sent with pauses in between."""
        self._require_running()
        assert self._log is not None
        index, term = self._replica.applied
        frozen = self._replica.state.freeze()
        return snapshot.encode(snapshot.make_meta(self.pool, index, term, self._log.config_at(index), frozen), frozen)

    async def _read_snapshot(self) -> tuple[int, int, bytes]:
        self._require_running()
        if self._snapshot_meta is None:
            await self.compact()
        data = await self._disk.read_later(SNAPSHOT)
        if data is None:
            raise SnapshotCorrupt(self._disk.path(SNAPSHOT), 0, "it is missing")
        meta, _ = await self._disk.compute(lambda: snapshot.decode(self._disk.path(SNAPSHOT), data))
        return meta.index, meta.term, data

    async def install_snapshot(self, meta: bytes, chunks: AsyncIterator[bytes]) -> None:
        """Learner: replace the state by a log snapshot of its pool. Raises BadMessage when it is none, or damaged; OSError when
        there is no space for it (nothing changed, it can be tried again), StorageError when the disk failed (the store stops).
        """
        try:
            pool, index, term, size = msgspec.msgpack.decode(meta, type=tuple[str, int, int, int])
        except msgspec.DecodeError as error:
            raise BadMessage(f"not the head of a log snapshot: {error}") from error
        if pool != self.pool or not 0 < size <= self.settings.snapshot_bytes_max:
            raise BadMessage(f"a log snapshot of the pool {pool!r} with {size} bytes can't be installed in {self.pool!r}")
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > size:
                raise BadMessage("a log snapshot is longer than announced")
        if len(data) != size:
            raise BadMessage("a log snapshot is shorter than announced")
        async with self._lock:
            if not self.is_voter and index > self._replica.applied[0]:
                await self._install_or_fail(index, term, bytes(data))

    async def _install_or_fail(self, index: int, term: int, data: bytes) -> None:
        try:
            await self._install(index, term, data)
        except DiskFull as error:
            raise OSError(errno.ENOSPC, f"no space for the log snapshot: {error}") from error
        except OSError as error:
            failed = StorageError(f"installing a log snapshot failed: {error}")
            self._fail(failed)
            raise failed from error

    async def _install(self, index: int, term: int, data: bytes) -> None:
        """First the snapshot, then the log: a crash in between leaves a log that ends before its snapshot, which load() resolves."""
        assert self._storage is not None
        await self._stop_compacting()
        try:
            meta, frozen = await self._disk.compute(lambda: snapshot.decode("from a peer", data))
        except SnapshotCorrupt as error:
            raise BadMessage(str(error)) from error
        if (meta.pool, meta.index, meta.term) != (self.pool, index, term):
            raise BadMessage(f"a log snapshot of ({meta.pool}, {meta.index}, {meta.term}) was announced as ({self.pool}, {index}, {term})")
        async with self._snapshotting:
            # While this waits, a voter goes on applying what it has: its state, and perhaps its own snapshot, may be newer by now.
            if index <= self._replica.applied[0]:
                return
            await self._storage.save_snapshot_bytes(data)
            self._snapshot_meta = meta
            if index <= self._replica.applied[0]:
                return  # the log, which begins before this snapshot, goes on behind it
            log = self._storage.log
            if log.term_at(index) == term:
                log.compact(index)
            else:
                log.reset(index, term, meta.config)
            self._replica.replace(frozen, (index, term))
            self._storage.rewrite()
            await self._storage.flush()
        self._follow_mode()

    async def accept_frames(self, frames: Sequence[Frame]) -> None:
        """Learner: take over committed frames and apply them. Raises ValueError on a gap, Diverged when they contradict ours."""
        async with self._lock:
            storage = self._learns_into()
            if storage is None:
                return
            self._append_frames(storage, frames)
            await storage.written()
            self._apply_frames(storage, frames)
        self._follow_mode()

    def take_frames(self, frames: Sequence[Frame]) -> bool:
        """The same without waiting. False: it has to be waited for, give them to accept_frames (which knows what was done of it). Raises as that."""
        storage = self._learns_into()
        if storage is None or self._lock.locked():
            return False
        self._append_frames(storage, frames)
        if not storage.may_apply:
            return False
        self._apply_frames(storage, frames)
        self._follow_mode()
        return True

    def _learns_into(self) -> Storage | None:
        """None when frames are not for this peer (now)."""
        return None if self.is_voter or self._failed is not None else self._storage

    def _append_frames(self, storage: Storage, frames: Sequence[Frame]) -> None:
        log = storage.log
        if frames and frames[0].index == log.last_index + 1 and frames[-1].term == frames[0].term == log.hard.term:
            _require_no_gap(frames)
            log.extend(frames)
        else:
            for frame in frames:
                self._accept(log, frame)
        storage.kick()

    def _apply_frames(self, storage: Storage, frames: Sequence[Frame]) -> None:
        if not self.is_voter and frames:
            self._apply_until(min(frames[-1].index, storage.log.last_index))

    def _accept(self, log: Log, frame: Frame) -> None:
        if frame.index <= max(self._replica.applied[0], log.base_index) or log.term_at(frame.index) == frame.term:
            if log.term_at(frame.index) not in (None, frame.term):
                raise Diverged(
                    f"entry {frame.index} of the feed has term {frame.term}, ours {log.term_at(frame.index)}: it is not our pool's history"
                )
            return
        if frame.index > log.last_index + 1:
            raise ValueError(f"the feed skips from entry {log.last_index} to {frame.index}")
        log.truncate(frame.index)
        if frame.term > log.hard.term:
            log.set_hard(HardState(frame.term, ""))
        log.append(frame)

    # compaction

    def _maybe_compact(self) -> None:
        assert self._storage is not None
        log, settings = self._storage.log, self.settings
        since = self._snapshot_meta.index if self._snapshot_meta else 0
        patience = 1 + self._storage.share / 2
        grown = (
            self._replica.applied[0] - since > settings.compact_entries * patience
            or log.bytes > settings.compact_bytes * patience + settings.keep_bytes
        )
        if grown and self._compacting is None:
            self._compacting = asyncio.get_running_loop().create_task(self._compact())
            self._compacting.add_done_callback(self._compacted)

    def _compacted(self, task: asyncio.Task[None]) -> None:
        self._compacting = None
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        if isinstance(error, DiskFull):
            logger.error("no space for a log snapshot: the log is not compacted", extra={"error": str(error)})
        elif isinstance(error, AssertionError | StorageError | OSError):
            self._fail(StorageError(f"compacting the log failed: {error}"))

    async def compact(self) -> None:
        """Write a log snapshot and cut the log now."""
        while self._compacting is not None:
            await asyncio.wait([self._compacting])
        await self._compact()

    async def _compact(self) -> None:
        """The snapshot is durable before the log is cut, and the log is cut by one rename."""
        storage = self._storage
        assert storage is not None
        async with self._snapshotting:  # or an older snapshot could take the place of one that was installed meanwhile
            index, term = self._replica.applied
            frozen = self._replica.state.freeze()
            meta = snapshot.make_meta(self.pool, index, term, storage.log.config_at(index), frozen)
            await storage.save_snapshot(meta, frozen)
            self._snapshot_meta = meta
            base = self._new_base(storage.log, index)
            if base > storage.log.base_index and storage is self._storage:
                storage.log.compact(base)
                self._log_compacted()
                storage.rewrite()

    def _new_base(self, log: Log, index: int) -> int:
        """Where the log may begin: some entries before the snapshot stay for those who lag a little."""
        base, size = index, 0
        while base > log.base_index and index - base < self.settings.keep_entries and size < self.settings.keep_bytes:
            size += len(log.entries[base - log.base_index].command)
            base -= 1
        return base

    async def _stop_compacting(self) -> None:
        while self._compacting is not None:
            await asyncio.wait([self._compacting])

    # hooks

    @property
    def is_voter(self) -> bool:
        """Whether a guard runs here."""
        raise NotImplementedError

    def _follow_mode(self) -> None:
        """The log changed: vote or learn by its configuration."""
        raise NotImplementedError

    @property
    def _awaits_results(self) -> bool:
        """Whether somebody waits for results of what is applied now."""
        raise NotImplementedError

    def _results(self, index: int, term: int, results: Sequence[Result]) -> None:
        """An entry was applied."""
        raise NotImplementedError

    def _log_compacted(self) -> None:
        """The log begins later now."""
        raise NotImplementedError

    def _fail(self, error: StorageError) -> None:
        """Stop: the disk failed, or something impossible happened."""
        raise NotImplementedError

    def _require_running(self) -> None:
        """Raise StoreError when there is nothing to ask."""
        raise NotImplementedError


def _require_no_gap(frames: Sequence[Frame]) -> None:
    """Nor a step back. Raises ValueError."""
    before = frames[0]
    for frame in frames[1:]:
        if frame.index != before.index + 1 or frame.term != before.term:
            raise ValueError(f"the feed skips from entry {before.index} of term {before.term} to {frame.index} of {frame.term}")
        before = frame


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for offset in range(0, len(data), SNAPSHOT_CHUNK_BYTES):
        yield data[offset : offset + SNAPSHOT_CHUNK_BYTES]
