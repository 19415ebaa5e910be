"""One port, several protocols: look at the first bytes without taking them, then hand the socket over untouched.

`classify` is pure. `PortMux` listens and peeks; it knows no protocol beyond its first bytes, and never reads.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Literal

from gd2raft.sunrpc.api import Log

Kind = Literal["http", "sunrpc", "tls", "garbage"]
Handoff = Callable[[socket.socket], Awaitable[None]]

PEEK_BYTES = 32
_METHOD = re.compile(rb"[A-Z]{1,20}( .*)?", re.DOTALL)
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_ACCEPT_PAUSE_S = 0.2
_STALLED_PAUSE_S = 0.1
_HANDOVER_S = 5.0


def classify(first_bytes: bytes) -> Kind | None:
    """What a connection speaks, or None if these bytes don't say yet.

    An ONC RPC record starts with its mark: top bit, then a length whose high byte is always 0. HTTP starts with a
    method and a space, TLS with a handshake record of version 3.x.

    >>> classify(b"GET /v1/peers"), classify(bytes.fromhex("8000008c")), classify(b"PO")
    ('http', 'sunrpc', None)
    """
    if not first_bytes:
        return None
    if first_bytes[0] in (0x80, 0x00):
        return "sunrpc"
    if first_bytes[0] == 0x16:
        return None if len(first_bytes) < 2 else "tls" if first_bytes[1] == 3 else "garbage"
    if not (match := _METHOD.fullmatch(first_bytes)):
        return "garbage"
    return "http" if match[1] else None


class PortMux:
    """Accepts from `listener` (bound, listening) and hands each socket, unread and non-blocking, to its server.

    A connection that says nothing for `decide_s`, speaks garbage, or is the oldest of more than `undecided_max` that
    haven't spoken is closed. Out of descriptors: it waits and goes on. TLS without a `tls` is garbage.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        http: Handoff,
        sunrpc: Handoff,
        tls: Handoff | None = None,
        log: Log,
        decide_s: float = 10.0,
        undecided_max: int = 256,
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._handoffs: dict[str, Handoff | None] = {"http": http, "sunrpc": sunrpc, "tls": tls}
        self._log = log
        self._decide_s = decide_s
        self._undecided_max = undecided_max
        self._undecided: dict[asyncio.Task[bool], None] = {}  # an ordered set, oldest first
        self._handing_over: set[asyncio.Task[bool]] = set()

    @property
    def undecided(self) -> int:
        return len(self._undecided)

    async def run(self) -> None:
        """Accepts until cancelled, then closes the listener and every undecided connection."""
        try:
            while True:
                if (sock := await self._accept()) is not None:
                    self._admit(sock)
                    await asyncio.sleep(0)  # a full backlog is accepted without ever waiting; others want to run too
        finally:
            self._listener.close()
            for task in self._undecided:
                task.cancel()
            if tasks := {*self._undecided, *self._handing_over}:
                await asyncio.wait(tasks, timeout=_HANDOVER_S)

    async def _accept(self) -> socket.socket | None:
        try:
            return (await asyncio.get_running_loop().sock_accept(self._listener))[0]
        except OSError as error:
            if self._listener.fileno() < 0 or error.errno in (errno.EBADF, errno.EINVAL):
                raise  # the listener itself is gone: our bug, not the world's
            if error.errno in _OUT_OF_RESOURCES:
                self._log.warning("can't accept a connection, trying again", cause=str(error), pause_s=_ACCEPT_PAUSE_S)
                await asyncio.sleep(_ACCEPT_PAUSE_S)
            return None  # else the peer gave up before it was accepted

    def _admit(self, sock: socket.socket) -> None:
        if len(self._undecided) >= self._undecided_max:
            oldest = next(iter(self._undecided))
            del self._undecided[oldest]
            oldest.cancel()
        task = asyncio.create_task(self._decide(sock))
        self._undecided[task] = None
        task.add_done_callback(functools.partial(self._done, sock))

    def _done(self, sock: socket.socket, task: asyncio.Task[bool]) -> None:
        self._undecided.pop(task, None)
        self._handing_over.discard(task)
        if task.cancelled() or not task.result():
            sock.close()

    async def _decide(self, sock: socket.socket) -> bool:
        """True when somebody else owns the socket now."""
        kind = await self._kind(sock)
        handoff = self._handoffs.get(kind)
        if handoff is None:
            return False
        task = asyncio.current_task()
        assert task is not None
        self._undecided.pop(task, None)
        self._handing_over.add(task)
        try:
            await handoff(sock)
        except Exception as error:
            self._log.error("connection could not be handed over", kind=kind, cause=repr(error), exc_info=True)
            return False
        return True

    async def _kind(self, sock: socket.socket) -> str:
        try:
            async with asyncio.timeout(self._decide_s):
                return await self._peek(sock)
        except TimeoutError:
            self._log.debug("connection closed: it did not say what it speaks in time", decide_s=self._decide_s)
        except OSError as error:
            self._log.debug("connection lost before it said what it speaks", cause=str(error))
        return ""

    async def _peek(self, sock: socket.socket) -> str:
        seen = 0
        while True:
            await _readable(sock)
            first = sock.recv(PEEK_BYTES, socket.MSG_PEEK)
            if not first:
                return ""
            if (kind := classify(first)) is not None:
                return self._verdict(sock, kind, first)
            # peeked bytes stay readable: without a low-water mark the next wait returns at once, and again, and again;
            # with it there is still the end of the stream, which is readable too and brings no byte
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(first) + 1)
            if len(first) == seen:
                await asyncio.sleep(_STALLED_PAUSE_S)
            seen = len(first)

    def _verdict(self, sock: socket.socket, kind: Kind, first: bytes) -> str:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        if self._handoffs.get(kind) is None:
            self._log.warning("connection closed: no protocol spoken here", first_bytes=first.hex())
        return kind


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def mark() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock.fileno(), mark)
    try:
        await ready
    finally:
        loop.remove_reader(sock.fileno())
