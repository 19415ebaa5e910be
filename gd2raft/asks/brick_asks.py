"""Asks that each brick's process answers: status, profile, top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.asks.nested import nested
from gd2raft.asks.profiles import profile_of, top_of
from gd2raft.core import model
from gd2raft.sunrpc.brickop import BrickOpClient, BrickOpFailed, StatusOf
from gd2raft.sunrpc.messages import BrickOpReply

TIMEOUT_S = 8.0
PERFORMANCE_S = 20.0
STATUS = {
    "clients": StatusOf.CLIENTS,
    "mem": StatusOf.MEM,
    "inode": StatusOf.INODE,
    "fd": StatusOf.FD,
    "callpool": StatusOf.CALLPOOL,
}
INFO_OPS = {"info": 1, "info-incremental": 2, "info-cumulative": 3, "info-clear": 4}
"""What io-stats is to tell: both sums, those since the last time, those since the start; or to forget them."""
TOPS = {"open": 1, "read": 2, "write": 3, "opendir": 4, "readdir": 5, "read-perf": 6, "write-perf": 7}


async def each(
    here: Here, volume: model.Volume, ask: Callable[[BrickOpClient, model.Brick], Awaitable[BrickOpReply]], timeout_s: float = TIMEOUT_S
) -> dict[str, BrickOpReply | str]:
    """Brick id -> its process's answer, or why there is none."""

    async def one(brick: model.Brick) -> BrickOpReply | str:
        if not here.processes.status(brick.path).online:
            return "the brick is not online"
        try:
            reply = await ask(BrickOpClient(here.processes.socket_of(brick.path), timeout_s=timeout_s), brick)
        except BrickOpFailed as error:
            return str(error)
        return reply if reply.op_ret == 0 else reply.error or "the brick refused it"

    bricks = here.bricks(volume)
    return dict(zip([b.id for b in bricks], await asyncio.gather(*(one(b) for b in bricks)), strict=True))


def shaped(found: Mapping[str, BrickOpReply | str], shape: Callable[[Mapping[str, str]], Answer]) -> Answer:
    return {i: {"error": reply} if isinstance(reply, str) else shape(reply.output) for i, reply in found.items()}


async def status(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """`of`: a key of STATUS."""
    of = STATUS[str(arguments["of"])]
    return shaped(await each(here, volume, lambda client, brick: client.status(volume.name, brick.path, of)), nested)


async def profile(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """`option`: a key of INFO_OPS, with `-peek` at its end to leave the running interval alone."""
    option = str(arguments["option"])
    values = {
        "volname": volume.name,
        "info-op": str(INFO_OPS[option.removesuffix("-peek")]),
        "peek": "1" if option.endswith("-peek") else "0",
    }
    return shaped(await each(here, volume, lambda client, brick: client.xlator_info(brick.path, values)), profile_of)


async def top(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """`of`: a key of TOPS; `count` files; `block-bytes` and `blocks`: with the -perf ones, how much to read or write to measure."""
    of = str(arguments["of"])
    values = {"volname": volume.name, "top-op": str(TOPS[of]), "list-cnt": str(int(arguments["count"]))}
    if of.endswith("-perf") and arguments.get("blocks"):
        values |= {"blk-size": str(int(arguments["block-bytes"])), "blk-cnt": str(int(arguments["blocks"]))}
    found = await each(here, volume, lambda client, brick: client.xlator_info(brick.path, values), PERFORMANCE_S)
    return shaped(found, top_of)
