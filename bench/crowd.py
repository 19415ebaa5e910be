"""Hundreds of real daemons on one machine, forked from one zygote, each with an address (127.27.x.y, or 28 to 30) and folders of its own.

Starts and kills them by pid, asks them over REST, and reads what the kernel says of them. It must not know what is measured.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import kernel
from bench.board import ROW, Board
from bench.ours import CLIENT_PORT, RestFailed, decoded, request, settings
from bench.sides import NotDone, wait_for

NETWORKS = ("127.27", "127.28", "127.29", "127.30")
"""A crowd has one of them to itself."""
CLAIM_HOST, CLAIM_PORT = "255.254", 24009
"""NETWORK.255.254:24009 is bound as long as a crowd uses the network."""
PEER_MIB, PEER_MIB_KSM = 16.0, 8.0  # what a daemon may need, for the check before,
EACH_OTHER_MIB = 0.008  # and for each peer that it knows
PIDS_EACH = 8
CALL_S = 120.0
END_S = 20.0
LOAD_S = 60.0
FDS = 65536

Json = Any


def needed_mib(size: int, *, merged: bool) -> float:
    """What so many daemons may need in all; `merged`: with KSM."""
    return size * ((PEER_MIB_KSM if merged else PEER_MIB) + EACH_OTHER_MIB * size)


def why_not(size: int, *, merged: bool = False) -> str | None:
    """Why so many daemons must not be started here, in one line for a person."""
    return kernel.why_no_room(f"{size} peers", needed_mib(size, merged=merged), size * PIDS_EACH, "" if merged else " (try --ksm)")


@contextlib.contextmanager
def claimed_network() -> Iterator[str]:
    """One of NETWORKS that is ours as long as the context lives, also beside other runs. Raises NotDone."""
    for network in NETWORKS:
        with socket.socket() as claim:
            try:
                claim.bind((f"{network}.{CLAIM_HOST}", CLAIM_PORT))
            except OSError:
                continue
            yield network
            return
    raise NotDone(f"{len(NETWORKS)} crowds of daemons run on this machine already: wait until one has ended")


class Crowd:
    """`size` daemons; a context manager that ends all of them, by pid. Nobody is started before start()."""

    def __init__(self, size: int, folder: Path, *, merged: bool = False) -> None:
        """`merged`: they ask for KSM (whoever starts this switches it on)."""
        self.size, self.folder, self.merged = size, folder, merged
        self.pids: dict[int, int] = {}
        self.ended: list[int] = []  # in order
        self._told = threading.Condition()
        self._secret: str | None = None
        self._network = ""
        self._until_exit = contextlib.ExitStack()

    def __enter__(self) -> Crowd:
        self._network = self._until_exit.enter_context(claimed_network())
        self.folder.mkdir(parents=True)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FDS, hard) if hard != resource.RLIM_INFINITY else FDS, hard))
        for number in range(self.size):
            self._configure(number)
        self._board_file = Path("/dev/shm") / f"gd2raft-bench-{os.getpid()}"
        self.board = Board.make(self._board_file, self.size)
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "bench.zygote", str(self._board_file), self._network, *(["--ksm"] if self.merged else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(self.folder / "zygote.log").open("ab"), start_new_session=True,
        )  # fmt: skip
        self._ready = threading.Event()
        threading.Thread(target=self._listen, name="zygote", daemon=True).start()
        if not self._ready.wait(LOAD_S):
            raise NotDone("the zygote does not load: " + (self.folder / "zygote.log").read_text()[-500:])
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            assert self._zygote.stdin
            self._zygote.stdin.close()
        for pid in list(self.pids.values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            self._zygote.wait(END_S)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
        self._end_gluster()
        self._board_file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._until_exit.close()

    def _end_gluster(self) -> None:
        """Bricks and services outlive their daemons; these are known by our folder in their command line."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if f"{self.folder}/".encode() in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                        os.kill(int(entry.name), signal.SIGKILL)

    # daemons

    def address(self, number: int) -> str:
        return f"{self._network}.{number // 250}.{number % 250 + 1}"

    def place(self, number: int) -> Path:
        return self.folder / str(number)

    def _configure(self, number: int) -> None:
        place, address = self.place(number), self.address(number)
        place.mkdir()
        (place / "gd2raft.toml").write_text(settings(place, address, "WARNING"))

    def _listen(self) -> None:
        assert self._zygote.stdout
        for line in self._zygote.stdout:
            word, *rest = line.decode().split()
            with self._told:
                if word == "ready":
                    self._ready.set()
                elif word == "started":
                    self.pids[int(rest[0])] = int(rest[1])
                else:
                    gone = int(rest[0])
                    self.ended += [number for number, pid in self.pids.items() if pid == gone]
                    self.pids = {number: pid for number, pid in self.pids.items() if pid != gone}
                self._told.notify_all()

    def start(self, numbers: Iterable[int]) -> None:
        """Fork them; they are not asked yet."""
        assert self._zygote.stdin
        wanted = list(numbers)
        self.ended.clear()
        for number in wanted:
            self._zygote.stdin.write(f"start {number} {self.place(number)}/gd2raft.toml\n".encode())
        self._zygote.stdin.flush()
        with self._told:
            if not self._told.wait_for(lambda: self.ended or all(number in self.pids for number in wanted), CALL_S + len(wanted) / 2):
                raise NotDone("the zygote does not fork")
        if self.ended:
            raise NotDone(f"daemon {self.ended[0]} ended at once: {(self.place(self.ended[0]) / 'daemon.log').read_text()[-500:]}")

    def kill(self, numbers: Iterable[int], how: signal.Signals = signal.SIGKILL) -> None:
        """Kill them and wait for their ends."""
        doomed = [number for number in numbers if number in self.pids]
        for number in doomed:
            self.board.forget(number)
            os.kill(self.pids[number], how)
        with self._told:
            if not self._told.wait_for(lambda: not any(number in self.pids for number in doomed), END_S):
                raise NotDone("killed daemons don't end")
        for number in doomed:
            self.board.forget(number)

    def go_first(self, numbers: Iterable[int]) -> None:
        """These, and whoever asks them from here, get a processor as soon as they want one, as if their machines were their own. (Not by
        a nice value: that is a share, and of a thousand who want to run at once even the largest share is small.)"""
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        for number in numbers:
            with contextlib.suppress(OSError, KeyError):  # it has ended
                for task in Path(f"/proc/{self.pids[number]}/task").iterdir():
                    os.sched_setscheduler(int(task.name), os.SCHED_RR, os.sched_param(1))

    def last_words(self, count: int = 40) -> list[str]:
        """The newest lines of all daemons' logs, by time: why something went wrong."""
        lines = []
        for number in range(self.size):
            with contextlib.suppress(OSError):
                text = (self.place(number) / "daemon.log").read_text(errors="replace")
                lines += [f"{line}  [peer {number}]" for line in text.splitlines()[-count:]]
        return sorted(lines)[-count:]

    # asking

    def ask(self, number: int, method: str, path: str, body: Mapping[str, Json] | None = None, timeout_s: float = CALL_S) -> Json:
        """The decoded answer. Raises NotDone with the daemon's words, OSError, HTTPException."""
        connection = http.client.HTTPConnection(self.address(number), CLIENT_PORT, timeout=timeout_s)
        try:
            return self.ask_on(connection, number, method, path, body)
        finally:
            connection.close()

    def ask_on(
        self, connection: http.client.HTTPConnection, number: int, method: str, path: str, body: Mapping[str, Json] | None = None
    ) -> Json:
        try:
            return decoded(request(connection, self.secret(), method, path, body, f"peer {number}"))
        except RestFailed as error:
            raise NotDone(str(error)) from error

    def secret(self) -> str:
        """Of the first peer's pool."""
        if self._secret is None:
            self._secret = (self.place(0) / "state" / "auth").read_text().strip()
        return self._secret

    def answers(self, number: int) -> bool:
        connection = http.client.HTTPConnection(self.address(number), CLIENT_PORT, timeout=5.0)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def until(self, what: str, condition: Callable[[], object], seconds: float = CALL_S, every: float = 0.05) -> float:
        return wait_for(what, condition, seconds, every)

    # what the kernel and the daemons count

    def cpu_s(self, numbers: Iterable[int] | None = None) -> float:
        """Of these daemons (default: all) so far."""
        return kernel.cpu_s(self._alive(self.pids if numbers is None else numbers))

    def pss_mib(self, numbers: Iterable[int]) -> list[float]:
        return kernel.pss_mib(self._alive(numbers))

    def _alive(self, numbers: Iterable[int]) -> list[int]:
        """Process ids."""
        return [pid for number in list(numbers) if (pid := self.pids.get(number)) is not None]

    def traffic(self, numbers: Iterable[int]) -> dict[int, dict[str, dict[str, int]]]:
        """Number -> method -> frames and bytes in and out, since that daemon started."""
        wanted = [number for number in numbers if number in self.pids]
        began = time.time()
        for number in wanted:
            os.kill(self.pids[number], signal.SIGUSR2)
        found = {}
        for number in wanted:
            path = self.place(number) / "traffic.json"
            self.until(f"peer {number} tells its counters", functools.partial(_written_since, path, began), 30, 0.01)
            found[number] = json.loads(path.read_text())
        return found


def _written_since(path: Path, began: float) -> bool:
    return path.exists() and path.stat().st_mtime >= began - 0.01


def board_mib(size: int) -> float:
    return size * ROW / 2**20
