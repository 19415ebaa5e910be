"""brick.online, brick.emptied, brick.leave, job.stop: what must hold of bricks before a set of them changes, and how those go that leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from gd2raft.commands.step_kinds import BRICK_EMPTIED, BRICK_ONLINE, LEAVE_BRICK, STOP_JOB, BrickEmptied, BrickOnline, LeaveBrick, StopJob
from gd2raft.steps.replica_mark import listed
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed

LOOK_S = 40.0
"""So long a brick is searched for files that are left; a larger one is believed to be empty when nothing was found until then."""
HEALED_S, HEALED_POLL_S = 4.0, 0.5
NOT_DATA = (".glusterfs", ".trashcan")
LINK_MODE = stat.S_ISVTX
"""DHT's pointers are empty files with nothing but the sticky bit."""


async def online(context: StepContext, arguments: BrickOnline) -> Facts:
    if not await context.brick_online(arguments.path, BRICK_ONLINE.timeout_s - 5):
        raise StepFailed(
            f"brick {arguments.path} of volume {arguments.volume} is down",
            hint=f"gd2 volume start {arguments.volume} force starts it; gd2 volume status {arguments.volume} shows the bricks",
        )
    if arguments.healed and (waiting := await _unhealed(context, arguments)):
        raise StepFailed(
            f"{waiting} entries of brick {arguments.path} wait to be healed on other copies of volume {arguments.volume}",
            hint=f"wait until all copies are filled: gd2 volume heal {arguments.volume} info; force does not pass over this: "
            "of what is whole on one copy of three nothing can be read",
        )
    return {}


async def _unhealed(context: StepContext, arguments: BrickOnline) -> int:
    """How many entries the brick has on its list of self-heal, which is given HEALED_S to strike off what is healed already."""
    deadline = asyncio.get_running_loop().time() + HEALED_S
    while waiting := await asyncio.to_thread(listed, Path(arguments.path)):
        if asyncio.get_running_loop().time() > deadline:
            break
        with contextlib.suppress(StepFailed):
            await context.heal(arguments.volume)
        await asyncio.sleep(HEALED_POLL_S)
    return waiting


async def emptied(context: StepContext, arguments: BrickEmptied) -> Facts:
    found = await asyncio.to_thread(first_file, arguments.path, time.monotonic() + LOOK_S)
    if found is not None:
        raise StepFailed(
            f"brick {arguments.path} still holds files, for example {found}",
            hint=f"a copy may wait to learn that they have moved: gd2 volume heal {arguments.volume}, and ask again; "
            "else stop the remove-brick and start it again to move them; force would lose them to the volume, unless a mount shows their data",
        )
    return {}


async def nothing(context: StepContext, arguments: object) -> Facts:
    return {}


async def leave(context: StepContext, arguments: LeaveBrick) -> Facts:
    await context.release_brick(arguments.volume, arguments.path, LEAVE_BRICK.timeout_s - 5)
    return {}


async def stop(context: StepContext, arguments: StopJob) -> Facts:
    if not await context.job_ended(arguments.volume, arguments.job, STOP_JOB.timeout_s - 5):
        return {"note": "its process still finishes a file"}
    return {}


def first_file(brick: str, deadline: float) -> str | None:
    """A file of the volume that is on the brick, DHT's pointers aside; None when there is none, or none was found in time."""
    for entry in _files(brick):
        if time.monotonic() > deadline:
            return None
        try:
            info = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if not (stat.S_ISREG(info.st_mode) and info.st_size == 0 and stat.S_IMODE(info.st_mode) == LINK_MODE):
            return os.path.relpath(entry.path, brick)
    return None


def _files(brick: str) -> Iterator[os.DirEntry[str]]:
    """Everything below that isn't a folder."""
    folders = [brick]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if folder == brick and entry.name in NOT_DATA:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield entry
        except FileNotFoundError:
            continue


STEPS = (
    StepCode(BRICK_ONLINE, online, nothing),
    StepCode(BRICK_EMPTIED, emptied, nothing),
    StepCode(LEAVE_BRICK, leave),
    StepCode(STOP_JOB, stop),
)
