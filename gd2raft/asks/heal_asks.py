"""Asks of self-heal: how many entries wait on each brick, and telling the self-heal daemon to begin."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from gd2raft.asks.ask import Answer, AskFailed, Here
from gd2raft.core import model
from gd2raft.sunrpc.brickop import BrickOpClient, BrickOpFailed, HealOp

INDEX = ".glusterfs/indices/xattrop"
COUNT_TIMEOUT_S = 8.0
LAUNCH_TIMEOUT_S = 10.0
STARTED = "Started"


async def count(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"entries": n} for each brick: what it has noted that other copies may lack. Counted in its index, so its process may be down."""
    found: Answer = {}
    for brick in here.bricks(volume):
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_S):
                found[brick.id] = {"entries": await asyncio.to_thread(indexed, brick.path)}
        except TimeoutError:
            found[brick.id] = {"error": "its disk does not answer"}
        except OSError as error:
            found[brick.id] = {"error": f"{brick.path}: {error.strerror}"}
    return found


def indexed(path: str) -> int:
    """Entries of the index. Each is a link named by a gfid; the file that they are links of has a name of its own."""
    return sum(not entry.name.startswith("xattrop-") for entry in os.scandir(os.path.join(path, INDEX)))


async def launch(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """Begin to heal: `type` index or full; `sets`: peer id -> numbers of the sets that this peer's daemon cares for."""
    numbers = [int(n) for n in arguments["sets"].get(here.peer_id, ())]
    if not numbers:
        return {}
    service = f"shd/{volume.name}"
    if not here.processes.status(service).online:
        raise AskFailed("the self-heal daemon does not run")
    op = HealOp.FULL if arguments["type"] == "full" else HealOp.INDEX
    client = BrickOpClient(here.processes.socket_of(service), timeout_s=LAUNCH_TIMEOUT_S)
    try:
        reply = await client.heal(op, [f"{volume.name}-{volume.kind}-{n}" for n in numbers])
    except BrickOpFailed as error:
        raise AskFailed(str(error)) from error
    said = sorted({str(value) for key, value in reply.output.items() if key.endswith("-status")})
    if reply.op_ret != 0 and not any(text.startswith(STARTED) for text in said):  # one brick that is away makes it -1 too
        why = reply.error or ", ".join(said) or "it does not say why"
        raise AskFailed(f"the self-heal daemon did not begin: {why}")
    return {"output": {k: str(v) for k, v in reply.output.items()}}
