"""Server quorum at the edge: watches how many peers are in sight while a volume of this peer asks for it, and tells when that changes.

What is decided is core.server_quorum's; what is done about bricks is gluster.py's. While no volume asks, nothing runs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from gd2raft.core import model
from gd2raft.core.server_quorum import RATIO, Judge, Standing, asks, needed

LOOK_EVERY_S = 1.0

log = structlog.get_logger("quorum")


class ServerQuorum:
    """`live`: ids of the peers that this peer can count on; `running`: whether the brick at a path is online here; `on_change`: bricks
    may have to stop or start.
    """

    def __init__(
        self,
        *,
        peer_id: Callable[[], str],
        view: Callable[[], model.View],
        live: Callable[[], frozenset[str]],
        running: Callable[[str], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._peer_id, self._view, self._live, self._running, self._on_change = peer_id, view, live, running, on_change
        self._judge = Judge()
        self._asked = asyncio.Event()
        self._standing: Standing | None = None  # None: nobody has asked
        self.stopped: frozenset[str] = frozenset()
        """Paths of bricks that must not run; also by an old state, since a peer that is cut off has no other."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="server quorum")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def decide(self, volumes: Sequence[model.Volume]) -> None:
        """`volumes`: all that are started and have bricks here."""
        if not (asking := [volume for volume in volumes if asks(volume)]):
            self._asked.clear()
            self._standing, self.stopped = None, frozenset()
            return
        self._asked.set()
        lost = self._look() is Standing.LOST
        bricks = (b for volume in asking for b in volume.with_joining().bricks() if b.peer_id == self._peer_id())
        self.stopped = frozenset(b.path for b in bricks) if lost else frozenset()

    def lets(self, volume: model.Volume, brick: model.Brick) -> bool:
        """Whether the brick may run, as it was decided. Before anything is known, what runs goes on."""
        if not asks(volume) or self._standing is Standing.HELD:
            return True
        return self._standing is Standing.UNKNOWN and self._running(brick.path)

    def _look(self) -> Standing:
        members = {peer.id for peer in self._view().peers()}
        live, least = len(self._live() & members), needed(len(members), self._view().global_options().get(RATIO))
        standing = self._judge.note(live >= least, asyncio.get_running_loop().time())
        if standing is not self._standing:
            self._standing = standing
            tell = log.warning if standing is Standing.LOST else log.info
            tell("server quorum", standing=standing.value, peers=len(members), in_sight=live, needed=least)
        return standing

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            before = self._standing
            if self._look() is not before:
                self._on_change()
            await asyncio.sleep(LOOK_EVERY_S)
