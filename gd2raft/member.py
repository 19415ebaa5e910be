"""This peer as a member of one pool: its store, who it follows and who follows it, commands and votes.

Made anew when the peer joins another pool or is detached; the daemon around it (sockets, processes) stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog

from gd2raft import services
from gd2raft.commands.registry import commands
from gd2raft.core import model
from gd2raft.core.changes import Changes
from gd2raft.core.kv import Commit, Expect, Put
from gd2raft.core.liveness import LOST_GRACE_S
from gd2raft.core.membership import Candidate, VotersWished, upstreams
from gd2raft.engine.calls import CommandCall, Done, RunStep
from gd2raft.engine.initiator import Initiator
from gd2raft.engine.leader import LeaderEngine
from gd2raft.peers.autopilot import Autopilot
from gd2raft.peers.feed import Feed, State
from gd2raft.peers.follow import Follower, Upstream
from gd2raft.peers.identity import Identity
from gd2raft.peers.lookout import Lookout
from gd2raft.peers.nolog import NoLog
from gd2raft.peers.outlook import Outlook
from gd2raft.peers.snapshots import SnapshotServer, fetch_snapshot
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import RpcError
from gd2raft.rpc.pool import ConnectionPool
from gd2raft.state_watch import StateWatch
from gd2raft.steps.registry import steps
from gd2raft.store.interface import Store, StoreError
from gd2raft.store.raft.node import Frame, RaftStore

PEERS_GUARD = "peers"
"""Every change of a peer's record touches it."""
LEAD_CHECK_S = 1.0
"""While this peer leads and a transaction is in the state, it looks so often whether somebody moves that on."""
CURRENT_RETRY_S = 0.5

log = structlog.get_logger("member")


class Surroundings(Protocol):
    """What a member needs of the daemon."""

    @property
    def options(self) -> object: ...

    def connections(self) -> ConnectionPool: ...

    async def run_command(self, call: CommandCall) -> Done: ...

    async def forward_command(self, leader: str, call: CommandCall, timeout_s: float) -> Done: ...

    def on_changes(self, changes: Changes | None) -> None: ...

    def seen_in_pool(self, index: int) -> None: ...

    def detached(self, why: str) -> None: ...

    def hook_names(self) -> tuple[str, ...]: ...

    async def who_answers(self, host: str, port: int, timeout_s: float) -> services.AskReply: ...

    def instance_of(self, peer_id: str) -> str: ...


class PoolStore(Store, Protocol):
    """What a member needs of its store, wherever that keeps the state."""

    @property
    def last_applied(self) -> tuple[int, int]:
        """(position, term): the position grows with every change that this peer sees."""
        ...

    async def transfer_leadership(self, to: str) -> None: ...

    async def close(self) -> None: ...


class _Here:
    """A command that this peer takes while it leads goes the same way as one that comes from another peer."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    async def run(self, call: CommandCall) -> Done:
        return await self._surroundings.run_command(call)


class Member:
    """See the module's docstring. Implements the Guide of the follower, the Lead of the autopilot.

    `log`: the store again when it replicates a log among the peers, None when the state is kept elsewhere: then every peer
    reads it there, nobody votes or learns here, and what peers follow is the leader's soft state only.
    """

    def __init__(
        self,
        identity: Identity,
        store: PoolStore,
        log: RaftStore | None,
        surroundings: Surroundings,
        run_step: RunStep,
    ) -> None:
        self.log: RaftStore | NoLog = log or NoLog()
        self.replicates = log is not None
        self.began_at = asyncio.get_running_loop().time()
        self.current = asyncio.Event()
        """Set once this peer's state has been as new as the leader's: from then on it may stop what the state doesn't want."""
        self.identity, self.store, self._around = identity, store, surroundings
        self._cache: dict[str, tuple[int, model.Record]] = {}
        self.outlook = Outlook(identity.peer_id)
        self.sight = self.outlook.sight
        self._known_since: dict[str, float] = {}
        self._members: frozenset[str] = frozenset()
        self._members_at = -1  # revision of their guard key
        self._was_leading = False
        self._seen_status: tuple[object, ...] = ()
        self._role_changed = False
        self._lead_wake = asyncio.Event()
        self._lead_rests = False
        self._renewal = asyncio.Event()
        self.feed = Feed(self.log, self.sight, state=self.soft_state, online=self.online)
        self.snapshots = SnapshotServer(self.log)
        self.follower = Follower(self, self, self._dial, self._fetch_snapshot, chance=random.Random())
        self.autopilot = Autopilot(self.log, self, identity.peer_id, self.wished)
        self.lookout = Lookout(self.missing, surroundings.who_answers, identity.is_ours, surroundings.instance_of, self._name_of)
        self.engine = LeaderEngine(
            store,
            run_step,
            peer_id=identity.peer_id,
            commands=commands(),
            step_kinds={name: step.kind for name, step in steps().items()},
            options=surroundings.options,
            online=self.online,
        )
        self.initiator = Initiator(store, _Here(surroundings), surroundings.forward_command, peer_id=identity.peer_id)
        self._watch = StateWatch(store, self._state_changed)
        self._tasks: list[asyncio.Task[None]] = []

    # life

    async def start(self) -> None:
        self.feed.start()
        self.follower.start()
        if self.replicates:
            self.autopilot.start()
        self._watch.start()
        self._tasks = [
            asyncio.create_task(self._lead(), name="member leads"),
            asyncio.create_task(self._become_current(), name="member becomes current"),
            asyncio.create_task(self.lookout.run(lambda: self.leads() and len(self.members()) > 1), name="member looks out"),
        ]

    async def close(self) -> None:
        self._watch.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.autopilot.close()
        await self.follower.close()
        await self.engine.close()
        await self.feed.close()

    # the state

    def view(self) -> model.View:
        return model.View(self.store, self._cache)

    def _state_changed(self, changes: Changes | None) -> None:
        """Tell the daemon what changed (None: anything may have), and notice when this peer is in the pool, or isn't any more."""
        self._around.on_changes(changes)
        if changes is None:
            self._note_membership()
            self.follower.poke()
            self.autopilot.poke()
            self._lead_wake.set()
            return
        if self._lead_rests and changes.under(model.TRANSACTIONS):
            self._lead_wake.set()
        if changes.under(model.CLUSTER):
            self.autopilot.poke()
        if events := changes.under(model.PEERS):
            edited = {event.key[len(model.PEERS) :] for event in events}
            for peer_id in edited & self._known_since.keys():
                self._around.connections().forget(self.address_of(peer_id))  # it may have moved there
            self.lookout.poke()
            if not edited <= self._known_since.keys() or any(event.value is None for event in events):
                self._note_membership()  # a look at each of a thousand peers, not for every edit of one
            self.follower.poke()
            self.autopilot.poke()

    async def _become_current(self) -> None:
        while not self.current.is_set():
            try:
                await self.store.linearizable(timeout_s=5.0)
                self.current.set()
                self._around.on_changes(None)
            except StoreError:
                await asyncio.sleep(CURRENT_RETRY_S)
        while True:
            self._renewal.clear()
            await self._renew_own_record()
            await self._renewal.wait()

    def renew(self) -> None:
        """What this peer can do may have changed: its record shall say so."""
        self._renewal.set()

    async def _renew_own_record(self) -> None:
        """Let the pool know what this daemon can do: it may have been upgraded, or got steps of another package or scripts, since it joined."""
        key = model.peer_key(self.identity.peer_id)
        while (item := self.store.get(key)) is not None:
            known = model.load(key, item.value, model.Peer)
            now = msgspec.structs.replace(
                known,
                steps=tuple(sorted(steps())),
                hooks=self._around.hook_names(),
                op_version_min=model.OP_VERSION_MIN,
                op_version_max=model.OP_VERSION,
            )
            if now == known:
                return
            put = (Put(key, model.dump(now, item.value)), Put(PEERS_GUARD, b"1"))
            try:
                await self.store.commit(Commit((Expect(key, item.modified),), put), timeout_s=5.0)
            except StoreError as error:
                log.info("the pool doesn't know yet what this peer can do", why=str(error))
                await asyncio.sleep(CURRENT_RETRY_S)

    def _note_membership(self) -> None:
        members = self.members()
        self.sight.forget(members)
        now = self._now()
        if self._known_since and self.leads():  # it was just probed, so it is there; its first lease may be a second on its way
            self.sight.joined(members - self._known_since.keys(), now)
        for peer_id in members - self._known_since.keys():
            self._around.connections().forget(self.address_of(peer_id))  # where it is, another peer may have been missed
        self.lookout.poke()
        for gone in self._known_since.keys() - members:
            self.feed.drop(gone)
        self._known_since = {peer_id: self._known_since.get(peer_id, now) for peer_id in members}
        self._note_own_membership(self.identity.peer_id in members)

    def _note_own_membership(self, inside: bool) -> None:
        index, _ = self.store.last_applied
        if inside and not self.identity.joined_index:
            self._around.seen_in_pool(index)
        elif not inside and 0 < self.identity.joined_index <= index:
            self._around.detached("its record is gone from the pool's state")

    def members(self) -> frozenset[str]:
        guard = self.store.get(PEERS_GUARD)
        revision = guard.modified if guard else -1
        if revision != self._members_at or not guard:
            self._members = frozenset(key[len(model.PEERS) :] for key, _ in self.store.list(model.PEERS))
            self._members_at = revision
        return self._members

    # leading

    def leads(self) -> bool:
        return self.store.status().role == "leader"

    def on_store_change(self) -> None:
        """Role, leader, term or voters may have changed."""
        status = self.store.status()
        seen = (status.role, status.leader, status.term, status.voters)
        if seen != self._seen_status:
            before = self._seen_status
            begins = status.role == "leader" and seen[:3] != before[:3]  # not at each change of the voters: one of them is gone
            self._seen_status = seen
            if seen[:3] != before[:3]:
                self.lookout.forget()
            if begins:  # at once: commands that come now ask who is in sight
                self.sight.seed(self.outlook.told | set(status.voters), self._now())
            log.info(
                "raft" if self.replicates else "etcd",
                role=status.role,
                leader=status.leader,
                term=status.term,
                voters=len(status.voters),
                applied=status.applied,
            )
            self.follower.poke()
            self.autopilot.poke()
            self.feed.tell_all()
            self._role_changed = True
            self._lead_wake.set()

    async def _lead(self) -> None:
        """Take the pool over when this peer begins to lead: who was in sight, and what was left unfinished (and look again
        while it leads)."""
        while True:
            await self._until_look()
            leads = self.leads()
            if leads and not self._was_leading:
                try:
                    await self.store.linearizable(timeout_s=5.0)
                except StoreError as error:
                    log.info("could not take the pool over yet", why=str(error))
                    continue
                self.feed.tell_all()
            if leads:
                await self.engine.resume_all()
            self._was_leading = leads

    async def _until_look(self) -> None:
        """Until the role has changed; while it leads and there is something to take over or to look at, LEAD_CHECK_S at most."""
        with contextlib.suppress(TimeoutError):
            while not self._role_changed:
                leads = self.leads()
                busy = leads and (not self._was_leading or bool(self.store.list(model.TRANSACTIONS)))
                self._lead_rests = leads and not busy  # a transaction that comes now wakes it, and only now: they must not put off its look
                self._lead_wake.clear()
                async with asyncio.timeout(LEAD_CHECK_S if busy else None):
                    await self._lead_wake.wait()
        self._role_changed = self._lead_rests = False

    def missing(self) -> dict[str, str]:
        """Address by id of the members out of sight, for the leader to look for; empty when this peer does not lead."""
        return {p: address for p in self.members() - self.online() if (address := self.address_of(p))} if self.leads() else {}

    def notices(self) -> list[services.Notice]:
        """What this peer has to say of others, while it leads."""
        return self.lookout.notices() if self.leads() else []

    def _name_of(self, peer_id: str) -> str:
        peer = self.view().peer(peer_id)
        return peer.name if peer is not None else ""

    def candidates_for_vote(self) -> list[Candidate]:
        now = self._now()
        self.online()
        view = self.view()
        return [
            Candidate(
                id=peer.id,
                zone=peer.zone or peer.id,
                gone_s=0.0 if peer.id == self.identity.peer_id else self.sight.gone_s(peer.id, now, self._known_since.get(peer.id, now)),
                seen_s=self.sight.seen_s(peer.id, now),
                unbroken=self.sight.unbroken(peer.id),
            )
            for peer in view.peers()
        ]

    def wished(self) -> VotersWished:
        """How many voters the pool was told to have."""
        cluster = self.view().cluster()
        return VotersWished(cluster.voters, cluster.replace_after_s) if cluster is not None else VotersWished()

    def known_voters(self) -> Sequence[str]:
        """Who votes, as far as this peer knows: the log of a learner doesn't say it before the voters change for the first time."""
        return self.store.status().voters or self.outlook.told_voters

    def voters(self) -> frozenset[str]:
        """Who can lead."""
        return frozenset(self.store.status().voters) if self.replicates else self.members()

    async def lag(self, peer_id: str) -> int:
        """Entries that the peer lacks; very many when it doesn't answer."""
        peer = self.view().peer(peer_id)
        if peer is None:
            return 1 << 60
        try:
            state = await self._around.connections().call(
                peer.addresses[0], services.PEER_STATE, services.Empty(), 2.0, expect_peer_id=peer_id
            )
        except RpcError:
            return 1 << 60
        return max(0, self.store.status().commit_index - state.index)

    # following (the follower's Guide)

    def hurry(self) -> None:
        """Something here, or below, waits for what is committed already."""
        self.feed.hurry()
        if not self.votes():
            self.follower.hurry()

    def votes(self) -> bool:
        return self.store.status().role != "learner"

    def member_since(self) -> int:
        return self.identity.joined_index

    def candidates(self) -> list[Upstream]:
        status = self.store.status()
        me = self.identity.peer_id
        members = self.members()
        if status.role != "learner":
            chosen = [status.leader] if status.leader and status.leader != me else sorted(members - {me})
        else:
            chosen = [p for p in upstreams(me, self.known_voters(), members) if p != me]
            if not chosen:
                chosen = sorted(members - {me})
        found = [Upstream(p, address) for p in chosen if (address := self.address_of(p))]
        return found or [Upstream("", a) for a in self.identity.seeds]

    @property
    def last_applied(self) -> tuple[int, int]:
        return self.store.last_applied

    def take_frames(self, frames: Sequence[services.FrameMessage]) -> bool:
        self._watch.hold()
        try:
            return self.log.take_frames([Frame(f.command, f.index, f.term) for f in frames])
        finally:
            self._watch.release()

    async def accept_frames(self, frames: Sequence[services.FrameMessage]) -> None:
        await self.log.accept_frames([Frame(f.command, f.index, f.term) for f in frames])

    def below(self) -> frozenset[str]:
        return self.sight.online(self._now()) - {self.identity.peer_id}

    def heard(self, state: services.PoolState | None) -> None:
        if state is None:
            if self.store.status().role == "learner" and self.outlook.is_old(self._now()):
                self.log.note_leader("", 0, False)
            return
        self.outlook.hear(state, self._now())
        if self.store.status().role == "learner":
            self.log.note_leader(state.leader, state.term, state.quorum)

    def removed(self) -> None:
        self._around.detached("the pool says that it is no member (any more)")

    def address_of(self, peer_id: str) -> str:
        peer = self.view().peer(peer_id)
        return peer.addresses[0] if peer else ""

    def others(self) -> list[model.Peer]:
        """The other peers of the pool, those first that this one would follow."""
        first = [upstream.peer_id for upstream in self.candidates()]
        ranked = sorted(self.members() - {self.identity.peer_id}, key=lambda p: (first.index(p) if p in first else len(first), p))
        view = self.view()
        return [peer for p in ranked if (peer := view.peer(p)) is not None]

    async def _dial(self, address: str, peer_id: str) -> Connection:
        connections = self._around.connections()
        return await connections.dial(address, expect_peer_id=peer_id or None, timeout_s=3.0, on_close=lambda _: self.follower.poke())

    async def _fetch_snapshot(self, connection: Connection) -> None:
        await fetch_snapshot(connection, self.log)

    # being followed

    def on_follow(self, connection: Connection, request: services.FollowRequest) -> services.FollowReply:
        peer_id = connection.peer.peer_id
        status = self.store.status()
        leader_address = self.address_of(status.leader) if status.leader else ""
        if peer_id not in self.members():
            index, _ = self.store.last_applied
            removed = 0 < request.member_since <= index and status.quorum and self.identity.peer_id in self.members()
            return services.FollowReply("removed" if removed else "unknown", status.leader, leader_address)
        if not request.frames and status.role != "leader":
            return services.FollowReply("not-leader", status.leader, leader_address)
        if request.frames and self.log.frames_after(request.index, 1) is None:
            return services.FollowReply("snapshot", status.leader, leader_address)
        self.feed.subscribe(connection, peer_id, request.index, frames=request.frames)
        return services.FollowReply("ok", status.leader, leader_address)

    def on_connection_closed(self, connection: Connection) -> None:
        self.feed.unsubscribe(connection)
        self.snapshots.forget(connection)

    # soft state

    def online(self) -> frozenset[str]:
        """The peers in sight, as the leader sees them; this peer always is."""
        return self.outlook.online(self._now(), leads=self.leads(), members=self.members)

    async def lose_sight(self, peer_id: str) -> None:
        """The peer was asked and isn't there: it has a moment left to show that it is, as when its connection breaks."""
        self.sight.lost(peer_id, self._now())
        await asyncio.sleep(LOST_GRACE_S)

    def soft_state(self) -> State:
        status = self.store.status()
        depth = 0 if status.role != "learner" else self.outlook.depth
        return status.leader, status.term, status.quorum, self.known_voters(), depth

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
