"""`RaftStore`: the `Store` of one peer, as a voter (with a guard and its kernel) or as a learner (fed with committed frames).

Both keep the same log in the same files and apply it with the same code; the mode follows the configuration in the log. It
must not know of sockets, the peer RPC or who follows whom: messages, forwarded operations and frames go through functions
that it is handed, and come in by methods.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from gd2raft.core.kv import Commit, Result, Versioned
from gd2raft.store.interface import NoLeader, NoQuorum, OutcomeUnknown, StoreError, StoreStatus
from gd2raft.store.raft import batch, messages, snapshot, wal
from gd2raft.store.raft.client import Answer, Client, Request
from gd2raft.store.raft.clock import Clock, LoopClock
from gd2raft.store.raft.disk import Disk, DiskFull
from gd2raft.store.raft.errors import BadMessage, SnapshotCorrupt, StorageError, WalCorrupt
from gd2raft.store.raft.guard import Guard, Install
from gd2raft.store.raft.log import Config, Entry, HardState, Log
from gd2raft.store.raft.proposer import Lost, NotProposed, Proposer
from gd2raft.store.raft.replica import Replica
from gd2raft.store.raft.settings import Settings
from gd2raft.store.raft.storage import SNAPSHOT, WAL, Loaded, Storage, load
from gd2raft.store.raft.voter import Voter
from gd2raft.store.watch import HistoryWatch

logger = logging.getLogger(__name__)

Frame = Entry
"""A committed log entry: what a voter applies and a learner is fed with."""

SNAPSHOT_CHUNK_BYTES = 256 * 1024
Forward = Callable[[str, bytes, float], Awaitable[bytes]]


class Diverged(StorageError):
    """A learner was fed with something that contradicts what it applied."""


class Links(msgspec.Struct):
    """What the daemon hands in. send: fire and forget. forward, forward_read: peer RPC to the leader, (peer, request, timeout_s)."""

    send: Callable[[str, bytes], None]
    forward: Forward
    forward_read: Forward
    on_committed: Callable[[Sequence[Frame]], None] = lambda _frames: None
    on_fatal: Callable[[StorageError], None] = lambda _error: None
    on_change: Callable[[], None] = lambda: None


class RaftStore:
    """See the module's docstring. Made by open(); `bootstrap`, `reset_to_*` decide what an empty one becomes."""

    def __init__(self, peer: str, disk: Disk, links: Links, settings: Settings, rng: random.Random, clock: Clock) -> None:
        self._clock = clock
        self.peer, self._disk, self._links, self.settings, self._rng = peer, disk, links, settings, rng
        self._storage: Storage | None = None
        self._replica = Replica(settings)
        self._voter: Voter | None = None
        self._proposer = Proposer(settings)
        self._client = self._new_client()
        self._snapshot_meta: snapshot.Meta | None = None
        self._compacting: asyncio.Task[None] | None = None
        self._switching = False
        self._lock = asyncio.Lock()  # one change of the log as a whole at a time
        self._changed: dict[asyncio.Future[None], None] = {}  # a dict keeps their order: simulations replay exactly
        self._was_leader = False
        self._seen_state: tuple[object, ...] = ()
        self._hint = ("", 0, True)  # learner: leader, term, quorum, as the feed says
        self._hint_at = 0.0
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._failed: StorageError | None = None
        self._closed = False
        self._passive_since = 0.0
        self._voted = False  # since the guard was started

    @classmethod
    async def open(
        cls,
        peer: str,
        disk: Disk,
        links: Links,
        settings: Settings | None = None,
        rng: random.Random | None = None,
        clock: Clock | None = None,
        *,
        expect: bool = False,
        known_committed: Callable[[str], tuple[int, int]] = lambda _pool: (0, 0),
    ) -> RaftStore:
        """Load the folder. An empty one gives a store without a pool (`pool` ""), or WalCorrupt if one was `expect`ed.

        Entries up to `known_committed(pool)` (a hint kept from the last run, see hint.py) are applied at once.
        """
        store = cls(peer, disk, links, settings or Settings(), rng or random.Random(os.urandom(16)), clock or LoopClock())
        loaded = load(disk, peer)
        if loaded is not None:
            await store._start(loaded, known_committed(loaded.identity.pool))
        elif expect:
            raise WalCorrupt(disk.path(WAL), 0, "it is missing, while this peer is a member of a pool (was its disk replaced?)")
        return store

    async def _start(self, loaded: Loaded, known_committed: tuple[int, int]) -> None:
        storage = Storage(self._disk, loaded.identity, loaded.log, self._new_nonce)
        self._attach(storage)
        if loaded.meta is not None and loaded.frozen is not None:
            self._snapshot_meta = loaded.meta
            self._replica = Replica(self.settings, loaded.frozen, (loaded.meta.index, loaded.meta.term))
        if loaded.reset:
            await storage.create()
        else:
            await storage.open(loaded.nonce, loaded.size)
        index, term = known_committed
        if loaded.log.term_at(index) == term:  # that very entry, so everything before it too (log matching)
            self._apply_until(index)
        self._follow_mode()

    def _attach(self, storage: Storage) -> None:
        self._storage = storage
        storage.on_fatal = self._fail
        storage.lazy_s = self.settings.learner_sync_s

    def _new_nonce(self) -> bytes:
        return self._rng.randbytes(8)

    def _new_client(self) -> Client:
        return Client(self, lambda: f"{self.peer}/{self._rng.randbytes(8).hex()}", self.settings.leader_wait_s, self.settings.commits_max)

    # Store: reading

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

    def status(self) -> StoreStatus:
        log, applied = self._log, self._replica.applied[0]
        voters = log.config.voters if log else ()
        last = log.last_index if log else 0
        if self._voter is None:
            return StoreStatus("learner", self._hint[0], self._hint[1], self._hint[2], voters, last, applied, applied, self.revision)
        guard = self._voter.guard
        role = guard.role if guard.votes else "learner"
        return StoreStatus(
            role, guard.leader, guard.term, guard.has_quorum(self.now()), voters, last, guard.commit_index, applied, self.revision
        )

    @property
    def _log(self) -> Log | None:
        return self._storage.log if self._storage else None

    @property
    def pool(self) -> str:
        """The pool that this peer's log belongs to, "" when there is none yet."""
        return self._storage.identity.pool if self._storage else ""

    @property
    def last_applied(self) -> tuple[int, int]:
        return self._replica.applied

    @property
    def is_voter(self) -> bool:
        """Whether a guard runs here."""
        return self._voter is not None

    # Store: changing

    async def commit(self, commit: Commit, *, timeout_s: float) -> Result:
        self._require_running()
        return await self._client.commit(commit, timeout_s)

    async def linearizable(self, *, timeout_s: float) -> int:
        self._require_running()
        deadline = self.now() + timeout_s
        give_up = min(deadline, self.now() + self.settings.leader_wait_s)
        while True:
            if not self.has_quorum():
                raise NoQuorum("no majority of the voters can be reached from this peer: reads without linearizability still work")
            index = await self._read_index(deadline)
            if index is not None:
                try:
                    async with asyncio.timeout(max(0.0, deadline - self.now())):
                        await self._replica.wait_applied(index)
                except TimeoutError:
                    raise NoLeader(f"this peer did not catch up to entry {index} in time") from None
                return self.revision
            if self.now() >= give_up:
                raise NoLeader("no leader confirmed the read in time")
            await self.wait_change(0.05)

    async def _read_index(self, deadline: float) -> int | None:
        try:
            async with asyncio.timeout(max(0.0, deadline - self.now())):
                if self.leads():
                    assert self._voter is not None
                    return await self._voter.read_index()
                if leader := self.leader():
                    return _decode_answer(await self._links.forward_read(leader, b"", deadline - self.now())).index or None
        except (TimeoutError, OSError, StoreError):
            pass
        return None

    def _require_running(self) -> None:
        if self._failed is not None:
            raise StoreError(str(self._failed))
        if self._storage is None or self._closed:
            raise StoreError("this peer has no store yet: it belongs to no pool")

    # client.Router

    def now(self) -> float:
        return self._clock.now()

    def leads(self) -> bool:
        return self._voter is not None and self._voter.guard.can_propose

    def leader(self) -> str:
        """Of whom we know, not ourselves."""
        leader = self._voter.guard.leader if self._voter is not None else self._hint[0]
        return "" if leader == self.peer else leader

    def has_quorum(self) -> bool:
        if self._voter is None or not self._voter.guard.votes:
            return self._hint[2]
        return self._voter.guard.has_quorum(self.now())

    def is_full(self) -> bool:
        """Our disk is full, and nobody else leads (a leader whose disk is full steps down)."""
        return self._storage is not None and self._storage.full and not self.leader()

    def submit(self, operation: bytes, deadline: float) -> asyncio.Future[Result]:
        first = not self._proposer.waiting
        answer = self._proposer.submit(operation, deadline)
        if first:
            asyncio.get_running_loop().call_soon(self._pump_proposals)
        return answer

    def _pump_proposals(self) -> None:
        if self._voter is None or not self._voter.guard.can_propose:
            self._proposer.fail("this peer does not lead any more")
        else:
            self._voter.do(lambda guard, now: self._proposer.pump(guard, now))

    async def forward_operation(self, leader: str, operation: bytes, deadline: float) -> Answer:
        timeout_s = deadline - self.now()
        request = msgspec.msgpack.encode(Request(operation, timeout_s))
        async with asyncio.timeout(max(0.0, timeout_s)):
            return _decode_answer(await self._links.forward(leader, request, timeout_s))

    async def wait_change(self, timeout_s: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._changed[waiter] = None
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            pass
        finally:
            self._changed.pop(waiter, None)

    # the leader's side of forwarding

    async def handle_forward(self, data: bytes, timeout_s: float) -> bytes:
        """A forwarded operation (what `forward` was given): the answer's bytes."""
        try:
            request = msgspec.msgpack.decode(data, type=Request)
            batch.decode_operation(request.operation)
        except msgspec.DecodeError as error:
            return _encode_answer(Answer("bad", f"not an operation: {error}"))
        if not self.leads():
            return _encode_answer(Answer("not-leader", "that peer does not lead"))
        if not self.has_quorum():
            return _encode_answer(Answer("no-quorum", "the leader can't reach a majority of the voters: nothing was changed"))
        timeout_s = min(timeout_s, request.timeout_s)
        return _encode_answer(await self._answer(request.operation, timeout_s))

    async def _answer(self, operation: bytes, timeout_s: float) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return Answer("ok", "", await self.submit(operation, self.now() + timeout_s))
        except NotProposed as error:
            return Answer("not-leader", str(error))
        except (Lost, TimeoutError) as error:
            return Answer("lost", str(error) or "not decided in time")

    async def handle_forward_read(self, _data: bytes, timeout_s: float) -> bytes:
        """A forwarded read index."""
        if not self.leads():
            return _encode_answer(Answer("not-leader"))
        assert self._voter is not None
        try:
            async with asyncio.timeout(timeout_s):
                index = await self._voter.read_index()
        except TimeoutError:
            index = None
        return _encode_answer(Answer("ok", index=index) if index is not None else Answer("not-leader"))

    # voters' messages

    def receive(self, peer: str, data: bytes) -> None:
        """A message from another voter; what is not one, or not for us, is dropped."""
        try:
            envelope = messages.decode(data)
        except BadMessage as error:
            logger.warning("dropped a message of %s: %s", peer, error)
            return
        if envelope.pool != self.pool or envelope.to != self.peer or peer == self.peer:
            return
        if self._voter is not None:
            self._voter.receive(peer, envelope.message)
        elif isinstance(envelope.message, messages.Append | messages.Vote | messages.PreVote | messages.SnapshotChunk):
            self._spawn(self._become_voter())  # we shall vote soon, or did; the message will be repeated

    def lost(self, peer: str) -> None:
        """The connection to another voter broke (which it does at once when its process ends)."""
        if self._voter is not None:
            self._voter.do(lambda guard, now: guard.lost(peer, now))

    # modes

    async def bootstrap(self, pool: str) -> None:
        """First start: a pool of one, whose only voter is this peer."""
        assert self._storage is None, "this peer has a store already"
        await self._create(pool, Log(0, 0, Config(0, (self.peer,))))

    async def reset_to_learner(self, pool: str) -> None:
        """Join another pool with an empty state; what was there is archived."""
        await self._reset(pool, ())

    async def reset_to_single(self, pool: str) -> None:
        """Become a pool of one with an empty state; what was there is archived."""
        await self._reset(pool, (self.peer,))

    async def _reset(self, pool: str, voters: tuple[str, ...]) -> None:
        """One rename decides: before it the old pool's log is there, after it the new one's."""
        async with self._lock:
            hard = self._log.hard if self._log and self.pool == pool else None
            await self._stop_parts()
            await self._disk.archive([WAL, SNAPSHOT], f"left-{self._rng.randbytes(4).hex()}")
            # The same pool again: we may have voted in the terms until now, so we never do again (a vote for ourselves).
            log = Log(0, 0, Config(0, voters), HardState(hard.term, self.peer) if hard and hard.term else HardState(0, ""))
            self._replica.replace(Replica(self.settings).state.freeze(), (0, 0))
            self._snapshot_meta, self._hint = None, ("", 0, True)
            self._client = self._new_client()
            await self._create(pool, log)
            await self._disk.remove(SNAPSHOT)

    async def _create(self, pool: str, log: Log) -> None:
        storage = Storage(self._disk, wal.Identity(pool, self.peer), log, self._new_nonce)
        await storage.create()
        self._attach(storage)
        self._follow_mode()

    def _follow_mode(self) -> None:
        """Vote or learn, by the configuration of our own log."""
        assert self._storage is not None
        log = self._storage.log
        if self._voter is None and self.peer in log.config.voters:
            if log.durable_index == log.last_index:
                self._start_voter()
            else:
                self._spawn(self._become_voter())
        elif self._voter is not None and not self._voter.guard.votes:
            self._maybe_retire(self._voter.guard)

    def _maybe_retire(self, guard: Guard) -> None:
        """Stop the guard of a voter that was removed, or of a learner that no leader talks to (it was to become a voter, and didn't)."""
        removed = self._voted and guard.log.config.index <= self._replica.applied[0]
        silent = self.now() - max(guard.leader_heard, self._passive_since) > 3 * self.settings.election_max_s
        if not guard.is_leader and (removed or silent):
            self._become_learner()

    async def _become_voter(self) -> None:
        if self._switching or self._voter is not None or self._storage is None:
            return
        self._switching = True
        try:
            async with self._lock:
                self._storage.lazy_s = None
                await self._storage.flush()
                if self._voter is None and not self._closed:
                    self._start_voter()
        except StorageError:
            pass  # reported to on_fatal already
        finally:
            self._switching = False

    def _start_voter(self) -> None:
        assert self._storage is not None
        self._storage.lazy_s = None
        self._passive_since, self._voted = self.now(), False
        guard = Guard(self.peer, self._storage.log, self._replica.applied[0], self.settings, self._rng, self.now())
        self._voter = Voter(
            guard,
            self._storage,
            self._clock,
            self._links.send,
            self._on_progress,
            self._read_snapshot,
            self._install_from_leader,
            self._fail,
        )
        self._on_progress()

    def _become_learner(self) -> None:
        assert self._voter is not None and self._storage is not None
        leader = self._voter.guard.leader
        self._hint = (leader, self._voter.guard.term, True)
        self._voter.stop()
        self._voter = None
        self._storage.lazy_s = self.settings.learner_sync_s
        self._proposer.fail("this peer votes no more")
        self._wake()

    # progress of the voter

    def _on_progress(self) -> None:
        voter = self._voter
        if voter is None or self._storage is None:
            return
        self._apply_until(voter.guard.commit_index)
        leads = voter.guard.is_leader
        if self._was_leader and not leads:
            self._proposer.fail("this peer does not lead any more")
        self._was_leader = leads
        self._note_state(voter.guard)
        self._voted = self._voted or voter.guard.votes
        if not voter.guard.votes or (voter.guard.removed and not leads):
            self._retire_soon(voter.guard)

    def _note_state(self, guard: Guard) -> None:
        state = (guard.role, guard.leader, guard.term, guard.log.config)
        if state != self._seen_state:
            self._seen_state = state
            self._wake()

    def _retire_soon(self, guard: Guard) -> None:
        if guard.removed:
            self._become_learner()
        else:
            self._maybe_retire(guard)

    def _apply_until(self, index: int) -> None:
        assert self._storage is not None
        applied = self._replica.applied[0]
        if index <= applied:
            return
        log = self._storage.log
        entries = log.after(applied, 1 << 62, index)
        try:
            self._replica.apply(entries, self._proposer.applied)
        except msgspec.DecodeError as error:
            self._fail(
                StorageError(f"entry {self._replica.applied[0] + 1} of the log can't be read ({error}): was it written by a newer daemon?")
            )
            return
        self._links.on_committed(entries)
        self._maybe_compact()

    def _wake(self) -> None:
        changed, self._changed = self._changed, {}
        for waiter in changed:
            if not waiter.done():
                waiter.set_result(None)
        self._links.on_change()

    # feeding learners

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
        """Learner: replace the state by a log snapshot of its pool. Raises BadMessage when it is none, or damaged."""
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
            if self._voter is None and index > self._replica.applied[0]:
                await self._install(index, term, bytes(data))

    async def _install_from_leader(self, install: Install) -> bool:
        async with self._lock:
            if install.index > self._replica.applied[0]:
                await self._install(install.index, install.last_term, install.data)
            return True

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
        await self._storage.save_snapshot_bytes(data)
        self._snapshot_meta = meta
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
            if self._voter is not None or self._storage is None or self._failed is not None:
                return
            log = self._storage.log
            for frame in frames:
                self._accept(log, frame)
            self._storage.kick()
            await self._storage.written()
            if self._voter is None and frames:
                self._apply_until(min(frames[-1].index, log.last_index))
        self._follow_mode()

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

    def note_leader(self, leader: str, term: int, quorum: bool) -> None:
        """Learner: what the feed says of the leader."""
        if (leader, term, quorum) != self._hint:
            self._hint = (leader, term, quorum)
            self._wake()

    # membership

    async def add_voter(self, peer: str, timeout_s: float) -> None:
        """Make a learner a voter, after it has caught up. On the leader. Raises StoreError, OutcomeUnknown."""
        voter = self._require_leader()
        deadline = self.now() + timeout_s
        if peer in voter.guard.log.config.voters:
            return
        voter.do(lambda guard, now: guard.observe(peer, now))
        try:
            await self._until(lambda: self._caught_up(peer), deadline, f"the peer {peer} did not catch up in time: it was not made a voter")
            await self._change_voters(lambda voters: tuple(sorted({*voters, peer})), deadline)
        finally:
            if self._voter is voter:
                voter.guard.forget(peer)

    def _caught_up(self, peer: str) -> bool:
        guard = self._require_leader().guard
        progress = guard.progress.get(peer)
        lag = guard.log.last_index - (progress.match if progress else 0)
        return progress is not None and progress.match > 0 and lag <= 100 and self.now() - progress.heard < 2 * self.settings.heartbeat_s

    async def remove_voter(self, peer: str, timeout_s: float = 10.0) -> None:
        """Make a voter a learner. On the leader; for the leader itself: hand over first, then ask the new one."""
        voter = self._require_leader()
        if peer == self.peer:
            raise StoreError("a leader does not remove itself: transfer the leadership first, then ask the new leader")
        if peer in voter.guard.log.config.voters:
            await self._change_voters(lambda voters: tuple(v for v in voters if v != peer), self.now() + timeout_s)

    async def _change_voters(self, change: Callable[[tuple[str, ...]], tuple[str, ...]], deadline: float) -> None:
        proposed: tuple[int, int] | None = None

        def try_to_propose() -> bool:
            nonlocal proposed

            def propose(guard: Guard, now: float) -> None:
                nonlocal proposed
                voters = change(guard.log.config.voters)
                if voters != guard.log.config.voters:
                    proposed = guard.propose_config(voters, now)

            self._require_leader().do(propose)
            return proposed is not None

        await self._until(try_to_propose, deadline, "an earlier change of the voters is not committed yet")
        assert proposed is not None
        index, term = proposed
        try:
            async with asyncio.timeout(max(0.0, deadline - self.now())):
                await self._replica.wait_applied(index)
        except TimeoutError:
            raise OutcomeUnknown("the change of the voters was proposed and not decided in time") from None
        if self._log is not None and self._log.term_at(index) not in (term, None):
            raise StoreError("the change of the voters was superseded by a new leader")

    async def transfer_leadership(self, to: str, timeout_s: float = 5.0) -> None:
        """Hand the leadership to another voter. On the leader. Raises StoreError when it did not happen in time."""
        deadline = self.now() + timeout_s
        voter = self._require_leader()
        accepted = False

        def ask(guard: Guard, now: float) -> None:
            nonlocal accepted
            accepted = guard.transfer(to, now)

        voter.do(ask)
        if not accepted:
            raise StoreError(f"{to} can't take over the leadership: it is not a voter, or another transfer is under way")
        await self._until(lambda: not voter.guard.is_leader, deadline, f"{to} did not take over the leadership in time")

    def _require_leader(self) -> Voter:
        self._require_running()
        if self._voter is None or not self._voter.guard.is_leader:
            raise NoLeader("this peer does not lead: ask the leader")
        return self._voter

    async def _until(self, condition: Callable[[], bool], deadline: float, error: str) -> None:
        while not condition():
            if self.now() >= deadline:
                raise StoreError(error)
            await self.wait_change(min(self.settings.heartbeat_s, 0.05))

    # compaction

    def _maybe_compact(self) -> None:
        log = self._log
        assert log is not None
        since = self._snapshot_meta.index if self._snapshot_meta else 0
        grown = (
            self._replica.applied[0] - since > self.settings.compact_entries
            or log.bytes > self.settings.compact_bytes + self.settings.keep_bytes
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
        index, term = self._replica.applied
        frozen = self._replica.state.freeze()
        meta = snapshot.make_meta(self.pool, index, term, storage.log.config_at(index), frozen)
        await storage.save_snapshot(meta, frozen)
        self._snapshot_meta = meta
        base = self._new_base(storage.log, index)
        if base > storage.log.base_index and storage is self._storage:
            storage.log.compact(base)
            if self._voter is not None:
                self._voter.guard.compacted()
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

    # the end

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _fail(self, error: StorageError) -> None:
        if self._failed is None:
            self._failed = error
            logger.critical("the store stops: %s", error)
            if self._voter is not None:
                self._voter.stop()
            self._proposer.fail(str(error))
            self._wake()
            self._links.on_fatal(error)

    async def _stop_parts(self) -> None:
        if self._voter is not None:
            self._voter.stop()
            self._voter = None
        self._proposer.fail("the store is closed")
        await self._stop_compacting()
        if self._storage is not None:
            await self._storage.close()
            self._storage = None

    async def close(self) -> None:
        """Stop; what was acknowledged is on the disk already."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await self._stop_parts()
        self._replica.history.close()
        self._wake()
        self._disk.close()


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for offset in range(0, len(data), SNAPSHOT_CHUNK_BYTES):
        yield data[offset : offset + SNAPSHOT_CHUNK_BYTES]


def _encode_answer(answer: Answer) -> bytes:
    return msgspec.msgpack.encode(answer)


def _decode_answer(data: bytes) -> Answer:
    """Raises StoreError: the other side is not one of ours."""
    try:
        return msgspec.msgpack.decode(data, type=Answer)
    except msgspec.DecodeError as error:
        raise StoreError(f"the leader's answer can't be read: {error}") from error
