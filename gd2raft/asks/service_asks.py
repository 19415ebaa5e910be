"""Which daemons beside its bricks a volume has on this peer, and how they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.core import model

SERVICES = (
    ("Self-heal Daemon", "shd/{volume}", ""),
    ("Quota Daemon", "gluster/quotad", "features.quota"),
    ("Bitrot Daemon", "gluster/bitd", "features.bitrot"),
    ("Scrubber Daemon", "gluster/scrub", "features.bitrot"),
)
"""(glusterd's name for it, its process, the option without which a daemon of several volumes is not this one's)."""


async def status(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"services": [{name, online, pid}]}: those that should run here, or still do."""
    keys = set(here.processes.keys())
    found = []
    for name, pattern, option in SERVICES:
        key = pattern.format(volume=volume.name)
        if key in keys and (not option or volume.options.get(option) == "on"):
            process = here.processes.status(key)
            found.append({"name": name, "online": process.online, "pid": process.pid if process.online else 0})
    return {"services": found}
