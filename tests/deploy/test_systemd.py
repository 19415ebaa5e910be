"""The daemon as a systemd service: what it says on the socket that systemd gives it, and a unit that spares bricks and is well formed."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import demo
from gd2raft.systemd import Supervisor

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "docs/deploy/package/systemd" / "gd2raft.service"
DAEMON = Path(os.environ.get("GD2_BIN") or Path(sys.executable).parent) / "gd2raft"
INSTALLED = "/opt/gd2raft/bin/gd2raft"
DEADLINE_S = 60.0
WATCHDOG_S = 3.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because sockets are made below it."""
    made = Path(tempfile.mkdtemp(prefix="gd2-unit-"))
    yield made
    demo.end_all(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def systemd(folder: Path) -> Iterator[socket.socket]:
    """The end of the notification socket that systemd reads."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        sock.settimeout(DEADLINE_S)
        yield sock


def daemon(folder: Path, address: str) -> subprocess.Popen[bytes]:
    dirs = [word for key in ("localstatedir", "rundir", "logdir") for word in (f"--{key}", f"{folder}/{key}")]
    addresses = ["--clientaddress", f"{address}:24007", "--peeraddress", f"{address}:24008", "--hooksdir", f"{folder}/hooks"]
    told = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": str(int(WATCHDOG_S * 1_000_000))}
    with (folder / "out").open("wb") as out:
        return subprocess.Popen([DAEMON, *dirs, *addresses], env={**os.environ, **told}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


@pytest.mark.real
def test_a_service_tells_systemd_that_it_is_ready_alive_and_stopping(systemd: socket.socket, folder: Path) -> None:
    address = f"127.{demo.free_net(1)}.0.1"
    process = daemon(folder, address)
    assert systemd.recv(100) == b"READY=1", (folder / "out").read_text()
    ready = time.monotonic()
    with urllib.request.urlopen(f"http://{address}:24007/ping", timeout=DEADLINE_S) as answer:
        assert answer.status == 200
    for _ in range(3):
        assert systemd.recv(100) == b"WATCHDOG=1"
    assert time.monotonic() - ready < 2 * WATCHDOG_S, "three pings are due in two thirds of a period"

    process.send_signal(signal.SIGSTOP)
    systemd.setblocking(False)
    while said_now(systemd):
        pass
    systemd.settimeout(WATCHDOG_S / 2)
    with pytest.raises(TimeoutError):
        systemd.recv(100)  # who hangs is silent, so that systemd ends it
    systemd.settimeout(DEADLINE_S)
    process.send_signal(signal.SIGCONT)
    process.terminate()
    while (last := systemd.recv(100)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"
    assert process.wait(DEADLINE_S) == 0


def said_now(sock: socket.socket) -> bytes:
    try:
        return sock.recv(100)
    except BlockingIOError:
        return b""


@pytest.mark.fast
def test_the_variables_of_systemd_are_not_left_for_bricks_and_hook_scripts() -> None:
    environment = {"NOTIFY_SOCKET": "@here", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "7", "PATH": "/bin"}
    supervisor = Supervisor.of(environment, 7)
    assert (supervisor.address, supervisor.watchdog_s, environment) == ("@here", 2.0, {"PATH": "/bin"})


@pytest.mark.fast
@pytest.mark.parametrize(
    "told", [{}, {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "8"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "-1"}]
)
def test_a_watchdog_that_is_not_for_this_process_is_none(told: dict[str, str]) -> None:
    assert Supervisor.of({"NOTIFY_SOCKET": "/run/notify", **told}, 7).watchdog_s == 0


@pytest.mark.fast
@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens-here", "/" + "x" * 200])
def test_a_supervisor_that_can_not_be_reached_stops_nothing(address: str) -> None:
    assert Supervisor(address, 0).say("READY=1") is False


@pytest.mark.fast
def test_a_full_socket_of_systemd_makes_nobody_wait(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        supervisor = Supervisor(str(folder / "notify"), 1.0)
        sent = [supervisor.say("WATCHDOG=1") for _ in range(5000)]
    assert sent[0]
    assert not sent[-1]


def unit() -> dict[str, str]:
    read = configparser.RawConfigParser(strict=True, interpolation=None, inline_comment_prefixes=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(UNIT.read_text())
    return {key: value for section in read.sections() for key, value in read[section].items()}


@pytest.mark.fast
def test_the_unit_spares_bricks_and_mounts() -> None:
    """Each of these, left at systemd's default, ends bricks or hides mounts: seen with systemd 252's documentation."""
    settings = unit()
    assert (settings["Type"], settings["KillMode"], settings["OOMPolicy"]) == ("notify", "process", "continue")
    assert settings["RuntimeDirectoryPreserve"] == "yes"
    assert settings["TasksMax"] == "infinity"
    spoilers = [key for key in settings if key.startswith(("Protect", "Private", "ReadOnly", "Inaccessible")) or key == "RestrictSUIDSGID"]
    assert spoilers == []


@pytest.mark.fast
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace(INSTALLED, str(DAEMON)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, "")
