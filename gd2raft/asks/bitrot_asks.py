"""Asks of bitrot: what this peer's scrub daemon has found in the bricks of a volume, and telling it to begin now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gd2raft.asks.ask import Answer, AskFailed, Here
from gd2raft.core import model
from gd2raft.node_services import SCRUB
from gd2raft.sunrpc.brickop import BrickOpClient, BrickOpFailed
from gd2raft.sunrpc.messages import BrickOpReply

TIMEOUT_S = 10.0
BAD_MAX = 10_000
"""Bad files that are listed; `bad-count` has all."""


async def status(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    reply = await _ask(here, volume, "status")
    if reply.op_ret != 0:
        raise AskFailed(reply.error or "the scrub daemon refused it")
    return status_of(reply.output)


async def ondemand(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """`refused`: why the scrub daemon, which has not failed, does not begin; "" when it has begun."""
    reply = await _ask(here, volume, "ondemand")
    return {"refused": "" if reply.op_ret == 0 else reply.error or "it is paused, or scrubs already"}


async def _ask(here: Here, volume: model.Volume, value: str) -> BrickOpReply:
    """Raises AskFailed when there is no answer."""
    if not here.processes.status(SCRUB).online:
        raise AskFailed("the scrub daemon does not run")
    try:
        return await BrickOpClient(here.processes.socket_of(SCRUB), timeout_s=TIMEOUT_S).scrub(volume.name, value)
    except BrickOpFailed as error:
        raise AskFailed(str(error)) from error


def status_of(output: Mapping[str, str]) -> Answer:
    """What the scrub daemon tells, as numbers. A bad file is "GFID ==> BRICK: path" and, if it is known, its path in the volume.

    >>> status_of({"scrub-running": "0", "scrubbed-files": "2", "total-count": "0", "last-scrub-time": ""})["scrubbed-files"]
    2
    """
    bad = [parts for n in range(BAD_MAX) if (parts := _bad_file(output.get(f"quarantine-{n}", "")))]
    return {
        "running": output.get("scrub-running", "0") == "1",
        "scrubbed-files": _whole(output.get("scrubbed-files", "")),
        "skipped-files": _whole(output.get("unsigned-files", "")),
        "last-scrub": output.get("last-scrub-time", ""),
        "duration-s": _whole(output.get("scrub-duration", "")),
        "bad-count": max(_whole(output.get("total-count", "")), len(bad)),
        "bad": bad,
    }


def _bad_file(text: str) -> dict[str, str]:
    """
    >>> _bad_file("ca3f9100 ==> BRICK: /b1\\n path: /d/g")
    {'gfid': 'ca3f9100', 'brick': '/b1', 'path': '/d/g'}
    """
    gfid, arrow, rest = text.partition(" ==> BRICK: ")
    brick, _, path = rest.partition("\n path: ")
    return {"gfid": gfid.strip(), "brick": brick.strip(), "path": path.strip("\n")} if arrow or gfid else {}


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
