"""brick.prepare: make a folder a brick, and make it what it was again.

Before anything is touched, a note of what was there is written (undo/ in the daemon's folder), so that an undo after a crash,
by another leader, knows what to restore.
"""

from __future__ import annotations

import contextlib
import os
import uuid

import msgspec

from gd2raft.commands.step_kinds import PREPARE_BRICK, PrepareBrick
from gd2raft.core import devices
from gd2raft.steps import brick_paths, brick_use, notes
from gd2raft.steps.brick_paths import VOLUME_ID, explain
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread

INDICES = ".glusterfs/indices"
GROUP_MODE = 0o2775
"""Of a folder for a group: it may write there, and what it makes is the group's too. As heketi has it."""
FOLDERS = (INDICES, ".glusterfs")
"""What a brick has in it from the first moment, the inner one first."""


class Note(msgspec.Struct, frozen=True):
    """What was there before: `made` the folder is ours, `mark` the volume-id it had (hex), "" for none, `missing` the folders in it.

    `mount`: where its file system is mounted; "" when that doesn't matter.
    """

    path: str
    made: bool
    mark: str
    missing: tuple[str, ...] = ()
    mount: str = ""


class Known(msgspec.Struct, frozen=True):
    """What the state says: paths of this peer's bricks and devices, bricks of others near by, and whether the volume is only being made."""

    claims: list[str]
    elsewhere: list[brick_use.Elsewhere]
    fresh: bool
    devices: list[str] = []


async def do(context: StepContext, arguments: PrepareBrick) -> Facts:
    view = context.view()
    volume = view.volume(arguments.volume)
    known = Known(
        claims=list(view.brick_claims(context.peer_id)),
        elsewhere=brick_use.elsewhere(view, context.peer_id, arguments.path),
        fresh=volume is None or volume.id != arguments.volume_id,
        devices=[device.path for device in devices.of_peer(view, context.peer_id)],
    )
    return await in_thread(_prepare, context, arguments, known)


async def undo(context: StepContext, arguments: PrepareBrick) -> Facts:
    await in_thread(_restore, context, arguments)
    return {}


def _prepare(context: StepContext, arguments: PrepareBrick, known: Known) -> Facts:
    with brick_use.alone_in(os.path.dirname(arguments.path)):
        return _check_and_mark(context, arguments, known)


def _check_and_mark(context: StepContext, arguments: PrepareBrick, known: Known) -> Facts:
    path = arguments.path
    ours = uuid.UUID(arguments.volume_id).bytes
    empty = arguments.empty and notes.read(context, _name_of(arguments), Note) is None
    if arguments.keep and os.path.isdir(path) and brick_paths.volume_id_of(path) == ours:
        empty = False
    if empty:
        brick_paths.check_empty(path)
    brick_paths.check_place(path, () if arguments.provisioned else (context.localstatedir, context.rundir), known.claims)
    if not arguments.provisioned:
        brick_paths.check_no_state(path)
        brick_paths.check_no_device(path, known.devices)
    if empty or brick_paths.volume_id_of(path) != ours:
        if not (arguments.reuse or arguments.force):
            brick_paths.check_free(path)  # first: force answers the next checks too, and whoever says it must have seen this
        made = brick_paths.check_folder(
            path, create=arguments.create_folder, allow_root=arguments.allow_root, allow_mount=arguments.allow_mount
        )
        if not brick_paths.untouched(path):  # else the processes of a large machine are looked through for nothing
            brick_use.check_unserved(path, context.running_bricks())
        brick_use.check_not_elsewhere(path, known.elsewhere)
        mark = brick_paths.volume_id_of(path)
        mount = "" if arguments.provisioned else brick_paths.mount_of(path)  # storage of our own goes with its own undo
        _remember(context, arguments, Note(path, made, mark.hex() if mark else "", _missing(path), mount))
    elif known.fresh and notes.read(context, _name_of(arguments), Note) is None:
        raise brick_use.same_folder(path)
    try:
        return _mark(path, ours, arguments.gid)
    except OSError as error:
        raise explain(path, error) from error


def _remember(context: StepContext, arguments: PrepareBrick, note: Note) -> None:
    try:
        notes.write(context, _name_of(arguments), note)
    except OSError as error:
        where = context.localstatedir / notes.FOLDER
        raise StepFailed(
            f"brick {note.path}: what there was can't be noted in {where}: {error.strerror}", hint="is the daemon's disk full?"
        ) from error


def _missing(path: str) -> tuple[str, ...]:
    return tuple(folder for folder in FOLDERS if not os.path.lexists(os.path.join(path, folder)))


def _mark(path: str, volume_id: bytes, gid: int) -> Facts:
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o755)
    brick_paths.check_xattrs(path)
    if gid:
        os.chown(path, -1, gid)
        os.chmod(path, GROUP_MODE)
    os.setxattr(path, VOLUME_ID, volume_id)
    os.makedirs(os.path.join(path, INDICES), mode=0o700, exist_ok=True)  # features/index starts before posix makes it
    return {"fsid": os.statvfs(path).f_fsid, "inode": os.stat(path).st_ino}


def _restore(context: StepContext, arguments: PrepareBrick) -> None:
    note = notes.read(context, _name_of(arguments), Note)
    if note is None:
        return
    try:
        if brick_paths.volume_id_of(note.path) == uuid.UUID(arguments.volume_id).bytes:
            _unmark(note)
        else:
            _not_ours(note)
    except OSError as error:
        raise explain(note.path, error) from error
    notes.remove(context, _name_of(arguments))


def _not_ours(note: Note) -> None:
    """It is gone, or was never marked, or bears another's mark by now; or its disk is away, with our mark on it for all we know."""
    if note.mount:
        brick_paths.check_there(note.path, note.mount)
    if note.made:
        with contextlib.suppress(OSError):  # made, but the crash came before the mark; never a folder with something in it
            os.rmdir(note.path)


def _unmark(note: Note) -> None:
    if note.mark:
        os.setxattr(note.path, VOLUME_ID, bytes.fromhex(note.mark))
    else:
        os.removexattr(note.path, VOLUME_ID)
    for folder in (*note.missing, *(("",) if note.made else ())):
        with contextlib.suppress(OSError):  # not empty: somebody's data is in it, leave it
            os.rmdir(os.path.join(note.path, folder).rstrip("/"))


def _name_of(arguments: PrepareBrick) -> str:
    return f"{arguments.volume_id}\0{arguments.path}"


STEP = StepCode(PREPARE_BRICK, do, undo)
