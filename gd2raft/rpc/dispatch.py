"""Serving: what happens to the CALL and NOTIFY frames of one connection.

An async handler runs in a task of its own, with the caller's deadline, and is cancelled when the caller cancels or the
connection ends. (Work that must run to its end belongs in a task of the daemon that the handler only waits for.)
A plain function is run at once, in the order of the frames: the right choice for streams, where order matters, and for
answers that are ready at once; it must be quick. It may return a Deferred, which is answered later without a task.
This file must not know sockets or the handshake.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from gd2raft.rpc import errors, wire
from gd2raft.rpc.errors import FrameError, FrameTooLarge, RpcRefusal
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.service import Method, ServiceTable
from gd2raft.rpc.traffic import Traffic

if TYPE_CHECKING:
    from gd2raft.rpc.connection import Connection

log = structlog.get_logger("gd2raft.rpc")

Handler = Callable[["Connection", Any], Awaitable[Any] | Any]  # (connection, request) -> reply; raises RpcRefusal
Handlers = Mapping[Method[Any, Any], Handler]
Work = Coroutine[Any, Any, Any]
Explain = Callable[[Exception], RpcRefusal | None]


def _no_explanation(_: Exception) -> RpcRefusal | None:
    return None


class Deferred:
    """A reply that comes later: the handler keeps it and calls answer() once. A connection that has ended swallows it.

    The caller's deadline is the caller's affair; whoever keeps a Deferred sees to it that there are not too many.
    """

    __slots__ = ("_reply", "_send")

    def __init__(self) -> None:
        self._send: Callable[[Any], None] | None = None
        self._reply: Any = None

    def answer(self, reply: Any) -> None:
        if self._send is None:
            self._reply = reply
        else:
            self._send(reply)

    def attach(self, send: Callable[[Any], None]) -> None:
        """For the connection: where the reply goes."""
        self._send = send
        if self._reply is not None:
            send(self._reply)


@dataclass(frozen=True)
class Served:
    method: Method[Any, Any]
    handler: Handler


@dataclass
class Endpoint:
    """What all connections of one server or pool share.

    `explain` turns an exception of the daemon's own families into what the caller shall see; None means 'internal'.
    """

    handlers: Handlers
    limits: RpcLimits = field(default_factory=RpcLimits)
    traffic: Traffic = field(default_factory=Traffic)
    explain: Explain = _no_explanation

    def __post_init__(self) -> None:
        table = ServiceTable()
        self._served: dict[int, Served] = {}
        for method, handler in self.handlers.items():
            table.register(method)
            self._served[method.number] = Served(method, handler)

    @classmethod
    def build(cls, handlers: Handlers, limits: RpcLimits | None, traffic: Traffic | None, explain: Explain | None) -> Endpoint:
        """With the defaults in place of None."""
        return cls(handlers, limits or RpcLimits(), traffic or Traffic(), explain or _no_explanation)

    def lookup(self, number: int) -> Served | None:
        return self._served.get(number)


class Inbox:
    """The calls in progress of one connection, at most calls_in_max of them."""

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._streams: set[asyncio.Task[None]] = set()
        self._deferred: set[int] = set()
        self._complained = False

    def __len__(self) -> int:
        return len(self._calls) + len(self._streams) + len(self._deferred)

    def name_of(self, number: int) -> str:
        served = self._endpoint.lookup(number)
        return served.method.name if served else "unknown"

    def on_call(self, frame: wire.Call) -> None:
        """Answer at once or start a task. FrameError if the call id is in use: an answer could not be told from the other's."""
        if frame.call_id in self._calls or frame.call_id in self._deferred:
            raise FrameError(f"call id {frame.call_id} is used by two calls at once")
        name = self.name_of(frame.method)
        try:
            served, request = self._prepare(frame.method, frame.body, one_way=False)
            if len(self) >= self._endpoint.limits.calls_in_max:
                raise RpcRefusal(errors.BUSY, f"{len(self)} calls of this connection are in progress: try again later")
            reply = served.handler(self._connection, request)
            if isinstance(reply, Deferred):
                self._deferred.add(frame.call_id)
                reply.attach(lambda found: self._answer_later(frame.call_id, served.method, found))
            elif inspect.iscoroutine(reply):
                self._start_call(frame, served.method, reply)
            else:
                self._answer(frame.call_id, served.method, reply)
        except Exception as error:
            self._send_error(frame.call_id, name, error)

    def on_notify(self, frame: wire.Notify) -> str:
        """Run the handler; the method's name. Nobody waits for an answer, so trouble goes to the log."""
        name = self.name_of(frame.method)
        try:
            served, message = self._prepare(frame.method, frame.body, one_way=True)
            work = served.handler(self._connection, message)
            if work is None or not inspect.iscoroutine(work):
                return name
            if len(self) < self._endpoint.limits.calls_in_max:
                self._start_stream(served.method, work)
            else:
                work.close()
                self._endpoint.traffic.drop(name)
        except Exception as error:
            self._log_failed_notify(name, error)
        return name

    def on_cancel(self, frame: wire.Cancel) -> None:
        task = self._calls.get(frame.call_id)
        if task is not None:
            task.cancel()
        self._deferred.discard(frame.call_id)

    def close(self) -> None:
        for task in (*self._calls.values(), *self._streams):
            task.cancel()
        self._deferred.clear()

    def _prepare(self, number: int, body: Any, *, one_way: bool) -> tuple[Served, Any]:
        served = self._endpoint.lookup(number)
        if served is None or served.method.one_way is not one_way:
            raise RpcRefusal(errors.UNKNOWN_METHOD, f"unknown method {number}: this peer runs another version of gd2raft")
        method = served.method
        if self._connection.join_mode and not method.join:
            raise RpcRefusal(errors.JOIN_ONLY, f"{method.name} cannot be used before the peer is a member of the pool")
        try:
            return served, method.decode_request(body)
        except (msgspec.ValidationError, ValueError, TypeError) as error:
            raise RpcRefusal(errors.BAD_REQUEST, f"{method.name}: {error}") from None

    def _start_call(self, frame: wire.Call, method: Method[Any, Any], work: Work) -> None:
        task = asyncio.get_running_loop().create_task(self._run_call(frame, method, work), name=f"rpc {method.name}")
        self._calls[frame.call_id] = task
        task.add_done_callback(lambda _: self._calls.pop(frame.call_id, None))
        task.add_done_callback(lambda _: work.close())  # a task that is cancelled at once has not begun it

    def _start_stream(self, method: Method[Any, Any], work: Work) -> None:
        task = asyncio.get_running_loop().create_task(self._run_notify(method, work), name=f"rpc {method.name}")
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        task.add_done_callback(lambda _: work.close())

    async def _run_call(self, frame: wire.Call, method: Method[Any, Any], work: Work) -> None:
        deadline_s = min(frame.deadline_ms / 1000, self._endpoint.limits.call_deadline_s_max)
        try:
            async with asyncio.timeout(deadline_s) as timeout:
                reply = await work
                await self._connection.writable()
            self._answer(frame.call_id, method, reply)
        except TimeoutError as error:
            late = RpcRefusal(errors.DEADLINE, f"{method.name} was not done within {deadline_s:g} s")
            self._send_error(frame.call_id, method.name, late if timeout.expired() else error)
        except Exception as error:
            self._send_error(frame.call_id, method.name, error)

    async def _run_notify(self, method: Method[Any, Any], work: Work) -> None:
        try:
            async with asyncio.timeout(self._endpoint.limits.call_deadline_s_max):
                await work
        except Exception as error:
            self._log_failed_notify(method.name, error)

    def _answer(self, call_id: int, method: Method[Any, Any], reply: Any) -> None:
        if not isinstance(reply, method.reply):
            raise TypeError(f"the handler of {method.name} returned {type(reply).__name__}, declared is {method.reply.__name__}")
        self._connection.send_frame(wire.Reply(call_id, reply), method.name)

    def _answer_later(self, call_id: int, method: Method[Any, Any], reply: Any) -> None:
        if call_id in self._deferred:
            self._deferred.discard(call_id)
            self._answer(call_id, method, reply)

    def _send_error(self, call_id: int, name: str, error: Exception) -> None:
        refusal = self._explain(name, error)
        fields = {str(key)[:64]: str(value)[:8192] for key, value in list(refusal.fields.items())[:32]}
        self._connection.send_frame(wire.Error(call_id, refusal.code[:64], refusal.message[:8192], fields), name)

    def _explain(self, name: str, error: Exception) -> RpcRefusal:
        if isinstance(error, RpcRefusal):
            return error
        if isinstance(error, FrameTooLarge):
            log.error("rpc reply too large", method=name, error=str(error))
            return RpcRefusal(errors.TOO_LARGE, f"the reply of {name} is too large: {error}")
        if (known := self._endpoint.explain(error)) is not None:
            return known
        log.error("rpc handler failed", method=name, peer=self._connection.peer.peer_id, error=repr(error), exc_info=error)
        return RpcRefusal(errors.INTERNAL, f"{name} failed inside the other peer ({type(error).__name__}): its log says more")

    def _log_failed_notify(self, name: str, error: Exception) -> None:
        peer = self._connection.peer.peer_id
        if not isinstance(error, RpcRefusal):
            log.error("rpc notification failed", method=name, peer=peer, error=repr(error), exc_info=error)
        elif not self._complained:  # once: the other end decides how many it sends
            self._complained = True
            log.warning("rpc notification refused", method=name, peer=peer, error=str(error))
