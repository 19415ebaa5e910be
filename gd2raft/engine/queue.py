"""Commands that the leader runs and that need the same locks take turns, in the order in which they came.

The locks themselves are in the state (core.transaction) and hold against everybody, other leaders too. This queue is the leader's
own memory: it knows who else is about to ask for them, so that commands don't race each other with plans that can't be committed.
It must not know what a lock is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # first come, first served
        self.users = 0
        self.since = 0.0  # when the one whose turn it is got it


class Busy(Exception):
    """The one whose turn it is kept `name` for longer than the others wait."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class LockQueue:
    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @contextlib.asynccontextmanager
    async def take(self, names: Iterable[str], patience_s: float, deadline: float) -> AsyncIterator[None]:
        """Have the turn for all of the names. Raises Busy when one command keeps one of them for `patience_s` while this one waits
        (a queue that moves is waited in until `deadline`, on time.monotonic)."""
        async with contextlib.AsyncExitStack() as held:
            for name in sorted(set(names)):  # in one order, so that nobody waits in a circle
                await held.enter_async_context(self._take_one(name, patience_s, deadline))
            yield

    @contextlib.asynccontextmanager
    async def _take_one(self, name: str, patience_s: float, deadline: float) -> AsyncIterator[None]:
        turn = self._turns.setdefault(name, _Turn())
        turn.users += 1
        try:
            await self._wait(name, turn, patience_s, deadline)
            try:
                turn.since = time.monotonic()
                yield
            finally:
                turn.lock.release()
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[name]

    @staticmethod
    async def _wait(name: str, turn: _Turn, patience_s: float, deadline: float) -> None:
        if not turn.lock.locked():
            await turn.lock.acquire()  # at once, without letting others run: a plan that was just made stays good
            return
        came = time.monotonic()
        getting = asyncio.ensure_future(turn.lock.acquire())
        try:
            while not getting.done():
                left_s = min(max(came, turn.since) + patience_s, deadline) - time.monotonic()
                if left_s <= 0:
                    raise Busy(name)
                await asyncio.wait([getting], timeout=left_s)
        except BaseException:
            if not getting.cancel() and not getting.cancelled():
                turn.lock.release()  # it was got while we gave up
            raise
