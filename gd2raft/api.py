"""The daemon as REST sees it (rest.api.Api)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import msgspec

from gd2raft import __version__
from gd2raft.cluster_status import cluster_status
from gd2raft.commands.peer_add import PeerAdd
from gd2raft.commands.peers_add import PeersAdd
from gd2raft.core import jobs, model
from gd2raft.core.kv import ABSENT, Commit, Event, Expect, Put
from gd2raft.core.options import OptionTable
from gd2raft.core.plan import Moved, OutcomeUnknown, Refused, Request, Unavailable
from gd2raft.engine.calls import Done
from gd2raft.enquiries import enquire
from gd2raft.facts import brick_facts, volume_size
from gd2raft.peers.nolog import NoLog
from gd2raft.remote import Remote
from gd2raft.rest.api import Answered, BrickFacts, Compacted, RequestContext, SizeInfo, Watch
from gd2raft.store.interface import Compacted as StoreCompacted
from gd2raft.store.interface import NoQuorum, StoreError
from gd2raft.store.interface import OutcomeUnknown as StoreOutcomeUnknown
from gd2raft.store.interface import Watch as StoreWatch

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon

IN_SIGHT_S, IN_SIGHT_EVERY_S = 2.0, 0.05
SETTLE_S = 3.0
"""After its start a peer's answers wait so long, at most, for what was decided while it was away."""
KEEP_S = 10.0


class DaemonApi:
    """See the module's docstring."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    @property
    def peer_id(self) -> str:
        return self._daemon.identity.peer_id

    @property
    def version(self) -> str:
        return __version__

    @property
    def log_level(self) -> str:
        return self._daemon.config.loglevel.upper()

    @property
    def option_table(self) -> OptionTable:
        return self._daemon.options

    def cluster_id(self) -> str:
        return self._daemon.identity.pool_id

    def secret(self) -> bytes:
        return self._daemon.secret.encode()

    def view(self) -> model.View:
        return self._daemon.view()

    def revision(self) -> int:
        return self._daemon.member.store.revision

    def stale(self) -> bool:
        member = self._daemon.member
        return not (member.store.status().quorum and member.current.is_set())

    async def settled(self) -> None:
        member = self._daemon.member
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(member.began_at + SETTLE_S):
                await member.current.wait()

    def online(self) -> Mapping[str, int]:
        me = self.peer_id
        return {p: os.getpid() if p == me else 0 for p in self._daemon.online()}

    def cluster_status(self) -> Mapping[str, Any]:
        return cluster_status(self._daemon.member)

    async def full_disks(self) -> frozenset[str]:
        member = self._daemon.member
        voters = [p for p in (member.known_voters() if member.replicates else ()) if p != self.peer_id and p in member.online()]
        full = await asyncio.gather(*(Remote(self._daemon).disk_full(p) for p in voters))
        mine = {self.peer_id} if member.store.status().disk_full else set()
        return frozenset(mine | {p for p, is_full in zip(voters, full, strict=True) if is_full})

    async def notices(self) -> Sequence[Mapping[str, str]]:
        member = self._daemon.member
        leader = member.store.status().leader
        if leader and leader != self.peer_id:
            found = await Remote(self._daemon).notices(leader)
        else:
            found = member.notices()
        return [{"code": one.code, "peer": one.peer_id, "what": one.what} for one in found]

    def export(self) -> Iterator[bytes]:
        log = self._daemon.member.log
        if isinstance(log, NoLog):
            raise Refused("this pool keeps its state in etcd", hint="etcdctl snapshot save", code="in-etcd")
        try:
            return log.export()
        except StoreError as error:
            raise Unavailable(str(error), hint="ask another peer") from error

    async def wait_revision(self, revision: int, timeout_s: float) -> None:
        await self._daemon.member.store.wait_revision(revision, timeout_s=timeout_s)

    async def linearizable(self, timeout_s: float) -> int:
        try:
            return await self._daemon.member.store.linearizable(timeout_s=timeout_s)
        except StoreError as error:
            code = "no-quorum" if isinstance(error, NoQuorum) else "no-leader"
            raise Unavailable(
                str(error),
                hint="without ?consistency=linearizable it is this peer's own state that is read (`gd2 cluster export FILE local`)",
                code=code,
            ) from error

    async def run(self, command: str, request: Request, context: RequestContext) -> Done:
        request.check_body()
        request = await enquire(self._daemon, request)
        left = context.timeout_s - (asyncio.get_running_loop().time() - context.received)
        done = await self._daemon.member.initiator.run(
            command,
            request,
            request_id=context.request_id,
            user=context.user,
            timeout_s=max(0.1, left),
            idempotency_key=context.idempotency_key,
            expect=context.expect,
        )
        if isinstance(request, PeerAdd) and request.found is not None:
            await self._come_into_sight({request.found.id})
        if isinstance(request, PeersAdd):
            await self._come_into_sight({found.id for found in request.found})
        return done

    async def _come_into_sight(self, peer_ids: Set[str]) -> None:
        """Who has just joined shall not be listed as offline: its first lease is on its way."""
        for _ in range(int(IN_SIGHT_S / IN_SIGHT_EVERY_S)):
            if peer_ids <= self._daemon.online():
                return
            await asyncio.sleep(IN_SIGHT_EVERY_S)

    async def keep(self, key: str, record: model.Record | None, revision: int) -> None:
        store = self._daemon.member.store
        old = store.get(key)
        put = () if record is None else (Put(key, model.dump(record, old.value if old is not None else None)),)
        commit = Commit((Expect(key, revision or ABSENT),), put, (key,) if record is None else ())
        try:
            result = await store.commit(commit, timeout_s=KEEP_S)
        except StoreOutcomeUnknown as error:
            raise OutcomeUnknown(str(error), hint="look before you try again") from error
        except StoreError as error:
            raise Unavailable(str(error), hint="bring the other voters back") from error
        if result.outcome != "done":
            raise Moved("it was changed by another request meanwhile", hint="try again", http=409)

    async def brick_facts(self, volume: model.Volume) -> Mapping[str, BrickFacts]:
        me, online = self.peer_id, self._daemon.online()
        others = [p for p in volume.peer_ids() if p != me and p in online]
        replies = await asyncio.gather(*(Remote(self._daemon).bricks(p, volume.name) for p in others))
        found = await brick_facts(volume, me, self._daemon.processes) if me in volume.peer_ids() else {}
        for reply in replies:
            found |= msgspec.convert(reply, dict[str, BrickFacts])
        return found

    async def job_progress(self, job: jobs.Job) -> Mapping[str, jobs.Progress]:
        """What is stored counts; the peers that haven't ended are asked."""
        known = jobs.results(self._daemon.view(), job)
        online = self._daemon.online()
        asked = [p for p in job.peers if p not in known and p in online]
        replies = await asyncio.gather(*(self._ask_job(p, job) for p in asked))
        found = {p: reply for p, reply in zip(asked, replies, strict=True) if reply is not None}
        lost = jobs.Progress(status=jobs.Status.UNKNOWN, note="the peer can't be asked")
        return {p: known.get(p) or found.get(p) or lost for p in job.peers}

    async def _ask_job(self, peer_id: str, job: jobs.Job) -> jobs.Progress | None:
        if peer_id == self.peer_id:
            return await self._daemon.gluster.rebalances.progress(job)
        return await Remote(self._daemon).job(peer_id, job.id)

    async def volume_size(self, volume: model.Volume) -> SizeInfo:
        return volume_size(volume, dict(await self.brick_facts(volume)))

    def describe(self, volume: model.Volume) -> Mapping[str, Any]:
        shown: dict[str, Any] = self._daemon.gluster.description(volume)
        return shown

    async def ask(
        self, volume: model.Volume, ask: str, arguments: Mapping[str, Any], *, peers: Sequence[str], timeout_s: float
    ) -> Mapping[str, Answered]:
        online = self._daemon.online()

        async def one(peer_id: str) -> Answered:
            if peer_id == self.peer_id:
                return await self._daemon.asked(volume.name, ask, arguments)
            if peer_id not in online:
                return Answered(error="the peer is down")
            return await Remote(self._daemon).ask(peer_id, volume.name, ask, arguments, timeout_s)

        return dict(zip(peers, await asyncio.gather(*(one(p) for p in peers)), strict=True))

    def watch(self, prefix: str, from_revision: int) -> Watch:
        try:
            return _Watch(self._daemon.member.store.watch(prefix, from_revision))
        except StoreCompacted as error:
            raise Compacted(str(error)) from error


class _Watch:
    """The store's watch, with the error that REST knows."""

    def __init__(self, watch: StoreWatch) -> None:
        self._watch = watch

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        try:
            return await self._watch.__anext__()
        except StoreCompacted as error:
            raise Compacted(str(error)) from error

    def close(self) -> None:
        self._watch.close()
