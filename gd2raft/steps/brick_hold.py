"""brick.hold: the process of a brick ends, and isn't started again until the transaction is over.

So that clients which still have the old graph see the brick as down, and note what it misses, before another one takes its place.
"""

from __future__ import annotations

from gd2raft.commands.step_kinds import HOLD_BRICK, HoldBrick
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed


async def do(context: StepContext, arguments: HoldBrick) -> Facts:
    problems = await context.hold_brick(arguments.path, HOLD_BRICK.timeout_s - 5)
    if problems:
        raise StepFailed("; ".join(problems[:5]), hint="end the brick's process by hand, then try again")
    return {}


async def undo(context: StepContext, arguments: HoldBrick) -> Facts:
    await context.unhold_brick(arguments.path)
    return {}


STEP = StepCode(HOLD_BRICK, do, undo)
