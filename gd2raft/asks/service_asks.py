"""Which daemons beside its bricks a volume has on this peer, and how they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.core import model
from gd2raft.core.beside import BESIDE


async def status(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"services": [{name, online, pid}]}: those that should run here, or still do."""
    keys = set(here.processes.keys())
    found = []
    for beside in BESIDE:
        key = beside.key.format(volume=volume.name)
        if key in keys and (not beside.option or beside.has(volume)):
            process = here.processes.status(key)
            found.append({"name": beside.name, "online": process.online, "pid": process.pid if process.online else 0})
    return {"services": found}
