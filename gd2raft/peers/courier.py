"""Carries the voters' messages: one connection to each of them, dialled when there is something to say. Messages may get lost.

A peer that has just been invited doesn't know yet where the leader is: it answers on the connection by which it was asked. So is one
answered that isn't (any more) where the pool knows it to be: it may have moved, and its vote may be needed to write that down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gd2raft import services
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import RpcError

DIAL_PAUSE_S = (0.05, 1.0)
WAITING_MAX = 256
WAITING_BYTES_MAX = 4 * 1024 * 1024

log = structlog.get_logger("courier")


class _Line:
    """To one peer: a connection, or messages that wait for one."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.incoming: Connection | None = None  # that peer's, to us
        self.waiting: list[bytes] = []
        self.waiting_bytes = 0
        self.dialling: asyncio.Task[None] | None = None
        self.pause_s = DIAL_PAUSE_S[0]
        self.not_before = 0.0
        self.missed_at = ""  # the address where it was missed last


class Courier:
    """`dial` gives a connection of our own to a peer; `address_of` where it is ("" when not known); `muted`: nothing is said or listened to now."""

    def __init__(
        self, dial: Callable[[str, str], Awaitable[Connection]], address_of: Callable[[str], str], muted: Callable[[], bool] = lambda: False
    ) -> None:
        self._dial, self._address_of, self.muted = dial, address_of, muted
        self._lines: dict[str, _Line] = {}

    def send(self, peer_id: str, message: bytes) -> None:
        line = self._lines.setdefault(peer_id, _Line())
        connection = self._open(peer_id, line)
        if connection is not None and not self.muted():
            connection.notify(services.RAFT_MESSAGE, services.RaftMessage(message))
        if connection is not None:
            return
        # Also while muted: whether the one that is dialled still takes us for a twin says how long that goes on.
        if not self.muted() and len(line.waiting) < WAITING_MAX and line.waiting_bytes + len(message) <= WAITING_BYTES_MAX:
            line.waiting.append(message)
            line.waiting_bytes += len(message)
        if line.dialling is None:
            line.dialling = asyncio.create_task(self._connect(peer_id, line), name=f"dial voter {peer_id}")

    def heard(self, connection: Connection) -> None:
        """A message came by this connection of that peer's."""
        self._lines.setdefault(connection.peer.peer_id, _Line()).incoming = connection

    def came_by(self, connection: Connection) -> bool:
        """Whether this is the connection by which that peer's messages came last."""
        line = self._lines.get(connection.peer.peer_id)
        return line is not None and line.incoming is connection

    def instance_of(self, peer_id: str) -> str:
        """The process of that peer that was heard last; "" when none was."""
        line = self._lines.get(peer_id)
        return line.incoming.peer.instance if line is not None and line.incoming is not None else ""

    def _open(self, peer_id: str, line: _Line) -> Connection | None:
        if line.connection is not None and not line.connection.closed:
            return line.connection
        if line.incoming is not None and not line.incoming.closed and self._address_of(peer_id) in ("", line.missed_at):
            return line.incoming
        return None

    async def _connect(self, peer_id: str, line: _Line) -> None:
        loop = asyncio.get_running_loop()
        address = self._address_of(peer_id)
        try:
            if address == line.missed_at and (pause := line.not_before - loop.time()) > 0:
                await asyncio.sleep(pause)
                address = self._address_of(peer_id)
            line.connection = await self._dial(address, peer_id)
            line.pause_s, line.missed_at = DIAL_PAUSE_S[0], ""
            for message in line.waiting if not self.muted() else ():
                line.connection.notify(services.RAFT_MESSAGE, services.RaftMessage(message))
        except (RpcError, OSError, TimeoutError, ValueError) as error:
            log.debug("a voter can't be reached", peer=peer_id, error=str(error))
            line.pause_s = min(DIAL_PAUSE_S[1], line.pause_s * 2)
            line.not_before = loop.time() + line.pause_s
            line.missed_at = address
        finally:
            line.waiting, line.waiting_bytes, line.dialling = [], 0, None

    async def close(self) -> None:
        for line in self._lines.values():
            if line.dialling is not None:
                line.dialling.cancel()
                await asyncio.gather(line.dialling, return_exceptions=True)
            if line.connection is not None:
                await line.connection.close("this peer leaves the pool or stops")
        self._lines.clear()
