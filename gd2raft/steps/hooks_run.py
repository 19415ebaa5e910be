"""hooks.run: the scripts that run before a command's changes, on this peer. What they do is theirs: nothing of it is undone."""

from __future__ import annotations

from gd2raft.commands.step_kinds import RUN_HOOKS, RunHooks
from gd2raft.core.hooks import Hook
from gd2raft.steps.step import Facts, StepCode, StepContext


async def do(context: StepContext, arguments: RunHooks) -> Facts:
    await context.run_hooks(Hook(operation=arguments.operation, volume=arguments.volume, options=tuple(arguments.options)))
    return {}


async def undo(context: StepContext, arguments: RunHooks) -> Facts:
    return {}


STEP = StepCode(RUN_HOOKS, do, undo)
