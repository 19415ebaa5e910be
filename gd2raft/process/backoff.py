"""When to start a failing process again. Pure: the clock is an argument."""

from __future__ import annotations

from gd2raft.process.specs import Timing


class Backoff:
    """Doubles from `backoff_first_s` to `backoff_max_s`; anew once the process ran for `stable_s`."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._failures = 0
        self._not_before = float("-inf")

    def failed(self, now: float, ran_s: float) -> float:
        """Notes a failure; returns the seconds to wait."""
        timing = self._timing
        if ran_s >= timing.stable_s:
            self._failures = 0
        doublings = min(self._failures, 32)  # far past the maximum, and far from an overflow
        delay = min(timing.backoff_first_s * float(1 << doublings), timing.backoff_max_s)
        self._failures += 1
        self._not_before = now + delay
        return delay

    def reset(self) -> None:
        self._failures, self._not_before = 0, float("-inf")

    def left_s(self, now: float) -> float:
        return max(0.0, self._not_before - now)
