"""The listening side of the peer RPC: accepts, limits, and hands agreed connections to the daemon.

Strangers get a seat for handshake_deadline_s at most, in a room of handshakes_max seats from which the oldest is dropped
when it is full; they never take the seats of agreed connections, and they cannot fill the log.
This file must not know what the methods mean.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import ssl
from collections.abc import Callable
from typing import Any

import structlog

from gd2raft.rpc import handshake, hello
from gd2raft.rpc.connection import Connection, OnClose, address_text
from gd2raft.rpc.dispatch import Endpoint, Explain, Handlers
from gd2raft.rpc.errors import HelloRefused, ListenFailed
from gd2raft.rpc.handshake import Agreed, Handshake
from gd2raft.rpc.hello import HelloPolicy
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.opening import Opening
from gd2raft.rpc.traffic import Traffic

log = structlog.get_logger("gd2raft.rpc")

BACKLOG = 512
LOG_BURST = 20
LOG_PER_S = 1.0


class RpcServer:
    """Listens on host:port (port 0: the system chooses, see `address`).

    `tls`: hand in a server-side context (with CERT_REQUIRED for mutual TLS) and the same handshake runs inside TLS.
    """

    def __init__(
        self,
        host: str,
        port: int,
        policy: HelloPolicy,
        handlers: Handlers,
        limits: RpcLimits | None = None,
        *,
        traffic: Traffic | None = None,
        explain: Explain | None = None,
        on_connection: Callable[[Connection], None] | None = None,
        on_close: OnClose | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._policy = policy
        self._endpoint = Endpoint.build(handlers, limits, traffic, explain)
        self._on_connection = on_connection
        self._on_close = on_close
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._openings: dict[Opening, None] = {}  # in order of arrival
        self._connections: set[Connection] = set()
        self._log_budget = _LogBudget()

    @property
    def connections(self) -> frozenset[Connection]:
        return frozenset(self._connections)

    def connection_from(self, peer_id: str) -> Connection | None:
        """An open connection that the peer has made to this one, as one of its pool."""
        return next((c for c in self._connections if c.peer.peer_id == peer_id and not (c.join_mode or c.closed)), None)

    @property
    def handshakes(self) -> int:
        """Connections that have not proved anything yet."""
        return len(self._openings)

    @property
    def traffic(self) -> Traffic:
        return self._endpoint.traffic

    @property
    def address(self) -> str:
        """host:port that it really listens on."""
        assert self._server is not None, "not started"
        return address_text(self._server.sockets[0].getsockname())

    async def start(self) -> None:
        """ListenFailed says which address and why."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, self._host or None, self._port, **self._options())
        except OSError as error:
            raise ListenFailed(_listen_text(self._host, self._port, error)) from None

    async def close(self) -> None:
        """Stop listening and close every connection, within close_timeout_s."""
        if self._server is not None:
            self._server.close()
        for opening in list(self._openings):
            opening.fail(HelloRefused(hello.H_CLOSED, "this peer is stopping"), abort=True)
        await asyncio.gather(*(connection.close("this peer is stopping") for connection in list(self._connections)))

    def _options(self) -> dict[str, Any]:
        if self._tls is None:
            return {"backlog": BACKLOG}
        return {"backlog": BACKLOG, "ssl": self._tls, "ssl_handshake_timeout": self._endpoint.limits.handshake_deadline_s}

    def _accept(self) -> Opening:
        if len(self._openings) >= self._endpoint.limits.handshakes_max:
            oldest = next(iter(self._openings))
            oldest.fail(HelloRefused(hello.H_TIMEOUT, "too many handshakes at once"), abort=True)
            self._openings.pop(oldest, None)
        opening = Opening(self._handshake, self._endpoint.limits.handshake_deadline_s, self._ready, self._failed)
        self._openings[opening] = None
        return opening

    def _handshake(self) -> Handshake:
        return handshake.listener(self._policy, secrets.token_bytes(handshake.NONCE_BYTES), self._endpoint.limits)

    def _ready(self, opening: Opening, agreed: Agreed, transport: asyncio.Transport) -> Connection:
        self._openings.pop(opening, None)
        connection = Connection(agreed, self._endpoint, self._closed)
        self._connections.add(connection)
        connection.start(transport)
        if len(self._connections) > self._endpoint.limits.connections_max:
            log.warning("rpc connection closed: too many connections", peer=connection.peer.peer_id, remote=connection.remote)
            connection.abort("too many connections")
        elif self._on_connection is not None:
            self._on_connection(connection)
        return connection

    def _failed(self, opening: Opening, error: Exception) -> None:
        self._openings.pop(opening, None)
        remote = address_text(opening.transport.get_extra_info("peername")) if opening.transport else "?"
        if not isinstance(error, HelloRefused):
            log.error("rpc handshake failed", remote=remote, error=repr(error), exc_info=error)
        elif self._log_budget.take(asyncio.get_running_loop().time()):
            log.info("rpc handshake refused", remote=remote, code=error.code, error=str(error), unlogged=self._log_budget.unlogged())

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._on_close is not None:
            self._on_close(connection)


class _LogBudget:
    """Token bucket: strangers decide how often they knock, not how much we log."""

    def __init__(self) -> None:
        self._tokens = float(LOG_BURST)
        self._at = 0.0
        self._unlogged = 0

    def take(self, now: float) -> bool:
        self._tokens = min(LOG_BURST, self._tokens + (now - self._at) * LOG_PER_S)
        self._at = now
        if self._tokens < 1:
            self._unlogged += 1
            return False
        self._tokens -= 1
        return True

    def unlogged(self) -> int:
        """How many were kept back since the last line."""
        count, self._unlogged = self._unlogged, 0
        return count


def _listen_text(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"peer RPC: {where} is in use by another process: stop it, or set peeraddress to a free address"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"peer RPC: {where} is not an address of this machine: correct peeraddress"
    return f"peer RPC: cannot listen on {where}: {error.strerror or error}"
