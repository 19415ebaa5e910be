"""Keeps one brick or service as it is wanted: one task, so that starts and stops of one process never overlap.

The task looks at what is wanted and what runs, does the next thing, and looks again; `want`, `signed_in`, the end of the
process only change what it will see, and wake it. Knows one process; the manager knows them all.

Invariant: at most one Handle, and it was verified to run with a pid file of our rundir.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from gd2raft.process import logtail, procfs
from gd2raft.process.backoff import Backoff
from gd2raft.process.command import CommandLine, Launch, Places
from gd2raft.process.handle import Handle, describe_exit, open_verified
from gd2raft.process.spawn import PortRange, Spawned, adopted, forget_files, spawn
from gd2raft.process.specs import Log, Problem, ProcessStatus, Refusal, State, Timing

Terminate = Callable[[str, str, float], Awaitable[object]]
_STARTS_BEFORE_A_PROBLEM = 2  # one start may lose a race for its port


class Room:
    """What all keepers share."""

    def __init__(
        self, places: Places, timing: Timing, ports: PortRange, log: Log, clock: Callable[[], float], terminate: Terminate
    ) -> None:
        self.places, self.timing, self.ports, self.log, self.clock, self.terminate = places, timing, ports, log, clock, terminate
        self.slots = asyncio.Semaphore(timing.starts_at_once)
        self.executor: Executor | None = None
        self.ports_taken: Callable[[str], set[int]] = lambda key: set()
        self.changed: Callable[[str, bool], None] = lambda key, visibly: None
        self.done: Callable[[str], None] = lambda key: None


class Keeper:
    """`told` is False while nobody said yet whether this process is wanted: then it is left alone."""

    def __init__(self, key: str, room: Room, *, told: bool) -> None:
        self.key = key
        self.told = told
        self.wanted: Launch | None = None
        self.handle: Handle | None = None
        self.finished = False
        self._room = room
        self._backoff = Backoff(room.timing)
        self._wake = asyncio.Event()
        self._online_since = 0.0
        self._deadline = 0.0
        self._online_at: float | None = None
        """On the loop's clock, when this run first came online; None while it never did."""
        self._fit = False
        self._stopping = self._spawning = False
        self._early: int | None = None
        self._served = False
        self._port = self._log_offset = self._restarts = self._failed_starts = 0
        self._last_error = ""
        self._refusal: Refusal | None = None
        self._shown: ProcessStatus | None = None
        self._task = asyncio.create_task(self._run(), name=f"keep {key}")

    # what the manager says

    def want(self, launch: Launch | None) -> None:
        if launch != self.wanted:
            self._forgive()
        self.wanted, self.told = launch, True
        self._fit = launch is not None and self.handle is not None and self.handle.line.is_as(launch)
        self._touch()

    def retry(self) -> None:
        self._forgive()
        self._touch()

    def attach(self, held: Spawned, *, online: bool) -> None:
        """Takes over a verified process."""
        assert self.handle is None
        self.handle = Handle(held.pid, held.pidfd, held.line, self._ended)
        self._fit = self.wanted is not None and held.line.is_as(self.wanted)
        self._port, self._log_offset, self._online_at = held.line.port, held.log_offset, None
        timing = self._room.timing
        patience_s = timing.grace_s if not held.line.brick_name else timing.adopted_s if held.adopted else timing.sign_in_s
        self._deadline = self._now() + patience_s
        if held.adopted:
            self._room.log.info("process adopted", key=self.key, pid=held.pid, port=held.line.port, online=online)
        if online or self._early == held.pid or (self._served and not held.line.brick_name):
            self._come_online()
        self._touch()

    def signed_in(self, name: str, port: int, pid: int) -> bool:
        """Whether this process is what it says, and is ours."""
        held = open_verified(pid, lambda line: self._is_mine(line) and (line.brick_name, line.port) == (name, port))
        if held is None:
            return False
        if self.handle is not None and self.handle.pid != pid:
            os.close(held[0])
            return False
        if self.handle is None and not self._spawning:
            self.attach(adopted(pid, *held), online=True)
        else:
            os.close(held[0])
            self._early = pid
            if self.handle is not None:
                self._come_online()
        return not self.told or self._fits()

    def signed_out(self) -> None:
        """It is about to end. One that doesn't is looked at after `leave_s`."""
        if self.handle is not None and self._online_since:
            self._online_since, self._early = 0.0, None
            self._deadline = self._now() + self._room.timing.leave_s
            self._touch()

    def volfile_served(self) -> None:
        if self.wanted is not None and not self.wanted.sign_in_name:
            self._served = True
            if self.handle is not None:
                self._come_online()

    async def close(self) -> None:
        """Lets go; the process keeps running."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.handle is not None:
            self.handle.release()

    # what it answers

    @property
    def online(self) -> bool:
        return self.handle is not None and self._online_since > 0

    def as_wanted(self) -> bool:
        if self.wanted is None:
            return self.handle is None and not self._spawning
        return self.finished or (self.online and self._fits() and not self._stopping)

    def status(self) -> ProcessStatus:
        handle, online = self.handle, self.online
        return ProcessStatus(
            key=self.key,
            state=self._state(),
            online=online,
            pid=handle.pid if handle else 0,
            port=handle.line.port if handle and online else 0,
            since=self._online_since if online else 0.0,
            restarts=self._restarts,
            last_error=self._last_error,
            finished=self.finished,
        )

    def problem(self, *, patience_ended: bool = False) -> Problem | None:
        """Why it isn't as wanted; None while that may still come right by itself soon."""
        if self.as_wanted():
            return None
        if self.wanted is None:
            return self._cannot(f"{self.key} does not stop", "look for a process in state D: its disk may hang") if patience_ended else None
        if self._refusal is not None:
            return Problem(self.key, f"{self.key} can't be started", self._refusal.cause, self._refusal.hint)
        if self._failed_starts >= _STARTS_BEFORE_A_PROBLEM or patience_ended:
            return self._cannot(f"{self.key} does not come online", f"see {self.wanted.log_file}")
        return None

    def _cannot(self, what: str, hint: str) -> Problem:
        return Problem(self.key, what, self._last_error or f"no answer yet (it is {self._state()})", hint)

    def _state(self) -> State:
        if self._stopping:
            return "stopping"
        if self.handle is not None:
            return "online" if self.online else "starting"
        if self.wanted is None or self.finished:
            return "down"
        return "waiting" if self._backoff.left_s(self._now()) and not self._spawning else "starting"

    # the task

    async def _run(self) -> None:
        while not (self.told and self.wanted is None and self.handle is None):
            try:
                await self._next()
            except Exception as error:  # our bug; this process must not stay without its keeper
                self._room.log.error("keeper failed", key=self.key, cause=repr(error), exc_info=True)
                self._last_error = repr(error)
                await asyncio.sleep(1)
        self._touch()
        self._room.done(self.key)

    async def _next(self) -> None:
        if self.handle is not None:
            await (self._stop() if self.told and not self._fits() else self._watch())
        elif self.wanted is None or self.finished:
            await self._until(lambda: self.handle is not None or (self.told and (self.wanted is None or not self.finished)), None)
        elif left_s := self._backoff.left_s(self._now()):
            await self._until(lambda: self.handle is not None or not self._backoff.left_s(self._now()) or self.wanted is None, left_s)
        else:
            await self._start()

    async def _watch(self) -> None:
        handle, online = self.handle, self.online
        changed = lambda: self.handle is not handle or self.online != online or (self.told and not self._fits())  # noqa: E731
        if await self._until(changed, None if online else self._deadline - self._now()) or handle is None:
            return
        if not handle.line.brick_name or await self._listens(handle):
            self._come_online()
        elif self.handle is handle and not self.online:
            self._fail("did not sign in in time, and does not listen", pid=handle.pid)
            await self._stop()

    async def _start(self) -> None:
        async with self._room.slots:
            if (launch := self.wanted) is None or self.handle is not None:
                return
            self._early, self._served, self._spawning, self._online_at = None, False, True, None
            self._touch()
            try:
                held = await self._spawn(launch)
            except Refusal as refusal:
                self._refusal = refusal
                self._fail(refusal.cause)
            except (OSError, TimeoutError) as error:
                self._fail(f"can't start {launch.program}: {error}")
            else:
                self._refusal = None
                self.attach(held, online=False)
            finally:
                self._spawning = False
                self._touch()
            handle = self.handle
            await self._until(lambda: self.online or self.handle is not handle or not self._fits(), self._room.timing.slot_s)

    async def _spawn(self, launch: Launch) -> Spawned:
        """A spawn that is given up goes on in its thread: the next one finds its process and takes it over."""
        room = self._room
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(room.executor, spawn, launch, room.places, self._port, room.ports_taken(self.key), room.ports)
        try:
            async with asyncio.timeout(room.timing.spawn_s):
                return await asyncio.shield(future)
        except TimeoutError:
            future.add_done_callback(_drop)
            raise TimeoutError(f"spawning did not end within {room.timing.spawn_s:g} s") from None
        except asyncio.CancelledError:
            future.add_done_callback(_drop)
            raise

    async def _stop(self) -> None:
        """TERMINATE, SIGTERM, SIGKILL, each with its deadline. Returns with the process still there only if it survived all."""
        if (handle := self.handle) is None:
            return
        self._stopping = True
        self._touch()
        try:
            timing = self._room.timing
            if self.online and handle.line.brick_name and await self._terminate(handle.line):
                await self._until(lambda: handle.ended, timing.terminate_s)
            for number, patience_s in ((signal.SIGTERM, timing.term_s), (signal.SIGKILL, timing.kill_s)):
                if not handle.ended:
                    self._room.log.info("process signalled", key=self.key, pid=handle.pid, signal=number.name)
                    handle.signal(number)
                    await self._until(lambda: handle.ended, patience_s)
            if not handle.ended:
                self._last_error = f"pid {handle.pid} survives SIGKILL"
                self._room.log.error("process does not end", key=self.key, pid=handle.pid)
        finally:
            self._stopping = False
            self._touch()

    async def _terminate(self, line: CommandLine) -> bool:
        try:
            async with asyncio.timeout(self._room.timing.terminate_s):
                await self._room.terminate(line.socket, line.brick_name, self._room.timing.terminate_s)
        except Exception as error:  # handed in: whatever it says, SIGTERM is next
            self._room.log.warning("terminate failed", key=self.key, cause=str(error))
            return False
        return True

    # helpers

    def _ended(self) -> None:
        """Called by the handle, once."""
        handle = self.handle
        assert handle is not None
        self.handle, self._online_since, self._early = None, 0.0, None
        if handle.exit_code == 0 and self.wanted is not None and self.wanted.once and not self._stopping:
            self.finished = True
        elif not self._stopping:
            self._died(handle)
        if self.wanted is None:
            with contextlib.suppress(OSError):
                forget_files(handle.line)
        self._touch()

    def _died(self, handle: Handle) -> None:
        if self._online_at is None:
            self._port = 0  # its port may be why
        errors = logtail.errors_since(handle.line.log_file, self._log_offset)
        self._fail(f"{describe_exit(handle.exit_code)}{': ' if errors else ''}{errors}", pid=handle.pid)

    def _fail(self, cause: str, **fields: object) -> None:
        now, ran_s = self._now(), 0.0
        if self._online_at is None:
            self._failed_starts += 1
        else:
            ran_s = now - self._online_at
        self._restarts += 1
        self._last_error = cause
        delay_s = self._backoff.failed(now, ran_s)
        if self.wanted is not None:
            self._room.log.warning("process failed", key=self.key, cause=cause, again_in_s=delay_s, **fields)

    def _come_online(self) -> None:
        if not self._online_since and self.handle is not None:
            self._online_since = self._room.clock()
            self._failed_starts = 0
            self._online_at = self._now() if self._online_at is None else self._online_at
            self._room.log.info("process online", key=self.key, pid=self.handle.pid, port=self.handle.line.port)
        self._touch()

    def _forgive(self) -> None:
        self._backoff.reset()
        self._failed_starts, self._refusal, self.finished = 0, None, False

    def _fits(self) -> bool:
        """What runs is what is wanted, or would be the same after a restart."""
        return self._fit and self.handle is not None

    def _is_mine(self, line: CommandLine) -> bool:
        return self._room.places.owns(line.pid_file)

    def _touch(self) -> None:
        """Wakes the task and tells the manager; cheap, and harmless when nothing changed."""
        self._wake.set()
        status, shown = self.status(), self._shown
        self._shown = status
        self._room.changed(self.key, shown is None or (status.online, status.pid, status.port) != (shown.online, shown.pid, shown.port))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _listens(self, handle: Handle) -> bool:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._room.executor, procfs.listens, handle.pid, handle.line.port)
        return found and self.handle is handle

    async def _until(self, condition: Callable[[], bool], timeout_s: float | None) -> bool:
        """False when the time has passed without it."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            return False
        return True


def _drop(future: asyncio.Future[Spawned]) -> None:
    """The outcome of a spawn that nobody waits for any more."""
    if not future.cancelled() and future.exception() is None:
        os.close(future.result().pidfd)
