"""A deterministic simulator of a whole pool: real RaftStores on a virtual clock, network and disk, all from one seed.

run(seed) forms a pool, lets clients write and read while peers crash (losing what was not fsynced), messages are lost,
delayed, reordered and doubled, the network is cut, disks fill up, fail and rot, clocks jump, processes freeze, voters come
and go and logs are compacted (simfaults.py); then it heals everything and checks: logs, states, and the history of the
clients for linearizability. A violation raises AssertionError; `python -m tests.store.sim SEED` replays it with a trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from gd2raft.core.kv import ABSENT, Commit, Expect, KeyValueState, Put
from gd2raft.store.interface import NoLeader, NoQuorum, OutcomeUnknown, StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.client import StoreFull
from gd2raft.store.raft.disk import DiskFull
from gd2raft.store.raft.errors import StorageError
from gd2raft.store.raft.log import OPERATIONS
from gd2raft.store.raft.node import Frame, RaftStore
from tests.store.linearizability import check
from tests.store.simfaults import Faults
from tests.store.simworld import POOL, Peer, Write


class Sim(Faults):
    """See the module's docstring."""

    async def client(self, number: int) -> None:
        count = 0
        while self.loop.now < self.duration_s:
            await asyncio.sleep(self.rng.random() * 0.1)
            peer = self._choose()
            if peer.store is None or not peer.store.pool:
                continue
            count += 1
            if self.rng.random() < (0.8 if peer.name == self.suspect else 0.4):
                await self.as_of(peer, self.read(peer.store, f"c{number}"))
            else:
                await self.as_of(peer, self.write(peer, peer.store, f"{number}.{count}"))

    def _choose(self) -> Peer:
        """Anyone; for a while after a leader was cut off often that one, which may not know it yet."""
        if self.loop.now < self.suspect_until and self.rng.random() < 0.4:
            return self.peers[self.suspect]
        self.suspect = self.suspect if self.loop.now < self.suspect_until else ""
        return self.rng.choice(self._believers() or list(self.peers.values()))

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

    async def write(self, peer: Peer, store: RaftStore, name: str) -> None:
        key = f"k{self.rng.randrange(8)}"
        timeout_s = self.rng.choice([0.3, 1.0, 4.0])
        write = Write(key, name.encode(), self.loop.now, self.loop.now + timeout_s, peer.clock)
        self.writes.append(write)
        self.written[write.value] = write
        item = store.get(key)
        expect = (Expect(key, item.modified if item else ABSENT),) if self.rng.random() < 0.3 else ()
        operation = self.history.invoke(store.peer, "cas" if expect else "write", key, write.value, item.value if item else None)
        before = self.acked_revision
        try:
            result = await store.commit(Commit(expect, (Put(key, write.value),)), timeout_s=timeout_s)
            write.outcome, write.revision = result.outcome, result.revision
            assert store.revision >= result.revision, "answered before this peer's own state held it"
        except (NoQuorum, NoLeader, StoreFull) as error:
            write.outcome = "refused"
            self.trace(f"{store.peer} write {name} refused: {error}")
        except OutcomeUnknown as error:
            assert "nothing was" not in str(error), error  # nobody knows that
            write.outcome = "unknown"
            self.trace(f"{store.peer} write {name} unknown: {error}")
        except StoreError as error:
            write.outcome = "refused"
            self.trace(f"{store.peer} write {name} error: {error}")
        if write.outcome in ("done", "conflict"):
            self.history.done(operation, "done" if write.outcome == "done" else "conflict")
        elif write.outcome == "refused":
            self.history.forget(operation)
        write.returned = self.loop.now
        assert write.returned <= write.invoked + 2 * timeout_s + 0.5, f"a commit took {write.returned - write.invoked:.3f} s of {timeout_s}"
        if write.outcome == "done":
            assert write.revision > before, f"write {name} got revision {write.revision}, {before} was acknowledged before it was sent"
            self.acked_revision = max(self.acked_revision, write.revision)
            if self.ambush:
                self.ambush.pop()()

    async def read(self, store: RaftStore, client: str) -> None:
        before = self.acked_revision
        key = f"k{self.rng.randrange(8)}"
        operation = self.history.invoke(f"{client} on {store.peer}", "read", key)
        try:
            revision = await store.linearizable(timeout_s=2.0)
        except StoreError:
            self.history.forget(operation)
            return
        self.reads += 1
        item = store.get(key)
        self.history.done(operation, value=item.value if item else None)
        assert revision >= before, f"a linearizable read on {store.peer} saw revision {revision}, {before} had been acknowledged"

    async def feed(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            for peer in list(self.peers.values()):
                if peer.store is not None and peer.store.pool and not peer.store.is_voter:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(2):  # the one that feeds may be gone
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
            await self.as_of(peer, self._give(store, frames))

    @staticmethod
    async def _give(store: RaftStore, frames: Sequence[Frame]) -> None:
        """As follow.py does it."""
        if not store.take_frames(frames):
            await store.accept_frames(frames)

    async def _feed_snapshot(self, upstream: RaftStore, store: RaftStore) -> None:
        try:
            meta, chunks = await upstream.snapshot_for_learner()
        except (DiskFull, OSError) as error:
            self.trace(f"{upstream.peer} can't give a log snapshot: {error}")
            return
        try:
            await store.install_snapshot(meta, chunks)
        except (OSError, StorageError) as error:
            self.trace(f"{store.peer} can't take a log snapshot: {error}")

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
        for name in names[1 : self.rng.choice([3, len(names), len(names)])]:
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
        for task in self.work():
            await task
        await self.settle()
        for task in (watchdog, feed):
            if task.done():
                task.result()
            task.cancel()
        self.check_end()

    def work(self) -> list[asyncio.Task[None]]:
        return [self.loop.create_task(self.client(number)) for number in range(4)] + [self.loop.create_task(self.faults())]

    async def settle(self) -> None:
        """Heal everything; a write must succeed, and everyone come to the same state."""
        await self.heal_net()
        self.ambush.clear()
        await asyncio.sleep(5)
        for peer in self.peers.values():
            if peer.store is None:
                await self.start(peer)
        until = self.loop.now + 30
        self.duration_s = until
        while not (self.writes and self.writes[-1].value.startswith(b"last") and self.writes[-1].outcome == "done"):
            assert self.loop.now < until, f"no write succeeds after healing: {self.states()}"
            peer = self.rng.choice(list(self.peers.values()))
            assert peer.store is not None
            await self.as_of(peer, self.write(peer, peer.store, f"last.{len(self.writes)}"))
            self.check_peers()
        await self.come_together(until)

    async def come_together(self, until: float) -> None:
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
                    if event.value in self.written:
                        revisions[event.revision] = (event.key, event.value)
                        counts[event.value] = counts.get(event.value, 0) + 1
        for peer in self.peers.values():
            assert peer.store is not None
            mine = peer.store._replica.state
            assert mine.freeze() == state.freeze(), f"the state of {peer.name} is not what the log says"
        self.check_writes(revisions, counts)
        check(self.history.history())

    def check_writes(self, revisions: dict[int, tuple[str, bytes]], counts: dict[bytes, int]) -> None:
        for write in self.writes:
            times = counts.get(write.value, 0)
            if write.outcome == "done":
                assert revisions.get(write.revision) == (write.key, write.value), f"the acknowledged write {write.value!r} was lost"
                assert times == 1, f"the write {write.value!r} happened {times} times"
            elif write.outcome in ("conflict", "refused"):
                assert times == 0, f"the write {write.value!r} ({write.outcome}) happened"
            else:
                assert times <= 1, f"the write {write.value!r} happened {times} times"


def peers_of(seed: int) -> int:
    """How many peers a run of this seed has where nobody says otherwise."""
    return 3 if seed % 2 else 5


def run(seed: int, *, peers: int = 3, duration_s: float = 12.0, trace: bool = False) -> Sim:
    """One simulated life of a pool; raises AssertionError with the seed when something that must hold does not."""
    sim = Sim(seed, peers=peers, duration_s=duration_s, trace=trace)
    live(sim)
    return sim


def live(sim: Sim) -> None:
    """From its start to its end, with its own loop."""
    errors: list[dict[str, Any]] = []
    sim.loop.set_exception_handler(lambda _loop, context: errors.append(context) if "exception" in context else None)
    asyncio.set_event_loop(sim.loop)
    try:
        sim.loop.run_until_complete(sim.run())
        assert not errors, errors[0]
    except AssertionError as error:
        raise AssertionError(f"seed {sim.seed} (peers={len(sim.peers)}) at {sim.loop.now:.4f} s: {error}") from error
    finally:
        asyncio.set_event_loop(None)
        for task in asyncio.all_tasks(sim.loop):
            task.cancel()
        sim.loop.set_exception_handler(lambda _loop, _context: None)
        sim.loop.run_until_complete(asyncio.sleep(0))
        sim.loop.close()


if __name__ == "__main__":
    finished = run(int(sys.argv[1]), peers=int(sys.argv[2]) if len(sys.argv) > 2 else peers_of(int(sys.argv[1])), trace=True)
    print(
        f"clean: {len(finished.writes)} writes, {finished.reads} reads, {len(finished.committed)} entries, {len(finished.leaders)} leaders"
    )
