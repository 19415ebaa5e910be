"""The time as the store sees it: a seam, so that simulated peers can have clocks that run too fast or too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Seconds that never go back."""

    def now(self) -> float: ...

    def call_at(self, at: float, work: Callable[[], None]) -> asyncio.TimerHandle: ...


class LoopClock:
    """The event loop's clock; `rate` and `offset_s` make it a wrong one."""

    def __init__(self, rate: float = 1.0, offset_s: float = 0.0) -> None:
        self._rate, self._offset_s = rate, offset_s
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return self._loop.time() * self._rate + self._offset_s

    def call_at(self, at: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_at((at - self._offset_s) / self._rate, work)
