"""quota.root: a brick that is new to the volume gets the limits of the volume's root, before clients know of it.

Done on the brick itself: no client reaches it yet. Directories need nothing of this: DHT makes them on the new brick with their limits.
"""

from __future__ import annotations

import os

from gd2raft.commands.step_kinds import LIMIT_ROOT, LimitRoot
from gd2raft.steps.brick_paths import explain
from gd2raft.steps.step import Facts, StepCode, StepContext
from gd2raft.steps.threads import in_thread


async def do(context: StepContext, arguments: LimitRoot) -> Facts:
    await in_thread(_set, arguments)
    return {}


def _set(arguments: LimitRoot) -> None:
    try:
        for name, value in arguments.attributes.items():
            os.setxattr(arguments.path, name, bytes.fromhex(value))
    except OSError as error:
        raise explain(arguments.path, error) from error


STEP = StepCode(LIMIT_ROOT, do)
