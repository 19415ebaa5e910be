"""What can be said of a path before it becomes a brick: glusterd's checks, with reasons. Blocking calls; run it in a thread."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from gd2raft.core.paths import overlap, within
from gd2raft.steps.step import DiskAway, StepFailed

VOLUME_ID = "trusted.glusterfs.volume-id"
GFID = "trusted.gfid"
PROBE = "trusted.glusterfs.test"
STATE_FOLDERS = ((("peer.json", "auth"), "gd2raft"), (("glusterd.info", "peers"), "glusterd"))
"""What is in the folder of a daemon's state from its first start on, and whose that is."""


def explain(path: str, error: OSError) -> StepFailed:
    """An OSError in the words of an administrator."""
    what = {
        errno.EROFS: "is on a read-only file system",
        errno.ENOSPC: "is on a full file system",
        errno.EDQUOT: "is over its quota",
        errno.EACCES: "can't be accessed by the daemon",
        errno.EPERM: "can't be changed by the daemon",
        errno.ENAMETOOLONG: "is too long for this file system",
        errno.ENOTDIR: "has a parent that is not a directory",
        errno.EIO: "has an input/output error: look at the disk",
        errno.ESTALE: "is on a stale mount",
    }.get(error.errno or 0, f"can't be used: {error.strerror}")
    return StepFailed(f"brick path {path} {what}")


def check_place(path: str, forbidden: Iterable[Path], claimed: Iterable[str]) -> None:
    """Checks that hold even with force: not in the daemon's own folders, not overlapping another brick by any other name."""
    real = os.path.realpath(path)
    for folder in forbidden:
        own = os.path.realpath(folder)
        if overlap(real, own):
            raise StepFailed(f"brick path {path} is in the daemon's own folder {folder} (or contains it)", hint="use a folder elsewhere")
    if (other := overlapped(path, (c for c in claimed if c != path))) is not None:
        raise StepFailed(
            f"brick path {path} may be containing or be contained by an existing brick, {other}", hint="use a folder outside of it"
        )


def check_no_device(path: str, devices: Iterable[str]) -> None:
    """Not in the folder of a device (or around it), also with force: what the book says is free there is for bricks by size."""
    if (device := overlapped(path, devices)) is not None:
        raise StepFailed(
            f"brick path {path} may be containing or be contained by device {device} of this peer",
            hint="use a folder outside of it, or let the brick be placed there: volume create NAME --size SIZE",
        )


def overlapped(path: str, others: Iterable[str]) -> str | None:
    """The first of the others that is the same folder, or above or below it, by whatever names (symlinks, bind mounts)."""
    real, mine = os.path.realpath(path), names(path)
    for other in others:
        held = os.path.realpath(other)
        if overlap(real, held) or meet(mine, names(other)):
            return other
    return None


def check_no_state(path: str) -> None:
    """Not in what another daemon on this machine keeps its state in, also with force: what is in there looks like files of a volume to nobody."""
    for folder in _upwards(path):
        for files, daemon in STATE_FOLDERS:
            if all(os.path.exists(folder / name) for name in files):
                raise StepFailed(f"brick path {path} is in {folder}, where a {daemon} keeps its state", hint="use a folder elsewhere")


Name = tuple[int, int] | tuple[int, int, str]
"""(device, inode) of a folder that is there, (device, inode of its parent, name) too: bind mounts give a folder several paths."""


def names(path: str) -> tuple[set[Name], set[Name]]:
    """What the folder is known by, and what the folders above it are known by."""
    own, above = _identities(path), set[Name]()
    for folder in Path(path).parents:
        if folder != Path("/"):
            above |= _identities(str(folder))
    return own, above


def _identities(path: str) -> set[Name]:
    found: set[Name] = set()
    with contextlib.suppress(OSError):
        parent = os.stat(os.path.dirname(path))
        found.add((parent.st_dev, parent.st_ino, os.path.basename(path)))
        here = os.stat(path)
        found.add((here.st_dev, here.st_ino))
    return found


def meet(one: tuple[set[Name], set[Name]], other: tuple[set[Name], set[Name]]) -> bool:
    """Whether they are the same folder, or one is above the other."""
    return bool(one[0] & other[0] or one[0] & other[1] or one[1] & other[0])


def check_folder(path: str, *, create: bool, allow_root: bool, allow_mount: bool) -> bool:
    """Check the folder and its parent; True when it doesn't exist and is to be made."""
    parent = os.path.dirname(path)
    try:
        above = os.stat(parent)
    except FileNotFoundError:
        raise StepFailed(f"brick path {path}: its parent folder {parent} does not exist", hint=f"mkdir -p {parent}") from None
    except OSError as error:
        raise explain(path, error) from error
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        if not create:
            raise StepFailed(
                f"brick path {path} does not exist", hint="create the folder, or say force (over REST also: the flag create-brick-dir)"
            ) from None
        if not allow_root:
            _check_root(path, above.st_dev)
        return True
    except OSError as error:
        raise explain(path, error) from error
    if stat.S_ISLNK(found.st_mode):
        raise StepFailed(f"brick path {path} is a symbolic link (to {os.path.realpath(path)})", hint="name the folder itself")
    if not stat.S_ISDIR(found.st_mode):
        raise StepFailed(f"brick path {path} is not a directory", hint="name a folder")
    if not allow_root:
        _check_root(path, found.st_dev)
    if not allow_mount and found.st_dev != above.st_dev:
        raise StepFailed(
            f"brick path {path} is a mount point. Please create a sub-directory under it", hint="or say force to use it all the same"
        )
    return False


def _check_root(path: str, device: int) -> None:
    if device == os.stat("/").st_dev:
        raise StepFailed(
            f"brick path {path} is on the root partition: a full brick would stop the machine",
            hint="use a file system of its own, or say force or --allow-root-dir (over REST: the flag allow-root-dir)",
        )


def check_free(path: str) -> None:
    """Neither the path nor a folder above it is a brick already."""
    for folder in _upwards(path):
        if (mark := mark_of(str(folder))) is not None:
            where = f"brick path {path}" if str(folder) == path else f"parent directory {folder}"
            raise StepFailed(
                f"{where} is already part of a volume ({mark})",
                hint="use an empty folder; or take it over: force, or --reuse-bricks (over REST: the flag reuse-bricks)",
            )


def untouched(path: str) -> bool:
    """Whether the folder is empty or not there, and bears no mark, nor any above it: no brick is here, since none is served without a mark."""
    try:
        if os.listdir(path):
            return False
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return all(mark_of(str(folder)) is None for folder in _upwards(path))


def _upwards(path: str) -> Iterable[Path]:
    """The folder and all above it, also where a symlink leads."""
    return dict.fromkeys((Path(path), *Path(path).parents, *Path(os.path.realpath(path)).parents))


def mark_of(path: str) -> str | None:
    """Which mark of a brick a folder has: volume-id, gfid, or None."""
    for name in (VOLUME_ID, GFID):
        try:
            os.getxattr(path, name)
        except OSError:
            continue
        return name
    return None


def check_empty(path: str) -> None:
    """Nothing is in the folder, if it is there at all."""
    try:
        found = [name for name in os.listdir(path) if name != "lost+found"]
    except (FileNotFoundError, NotADirectoryError):
        return  # check_folder says what is wrong
    except OSError as error:
        raise explain(path, error) from error
    if found:
        raise StepFailed(
            f"brick path {path} is not empty (it has {found[0]!r}): self-heal would take what is in it for good",
            hint="empty it, or name another folder",
        )


def check_xattrs(path: str) -> None:
    """The file system must take trusted extended attributes."""
    try:
        os.setxattr(path, PROBE, b"1")
        os.removexattr(path, PROBE)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EPERM):
            raise StepFailed(
                f"brick path {path}: its file system has no trusted extended attributes ({error.strerror})",
                hint="use XFS or ext4, and run the daemon as root",
            ) from error
        raise explain(path, error) from error


def mount_of(path: str) -> str:
    """Where the file system that has this path is mounted, as the kernel's table says."""
    real = os.path.realpath(path)
    mounts = [_plain(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return max((m for m in mounts if m == "/" or real == m or within(m, real)), key=len, default="/")


def _plain(field: str) -> str:
    """The table writes blanks and the like as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def check_there(path: str, mount: str) -> None:
    """What was at this path, on what was mounted at `mount`, can be seen or is surely gone. Raises DiskAway."""
    if (now := mount_of(path)) != mount:
        raise DiskAway(f"brick path {path} was on the file system mounted at {mount}, which isn't there: it would be on {now}")
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise DiskAway(str(explain(path, error))) from error


def volume_id_of(path: str) -> bytes | None:
    with contextlib.suppress(OSError):
        return os.getxattr(path, VOLUME_ID)
    return None
