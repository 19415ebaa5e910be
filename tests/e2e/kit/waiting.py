"""Waiting for a condition, with a deadline. The only place of these tests that sleeps."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 40.0
"""Generous: machines of CI are slow and shared. No test measures time with it."""
POLL_S = 0.05
NOT_YET = (OSError, http.client.HTTPException, LookupError, ValueError, AssertionError)
"""What a condition may raise while the world isn't there yet."""


def until(condition: Callable[[], T], what: str, seconds: float = DEADLINE_S) -> T:
    """The first true value of `condition`; AssertionError that says what was missing, and the last thing seen, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
            if value:
                return value
            last = repr(value)
        except NOT_YET as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {last[:2000]}")
        time.sleep(POLL_S)


def pause(seconds: float) -> None:
    """Let something run for a while before it is disturbed. Never to wait for a condition."""
    time.sleep(seconds)
