"""Joining and leaving, seen from both sides: asking an address who answers there, inviting, revoking, dismissing.

The side that is asked decides for itself: a fresh daemon without volumes and without another pool joins the first prober, or
only one that knows its join secret.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import structlog

from gd2raft import services
from gd2raft.commands.peer_add import FoundPeer, check_addresses
from gd2raft.config import CLIENT_PORT, PEER_PORT, join_address
from gd2raft.core import devices, model
from gd2raft.core.plan import Failed, Refused
from gd2raft.core.wording import counted
from gd2raft.engine.step_runner import StepError
from gd2raft.peers.identity import Identity, new_identity
from gd2raft.peers.strangers import who_answers
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import DialFailed, HelloRefused, RemoteError, RpcError, RpcRefusal
from gd2raft.rpc.hello import H_CLOSED, H_NOT_GD2R, JoinDial
from gd2raft.rpc.pool import ConnectionPool

ASK_TIMEOUT_S = 5.0
WELCOME_EVERY_S = (0.05, 1.0)

log = structlog.get_logger("joining")


class Prober:
    """The side that probes. `secret`: the join secret that this peer knows, None for none; `store`: where its pool's state is."""

    def __init__(self, connections: Callable[[], ConnectionPool], secret: Callable[[], bytes | None], store: str) -> None:
        self._connections, self._secret, self._store = connections, secret, store

    async def find(self, addresses: Sequence[str]) -> FoundPeer:
        """Ask the addresses in turn who answers there; the first answer counts. Raises Refused or Failed."""
        check_addresses(addresses)
        places = [parse_address(text) for text in addresses]  # all of them before the first is asked
        problems = []
        for text, (host, port) in zip(addresses, places, strict=True):
            try:
                reply = await self.ask(host, port)
                return found_peer(host, port, reply, self._store)
            except (RpcError, OSError, TimeoutError) as error:
                problems.append(f"could not connect to host {text}: {await cause_of(error, host, port)}")
        raise Failed(
            "; ".join(problems),
            hint=f"is its gd2raft running, and is port {PEER_PORT} open? Only daemons of one protocol version can talk",
            code="unreachable",
        )

    async def ask(self, host: str, port: int, timeout_s: float = ASK_TIMEOUT_S) -> services.AskReply:
        """Who answers there. Raises RpcError, OSError, TimeoutError."""
        connection = await self._dial(join_address(host, port), timeout_s)
        try:
            return await connection.call(services.JOIN_ASK, services.Empty(), timeout_s=timeout_s)
        finally:
            await connection.close("asked")

    async def _dial(self, address: str, timeout_s: float = ASK_TIMEOUT_S) -> Connection:
        return await self._connections().dial(address, join=JoinDial(self._secret()), timeout_s=timeout_s)

    async def invite(self, address: str, invitation: services.Invitation) -> None:
        """Raises StepError."""
        try:
            connection = await self._dial(address)
            try:
                await connection.call(services.JOIN_INVITE, invitation, timeout_s=15.0)
            finally:
                await connection.close("invited")
        except RemoteError as error:
            raise StepError(f"peer {address} does not join: {error.message}") from error
        except (RpcError, OSError, TimeoutError) as error:
            raise StepError(f"peer {address} could not be invited: {error}", "is its daemon still running?") from error

    async def revoke(self, address: str, peer_id: str, pool_id: str) -> None:
        """Take an invitation back. A peer that can't be reached gives it up by itself, because no member knows it."""
        await self._part(address, peer_id, pool_id, services.JOIN_REVOKE)

    async def dismiss(self, address: str, peer_id: str, pool_id: str) -> None:
        """Tell a peer that it was detached. One that can't be reached learns of it when it returns."""
        await self._part(address, peer_id, pool_id, services.PEER_DISMISS)

    async def _part(self, address: str, peer_id: str, pool_id: str, method: services.PartMethod) -> None:
        try:
            await self._connections().call(address, method, services.Revocation(pool_id, peer_id), 8.0, expect_peer_id=peer_id)
        except (RpcError, OSError, TimeoutError) as error:
            log.info("could not tell the peer that it is no member; it will find out", peer=peer_id, error=str(error))

    async def wait_for(self, address: str, peer_id: str, revision: int, timeout_s: float) -> None:
        """Wait until the peer's state has the revision. Raises StepError."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        last, pause_s = "no answer yet", WELCOME_EVERY_S[0]
        while asyncio.get_running_loop().time() < deadline:
            try:
                state = await self._connections().call(address, services.PEER_STATE, services.Empty(), 2.0, expect_peer_id=peer_id)
                if state.revision >= revision:
                    return
                last = f"it has revision {state.revision} of {revision}"
            except (RpcError, OSError, TimeoutError) as error:
                last = str(error)
                self._connections().forget(address)
            await asyncio.sleep(pause_s)
            pause_s = min(WELCOME_EVERY_S[1], 1.5 * pause_s)  # many may be joining
        raise StepError(
            f"peer {address} did not catch up within {timeout_s:.0f} s: {last}", "it goes on trying; `gd2 peer status` shows it"
        )


async def cause_of(error: Exception, host: str, port: int) -> str:
    """Why nobody could be asked; and who is there instead, at that port or at the one of all GlusterFS daemons."""
    cause = (error.cause if isinstance(error, RpcError) else "") or str(error) or type(error).__name__
    if isinstance(error, HelloRefused) and error.code in (H_NOT_GD2R, H_CLOSED):
        return f"at port {port} answers {who}" if (who := await who_answers(host, port)) else cause
    if isinstance(error, DialFailed) and port != CLIENT_PORT and (who := await who_answers(host, CLIENT_PORT)):
        return f"port {port}: {cause}; at port {CLIENT_PORT} answers {who}"
    return cause


def parse_address(text: str) -> tuple[str, int]:
    """
    >>> parse_address("node1"), parse_address("10.0.0.1:2"), parse_address("[::1]:3"), parse_address("::1")
    (('node1', 24008), ('10.0.0.1', 2), ('::1', 3), ('::1', 24008))
    """
    host, port = text, PEER_PORT
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest:
            port = _port(text, rest.removeprefix(":"))
    elif text.count(":") == 1:
        host, _, tail = text.partition(":")
        port = _port(text, tail)
    if not host or len(host) > 255 or not re.fullmatch(r"[A-Za-z0-9._:%-]+", host):
        raise Refused(f"{text[:80]!r} is not an address", hint="HOST or HOST:PORT", code="bad-address")
    return host, port


def _port(text: str, digits: str) -> int:
    if not digits.isdigit() or not 0 < int(digits) < 65536:
        raise Refused(f"{text[:80]!r} has no valid port", hint="HOST or HOST:PORT", code="bad-address")
    return int(digits)


def found_peer(host: str, port: int, reply: services.AskReply, store: str) -> FoundPeer:
    refusal = f"it keeps its state in {reply.store}, this pool in {store}: `store` must be the same in their configurations"
    return FoundPeer(
        id=reply.peer_id,
        pool=reply.pool_id,
        address=join_address(host, port),
        hostname=host,
        client_address=join_address(reply.client_host or host, reply.client_port),
        zone=reply.zone,
        op_version_min=reply.op_version_min,
        op_version_max=reply.op_version_max,
        steps=tuple(reply.steps),
        hooks=tuple(reply.hooks),
        refusal=reply.refusal or (refusal if reply.store != store else ""),
    )


class Probed:
    """The side that is probed. `switch` makes the daemon a member of another pool, durably, before it returns; `unfit` says why it
    can't be in the pool that invites it ("" when it can)."""

    def __init__(
        self,
        identity: Callable[[], Identity],
        view: Callable[[], model.View],
        about: Callable[[str], services.AskReply],
        switch: Callable[[Identity, str | None], Awaitable[None]],
        unfit: Callable[[services.Invitation], Awaitable[str]],
    ) -> None:
        self._identity, self._view, self._about, self._switch, self._unfit = identity, view, about, switch, unfit
        self._lock = asyncio.Lock()

    def refusal(self, pool_id: str = "") -> str:
        """Why this peer doesn't join ("" when it does). The pool that invited it already may ask again."""
        identity, view = self._identity(), self._view()
        if identity.pool_id == pool_id and identity.role == "invited":
            return ""
        if volumes := view.volumes():
            return f"it has {counted(len(volumes), 'volume')} ({', '.join(v.name for v in volumes[:3])})"
        if found := devices.all_devices(view):
            return f"it has {counted(len(found), 'device')} ({', '.join(d.path for d in found[:3])}): gd2 device remove"
        if (peers := len(view.peers())) > 1:
            return f"it is in another pool, of {peers} peers ({identity.pool_id})"
        if identity.role != "founder":
            return f"it has been invited into another pool ({identity.pool_id}) already"
        return ""

    async def on_ask(self, connection: Connection, request: object) -> services.AskReply:
        return self._about(self.refusal())

    async def on_invite(self, connection: Connection, invitation: services.Invitation) -> services.Empty:
        async with self._lock:
            identity = self._identity()
            if invitation.peer_id != identity.peer_id:
                raise RpcRefusal("other-peer", f"this is peer {identity.peer_id}, not {invitation.peer_id}")
            if refusal := self.refusal(invitation.pool_id):
                raise RpcRefusal("refuses", refusal)
            if identity.pool_id == invitation.pool_id:
                return services.Empty()  # asked again: it follows that pool already
            if len(invitation.pool_key) != 32 or len(invitation.secret) < 32 or not invitation.seeds:
                raise RpcRefusal("bad-invitation", "the invitation is not complete")
            if refusal := await self._unfit(invitation):
                raise RpcRefusal("refuses", refusal)
            log.info("joining a pool", pool=invitation.pool_id, seeds=invitation.seeds)
            joined = Identity(
                peer_id=identity.peer_id,
                pool_id=invitation.pool_id,
                pool_key=invitation.pool_key.hex(),
                role="invited",
                seeds=tuple(invitation.seeds),
                address=invitation.address,
            )
            await self._switch(joined, invitation.secret.decode())
        return services.Empty()

    async def on_revoke(self, connection: Connection, revocation: services.Revocation) -> services.Empty:
        async with self._lock:
            identity = self._identity()
            if identity.pool_id == revocation.pool_id and identity.peer_id == revocation.peer_id and identity.role == "invited":
                log.info("the invitation was taken back", pool=identity.pool_id)
                await self.leave()
        return services.Empty()

    async def on_dismiss(self, connection: Connection, revocation: services.Revocation) -> services.Empty:
        async with self._lock:
            identity = self._identity()
            if identity.pool_id == revocation.pool_id and identity.peer_id == revocation.peer_id:
                log.info("detached from the pool", pool=identity.pool_id)
                await self.leave()
        return services.Empty()

    async def leave(self) -> None:
        """Be a pool of one again, with a new identity: the old one may have voted, and must never vote again."""
        await self._switch(new_identity(), None)
