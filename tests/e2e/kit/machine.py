"""Two kinds of machines for a peer: a loopback address of this machine, or a network namespace with a network of its own.

What a test does to a peer goes through the interface `Machine`: it starts, runs, connects, listens and mounts there, and looks at the
machine's own files through `seen`. So the same test runs on both.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from bench.namespaces import Host, Process, Rig, RigError

NETWORK = "127.18"
"""Each pool of loopback machines has its own 127.18.N.0/24."""
CLAIM_HOST, CLAIM_PORT = 254, 24009
"""127.18.N.254:24009 is bound as long as a pool uses the net N."""

Command = Sequence[str | os.PathLike[str]]


class Machine(Protocol):
    """`folder`: the same path inside and outside of the machine."""

    address: str
    folder: Path

    def start(self, command: Command, log: Path) -> subprocess.Popen[bytes]:
        """Start a program; its output goes to `log`."""

    def run(self, command: Command, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, whatever its exit code."""

    def connect(self, port: int, timeout_s: float = 20.0) -> socket.socket: ...

    def listen(self, port: int) -> socket.socket:
        """A socket that has taken the port."""

    def move_to(self, address: str) -> None:
        """Another address instead of the one that it has."""

    def pid(self, process: subprocess.Popen[bytes]) -> int:
        """What `start` gave, as the test finds it in its own /proc."""

    def seen(self, path: Path) -> Path:
        """Where a path of this machine's own mounts is seen by the test."""

    def gluster_processes(self) -> dict[int, list[str]]:
        """{pid on the machine: argv} of its bricks, clients and services."""

    def unplug(self) -> None:
        """Cut it off from the others; AssertionError where that can't be done."""

    def plug(self) -> None: ...


def run_to_end(command: Command, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Output goes through files: a process that the command leaves behind can't hold us by a pipe."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout_s, check=False)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    return subprocess.CompletedProcess(list(command), done.returncode, *texts)


def run_well(machine: Machine, command: Command, timeout_s: float = 20.0) -> None:
    """A command of the test's own that must succeed."""
    done = machine.run(command, timeout_s)
    assert done.returncode == 0, f"{' '.join(map(str, command))} on {machine.address}: exit {done.returncode}: {done.stderr or done.stdout}"


@contextlib.contextmanager
def tmpfs(machine: Machine, folder: Path, options: str) -> Iterator[Path]:
    """A small file system of the machine's own. Gives `folder`, as the machine knows it: a test looks into `machine.seen(folder)`."""
    folder.mkdir(parents=True, exist_ok=True)
    run_well(machine, ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder])
    try:
        yield folder
    finally:
        run_well(machine, ["umount", "-l", folder])


def is_gluster(argv: Sequence[str]) -> bool:
    return bool(argv) and os.path.basename(argv[0]) in ("glusterfs", "glusterfsd")


class Loopback:
    """A machine that is an address of the loopback interface; told from others by its folder and address."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, command: Command, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as sink:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)

    def run(self, command: Command, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        return run_to_end(command, timeout_s)

    def connect(self, port: int, timeout_s: float = 20.0) -> socket.socket:
        return socket.create_connection((self.address, port), timeout_s)

    def listen(self, port: int) -> socket.socket:
        return socket.create_server((self.address, port))

    def move_to(self, address: str) -> None:
        self.address = address

    def pid(self, process: subprocess.Popen[bytes]) -> int:
        return process.pid

    def seen(self, path: Path) -> Path:
        return path

    def gluster_processes(self) -> dict[int, list[str]]:
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    argv = (entry / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
                    if is_gluster(argv) and any(self._is_ours(word) for word in argv):
                        found[int(entry.name)] = argv
        return found

    def _is_ours(self, word: str) -> bool:
        return word == self.address or f"{self.folder}/" in word

    def unplug(self) -> None:
        raise AssertionError("the loopback interface can't be unplugged: use the setting 'namespaces'")

    def plug(self) -> None:
        raise AssertionError("the loopback interface can't be unplugged: use the setting 'namespaces'")


class Namespaced:
    """A machine that is a host of a rig."""

    def __init__(self, rig: Rig, host: Host) -> None:
        self._rig, self._host = rig, host
        self.address, self.folder = host.address, host.folder

    def start(self, command: Command, log: Path) -> subprocess.Popen[bytes]:
        return self._host.popen(command, log=log)

    def run(self, command: Command, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        return self._host.run(command, timeout_s=timeout_s, check=False)

    def connect(self, port: int, timeout_s: float = 20.0) -> socket.socket:
        return self._host.connect(port, timeout_s=timeout_s)

    def listen(self, port: int) -> socket.socket:
        with self._host.network():
            return socket.create_server((self.address, port))

    def move_to(self, address: str) -> None:
        self._host.move_to(address)
        self.address = address

    def pid(self, process: subprocess.Popen[bytes]) -> int:
        assert isinstance(process, Process)
        return process.inner_pid

    def seen(self, path: Path) -> Path:
        return self._host.path(str(path))

    def gluster_processes(self) -> dict[int, list[str]]:
        return {pid: argv for pid, argv in self._host.processes().items() if is_gluster(argv)}

    def unplug(self) -> None:
        self._rig.unplug(self._host)

    def plug(self) -> None:
        self._rig.plug(self._host)


@contextlib.contextmanager
def loopback_machines(size: int, folder: Path) -> Iterator[list[Machine]]:
    with claimed_net() as net:
        yield [Loopback(f"{NETWORK}.{net}.{i}", folder / f"peer{i}") for i in range(1, size + 1)]


@contextlib.contextmanager
def claimed_net() -> Iterator[int]:
    """A number N so that 127.18.N.0/24 is ours as long as the context lives, also among parallel test runs."""
    for net in random.sample(range(1, 255), 254):
        with socket.socket() as claim:
            try:
                claim.bind((f"{NETWORK}.{net}.{CLAIM_HOST}", CLAIM_PORT))
            except OSError:
                continue
            yield net
            return
    raise AssertionError(f"all of {NETWORK}.0.0/16 is in use")


@contextlib.contextmanager
def namespaced_machines(size: int, folder: Path) -> Iterator[list[Machine]]:
    try:
        with Rig(size, folder=folder) as rig:
            yield [Namespaced(rig, host) for host in rig.hosts]
    except RigError as error:
        raise AssertionError(str(error)) from error


SETTINGS = {"loopback": loopback_machines, "namespaces": namespaced_machines}
USUAL = os.environ.get("GD2_E2E_SETTING", "loopback")
"""What a test gets that doesn't ask for one: `GD2_E2E_SETTING=namespaces ./dev test tests/e2e` runs all of them with a network for every peer."""
assert USUAL in SETTINGS, f"GD2_E2E_SETTING is {USUAL!r}, possible: {', '.join(SETTINGS)}"
