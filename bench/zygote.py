"""A process that has the daemon loaded and forks a real, whole one for each line it reads: a thousand then share one copy of the code.

    python -m bench.zygote BOARD NETWORK [--ksm] < commands

Commands, one a line: `start NUMBER CONFIG`. Prints `started NUMBER PID` and `ended PID STATUS`. Ends (and with it every daemon)
when stdin closes. What is added to a daemon here is a probe that measures and changes nothing: it notes in a shared file when
this peer's state reached which revision (board.py), and writes its message counters to a file at SIGUSR2.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import holes, ksm, warm
from bench.board import Board

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon

PR_SET_PDEATHSIG = 1
WARM_HOSTS = ("255.1", "255.2")
"""In NETWORK, for the short life before the first fork."""


def main(arguments: list[str]) -> None:
    if "--ksm" in arguments[2:]:
        ksm.ask_for_it()
    _load()
    probe = Probe(Board(Path(arguments[0])))
    probe.attach()
    with tempfile.TemporaryDirectory(prefix="gd2-zygote-") as folder:
        first, last = (f"{arguments[1]}.{host}" for host in WARM_HOSTS)
        warm.live_once(Path(folder), (first, last))
    holes.settle()
    print("ready", flush=True)
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.05)
        if readable:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                _, number, config = line.decode().split(" ", 2)
                print(f"started {number} {_start(int(number), config, probe)}", flush=True)
        _reap()


def _load() -> None:
    """Everything that a daemon imports, also late. Nothing may be logged, no thread started: both would be shared by all."""
    import jinja2  # noqa: F401
    import psutil  # noqa: F401
    import structlog  # noqa: F401

    import gd2raft.lean  # noqa: F401
    from gd2raft import daemon, logs  # noqa: F401
    from gd2raft.commands.registry import commands
    from gd2raft.steps.registry import steps
    from gd2volgen.tables import option_table

    commands()
    steps()
    option_table()


def _start(number: int, config: str, probe: Probe) -> int:
    from gd2raft.main import main as run

    if pid := os.fork():
        return pid
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(str(Path(config).parent / "daemon.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, to in ((null, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, to)
        probe.number, probe.folder = number, Path(config).parent
        os._exit(run(["--config", config]))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(70)


class Probe:
    """What is added to each daemon. `number`: of the peer, None in the zygote itself."""

    number: int | None = None
    folder = Path()

    def __init__(self, board: Board) -> None:
        self._board = board

    def attach(self) -> None:
        """To the classes, before they are used: a child then has nothing to change."""
        from gd2raft import daemon, tenure

        noted, rooms = tenure.Tenure._committed, daemon.Daemon._make_rooms

        def committed(tenure: tenure.Tenure, frames: Any, hint: Any, opened: Any) -> None:
            noted(tenure, frames, hint, opened)
            if self.number is not None:
                for store in opened:
                    self._board.reached(self.number, store.revision, time.monotonic())

        def make_rooms(daemon: daemon.Daemon) -> None:
            rooms(daemon)
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, self._tell, daemon)

        tenure.Tenure._committed = committed  # type: ignore[method-assign,assignment]
        daemon.Daemon._make_rooms = make_rooms  # type: ignore[method-assign,assignment]

    def _tell(self, daemon: Daemon) -> None:
        said = {method: tally.as_dict() for method, tally in daemon.traffic.by_method.items()}
        counters = self.folder / "traffic.json"
        new = counters.with_suffix(".new")
        new.write_text(json.dumps(said))
        new.replace(counters)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            print(f"ended {pid} {status}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
