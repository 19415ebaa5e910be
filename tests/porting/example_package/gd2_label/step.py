"""gd2-label.label-brick: what it does on the peer that has the brick, and how that is undone."""

from __future__ import annotations

import errno
import os
import uuid

import msgspec

from gd2_label.command import LABEL_BRICK, LabelBrick
from gd2raft.steps import brick_paths, notes
from gd2raft.steps.step import DiskAway, Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread

XATTR = "trusted.gd2.label"


class Before(msgspec.Struct, frozen=True):
    """What was there: the old label in hex, "" for none."""

    label: str


async def do(context: StepContext, arguments: LabelBrick) -> Facts:
    await in_thread(_label, context, arguments)
    return {}


async def undo(context: StepContext, arguments: LabelBrick) -> Facts:
    await in_thread(_restore, context, arguments)
    return {}


def _label(context: StepContext, arguments: LabelBrick) -> None:
    path = arguments.path
    _check(arguments)
    try:
        old = _read(path)
    except OSError as error:
        raise brick_paths.explain(path, error) from error
    try:
        notes.write(context, path, Before(old.hex()))  # a note that is there already stays: then this is the second time
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
    _check(arguments)  # the disk may be away by now: what is restored below its mount point is lost
    try:
        if before.label:
            os.setxattr(arguments.path, XATTR, bytes.fromhex(before.label))
        elif _read(arguments.path):
            os.removexattr(arguments.path, XATTR)
    except OSError as error:
        raise brick_paths.explain(arguments.path, error) from error
    notes.remove(context, arguments.path)


def _check(arguments: LabelBrick) -> None:
    if brick_paths.volume_id_of(arguments.path) != uuid.UUID(arguments.volume_id).bytes:
        raise DiskAway(f"{arguments.path} is not a brick of this volume", hint="is its disk mounted?")


def _read(path: str) -> bytes:
    try:
        return os.getxattr(path, XATTR)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return b""
        raise


STEP = StepCode(LABEL_BRICK, do, undo)
