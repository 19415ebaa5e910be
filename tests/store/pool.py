"""A few peers with real files and a network in memory, for tests: what the daemon wires with sockets is wired with calls here."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from gd2raft.core.kv import Commit, Result
from gd2raft.store.interface import StoreError
from gd2raft.store.raft.disk import RealDisk
from gd2raft.store.raft.node import Links, RaftStore
from gd2raft.store.raft.settings import Settings
from tests.waiting import until

FAST = Settings(heartbeat_s=0.1, election_min_s=0.6, election_max_s=1.2, leader_wait_s=5.0)
"""Faster than the daemon, and yet slower than a disk that stalls while other tests run: a leadership must outlive that."""
POOL = "pool-1"


class Pool:
    """Peers by name. `cut` holds the (from, to) pairs that don't hear each other."""

    def __init__(self, folder: Path, settings: Settings = FAST) -> None:
        self.folder, self.settings = folder, settings
        self.peers: dict[str, RaftStore] = {}
        self.cut: set[tuple[str, str]] = set()
        self.fatal: list[Exception] = []

    def _links(self, me: str) -> Links:
        loop = asyncio.get_running_loop()

        def send(peer: str, data: bytes) -> None:
            if (me, peer) not in self.cut:
                loop.call_soon(deliver, peer, data)

        def deliver(peer: str, data: bytes) -> None:
            if peer in self.peers:
                self.peers[peer].receive(me, data)

        def reach(peer: str) -> RaftStore:
            if peer not in self.peers or (me, peer) in self.cut or (peer, me) in self.cut:
                raise ConnectionRefusedError(peer)
            return self.peers[peer]

        async def forward(peer: str, data: bytes, timeout_s: float) -> bytes:
            return await reach(peer).handle_forward(data, timeout_s)

        async def forward_read(peer: str, data: bytes, timeout_s: float) -> bytes:
            return await reach(peer).handle_forward_read(data, timeout_s)

        return Links(send, forward, forward_read, on_fatal=self.fatal.append)

    async def start(self, name: str) -> RaftStore:
        store = await RaftStore.open(name, RealDisk(self.folder / name), self._links(name), self.settings)
        self.peers[name] = store
        return store

    async def stop(self, name: str) -> None:
        await self.peers.pop(name).close()

    async def committed(self, store: RaftStore, commit: Commit, within_s: float) -> Result:
        """Its result, however often leaders change meanwhile: a stall of the disk may end a leadership of a quarter of a second."""
        async with asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(StoreError):
                    return await store.commit(commit, timeout_s=within_s)
                await asyncio.sleep(self.settings.heartbeat_s)

    async def form(self, *names: str) -> list[RaftStore]:
        """A pool whose voters are `names`: the first starts it, the others join as learners and are promoted."""
        first = await self.start(names[0])
        await first.bootstrap(POOL)
        for name in names[1:]:
            learner = await self.start(name)
            await learner.reset_to_learner(POOL)
            await self._promote(name)
        return [self.peers[name] for name in names]

    async def _promote(self, name: str) -> None:
        """Make it a voter, under another leader too: a disk that hangs for a moment ends a leadership as short as these."""
        async with asyncio.timeout(20):
            while name not in (leader := await self.leader()).status().voters:
                with contextlib.suppress(StoreError):
                    await leader.add_voter(name, 10)

    async def leader(self, among: tuple[str, ...] | None = None) -> RaftStore:
        def find() -> RaftStore | None:
            for name, store in self.peers.items():
                if (among is None or name in among) and store.leads():
                    return store
            return None

        await until(lambda: find() is not None)
        found = find()
        assert found is not None
        return found

    def feed(self, learner: str, upstream: str) -> asyncio.Task[None]:
        """What the daemon's feed does: frames, or a log snapshot, from one peer to another."""

        async def follow() -> None:
            while True:
                await self.feed_once(learner, upstream)
                await asyncio.sleep(0.002)

        return asyncio.get_running_loop().create_task(follow())

    async def feed_once(self, learner: str, upstream: str) -> None:
        source, store = self.peers[upstream], self.peers[learner]
        status = source.status()
        store.note_leader(status.leader, status.term, status.quorum)
        frames = source.frames_after(store.last_applied[0], 256 * 1024)
        if frames is None:
            await store.install_snapshot(*await source.snapshot_for_learner())
        elif frames and not store.take_frames(frames):  # as follow.py does it
            await store.accept_frames(frames)

    def isolate(self, name: str) -> None:
        for other in list(self.peers):
            self.cut |= {(name, other), (other, name)}

    def heal(self) -> None:
        self.cut.clear()

    async def close(self) -> None:
        for name in list(self.peers):
            await self.stop(name)
