"""Volfiles for programs that speak the peer RPC: one is asked for, and its change waited for. It only reads.

It must not know what a volfile says, or how it is made.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection

from gd2raft import services
from gd2raft.core import model
from gd2raft.rpc import errors
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import RpcRefusal
from gd2raft.rpc.fields import PAYLOAD_BYTES_MAX

WAITING_MAX = 256
MADE_MAX = 256
NOT_FOUND, NOT_STARTED = "not-found", "not-started"


class Volfiles:
    """`make`: the volfile of a volume as this peer's state has it; `revision`: of that state."""

    def __init__(self, view: Callable[[], model.View], revision: Callable[[], int], make: Callable[[model.Volume], str]) -> None:
        self._view, self._revision, self._make = view, revision, make
        self._made: dict[str, services.Volfile] = {}  # since the state last changed
        self._waiting: dict[asyncio.Future[None], str] = {}

    def changed(self, volumes: Collection[str] | None) -> None:
        """The volfiles of these volumes may be others now (None: of all)."""
        self._made.clear()
        for future, name in self._waiting.items():
            if not future.done() and (volumes is None or name in volumes):
                future.set_result(None)

    async def on_query(self, connection: Connection, query: services.VolfileQuery) -> services.Volfile:
        """Raises RpcRefusal."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + query.wait_ms / 1000
        while (found := self._find(query.volume)).digest == query.known:
            if not await self._change(query.volume, deadline - loop.time()):
                return services.Volfile(found.digest, self._revision(), b"")
        return found

    def _find(self, name: str) -> services.Volfile:
        if (made := self._made.get(name)) is not None:
            return made
        volume = self._view().volume(name)
        if volume is None:
            raise RpcRefusal(NOT_FOUND, f"there is no volume {name}")
        if volume.state is model.VolumeState.CREATED:
            raise RpcRefusal(NOT_STARTED, f"volume {name} was never started, so it has no volfile yet: start it")
        text = self._make(volume).encode()
        if len(text) > PAYLOAD_BYTES_MAX:
            raise RpcRefusal(errors.TOO_LARGE, f"the volfile of {name} has {len(text)} bytes, at most {PAYLOAD_BYTES_MAX} are possible")
        if len(self._made) >= MADE_MAX:
            self._made.clear()
        found = self._made[name] = services.Volfile(hashlib.sha256(text).hexdigest(), self._revision(), text)
        return found

    async def _change(self, name: str, wait_s: float) -> bool:
        """Whether something about the volume changed within the time."""
        if wait_s <= 0:
            return False
        if len(self._waiting) >= WAITING_MAX:
            raise RpcRefusal(errors.BUSY, f"{WAITING_MAX} others wait for a volfile to change: ask another peer, or try again later")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = name
        try:
            await asyncio.wait_for(future, wait_s)
        except TimeoutError:
            return False
        finally:
            del self._waiting[future]
        return True
