"""A process that has the daemon loaded and forks a real, whole one for each line it reads: a thousand then share one copy of the code.

    python -m bench.zygote BOARD < commands

Commands, one a line: `start NUMBER CONFIG`. Prints `started NUMBER PID` and `ended PID STATUS`. Ends (and with it every daemon)
when stdin closes. What is added to a daemon here is a probe that measures and changes nothing: it notes in a shared file when
this peer's state reached which revision (board.py), and writes its message counters to a file at SIGUSR2.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bench.board import Board

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    board = Board(Path(arguments[0]))
    _load()
    gc.collect()
    gc.freeze()  # or the collector's marks would copy every page of a child
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
                print(f"started {number} {_start(int(number), config, board)}", flush=True)
        _reap()


def _load() -> None:
    """Everything that a daemon imports, also late. Nothing may be logged, no thread started: both would be shared by all."""
    import structlog  # noqa: F401

    import gd2raft.lean  # noqa: F401
    from gd2raft import daemon, logs  # noqa: F401
    from gd2raft.commands.registry import commands
    from gd2raft.steps.registry import steps
    from gd2volgen.tables import option_table

    commands()
    steps()
    option_table()


def _start(number: int, config: str, board: Board) -> int:
    if pid := os.fork():
        return pid
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(str(Path(config).parent / "daemon.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, to in ((null, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, to)
        os._exit(_serve(number, config, board))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(70)


def _serve(number: int, config: str, board: Board) -> int:
    from gd2raft import daemon, tenure
    from gd2raft.main import main as run

    noted = tenure.Tenure._committed
    rooms = daemon.Daemon._make_rooms

    def committed(self: tenure.Tenure, frames: Any, hint: Any, opened: Any) -> None:
        noted(self, frames, hint, opened)
        for store in opened:
            board.reached(number, store.revision, time.monotonic())

    def make_rooms(self: daemon.Daemon) -> None:
        import asyncio

        rooms(self)
        counters = Path(config).parent / "traffic.json"

        def tell() -> None:
            said = {method: tally.as_dict() for method, tally in self.traffic.by_method.items()}
            new = counters.with_suffix(".new")
            new.write_text(json.dumps(said))
            new.replace(counters)

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, tell)

    tenure.Tenure._committed = committed  # type: ignore[method-assign]
    daemon.Daemon._make_rooms = make_rooms  # type: ignore[method-assign]
    return run(["--config", config])


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            print(f"ended {pid} {status}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
