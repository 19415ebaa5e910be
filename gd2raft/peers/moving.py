"""A peer that has moved: it says so by itself when it returns, or somebody says it for it, and who is asked makes sure of it.

What counts is who answers: at the new address the peer itself, proven by the pool's key and its id; at the old one not a second process
with that id (a copied state folder), which is refused. A peer that is still reached by the address it is known by has not moved,
whatever it is called on its own machine (names, address translation). The record is changed by a command like any other.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import msgspec
import structlog

from gd2raft import services
from gd2raft.commands.peer_add import FoundPeer
from gd2raft.commands.peer_edit import PeerEdit, names_of
from gd2raft.config import join_address
from gd2raft.core import model
from gd2raft.core.plan import Conflict, Failed
from gd2raft.peers.joining import found_peer, parse_address
from gd2raft.peers.twins import RUNS_TWICE, message
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import HelloRefused, RemoteError, RpcError, RpcRefusal
from gd2raft.rpc.hello import H_WRONG_PEER
from gd2raft.rpc.opening import split_address
from gd2raft.rpc.pool import ConnectionPool

ASK_S = 2.0
ASKED_S = 15.0
"""For the peer that is asked: it dials, and runs a command."""
LOOK_EVERY_S = 10.0
RETRY_S = (0.5, 5.0)
ASKED_MAX = 16
ANY_HOST = ("", "0.0.0.0", "::")

log = structlog.get_logger("moving")


class Answer(NamedTuple):
    """Who answers at an address. `instance`: of its process."""

    found: FoundPeer
    instance: str


class Movers:
    """The side that is asked. `run` brings a command to its end; `store`: where the pool keeps its state."""

    def __init__(
        self,
        connections: Callable[[], ConnectionPool],
        view: Callable[[], model.View],
        run: Callable[[PeerEdit], Awaitable[object]],
        store: str,
    ) -> None:
        self._connections, self._view, self._run, self._store = connections, view, run, store

    async def on_moved(self, connection: Connection, request: services.Moved) -> services.Empty:
        try:
            await self.record(connection.peer.peer_id, connection.peer.instance, request.address)
        except Conflict as error:
            if error.code == RUNS_TWICE:
                raise RpcRefusal(RUNS_TWICE, error.message) from error
            raise
        return services.Empty()

    async def record(self, peer_id: str, instance: str, address: str) -> None:
        """The process `instance` of a peer says where it listens. Raises RpcRefusal, CommandError."""
        peer = self._view().peer(peer_id)
        if peer is None:
            raise RpcRefusal("unknown-peer", f"peer {peer_id} is not in the pool")
        known = await self._reached(peer)
        if known is not None and known.instance == instance:
            if known.found.client_address.rpartition(":")[2] == peer.client_addresses[0].rpartition(":")[2]:
                return  # it is where it was
            address = peer.addresses[0]
        request = await self.placed(PeerEdit(peer=peer_id, address=address), instance)
        log.info("a peer has moved", peer=peer_id, address=address, was=peer.addresses[0])
        await self._run(request)

    async def placed(self, request: PeerEdit, instance: str = "") -> PeerEdit:
        """The request with what the peer says of itself at its new address. Raises CommandError.

        `instance`: the process that must answer there, "" for any of that peer.
        """
        peer = self._view().find_peer(request.peer)
        if peer is None:
            return request  # the plan says so
        host, port = parse_address(request.address)
        address = join_address(host, port)
        try:
            answer = await self._at(peer.id, address)
        except (RpcError, OSError, TimeoutError) as error:
            return msgspec.structs.replace(request, found=unseen(peer, host, address, request.force, error))
        if instance and answer.instance != instance:
            raise Conflict(message(peer.id, address), code=RUNS_TWICE)
        if address != peer.addresses[0]:
            known = await self._reached(peer)
            if known is not None and known.instance != answer.instance:
                raise Conflict(message(peer.id, f"at {peer.addresses[0]} and at {address}"), code=RUNS_TWICE)
        return msgspec.structs.replace(request, found=answer.found, trades=await self._trader(peer, address))

    async def _trader(self, peer: model.Peer, address: str) -> FoundPeer | None:
        """The peer that is known by `address`, if it answers where `peer` was."""
        others = [p for p in self._view().peers() if p.id != peer.id and address in p.addresses]
        for other in others:
            try:
                return (await self._at(other.id, peer.addresses[0])).found
            except (RpcError, OSError, TimeoutError) as error:
                log.info("an address belongs to another peer, which is not where the first one was", peer=other.id, error=str(error))
        return None

    async def _reached(self, peer: model.Peer) -> Answer | None:
        """The peer at the address it is known by; None when it doesn't answer there. Raises Conflict when it runs twice."""
        try:
            return await self._at(peer.id, peer.addresses[0])
        except HelloRefused as error:
            if error.code == RUNS_TWICE:
                raise Conflict(error.message, code=RUNS_TWICE) from error
            return None
        except (RpcError, OSError, TimeoutError):
            return None

    async def _at(self, peer_id: str, address: str) -> Answer:
        """On a connection of its own, with the pool's key: nobody else can answer for the peer."""
        connection = await self._connections().dial(address, expect_peer_id=peer_id, timeout_s=ASK_S)
        try:
            reply = await connection.call(services.JOIN_ASK, services.Empty(), timeout_s=ASK_S)
        finally:
            await connection.close("asked")
        host, port = split_address(address)
        return Answer(found_peer(host, port, reply, self._store), connection.peer.instance)


def unseen(peer: model.Peer, host: str, address: str, force: bool, error: Exception) -> FoundPeer:
    """What is taken for true of a peer that can't be asked, with force. Raises Conflict, Failed."""
    if isinstance(error, HelloRefused) and error.code in (H_WRONG_PEER, RUNS_TWICE):
        hint = "`gd2 peer list` shows where the peers are" if error.code == H_WRONG_PEER else ""
        raise Conflict(error.message, hint=hint, code=error.code) from error
    if not force:
        raise Failed(
            f"peer {peer.id} does not answer at {address}: {error or type(error).__name__}",
            hint="start its daemon there first; with force the address is changed all the same",
            code="unreachable",
        ) from error
    _, _, client_port = peer.client_addresses[0].rpartition(":")
    return FoundPeer(id=peer.id, pool="", address=address, hostname=host, client_address=join_address(host, int(client_port)))


class Mover:
    """The side that moves: looks now and then whether this peer is known by an address that it has, and asks others to change it if not.

    `own`: this peer's record (None while it has none); `others`: whom to ask, the best first; `alone` records it without asking, for
    a pool of one; `twin` is told when a second process with this peer's id is the reason not to; `changed`: it is elsewhere than a
    moment ago. `host` may be empty: every address of
    this machine.
    """

    def __init__(
        self,
        own: Callable[[], model.Peer | None],
        others: Callable[[], Iterable[model.Peer]],
        connections: Callable[[], ConnectionPool],
        alone: Callable[[str], Awaitable[None]],
        twin: Callable[[RemoteError], None],
        changed: Callable[[], None],
        *,
        host: str,
        port: int,
        client_port: int,
        chance: random.Random,
    ) -> None:
        self._own, self._others, self._connections, self._alone = own, others, connections, alone
        self._twin, self._changed = twin, changed
        self._host, self._port, self._client_port, self._chance = host, port, client_port, chance
        self._at = ""  # where it listens, when it is known by another address
        self._recorded = asyncio.Event()

    def misplaced(self) -> bool:
        """Whether the pool knows another peer by the address at which this one is: clients would take its bricks for that peer's."""
        own = self._own()
        if not self._at or own is None or own.addresses[0] == self._at:
            return False
        host = model.host_of(self._at)
        return any(host in map(model.host_of, names_of(other)) for other in self._others())

    async def run(self) -> None:
        pause_s = RETRY_S[0]
        while True:
            self._recorded.clear()
            settled = await self._look()
            if self._is_as_configured():
                await self._recorded.wait()
                continue
            pause_s = LOOK_EVERY_S if settled else min(RETRY_S[1], max(RETRY_S[0], pause_s * 2))
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
            pause_s = RETRY_S[0] if settled else pause_s

    def poke(self) -> None:
        """The pool's record of this peer may have changed."""
        self._recorded.set()

    def _is_as_configured(self) -> bool:
        """Only another record can change then what is right: there is no name to look up that might mean something else tomorrow."""
        own = self._own()
        return own is not None and is_as_configured(own, self._host, self._port, self._client_port)

    async def where(self) -> str:
        """HOST:PORT at which this peer listens, when the pool knows it by another address; "" when by this one, or it can't be told."""
        own, was = self._own(), self._at
        if own is None or self._is_as_configured():
            self._at = ""
        else:
            towards = next((other.addresses[0] for other in self._others()), "")
            self._at = await asyncio.to_thread(address_now, own, self._host, self._port, self._client_port, towards)
        if self._at != was:
            self._changed()
        return self._at

    async def _look(self) -> bool:
        """Whether the pool knows this peer by the right address, as far as can be told."""
        address = await self.where()
        if not address:
            return True
        others = list(self._others())[:ASKED_MAX]
        if not others:
            return await self._tried(self._alone(address), address)
        for other in others:
            if await self._ask(other, address):
                return True
        return False

    async def _ask(self, other: model.Peer, address: str) -> bool:
        where, request = other.addresses[0], services.Moved(address)
        return await self._tried(self._connections().call(where, services.PEER_MOVED, request, ASKED_S, expect_peer_id=other.id), address)

    async def _tried(self, work: Awaitable[object], address: str) -> bool:
        try:
            await work
        except Exception as error:  # whatever it is, it is tried again
            log.info("the pool doesn't know yet where this peer is", address=address, why=str(error))
            if isinstance(error, RemoteError) and error.code == RUNS_TWICE:
                self._twin(error)
            return False
        return True


def is_as_configured(known: model.Peer, host: str, port: int, client_port: int) -> bool:
    """Whether the record is right word for word, so that nothing has to be looked up."""
    return known.addresses[0] == join_address(host, port) and known.client_addresses[0].endswith(f":{client_port}")


def address_now(known: model.Peer, host: str, port: int, client_port: int, towards: str) -> str:
    """HOST:PORT at which this peer listens; "" when the pool's record of it is right, or it can't be told. Looks names up.

    `host`: that it listens on, empty for all; `towards`: HOST:PORT of another peer, "" for none.
    """
    recorded, recorded_port = split_address(known.addresses[0])
    _, _, recorded_client_port = known.client_addresses[0].rpartition(":")
    same_ports = (recorded_port, recorded_client_port) == (port, str(client_port))
    try:
        ips = lookup(recorded)
        here = bool(ips & lookup(host)) if host not in ANY_HOST else any(map(is_local, ips))
        if here:
            return "" if same_ports else join_address(recorded, port)
        if host not in ANY_HOST:
            return join_address(host, port)
        return join_address(local_address_towards(towards), port) if towards else ""
    except OSError:
        return ""


def lookup(host: str) -> set[str]:
    return {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}


def is_local(ip: str) -> bool:
    """Whether an address is one of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((ip, 0))
        except OSError:
            return False
    return True


def local_address_towards(address: str) -> str:
    """The address of this machine that packets to `address` (HOST:PORT) come from."""
    host, port = split_address(address)
    info = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(info[0], socket.SOCK_DGRAM) as sock:
        sock.connect(info[4])
        return str(sock.getsockname()[0])
