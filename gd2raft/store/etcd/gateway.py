"""Calls to an etcd cluster over its JSON gateway (the same port as gRPC): deadlines, and the next endpoint when one fails.

Why no library: the one that is kept (aetcd 1.0) speaks to a single endpoint and brings grpcio and protobuf, tens of megabytes for the
five calls that are needed here. The gateway is part of every etcd since 3.3. What it can't do: etcd's users by certificate name
(`--client-cert-auth` works, roles by CN don't). It must not know what the keys mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from gd2raft.store.etcd.errors import EtcdError, Lost, NotSent, of_answer
from gd2raft.store.etcd.http import Broken, HttpConnection
from gd2raft.store.etcd.messages import ErrorAnswer, WatchLine, WatchPart, decode, encode

T = TypeVar("T")

DIAL_TIMEOUT_S = 2.0
CALLS_MAX = 64
"""At a time; others wait, within their deadline."""
IDLE_MAX = 8

RANGE, TXN, WATCH = "/v3/kv/range", "/v3/kv/txn", "/v3/watch"
GRANT, REVOKE, KEEP_ALIVE = "/v3/lease/grant", "/v3/lease/revoke", "/v3/lease/keepalive"
MEMBERS = "/v3/cluster/member/list"


class BadEndpoint(ValueError):
    """An endpoint that is no URL of an etcd."""


class Endpoint(msgspec.Struct, frozen=True):
    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """
        >>> Endpoint.parse("http://10.0.0.1:2379"), Endpoint.parse("[::1]:2379")
        (Endpoint(host='10.0.0.1', port=2379, secure=False), Endpoint(host='::1', port=2379, secure=False))
        """
        try:
            url = urlsplit(text if "://" in text else f"http://{text}")
            port = url.port or 2379
        except ValueError as error:
            raise BadEndpoint(f"endpoint {text!r} is not a URL: {error}") from error
        if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query or url.username:
            raise BadEndpoint(f"endpoint {text!r}: http://HOST:PORT or https://HOST:PORT is needed")
        return cls(url.hostname, port, url.scheme == "https")


class Gateway:
    """One etcd cluster. `tls` is used for the https endpoints."""

    def __init__(self, endpoints: Sequence[Endpoint], tls: ssl.SSLContext | None = None) -> None:
        self._endpoints, self._tls = list(endpoints), tls
        self._preferred = 0
        self._faults: dict[int, float] = {}  # endpoint -> when it last did badly
        self.watched = 0  # the endpoint of the last watch
        self._idle: dict[int, list[HttpConnection]] = {}
        self._slots = asyncio.Semaphore(CALLS_MAX)

    def __str__(self) -> str:
        return ", ".join(f"{e.host}:{e.port}" for e in self._endpoints)

    async def call(self, path: str, body: dict[str, Any], kind: type[T], *, timeout_s: float) -> T:
        """One answer. Tries every endpoint as long as nothing was sent. Raises NotSent, Lost, Rejected."""
        sent: list[int] = []  # to which endpoints
        try:
            async with asyncio.timeout(timeout_s), self._slots:
                return decode(await self._try_all(path, encode(body), sent), kind)
        except TimeoutError:
            if not sent:
                raise NotSent(f"etcd ({self}) could not be reached within {timeout_s:.1f} s") from None
            self.blame(sent[-1])
            raise Lost(f"no answer from etcd {self._name(sent[-1])} within {timeout_s:.1f} s") from None
        except msgspec.MsgspecError as error:
            raise Lost(f"an answer of etcd makes no sense: {error}") from error

    def blame(self, number: int) -> None:
        """That endpoint did badly: use the one whose last fault is longest ago."""
        self._faults[number] = asyncio.get_running_loop().time()
        self._preferred = min(range(len(self._endpoints)), key=lambda n: self._faults.get(n, 0.0))

    async def _try_all(self, path: str, body: bytes, sent: list[int]) -> bytes:
        last: EtcdError = NotSent("no endpoint")
        for _ in self._endpoints:
            number = self._preferred
            try:
                return await self._post(number, path, body, sent)
            except NotSent as error:
                last = error
                self.blame(number)
            except Lost:
                self.blame(number)
                raise
        raise last

    async def _post(self, number: int, path: str, body: bytes, sent: list[int]) -> bytes:
        connection = await self._connection(number)
        sent.append(number)
        try:
            status, answer = await connection.post(path, body)
        except Broken as error:
            raise Lost(f"etcd {self._name(number)}: {error}") from error
        finally:
            self._put_back(number, connection)
        if status != 200:
            raise error_of(answer, status)
        return answer

    async def _connection(self, number: int) -> HttpConnection:
        idle = self._idle.setdefault(number, [])
        while idle:
            connection = idle.pop()
            if connection.idle_and_open:
                return connection
            connection.abort()
        return await self._dial(number)

    async def _dial(self, number: int) -> HttpConnection:
        endpoint = self._endpoints[number]
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                return await HttpConnection.open(endpoint.host, endpoint.port, (self._tls or True) if endpoint.secure else None)
        except TimeoutError as error:
            raise NotSent(f"etcd {self._name(number)} does not answer") from error
        except (OSError, UnicodeError) as error:  # the latter: a name that no resolver takes
            raise NotSent(f"etcd {self._name(number)} can't be reached: {getattr(error, 'strerror', None) or error}") from error

    def _put_back(self, number: int, connection: HttpConnection) -> None:
        idle = self._idle.setdefault(number, [])
        if connection.idle_and_open and len(idle) < IDLE_MAX:
            idle.append(connection)
        else:
            connection.abort()

    def _name(self, number: int) -> str:
        return f"{self._endpoints[number].host}:{self._endpoints[number].port}"

    async def watch(self, prefix: bytes, end: bytes, revision: int, *, silence_s: float) -> AsyncGenerator[WatchPart, None]:
        """Parts of a watch from `revision` on, in order. Ends with an EtcdError, also when nothing was heard for `silence_s`.

        etcd sends a part at least every ten minutes; a caller that wants to notice a dead connection sooner closes this itself.
        """
        self.watched = number = self._preferred
        connection = await self._dial(number)
        body = {"create_request": {"key": prefix, "range_end": end, "start_revision": revision, "fragment": True, "progress_notify": True}}
        lines = connection.stream(WATCH, encode(body))
        try:
            while True:
                async with asyncio.timeout(silence_s):
                    line = await anext(lines, None)
                if line is None:
                    raise Lost(f"etcd {self._name(number)} ended the watch")
                yield watch_part(line)
        except (Broken, TimeoutError, msgspec.MsgspecError) as error:
            raise Lost(f"the watch of etcd {self._name(number)} broke: {error or 'silence'}") from error
        finally:
            connection.abort()
            await lines.aclose()

    async def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                with contextlib.suppress(OSError):
                    await connection.close()
        self._idle.clear()


def watch_part(line: bytes) -> WatchPart:
    found = decode(line, WatchLine)
    if found.error is not None:
        raise Lost(f"etcd ended the watch: {found.error.message}")
    return found.result or WatchPart()


def error_of(answer: bytes, status: int) -> EtcdError:
    """What an answer that isn't 200 means.

    >>> error_of(b'{"message": "etcdserver: request is too large", "code": 3}', 400)
    Rejected('etcdserver: request is too large')
    """
    try:
        error = decode(answer, ErrorAnswer)
    except msgspec.MsgspecError:
        return Lost(f"HTTP status {status}: is this an etcd with its JSON gateway (3.3 or later)?")
    text = error.message or str(error.error)
    return of_answer(error.code, text)
