"""brick.check: the folder is there and is the brick of this volume."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid

from gd2raft.commands.step_kinds import CHECK_BRICK, CheckBrick
from gd2raft.steps import brick_paths
from gd2raft.steps.brick_prepare import INDICES
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread

FORCED_S = 2.0


async def do(context: StepContext, arguments: CheckBrick) -> Facts:
    if not arguments.forced:
        await in_thread(_check, arguments)
        return {}
    with contextlib.suppress(TimeoutError):  # a disk that hangs must not keep the other bricks down
        await asyncio.wait_for(asyncio.to_thread(_check_mark, arguments), FORCED_S)
    return {}


async def undo(context: StepContext, arguments: CheckBrick) -> Facts:
    return {}


def _check_mark(arguments: CheckBrick) -> bytes | None:
    """The mark that is there; refuse that of another volume."""
    path = arguments.path
    found = brick_paths.volume_id_of(path)
    if found is not None and found != uuid.UUID(arguments.volume_id).bytes:
        raise StepFailed(
            f"brick {path} belongs to another volume ({uuid.UUID(bytes=found) if len(found) == 16 else found.hex()}), "
            f"not to {arguments.volume}",
            hint="not even force starts it; is the right disk mounted?",
        )
    return found


def _check(arguments: CheckBrick) -> None:
    path = arguments.path
    found = _check_mark(arguments)
    if not os.path.isdir(path):
        what = "is not a directory" if os.path.lexists(path) else "does not exist"
        raise StepFailed(
            f"brick {path} of volume {arguments.volume} {what}", hint="is its disk mounted? A lost brick is replaced, not recreated"
        )
    if found is None:
        raise StepFailed(f"brick {path} has no mark of volume {arguments.volume} ({brick_paths.VOLUME_ID})", hint="is its disk mounted?")
    try:
        os.makedirs(os.path.join(path, INDICES), mode=0o700, exist_ok=True)
    except OSError as error:
        raise brick_paths.explain(path, error) from error


STEP = StepCode(CHECK_BRICK, do, undo)
