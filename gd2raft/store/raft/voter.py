"""The shell around a guard: timers, the gate in front of the network, log snapshots in and out. No protocol here.

Messages leave when the log change that they depend on is durable, in order per peer otherwise. One timer; none runs faster
than the guard asks. A failed assertion in the guard is a bug, or a proof that something impossible happened: the voter stops.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from gd2raft.store.raft import messages
from gd2raft.store.raft.clock import Clock
from gd2raft.store.raft.disk import DiskFull
from gd2raft.store.raft.errors import BadMessage, StorageError
from gd2raft.store.raft.guard import Guard, Install, Out
from gd2raft.store.raft.storage import FULL_RETRY_S, Storage

T = TypeVar("T")

LATE_S = 0.25
"""A timer that fires so late says that this process was not running: messages that wait are read before an election is called."""

EARLY_S = 1e-4
"""Timers may fire earlier than asked by rounding; arming them again for so little would turn the loop in place."""

logger = logging.getLogger(__name__)


class Voter:
    """See the module's docstring.

    send(peer, bytes); on_progress() after anything may have changed; read_snapshot() -> (index, term, bytes);
    install(Install) -> whether it was installed; on_fatal(error); on_forgetful(peer, had, has): see Links.
    """

    def __init__(
        self,
        guard: Guard,
        storage: Storage,
        clock: Clock,
        send: Callable[[str, bytes], None],
        on_progress: Callable[[], None],
        read_snapshot: Callable[[], Awaitable[tuple[int, int, bytes]]],
        install: Callable[[Install], Awaitable[bool]],
        on_fatal: Callable[[StorageError], None],
        on_forgetful: Callable[[str, int, int], None],
    ) -> None:
        self.guard, self._storage, self._send, self._on_progress = guard, storage, send, on_progress
        self._read_snapshot, self._install, self._on_fatal = read_snapshot, install, on_fatal
        self._on_forgetful = on_forgetful
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._gated: deque[Out] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._reads: dict[int, asyncio.Future[int]] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._synced = storage.log.change_number
        self._late = False
        self._pumping = self._pump_again = False
        self.stopped = False
        storage.on_synced = self._on_synced
        storage.on_full = self._on_full
        self._guarded(lambda: guard.tick(self.now()))

    def now(self) -> float:
        return self._clock.now()

    def receive(self, peer: str, message: messages.Message) -> None:
        self._guarded(lambda: self.guard.receive(peer, message, self.now()))

    def do(self, event: Callable[[Guard, float], object]) -> None:
        """Give the guard an event, and do what it says."""
        self._guarded(lambda: event(self.guard, self.now()))

    async def read_index(self) -> int | None:
        """A read index; None when the leadership was lost meanwhile."""
        ticket = 0

        def ask(guard: Guard, now: float) -> None:
            nonlocal ticket
            ticket = guard.read_index(now)
            self._reads[ticket] = answer

        answer: asyncio.Future[int] = self._loop.create_future()
        self.do(ask)
        try:
            index = await answer
            return index if index >= 0 else None
        finally:
            self._reads.pop(ticket, None)

    def stop(self) -> None:
        self.stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        for answer in self._reads.values():
            if not answer.done():
                answer.set_result(-1)
        self._storage.on_synced = lambda _number: None
        self._storage.on_full = lambda _full: None

    # the guard's surroundings

    def _guarded(self, event: Callable[[], object]) -> None:
        if self.stopped:
            return
        try:
            event()
            self._pump()
        except AssertionError as error:
            logger.critical("the consensus layer contradicts itself", exc_info=True)
            self.stop()
            self._on_fatal(StorageError(f"the consensus layer of this peer contradicts itself and stops: {error}"))

    def _on_synced(self, number: int) -> None:
        self._synced = max(self._synced, number)
        self._guarded(lambda: self.guard.flush(self.now()))

    def _on_full(self, full: bool) -> None:
        self.guard.may_lead = not full
        if full:
            self.do(lambda guard, now: guard.step_down(now))

    def _pump(self) -> None:
        """Do what the guard says, until it says nothing more."""
        if self._pumping:
            self._pump_again = True
            return
        self._pumping = True
        try:
            while True:
                self._pump_again = False
                self._pump_once()
                if not self._pump_again:
                    break
        finally:
            self._pumping = False
        self._arm()

    def _pump_once(self) -> None:
        self._let_out()  # entries are on their way to the others before our own disk is waited for
        self._storage.kick()
        for done in self.guard.take_reads():
            answer = self._reads.get(done.ticket)
            if answer is not None and not answer.done():
                answer.set_result(-1 if done.index is None else done.index)
        for peer in self.guard.take_wanted_snapshots():
            self._spawn(self._give_snapshot(peer))
        for one in self.guard.take_forgetful():
            logger.critical(
                "peer %s has lost entries %d to %d of its log, which it had acknowledged: an old copy of its state was put back, or its disk "
                "forgets what it has fsynced. It is brought up to date; had this leader died first, changes could have been lost",
                one.peer,
                one.has + 1,
                one.had,
            )
            self._on_forgetful(one.peer, one.had, one.has)
        if (install := self.guard.take_install()) is not None:
            self._spawn(self._take_snapshot(install))
        self._on_progress()
        self.guard.announce(self.now())  # after the answers that _on_progress gave
        self._let_out()

    def _let_out(self) -> None:
        for out in self.guard.take_outbox():
            if out.gate <= self._synced:
                self._send_now(out)
            else:
                self._gated.append(out)
        while self._gated and self._gated[0].gate <= self._synced:
            self._send_now(self._gated.popleft())

    def _send_now(self, out: Out) -> None:
        self._send(out.peer, messages.encode(self._storage.identity.pool, out.peer, out.message))

    def _arm(self) -> None:
        at = self.guard.next_timer()
        if self.stopped or (self._timer is not None and self._timer_at <= at):
            return  # it fires early enough, and then looks again
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._clock.call_at(at, self._fire) if at < math.inf else None

    def _fire(self) -> None:
        self._timer = None
        now, due = self.now(), self.guard.next_timer()
        if due - now > EARLY_S:
            self._arm()
        elif now - self._timer_at > LATE_S and not self._late and not self.guard.is_leader:
            self._late = True
            self._timer_at, self._timer = now, self._loop.call_later(LATE_S / 2, self._fire)
        else:
            self._late = False
            self._guarded(lambda: self.guard.tick(max(now, due)))

    # log snapshots

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _give_snapshot(self, peer: str) -> None:
        try:
            index, term, data = await self._when_space(self._read_snapshot)
        except (OSError, StorageError) as error:
            self.stop()
            self._on_fatal(error if isinstance(error, StorageError) else StorageError(f"the log snapshot can't be read: {error}"))
            return
        self.do(lambda guard, now: guard.snapshot_ready(peer, index, term, data, now))

    async def _when_space(self, work: Callable[[], Awaitable[T]]) -> T:
        """Nobody asks again for a log snapshot that failed, so a full disk is waited for."""
        while True:
            try:
                return await work()
            except DiskFull:
                logger.warning("no space for a log snapshot: trying again until there is")
                await asyncio.sleep(FULL_RETRY_S)

    async def _take_snapshot(self, install: Install) -> None:
        try:
            installed = await self._when_space(lambda: self._install(install))
        except BadMessage as error:
            logger.warning("refused a log snapshot: %s", error)
            installed = False
        except OSError as error:
            self.stop()
            self._on_fatal(StorageError(f"installing a log snapshot failed: {error}"))
            return
        self.do(lambda guard, now: guard.installed(installed, now))
