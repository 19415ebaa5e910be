"""The daemons of `bench chaos`: each in a host of a rig, with its state on a small tmpfs of its own, and every way to trouble one.

This file must not know why a daemon is troubled, or what its clients see.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import ours
from bench.chaos.network import Network
from bench.namespaces import Host, Rig, RigError
from bench.ours import RestFailed
from bench.sides import NotDone, wait_for

STATE_MIB = 192
READY_S = 120.0
CALL_S = 3.0
SHIM_SOURCE = Path(__file__).with_name("brokendisk.c")
BALLAST = "ballast"


def why_not() -> str | None:
    missing = [tool for tool in ("nft", "gcc") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (Debian: apt-get install nftables gcc libc6-dev)" if missing else ours.why_not()


def build_shim(folder: Path) -> Path:
    """The library that makes a disk fail. Raises RigError."""
    path = folder / "brokendisk.so"
    done = subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-o", path, SHIM_SOURCE, "-ldl", "-lpthread"], capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        raise RigError(f"gcc can't build {SHIM_SOURCE.name}: {done.stderr.strip()[-300:]}")
    return path


class Daemon(ours.Peer):
    """One gd2raft. `first`: it goes before everything else that runs on this machine. `life` counts its starts; `ended` says why it is not running when nobody killed it."""

    call_s = CALL_S

    def __init__(self, host: Host, shim: Path, *, on_disk: bool, first: bool) -> None:
        super().__init__(host)
        self._first = first
        state = self.folder / "state"
        if not on_disk:
            state.mkdir()
            host.run(["mount", "-t", "tmpfs", "-o", f"size={STATE_MIB}m,mode=700", "tmpfs", state])
            self.state = host.path(str(state))
        self._order = host.folder / "disk-order"
        self._failed = host.folder / "disk-order.failed"
        self._env = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPYCACHEPREFIX": str(host.folder.parent / "bytecode"),  # compiled once, as an installed package is
            "LD_PRELOAD": str(shim),
            "CHAOS_DISK": str(self._order),
            "CHAOS_STATE": str(state),
        }
        self.life = 0
        self.wanted = False

    def start(self) -> None:
        self.life += 1
        self.wanted = True
        super().start()

    def launch(self, command: Any) -> None:
        if self._first:  # its session is a scheduling group of its own
            command = ["sh", "-c", 'echo -20 > /proc/self/autogroup; exec "$@"', "sh", *command]
        self._process = self.host.popen(command, log=ours.LOG, env=self._env)

    def cpu_s(self) -> float:
        """Used by it since its start. Raises OSError when it is gone."""
        fields = Path(f"/proc/{self._process.inner_pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """It is gone when this returns."""
        self.wanted = False
        if how != signal.SIGKILL:
            with contextlib.suppress(RigError):
                self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(ours.EXIT_S)
        super().kill()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def break_disk(self, how: str) -> None:
        """how: fsync, write or slow (brokendisk.c)."""
        self._order.write_text(how)

    def mend_disk(self) -> None:
        self._order.unlink(missing_ok=True)
        self._failed.unlink(missing_ok=True)

    def disk_failed(self) -> bool:
        """Whether the daemon has met its broken disk."""
        return self._failed.exists()

    def fill_disk(self) -> None:
        """Leave no space at all on the file system of the state."""
        with (self.state / BALLAST).open("wb", buffering=0) as file:
            for piece in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(piece))

    def free_disk(self) -> None:
        (self.state / BALLAST).unlink(missing_ok=True)

    def mend(self) -> None:
        """Whatever was done to it."""
        self.mend_disk()
        self.free_disk()
        if self.running():
            self.go_on()
        else:
            self.start()


def _members(daemon: Daemon) -> list[str]:
    status = daemon.status()
    return [] if status is None else [peer["id"] for peer in status["peers"]]


class Pool:
    """`size` daemons in one pool, up inside the context."""

    def __init__(self, size: int, folder: Path, rng: random.Random, *, voters: int = 0, on_disk: bool = False, first: bool = False) -> None:
        self.size, self._folder, self._rng = size, folder, rng
        self._voters, self._on_disk, self._first = voters, on_disk, first
        self._stack = contextlib.ExitStack()
        self.daemons: list[Daemon] = []
        self.network: Network

    def __enter__(self) -> Pool:
        with contextlib.ExitStack() as stack:
            rig = stack.enter_context(Rig(self.size, folder=self._folder, keep=True))
            self.network = stack.enter_context(Network(rig.hosts, self._rng))
            shim = build_shim(rig.folder)
            self.daemons = [Daemon(host, shim, on_disk=self._on_disk, first=self._first) for host in rig.hosts]
            for daemon in self.daemons:
                stack.callback(daemon.close)
                daemon.start()
            for daemon in self.daemons:
                wait_for(f"{daemon.host.name} answers /ping", daemon.ping, READY_S, every=0.1)
            for daemon in self.daemons[1:]:
                self.join(daemon)
            if self._voters:
                self.daemons[0].call("POST", "/v1/cluster/voters", {"voters": self._voters})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def join(self, daemon: Daemon) -> None:
        """Into the pool of the first."""
        self.daemons[0].call("POST", "/v1/peers", {"addresses": [daemon.host.address]})

    def ask_any(self, daemons: list[Daemon], method: str, path: str, body: dict[str, Any] | None = None) -> bool:
        """Whether one of them did it."""
        for daemon in daemons:
            with contextlib.suppress(RestFailed, OSError, http.client.HTTPException):
                daemon.forget_secret()
                daemon.call(method, path, body)
                return True
        return False

    def comes_back(self, daemon: Daemon, others: list[Daemon]) -> bool:
        """Probe it, and say whether the others have it in their pool (a peer that left may have a new identity)."""
        daemon.ping()
        daemon.life += 1  # it begins anew with an empty state, and may show older ones until it has caught up
        pools = {status["cluster-id"] for one in [daemon, *others] if (status := one.status()) is not None}
        if len(pools) == 1 and any(daemon.id in _members(one) for one in others):
            return True
        self.ask_any(others, "POST", "/v1/peers", {"addresses": [daemon.host.address]})
        return False

    def leader(self) -> int | None:
        """Its number, as most of those say who answer."""
        said = [status["leader"] for daemon in self.daemons if daemon.running() and (status := daemon.status()) is not None]
        ids = [daemon.id for daemon in self.daemons]
        known = [leader for leader in said if leader in ids]
        return ids.index(max(known, key=known.count)) if known else None

    def healthy(self) -> bool:
        """Every daemon runs and sees all others, and the same leader, at one revision, with nothing left undone."""
        return not self.ailments()

    def ailments(self) -> str:
        return ours.ailments(self.daemons)

    def wait_healthy(self, seconds: float = READY_S) -> float:
        """Seconds that it took. Raises NotDone with what is still wrong."""
        began = time.monotonic()
        while ailments := self.ailments():
            if time.monotonic() - began > seconds:
                raise NotDone(f"the pool did not recover within {seconds:g} s: {ailments}")
            time.sleep(0.25)
        return time.monotonic() - began

    def fallen(self) -> list[Daemon]:
        """Those that ended though nobody ended them."""
        return [daemon for daemon in self.daemons if daemon.wanted and not daemon.running()]

    @staticmethod
    def kill(daemons: list[Daemon]) -> None:
        """kill -9 of all of them at the same moment."""
        for daemon in daemons:
            daemon.wanted = False
            with contextlib.suppress(RigError):
                daemon.process.kill()
        for daemon in daemons:
            daemon.kill()

    @contextlib.contextmanager
    def without(self, daemons: list[Daemon]) -> Iterator[None]:
        self.kill(daemons)
        yield
        for daemon in daemons:
            daemon.start()

    def pool_key(self) -> dict[str, str]:
        """What a client of the peer RPC needs."""
        identity = json.loads((self.daemons[0].state / "peer.json").read_text())
        return {"pool_id": identity["pool_id"], "pool_key": identity["pool_key"]}
