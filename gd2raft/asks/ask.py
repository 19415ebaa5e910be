"""What an ask is given, and what it may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gd2raft.core import model
from gd2raft.process import ProcessManager
from gd2raft.process.mount import MountPlace

Answer = dict[str, Any]
"""JSON. Asks about bricks: brick id -> what is known of it, or {"error": why not}."""


class AskFailed(Exception):
    """It can't be answered here; the text says why, for a person."""


class Here(msgspec.Struct, frozen=True):
    """This peer. `volfile`: what a trusted client of the volume is given. `counted`: whether quota has counted all of that brick."""

    peer_id: str
    processes: ProcessManager
    volfile: Callable[[model.Volume], str]
    rundir: Path
    mounts: MountPlace
    counted: Callable[[model.Volume, model.Brick], bool]

    def bricks(self, volume: model.Volume) -> list[model.Brick]:
        return [b for b in volume.bricks() if b.peer_id == self.peer_id]


Ask = Callable[[Here, model.Volume, Mapping[str, Any]], Awaitable[Answer]]
"""(this peer, the volume, arguments) -> answer; raises AskFailed. What came from outside was checked by REST."""
