"""volume.follow: the processes of this peer become what the state says of the volume."""

from __future__ import annotations

from gd2raft.commands.step_kinds import FOLLOW_VOLUME, FollowVolume
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed


async def do(context: StepContext, arguments: FollowVolume) -> Facts:
    problems = await context.follow_volume(arguments.volume, FOLLOW_VOLUME.timeout_s - 5, arguments.bricks)
    if problems:
        raise StepFailed(
            "; ".join(problems[:5]),
            hint=f"it is tried again by itself, with pauses; `gd2 volume start {arguments.volume} force` tries at once, `gd2 volume status` shows what runs",
        )
    return {}


STEP = StepCode(FOLLOW_VOLUME, do)
