"""Blocking work of a step in a thread that is waited for, even when the step is given up.

A thread can't be stopped. A step that timed out on a slow disk would otherwise go on touching it while its undo runs, and leave
behind what the undo was to take away.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """asyncio.to_thread, but a cancellation comes out only when the thread has ended."""
    call = partial(contextvars.copy_context().run, function, *arguments, **named)
    work = asyncio.get_running_loop().run_in_executor(None, call)  # no task, out of which a SystemExit would end the daemon
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
