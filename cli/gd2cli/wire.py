"""One HTTP exchange with one peer, within a deadline, and what can go wrong, told apart: nothing was sent, or the answer was lost.

A daemon that hangs (stopped, its disk stuck) takes connections and answers nothing, as does one that works on something long. So a peer that
is silent is asked on another connection whether it is there: one that works answers that.

http.client on purpose: it starts fast, and knows nothing of proxies (a proxy in the environment must not see the pool's secret).
It must not know what the request means or whether it may be repeated.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

PORT = 24007
CONNECT_S = 5.0
QUIET_S, ASK_AGAIN_S = 1.0, 3.0
"""So long a peer may be silent before it is asked whether it is there, and asked again."""
ANSWER_BYTES_MAX = 64 << 20
SCHEMES = ("http", "https")


class NotSent(Exception):
    """No connection, or no HTTP there: the peer did not get the request. `timed_out`: there was nothing to be heard at all."""

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class Lost(Exception):
    """The request may have arrived, the answer did not. `timed_out`: the deadline passed, or the peer hangs."""

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


def exchange(endpoint: Endpoint, request: Request, tls: Tls, deadline: float, patience_s: float = 0.0) -> RawAnswer:
    """`deadline`: of time.monotonic. A peer that hangs is given up when it does not say for `patience_s` that it is there (0: it is not asked).
    Raises NotSent, Lost."""
    connection = connect(endpoint, tls, min(deadline, time.monotonic() + (patience_s + QUIET_S if patience_s else CONNECT_S)))
    watch = _Watch(connection.sock, endpoint, tls, deadline, patience_s)
    try:
        with watch:
            return _converse(connection, request, deadline)
    except (NotSent, Lost):
        if watch.hangs:
            raise Lost(HANGS, timed_out=True) from None
        raise
    finally:
        connection.close()


HANGS = "it takes connections and answers nothing (asked whether it is there)"
PING = Request("GET", "/ping", {"User-Agent": "gd2", "Connection": "close"}, None)


def look_alive(endpoint: Endpoint, tls: Tls, deadline: float) -> None:
    """Raises NotSent when it hangs; any sign of life will do, a refused connection too."""
    try:
        exchange(endpoint, PING, tls, deadline)
    except (NotSent, Lost) as error:
        if error.timed_out:
            raise NotSent(HANGS, timed_out=True) from None


def connect(endpoint: Endpoint, tls: Tls, deadline: float) -> http.client.HTTPConnection:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise NotSent("there was no time left to try it")
    connection = _connection(endpoint, tls, min(CONNECT_S, left_s))
    try:
        connection.connect()
    except (OSError, UnicodeError, ValueError) as error:
        connection.close()
        raise NotSent(reason_of(error), isinstance(error, TimeoutError)) from None
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


class _Watch:
    """Ends the exchange on `sock` at its deadline, or when the peer hangs. (A socket's timeout is for one read: a peer that sends a byte now and
    then would hold us for ever.)"""

    def __init__(self, sock: socket.socket, endpoint: Endpoint, tls: Tls, deadline: float, patience_s: float) -> None:
        self._sock = sock  # http.client forgets it when the peer wants to close
        self._endpoint, self._tls, self._deadline, self._patience_s = endpoint, tls, deadline, patience_s
        self._over = threading.Event()
        self.hangs = False

    def __enter__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _run(self) -> None:
        pause_s = QUIET_S
        while not self._over.wait(max(0.0, min(self._deadline - time.monotonic(), pause_s if self._patience_s else threading.TIMEOUT_MAX))):
            if time.monotonic() >= self._deadline or self._asked_in_vain():
                break
            pause_s = ASK_AGAIN_S
        if not self._over.is_set():
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _asked_in_vain(self) -> bool:
        try:
            look_alive(self._endpoint, self._tls, min(self._deadline, time.monotonic() + self._patience_s))
        except NotSent:
            self.hangs = not self._over.is_set()
        return self.hangs


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
