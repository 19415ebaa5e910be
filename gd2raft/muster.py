"""Whether every brick of a volume can be found when its rebalance begins. It must not know what a job does.

Which peer moves a file is agreed by nobody: each process counts the peers of a set whose bricks it found at its start, and the first
takes the share of those that it did not find. A daemon that is away for two seconds just then makes two processes move the same
files, and the later one counts thousands of failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from gd2raft.sunrpc.portmap import port_of_brick

WAIT_S = 10.0
"""So long a job waits for bricks; then it begins without them, and the others of their sets move their share."""
AGAIN_S = 0.3
ASK_S = 1.0

log = structlog.get_logger("rebalance")

Where = tuple[str, str]
"""Host and path of a brick."""


class Muster:
    """`changed(volume)`: its job can begin now."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._over: dict[str, str] = {}  # volume -> the job that has begun, or can
        self._tasks: dict[str, asyncio.Task[None]] = {}  # volume -> asks for its bricks
        self._missing: dict[str, list[Where]] = {}

    async def close(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def complete(self, volume: str, job: str, bricks: Sequence[Where]) -> bool:
        """Whether the job may begin. Asks for the bricks when it is asked first."""
        if not bricks or self._over.get(volume) == job:
            return True
        if volume not in self._tasks:
            task = self._tasks[volume] = asyncio.create_task(self._ask(volume, job, bricks), name=f"bricks of {volume}")
            task.add_done_callback(lambda _: self._tasks.pop(volume, None))
        return False

    def missing(self, volume: str) -> list[Where]:
        """Those that are waited for."""
        return self._missing.get(volume, [])

    def forget(self, volume: str) -> None:
        """It is gone."""
        self._over.pop(volume, None)

    async def _ask(self, volume: str, job: str, bricks: Sequence[Where]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + WAIT_S
        while missing := await self._not_found(bricks):
            if loop.time() > until:
                log.warning("a rebalance begins without bricks that can't be found", volume=volume, bricks=missing)
                break
            self._missing[volume] = missing
            await asyncio.sleep(AGAIN_S)
        self._missing.pop(volume, None)
        self._over[volume] = job
        self._changed(volume)

    async def _not_found(self, bricks: Sequence[Where]) -> list[Where]:
        ports = await asyncio.gather(*(port_of_brick(host, path, ASK_S) for host, path in bricks))
        return [brick for brick, port in zip(bricks, ports, strict=True) if not port]
