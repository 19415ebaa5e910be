"""The world of the simulator: a virtual clock, machines, a network, and the faults that befall them. sim.py lives in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any

from gd2raft.store.interface import StoreError
from gd2raft.store.raft.clock import LoopClock
from gd2raft.store.raft.log import Entry
from gd2raft.store.raft.memorydisk import MemoryDisk
from gd2raft.store.raft.node import Links, RaftStore
from gd2raft.store.raft.settings import Settings

POOL = "sim"
ROUNDS_MAX = 60_000
SETTINGS = Settings(
    heartbeat_s=0.1, election_min_s=0.5, election_max_s=1.0, compact_entries=40, keep_entries=10, learner_sync_s=0.3, batch_operations_max=8
)


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


class Peer:
    """One machine: its disk outlives its store."""

    def __init__(self, name: str, disk: MemoryDisk) -> None:
        self.name, self.disk = name, disk
        self.store: RaftStore | None = None
        self.life = 0
        self.revision = 0


class Write:
    """One commit of a client: value is unique."""

    def __init__(self, key: str, value: bytes, invoked: float, deadline: float) -> None:
        self.key, self.value, self.invoked, self.deadline = key, value, invoked, deadline
        self.outcome = "pending"
        self.revision = 0
        self.returned = float("inf")


class World:
    """Peers, what connects them, and what is checked while they run."""

    def __init__(self, seed: int, *, peers: int = 3, duration_s: float = 12.0, trace: bool = False) -> None:
        self.seed, self.duration_s, self.tracing = seed, duration_s, trace
        self.rng = random.Random(seed)
        self.loop = SimLoop()
        self.peers = {name: Peer(name, self._disk()) for name in "abcdefg"[:peers]}
        self.cut: set[tuple[str, str]] = set()
        self.loss = self.duplication = 0.0
        self.delay_s = 0.01
        self.leaders: dict[int, str] = {}
        self.committed: dict[int, Entry] = {}
        self.writes: list[Write] = []
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
            if alive():
                self.fatal.append(f"{me.name}: {error}")

        return Links(send, forward, forward_read, committed, fatal, changed)

    def deliver(self, sender: str, to: str, data: bytes) -> None:
        if (sender, to) in self.cut or self.rng.random() < self.loss:
            return
        for _ in range(2 if self.rng.random() < self.duplication else 1):
            self.loop.call_later(self.latency(), self.arrive, sender, to, data)

    def arrive(self, sender: str, to: str, data: bytes) -> None:
        store = self.peers[to].store
        if store is not None and (sender, to) not in self.cut:
            store.receive(sender, data)
            self.on_change(self.peers[to])

    async def call(self, me: str, to: str, work: Any) -> bytes:
        """An RPC: refused while the peer is down, without an answer when the network loses it."""
        await asyncio.sleep(self.latency())
        store = self.peers[to].store
        if (me, to) in self.cut or store is None:
            raise ConnectionRefusedError(to)
        life = self.peers[to].life
        answer: bytes = await work(store)
        await asyncio.sleep(self.latency())
        if (to, me) in self.cut or self.peers[to].life != life or self.rng.random() < self.loss:
            await asyncio.get_running_loop().create_future()
        return answer

    def on_change(self, peer: Peer) -> None:
        store = peer.store
        if store is None or store._voter is None:
            return
        guard = store._voter.guard
        if guard.is_leader:
            known = self.leaders.setdefault(guard.term, peer.name)
            assert known == peer.name, f"{known} and {peer.name} lead in term {guard.term}"

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
        clock = LoopClock(self.rng.choice([1.0, 1.0, 0.5, 1.0, 2.0]), self.rng.random() * 1000)
        peer.store = await RaftStore.open(peer.name, peer.disk, self.links(peer), SETTINGS, random.Random(self.rng.random()), clock)

    def crash(self, peer: Peer) -> None:
        store, peer.store = peer.store, None
        if store is None:
            return
        self.trace(f"crash {peer.name}")
        peer.life += 1
        peer.disk = peer.disk.crash()
        kill(store)
        for task in self.pool_of.pop(peer.name, []):
            task.cancel()

    def latency(self) -> float:
        return self.rng.random() * self.delay_s * (20 if self.rng.random() < 0.02 else 1)

    async def faults(self) -> None:
        actions = [self.crash_one] * 4 + [self.crash_all, self.partition, self.partition, self.one_way, self.weather, self.heal_net]
        actions += [self.lie_in_wait, self.lie_in_wait, self.cut_off_leader, self.cut_off_leader]
        actions += [self.change_voters, self.change_voters, self.transfer, self.compact]
        while self.loop.now < self.duration_s:
            await asyncio.sleep(self.rng.random() * 1.5)
            action = self.rng.choice(actions)
            self.loop.create_task(self._quietly(action()))

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StoreError as error:
            self.trace(f"refused: {error}")
        except AssertionError as error:
            self.fatal.append(str(error))

    async def crash_one(self) -> None:
        peer = self.rng.choice(list(self.peers.values()))
        if peer.store is not None:
            self.crash(peer)
            await asyncio.sleep(self.rng.random() * 2)
            await self.start(peer)

    async def crash_all(self) -> None:
        down = [peer for peer in self.peers.values() if peer.store is not None]
        for peer in down:
            self.crash(peer)
        await asyncio.sleep(self.rng.random())
        for peer in down:
            await self.start(peer)

    async def lie_in_wait(self) -> None:
        """Crash some at the very moment that a write is acknowledged."""
        if self.ambush:
            return
        doomed = self.rng.sample(list(self.peers.values()), self.rng.randint(1, len(self.peers)))
        self.ambush.append(lambda: self.loop.call_soon(self._strike, doomed))

    def _strike(self, doomed: list[Peer]) -> None:
        down = [peer for peer in doomed if peer.store is not None]
        for peer in down:
            self.crash(peer)
            self.loop.call_later(self.rng.random() * 2, lambda peer=peer: self.loop.create_task(self.start(peer)))

    async def cut_off_leader(self) -> None:
        leader = self.leader()
        if leader is not None:
            self.trace(f"cut off the leader {leader.peer}")
            self.cut = {pair for other in self.peers for pair in ((leader.peer, other), (other, leader.peer)) if other != leader.peer}

    async def partition(self) -> None:
        names = list(self.peers)
        side = set(self.rng.sample(names, self.rng.randint(1, len(names) - 1)))
        self.trace(f"cut off {sorted(side)}")
        self.cut = {(x, y) for x in names for y in names if (x in side) != (y in side)}

    async def one_way(self) -> None:
        sender, to = self.rng.sample(list(self.peers), 2)
        self.trace(f"cut {sender} -> {to}")
        self.cut.add((sender, to))

    async def weather(self) -> None:
        self.loss, self.duplication = self.rng.choice([0, 0.02, 0.2]), self.rng.choice([0, 0.05, 0.3])
        self.delay_s = self.rng.choice([0.002, 0.01, 0.1])
        self.trace(f"loss {self.loss} duplication {self.duplication} delay {self.delay_s}")

    async def heal_net(self) -> None:
        self.trace("heal")
        self.cut.clear()
        self.loss = self.duplication = 0.0

    def leader(self) -> RaftStore | None:
        leading = [p.store for p in self.peers.values() if p.store is not None and p.store.leads()]
        return max(leading, key=lambda store: store.status().term) if leading else None

    async def change_voters(self) -> None:
        leader = self.leader()
        if leader is None:
            return
        voters = leader.status().voters
        peer = self.rng.choice(list(self.peers))
        self.trace(f"{leader.peer} changes {peer}, voters {voters}")
        if peer not in voters:
            await leader.add_voter(peer, 3)
        elif len(voters) > 1:
            await leader.remove_voter(peer, 3)

    async def transfer(self) -> None:
        leader = self.leader()
        if leader is not None:
            await leader.transfer_leadership(self.rng.choice(leader.status().voters), 1)

    async def compact(self) -> None:
        peer = self.rng.choice(list(self.peers.values()))
        if peer.store is not None and peer.store.pool and peer.store.last_applied[0]:
            await peer.store.compact()


def kill(store: RaftStore) -> None:
    """What kill -9 does, as far as this process can: nothing of the store runs any more."""
    if store._voter is not None:
        store._voter.stop()
    storage = store._storage
    if storage is not None:
        if storage._task is not None:
            storage._task.cancel()
        if storage._lazy_timer is not None:
            storage._lazy_timer.cancel()
        storage.on_synced = lambda _number: None
        storage.on_fatal = lambda _error: None
    for task in [*store._tasks, *([store._compacting] if store._compacting else [])]:
        task.cancel()
