"""One peer: a daemon on a machine, with its folder. Started, killed, and asked as users do: over REST and by the command `gd2`."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from gd2cli import token

from .machine import Machine
from .waiting import DEADLINE_S, until

BIN = Path(os.environ.get("GD2_BIN") or Path(sys.executable).parent)
REST_PORT, PEER_PORT = 24007, 24008
STOP_S = 20.0
LOG_TAIL_CHARS = 12_000


class Answer(NamedTuple):
    """`body`: decoded JSON, None for none."""

    status: int
    headers: Message
    body: Any

    @property
    def message(self) -> str:
        """Of an error: messages and hints in one text."""
        errors = self.body.get("errors", []) if isinstance(self.body, dict) else []
        return "; ".join(f"{e['message']} ({e.get('fields', {}).get('hint', '')})" for e in errors)

    @property
    def code(self) -> str:
        """Of an error: our stable word."""
        errors = self.body.get("errors", []) if isinstance(self.body, dict) else []
        return str(errors[0].get("fields", {}).get("code", "")) if errors else ""


class Ran(NamedTuple):
    """How `gd2` ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Peer:
    """See the module's docstring. `state` may be on a file system of the machine's own. `settings`: keys of the daemon's configuration, instead of the usual ones."""

    def __init__(self, machine: Machine, **settings: object) -> None:
        self.machine, self.address, self.folder = machine, machine.address, machine.folder
        self.state, self.run_folder = self.folder / "state", self.folder / "run"
        self.bricks = self.folder / "bricks"
        self.hooks = self.folder / "hooks"  # not this machine's own scripts, unless a test wants them
        self.bricks.mkdir(exist_ok=True)
        self.config, self.log = self.folder / "gd2raft.toml", self.folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.cut_off = False
        self.program: list[Path | str] = [BIN / "gd2raft"]
        self.configure(**settings)

    # the daemon

    def configure(self, **settings: object) -> None:
        usual = {
            "localstatedir": str(self.state),
            "rundir": str(self.run_folder),
            "logdir": str(self.folder / "log"),
            "logfile": "-",
            "peeraddress": f"{self.address}:{PEER_PORT}",
            "clientaddress": f"{self.address}:{REST_PORT}",
            "hooksdir": str(self.hooks),
        }
        self.config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in {**usual, **settings}.items()))

    def altered(self, statement: str) -> None:
        """From its next start on this daemon runs with a constant of its code changed: another release, or shorter waits."""
        script = self.folder / "altered.py"
        script.write_text(f"{statement}\nfrom gd2raft.main import main\nraise SystemExit(main())\n")
        self.program = [sys.executable, script]

    def start(self) -> Peer:
        """Returns at once: see `ready`."""
        assert self.process is None or self.process.poll() is not None, f"{self} runs already"
        self.process = self.machine.start([*self.program, "--config", self.config], self.log)
        return self

    def ready(self) -> Peer:
        until(self.answers, f"the daemon of {self} answers")
        return self

    def answers(self) -> bool:
        """Whether it answers; RuntimeError when its process has ended, since then it never will."""
        if self.process is not None and (code := self.process.poll()) is not None:
            raise RuntimeError(f"the daemon of {self} ended with {code}: {self.log_tail()[-600:]}")
        return self.call("GET", "/ping", timeout_s=2.0).status == 200

    @property
    def pid(self) -> int:
        """Of the daemon, in the /proc of the test."""
        assert self.process is not None
        return self.machine.pid(self.process)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self, sig: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_S)
                raise AssertionError(f"the daemon of {self} did not end within {STOP_S:g} s of {sig.name}") from None

    def restart(self) -> Peer:
        self.kill()
        return self.start()

    def ended(self, seconds: float = DEADLINE_S) -> int:
        """Wait for the daemon to end by itself; its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon of {self} did not end by itself within {seconds:g} s: {self.log_tail()[-600:]}") from None

    def log_tail(self) -> str:
        """The end of the log, without the reads that the test itself polls with."""
        if not self.log.exists():
            return "(no log)"
        lines = self.log.read_text(errors="replace").splitlines(keepends=True)
        return "".join(line for line in lines if "method='GET'" not in line)[-LOG_TAIL_CHARS:]

    # asking it

    def call(self, method: str, path: str, /, body: object = None, *, timeout_s: float = 60.0, key: str = "", **query: str) -> Answer:
        """One request with a good token; `key`: its Idempotency-Key. Raises OSError or http.client.HTTPException when there is no answer."""
        connection = self.connection(timeout_s)
        path = quote(path)
        data = None if body is None else json.dumps(body).encode()
        try:
            headers = self._headers(method, path, data) | ({"Idempotency-Key": key} if key else {})
            connection.request(method, path + (f"?{urlencode(query)}" if query else ""), data, headers)
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        return Answer(reply.status, reply.headers, json.loads(text) if text else None)

    def connection(self, timeout_s: float = 20.0) -> http.client.HTTPConnection:
        """To the daemon's REST, without any token."""
        connection = http.client.HTTPConnection(self.address, REST_PORT, timeout=timeout_s)
        connection.sock = self.machine.connect(REST_PORT, timeout_s)
        return connection

    def _headers(self, method: str, path: str, data: bytes | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json"} if data is not None else {}
        try:
            secret = self.machine.seen(self.state / "auth").read_bytes().strip()
        except FileNotFoundError:
            return headers
        return headers | {"Authorization": f"Bearer {token.bearer('gd2', secret, method, path, int(time.time()))}"}

    def get(self, path: str, /, **query: str) -> Any:
        """The body of a read that must succeed."""
        answer = self.call("GET", path, **query)
        assert answer.status == 200, f"GET {path} on {self}: {answer.status} {answer.message}"
        return answer.body

    def text(self, path: str) -> str:
        """The body of a read that isn't JSON and needs no token."""
        connection = self.connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def must(self, method: str, path: str, body: object = None) -> Any:
        """The body of a write that must succeed."""
        answer = self.call(method, path, body)
        assert answer.status in (200, 201, 202, 204), f"{method} {path} on {self}: {answer.status} {answer.message}"
        return answer.body

    def gd2(self, *words: object, timeout_s: float = 90.0) -> Ran:
        options = ["--endpoints", f"http://{self.address}:{REST_PORT}", "--secret-file", str(self.state / "auth"), "-y"]
        done = self.machine.run([str(BIN / "gd2"), *options, *map(str, words)], timeout_s)
        return Ran(done.returncode, done.stdout, done.stderr)

    def gd2_done(self, *words: object) -> Ran:
        """A command that must succeed."""
        ran = self.gd2(*words)
        assert ran.code == 0, f"gd2 {' '.join(map(str, words))} on {self}: exit {ran.code}: {ran.err or ran.out}"
        return ran

    @property
    def id(self) -> str:
        return str(self.call("GET", "/ping").headers["X-Gluster-Peer-Id"])

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/v1/cluster/status")
        return found

    def peers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/v1/peers")
        return found

    def volumes(self) -> dict[str, dict[str, Any]]:
        return {v["name"]: v for v in self.get("/v1/volumes")}

    # its bricks

    def brick(self, name: str) -> str:
        """`ADDRESS:/path`, as commands take it."""
        return f"{self.address}:{self.bricks / name}"

    def brick_folder(self, name: str) -> Path:
        return self.bricks / name

    def brick_pids(self) -> set[int]:
        """Of glusterfsd processes on its machine."""
        return {pid for pid, argv in self.machine.gluster_processes().items() if os.path.basename(argv[0]) == "glusterfsd"}

    def kill_process(self, pid: int, sig: signal.Signals = signal.SIGKILL) -> None:
        """A process of this machine, by the pid that it has there."""
        assert pid in self.machine.gluster_processes(), f"{pid} is no process of {self}"
        self.machine.run(["kill", f"-{int(sig)}", str(pid)])

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"<peer {self.address}>"
