"""The servers of `bench commit`: three daemons of gd2raft, and three of etcd, on loopback addresses, with fsync as they come.

Both keep their data below one folder, so on one disk. This file must not know what is measured.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import jwt

from bench.ours import CLIENT_PORT, PEER_PORT, binary
from bench.sides import NotDone, wait_for

NETWORK = "127.26"
SIZE = 3
ETCD = "etcd"
ETCD_CLIENT, ETCD_PEER = 2379, 2380
CALL_S = 10.0
END_S = 10.0
CHECK_S = 180.0
CHECK_SAYS = ("PASS", "FAIL", "Throughput", "Slowest", "Stddev")


def why_not() -> str | None:
    if binary() is None:
        return "gd2raft is not installed in this environment (run ./dev setup)"
    return None if shutil.which(ETCD) else "etcd is not installed (Debian: apt install etcd-server)"


class Servers(Protocol):
    """Three servers, up inside the context."""

    side: str
    label: str

    def __enter__(self) -> Servers: ...
    def __exit__(self, *_: object) -> None: ...
    def targets(self) -> dict[str, Any]:
        """What commit_load reads."""

    def revision(self) -> int:
        """Grows by at least one with every commit."""

    def rss_mib(self) -> float:
        """Of all three."""

    def cpu_s(self) -> float:
        """Used by all three so far."""

    def kill(self, number: int) -> None: ...
    def start(self, number: int) -> None: ...
    def wait_ready(self) -> None: ...


class Processes:
    """Three processes and their folders."""

    def __init__(self, folder: Path, subnet: int) -> None:
        self.addresses = [f"{NETWORK}.{subnet}.{number + 1}" for number in range(SIZE)]
        self.folders = [folder / str(number) for number in range(SIZE)]
        self.running: list[subprocess.Popen[bytes] | None] = [None] * SIZE
        for path in self.folders:
            path.mkdir(parents=True)

    def launch(self, number: int, command: list[str]) -> None:
        with (self.folders[number] / "log").open("ab") as log:
            self.running[number] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folders[number], start_new_session=True
            )

    def log_tail(self, number: int) -> str:
        return (self.folders[number] / "log").read_text(errors="replace")[-800:]

    def kill(self, number: int, how: signal.Signals = signal.SIGKILL) -> None:
        process = self.running[number]
        if process is not None:
            process.send_signal(how)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(END_S)
        self.running[number] = None

    def end(self) -> None:
        for number in range(SIZE):
            self.kill(number, signal.SIGTERM)

    def rss_mib(self) -> float:
        sizes = []
        for process in self.running:
            if process is not None:
                words = Path(f"/proc/{process.pid}/status").read_text().split()
                sizes.append(int(words[words.index("VmRSS:") + 1]) / 1024)
        return sum(sizes)

    def cpu_s(self) -> float:
        ticks = 0
        for process in self.running:
            if process is not None:
                fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def ask(address: str, port: int, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = "") -> Any:
    """JSON in, JSON out. Raises OSError, HTTPException, NotDone."""
    connection = http.client.HTTPConnection(address, port, timeout=CALL_S)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        data = reply.read()
    finally:
        connection.close()
    if reply.status >= 400:
        raise NotDone(f"{method} {address}{path}: {reply.status} {data[:300]!r}")
    return json.loads(data) if data else None


class Ours(Processes):
    side = label = "ours"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 11)
        self._ids: list[str] = []

    def __enter__(self) -> Ours:
        try:
            for number in range(SIZE):
                self._configure(number)
                self.start(number)
            wait_for("the daemons answer", lambda: all(map(self._answers, range(SIZE))), every=0.1)
            for address in self.addresses[1:]:
                self._call(0, "POST", "/v1/peers", {"addresses": [address]})
            self.wait_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _configure(self, number: int) -> None:
        folder, address = self.folders[number], self.addresses[number]
        (folder / "gd2raft.toml").write_text(
            f'localstatedir = "{folder}/state"\nrundir = "{folder}/run"\nlogdir = "{folder}/log.d"\nlogfile = "-"\n'
            f'peeraddress = "{address}:{PEER_PORT}"\nclientaddress = "{address}:{CLIENT_PORT}"\nrestauth = true\n'
        )

    def start(self, number: int) -> None:
        self.launch(number, [str(binary()), "--config", str(self.folders[number] / "gd2raft.toml")])

    def _answers(self, number: int) -> bool:
        process = self.running[number]
        if process is None or process.poll() is not None:
            raise NotDone(f"the daemon {number} ended: {self.log_tail(number)}")
        try:
            ask(self.addresses[number], CLIENT_PORT, "GET", "/ping")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _call(self, number: int, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        secret = (self.folders[number] / "state" / "auth").read_text().strip()
        qsh = hashlib.sha256(f"{method}&{path}".encode()).hexdigest()
        token = jwt.encode({"iss": "gd2", "exp": int(time.time()) + 120, "qsh": qsh}, secret, "HS256")
        return ask(self.addresses[number], CLIENT_PORT, method, path, body, token)

    def _status(self, number: int) -> dict[str, Any]:
        status: dict[str, Any] = self._call(number, "GET", "/v1/cluster/status")
        return status

    def wait_ready(self) -> None:
        wait_for("three voters, all online", self._ready, every=0.1)
        self._ids = [json.loads((path / "state" / "peer.json").read_text())["peer_id"] for path in self.folders]

    def _ready(self) -> bool:
        try:
            for number in range(SIZE):
                status, peers = self._status(number), self._call(number, "GET", "/v1/peers")
                if not status["quorum"] or len(status["voters"]) != SIZE or [p["online"] for p in peers] != [True] * SIZE:
                    return False
        except (NotDone, OSError, http.client.HTTPException):
            return False
        return True

    def targets(self) -> dict[str, Any]:
        identity = json.loads((self.folders[0] / "state" / "peer.json").read_text())
        return {
            "addresses": [f"{address}:{PEER_PORT}" for address in self.addresses],
            "leader": self._ids.index(self._status(0)["leader"]),
            "pool_id": identity["pool_id"],
            "pool_key": identity["pool_key"],
        }

    def revision(self) -> int:
        return int(self._status(0)["revision"])


class Etcd(Processes):
    side, label = "etcd", "etcd"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 12)

    def __enter__(self) -> Etcd:
        try:
            for number in range(SIZE):
                self.start(number)
            self.wait_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, number: int) -> None:
        client, peer = (f"http://{self.addresses[number]}:{port}" for port in (ETCD_CLIENT, ETCD_PEER))
        cluster = ",".join(f"e{n}=http://{address}:{ETCD_PEER}" for n, address in enumerate(self.addresses))
        options = {
            "name": f"e{number}",
            "data-dir": str(self.folders[number] / "data"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": cluster,
            "initial-cluster-token": "bench",
            "logger": "zap",
        }
        self.launch(number, [ETCD, *(f"--{key}={value}" for key, value in options.items())])

    def _status(self, number: int) -> dict[str, Any]:
        status: dict[str, Any] = ask(self.addresses[number], ETCD_CLIENT, "POST", "/v3/maintenance/status", {})
        return status

    def wait_ready(self) -> None:
        wait_for("three members with a leader", self._ready, every=0.1)

    def _ready(self) -> bool:
        with contextlib.suppress(NotDone, OSError, http.client.HTTPException):
            states = [self._status(number) for number in range(SIZE)]
            applied = [int(state["raftAppliedIndex"]) for state in states]
            return len({state["leader"] for state in states}) == 1 and states[0]["leader"] != "0" and max(applied) - min(applied) < 10
        return False

    def targets(self) -> dict[str, Any]:
        states = [self._status(number) for number in range(SIZE)]
        members = [state["header"]["member_id"] for state in states]
        return {
            "addresses": [f"{address}:{ETCD_CLIENT}" for address in self.addresses],
            "leader": members.index(states[0]["leader"]),
        }

    def revision(self) -> int:
        return int(self._status(0)["header"]["revision"])

    def check(self, load: str) -> str:
        """What etcd's own check of its speed says, in one line; it passes or fails by thresholds of its own."""
        endpoints = ",".join(f"{address}:{ETCD_CLIENT}" for address in self.addresses)
        command = ["etcdctl", f"--endpoints={endpoints}", "check", "perf", f"--load={load}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_S, env=os.environ | {"ETCDCTL_API": "3"})
        said = [line for line in done.stdout.replace("\r", "\n").splitlines() if line.startswith(CHECK_SAYS)]
        if not said:
            raise NotDone(f"etcdctl check perf: {(done.stderr or done.stdout)[-300:]}")
        return "; ".join(said)


def version() -> str:
    done = subprocess.run([ETCD, "--version"], capture_output=True, text=True, timeout=10)
    return done.stdout.splitlines()[0].removeprefix("etcd Version: ")
