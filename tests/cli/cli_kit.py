"""A peer of the pool as gd2 sees it: a real HTTP server whose answers the test sets, and that checks every token as the daemon does."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import jwt

from gd2cli.main import main

ADDRESS = "127.17.0.1"
SECRET = "5ecre7" * 10
DEADLINE_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
PEER_1, PEER_2, PEER_3 = (f"{d * 8}-{d * 4}-{d * 4}-{d * 4}-{d * 12}" for d in "123")


class Seen(NamedTuple):
    """A request that arrived. `body`: its JSON."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any


class Raw(NamedTuple):
    """An answer as bytes, then the connection is closed."""

    data: bytes
    reset: bool = False


Reply = tuple[int, Any] | Raw | Callable[[Seen], "tuple[int, Any] | Raw"]


class Peer:
    """`frozen`: takes connections and answers nothing (`ignored`: so many requests). `answers`: "METHOD /path" -> reply, or a list of replies, one after the other (the last one stays)."""

    def __init__(self, address: str = ADDRESS, family: int = socket.AF_INET, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Reply | list[Reply]] = {
            "GET /v1/devices": (200, []),
            "GET /v1/jobs": (200, []),
        }  # a pool without any, unless a test says otherwise
        self.seen: list[Seen] = []
        self.headers: dict[str, str] = {}
        self.released = threading.Event()
        self.frozen, self.ignored = False, 0
        handler = type("Handler", (_Handler,), {"peer": self})
        server_type = type("Server", (ThreadingHTTPServer,), {"address_family": family, "daemon_threads": True})
        self._server = server_type((address, 0), handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        host = f"[{address}]" if family == socket.AF_INET6 else address
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def hang(self, seen: Seen) -> Raw:
        """A reply that does not come."""
        self.released.wait(DEADLINE_S)
        return Raw(b"")

    def reply_to(self, seen: Seen) -> tuple[int, Any] | Raw:
        if self.frozen:
            self.ignored += 1
            return self.hang(seen)
        if seen.target == "/ping":
            return 200, None
        self.seen.append(seen)
        if wrong := wrong_token(seen):
            return 401, error(wrong)
        found = self.answers.get(
            f"{seen.method} {seen.target.partition('?')[0]}", (404, error(f"nothing at {seen.target}", code="no-such-route"))
        )
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found(seen) if callable(found) else found


class _Handler(BaseHTTPRequestHandler):
    peer: Peer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = Seen(self.command, self.path, dict(self.headers.items()), json.loads(content) if content else None)
        reply = self.peer.reply_to(seen)
        self.close_connection = True
        if isinstance(reply, Raw):
            self.wfile.write(reply.data)
            if reply.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        status, body = reply
        data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in {"X-Request-Id": self.headers["X-Request-Id"], **self.peer.headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        pass


def wrong_token(seen: Seen) -> str:
    """What is wrong with the request's token, checked by another implementation than gd2's own; "" for nothing."""
    scheme, _, text = seen.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        return "unauthorized: a token is needed"
    try:
        claims = jwt.decode(text, SECRET, algorithms=["HS256"], options={"require": ["iss", "exp", "qsh"]})
    except jwt.PyJWTError as problem:
        return f"unauthorized: {problem}"
    path = seen.target.partition("?")[0]
    if claims["qsh"] != hashlib.sha256(f"{seen.method}&{path}".encode()).hexdigest() or claims["iss"] not in ("gd2", "glustercli"):
        return "unauthorized: the token does not fit this request"
    return ""


def error(message: str, **fields: str) -> dict[str, Any]:
    return {"errors": [{"code": 2 if "step" in fields else 1, "message": message, "fields": fields}]}


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Cli:
    """Runs gd2 in this process against peers."""

    def __init__(self, capture: Any) -> None:
        self.capture = capture

    def __call__(self, *words: str, peers: Peer | list[Peer] | str = "", secret: str | None = SECRET) -> Result:
        given = peers if isinstance(peers, str) else ",".join(p.url for p in (peers if isinstance(peers, list) else [peers]))
        line = [*(["--endpoints", given] if given else []), *([] if secret is None else ["--secret", secret]), "-y", *words]
        self.capture.readouterr()
        code = main(line)
        out, err = self.capture.readouterr()
        return Result(code, out, err)


def gd2_process(*words: str, **options: Any) -> subprocess.Popen[str]:
    """gd2 as a process of its own."""
    environment = {**os.environ, "GD2_AUTH_SECRET": SECRET, **options.pop("env", {})}
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-c", ENTRY, *words], text=True, cwd=ROOT, env=environment, **given)


ENTRY = "import sys; from gd2cli.main import main; sys.exit(main())"


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server((ADDRESS, 0)) as sock:
        return int(sock.getsockname()[1])


def peer_info(peer_id: str = PEER_1, name: str = "node1", online: bool = True, zone: str = "") -> dict[str, Any]:
    return {
        "id": peer_id, "name": name, "peer-addresses": [f"{name}:24008"], "client-addresses": [f"{name}:24007"], "online": online,
        "pid": 7 if online else 0, "metadata": {"_zone": zone or peer_id},
    }  # fmt: skip


def brick_info(name: str, path: str, kind: str = "Brick") -> dict[str, Any]:
    return {"id": f"id-{name}{path}", "path": path, "volume-id": "vid", "volume-name": "v1", "peer-id": PEER_1, "host": name, "type": kind}


def brick_status(name: str, path: str, online: bool = True) -> dict[str, Any]:
    space = {"capacity": 10 << 30, "used": 4 << 30, "free": 6 << 30}
    return {
        "info": brick_info(name, path), "online": online, "pid": 4711 if online else 0, "port": 49152 if online else 0,
        "fs-type": "xfs" if online else "", "mount-opts": "rw", "device": "/dev/sdb1", "size": space,
    }  # fmt: skip


def subvol(kind: str, bricks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"name": "v1-0", "type": kind, "bricks": bricks, "disperse-redundancy-count": 0, "thin-arbiter": "", **more}


def volume_info(kind: str = "Replicate", subvols: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    bricks = [brick_info(f"node{i}", "/b") for i in (1, 2, 3)]
    return {
        "id": "5f9c5a0e-0d8a-4c4c-9a35-5e4cb1d3b8a1", "name": "v1", "type": kind, "transport": "tcp", "state": "Started", "options": {"nfs.disable": "on"},
        "subvols": subvols or [subvol("Replicate", bricks)], "metadata": {}, "snap-list": [], **more,
    }  # fmt: skip


def cluster_status(**more: Any) -> dict[str, Any]:
    status = {
        "leader": PEER_1,
        "term": 3,
        "quorum": True,
        "voters": [PEER_1],
        "learners": [PEER_2],
        "log-index": 12,
        "applied": 10,
        "revision": 9,
    }
    return {**status, **more}
