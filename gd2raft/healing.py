"""Keeps self-heal going after a brick was replaced, reset or added, until what this peer's bricks have noted is healed.

A self-heal daemon looks through the index when a brick connects, and then every ten minutes (cluster.heal-timeout). Filling an empty
brick finds new work while it goes on, and the daemons of a set take work from each other, so that one of them may stop early
with entries left in the index (seen with 10.3). So it is told again, soon at first, then less and less often while nothing moves.
Lost when the daemon ends: then the ten minutes count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gd2raft.asks.heal_asks import indexed
from gd2raft.core import model
from gd2raft.process import ProcessManager
from gd2raft.sunrpc.brickop import BrickOpClient, BrickOpFailed, HealOp

FIRST_S, MOST_S = 2.0, 60.0
EMPTY_ROUNDS = 3
GIVE_UP_S = 3600.0

log = structlog.get_logger("healing")


class Healing:
    """`volume`: the state's record now, None when it is gone."""

    def __init__(self, processes: ProcessManager, volume: Callable[[str], model.Volume | None], peer_id: Callable[[], str]) -> None:
        self._processes, self._volume, self._peer_id = processes, volume, peer_id
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str) -> None:
        """Keep the volume's self-heal going from now on; starts anew when it was going already."""
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
        self._tasks[name] = asyncio.create_task(self._keep(name), name=f"heal {name}")

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _keep(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        deadline, wait_s, before, empty = loop.time() + GIVE_UP_S, FIRST_S, -1, 0
        while loop.time() < deadline and empty < EMPTY_ROUNDS:
            await asyncio.sleep(wait_s)
            volume = self._volume(name)
            if volume is None or volume.state is not model.VolumeState.STARTED:
                return
            left = await asyncio.to_thread(self._left, volume)
            empty = empty + 1 if left == 0 else 0
            wait_s = FIRST_S if left != before else min(MOST_S, wait_s * 2)
            before = left
            if left:
                await self._tell(volume)
        log.info("healed" if empty else "still not healed", volume=name, entries=max(0, before))

    def _left(self, volume: model.Volume) -> int:
        """Entries in the indices of this peer's bricks."""
        total = 0
        for brick in volume.bricks():
            if brick.peer_id == self._peer_id():
                try:
                    total += indexed(brick.path)
                except OSError:
                    continue  # a lost disk has nothing to heal from
        return total

    async def _tell(self, volume: model.Volume) -> None:
        socket = self._processes.socket_of(f"shd/{volume.name}")
        sets = [f"{volume.name}-{s.type.value}-{i}" for i, s in enumerate(volume.subvols)]
        try:
            if socket:
                await BrickOpClient(socket, timeout_s=10.0).heal(HealOp.INDEX, sets)
        except BrickOpFailed as error:
            log.debug("self-heal was not told", volume=volume.name, why=str(error))
