"""What quota knows of directories, seen through a mount: which directory a path is, where it is now, how much is in it. Blocks.

It must not know which directories have limits.
"""

from __future__ import annotations

import errno
import os
import struct
import uuid
from pathlib import Path

import msgspec

from gd2raft.commands.quota import PREFIX

CLIENT_PID = -5
"""What glusterfs calls a client that sets limits: the quota xlator refuses its attributes from any other, and lets this one exceed them."""
SIZE = PREFIX + "size"
GFID = "glusterfs.gfid.string"
ANCESTRY = "glusterfs.ancestry.path"


class Used(msgspec.Struct, frozen=True):
    """Below a directory, itself included. `bytes` as files have them, holes left out."""

    bytes: int
    files: int
    directories: int


def by_gfid(root: Path, gfid: str) -> Path:
    return root / ".gfid" / str(uuid.UUID(gfid))


def gfid_of(root: Path, path: str) -> str:
    """Of a directory, by its path in the volume. Raises OSError: ENOENT, ENOTDIR, and what the volume has to say."""
    place = root / path.lstrip("/")
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    os.close(descriptor)
    return str(uuid.UUID(os.getxattr(place, GFID).decode().rstrip("\0")))


def path_of(folder: Path) -> str:
    """Where a directory found by gfid is now. Raises OSError."""
    return os.getxattr(folder, ANCESTRY).decode(errors="replace").rstrip("\0") or "/"


def used_of(folder: Path) -> Used | None:
    """None while it is not counted yet. Raises OSError."""
    try:
        value = os.getxattr(folder, SIZE)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise
    size, files, directories = struct.unpack(">qqq", value) if len(value) == 24 else (*struct.unpack(">q", value[:8]), 0, 0)
    return Used(max(0, size), max(0, files), max(0, directories))
