"""volume.heal: self-heal goes on until what the bricks of this peer have noted is healed; nobody waits for it."""

from __future__ import annotations

from gd2raft.commands.step_kinds import KEEP_HEALING, KeepHealing
from gd2raft.steps.step import Facts, StepCode, StepContext


async def do(context: StepContext, arguments: KeepHealing) -> Facts:
    context.keep_healing(arguments.volume)
    return {}


STEP = StepCode(KEEP_HEALING, do)
