"""The world of the simulator: a virtual clock, machines, a network, and the faults that befall them. sim.py lives in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import msgspec

from gd2raft.store.interface import StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.clock import LoopClock
from gd2raft.store.raft.errors import StorageError
from gd2raft.store.raft.guard import Guard
from gd2raft.store.raft.log import OPERATIONS, Entry
from gd2raft.store.raft.memorydisk import MemoryDisk
from gd2raft.store.raft.node import Links, RaftStore
from gd2raft.store.raft.settings import Settings
from tests.store.linearizability import Recorder

POOL = "sim"
ROUNDS_MAX = 60_000
RESENT_S = 3.0
"""How long a request may wait in a cut connection and still arrive."""
SETTINGS = Settings(
    heartbeat_s=0.1, election_min_s=0.5, election_max_s=1.0, compact_entries=40, keep_entries=10, learner_sync_s=0.3, batch_operations_max=8
)
TOGETHER = msgspec.structs.replace(SETTINGS, election_max_s=SETTINGS.election_min_s * 1.05)
"""Everybody's patience ends at nearly the same time: several candidates in one term, which is rare otherwise."""


def impatient(seed: int) -> bool:
    """Whether a run of this seed is one of many faults and elections that begin together: three in eight of those with five peers."""
    return seed % 16 in (2, 6, 14)


class _Selector:
    """Instead of waiting, the clock moves."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        assert timeout is not None, "the simulation is stuck: nothing will ever happen"
        self._loop.now += timeout
        self._loop.rounds += 1
        assert self._loop.rounds < ROUNDS_MAX, "the simulation turns in place: something asks again and again without pausing"
        return []

    def close(self) -> None: ...


class SimLoop(asyncio.BaseEventLoop):
    """An event loop whose time is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.rounds = 0.0, 0
        self._selector = _Selector(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now

    def _process_events(self, _events: object) -> None: ...

    def _write_to_self(self) -> None: ...


class Timer:
    """A timer of a process that may be frozen when it fires."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work: Callable[[], None] | None = work
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        self._work = None
        if self.handle is not None:
            self.handle.cancel()

    def fire(self) -> None:
        if self._work is not None:
            self._work()


class SimClock(LoopClock):
    """A clock that runs at a rate of its own and jumps; its timers wait while the process is frozen."""

    def __init__(self, peer: Peer, rate: float, offset_s: float) -> None:
        super().__init__(rate, offset_s)
        self._peer = peer
        self.right = rate == 1.0

    def jump(self, by_s: float) -> None:
        self._offset_s += by_s
        self.right = False

    def call_at(self, at: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        timer = Timer(work)
        timer.handle = super().call_at(at, lambda: self._fire(timer))
        return cast(asyncio.TimerHandle, timer)

    def _fire(self, timer: Timer) -> None:
        if self._peer.frozen is not None:
            self._peer.frozen.append(timer.fire)
        else:
            timer.fire()


class Peer:
    """One machine: its disk outlives its store. frozen: what waits until its process runs again; None while it does."""

    def __init__(self, name: str, disk: MemoryDisk) -> None:
        self.name, self.disk = name, disk
        self.store: RaftStore | None = None
        self.clock: SimClock | None = None
        self.frozen: list[Callable[[], None]] | None = None
        self.broken = False  # stopped by itself, because its disk failed
        self.life = 0
        self.revision = 0


class Write:
    """One commit of a client: value is unique. clock: by which the deadline was set."""

    def __init__(self, key: str, value: bytes, invoked: float, deadline: float, clock: SimClock | None) -> None:
        self.key, self.value, self.invoked, self.deadline, self.clock = key, value, invoked, deadline, clock
        self.outcome = "pending"
        self.revision = 0
        self.returned = float("inf")


class World:
    """Peers, what connects them, and what is checked while they run."""

    def __init__(self, seed: int, *, peers: int = 3, duration_s: float = 12.0, trace: bool = False) -> None:
        self.seed, self.duration_s, self.tracing = seed, duration_s, trace
        self.settings = TOGETHER if impatient(seed) else SETTINGS
        self.rng = random.Random(seed)
        self.loop = SimLoop()
        self.peers = {name: Peer(name, self._disk()) for name in "abcdefg"[:peers]}
        self.cut: set[tuple[str, str]] = set()
        self.loss = self.duplication = 0.0
        self.delay_s = 0.01
        self.fault_pause_s = 0.4 if impatient(seed) else 1.5
        self.slow: dict[str, float] = {}
        self.on_way: set[asyncio.Task[None]] = set()
        self.leaders: dict[int, str] = {}
        self.committed: dict[int, Entry] = {}
        self.writes: list[Write] = []
        self.written: dict[bytes, Write] = {}
        self.history = Recorder()
        self.proposals = 0
        self.suspect, self.suspect_until = "", 0.0
        self.acked_revision = 0
        self.reads = 0
        self.fatal: list[str] = []
        self.ambush: list[Any] = []
        self.pool_of: dict[str, list[asyncio.Task[Any]]] = {}

    def _disk(self) -> MemoryDisk:
        return MemoryDisk(self.rng, latency_s=self.rng.choice([0.002, 0.01, 0.05]))

    def trace(self, text: str) -> None:
        if self.tracing:
            print(f"{self.loop.now:9.4f}  {text}")

    def links(self, me: Peer) -> Links:
        life = me.life

        def alive() -> bool:
            return me.life == life

        def send(to: str, data: bytes) -> None:
            if alive():
                self.deliver(me.name, to, data)

        async def forward(to: str, data: bytes, timeout_s: float) -> bytes:
            return await self.call(me.name, to, lambda store: store.handle_forward(data, timeout_s))

        async def forward_read(to: str, data: bytes, timeout_s: float) -> bytes:
            return await self.call(me.name, to, lambda store: store.handle_forward_read(data, timeout_s))

        def committed(frames: Sequence[Entry]) -> None:
            if alive():
                self.on_committed(me, frames)

        def changed() -> None:
            if alive():
                self.on_change(me)

        def fatal(error: Exception) -> None:
            if alive() and me.disk.fail_sync and "contradicts" not in str(error):
                me.broken = True  # as it must
                self.loop.call_soon(self.crash, me)
            elif alive():
                self.fatal.append(f"{me.name}: {error}")

        return Links(send, forward, forward_read, committed, fatal, changed)

    def deliver(self, sender: str, to: str, data: bytes) -> None:
        if (frozen := self.peers[sender].frozen) is not None:
            frozen.append(lambda: self.deliver(sender, to, data))
            return
        if (sender, to) in self.cut or self.rng.random() < self.loss:
            return
        for _ in range(2 if self.rng.random() < self.duplication else 1):
            self.loop.call_later(self.latency(sender, to), self.arrive, sender, to, data)

    def arrive(self, sender: str, to: str, data: bytes) -> None:
        store = self.peers[to].store
        if (frozen := self.peers[to].frozen) is not None:
            frozen.append(lambda: self.arrive(sender, to, data))
        elif store is not None and (sender, to) not in self.cut:
            store.receive(sender, data)
            self.on_change(self.peers[to])

    def thaw(self, peer: Peer) -> None:
        waiting, peer.frozen = peer.frozen or [], None
        for work in waiting:
            work()

    async def call(self, me: str, to: str, work: Callable[[RaftStore], Coroutine[Any, Any, bytes]]) -> bytes:
        """An RPC: refused while the peer is down, without an answer when the network loses it.

        A request that is on its way arrives though its caller has given up, as on a real network.
        """
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        request = asyncio.get_running_loop().create_task(self._request(me, to, work, answer))
        self.on_way.add(request)
        request.add_done_callback(self.on_way.discard)
        return await answer

    async def _request(
        self, me: str, to: str, work: Callable[[RaftStore], Coroutine[Any, Any, bytes]], answer: asyncio.Future[bytes]
    ) -> None:
        refused = not await self._travel(me, to) or self.peers[to].store is None
        if refused:
            if not answer.done():
                answer.set_exception(ConnectionRefusedError(to))
            return
        life = self.peers[to].life
        serving = asyncio.get_running_loop().create_task(work(cast(RaftStore, self.peers[to].store)))
        self.pool_of.setdefault(to, []).append(serving)
        try:
            data = await serving
        except asyncio.CancelledError:  # the one that was asked died: the connection breaks
            await asyncio.sleep(self.latency(to, me))
            if (to, me) not in self.cut and not answer.done():
                answer.set_exception(ConnectionResetError(to))
            return
        except (StoreError, TimeoutError) as error:
            if not answer.done():
                answer.set_exception(error)
            return
        await asyncio.sleep(self.latency(to, me))
        if (to, me) not in self.cut and self.peers[to].life == life and self.rng.random() >= self.loss and not answer.done():
            answer.set_result(data)

    async def _travel(self, me: str, to: str) -> bool:
        """Whether a request comes through. What is sent into a cut is sent again when the cut is short, as TCP does."""
        await asyncio.sleep(self.latency(me, to))
        patience = self.loop.now + (self.rng.random() * RESENT_S if self.rng.random() < 0.5 else 0)
        while (me, to) in self.cut and self.loop.now < patience:  # noqa: ASYNC110 (as below)
            await asyncio.sleep(0.05)
        while self.peers[to].frozen is not None:  # noqa: ASYNC110 (simple, and the time is virtual)
            await asyncio.sleep(0.05)
        return (me, to) not in self.cut

    def on_change(self, peer: Peer) -> None:
        store = peer.store
        if store is None or store._voter is None:
            return
        guard = store._voter.guard
        if guard.is_leader:
            known = self.leaders.setdefault(guard.term, peer.name)
            assert known == peer.name, f"{known} and {peer.name} lead in term {guard.term}"
        assert not guard.forgotten, f"{peer.name} says that an acknowledged entry was lost by a peer, and these disks lose none"

    def on_committed(self, peer: Peer, frames: Sequence[Entry]) -> None:
        for frame in frames:
            known = self.committed.setdefault(frame.index, frame)
            assert known == frame, f"entry {frame.index} was {known[1:]}, {peer.name} applied {frame[1:]}"

    def check_peers(self) -> None:
        for peer in self.peers.values():
            if peer.store is not None and peer.store._voter is not None and not peer.store._voter.stopped:
                peer.store._voter.guard.check()
            if peer.store is not None:
                assert peer.store.revision >= peer.revision, f"{peer.name} went back from revision {peer.revision} to {peer.store.revision}"
                peer.revision = peer.store.revision
        assert not self.fatal, self.fatal

    async def start(self, peer: Peer) -> None:
        peer.life += 1
        peer.revision = 0
        self.trace(f"start {peer.name}")
        peer.clock = clock = SimClock(peer, self.rng.choice([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 2.0]), self.rng.random() * 1000)
        life = peer.life
        try:
            store = await RaftStore.open(peer.name, peer.disk, self.links(peer), self.settings, random.Random(self.rng.random()), clock)
        except StorageError as error:
            assert peer.disk.fail_sync and peer.life == life, f"{peer.name} does not start: {error}"
            peer.broken = True
            return
        if peer.life != life:
            kill(store)
            return
        peer.store = store
        pump = store._proposer.pump
        setattr(store._proposer, "pump", lambda guard, now: self.watch_proposals(peer, guard, lambda: pump(guard, now)))  # noqa: B010

    def watch_proposals(self, peer: Peer, guard: Guard, pump: Callable[[], None]) -> None:
        """Nothing is proposed after its deadline. (Where a clock was wrong the deadline was too.)"""
        before = guard.log.last_index
        pump()
        for entry in guard.log.after(before, 1 << 30) if guard.log.last_index > before else ():
            for operation in batch.decode(entry.payload) if entry.kind == OPERATIONS else ():
                for put in operation.commit.put if operation.commit else ():
                    self._check_proposal(peer, put.value)

    def _check_proposal(self, peer: Peer, value: bytes) -> None:
        write = self.written.get(value)
        if write is None:
            return  # not a client's
        self.proposals += 1
        right = peer.clock is not None and peer.clock.right and write.clock is not None and write.clock.right
        late = self.loop.now - write.deadline
        if right and late > 1e-6:
            self.fatal.append(f"the write {value!r} was proposed by {peer.name} {late:.3f} s after its deadline")

    def crash(self, peer: Peer) -> None:
        store, peer.store = peer.store, None
        if store is None:
            return
        self.trace(f"crash {peer.name}")
        peer.life += 1
        peer.frozen = None
        for other in self.peers.values():
            if other is not peer and self.rng.random() < 0.7:
                self.loop.call_later(self.latency(), self._notice, other, peer.name)
        peer.disk = peer.disk.crash()
        kill(store)
        for task in self.pool_of.pop(peer.name, []):
            task.cancel()

    def _notice(self, peer: Peer, lost: str) -> None:
        """The connection to a process that ended breaks."""
        if peer.store is not None and peer.frozen is None and (lost, peer.name) not in self.cut:
            peer.store.lost(lost)

    def latency(self, *ends: str) -> float:
        """On the way between those peers; `slow` ones add to it."""
        slow = sum(self.slow.get(peer, 0.0) for peer in ends) if self.slow else 0.0
        return self.rng.random() * (self.delay_s + slow) * (20 if self.rng.random() < 0.02 else 1)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (StoreError, StorageError) as error:  # on_fatal says if that must not be
            self.trace(f"refused: {error}")
        except AssertionError as error:
            self.fatal.append(str(error))

    def leader(self) -> RaftStore | None:
        leading = [p.store for p in self.peers.values() if p.store is not None and p.store.leads()]
        return max(leading, key=lambda store: store.status().term) if leading else None


def kill(store: RaftStore) -> None:
    """What kill -9 does, as far as this process can: nothing of the store runs any more."""
    if store._voter is not None:
        store._voter.stop()
    if store._storage is not None:
        store._storage.abandon()
    for task in [*store._tasks, *([store._compacting] if store._compacting else [])]:
        task.cancel()
