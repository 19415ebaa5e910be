"""Waiting in an event loop for what nothing announces, with a deadline: the only place where such tests sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE_S = 30.0
"""Generous: machines of CI are slow and shared. No test measures time with it."""
POLL_S = 0.005


async def until(condition: Callable[[], object], what: str = "the condition", within_s: float = DEADLINE_S) -> None:
    """AssertionError that says `what` if it has not come true `within_s` seconds from now."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(POLL_S)
