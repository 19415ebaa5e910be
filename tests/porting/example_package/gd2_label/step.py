"""gd2-label.label-brick: what it does on the peer that has the brick, and how that is undone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid

import msgspec

from gd2_label.command import LABEL_BRICK, LabelBrick
from gd2raft.steps import brick_paths, notes
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed

XATTR = "trusted.gd2.label"


class Before(msgspec.Struct, frozen=True):
    """What was there: the old label in hex, "" for none."""

    label: str


async def do(context: StepContext, arguments: LabelBrick) -> Facts:
    await asyncio.to_thread(_label, context, arguments)
    return {}


async def undo(context: StepContext, arguments: LabelBrick) -> Facts:
    await asyncio.to_thread(_restore, context, arguments)
    return {}


def _label(context: StepContext, arguments: LabelBrick) -> None:
    path = arguments.path
    if not os.path.isdir(path) or brick_paths.volume_id_of(path) != uuid.UUID(arguments.volume_id).bytes:
        raise StepFailed(f"{path} is not a brick of this volume", hint="is its disk mounted?")
    try:
        notes.write(context, path, Before(_read(path).hex()))  # a note that is there already stays: then this is the second time
    except OSError as error:
        raise StepFailed(f"{path}: its old label can't be noted: {error.strerror}", hint="is the daemon's disk full?") from error
    try:
        os.setxattr(path, XATTR, arguments.label.encode())
    except OSError as error:
        raise brick_paths.explain(path, error) from error


def _restore(context: StepContext, arguments: LabelBrick) -> None:
    before = notes.read(context, arguments.path, Before)
    if before is None:
        return
    try:
        if before.label:
            os.setxattr(arguments.path, XATTR, bytes.fromhex(before.label))
        elif _read(arguments.path):
            os.removexattr(arguments.path, XATTR)
    except OSError as error:
        raise brick_paths.explain(arguments.path, error) from error
    notes.remove(context, arguments.path)


def _read(path: str) -> bytes:
    with contextlib.suppress(OSError):
        return os.getxattr(path, XATTR)
    return b""


STEP = StepCode(LABEL_BRICK, do, undo)
