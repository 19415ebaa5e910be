"""What other peers may ask of this one, and how this one asks them: messages of the RPC to and from the daemon's own types."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from gd2raft import services
from gd2raft.core import jobs, model, plan
from gd2raft.core.kv import Expect
from gd2raft.core.phases import StepOutcome, StepProblem
from gd2raft.core.plan import CommandError
from gd2raft.engine.calls import CommandCall, Done, NotLeader, StepCall
from gd2raft.facts import brick_facts
from gd2raft.peers.herald import remember, told
from gd2raft.rest.api import Answered
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Deferred, Handlers
from gd2raft.rpc.errors import DialFailed, HelloRefused, Overloaded, RemoteError, RpcError, RpcRefusal, RpcTimeout
from gd2raft.rpc.fields import cut
from gd2raft.rpc.service import Method
from gd2raft.store.interface import StoreError

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon

log = structlog.get_logger("remote")

ALIVE_S = 2.0
DISK_S = 1.0
NOTICES_S = 1.0
STEP_PATIENCE_S = 1.0
"""A peer that was invited a moment ago may have refused us a moment before that."""
COMMAND_REFUSED = "command"
FAMILIES = (plan.NotFound, plan.Conflict, plan.Moved, plan.Unavailable, plan.OutcomeUnknown, plan.Failed, NotLeader, plan.Refused)


def explain(error: Exception) -> RpcRefusal | None:
    """A command's end as an error of the RPC, so that the initiator can raise the same."""
    if isinstance(error, CommandError):
        family = next((f.__name__ for f in FAMILIES if isinstance(error, f)), "CommandError")
        more = {"family": family, "code": error.code, "http": error.http, "hint": error.hint, "fields": error.fields}
        return RpcRefusal(COMMAND_REFUSED, error.message, {"error": msgspec.json.encode(more).decode()})
    if isinstance(error, StoreError):
        return RpcRefusal("store", str(error))
    return None


def command_error(error: RemoteError) -> CommandError:
    """The other way round."""
    more = msgspec.json.decode(error.fields.get("error", "{}"))
    family: Any = next((f for f in FAMILIES if f.__name__ == more.get("family")), plan.Failed)
    made: CommandError = family(
        error.message, hint=more.get("hint", ""), code=more.get("code", ""), http=more.get("http", 0), fields=more.get("fields")
    )
    return made


class Remote:
    """See the module's docstring."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> Handlers:
        probed = self._probed
        return {
            services.RAFT_MESSAGE: self.on_raft,
            services.STORE_FORWARD: self.on_forward,
            services.STORE_READ: self.on_read,
            services.FOLLOW_OPEN: self.on_follow,
            services.FOLLOW_FRAMES: lambda c, m: self._daemon.member.follower.on_frames(c, m),
            services.FOLLOW_STATE: lambda c, m: self._daemon.member.follower.on_state(c, m),
            services.FOLLOW_LEASE: lambda c, m: self._daemon.member.feed.lease(c, m),
            services.FOLLOW_HURRY: lambda c, m: self._daemon.member.hurry(),
            services.FOLLOW_SNAPSHOT: self.on_snapshot,
            services.COMMAND_RUN: self.on_command,
            services.STEP_RUN: self.on_step,
            services.JOIN_ASK: probed("on_ask"),
            services.JOIN_INVITE: probed("on_invite"),
            services.JOIN_REVOKE: probed("on_revoke"),
            services.PEER_DISMISS: probed("on_dismiss"),
            services.PEER_STATE: self.on_state,
            services.PEER_RECOVERED: self.on_recovered,
            services.PEER_MOVED: lambda c, m: self._daemon.movers.on_moved(c, m),
            services.BRICKS_STATUS: self.on_bricks,
            services.VOLUME_ASK: self.on_ask,
            services.VOLUME_VOLFILE: lambda c, m: self._daemon.volfiles.on_query(c, m),
            services.JOB_PROGRESS: self.on_job,
        }

    def _probed(self, name: str) -> Any:
        async def handler(connection: Connection, request: Any) -> Any:
            return await getattr(self._daemon.probed, name)(connection, request)

        return handler

    # asked by others

    def on_raft(self, connection: Connection, message: services.RaftMessage) -> None:
        courier = self._daemon.tenure.courier
        courier.heard(connection)
        if not courier.muted():
            self._daemon.member.log.receive(connection.peer.peer_id, message.payload)

    def on_forward(self, connection: Connection, request: services.Forwarded) -> Deferred:
        later = Deferred()
        log = self._daemon.member.log
        log.take_forward(request.payload, request.timeout_ms / 1000, lambda reply: later.answer(services.Answer(reply)))
        return later

    async def on_read(self, connection: Connection, request: services.Forwarded) -> services.Answer:
        return services.Answer(await self._daemon.member.log.handle_forward_read(request.payload, request.timeout_ms / 1000))

    def on_follow(self, connection: Connection, request: services.FollowRequest) -> services.FollowReply:
        return self._daemon.member.on_follow(connection, request)

    async def on_snapshot(self, connection: Connection, request: services.SnapshotRequest) -> services.SnapshotChunk:
        return await self._daemon.member.snapshots.on_request(connection, request)

    async def on_recovered(self, connection: Connection, news: services.Recovered) -> services.Empty:
        if news.former == self._daemon.identity.pool_id:
            try:
                await asyncio.to_thread(remember, self._daemon.state, news)
            except OSError as error:  # it must end all the same; it will be told again
                log.warning("what this peer was told can't be kept", why=str(error))
            self._daemon.stop(told(news))
        return services.Empty()

    async def on_command(self, connection: Connection, m: services.CommandMessage) -> services.DoneMessage:
        expect = tuple(Expect(e.key, e.revision) for e in m.expect)
        call = CommandCall(m.id, m.command, m.request, m.initiator, m.request_id, m.user, m.timeout_ms / 1000, m.digest, expect)
        done = await self._daemon.run_command(call)
        return services.DoneMessage(done.revision, msgspec.json.encode(done.result), [cut(warning) for warning in done.warnings])

    async def on_step(self, connection: Connection, m: services.StepMessage) -> services.StepReply:
        call = StepCall(m.transaction, m.revision, m.kind, m.arguments, m.undo, m.request_id, m.timeout_ms / 1000)
        outcome = await self._daemon.step_runner.run(call)
        error, hint, away = (outcome.problem.error, outcome.problem.hint, outcome.problem.away) if outcome.problem else ("", "", False)
        return services.StepReply(msgspec.json.encode(outcome.facts), cut(error), cut(hint), away)

    def on_state(self, connection: Connection, request: services.Empty) -> services.PeerState:
        store = self._daemon.member.store
        index, term = store.last_applied
        status = store.status()
        return services.PeerState(status.role, index, term, store.revision, status.disk_full, self._daemon.member.notices())

    async def on_bricks(self, connection: Connection, request: services.VolumeQuery) -> services.Answer:
        volume = self._daemon.view().volume(request.volume)
        if volume is None:
            return services.Answer(b"{}")
        found = await brick_facts(volume, self._daemon.identity.peer_id, self._daemon.processes)
        return services.Answer(msgspec.json.encode(found))

    async def on_ask(self, connection: Connection, request: services.VolumeAsk) -> services.VolumeAnswer:
        arguments = msgspec.json.decode(request.arguments, type=dict[str, Any])
        answered = await self._daemon.asked(request.volume, request.ask, arguments)
        return services.VolumeAnswer(msgspec.json.encode(answered.value), cut(answered.error))

    async def on_job(self, connection: Connection, request: services.JobQuery) -> services.Answer:
        job = jobs.find(self._daemon.view(), request.job)
        if job is None:
            return services.Answer(b"")
        return services.Answer(msgspec.json.encode(await self._daemon.gluster.rebalances.progress(job)))

    # asking others

    async def forward(self, method: Method[services.Forwarded, services.Answer], leader: str, data: bytes, timeout_s: float) -> bytes:
        """Raises TimeoutError, OSError: what the store expects of a forward."""
        try:
            request = services.Forwarded(data, int(timeout_s * 1000))
            answer: services.Answer = await self._call(leader, method, request, timeout_s)
        except RpcTimeout as error:
            raise TimeoutError(str(error)) from error
        except RpcError as error:
            raise ConnectionError(str(error)) from error
        return answer.payload

    async def forward_command(self, leader: str, call: CommandCall, timeout_s: float) -> Done:
        message = services.CommandMessage(
            call.id,
            call.command,
            call.request,
            call.initiator,
            call.request_id,
            call.user,
            int(call.timeout_s * 1000),
            call.digest,
            [services.ExpectMessage(e.key, e.modified) for e in call.expect],
        )
        try:
            reply = await self._call(leader, services.COMMAND_RUN, message, timeout_s)
        except (DialFailed, HelloRefused, Overloaded) as error:
            raise NotLeader(f"the leader can't be reached: {error}") from error
        except RemoteError as error:
            if error.code == COMMAND_REFUSED:
                raise command_error(error) from error
            raise ConnectionError(str(error)) from error
        except RpcTimeout as error:
            raise TimeoutError(str(error)) from error
        except RpcError as error:
            raise ConnectionError(str(error)) from error
        return Done(reply.revision, msgspec.json.decode(reply.result), tuple(reply.warnings))

    async def run_step(self, peer_id: str, call: StepCall) -> StepOutcome:
        """Never raises for what the world does."""
        message = services.StepMessage(
            call.transaction, call.revision, call.kind, call.arguments, call.undo, call.request_id, int(call.timeout_s * 1000)
        )
        try:
            reply = await self._call(peer_id, services.STEP_RUN, message, call.timeout_s + 15.0, patience_s=STEP_PATIENCE_S)
        except RemoteError as error:
            problem = StepProblem(peer_id=peer_id, step=call.kind, error=error.message)
        except RpcError as error:
            begun = not isinstance(error, DialFailed | HelloRefused | Overloaded)  # those are raised before anything is sent
            problem = StepProblem(
                peer_id=peer_id, step=call.kind, error=f"the peer can't be reached: {error}", unreachable=True, begun=begun
            )
        else:
            facts = msgspec.json.decode(reply.facts, type=dict[str, Any])
            if not reply.error:
                return StepOutcome(facts=facts)
            problem = StepProblem(peer_id=peer_id, step=call.kind, error=reply.error, hint=reply.hint, away=reply.away)
        return StepOutcome(problem=problem)

    async def bricks(self, peer_id: str, volume: str) -> dict[str, Any]:
        """Brick id -> facts of the volume's bricks on that peer; empty when it can't be asked."""
        try:
            reply = await self._call(peer_id, services.BRICKS_STATUS, services.VolumeQuery(volume), 3.0)
        except RpcError:
            return {}
        return msgspec.json.decode(reply.payload, type=dict[str, Any])

    async def ask(self, peer_id: str, volume: str, ask: str, arguments: Mapping[str, Any], timeout_s: float) -> Answered:
        """Never raises for what the world does."""
        request = services.VolumeAsk(volume, ask, msgspec.json.encode(arguments))
        try:
            reply = await self._call(peer_id, services.VOLUME_ASK, request, timeout_s)
        except RpcError as error:
            return Answered(error=f"the peer can't be asked: {error}")
        return Answered(value=msgspec.json.decode(reply.payload, type=dict[str, Any]), error=reply.error)

    async def job(self, peer_id: str, job_id: str) -> jobs.Progress | None:
        """How far that peer is with a job; None when it can't be asked, or doesn't know the job yet."""
        try:
            reply = await self._call(peer_id, services.JOB_PROGRESS, services.JobQuery(job_id), 5.0)
        except RpcError:
            return None
        return msgspec.json.decode(reply.payload, type=jobs.Progress) if reply.payload else None

    async def disk_full(self, peer_id: str) -> bool:
        """Whether the peer says that the disk of its log is full; False too when it can't be asked in time."""
        try:
            state: services.PeerState = await self._call(peer_id, services.PEER_STATE, services.Empty(), DISK_S)
        except RpcError:
            return False
        return state.disk_full

    async def notices(self, leader: str) -> list[services.Notice]:
        """What the leader has to say of other peers; nothing when it can't be asked in time."""
        try:
            state: services.PeerState = await self._call(leader, services.PEER_STATE, services.Empty(), NOTICES_S)
        except RpcError:
            return []
        return state.notices

    async def answers(self, peer: model.Peer) -> bool:
        """Whether the peer's daemon is there now, asked on a connection of its own."""
        try:
            connection = await self._daemon.connections().dial(peer.addresses[0], expect_peer_id=peer.id, timeout_s=ALIVE_S)
            try:
                await connection.call(services.PEER_STATE, services.Empty(), timeout_s=ALIVE_S)
            finally:
                await connection.close("asked")
        except (RpcError, OSError, TimeoutError):
            return False
        return True

    async def _call(self, peer_id: str, method: Method[Any, Any], request: Any, timeout_s: float, patience_s: float = 0.0) -> Any:
        address = self._daemon.member.address_of(peer_id)
        if not address:
            raise DialFailed(f"the address of peer {peer_id} is not known")
        try:
            connections = self._daemon.connections()
            return await connections.call(address, method, request, timeout_s, expect_peer_id=peer_id, patience_s=patience_s)
        except (DialFailed, HelloRefused):
            if (back := self._daemon.rpc.connection_from(peer_id)) is None:
                raise
            return await back.call(method, request, timeout_s=timeout_s)  # it isn't where it is known to be: it may have moved, and lead
