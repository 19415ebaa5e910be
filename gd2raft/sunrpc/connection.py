"""One connection: whole records in, whole records out, nothing without a limit or a deadline.

Knows how to read, write and close a stream, and which volfile the other end holds. Knows no program and no backend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gd2raft.sunrpc.api import ConnectionInfo, GetspecRequest, Limits
from gd2raft.sunrpc.records import RecordAssembler, frame

_CHUNK_BYTES = 64 * 1024
_CLOSE_S = 5.0


class ConnectionClosedError(Exception):
    """This connection must end; the text says why, for the log."""


class Watch:
    """The volfile that a connection asked for last, and what it was given and told about it.

    `answered` is False while the first answer is being made: a change that comes in between must still be noticed.
    `told` is the hash that the last FETCHSPEC was sent for, so that one change is told once.
    """

    __slots__ = ("answered", "given", "group", "request", "told")

    def __init__(self, request: GetspecRequest) -> None:
        self.request = request
        self.group = request.key
        self.answered = False
        self.given = ""
        self.told = ""


class Connection:
    """`turn` is held while a request is answered: callbacks never overtake the reply they belong behind."""

    def __init__(
        self, info: ConnectionInfo, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits, connected_at: float
    ) -> None:
        self.info = info
        self.connected_at = connected_at
        self.turn = asyncio.Lock()
        self.watch: Watch | None = None
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._assembler = RecordAssembler(limits.record_bytes_max)
        self._callbacks = 0

    async def receive(self) -> bytes | None:
        """The next record; None at a clean end. Idle time is free, a begun record has `record_s` to finish.

        Raises RecordError, ConnectionClosedError, OSError.
        """
        deadline: float | None = None
        while (record := self._assembler.pop()) is None:
            if deadline is None and self._assembler.partial:
                deadline = asyncio.get_running_loop().time() + self._limits.record_s
            data = await self._read(deadline)
            if not data:
                self._check_whole()
                return None
            self._assembler.feed(data)
        return record

    async def _read(self, deadline: float | None) -> bytes:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._reader.read(_CHUNK_BYTES)
        except TimeoutError as error:
            raise ConnectionClosedError(f"a record was not complete after {self._limits.record_s:g} s") from error

    def _check_whole(self) -> None:
        if self._assembler.partial:
            raise ConnectionClosedError("the stream ended inside a record")

    def send(self, record: bytes) -> None:
        """Queues a record. Raises ConnectionClosedError when too much is unsent already: the reader is stuck."""
        if self._writer.is_closing():
            raise ConnectionClosedError("closed by the other end")
        pending = self._writer.transport.get_write_buffer_size()
        if pending > self._limits.pending_bytes_max:
            raise ConnectionClosedError(f"{pending} bytes unread by the other end, at most {self._limits.pending_bytes_max} allowed")
        self._writer.write(frame(record))

    def call_back(self, encode: Callable[[int], bytes]) -> None:
        """Sends a call of ours; `encode` gets its xid. GlusterFS never answers one."""
        self._callbacks = (self._callbacks + 1) & 0xFFFFFFFF
        self.send(encode(self._callbacks))

    async def drain(self) -> None:
        """Waits until the other end takes what it asked for; backpressure for pipelined requests."""
        try:
            async with asyncio.timeout(self._limits.drain_s):
                await self._writer.drain()
        except TimeoutError as error:
            raise ConnectionClosedError(f"replies unread for {self._limits.drain_s:g} s") from error

    def abort(self) -> None:
        """Drops the connection now, with whatever is unsent."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Lets the last replies leave, but not for ever."""
        self._writer.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()
