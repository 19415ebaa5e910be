"""Whether a folder that is to become a brick is one that somebody uses: what no word of force may take.

Three ways to see it: a running glusterfsd serves the folder (of any daemon on this machine, glusterd too); another peer of the pool has it as
its brick, because both see one file system; another peer of this very command has just marked it. A folder that is left of a deleted or
foreign volume, with nobody serving it, is none of these. Blocking calls but for `elsewhere`, which reads the state; it knows no processes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Iterable, Iterator

import msgspec

from gd2raft.core import model
from gd2raft.core.paths import overlap
from gd2raft.steps import brick_paths
from gd2raft.steps.step import RunningBrick, StepFailed

ALONE_S = 10.0
POLL_S = 0.02


class Elsewhere(msgspec.Struct, frozen=True):
    """A brick of another peer whose path is the one asked about, above it or below it. `fsid`, `inode`: of its folder, as that peer saw it."""

    host: str
    path: str
    volume: str
    volume_id: bytes
    fsid: int
    inode: int


def elsewhere(view: model.View, me: str, path: str) -> list[Elsewhere]:
    """Bricks of the other peers that may be this folder, going by their path."""
    found = []
    for key, item in view.reader.list(model.BRICKS):
        peer_id, _, other = key.removeprefix(model.BRICKS).partition("/")
        near = bool(other) and overlap(path, other)
        if peer_id == me or not near:  # keys without a path are the peers' guards
            continue
        claim = model.load(key, item.value, model.BrickClaim)
        volume = view.volume(claim.volume)
        if claim.inode and volume is not None:
            found.append(Elsewhere(view.host(peer_id), other, volume.name, uuid.UUID(volume.id).bytes, claim.fsid, claim.inode))
    return found


def check_unserved(path: str, running: Iterable[RunningBrick]) -> None:
    """No running glusterfsd has the folder, or one above or below it, as its brick."""
    mine = brick_paths.names(path)
    for process in running:
        # through its own root: it may have other mounts than we have
        if brick_paths.meet(mine, brick_paths.names(f"/proc/{process.pid}/root{process.brick}")):
            raise StepFailed(
                f"brick path {path} is in use: glusterfsd with pid {process.pid} serves {process.brick} ({process.volfile_id})",
                hint="use another folder; or stop that volume first, also when it is another daemon's or glusterd's",
            )


def check_not_elsewhere(path: str, others: Iterable[Elsewhere]) -> None:
    """No other peer has this very folder, or one above or below it: it shows here with the same inode and the mark of that volume."""
    for other in others:
        if brick_paths.volume_id_of(other.path) != other.volume_id:
            continue
        with contextlib.suppress(OSError):
            if (os.statvfs(other.path).f_fsid, os.stat(other.path).st_ino) == (other.fsid, other.inode):
                raise StepFailed(
                    f"brick path {path} is in use: {other.path} is a brick of volume {other.volume} on peer {other.host}, "
                    "which sees the same file system",
                    hint="use another folder; each peer needs its own",
                )


def same_folder(path: str) -> StepFailed:
    """The mark of a volume that is only being made is there, and it isn't ours."""
    return StepFailed(
        f"brick path {path} has just become a brick of the same volume by way of another peer: both see the same file system",
        hint="name a folder of its own for each peer",
    )


@contextlib.contextmanager
def alone_in(folder: str) -> Iterator[None]:
    """No other daemon that sees this folder checks and marks a brick in it meanwhile. A folder that isn't there keeps nobody out."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: str) -> None:
    deadline = time.monotonic() + ALONE_S
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StepFailed(f"folder {folder} is locked by another process", hint=f"who has it: lsof {folder}") from None
            time.sleep(POLL_S)
        except OSError:
            return None  # a file system without locks: what is left is the check of the mark
