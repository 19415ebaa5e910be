"""One HTTP exchange with one peer, within a deadline, and what can go wrong, told apart: nothing was sent, or the answer was lost.

http.client on purpose: it starts fast, and knows nothing of proxies (a proxy in the environment must not see the pool's secret).
It must not know what the request means or whether it may be repeated.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

PORT = 24007
CONNECT_S = 5.0
ANSWER_BYTES_MAX = 64 << 20
SCHEMES = ("http", "https")


class NotSent(Exception):
    """No connection, or no HTTP there: the peer did not get the request."""


class Lost(Exception):
    """The request may have arrived, the answer did not. `timed_out`: the deadline passed."""

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class BadEndpoint(ValueError):
    pass


class Endpoint(NamedTuple):
    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Tls(NamedTuple):
    cacert: str = ""
    insecure: bool = False


class Request(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


class RawAnswer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def parse_endpoint(text: str) -> Endpoint:
    """
    >>> parse_endpoint("node1").url, parse_endpoint("https://[fd00::1]:7").url, parse_endpoint("::1").url
    ('http://node1:24007', 'https://[fd00::1]:7', 'http://[::1]:24007')
    """
    given = text.strip()
    if "://" not in given:
        given = f"http://[{given}]" if given.count(":") > 1 and not given.startswith("[") else f"http://{given}"
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadEndpoint(f"endpoint {text!r}: {error}") from None
    if parts.scheme not in SCHEMES or not host or port == 0:
        raise BadEndpoint(f"endpoint {text!r} is not http://HOST:PORT or https://HOST:PORT")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or not host.isprintable() or " " in host:
        raise BadEndpoint(f"endpoint {text!r} has more than a host and a port")
    return Endpoint(parts.scheme, host, port or PORT)


def exchange(endpoint: Endpoint, request: Request, tls: Tls, deadline: float) -> RawAnswer:
    """`deadline`: of time.monotonic. Raises NotSent, Lost."""
    connection = connect(endpoint, tls, deadline)
    try:
        with _watchdog(connection, deadline):
            return _converse(connection, request, deadline)
    finally:
        connection.close()


def connect(endpoint: Endpoint, tls: Tls, deadline: float) -> http.client.HTTPConnection:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise NotSent("there was no time left to try it")
    connection = _connection(endpoint, tls, min(CONNECT_S, left_s))
    try:
        connection.connect()
    except (OSError, UnicodeError, ValueError) as error:
        connection.close()
        raise NotSent(reason_of(error)) from None
    return connection


def _connection(endpoint: Endpoint, tls: Tls, timeout_s: float) -> http.client.HTTPConnection:
    if endpoint.scheme == "http":
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    import ssl

    try:
        context = ssl.create_default_context(cafile=tls.cacert or None)
    except (OSError, ValueError) as error:
        raise NotSent(f"--cacert {tls.cacert}: {reason_of(error)}") from None
    if tls.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s, context=context)


def _converse(connection: http.client.HTTPConnection, request: Request, deadline: float) -> RawAnswer:
    try:
        connection.sock.settimeout(max(0.01, deadline - time.monotonic()))
        connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
        answer = connection.getresponse()
        if answer.length is None and not answer.chunked:  # no daemon of ours answers so: http.client takes a head that broke off for this
            raise Lost("the connection broke off in the head of the answer")
        if (answer.length or 0) > ANSWER_BYTES_MAX:
            raise Lost(f"the answer has {answer.length} bytes, at most {ANSWER_BYTES_MAX} are taken")
        body = answer.read(ANSWER_BYTES_MAX + 1)
        if answer.length and len(body) <= ANSWER_BYTES_MAX:  # read(n) passes over a connection that broke off
            raise Lost("the connection broke off in the middle of the answer")
    except http.client.RemoteDisconnected:
        raise _lost("the connection was closed without an answer", deadline) from None
    except http.client.BadStatusLine as error:
        line = str(error.args[0])
        if not line.startswith("HTTP/"[: len(line)]):
            raise NotSent("what answers there does not speak HTTP") from None
        raise _lost("the connection broke off in the answer's first line", deadline) from None
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        # AttributeError: http.client's way to say that the watchdog closed the socket under it.
        raise _lost(reason_of(error), deadline) from None
    if len(body) > ANSWER_BYTES_MAX:
        raise Lost(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return RawAnswer(answer.status, answer.headers, body)


def _lost(reason: str, deadline: float) -> Lost:
    timed_out = time.monotonic() >= deadline - 0.02
    return Lost("no answer in time" if timed_out else reason, timed_out)


@contextlib.contextmanager
def _watchdog(connection: http.client.HTTPConnection, deadline: float) -> Iterator[None]:
    """A socket's timeout is for one read: a peer that sends a byte now and then would hold us for ever."""

    sock = connection.sock  # http.client forgets it when the peer wants to close

    def end() -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def reason_of(error: BaseException) -> str:
    """In words a person knows."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens there"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "the connection was reset"
    if isinstance(error, socket.gaierror):
        return f"the name can't be resolved: {error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
