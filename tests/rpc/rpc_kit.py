"""Two daemons' worth of peer RPC for the tests: methods, policies, servers, and a raw dialler that can misbehave."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from gd2raft.rpc import handshake, hello, wire
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.handshake import Handshake
from gd2raft.rpc.hello import HelloInfo, HelloPolicy, JoinDial, key_id_of
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.opening import dial
from gd2raft.rpc.server import RpcServer
from gd2raft.rpc.service import Empty, Method, notification

DEADLINE_S = 30.0
KEY = b"k" * 32
POOL = "pool-1"


class Say(msgspec.Struct, frozen=True, array_like=True):
    text: str
    data: bytes = b""
    number: int = 0


ECHO = Method(1, "test.echo", Say, Say)
SLOW = Method(2, "test.slow", Say, Say)
TELL = notification(3, "test.tell", Say)
PROBE = Method(4, "test.probe", Say, Say, join=True)
FAIL = Method(5, "test.fail", Empty, Empty)
BLOB = Method(300, "test.blob", Say, Say)


def policy(peer_id: str = "peer-a", *, pool: str = POOL, key: bytes = KEY, **more: Any) -> HelloPolicy:
    info = HelloInfo(peer_id, pool, 100000, "gd2raft test", hello.ROLE_VOTER, "127.14.0.1:24008", 100000)
    return HelloPolicy(own_info=lambda: info, key_for=lambda key_id: key if key_id == key_id_of(pool) else None, **more)


async def echo(_: Connection, request: Say) -> Say:
    return request


@asynccontextmanager
async def serving(handlers: dict[Any, Any] | None = None, *, limits: RpcLimits | None = None, **more: Any) -> AsyncIterator[RpcServer]:
    rules = more.pop("rules", None) or policy("peer-b")
    server = RpcServer("127.14.0.1", 0, rules, {ECHO: echo} if handlers is None else handlers, limits, **more)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def dialled(
    server: RpcServer,
    rules: HelloPolicy | None = None,
    handlers: dict[Any, Any] | None = None,
    limits: RpcLimits | None = None,
    **more: Any,
) -> AsyncIterator[Connection]:
    connection = await dial(server.address, rules or policy(), Endpoint(handlers or {}, limits or RpcLimits()), **more)
    try:
        yield connection
    finally:
        await connection.close()


def run(main: Any) -> Any:
    """asyncio.run with a deadline for the whole test."""

    async def bounded() -> Any:
        return await asyncio.wait_for(main, 60)

    return asyncio.run(bounded())


class RawPeer:
    """A peer that proves the key and then sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, address: str) -> RawPeer:
        host, port = address.rsplit(":", 1)
        return cls(*await asyncio.open_connection(host, int(port), limit=1 << 24))

    async def agree(self, rules: HelloPolicy | None = None, join: JoinDial | None = None) -> Handshake:
        hand = handshake.dialer(rules or policy("raw"), os.urandom(32), "raw", join, RpcLimits())
        self.writer.write(hand.start())
        while hand.agreed is None:
            data = await asyncio.wait_for(self.reader.read(65536), DEADLINE_S)
            assert data, "closed during the handshake"
            self.writer.write(hand.feed(data))
        return hand

    def send(self, *frames: wire.Frame) -> None:
        for frame in frames:
            self.writer.write(wire.encode(frame))

    def send_payload(self, payload: bytes) -> None:
        self.writer.write(struct.pack(">I", len(payload)) + payload)

    async def frame(self) -> wire.Frame:
        (length,) = struct.unpack(">I", await asyncio.wait_for(self.reader.readexactly(4), DEADLINE_S))
        return wire.decode(await asyncio.wait_for(self.reader.readexactly(length), DEADLINE_S))

    async def frame_but_ping(self) -> wire.Frame:
        while isinstance(frame := await self.frame(), (wire.Ping, wire.Pong)):
            pass
        return frame

    async def closed_by_peer(self) -> bool:
        """Everything that is still to come, until the end of the stream."""
        with suppress(ConnectionError):
            while await asyncio.wait_for(self.reader.read(65536), DEADLINE_S):
                pass
        return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await asyncio.wait_for(self.writer.wait_closed(), DEADLINE_S)
