"""aiohttp's HTTP protocol with our limits and our errors: what can go wrong before there is a request.

The names of aiohttp that are not public (`_waiter`, `_current_request`, ...) are touched in this file only; aiohttp's version is locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from gd2raft.core.plan import CommandError, Refused
from gd2raft.rest.api import Limits
from gd2raft.rest.reply import Internal

Respond = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
RespondBroken = Callable[[web.BaseRequest, CommandError], web.StreamResponse]


HALF_CLOSED_POLL_S = 0.05


class HeadTooLarge(Refused):
    http = 431
    code = "too-large"


class Protocol(RequestHandler):
    """One connection."""

    def __init__(self, manager: HttpServer, limits: Limits, broken: RespondBroken, **options: Any) -> None:
        super().__init__(manager, **options)
        self._limits, self._broken = limits, broken
        self._head_timer: asyncio.TimerHandle | None = None
        self.gone = asyncio.Event()
        """Set when the connection is lost."""
        self.streaming = False
        """A reply without end is being sent: when the client says it is done, so are we."""

    @property
    def idle(self) -> bool:
        """Whether it waits for a request. (Not yet, before its task has begun.)"""
        return self._waiter is not None and not self._waiter.done()

    def data_received(self, data: bytes) -> None:
        """Also: the head of a request must not trickle in for ever. (Bodies have their own deadline, in call.py.)"""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._stop_head_timer()
        elif self.idle and self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.head_s, self._head_too_slow)

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self.idle:
            self.force_close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client may end its side once it has asked: what it has asked is answered before the connection is closed."""
        if self.streaming or self.idle:
            return False
        self._end_bodies()
        self._loop.call_later(HALF_CLOSED_POLL_S, self._close_when_answered)
        return True

    def _close_when_answered(self) -> None:
        if self.transport is None:
            return
        if self.idle:
            self.force_close()
        else:
            self._end_bodies()
            self._loop.call_later(HALF_CLOSED_POLL_S, self._close_when_answered)

    def _end_bodies(self) -> None:
        """What didn't come until the client's end won't come."""
        current = [] if self._current_request is None else [self._current_request.content]
        for content in (*current, *[payload for _, payload in self._messages]):
            if not content.is_eof():
                content.set_exception(web.RequestPayloadError("the body broke off"))
                content.feed_eof()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)
        self.gone.set()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What isn't HTTP gets our error body too."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("an error after the reply had begun")
        return self._broken(request, _as_error(status, exc))


def _as_error(status: int, exc: BaseException | None) -> CommandError:
    if isinstance(exc, LineTooLong):
        return HeadTooLarge("the request line or a header is too long")
    if isinstance(exc, HttpProcessingError) or status == 400:
        return Refused("this is not a valid HTTP request", code="bad-http")
    return Internal(f"unable to answer: {type(exc).__name__}")


class HttpServer(Server):
    """Makes a Protocol for each connection, and knows them all."""

    def __init__(self, respond: Respond, limits: Limits, broken: RespondBroken) -> None:
        super().__init__(respond)
        self._limits, self._broken = limits, broken

    def __call__(self) -> RequestHandler:
        limits = self._limits
        return Protocol(
            self,
            limits,
            self._broken,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_s,
            max_line_size=limits.header_bytes_max,
            max_field_size=limits.header_bytes_max,
            max_headers=limits.headers_max,
            lingering_time=1.0,
            auto_decompress=False,
            access_log=None,
        )

    def make_room(self) -> bool:
        """Below the limit of connections, if need be by closing the one that is idle for longest; False when all are busy."""
        connections = self.connections
        if len(connections) < self._limits.connections_max:
            return True
        for connection in connections:
            if isinstance(connection, Protocol) and connection.idle:
                connection.force_close()
                return True
        return False
