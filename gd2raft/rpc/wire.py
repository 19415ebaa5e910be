"""Frames of the peer RPC: pure bytes <-> records.

A frame is a 32-bit big-endian length and that many bytes of CBOR: one array whose first element is the kind.

    HELLO   [1, info, dialled]             after the proofs, each way; `dialled` is the address the dialer used
    REFUSED [2, code, message]             instead of HELLO: the connection ends
    CALL    [3, call_id, method, deadline_ms, body]   deadline is relative: clocks of peers are not compared
    REPLY   [4, call_id, body]
    ERROR   [5, call_id, code, message, fields]
    NOTIFY  [6, method, body]
    CANCEL  [7, call_id]                   the caller no longer wants the answer
    PING    [8]    PONG [9]

Arrays may grow at the end; an unknown kind is an error, so a new kind needs a new protocol version (handshake.py).
This file must not know sockets, clocks, or what the methods mean.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gd2raft.rpc import cbor
from gd2raft.rpc.errors import FrameError, FrameTooLarge
from gd2raft.rpc.hello import HelloInfo
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.service import Method, Req

LENGTH = struct.Struct(">I")
_DEFAULT = RpcLimits()

CallId = Annotated[int, Meta(ge=0, le=0x7FFFFFFFFFFFFFFF)]
MethodNumber = Annotated[int, Meta(ge=0, le=0xFFFF)]
Millis = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Code = Annotated[str, Meta(max_length=64)]
Text = Annotated[str, Meta(max_length=8192)]
Fields = Annotated[dict[Annotated[str, Meta(max_length=64)], Text], Meta(max_length=32)]


class Hello(Struct, frozen=True, array_like=True, tag=1):
    info: HelloInfo
    dialled: Annotated[str, Meta(max_length=300)] = ""


class Refused(Struct, frozen=True, array_like=True, tag=2):
    code: Code
    message: Text


class Call(Struct, frozen=True, array_like=True, tag=3):
    call_id: CallId
    method: MethodNumber
    deadline_ms: Millis
    body: Any


class Reply(Struct, frozen=True, array_like=True, tag=4):
    call_id: CallId
    body: Any


class Error(Struct, frozen=True, array_like=True, tag=5):
    call_id: CallId
    code: Code
    message: Text
    fields: Fields = {}


class Notify(Struct, frozen=True, array_like=True, tag=6):
    method: MethodNumber
    body: Any


class Cancel(Struct, frozen=True, array_like=True, tag=7):
    call_id: CallId


class Ping(Struct, frozen=True, array_like=True, tag=8):
    pass


class Pong(Struct, frozen=True, array_like=True, tag=9):
    pass


Frame = Hello | Refused | Call | Reply | Error | Notify | Cancel | Ping | Pong

KINDS: dict[int, type[Frame]] = {
    1: Hello, 2: Refused, 3: Call, 4: Reply, 5: Error, 6: Notify, 7: Cancel, 8: Ping, 9: Pong,
}  # fmt: skip
"""By tag. Converting to a union instead would work out anew what the union is for every frame, at forty times the cost."""


def encode(frame: Frame, frame_bytes_max: int = _DEFAULT.frame_bytes_max) -> bytes:
    """Length and CBOR, ready to send. FrameTooLarge past the limit."""
    payload = cbor.dumps(msgspec.to_builtins(frame, builtin_types=cbor.SUPPORTED))
    if len(payload) > frame_bytes_max:
        raise FrameTooLarge(f"a {type(frame).__name__} of {len(payload)} bytes does not fit into a frame of {frame_bytes_max} bytes")
    return LENGTH.pack(len(payload)) + payload


def decode(payload: bytes, depth_max: int = _DEFAULT.depth_max) -> Frame:
    """The CBOR of one frame, without its length. FrameError says what is wrong."""
    value = cbor.loads(payload, depth_max=depth_max)
    tag = value[0] if isinstance(value, list) and value else None
    kind = KINDS.get(tag) if type(tag) is int else None
    if kind is None:
        raise FrameError(f"not a frame: an array that begins with 1 to {len(KINDS)} was expected")
    try:
        frame: Frame = msgspec.convert(value, kind, builtin_types=cbor.SUPPORTED)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise FrameError(f"not a frame: {error}") from None
    return frame


def encode_notify(method: Method[Req, Any], message: Req, frame_bytes_max: int = _DEFAULT.frame_bytes_max) -> bytes:
    """A notification as bytes, to be encoded once and handed to notify_encoded of many connections."""
    if not method.one_way:
        raise TypeError(f"{method.name} expects an answer: use call")
    return encode(Notify(method.number, message), frame_bytes_max)


def notify_number(frame: bytes) -> int:
    """The method number of an encoded NOTIFY frame (0 if it is none), without decoding its body."""
    if len(frame) < 8 or frame[4] != 0x83 or frame[5] != 6:
        return 0
    width = {0x18: 1, 0x19: 2}.get(frame[6], 0)
    return int.from_bytes(frame[7 : 7 + width], "big") if width else frame[6]


class Decoder:
    """Bytes in any pieces -> frames. Holds at most one unfinished frame, so frame_bytes_max bounds its memory.

    `feed` is a generator: take all that it gives, or drop the decoder. FrameError ends the stream for good: after it
    nothing tells where the next frame starts.
    """

    def __init__(self, frame_bytes_max: int = _DEFAULT.frame_bytes_max, depth_max: int = _DEFAULT.depth_max) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._depth_max = depth_max
        self._buffer = bytearray()

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[Frame, int]]:
        """Give every frame that is complete now, with its size on the wire."""
        for payload in self._payloads(data):
            yield decode(payload, self._depth_max), len(payload) + LENGTH.size

    def _payloads(self, data: bytes) -> Iterator[bytes]:
        if self._buffer:  # appending is amortised O(1) and cutting the front moves nothing: no quadratic cost
            self._buffer += data
            source: bytes | bytearray = self._buffer
        else:
            source = data
        start = 0
        while (end := self._end_of_frame(source, start)) is not None:
            yield bytes(memoryview(source)[start + LENGTH.size : end])
            start = end
        if source is self._buffer:
            del self._buffer[:start]
        else:
            self._buffer += memoryview(data)[start:]

    def _end_of_frame(self, source: bytes | bytearray, start: int) -> int | None:
        if len(source) - start < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(source, start)
        if not 0 < length <= self._frame_bytes_max:
            raise FrameError(f"a frame of {length} bytes is announced, allowed are 1..{self._frame_bytes_max}")
        end = start + LENGTH.size + length
        return end if end <= len(source) else None
