"""One agreed connection between two daemons. After the handshake both ends are equal: either may call and notify.

Rules that keep a slow or dead other end from hurting us:
* calls and replies wait, within their deadline, while more than send_pause_bytes are unsent;
* notifications are dropped (the caller is told) rather than to queue more than notify_bytes_max;
* more than send_bytes_max unsent, or dead_after_s of silence, and the connection is given up.
This file must not know the handshake, or what any method means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from gd2raft.rpc import wire
from gd2raft.rpc.dispatch import Endpoint, Inbox
from gd2raft.rpc.errors import BadReply, FrameError, Overloaded, RemoteError, RpcClosed, RpcTimeout
from gd2raft.rpc.handshake import Agreed
from gd2raft.rpc.service import Method, Rep, Req

log = structlog.get_logger("gd2raft.rpc")

OnClose = Callable[["Connection"], None]


GATHER_BYTES_MAX = 32 * 1024
"""Larger things are sent at once, so that a peer that does not read is noticed."""

KEEPALIVE_SLACK_S = 1.0
"""The timer is put off at most once in so much time, however much comes in."""


class Connection(asyncio.Protocol):
    """`peer` is what the other end said about itself, `remote` the address seen on the socket, `dialled` the address
    by which the dialer reached the listener, `join_mode` whether only join=True methods may be used."""

    def __init__(self, agreed: Agreed, endpoint: Endpoint, on_close: OnClose | None = None) -> None:
        self.peer = agreed.peer
        self.dialled = agreed.dialled
        self.join_mode = agreed.join
        self.remote = "?"
        self.close_reason = ""
        self._limits = endpoint.limits
        self._frame_bytes_max = self._limits.join_frame_bytes_max if agreed.join else self._limits.frame_bytes_max
        self._traffic = endpoint.traffic
        self._tally = endpoint.traffic.peer(agreed.peer.peer_id)
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._decoder = wire.Decoder(self._frame_bytes_max, self._limits.depth_max)
        self._inbox = Inbox(endpoint, self)
        self._waiting: dict[int, tuple[Method[Any, Any], asyncio.Future[Any]]] = {}
        self._last_call_id = 0
        self._may_write = asyncio.Event()
        self._closed = asyncio.Event()
        self._heard_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._gathered: list[bytes] | None = None  # written since the last send of this turn of the loop
        self._gathered_bytes = 0

    def start(self, transport: asyncio.Transport) -> None:
        """Take over a transport whose handshake is done."""
        transport.set_protocol(self)
        self._transport = transport
        self.remote = address_text(transport.get_extra_info("peername"))
        transport.set_write_buffer_limits(high=self._limits.send_pause_bytes)
        self._may_write.set()
        self._arm_keepalive()

    # -- for the rest of the daemon ------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size() + self._gathered_bytes

    @property
    def calls_in_progress(self) -> int:
        """Calls of either side that have no answer yet."""
        return len(self._waiting) + len(self._inbox)

    async def call(self, method: Method[Req, Rep], request: Req, *, timeout_s: float) -> Rep:
        """Ask and wait for the answer.

        RpcTimeout, RpcClosed (the request may have run), Overloaded, FrameTooLarge (it was not sent),
        RemoteError (the other peer said no), BadReply.
        """
        self._check_usable(method, one_way=False)
        self._check_open(method)
        if len(self._waiting) >= self._limits.calls_out_max:
            raise Overloaded(f"{len(self._waiting)} calls to {self.describe()} are waiting: {method.name} was not sent")
        self._last_call_id += 1
        call_id = self._last_call_id
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[call_id] = (method, answer)
        try:
            async with asyncio.timeout(timeout_s) as timeout:
                return await self._ask(call_id, method, request, answer, self._loop.time() + timeout_s)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise RpcTimeout(f"{method.name} on {self.describe()}: no answer within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(call_id, None)
            if answer.cancelled():  # it was sent, and nobody waits any more
                self.send_frame(wire.Cancel(call_id), "cancel")
            elif answer.done():
                answer.exception()  # taken or not: no complaint about an exception that nobody fetched

    def notify(self, method: Method[Req, Any], message: Req) -> bool:
        """Send without an answer. False if it was dropped: the other end is too slow, or the connection is closed."""
        self._check_usable(method, one_way=True)
        return self.notify_encoded(wire.encode_notify(method, message, self._frame_bytes_max))

    def notify_encoded(self, *frames: bytes) -> bool:
        """The same with frames of wire.encode_notify, made once for many connections: one system call for all of them, or none is sent."""
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        names = [self._inbox.name_of(wire.notify_number(frame)) for frame in frames]
        pending = self.pending_bytes
        if self.closed or (pending and pending + len(data) > self._limits.notify_bytes_max):
            for name in names:
                self._traffic.drop(name)
            return False
        if self._write(data):
            for name, frame in zip(names, frames, strict=True):
                self._traffic.sent(self._tally, name, len(frame))
        return True

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def close(self, reason: str = "closed by this peer") -> None:
        """Flush and close; what is not flushed within close_timeout_s is thrown away."""
        self._shut(reason)
        try:
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self._closed.wait()
        except TimeoutError:
            self.abort(reason)
            await self._closed.wait()

    def drop(self, reason: str) -> None:
        """Close without waiting: what is queued is still sent, as long as the other end reads it."""
        self._shut(reason)
        self._loop.call_later(self._limits.close_timeout_s, self.abort, reason)

    def abort(self, reason: str) -> None:
        """Close now, throw away what is unsent."""
        self._shut(reason)
        if self._transport is not None:
            self._transport.abort()

    def describe(self) -> str:
        return f"peer {self.peer.peer_id} at {self.remote}"

    # -- for Inbox -----------------------------------------------------------------------------------------------

    def send_frame(self, frame: wire.Frame, name: str) -> None:
        """Queue a frame, whatever waits already. FrameTooLarge. A closed connection swallows it."""
        data = wire.encode(frame, self._frame_bytes_max)
        if self._write(data):
            self._traffic.sent(self._tally, name, len(data))

    async def writable(self) -> None:
        """Wait until the unsent bytes are few (or the connection is closed)."""
        while not self._may_write.is_set():
            await self._may_write.wait()

    # -- for the event loop --------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.closed:
            return
        self._heard_at = self._loop.time()
        if self._timer is not None and self._timer.when() - self._heard_at < self._limits.keepalive_s - KEEPALIVE_SLACK_S:
            self._timer.cancel()  # or it would wake an idle process for nothing
            self._arm_keepalive()
        try:
            for frame, size_bytes in self._decoder.feed(data):
                self._traffic.received(self._tally, self._take(frame), size_bytes)
                if self.closed:
                    return
        except FrameError as error:
            log.warning("rpc connection closed: malformed input", peer=self.peer.peer_id, remote=self.remote, error=str(error))
            self.abort(f"the other end sent malformed input: {error}")

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def eof_received(self) -> None:
        self._shut("closed by the other end")

    def connection_lost(self, error: Exception | None) -> None:
        self._shut(f"connection lost: {error}" if error else "closed by the other end")
        if self._timer is not None:
            self._timer.cancel()
        self._closed.set()
        if self._on_close is not None:
            self._on_close(self)

    # -- inside --------------------------------------------------------------------------------------------------

    async def _ask(self, call_id: int, method: Method[Req, Rep], request: Req, answer: asyncio.Future[Any], deadline: float) -> Rep:
        await self.writable()
        self._check_open(method)
        left_ms = max(1, round((deadline - self._loop.time()) * 1000))
        self.send_frame(wire.Call(call_id, method.number, min(left_ms, 0xFFFFFFFF), request), method.name)
        body = await answer
        try:
            return method.decode_reply(body)
        except (ValueError, TypeError) as error:
            raise BadReply(f"{method.name} on {self.describe()}: the reply is not a {method.reply.__name__}: {error}") from None

    def _take(self, frame: wire.Frame) -> str:
        """Act on one frame; its method's name for the counters."""
        match frame:
            case wire.Reply() | wire.Error():
                return self._take_answer(frame)
            case wire.Notify():
                return self._inbox.on_notify(frame)
            case wire.Call():
                self._inbox.on_call(frame)
                return self._inbox.name_of(frame.method)
            case wire.Cancel():
                self._inbox.on_cancel(frame)
                return "cancel"
            case wire.Ping():
                if self._may_write.is_set():  # else what waits to be sent says that we live
                    self.send_frame(wire.Pong(), "ping")
                return "ping"
            case wire.Pong():
                return "ping"
        raise FrameError(f"a {type(frame).__name__} frame after the handshake")

    def _take_answer(self, frame: wire.Reply | wire.Error) -> str:
        method, answer = self._waiting.get(frame.call_id, (None, None))
        if method is None or answer is None:
            return "unknown"  # came after we gave up
        if answer.done():
            return method.name
        if isinstance(frame, wire.Reply):
            answer.set_result(frame.body)
        else:
            answer.set_exception(RemoteError(frame.code, frame.message, frame.fields, peer=self.describe(), method=method.name))
        return method.name

    def _write(self, data: bytes) -> bool:
        """Whether it was sent, or will be with what follows in this turn of the loop."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if self.pending_bytes + len(data) > self._limits.send_bytes_max:
            log.warning("rpc connection closed: the other end does not read", peer=self.peer.peer_id, remote=self.remote)
            self.abort(f"the other end does not read: {self.pending_bytes} bytes are unsent")
            return False
        if self._gathered is None:
            transport.write(data)
            self._gathered = []
            self._loop.call_soon(self._send_gathered)
        else:
            self._gathered.append(data)
            self._gathered_bytes += len(data)
            if self._gathered_bytes > GATHER_BYTES_MAX:
                self._flush()
        return True

    def _flush(self) -> None:
        """Send what was written after the first frame of this turn: hundreds of small answers are one system call."""
        if self._gathered is None:
            return
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        if gathered and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(gathered))

    def _send_gathered(self) -> None:
        self._flush()
        self._gathered = None

    def _shut(self, reason: str) -> None:
        """First step of every way to close: no new work, nobody waits in vain."""
        if not self.close_reason:
            self.close_reason = reason
            self._inbox.close()
        for method, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(RpcClosed(f"{method.name} on {self.describe()}: {self.close_reason}"))
        self._may_write.set()
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def _check_usable(self, method: Method[Any, Any], *, one_way: bool) -> None:
        if method.one_way is not one_way:
            raise TypeError(f"{method.name} is {'one-way: use notify' if method.one_way else 'no one-way method: use call'}")
        if self.join_mode and not method.join:
            raise TypeError(f"{method.name} cannot be used on a join connection: declare it with join=True or dial in pool mode")

    def _check_open(self, method: Method[Any, Any]) -> None:
        if self.closed:
            raise RpcClosed(f"{method.name} on {self.describe()}: {self.close_reason or 'not started'}")

    def _arm_keepalive(self) -> None:
        self._timer = self._loop.call_at(self._heard_at + self._limits.keepalive_s, self._keepalive)

    def _keepalive(self) -> None:
        silent_s = self._loop.time() - self._heard_at
        if silent_s >= self._limits.dead_after_s:
            log.warning("rpc connection closed: the other end is silent", peer=self.peer.peer_id, remote=self.remote, silent_s=silent_s)
            self.abort(f"the other end was silent for {silent_s:.0f} s")
        elif silent_s < self._limits.keepalive_s:
            self._arm_keepalive()
        else:
            if self._may_write.is_set():
                self.send_frame(wire.Ping(), "ping")
            wait_s = min(self._limits.keepalive_s, self._limits.dead_after_s - silent_s)
            self._timer = self._loop.call_later(wait_s, self._keepalive)


def address_text(name: Any) -> str:
    """A socket name as host:port, IPv6 in brackets."""
    if not isinstance(name, tuple) or len(name) < 2:
        return str(name)
    return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"
