"""Our side: a pool of gd2raft daemons, each in its own namespace, driven by REST /v1 over one kept HTTP/1.1 connection per peer.

This file must not import the daemon: it measures what a client of the REST API gets.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import shutil
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt

from bench.namespaces import Host, Process, Rig, RigError
from bench.sides import Brick, NotDone, wait_for

CLIENT_PORT, PEER_PORT = 24007, 24008
TOKEN_LIFETIME_S = 120
CALL_DEADLINE_S = 60.0
EXIT_S = 20.0
VOTERS = {1: 1, 2: 1, 3: 3, 4: 3, 5: 3, 6: 3}  # by pool size; 5 from seven peers on
PROGRAM, LOG = "gd2raft", "gd2raft.log"

Json = Any  # what json.loads gives


def token(secret: str, method: str, path: str) -> str:
    """What REST wants to see: a JWT of the user gd2 for this very request (path without query)."""
    qsh = hashlib.sha256(f"{method}&{path}".encode()).hexdigest()
    return jwt.encode({"iss": "gd2", "exp": int(time.time()) + TOKEN_LIFETIME_S, "qsh": qsh}, secret, "HS256")


class RestFailed(RuntimeError):
    """An answer of 400 or more. The text has status and the daemon's own words."""

    def __init__(self, what: str, status: int, body: bytes) -> None:
        super().__init__(f"{what}: {status} {body.decode(errors='replace')[:600]}")
        self.status = status


def request(
    connection: http.client.HTTPConnection, secret: str, method: str, path: str, body: Mapping[str, Json] | None, who: str
) -> bytes:
    """The answer to one request as the user gd2. Raises RestFailed, OSError, HTTPException."""
    headers = {"Authorization": f"Bearer {token(secret, method, path.partition('?')[0])}"}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    connection.request(method, path, data, headers)
    reply = connection.getresponse()
    answer = reply.read()
    if reply.status >= 400:
        raise RestFailed(f"{method} {path} on {who}", reply.status, answer)
    return answer


def decoded(answer: bytes) -> Json:
    """None for an empty one."""
    return json.loads(answer) if answer else None


def settings(folder: Path, address: str, loglevel: str = "INFO") -> str:
    """The daemon's configuration file: everything of it below the folder, its log on stdout."""
    return (
        f'localstatedir = "{folder}/state"\nrundir = "{folder}/run"\nlogdir = "{folder}/log"\nlogfile = "-"\nloglevel = "{loglevel}"\n'
        f'peeraddress = "{address}:{PEER_PORT}"\nclientaddress = "{address}:{CLIENT_PORT}"\nrestauth = true\n'
    )


def binary() -> Path | None:
    """The daemon of this very Python environment, else of PATH."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    return Path(found) if found else None


def why_not() -> str | None:
    return None if binary() else f"{PROGRAM} is not installed in this environment (run ./dev setup)"


class Inside(http.client.HTTPConnection):
    """An HTTP connection made in the network of a host. (Connects again by itself when the server closed it.)"""

    def __init__(self, host: Host, call_s: float = CALL_DEADLINE_S) -> None:
        super().__init__(host.address, CLIENT_PORT, timeout=call_s)
        self._inside, self._call_s = host, call_s

    def connect(self) -> None:
        self.sock = self._inside.connect(CLIENT_PORT, timeout_s=self._call_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Peer:
    """One daemon and our connection to it. `state`: its localstatedir, as seen from here."""

    call_s = CALL_DEADLINE_S

    def __init__(self, host: Host) -> None:
        self.host = host
        self.folder = host.folder / "gd2"
        self.folder.mkdir()
        self.state = self.folder / "state"
        self.id = ""  # known after its first answer
        self._connection = Inside(host, self.call_s)
        self._secret: str | None = None
        self._config().write_text(settings(self.folder, host.address))

    def _config(self) -> Path:
        return self.folder / "gd2raft.toml"

    def start(self) -> None:
        program = binary()
        assert program
        self.launch([program, "--config", self._config()])

    def launch(self, command: Sequence[str | Path]) -> None:
        self._process = self.host.popen(command, log=LOG)

    @property
    def process(self) -> Process:
        return self._process

    def running(self) -> bool:
        return hasattr(self, "_process") and self._process.poll() is None

    def kill(self) -> None:
        """kill -9. It is gone when this returns."""
        with contextlib.suppress(RigError):
            self._process.kill()
        self._process.wait(EXIT_S)
        self.close()

    def ping(self) -> bool:
        if self._process.poll() is not None:
            raise NotDone(f"{PROGRAM} on {self.host.name} ended with {self._process.returncode}: {self.log_tail()}")
        try:
            self._connection.request("GET", "/ping")
            reply = self._connection.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
        self.id = reply.headers.get("X-Gluster-Peer-Id", "")
        return reply.status == 200

    def log_tail(self) -> str:
        return (self.host.folder / LOG).read_text(errors="replace")[-800:].strip() or "no output"

    def forget_secret(self) -> None:
        """A peer gets the pool's secret when it joins."""
        self._secret = None

    def call(self, method: str, path: str, body: Mapping[str, Json] | None = None) -> Json:
        """The decoded answer; None for an empty one. Raises RestFailed, OSError, HTTPException."""
        if self._secret is None:
            self._secret = (self.state / "auth").read_text().strip()
        try:
            return decoded(request(self._connection, self._secret, method, path, body, self.host.name))
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def status(self) -> Json:
        """What it says about the cluster; None when it does not answer."""
        try:
            self.forget_secret()
            return self.call("GET", "/v1/cluster/status")
        except (RestFailed, OSError, http.client.HTTPException):
            return None

    def close(self) -> None:
        self._connection.close()


def ailments(peers: Sequence[Peer]) -> str:
    """What keeps the pool of just these from being whole and at rest; "": every daemon runs and sees all others, and the same leader, at
    one revision, with nothing left undone."""
    statuses = [peer.status() if peer.running() else None for peer in peers]
    answers = [status for status in statuses if status is not None]
    if len(answers) < len(peers):
        return f"{[peer.host.name for peer, status in zip(peers, statuses, strict=True) if status is None]} do not answer"
    for status in answers:
        offline = [peer["name"] for peer in status["peers"] if not peer["online"]]
        open_ends = {name: status[name] for name in ("locks", "transactions", "leftovers") if status[name]}
        if offline or not status["quorum"] or len(status["peers"]) != len(peers) or open_ends:
            return f"{status['peer-id']}: quorum {status['quorum']}, offline {offline}, {len(status['peers'])} peers, open {open_ends}"
    told = {(status["leader"], status["revision"]) for status in answers}
    return "" if len(told) == 1 and answers[0]["leader"] else f"leaders and revisions differ: {told}"


class Gd2raft:
    """`size` daemons in one pool; commands go to the first. `keep`: leave what they wrote, to look at it."""

    label = PROGRAM

    def __init__(self, size: int, folder: str | Path | None = None, *, keep: bool = False) -> None:
        self.hosts: list[Host] = []
        self._size, self._folder, self._keep = size, folder, keep
        self._stack = contextlib.ExitStack()
        self.peers: list[Peer] = []

    def __enter__(self) -> Gd2raft:
        with contextlib.ExitStack() as stack:
            self.hosts = stack.enter_context(Rig(self._size, folder=self._folder, keep=self._keep)).hosts[:]
            self.peers = [Peer(host) for host in self.hosts]
            for peer in self.peers:
                stack.callback(peer.close)
                peer.start()
            for peer in self.peers:
                wait_for(f"{PROGRAM} on {peer.host.name} answers /ping", peer.ping, every=0.1)
            self._form_pool()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def reconnect(self) -> None:
        """At the next call: a daemon closes a connection that was idle for long, as while the other side had its turn."""
        for peer in self.peers:
            peer.close()

    def _form_pool(self) -> None:
        for peer in self.peers[1:]:
            self.peers[0].call("POST", "/v1/peers", {"addresses": [peer.host.address]})
        wait_for("every peer sees the whole pool and its voters", lambda: all(map(self._sees_pool, self.peers)), every=0.1)

    def _sees_pool(self, peer: Peer) -> bool:
        peer.forget_secret()
        try:
            status, peers = peer.call("GET", "/v1/cluster/status"), peer.call("GET", "/v1/peers")
        except (RestFailed, OSError, http.client.HTTPException):
            return False  # it is joining: 401 until it has the pool's secret, 503 until it knows a leader
        return (
            bool(status["quorum"])
            and len(status["voters"]) == VOTERS.get(self._size, 5)
            and [entry["online"] for entry in peers] == [True] * self._size
        )

    def create(self, volume: str, bricks: Sequence[Brick]) -> None:
        ids = {peer.host.number: peer.id for peer in self.peers}
        entries = [{"peerid": ids[brick.host.number], "path": str(brick.path)} for brick in bricks]
        subvolume = {"type": "replicate", "replica": len(entries), "bricks": entries}
        self.peers[0].call("POST", "/v1/volumes", {"name": volume, "subvols": [subvolume], "force": True})

    def start(self, volume: str) -> None:
        self.peers[0].call("POST", f"/v1/volumes/{volume}/start")

    def set(self, volume: str, key: str, value: str) -> None:
        self.peers[0].call("POST", f"/v1/volumes/{volume}/options", {"options": {key: value}})

    def info(self, volume: str) -> object:
        return self.peers[0].call("GET", f"/v1/volumes/{volume}")

    def seen(self, volume: str, via: int) -> tuple[str, dict[str, str]] | None:
        try:
            info = self.peers[via].call("GET", f"/v1/volumes/{volume}")
        except RestFailed as error:
            if error.status == 404:
                return None
            raise
        return info["state"], dict(info.get("options") or {})

    def stop(self, volume: str) -> None:
        self.peers[0].call("POST", f"/v1/volumes/{volume}/stop")

    def delete(self, volume: str) -> None:
        self.peers[0].call("DELETE", f"/v1/volumes/{volume}")
