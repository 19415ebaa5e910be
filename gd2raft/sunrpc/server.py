"""The server that glusterfsd, glusterfs, gfapi and mount.glusterfs talk to.

Takes accepted streams or sockets and owns them: any transport, no listening, no TLS, no knowledge of volumes. Each
connection is one task that answers its requests in order; `refresh` pushes FETCHSPEC to those whose volfile changed.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Callable

from gd2raft.sunrpc.addresses import describe, is_local_address, keep_alive
from gd2raft.sunrpc.api import Backend, ClientInfo, Limits, Log
from gd2raft.sunrpc.connection import Connection, ConnectionClosedError, Watch
from gd2raft.sunrpc.oncrpc import CALL, message_type
from gd2raft.sunrpc.procedures import Procedures, fetchspec, spec_hash
from gd2raft.sunrpc.records import RecordError
from gd2raft.sunrpc.xdr import XdrError

_REFUSAL_LOG_S = 10.0


class SunRpcServer:
    """`is_local` decides which peer addresses are this machine; only tests have a reason to replace it."""

    def __init__(
        self,
        backend: Backend,
        *,
        limits: Limits | None = None,
        log: Log,
        is_local: Callable[[str], bool] = is_local_address,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits or Limits()
        self._procedures = Procedures(backend, self._limits, log)
        self._log = log
        self._is_local = is_local
        self._clock = clock
        self._ids = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._adopting = 0
        self._closing = False
        self._refusal_logged_at = float("-inf")

    async def adopt(self, sock: socket.socket) -> None:
        """Serves an accepted, unread socket from here on, in a task of its own; returns at once. Never raises."""
        if not self._has_room():
            sock.close()
            return
        self._adopting += 1
        try:
            sock.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=sock)
        except OSError as error:
            sock.close()
            self._log.debug("connection lost before it was served", cause=str(error))
            return
        finally:
            self._adopting -= 1
        task = asyncio.create_task(self.serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a stream (TCP, TLS or unix) until it ends, and closes it. Raises nothing but cancellation."""
        connection = self._open(reader, writer)
        if connection is None:
            writer.transport.abort()
            return
        try:
            await self._converse(connection)
        except (RecordError, XdrError, ConnectionClosedError) as error:
            self._log.warning("connection closed", cause=str(error), connection=connection.info.id, peer=_peer(connection))
            connection.abort()
        except OSError as error:
            self._log.debug("connection lost", cause=str(error), connection=connection.info.id, peer=_peer(connection))
        finally:
            await self._forget(connection)

    @property
    def connected(self) -> int:
        """How many of GlusterFS's processes are connected."""
        return len(self._connections)

    def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection | None:
        if not self._has_room():
            return None
        sock: socket.socket = writer.get_extra_info("socket")
        try:
            info = describe(sock, next(self._ids), self._is_local)
            keep_alive(sock)
        except OSError as error:
            self._log.debug("connection lost before it was served", cause=str(error))
            return None
        connection = Connection(info, reader, writer, self._limits, self._clock())
        self._connections[info.id] = connection
        self._log.debug("connected", connection=info.id, peer=_peer(connection), local=info.is_local)
        return connection

    def _has_room(self) -> bool:
        if self._closing:
            return False
        if len(self._connections) + self._adopting < self._limits.connections_max:
            return True
        now = asyncio.get_running_loop().time()
        if now - self._refusal_logged_at > _REFUSAL_LOG_S:  # a storm of refused clients must not become a storm of lines
            self._refusal_logged_at = now
            self._log.warning("too many GlusterFS connections, new ones are refused", connections_max=self._limits.connections_max)
        return False

    async def _converse(self, connection: Connection) -> None:
        while (record := await connection.receive()) is not None:
            if message_type(record) != CALL:
                continue  # nobody answers a FETCHSPEC; one who does is harmless
            async with connection.turn:
                connection.send(await self._procedures.answer(connection, record))
            await connection.drain()

    async def _forget(self, connection: Connection) -> None:
        del self._connections[connection.info.id]
        if self._closing:
            connection.abort()
            return
        self._log.debug("disconnected", connection=connection.info.id, peer=_peer(connection))
        try:
            self._procedures.backend.disconnected(connection.info)
        except Exception as error:
            self._log.error("disconnect failed", cause=repr(error), exc_info=True, connection=connection.info.id)
        await connection.close()

    async def refresh(self, affected: Callable[[str], bool]) -> int:
        """Tells connections whose volfile is another than they were given; returns how many were told.

        `affected` gets the group of the last GETSPEC's reply, or its key while there is none. Costs one
        `Backend.getspec` per affected connection; a volfile that is gone is not told.
        """
        gate = asyncio.Semaphore(self._limits.refresh_parallel)

        async def one(connection: Connection, watch: Watch) -> bool:
            async with gate, connection.turn:
                return connection.watch is watch and await self._tell(connection, watch)

        concerned = [(c, w) for c in self._connections.values() if (w := c.watch) and (not w.answered or affected(w.group))]
        return sum(await asyncio.gather(*(one(connection, watch) for connection, watch in concerned)))

    async def _tell(self, connection: Connection, watch: Watch) -> bool:
        try:
            async with asyncio.timeout(self._limits.backend_s):
                reply = await self._procedures.backend.getspec(watch.request)
            if reply is None or (digest := spec_hash(reply)) in (watch.given, watch.told):
                return False
            connection.call_back(fetchspec)
            watch.told = digest
        except ConnectionClosedError as error:
            self._log.warning("connection closed", cause=str(error), connection=connection.info.id, peer=_peer(connection))
            connection.abort()
            return False
        except Exception as error:  # one volfile that can't be made must not keep the others from theirs
            self._log.error("refresh failed", cause=repr(error), exc_info=True, connection=connection.info.id)
            return False
        return True

    def clients(self) -> list[ClientInfo]:
        """Every live connection, oldest first."""
        return [_client(connection) for connection in self._connections.values()]

    async def close(self) -> None:
        """Drops all connections at once; GlusterFS reconnects by itself. The backend isn't told: nothing signed out."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections.values()):
            connection.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _client(connection: Connection) -> ClientInfo:
    info, watch = connection.info, connection.watch
    return ClientInfo(
        info.id,
        watch.request.key if watch else "",
        watch.group if watch else "",
        info.peer_host,
        info.peer_port,
        info.is_local,
        connection.connected_at,
        watch.given if watch else "",
    )


def _peer(connection: Connection) -> str:
    info = connection.info
    return "unix socket" if info.is_unix else f"{info.peer_host}:{info.peer_port}"
