"""A small client of etcd's own protocol: gRPC's unary calls over HTTP/2, one connection, many streams.

A general gRPC library in Python costs several times more CPU per call than the peer RPC's client does, and both share the machine
with the servers: the comparison would measure the library. Only Put is here. RFC 9113 (frames), RFC 7541 (headers, only
literals are sent, none are decoded), the gRPC specification "PROTOCOL-HTTP2", and etcd's rpc.proto are the sources.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
WINDOW_BYTES = 2**31 - 1
FIRST_WINDOW = 65_535


class EtcdError(Exception):
    """The call was not answered with success."""


def varint(number: int) -> bytes:
    """
    >>> varint(300)
    b'\\xac\\x02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def put_request(key: bytes, value: bytes) -> bytes:
    """PutRequest with its gRPC prefix (not compressed, length)."""
    body = b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(value)) + value
    return struct.pack(">BI", 0, len(body)) + body


def put_headers(authority: str) -> bytes:
    """:method POST, :scheme http, :path, :authority, content-type, te: literals that are not indexed."""

    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    path, kind = text("/etcdserverpb.KV/Put"), text("application/grpc")
    return b"\x83\x86\x04" + path + b"\x01" + text(authority) + b"\x0f\x10" + kind + b"\x00" + text("te") + text("trailers")


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class EtcdConnection(asyncio.Protocol):
    """See the module's docstring. Made by connect()."""

    def __init__(self, authority: str) -> None:
        self._headers = put_headers(authority)
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._next = 1
        self._calls: dict[int, asyncio.Future[None]] = {}
        self._answered: set[int] = set()
        self._window = FIRST_WINDOW
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._consumed = 0
        self.closed = False

    @classmethod
    async def connect(cls, host: str, port: int) -> EtcdConnection:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(f"{host}:{port}"), host, port)
        return connection

    async def put(self, key: bytes, value: bytes) -> None:
        """Raises EtcdError."""
        if self.closed or self._transport is None:
            raise EtcdError("the connection is closed")
        stream, self._next = self._next, self._next + 2
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls[stream] = answer
        self._waiting.append((stream, put_request(key, value)))
        self._send_waiting()
        try:
            await answer
        finally:
            self._calls.pop(stream, None)
            self._answered.discard(stream)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _send_waiting(self) -> None:
        assert self._transport is not None
        out: list[bytes] = []
        while self._waiting and len(self._waiting[0][1]) <= self._window:
            stream, body = self._waiting.popleft()
            self._window -= len(body)
            out += [frame(HEADERS, END_HEADERS, stream, self._headers), frame(DATA, END_STREAM, stream, body)]
        if out:
            self._transport.write(b"".join(out))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        grow = frame(WINDOW, 0, 0, (WINDOW_BYTES - FIRST_WINDOW).to_bytes(4, "big"))
        transport.write(PREFACE + frame(SETTINGS, 0, 0, b"") + grow)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(EtcdError(f"the connection was lost: {error}"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        offset = 0
        while len(self._data) - offset >= 9:
            size = int.from_bytes(self._data[offset : offset + 3], "big")
            if len(self._data) - offset < 9 + size:
                break
            kind, flags = self._data[offset + 3], self._data[offset + 4]
            stream = int.from_bytes(self._data[offset + 5 : offset + 9], "big")
            self._on_frame(kind, flags, stream, bytes(self._data[offset + 9 : offset + 9 + size]))
            offset += 9 + size
        del self._data[:offset]

    def _on_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        assert self._transport is not None
        if kind == DATA and payload:
            self._answered.add(stream)
            self._consumed += len(payload)
        elif kind == SETTINGS and not flags & ACK:
            self._transport.write(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self._transport.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW and stream == 0:
            self._window += int.from_bytes(payload, "big")
            self._send_waiting()
        elif kind == GOAWAY:
            self._transport.close()
        if kind == RESET or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self._finish(stream)

    def _finish(self, stream: int) -> None:
        """A call that fails has trailers and no message."""
        answer = self._calls.get(stream)
        if answer is None or answer.done():
            return
        if stream in self._answered:
            answer.set_result(None)
        else:
            answer.set_exception(EtcdError("refused, or timed out on the server"))
