"""replica.mark, replica.fill: new copies never count as good ones, and self-heal fills them.

A good copy notes that new copies have nothing yet, as the replicate xlator notes it of a brick that was down.
Done on the brick itself, before any client knows of the new copies: whoever sees them first sees the mark too, reads from the good
copies only, and self-heal fills the new ones from the root on. glusterd does the same with a client of its own once the new bricks
run (seen: pending counts 1, 1, 1 for data, metadata and entries on the root of each good brick).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import struct
import uuid
from pathlib import Path

from gd2raft.commands.step_kinds import FILL_REPLICA, MARK_REPLICA, MarkReplica
from gd2raft.steps.brick_paths import explain, volume_id_of
from gd2raft.steps.step import DiskAway, Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread

PENDING = struct.pack(">III", 1, 1, 1)
ROOT_GFID = "00000000-0000-0000-0000-000000000001"
INDEX = ".glusterfs/indices/xattrop"
FILL_POLL_S = 0.5


async def do(context: StepContext, arguments: MarkReplica) -> Facts:
    await in_thread(_mark, arguments)
    return {}


async def undo(context: StepContext, arguments: MarkReplica) -> Facts:
    volume = context.view().volume(arguments.volume)
    bricks = [] if volume is None else [b for b in volume.bricks() if (b.peer_id, b.path) == (context.peer_id, arguments.path)]
    if volume is not None and bricks and not arguments.lasting:  # else nobody looks at the mark any more
        await in_thread(_unmark, arguments, uuid.UUID(volume.id).bytes)
    return {}


async def fill(context: StepContext, arguments: MarkReplica) -> Facts:
    """Put the root on the list of self-heal until it has begun, and keep it going from then on.

    Once is not enough: a self-heal daemon that still has the graph without the new copies sees nothing wrong with the root, and
    takes it off the list; and one that has begun may stop early, with the rest for ten minutes later (both seen).
    """
    problem = "it does not begin"
    deadline = asyncio.get_running_loop().time() + FILL_REPLICA.timeout_s - 10
    while asyncio.get_running_loop().time() < deadline:
        if await asyncio.to_thread(_begun, arguments):
            context.keep_healing(arguments.volume)
            return {}
        await in_thread(_index, Path(arguments.path) / INDEX)
        try:
            await context.heal(arguments.volume)
        except StepFailed as error:  # it may be starting
            problem = str(error)
        await asyncio.sleep(FILL_POLL_S)
    raise StepFailed(
        f"self-heal of the new copies of {arguments.path} has not begun: {problem}",
        hint=f"the marks are kept, and it is tried again every ten minutes; look at: gd2 volume status {arguments.volume}",
    )


def _begun(arguments: MarkReplica) -> bool:
    """Healing the root's metadata or its entries takes that part of the mark away."""
    return all(os.getxattr(arguments.path, f"trusted.afr.{client}") != PENDING for client in arguments.clients)


def _mark(arguments: MarkReplica) -> None:
    try:
        for client in arguments.clients:
            os.setxattr(arguments.path, f"trusted.afr.{client}", PENDING)
        _index(Path(arguments.path) / INDEX)  # an undo leaves it there: self-heal finds nothing to do, and takes it off
    except OSError as error:
        raise explain(arguments.path, error) from error


def listed(brick: Path) -> int:
    """How many entries self-heal has to look at, as the brick knows: those that another copy lacks, or lacked until a moment ago."""
    try:
        return sum(not name.startswith("xattrop-") for name in os.listdir(brick / INDEX))
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise explain(str(brick), error) from error


def _index(folder: Path) -> None:
    """Put the root on the list that self-heal looks through: a link to the list's own file, as the index xlator makes it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    entry = folder / ROOT_GFID
    bases = [name for name in os.listdir(folder) if name.startswith("xattrop-")]
    with contextlib.suppress(FileExistsError):
        if bases:
            os.link(folder / bases[0], entry)
        else:
            entry.touch(mode=0o000, exist_ok=True)


def _unmark(arguments: MarkReplica, volume_id: bytes) -> None:
    if volume_id_of(arguments.path) != volume_id:
        raise DiskAway(f"brick path {arguments.path} has no brick of volume {arguments.volume} in it: its disk is away, or broken")
    for client in arguments.clients:
        try:
            os.removexattr(arguments.path, f"trusted.afr.{client}")
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise explain(arguments.path, error) from error


STEPS = (StepCode(MARK_REPLICA, do, undo), StepCode(FILL_REPLICA, fill))
