"""What the tests of gd2raft.sunrpc share: a backend made of dicts, a raw ONC RPC client, a log that remembers."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from gd2raft.sunrpc.api import ConnectionInfo, GetspecReply, GetspecRequest, Limits
from gd2raft.sunrpc.oncrpc import encode_call
from gd2raft.sunrpc.records import RecordAssembler, frame
from gd2raft.sunrpc.server import SunRpcServer

DUMP, PORTMAP, HANDSHAKE = 123451501, 34123456, 14398633
WAIT_S = 20.0


class Backend:
    """Volfiles by key, ports by brick; `getspec_hook` runs inside getspec, `broken` makes every call raise."""

    def __init__(self) -> None:
        self.specs: dict[str, str] = {}
        self.groups: dict[str, str] = {}
        self.xdata: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        self.pids: dict[str, int] = {}
        self.signed_in_on: dict[str, int] = {}
        self.refuse_sign_in = False
        self.broken = False
        self.requests: list[GetspecRequest] = []
        self.calls: list[tuple[Any, ...]] = []
        self.gone: list[ConnectionInfo] = []
        self.getspec_hook: Callable[[], Awaitable[None]] | None = None

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("backend is broken on purpose")

    async def getspec(self, request: GetspecRequest) -> GetspecReply | None:
        self._check()
        self.requests.append(request)
        spec = self.specs.get(request.key)
        if self.getspec_hook:
            await self.getspec_hook()
        return None if spec is None else GetspecReply(spec, dict(self.xdata), self.groups.get(request.key, ""))

    def port_of_brick(self, brick: str, local_address: str) -> int:
        self._check()
        self.calls.append(("port", brick, local_address))
        return self.ports.get(brick, 0)

    def sign_in(self, connection: ConnectionInfo, brick: str, port: int, pid: int) -> bool:
        self._check()
        self.calls.append(("sign_in", brick, port, pid))
        if self.refuse_sign_in:
            return False
        self.ports[brick], self.pids[brick], self.signed_in_on[brick] = port, pid, connection.id
        return True

    def sign_out(self, connection: ConnectionInfo, brick: str) -> None:
        self._check()
        self.calls.append(("sign_out", brick))
        self.ports.pop(brick, None)

    def disconnected(self, connection: ConnectionInfo) -> None:
        self.gone.append(connection)
        for brick in [b for b, c in self.signed_in_on.items() if c == connection.id]:
            del self.signed_in_on[brick]
            self.ports.pop(brick, None)
        self._check()

    def volume_id(self, volume: str) -> str | None:
        self._check()
        return {"v1": "0f2f6ac2-7d3c-4f0e-9b57-8f9d4d6f6c11"}.get(volume)

    def event_notify(self, op: int, info: Mapping[str, str]) -> None:
        self._check()
        self.calls.append(("event", op, dict(info)))


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def _add(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.lines.append((level, event, fields))

    def debug(self, event: str, /, **fields: Any) -> None:
        self._add("debug", event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        self._add("info", event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        self._add("warning", event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        self._add("error", event, fields)

    def at(self, *levels: str) -> list[tuple[str, str, dict[str, Any]]]:
        return [line for line in self.lines if line[0] in levels]


class House:
    """A running server on a port of its own."""

    def __init__(self, backend: Backend, server: SunRpcServer, log: Log, port: int) -> None:
        self.backend, self.server, self.log, self.port = backend, server, log, port

    async def client(self) -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._assembler = RecordAssembler(64 << 20)
        self._xid = 100

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def record(self) -> bytes:
        """The next record from the server. EOFError when it closed the connection."""
        async with asyncio.timeout(WAIT_S):
            while (record := self._assembler.pop()) is None:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self._assembler.feed(data)
            return record

    async def closed_by_server(self) -> bool:
        try:
            await self.record()
        except (EOFError, ConnectionError):
            return True
        return False

    async def call(self, program: int, version: int, procedure: int, args: bytes = b"") -> tuple[int, bytes]:
        """(accept status, results) of one call."""
        self._xid += 1
        self.send(frame(encode_call(self._xid, program, version, procedure, args, credential=True)))
        record = await self.record()
        xid, kind, denied, _flavor, _length, status = struct.unpack_from(">6I", record)
        assert (xid, kind, denied) == (self._xid, 1, 0)
        return status, record[24:]

    async def getspec(self, key: str) -> tuple[int, bytes]:
        """(op_ret, volfile)."""
        status, results = await self.call(HANDSHAKE, 2, 2, getspec_args(key))
        assert status == 0
        op_ret, _errno, size = struct.unpack_from(">iiI", results)
        return op_ret, results[12 : 12 + size]

    async def alive(self) -> bool:
        return await self.call(HANDSHAKE, 2, 3) == (0, bytes(12))

    def close(self) -> None:
        self.writer.transport.abort()


def opaque(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def getspec_args(key: str) -> bytes:
    return struct.pack(">I", 0) + opaque(key.encode()) + opaque(b"")


@contextlib.asynccontextmanager
async def house(limits: Limits | None = None, *, is_local: Callable[[str], bool] | None = None) -> AsyncIterator[House]:
    backend, log = Backend(), Log()
    extra = {} if is_local is None else {"is_local": is_local}
    server = SunRpcServer(backend, limits=limits, log=log, **extra)  # type: ignore[arg-type]
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield House(backend, server, log, listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        await server.close()
