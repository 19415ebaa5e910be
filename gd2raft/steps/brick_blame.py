"""brick.blame: before an empty brick takes the place of another, the good copies are made to remember that it lacks everything.

AFR has a door for this: an extended attribute set on the root of a mount whose client says that it replaces bricks. AFR then marks
the root of every good copy, under its own locks, with "entries, metadata and data pending for <volume>-client-<index>"; the
self-heal daemon finds that mark and fills the brick, folder by folder. The mark belongs to the client index, which the new brick
inherits, so it is there before any client knows of the new brick. Erasure-coded sets need no mark: their versions tell.
An undone blame may leave the mark behind: the old brick is then compared with the others once, and the mark goes by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from pathlib import Path

from gd2raft.commands.step_kinds import BLAME_BRICK, BlameBrick
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread

DIRTY = "trusted.afr.dirty"
REPLACED = "trusted.replace-brick"
CLIENT_PID = -12
"""What glusterfs calls a client that adds or replaces bricks: AFR refuses REPLACED from any other (seen with 10.3)."""
ENTRIES_DIRTY = struct.pack(">III", 0, 0, 1)
CONNECT_S = 20.0
POLL_S = 0.1


async def do(context: StepContext, arguments: BlameBrick) -> Facts:
    async with context.mounted(arguments.volume, CLIENT_PID, CONNECT_S) as root:
        await _others_serve(root, arguments)
        if arguments.replicate:
            await in_thread(_blame, root, arguments)
    return {}


async def undo(context: StepContext, arguments: BlameBrick) -> Facts:
    with contextlib.suppress(OSError):
        await in_thread(os.removexattr, arguments.path, DIRTY)
    return {}


async def _others_serve(root: Path, arguments: BlameBrick) -> None:
    """Wait until enough other bricks of the set are connected: what only the old brick has would be lost."""
    found = 0
    try:
        async with asyncio.timeout(CONNECT_S):
            while True:
                found = await asyncio.to_thread(_connected, root, arguments)
                if found >= arguments.others_min:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise StepFailed(
            f"{found} of the other bricks of {arguments.subvolume} serve, {arguments.others_min} are needed to fill the new one",
            hint=f"bring them back first: gd2 volume status {arguments.volume}",
        ) from None


def _connected(root: Path, arguments: BlameBrick) -> int:
    return sum(_is_connected(root / ".meta/graphs/active" / f"{arguments.volume}-client-{i}" / "private") for i in arguments.others)


def _is_connected(private: Path) -> bool:
    try:
        return "connected = 1" in private.read_text().splitlines()
    except OSError:
        return False


def _blame(root: Path, arguments: BlameBrick) -> None:
    try:
        os.setxattr(arguments.path, DIRTY, ENTRIES_DIRTY)
        os.setxattr(root, REPLACED, f"{arguments.volume}-client-{arguments.index}\0".encode())
    except OSError as error:
        raise StepFailed(
            f"the other bricks of {arguments.subvolume} could not note that {arguments.path} is to be filled: {error.strerror}",
            hint=f"are they online? gd2 volume status {arguments.volume}",
        ) from error


STEP = StepCode(BLAME_BRICK, do, undo)
