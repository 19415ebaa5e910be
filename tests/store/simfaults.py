"""What befalls the simulated peers: crashes, cuts, weather, disks, clocks, and the operator. World is where it happens."""

from __future__ import annotations

import asyncio
import contextlib
import random

from gd2raft.store.raft.disk import DiskFull
from gd2raft.store.raft.errors import StorageError
from gd2raft.store.raft.guard import Guard
from gd2raft.store.raft.memorydisk import Inode, MemoryDisk
from gd2raft.store.raft.storage import load
from gd2raft.store.raft.wal import encode_seal
from tests.store.simworld import Peer, World


class Faults(World):
    """See the module's docstring."""

    async def faults(self) -> None:
        actions = [self.crash_one] * 4 + [self.crash_all, self.partition, self.partition, self.one_way, self.weather, self.heal_net]
        actions += [self.lie_in_wait, self.lie_in_wait, self.cut_off_leader, self.cut_off_leader]
        actions += [self.change_voters, self.change_voters, self.change_hastily, self.transfer, self.compact, self.rivals, self.rivals]
        actions += [self.crash_amid, self.crash_amid, self.partial, self.slow_peer]
        actions += [
            self.fill_disk,
            self.break_disk,
            self.slow_disk,
            self.rot,
            self.jump_clock,
            self.freeze,
            self.freeze,
            self.break_connection,
        ]
        while self.loop.now < self.duration_s:
            await asyncio.sleep(self.rng.random() * self.fault_pause_s)
            action = self.rng.choice(actions)
            self.loop.create_task(self._quietly(action()))

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
            self.loop.call_later(self.rng.random() * 2, self._start_soon, peer)

    def _start_soon(self, peer: Peer) -> None:
        self.loop.create_task(self.start(peer))

    async def cut_off_leader(self) -> None:
        """Half of the time in the middle of a hand-over: then it may believe for a whole election time-out that it still leads."""
        leader = self.leader()
        if leader is not None and self.rng.random() < 0.5:
            self.loop.create_task(self._quietly(self.transfer()))
            await asyncio.sleep(self.rng.random() * 4 * self.delay_s)
        if leader is not None and self.loop.now < self.duration_s:  # what is cut later stays cut
            self.trace(f"cut off the leader {leader.peer}")
            self.cut = {pair for other in self.peers for pair in ((leader.peer, other), (other, leader.peer)) if other != leader.peer}
            self.suspect, self.suspect_until = leader.peer, self.loop.now + 2

    async def partition(self) -> None:
        names = list(self.peers)
        side = set(self.rng.sample(names, self.rng.randint(1, len(names) - 1)))
        self.trace(f"cut off {sorted(side)}")
        self.cut = {(x, y) for x in names for y in names if (x in side) != (y in side)}

    async def one_way(self) -> None:
        sender, to = self.rng.sample(list(self.peers), 2)
        self.trace(f"cut {sender} -> {to}")
        self.cut.add((sender, to))

    async def partial(self) -> None:
        """Two peers lose each other; everyone else sees both."""
        one, other = self.rng.sample(list(self.peers), 2)
        self.trace(f"cut {one} <-> {other}")
        self.cut |= {(one, other), (other, one)}

    async def slow_peer(self) -> None:
        """Everything that one peer sends and gets takes long."""
        name = self.rng.choice(list(self.peers))
        self.trace(f"{name} is slow")
        self.slow[name] = self.rng.choice([0.05, 0.2])
        await asyncio.sleep(self.rng.random() * 4)
        self.slow.pop(name, None)

    async def weather(self) -> None:
        self.loss, self.duplication = self.rng.choice([0, 0.02, 0.2]), self.rng.choice([0, 0.05, 0.3])
        self.delay_s = self.rng.choice([0.002, 0.01, 0.1])
        self.trace(f"loss {self.loss} duplication {self.duplication} delay {self.delay_s}")

    async def heal_net(self) -> None:
        self.trace("heal")
        self.cut.clear()
        self.slow.clear()
        self.loss = self.duplication = 0.0

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

    async def change_hastily(self) -> None:
        """An operator does not wait for one change of the voters before asking for the next."""
        for _ in range(self.rng.randint(2, 3)):
            self.loop.create_task(self._quietly(self.change_voters()))

    async def crash_amid(self) -> None:
        """Crash in the middle of a change of the voters, of a hand-over, or of a log snapshot and compaction."""
        work = self.rng.choice([self.change_voters, self.change_hastily, self.transfer, self.compact])
        self.loop.create_task(self._quietly(work()))
        await asyncio.sleep(self.rng.random() * self.rng.choice([0.01, 0.1, 0.5]))
        leader = self.leader()
        peer = self.peers[leader.peer] if leader is not None and self.rng.random() < 0.5 else self.rng.choice(list(self.peers.values()))
        if peer.store is not None:
            self.crash(peer)
            await asyncio.sleep(self.rng.random())
            await self.start(peer)

    async def transfer(self) -> None:
        leader = self.leader()
        if leader is not None:
            await leader.transfer_leadership(self.rng.choice(leader.status().voters), 1)

    async def compact(self) -> None:
        peer = self.rng.choice(list(self.peers.values()))
        if peer.store is not None and peer.store.pool and peer.store.last_applied[0]:
            with contextlib.suppress(DiskFull, OSError):  # the log snapshot before it stays
                await peer.store.compact()

    async def rivals(self) -> None:
        """The leader dies, and the timers of two others fire at the same moment, again and again: votes split."""
        leader = self.leader()
        if leader is None:
            return
        self.trace(f"the leader {leader.peer} dies, and two want to succeed it")
        dead = self.peers[leader.peer]
        self.crash(dead)
        for peer in self.peers.values():
            if peer is not dead:
                self._notice(peer, dead.name)
        await asyncio.sleep(self.rng.choice([0.0, 2.2 * self.settings.election_min_s]))
        for _ in range(self.rng.randint(2, 4)):
            living = [peer for peer in self.peers.values() if peer.store is not None and peer.store._voter is not None]
            for peer in self.rng.sample(living, min(2, len(living))):
                assert peer.store is not None and peer.store._voter is not None
                peer.store._voter.do(_campaign)
            await asyncio.sleep(self.rng.random() * self.settings.election_min_s)
        await asyncio.sleep(self.rng.random())
        await self.start(dead)

    # disks

    async def fill_disk(self) -> None:
        disk = self.rng.choice(list(self.peers.values())).disk
        disk.space = self.rng.randint(0, 2000)
        await asyncio.sleep(self.rng.random() * 4)
        disk.space = None

    async def break_disk(self) -> None:
        """The next fsync fails: the peer must stop. It comes back when the disk is sound again."""
        peer = self.rng.choice(list(self.peers.values()))
        disk = peer.disk
        disk.fail_sync = True
        self.trace(f"the disk of {peer.name} breaks")
        await asyncio.sleep(0.5 + self.rng.random() * 2)
        disk.fail_sync = False
        if peer.store is None and peer.broken:
            peer.broken = False
            await self.start(peer)

    async def slow_disk(self) -> None:
        disk = self.rng.choice(list(self.peers.values())).disk
        before, disk.latency_s = disk.latency_s, 0.5
        await asyncio.sleep(self.rng.random() * 3)
        disk.latency_s = before

    async def rot(self) -> None:
        """A bit of what was fsynced flips while the machine is off: the peer must refuse to start. (The bit is then put right.)"""
        peer = self.rng.choice(list(self.peers.values()))
        if peer.store is None:
            return
        self.crash(peer)
        for _ in range(4):
            check_rot(self.rng, peer)
        await asyncio.sleep(self.rng.random())
        await self.start(peer)

    # clocks and processes

    async def jump_clock(self) -> None:
        peer = self.rng.choice(list(self.peers.values()))
        step = self.rng.choice([0.3, 1.0, 10.0, 1000.0])
        self.trace(f"the clock of {peer.name} jumps by {step} s")
        if peer.clock is not None:
            peer.clock.jump(step)

    async def freeze(self) -> None:
        """The process does not run: neither messages nor timers get through, later all at once."""
        leader = self.leader() if self.rng.random() < 0.5 else None
        peer = self.peers[leader.peer] if leader is not None else self.rng.choice(list(self.peers.values()))
        if peer.frozen is None:
            self.trace(f"freeze {peer.name}")
            peer.frozen = []
            await asyncio.sleep(self.rng.random() * self.rng.choice([0.8, 3]))
            self.thaw(peer)

    async def break_connection(self) -> None:
        """A connection breaks though both ends live."""
        one, other = self.rng.sample(list(self.peers.values()), 2)
        for peer, lost in ((one, other), (other, one)):
            if peer.store is not None:
                peer.store.lost(lost.name)


def _campaign(guard: Guard, now: float) -> None:
    """Its pre-votes, if it needed any, have come long ago."""
    if not guard.is_leader and guard.votes and guard.may_lead and guard._installing is None:
        guard._campaign(now, transfer=False)


def check_rot(rng: random.Random, peer: Peer) -> None:
    """Flip one bit of a copy of the disk. A start may go on only where wal.md says that nothing can be seen: in the last group."""
    before = load(peer.disk, peer.name)
    if before is None:
        return
    name = rng.choice([name for name in peer.disk.files if name in ("raft.wal", "raft.snapshot")])
    rotten = MemoryDisk(rng)
    rotten.files = {name: Inode(bytes(inode.data)) for name, inode in peer.disk.files.items()}
    inode = rotten.files[name]
    place = rng.randrange(len(inode.data))
    inode.data[place] ^= 1 << rng.randrange(8)
    if name == "raft.wal" and place >= peer.disk.files[name].last_group - len(encode_seal(b"", 0)):
        return
    try:
        after = load(rotten, peer.name)
    except StorageError:
        return
    if after is not None and (after.log.entries, after.log.hard) == (before.log.entries, before.log.hard):
        return  # a seal, which holds nothing
    raise AssertionError(f"{peer.name} starts although byte {place} of {name} is damaged")
