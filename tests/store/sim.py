"""A deterministic simulator of a whole pool: real RaftStores on a virtual clock, network and disk, all from one seed.

run(seed) forms a pool, lets clients write and read while peers crash (losing what was not fsynced), messages are lost,
delayed, reordered and doubled, the network is cut, voters come and go and logs are compacted; then it heals everything and
checks. A violation raises AssertionError; `python -m tests.store.sim SEED` replays it with a trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from gd2raft.core.kv import ABSENT, Commit, Expect, KeyValueState, Put
from gd2raft.store.interface import NoLeader, NoQuorum, OutcomeUnknown, StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.client import StoreFull
from gd2raft.store.raft.clock import LoopClock
from gd2raft.store.raft.log import OPERATIONS, Entry
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


class Sim:
    """See the module's docstring."""

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

    # the world of a peer

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

    def latency(self) -> float:
        return self.rng.random() * self.delay_s * (20 if self.rng.random() < 0.02 else 1)

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

    # checks while it runs

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

    # crashes

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

    # clients

    async def client(self, number: int) -> None:
        count = 0
        while self.loop.now < self.duration_s:
            await asyncio.sleep(self.rng.random() * 0.1)
            peer = self.rng.choice(self._believers() or list(self.peers.values()))
            if peer.store is None or not peer.store.pool:
                continue
            count += 1
            if self.rng.random() < 0.4:
                await self.as_of(peer, self.read(peer.store))
            else:
                await self.as_of(peer, self.write(peer.store, f"{number}.{count}"))

    def _believers(self) -> list[Peer]:
        """Half of the time: peers that think they lead; where stale reads and lost writes would come from."""
        return [p for p in self.peers.values() if p.store is not None and p.store.leads()] if self.rng.random() < 0.5 else []

    async def as_of(self, peer: Peer, work: Coroutine[Any, Any, None]) -> None:
        """Run on a peer: it ends when the peer does."""
        task = self.loop.create_task(self._quietly(work))
        task.add_done_callback(lambda _task: work.close())  # a task that is cancelled before it began never ran it
        self.pool_of.setdefault(peer.name, []).append(task)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def write(self, store: RaftStore, name: str) -> None:
        key = f"k{self.rng.randrange(8)}"
        timeout_s = self.rng.choice([0.3, 1.0, 4.0])
        write = Write(key, name.encode(), self.loop.now, self.loop.now + timeout_s)
        self.writes.append(write)
        item = store.get(key)
        expect = (Expect(key, item.modified if item else ABSENT),) if self.rng.random() < 0.3 else ()
        before = self.acked_revision
        try:
            result = await store.commit(Commit(expect, (Put(key, write.value),)), timeout_s=timeout_s)
            write.outcome, write.revision = result.outcome, result.revision
            assert store.revision >= result.revision, "answered before this peer's own state held it"
        except (NoQuorum, NoLeader, StoreFull) as error:
            write.outcome = "refused"
            self.trace(f"{store.peer} write {name} refused: {error}")
        except OutcomeUnknown as error:
            write.outcome = "unknown"
            self.trace(f"{store.peer} write {name} unknown: {error}")
        except StoreError as error:
            write.outcome = "refused"
            self.trace(f"{store.peer} write {name} error: {error}")
        write.returned = self.loop.now
        assert write.returned <= write.invoked + 2 * timeout_s + 0.5, f"a commit took {write.returned - write.invoked:.3f} s of {timeout_s}"
        if write.outcome == "done":
            assert write.revision > before, f"write {name} got revision {write.revision}, {before} was acknowledged before it was sent"
            self.acked_revision = max(self.acked_revision, write.revision)
            if self.ambush:
                self.ambush.pop()()

    async def read(self, store: RaftStore) -> None:
        before = self.acked_revision
        try:
            revision = await store.linearizable(timeout_s=2.0)
        except StoreError:
            return
        self.reads += 1
        assert revision >= before, f"a linearizable read on {store.peer} saw revision {revision}, {before} had been acknowledged"

    # faults

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

    # feed: what the daemon does with the peer RPC

    async def feed(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            for peer in list(self.peers.values()):
                if peer.store is not None and peer.store.pool and not peer.store.is_voter:
                    await self._feed(peer, peer.store)

    async def _feed(self, peer: Peer, store: RaftStore) -> None:
        others = [
            p.store for p in self.peers.values() if p.store and p is not peer and p.store.pool and (p.name, peer.name) not in self.cut
        ]
        if not others:
            return
        upstream = self.rng.choice(others)
        frames = upstream.frames_after(store.last_applied[0], 4096)
        status = upstream.status()
        store.note_leader(status.leader, status.term, status.quorum)
        if frames is None:
            await self.as_of(peer, self._feed_snapshot(upstream, store))
        elif frames:
            await self.as_of(peer, store.accept_frames(frames))

    async def _feed_snapshot(self, upstream: RaftStore, store: RaftStore) -> None:
        meta, chunks = await upstream.snapshot_for_learner()
        await store.install_snapshot(meta, chunks)

    # the whole

    async def form(self) -> None:
        names = list(self.peers)
        for name in names:
            await self.start(self.peers[name])
        first = self.peers[names[0]].store
        assert first is not None
        await first.bootstrap(POOL)
        for name in names[1:]:
            store = self.peers[name].store
            assert store is not None
            await store.reset_to_learner(POOL)
        for name in names[1:3]:
            await first.add_voter(name, 10)

    async def watchdog(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            self.check_peers()

    async def run(self) -> None:
        feed = self.loop.create_task(self.feed())
        await self.form()
        self.duration_s += self.loop.now
        watchdog = self.loop.create_task(self.watchdog())
        work = [self.loop.create_task(self.client(number)) for number in range(4)] + [self.loop.create_task(self.faults())]
        for task in work:
            await task
        await self.settle()
        for task in (watchdog, feed):
            if task.done():
                task.result()
            task.cancel()
        self.check_end()

    async def settle(self) -> None:
        """Heal everything; a write must succeed, and everyone come to the same state."""
        await self.heal_net()
        self.ambush.clear()
        await asyncio.sleep(3)
        for peer in self.peers.values():
            if peer.store is None:
                await self.start(peer)
        until = self.loop.now + 30
        self.duration_s = until
        name = "last"
        while not (self.writes and self.writes[-1].value == b"last" and self.writes[-1].outcome == "done"):
            assert self.loop.now < until, f"no write succeeds after healing: {self.states()}"
            peer = self.rng.choice(list(self.peers.values()))
            assert peer.store is not None
            await self.as_of(peer, self.write(peer.store, name))
            self.check_peers()
        while len({(p.store.last_applied, p.store.revision) for p in self.peers.values() if p.store}) > 1:
            assert self.loop.now < until, f"the peers don't come together: {self.states()}"
            await asyncio.sleep(0.1)
            self.check_peers()

    def states(self) -> list[object]:
        return [p.store and p.store.status() for p in self.peers.values()]

    def check_end(self) -> None:
        assert not self.fatal, self.fatal
        indexes = sorted(self.committed)
        assert indexes == list(range(1, len(indexes) + 1)), "the committed log has gaps"
        state, revisions, counts = KeyValueState(), {}, dict[bytes, int]()
        for index in indexes:
            entry = self.committed[index]
            for operation in batch.decode(entry.payload) if entry.kind == OPERATIONS else []:
                _, events = state.apply(operation)
                for event in events:
                    assert event.value is not None
                    revisions[event.revision] = (event.key, event.value)
                    counts[event.value] = counts.get(event.value, 0) + 1
        for peer in self.peers.values():
            assert peer.store is not None
            mine = peer.store._replica.state
            assert mine.freeze() == state.freeze(), f"the state of {peer.name} is not what the log says"
        self.check_writes(revisions, counts)

    def check_writes(self, revisions: dict[int, tuple[str, bytes]], counts: dict[bytes, int]) -> None:
        for write in self.writes:
            times = counts.get(write.value, 0)
            if write.value == b"last":
                continue
            if write.outcome == "done":
                assert revisions.get(write.revision) == (write.key, write.value), f"the acknowledged write {write.value!r} was lost"
                assert times == 1, f"the write {write.value!r} happened {times} times"
            elif write.outcome in ("conflict", "refused"):
                assert times == 0, f"the write {write.value!r} ({write.outcome}) happened"
            else:
                assert times <= 1, f"the write {write.value!r} happened {times} times"


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


def run(seed: int, *, peers: int = 3, duration_s: float = 12.0, trace: bool = False) -> Sim:
    """One simulated life of a pool; raises AssertionError with the seed when something that must hold does not."""
    sim = Sim(seed, peers=peers, duration_s=duration_s, trace=trace)
    errors: list[dict[str, Any]] = []
    sim.loop.set_exception_handler(lambda _loop, context: errors.append(context) if "exception" in context else None)
    asyncio.set_event_loop(sim.loop)
    try:
        sim.loop.run_until_complete(sim.run())
        assert not errors, errors[0]
        return sim
    except AssertionError as error:
        raise AssertionError(f"seed {seed} (peers={peers}) at {sim.loop.now:.4f} s: {error}") from error
    finally:
        asyncio.set_event_loop(None)
        for task in asyncio.all_tasks(sim.loop):
            task.cancel()
        sim.loop.set_exception_handler(lambda _loop, _context: None)
        sim.loop.run_until_complete(asyncio.sleep(0))
        sim.loop.close()


if __name__ == "__main__":
    finished = run(int(sys.argv[1]), peers=int(sys.argv[2]) if len(sys.argv) > 2 else 3, trace=True)
    print(
        f"clean: {len(finished.writes)} writes, {finished.reads} reads, {len(finished.committed)} entries, {len(finished.leaders)} leaders"
    )
