"""The processes of this peer: what should run comes in, one Keeper each makes it so, and what runs can be asked.

Knows all keepers and finds the right one; how a process is started, watched and stopped is keeper.py's.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gd2raft.process import procfs
from gd2raft.process.command import CommandLine, Launch, Places, launch_of
from gd2raft.process.handle import open_verified
from gd2raft.process.keeper import Keeper, Room, Terminate
from gd2raft.process.spawn import PortRange, Spawned, adopted
from gd2raft.process.specs import BrickSpec, Log, Problem, ProcessStatus, ServiceSpec, Timing

_THREADS = 4
_ADOPT_S = 60.0


class ProcessManager:
    """Make it and use it on one event loop: `start`, then `follow` as often as you like, then `close`.

    `terminate(socket_path, brick_path, timeout_s)` sends brick-op TERMINATE; it may raise, SIGTERM follows then.
    `on_change(key)` is called on the loop when a process came online, went offline, or has another pid or port.
    `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        *,
        rundir: str,
        logdir: str,
        log: Log,
        terminate: Terminate,
        on_change: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        base_port: int = 49152,
        max_port: int = 60999,
        timing: Timing | None = None,
    ) -> None:
        rundir = os.path.realpath(rundir)
        self._places = Places(rundir, os.path.realpath(logdir), _short_rundir(rundir))
        self._room = Room(self._places, timing or Timing(), PortRange(base_port, max_port), log, clock, terminate)
        self._room.ports_taken, self._room.changed, self._room.done = self._ports_of_others, self._changed, self._done
        self._log = log
        self._on_change = on_change
        self._keepers: dict[str, Keeper] = {}
        self._waiting: set[asyncio.Event] = set()
        self._executor: ThreadPoolExecutor | None = None
        self._told = False

    # life

    async def start(self) -> None:
        """Adopts what runs already with our rundir. Nothing is started or stopped before the first `follow`."""
        self._executor = self._room.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="process")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_ADOPT_S):
            found = await loop.run_in_executor(self._executor, _find_all, self._places)
        for held, listens in found:
            key = held.line.key
            if key in self._keepers:  # a second one, of a volume that is gone: nobody will want it
                key = f"{key}#{held.pid}"
            self._keeper(key).attach(held, online=listens or not held.line.brick_name)

    async def close(self) -> None:
        """Lets go of all processes; they keep running."""
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))
        self._keepers.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    # what should run

    async def follow(
        self, bricks: Collection[BrickSpec], services: Collection[ServiceSpec], *, stop_others: bool = True, stop: Collection[str] = ()
    ) -> None:
        """From now on exactly these should run. Returns at once; what runs as wanted is left alone.

        `stop_others` False: what runs beside them is left alone too (the caller doesn't know yet what is wanted), but for the keys `stop`.
        """
        assert self._executor is not None, "start() comes first"
        specs: list[BrickSpec | ServiceSpec] = [*bricks, *services]
        launches = {launch.key: launch for launch in (launch_of(spec, self._places) for spec in specs)}
        assert len(launches) == len(specs), "two specs with the same brick path or service name"
        self._told = True
        others = self._keepers.keys() - launches.keys()
        for key in others if stop_others else others & set(stop):
            self._keepers[key].want(None)
        for key, launch in launches.items():
            self._keeper(key).want(launch)

    async def settled(self, keys: Iterable[str], timeout_s: float) -> list[Problem]:
        """Waits until each of these runs as wanted (or is gone, if it is not wanted) or has failed; returns what went wrong.

        A brick is as wanted when it has signed in, a service when it has fetched its volfile or lived for a moment.
        """
        keys = list(keys)
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not all(self._decided(key) for key in keys):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(changed)
        return [problem for key in keys if (keeper := self._keepers.get(key)) and (problem := keeper.problem(patience_ended=True))]

    def retry(self, keys: Iterable[str]) -> None:
        """Forgets the back-off of these, and lets a `once` service that ended run again."""
        for key in keys:
            if keeper := self._keepers.get(key):
                keeper.retry()

    def signal(self, key: str, number: signal.Signals) -> bool:
        """Send a signal that doesn't end it (SIGUSR1: write a statedump). False: it doesn't run."""
        keeper = self._keepers.get(key)
        if keeper is None or keeper.handle is None:
            return False
        keeper.handle.signal(number)
        return True

    # what GlusterFS says

    def signed_in(self, brick_path: str, port: int, pid: int) -> bool:
        """SIGNIN of a local process. False: it isn't a process of ours that serves just this on that port, or isn't wanted."""
        if (keeper := self._by_name(brick_path)) is None:
            line = procfs.command_line_of(pid)
            if line is None or line.brick_name != brick_path or not self._places.owns(line.pid_file):
                self._log.warning("sign-in refused", brick=brick_path, port=port, pid=pid, cause="not a process of this daemon")
                return False
            keeper = self._keeper(line.key)
        if keeper.signed_in(brick_path, port, pid):
            return True
        self._log.warning("sign-in refused", brick=brick_path, port=port, pid=pid, cause="not the process that should serve it")
        return False

    def signed_out(self, brick_path: str) -> None:
        if keeper := self._by_name(brick_path):
            keeper.signed_out()

    def volfile_served(self, volfile_id: str) -> None:
        """A volfile was given for this id: if a service with that name is starting, it has come up."""
        if keeper := self._keepers.get(volfile_id):
            keeper.volfile_served()

    # what can be asked

    def port_of(self, brick_path: str) -> int:
        """0 when it is not online."""
        keeper = self._by_name(brick_path)
        return keeper.status().port if keeper else 0

    def status(self, key: str) -> ProcessStatus:
        """Of a brick by its path, or of a service by its name."""
        keeper = self._keepers.get(key)
        return keeper.status() if keeper else ProcessStatus(key=key)

    def log_of(self, key: str) -> str:
        """The file that it writes its log to; "" when it doesn't run."""
        keeper = self._keepers.get(key)
        return keeper.handle.line.log_file if keeper is not None and keeper.handle is not None else ""

    def services_status(self) -> list[ProcessStatus]:
        return [self._keepers[key].status() for key in self.keys() if not key.startswith("/")]

    def keys(self) -> list[str]:
        """Every process that is wanted or still there."""
        if not self._keepers:
            return []
        return sorted(key for key, keeper in self._keepers.items() if keeper.wanted is not None or not keeper.as_wanted())

    def pid_file_of(self, key: str) -> str:
        """Where it writes its pid; empty when it isn't known. A self-heal daemon must be told, with its volfile."""
        return self._known(key, lambda launch: launch.pid_file, lambda line: line.pid_file)

    def socket_of(self, key: str) -> str:
        """Its socket for brick operations; empty when it isn't known."""
        return self._known(key, lambda launch: launch.socket, lambda line: line.socket)

    # inside

    def _known(self, key: str, wanted: Callable[[Launch], str], running: Callable[[CommandLine], str]) -> str:
        if (keeper := self._keepers.get(key)) is None:
            return ""
        if keeper.handle is not None:
            return running(keeper.handle.line)
        return wanted(keeper.wanted) if keeper.wanted is not None else ""

    def _keeper(self, key: str) -> Keeper:
        if key not in self._keepers:
            self._keepers[key] = Keeper(key, self._room, told=self._told)
        return self._keepers[key]

    def _by_name(self, name: str) -> Keeper | None:
        """A brick's name is its key; a service signs in under a name of its own."""
        if (keeper := self._keepers.get(name)) or name.startswith("/"):
            return keeper
        return next((k for k in self._keepers.values() if k.wanted is not None and k.wanted.sign_in_name == name), None)

    def _decided(self, key: str) -> bool:
        keeper = self._keepers.get(key)
        return keeper is None or keeper.as_wanted() or keeper.problem() is not None

    def _ports_of_others(self, key: str) -> set[int]:
        return {k.handle.line.port for k in self._keepers.values() if k.key != key and k.handle is not None}

    def _changed(self, key: str, visibly: bool) -> None:
        for event in self._waiting:
            event.set()
        if visibly:
            try:
                self._on_change(key)
            except Exception as error:  # handed in; a keeper must not die of it
                self._log.error("on_change failed", key=key, cause=repr(error), exc_info=True)

    def _done(self, key: str) -> None:
        self._keepers.pop(key, None)
        for event in self._waiting:
            event.set()


def _find_all(places: Places) -> list[tuple[Spawned, bool]]:
    """All running processes of this rundir, held, and whether each listens on its port. A daemon never started here: none."""
    if not Path(places.rundir).is_dir():
        return []
    found = []
    for pid in procfs.pids_where(lambda line: places.owns(line.pid_file)):
        if held := open_verified(pid, lambda line: places.owns(line.pid_file)):
            found.append((adopted(pid, *held), procfs.listens(pid, held[1].port)))
    return found


def _short_rundir(rundir: str) -> str:
    """For sockets, when rundir is too long a name for them: the same after every restart."""
    base = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
    return f"{base}/gd2raft-{hashlib.sha256(os.fsencode(rundir)).hexdigest()[:12]}"
