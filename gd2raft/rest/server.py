"""The REST server: sockets in, replies out. It joins the routes, the checks that every request goes through, and the log.

The daemon accepts, looks at the first bytes and hands the socket to `adopt`; nothing listens here.
Every request: length, token, route, query, freshness, handler; every reply, errors too, has the headers of call.base_headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Sequence
from typing import Any, cast

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from gd2raft.commands.registry import commands as all_commands
from gd2raft.core.kv import Event
from gd2raft.core.plan import Command, CommandError, NotFound, OutcomeUnknown, Unavailable
from gd2raft.rest import auth, bitrot, devices, exports, heals, inspections, quota, upkeep
from gd2raft.rest.api import Api, Limits, Log
from gd2raft.rest.call import Call, base_headers, request_id
from gd2raft.rest.command_routes import command_endpoints
from gd2raft.rest.heketi.door import Door
from gd2raft.rest.heketi.figures import Figures
from gd2raft.rest.heketi.tokens import Keys
from gd2raft.rest.metrics import Metrics
from gd2raft.rest.protocol import HttpServer, Protocol
from gd2raft.rest.reads import read_endpoints
from gd2raft.rest.reply import Internal, Late, NotAllowed, Reply, error_reply
from gd2raft.rest.routes import Endpoint, Router
from gd2raft.rest.system import System
from gd2raft.rest.watch import Watches

HANDLER_GRACE_S = 5.0
"""What a handler may take beyond the client's time-out before it is cut off: by then its own deadlines should have ended it."""
USER_WITHOUT_AUTH = "anonymous"
WARNING_CHARS_MAX = 1000
WARNINGS_MAX = 20


class RestServer:
    """start(), then adopt() sockets, then close(). `auth_required` False (restauth = false): everybody may do everything. `heketi_keys`: of the
    roles of heketi's clients."""

    def __init__(
        self,
        api: Api,
        *,
        auth_required: bool = True,
        heketi_keys: Keys | None = None,
        limits: Limits | None = None,
        log: Log | None = None,
        registry: CollectorRegistry | None = None,
        commands: Iterable[Command[Any]] | None = None,
    ) -> None:
        self.api, self.auth_required, self.limits = api, auth_required, limits or Limits()
        self.log: Log = log or structlog.get_logger("rest")
        self.metrics = Metrics(registry)
        self.metrics.registry.register(Figures(api))
        self._commands = list(all_commands().values() if commands is None else commands)
        self._heketi_keys = (heketi_keys or Keys()) if auth_required else None
        self._closing = False
        self._heketi: Door

    async def start(self) -> None:
        self._http = HttpServer(self._respond, self.limits, self._respond_broken)
        self._watches = Watches()
        outlets = exports.Exports()
        self._heketi = Door(self.api, self.log, outlets, self._heketi_keys)
        system = System(lambda: self.endpoints, lambda: len(self._http.connections), self.metrics, self._watches)
        self._router = Router(
            [
                *read_endpoints(),
                *command_endpoints(self._commands),
                *heals.endpoints(),
                *inspections.endpoints(),
                *upkeep.endpoints(),
                *quota.endpoints(),
                *bitrot.endpoints(),
                *devices.endpoints(),
                *outlets.endpoints(),
                *system.endpoints(),
                self._heketi.described(),
            ]
        )
        self._heketi.start()

    def on_events(self, events: Sequence[Event] | None) -> None:
        """The state changed (None: anything may have)."""
        if hasattr(self, "_heketi"):  # it was started
            self._heketi.queue.on_events(events)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._router.endpoints

    async def adopt(self, sock: socket.socket) -> None:
        """Take over a connected, non-blocking stream socket, of which nothing was read."""
        if self._closing or not self._http.make_room():
            self.metrics.refused.inc()
            self._turn_away(sock)
            return
        with contextlib.suppress(OSError):  # not TCP, or gone already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.limits.unread_s * 1000))
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._http, sock)
        except OSError:
            sock.close()

    async def close(self) -> None:
        """Take no more requests, let those that are being answered end (up to close_s), close all connections."""
        self._closing = True
        self._watches.end()
        await self._heketi.close()
        self._http.pre_shutdown()
        await self._http.shutdown(self.limits.close_s)

    def _turn_away(self, sock: socket.socket) -> None:
        error = Unavailable("too many connections to this peer", hint="try again, or ask another peer", code="too-many-connections")
        identity = request_id(None)
        reply = error_reply(error, identity)
        body = reply.encoded()
        headers = {
            **base_headers(self.api, identity, self.api.revision()),
            **reply.headers,
            "Content-Type": reply.content_type,
            "Connection": "close",
        }
        lines = [
            f"HTTP/1.1 {reply.status} Service Unavailable",
            *[f"{k}: {v}" for k, v in headers.items()],
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        with contextlib.suppress(OSError):
            sock.send("\r\n".join(lines).encode() + body)
        sock.close()

    # a request

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call(request, self.api, self.limits)
        reply = await self._reply(call)
        try:
            return await self._send(call, reply)
        finally:
            self._note(call, reply)

    async def _reply(self, call: Call) -> Reply:
        try:
            return await self._answer(call)
        except CommandError as error:
            return self._error_reply(call, error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            self.log.error("a request failed by our fault", request_id=call.request_id, path=call.raw_path, exc_info=error)
            return self._error_reply(call, Internal("internal error", hint="the daemon's log has the details under this request id"))

    def _error_reply(self, call: Call, error: CommandError) -> Reply:
        return self._heketi.error_reply(error) if self._heketi.owns(call.raw_path) else error_reply(error, call.request_id)

    async def _answer(self, call: Call) -> Reply:
        call.check()
        if self._heketi.owns(call.raw_path):
            return await self._answer_heketi(call)
        self._authenticate(call)
        if call.method == "OPTIONS":
            return Reply(status=204, headers={"Allow": self._router.allow(call.raw_path)})
        endpoint, call.fields = self._router.find(call.method, call.raw_path)
        call.endpoint = endpoint
        call.read_query(endpoint)
        limit_s = (call.timeout_s() if endpoint.command else self.limits.read_s) + call.wait_s() + HANDLER_GRACE_S
        try:
            async with asyncio.timeout(limit_s):
                await call.catch_up()
                return await endpoint.handler(call)
        except TimeoutError:
            if endpoint.command:
                raise OutcomeUnknown(
                    "it did not end in time, and may or may not happen", hint="ask again with the same Idempotency-Key"
                ) from None
            raise Late("no answer in time", hint="try again") from None

    async def _answer_heketi(self, call: Call) -> Reply:
        try:
            async with asyncio.timeout(self.limits.read_s):
                return await self._heketi.answer(call)
        except TimeoutError:
            raise Late("no answer in time", hint="try again") from None

    def _authenticate(self, call: Call) -> None:
        if not self.auth_required:
            call.user = USER_WITHOUT_AUTH
            return
        if call.method in ("GET", "HEAD"):
            with contextlib.suppress(NotFound, NotAllowed):
                if self._router.find("GET", call.raw_path)[0].public:
                    return
        call.user = auth.authenticate(call.request.headers.get("Authorization"), self.api.secret(), call.method, call.raw_path)

    # the reply

    async def _send(self, call: Call, reply: Reply) -> web.StreamResponse:
        headers = call.base_headers() | dict(reply.headers)
        if reply.stream is not None and call.method != "HEAD":
            return await self._send_stream(call, reply, headers)
        body = reply.encoded()
        if reply.body is not None or reply.stream is not None:
            headers["Content-Type"] = reply.content_type
        response = web.Response(status=reply.status, body=body or None, headers=headers)
        for warning in reply.warnings[:WARNINGS_MAX]:
            response.headers.add("X-Gluster-Warning", header_text(warning))
        if reply.close or self._closing:
            response.force_close()
        return response

    async def _send_stream(self, call: Call, reply: Reply, headers: dict[str, str]) -> web.StreamResponse:
        assert reply.stream is not None
        response = web.StreamResponse(status=reply.status, headers={**headers, "Content-Type": reply.content_type})
        response.force_close()
        try:
            await reply.stream(_TimedSink(call.request, response, self.limits.unread_s))
            await response.write_eof()
        except (ConnectionError, TimeoutError):
            if call.request.transport is not None:
                call.request.transport.abort()
        return response

    def _respond_broken(self, request: web.BaseRequest, error: CommandError) -> web.StreamResponse:
        """For what wasn't even a request."""
        identity = request_id(None)
        reply = error_reply(error, identity)
        headers = {**base_headers(self.api, identity, self.api.revision()), **reply.headers, "Content-Type": reply.content_type}
        self.log.info("request", request_id=identity, user="", method="?", path="?", status=reply.status, ms=0.0, remote=request.remote)
        self.metrics.answered("?", "?", reply.status, 0.0)
        response = web.Response(status=reply.status, body=reply.encoded(), headers=headers)
        response.force_close()
        return response

    def _note(self, call: Call, reply: Reply) -> None:
        seconds = asyncio.get_running_loop().time() - call.received
        route = call.endpoint.path if call.endpoint is not None else "?"
        method = call.method if call.endpoint is not None else "?"  # labels of metrics must not be made up by strangers
        self.metrics.answered(method, route, reply.status, seconds)
        self.log.info(
            "request",
            request_id=call.request_id,
            user=call.user,
            method=call.method,
            path=call.raw_path[:500],
            status=reply.status,
            ms=round(seconds * 1000, 1),
            remote=call.request.remote,
        )


class _TimedSink:
    """A client that doesn't read is not waited for longer than `seconds`."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse, seconds: float) -> None:
        self._request, self._response, self._seconds = request, response, seconds
        protocol = cast(Protocol, request.protocol)
        protocol.streaming = True
        self.gone = protocol.gone

    async def write(self, data: bytes) -> None:
        async with asyncio.timeout(self._seconds):
            if not self._response.prepared:
                await self._response.prepare(self._request)
            await self._response.write(data)


def header_text(text: str) -> str:
    """
    >>> header_text("caf\\u00e9\\n")
    'caf??'
    """
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:WARNING_CHARS_MAX])
