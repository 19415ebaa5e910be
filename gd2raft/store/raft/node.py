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
from collections.abc import Awaitable, Callable, Sequence

from gd2raft.core.kv import Commit, Result
from gd2raft.store.interface import NoLeader, StoreError, StoreStatus
from gd2raft.store.raft import forwarding, messages, reads, wal
from gd2raft.store.raft.bunches import Bunches
from gd2raft.store.raft.client import Answer, Client
from gd2raft.store.raft.clock import Clock, LoopClock
from gd2raft.store.raft.disk import Disk
from gd2raft.store.raft.errors import BadMessage, StorageError, WalCorrupt
from gd2raft.store.raft.guard import Guard, Install
from gd2raft.store.raft.links import Links
from gd2raft.store.raft.log import Config, HardState, Log
from gd2raft.store.raft.proposer import NotProposed, Proposer, Sink
from gd2raft.store.raft.replica import Replica
from gd2raft.store.raft.replicated import Diverged, Frame, Replicated
from gd2raft.store.raft.settings import Settings
from gd2raft.store.raft.storage import SNAPSHOT, WAL, Loaded, Storage, load
from gd2raft.store.raft.voter import Voter
from gd2raft.store.raft.voters import VoterChanges

__all__ = ["Diverged", "Frame", "Links", "RaftStore"]

logger = logging.getLogger(__name__)


class RaftStore(Replicated):
    """See the module's docstring. Made by open(); `bootstrap`, `reset_to_*` decide what an empty one becomes."""

    def __init__(self, peer: str, disk: Disk, links: Links, settings: Settings, rng: random.Random, clock: Clock) -> None:
        self._clock = clock
        super().__init__(disk, settings, rng, links)
        self.peer = peer
        self._voter: Voter | None = None
        self._proposer = Proposer(settings)
        self._client = self._new_client()
        self._leader_clock = forwarding.LeaderClock()
        self._bunches = Bunches(lambda to, data, timeout_s: self._links.forward(to, data, timeout_s), self._leader_clock, self.now)
        self._switching = False
        self._changed: dict[asyncio.Future[None], None] = {}  # a dict keeps their order: simulations replay exactly
        self._was_leader = False
        self._seen_state: tuple[object, ...] = ()
        self._hint = ("", 0, True)  # learner: leader, term, quorum, as the feed says
        self._hint_at = 0.0
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._closed = False
        self._passive_since = 0.0
        self._voted = False  # since the guard was started
        self._changes = VoterChanges(self)

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
        self._check_committed(loaded, known_committed[0])
        if loaded.torn:
            where = {"file": self._disk.path(WAL), "bytes": loaded.torn}
            logger.warning("cut off a torn tail of the log: it had not been acknowledged", extra=where)
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

    def _check_committed(self, loaded: Loaded, index: int) -> None:
        """A voter's log that ends before an entry that it had on its disk, committed, was cut: nothing may be built on it.

        (A learner's log is fsynced lazily: a power failure may take its end, and the feed brings it again.)
        """
        last = max(loaded.log.last_index, loaded.meta.index if loaded.meta else 0)
        if index > last and self.peer in loaded.log.config.voters:
            raise WalCorrupt(self._disk.path(WAL), loaded.size, f"it ends with entry {last}, but entry {index} was committed")

    def _new_client(self) -> Client:
        return Client(self, lambda: f"{self.peer}/{self._rng.randbytes(8).hex()}", self.settings.leader_wait_s, self.settings.commits_max)

    # Store: reading

    def status(self) -> StoreStatus:
        log, applied = self._log, self._replica.applied[0]
        voters = log.config.voters if log else ()
        last = log.last_index if log else 0
        if self._voter is None:
            return StoreStatus("learner", self._hint[0], self._hint[1], self._hint[2], voters, last, applied, applied, self.revision)
        guard = self._voter.guard
        role = guard.role if guard.votes else "learner"
        quorum, full = guard.has_quorum(self.now()), self._storage is not None and self._storage.full
        return StoreStatus(role, guard.leader, guard.term, quorum, voters, last, guard.commit_index, applied, self.revision, full)

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
        await reads.wait_linearizable(self, timeout_s, self.settings.leader_wait_s)
        return self.revision

    async def forward_read(self, leader: str, deadline: float) -> int | None:
        """The leader's read index; None when it does not give one."""
        reply = await self._links.forward_read(leader, b"", deadline - self.now())
        return forwarding.decode_answer(reply).index or None

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

    @property
    def term(self) -> int:
        return self._voter.guard.term if self._voter is not None else self._hint[1]

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
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.offer(operation, deadline, answer)
        if self._voter is not None:
            self._voter.guard.hasten()  # steps of this command wait on other peers until they know that it is committed
        return answer

    def offer(self, operation: bytes, deadline: float, answer: Sink) -> None:
        """Propose it; `answer` is told what became of it."""
        first = not self._proposer.waiting
        self._proposer.submit(operation, deadline, answer)
        if first:
            asyncio.get_running_loop().call_soon(self._pump_proposals)

    def _pump_proposals(self) -> None:
        if self._voter is None or not self._voter.guard.can_propose:
            self._proposer.fail("this peer does not lead any more")
        else:
            self._voter.do(lambda guard, now: self._proposer.pump(guard, now))

    async def forward_operation(self, leader: str, operation: bytes, deadline: float) -> Answer:
        if not self._leader_clock.is_fresh(leader, self.now()):
            await self._ask_clock(leader, deadline)
        async with asyncio.timeout(max(0.0, deadline - self.now())):
            return await self._bunches.add(leader, operation, deadline)

    async def _ask_clock(self, leader: str, deadline: float) -> None:
        """What the leader's clock shows, so that it can keep to a deadline of ours. Raises NotProposed."""
        timeout_s = min(max(0.0, deadline - self.now()), forwarding.ASK_CLOCK_S)
        try:
            async with asyncio.timeout(timeout_s):
                answer = forwarding.decode_answer(await self._links.forward_read(leader, forwarding.ASK_CLOCK, timeout_s))
        except (TimeoutError, OSError, StoreError) as error:
            raise NotProposed(f"the leader did not answer ({error or type(error).__name__})") from error
        if answer.status != "ok":
            raise NotProposed("that peer does not lead")
        self._leader_clock.note(leader, answer, self.now())

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
        """Forwarded operations (what `forward` was given): the answers' bytes."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.take_forward(data, timeout_s, lambda reply: None if answer.done() else answer.set_result(reply))
        return await answer

    def take_forward(self, data: bytes, timeout_s: float, reply: Callable[[bytes], None]) -> None:
        """The same; `reply` is called once, with the answers' bytes."""
        forwarding.answer_operations(self, data, timeout_s, reply)

    async def handle_forward_read(self, data: bytes, timeout_s: float) -> bytes:
        """A forwarded read index (or question for the clock)."""
        return await forwarding.answer_read(self, data, timeout_s)

    async def read_index(self) -> int | None:
        """Of the leader that we are; None when that ended."""
        assert self._voter is not None
        return await self._voter.read_index()

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
            self._links.on_forgetful,
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

    def _wake(self) -> None:
        changed, self._changed = self._changed, {}
        for waiter in changed:
            if not waiter.done():
                waiter.set_result(None)
        self._links.on_change()

    async def _install_from_leader(self, install: Install) -> bool:
        async with self._lock:
            if install.index > self._replica.applied[0]:
                await self._install(install.index, install.last_term, install.data)
            return True

    def note_leader(self, leader: str, term: int, quorum: bool) -> None:
        """Learner: what the feed says of the leader."""
        if (leader, term, quorum) != self._hint:
            self._hint = (leader, term, quorum)
            self._wake()

    def require_leader(self) -> Voter:
        self._require_running()
        if self._voter is None or not self._voter.guard.is_leader:
            raise NoLeader("this peer does not lead: ask the leader")
        return self._voter

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
        self._bunches.close()
        for task in list(self._tasks):
            task.cancel()
        await self._stop_parts()
        self._replica.history.close()
        self._wake()
        self._disk.close()

    def leads_with(self, voter: Voter) -> bool:
        """Whether this is still the voter that leads, or led."""
        return self._voter is voter

    async def wait_applied(self, index: int) -> None:
        await self._replica.wait_applied(index)

    # membership

    async def add_voter(self, peer: str, timeout_s: float) -> None:
        """Make a learner a voter, after it has caught up. On the leader. Raises StoreError, OutcomeUnknown."""
        await self._changes.add_voter(peer, timeout_s)

    async def remove_voter(self, peer: str, timeout_s: float = 10.0) -> None:
        """Make a voter a learner. On the leader; for the leader itself: hand over first, then ask the new one."""
        await self._changes.remove_voter(peer, timeout_s)

    async def transfer_leadership(self, to: str, timeout_s: float = 5.0) -> None:
        """Hand the leadership to another voter. On the leader. Raises StoreError when it did not happen in time."""
        await self._changes.transfer_leadership(to, timeout_s)

    # hooks of Replicated

    @property
    def _awaits_results(self) -> bool:
        return self._proposer.awaits

    def _results(self, index: int, term: int, results: Sequence[Result]) -> None:
        self._proposer.applied(index, term, list(results))

    def _log_compacted(self) -> None:
        if self._voter is not None:
            self._voter.guard.compacted()
