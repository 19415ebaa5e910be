"""quota.limit: a directory of the volume gets a limit, or loses it: an extended attribute, set through a mount so that every brick has it.

The mount is that of a client that the quota xlator trusts with its attributes. The directory is found by its gfid, so a rename meanwhile
does no harm.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from gd2raft.asks.quota_dirs import CLIENT_PID, by_gfid
from gd2raft.commands.quota import PREFIX
from gd2raft.commands.step_kinds import SET_LIMIT, SetLimit
from gd2raft.steps import notes
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread

MOUNT_S = 20.0


class Before(msgspec.Struct, frozen=True):
    """The limit that was there, in hex; "" for none."""

    value: str


async def do(context: StepContext, arguments: SetLimit) -> Facts:
    async with context.mounted(arguments.volume, CLIENT_PID, MOUNT_S) as root:
        await in_thread(_set, context, arguments, by_gfid(root, arguments.gfid))
    return {}


async def undo(context: StepContext, arguments: SetLimit) -> Facts:
    before = await in_thread(notes.read, context, _what(arguments), Before)
    if before is not None:
        async with context.mounted(arguments.volume, CLIENT_PID, MOUNT_S) as root:
            await in_thread(_restore, arguments, by_gfid(root, arguments.gfid), before)
        await in_thread(notes.remove, context, _what(arguments))
    return {}


def _set(context: StepContext, arguments: SetLimit, folder: Path) -> None:
    if not folder.is_dir():
        if arguments.gone:
            return
        raise StepFailed(f"{arguments.path} of volume {arguments.volume} is gone", hint="was it removed just now?")
    if arguments.gone:
        raise StepFailed(
            f"the directory that had this limit as {arguments.path} has another path now", hint=f"gd2 volume quota {arguments.volume} list"
        )
    try:
        notes.write(context, _what(arguments), Before(_read(folder, arguments.name)))
        _write(folder, arguments.name, arguments.value)
    except OSError as error:
        raise StepFailed(
            f"the limit of {arguments.path} could not be set: {error.strerror}",
            hint=f"are enough bricks online? gd2 volume status {arguments.volume}",
        ) from error


def _restore(arguments: SetLimit, folder: Path, before: Before) -> None:
    if folder.is_dir():
        _write(folder, arguments.name, before.value)


def _read(folder: Path, name: str) -> str:
    try:
        return os.getxattr(folder, PREFIX + name).hex()
    except OSError as error:
        if error.errno == errno.ENODATA:
            return ""
        raise


def _write(folder: Path, name: str, value: str) -> None:
    if value:
        os.setxattr(folder, PREFIX + name, bytes.fromhex(value))
    elif _read(folder, name):
        os.removexattr(folder, PREFIX + name)


def _what(arguments: SetLimit) -> str:
    return f"{arguments.volume}/{arguments.gfid}/{arguments.name}"


STEP = StepCode(SET_LIMIT, do, undo)
