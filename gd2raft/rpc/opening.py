"""From a socket to an agreed connection: the asyncio side of the handshake, for both ends, and dialling.

This file must not know handlers, pools of connections, or servers.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import socket
import ssl
from collections.abc import Callable

import structlog

from gd2raft.rpc import handshake, hello
from gd2raft.rpc.connection import Connection, OnClose
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import DialFailed, HelloRefused, RpcError
from gd2raft.rpc.handshake import Agreed, Handshake
from gd2raft.rpc.hello import HelloPolicy, JoinDial

log = structlog.get_logger("gd2raft.rpc")

PORT_MAX = 65535


class Opening(asyncio.Protocol):
    """Runs one handshake within a deadline. Exactly one of on_ready and on_failed is called; on_ready makes and starts
    the Connection that takes the transport over."""

    def __init__(
        self,
        make: Callable[[], Handshake],
        deadline_s: float,
        on_ready: Callable[[Opening, Agreed, asyncio.Transport], Connection],
        on_failed: Callable[[Opening, Exception], None],
    ) -> None:
        self._handshake = make()
        self._deadline_s = deadline_s
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._over = False
        self.transport: asyncio.Transport | None = None
        # From here, not from connection_made: a TLS handshake that fails never gets so far.
        self._timer = asyncio.get_running_loop().call_later(deadline_s, self._too_late)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._over:
            transport.abort()
            return
        if (sock := transport.get_extra_info("socket")) is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.write(self._handshake.start())

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        if self._over:
            return
        try:
            self.transport.write(self._handshake.feed(data))
        except HelloRefused as error:
            self.transport.write(error.last_words)
            self.fail(error)
        except Exception as error:  # the daemon's policy raised: its mistake must not leave the socket open
            self.fail(error)
        if self._handshake.agreed is not None:
            self._agreed(self._handshake.agreed, self.transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(HelloRefused(hello.H_CLOSED, f"the connection was closed during the handshake{f': {error}' if error else ''}"))

    def fail(self, error: Exception, *, abort: bool = False) -> None:
        """End it, once."""
        if self._over:
            return
        self._finish()
        if self.transport is not None:
            if abort:
                self.transport.abort()
            else:
                self.transport.close()
        self._on_failed(self, error)

    def _agreed(self, agreed: Agreed, transport: asyncio.Transport) -> None:
        self._finish()
        connection = self._on_ready(self, agreed, transport)
        if rest := self._handshake.rest:
            connection.data_received(rest)

    def _too_late(self) -> None:
        self.fail(HelloRefused(hello.H_TIMEOUT, f"the handshake was not done within {self._deadline_s:g} s"), abort=True)

    def _finish(self) -> None:
        self._over = True
        self._timer.cancel()


async def dial(
    address: str,
    policy: HelloPolicy,
    endpoint: Endpoint,
    *,
    join: JoinDial | None = None,
    expect_peer_id: str | None = None,
    local_address: str | None = None,
    timeout_s: float | None = None,
    tls: ssl.SSLContext | None = None,
    on_close: OnClose | None = None,
) -> Connection:
    """Open a connection to "host:port". DialFailed (nobody there), HelloRefused (somebody, but not for us).

    `local_address` binds our end, so that daemons that share a machine are told apart by address.
    `expect_peer_id`: a peer is known by its UUID, so another one at the same address is refused.
    """
    host, port = split_address(address)
    timeout_s = endpoint.limits.dial_timeout_s if timeout_s is None else timeout_s
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Connection] = loop.create_future()

    def ready(_: Opening, agreed: Agreed, transport: asyncio.Transport) -> Connection:
        connection = Connection(agreed, endpoint, on_close)
        connection.start(transport)
        if outcome.done():
            connection.abort("the dial was given up")
        else:
            outcome.set_result(connection)
        return connection

    def failed(_: Opening, error: Exception) -> None:
        if not outcome.done():
            outcome.set_exception(error)

    def make() -> Handshake:
        return handshake.dialer(policy, secrets.token_bytes(handshake.NONCE_BYTES), address, join, endpoint.limits)

    opening = Opening(make, timeout_s, ready, failed)
    try:
        async with asyncio.timeout(timeout_s):
            local = (local_address, 0) if local_address else None
            await loop.create_connection(lambda: opening, host, port, local_addr=local, ssl=tls)
            connection = await outcome
    except BaseException as error:
        _abandon(opening, outcome)
        raise _dial_error(address, timeout_s, error, local_address, silent=opening.transport is not None) from None
    try:
        check_peer(connection, expect_peer_id, address)
    except HelloRefused:
        connection.abort("another peer answered")
        raise
    return connection


def check_peer(connection: Connection, peer_id: str | None, address: str) -> None:
    """HelloRefused if somebody else than `peer_id` is at the other end."""
    if peer_id is not None and connection.peer.peer_id != peer_id:
        text = f"peer RPC at {address}: peer {connection.peer.peer_id} answers there, not {peer_id}"
        raise HelloRefused(hello.H_WRONG_PEER, text)


def _dial_error(address: str, timeout_s: float, error: BaseException, local_address: str | None, *, silent: bool) -> BaseException:
    """The same failure with the address and the way out in its text. `silent`: somebody took the connection, and said nothing."""
    made: RpcError
    if isinstance(error, HelloRefused) and error.code != hello.H_TIMEOUT:
        cause = error.message
        made = HelloRefused(error.code, f"peer RPC at {address}: {cause}")
    elif isinstance(error, (TimeoutError, HelloRefused)) and silent:
        cause = f"somebody takes the connection, but does not answer as a gd2raft within {timeout_s:g} s"
        made = DialFailed(f"peer RPC at {address}: {cause}: what listens there, and is it well?")
    elif isinstance(error, (TimeoutError, HelloRefused)):
        cause = f"no connection within {timeout_s:g} s"
        made = DialFailed(f"peer RPC at {address}: {cause}: is the peer up, and is no firewall between?")
    elif isinstance(error, OSError) and error.errno == errno.EINVAL and local_address:
        cause = f"can't be reached from {local_address}, our own address"  # of 127.0.0.0/8, usually
        made = DialFailed(f"peer RPC at {address}: {cause}: give this daemon an address of that network")
    elif isinstance(error, OSError):
        cause = (
            os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        )  # asyncio's has the address in it
        made = DialFailed(f"peer RPC at {address}: {cause}: is gd2raft running there?")
    else:
        return error
    made.cause = cause
    return made


def _abandon(opening: Opening, outcome: asyncio.Future[Connection]) -> None:
    """A dial that failed, timed out or was cancelled leaves no socket behind, and no exception that nobody fetched."""
    if outcome.done() and not outcome.cancelled() and outcome.exception() is None:
        outcome.result().abort("the dial was given up")
    outcome.cancel()
    opening.fail(HelloRefused(hello.H_CLOSED, "the dial was given up"), abort=True)


def split_address(address: str) -> tuple[str, int]:
    """ "host:port" or "[v6]:port" -> (host, port). ValueError names what is wrong."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= PORT_MAX:
        raise ValueError(f"{address!r} is not an address of the form host:port")
    return host, int(port)
