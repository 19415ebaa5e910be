"""Blocking work of a step in a thread that is waited for, even when the step is given up.

A thread can't be stopped. A step that timed out on a slow disk would otherwise go on touching it while its undo runs, and leave
behind what the undo was to take away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """asyncio.to_thread, but a cancellation comes out only when the thread has ended."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
