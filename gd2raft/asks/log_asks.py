"""Asks about logs of bricks: begin new ones. The old ones stay beside them, with the time in their names, as glusterd leaves them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.core import model


async def rotate(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """Brick id -> {"log": its path, "kept": that of the old one}. `bricks`: their ids."""
    found: Answer = {}
    for brick in here.bricks(volume):
        if brick.id in arguments["bricks"]:
            found[brick.id] = await _rotate(here, brick)
    return found


async def _rotate(here: Here, brick: model.Brick) -> Answer:
    log = here.processes.log_of(brick.path)
    if not log:
        return {"error": "the brick is not running"}
    kept = f"{log}.{int(time.time())}"
    if os.path.lexists(kept):
        return {"error": f"{kept} is there: it was rotated a moment ago"}
    try:
        await asyncio.to_thread(os.rename, log, kept)
    except OSError as error:
        return {"error": f"{log} can't be renamed: {error.strerror}"}
    here.processes.signal(brick.path, signal.SIGHUP)  # it goes on in the old file until it hears of this
    return {"log": log, "kept": kept}
