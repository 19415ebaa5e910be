"""Asks of quota: which directory a path is, what is in the directories that have limits (both mount the volume for a moment), and whether
all of it is counted yet."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.asks.mounted import through_mount
from gd2raft.asks.quota_dirs import CLIENT_PID, by_gfid, gfid_of, path_of, used_of
from gd2raft.core import model

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)


async def resolve(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"gfid": of the directory `path`, "" when there is none}."""
    return await through_mount(here, volume, CLIENT_PID, lambda root: {"gfid": _resolve(root, str(arguments["path"]))})


async def used(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"directories": [...]}: of `gfids`, and of the directory `path` if that isn't ""; {"gfid", "path", "used", "error"} each."""

    def look(root: Path) -> Answer:
        gfids = [str(gfid) for gfid in arguments["gfids"]]
        if path := str(arguments.get("path", "")):
            gfids = [found] if (found := _resolve(root, path)) else []
        return {"directories": [_look(root, gfid) for gfid in gfids]}

    return await through_mount(here, volume, CLIENT_PID, look)


async def counting(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"left": paths of this peer's bricks that are not counted yet}."""
    return {"left": [brick.path for brick in here.bricks(volume) if not here.counted(volume, brick)]}


def _resolve(root: Path, path: str) -> str:
    try:
        return gfid_of(root, path)
    except OSError as error:
        if error.errno in NOT_THERE:
            return ""
        raise


def _look(root: Path, gfid: str) -> dict[str, Any]:
    folder = by_gfid(root, gfid)
    try:
        counted = used_of(folder)
        answer: dict[str, Any] = {"gfid": gfid, "path": path_of(folder), "used": None, "error": "" if counted else "not counted yet"}
    except OSError as error:
        gone = error.errno in NOT_THERE
        return {"gfid": gfid, "path": "", "used": None, "error": "the directory is gone" if gone else str(error.strerror)}
    if counted:
        answer["used"] = {"bytes": counted.bytes, "files": counted.files, "directories": counted.directories}
    return answer
