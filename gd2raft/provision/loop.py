"""Bricks in sparse files with XFS on loop devices: a device is a folder. For small sites, and for machines without LVM.

A file becomes <brick>.img only when its file system is whole; one that never became it is made anew. The folder has a mark (which device of which
peer it is), so that two of them never share one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from gd2raft.commands.step_kinds import CloneStorage, DropDevice, MakeStorage, MeasureDevice, SetUpDevice
from gd2raft.core.devices import LOOP_EXTENT
from gd2raft.core.paths import overlap
from gd2raft.core.placement import shown
from gd2raft.provision import lines, mounts
from gd2raft.provision.run import DeviceAway, ProvisionFailed, run

MARK = ".gd2-device.json"
SIZE_MIN = 1 << 30
BLOCK = 512
"""Of st_blocks."""
LOOP_CTL_GET_FREE, LOOP_MAJOR, NODES_AHEAD = 0x4C82, 7, 8


AWAY = (errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ENOTCONN, errno.ESHUTDOWN)
"""What a disk that broke or was pulled out says to everything."""
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


class UnreadableMark(ProvisionFailed):
    pass


class Mark(msgspec.Struct, frozen=True):
    device: str
    peer: str


class Loop:
    """Implements storage.Provisioner. `known`: ids of this peer's devices; `forbidden`: the daemon's own folders."""

    def __init__(self, peer_id: str, known: Iterable[str], forbidden: Iterable[Path]) -> None:
        self._peer_id, self._known, self._forbidden = peer_id, frozenset(known), tuple(forbidden)

    async def set_up(self, wanted: SetUpDevice) -> dict[str, int]:
        return await asyncio.to_thread(self._set_up, wanted)

    async def undo_set_up(self, wanted: SetUpDevice) -> None:
        await asyncio.to_thread(self._undo_set_up, wanted)

    async def measure(self, wanted: MeasureDevice) -> int:
        return await asyncio.to_thread(self._measure, wanted)

    async def drop(self, gone: DropDevice) -> None:
        await asyncio.to_thread(self._unmark, gone.path, gone.device)

    async def make(self, part: MakeStorage) -> None:
        if mounts.is_mounted(part.mount):
            return
        await asyncio.to_thread(check_mark, part.device_path, part.device)
        await self.unmake(part)
        draft = f"{lines.image(part)}.new"
        await asyncio.to_thread(make_sparse, draft, part.size)
        await run(lines.mkfs(draft, arbiter=part.arbiter))
        await asyncio.to_thread(settle, draft, lines.image(part))
        await self.mount(part)

    async def copy(self, part: CloneStorage, timeout_s: float) -> None:
        """The file of the source, whose file system stands still, is copied to a draft."""
        await asyncio.to_thread(check_mark, part.device_path, part.device)
        await self.unmake(part)
        await run(lines.loop_copy(part), timeout_s)

    async def adopt(self, part: CloneStorage) -> None:
        """The copy becomes the brick's file, and is mounted: what XFS still had in its log is replayed then."""
        if not os.path.exists(lines.image(part)):
            await asyncio.to_thread(settle, f"{lines.image(part)}.new", lines.image(part))
        await self.mount(part)

    async def mount(self, part: MakeStorage) -> None:
        if not mounts.is_mounted(part.mount):
            if not os.path.exists(lines.image(part)):
                raise ProvisionFailed(f"{lines.image(part)} is not there", hint="is the disk with the device's folder mounted?")
            await asyncio.to_thread(make_nodes)
            await mounts.mount(lines.loop_mount(part), part.mount)

    async def unmake(self, part: MakeStorage) -> None:
        await mounts.unmount(part.mount)
        await asyncio.to_thread(check_mark, part.device_path, part.device)
        await asyncio.to_thread(remove, lines.image(part))

    async def undo_make(self, part: MakeStorage) -> None:
        await self.unmake(part)

    # the folder

    def _set_up(self, wanted: SetUpDevice) -> dict[str, int]:
        folder = wanted.path
        self._check_folder(folder)
        mark = read_mark(folder)
        if mark is not None and mark.device != wanted.device and not (mark.peer == self._peer_id and mark.device not in self._known):
            raise ProvisionFailed(
                f"folder {folder} belongs to device {mark.device} of peer {mark.peer}", hint=f"if that is long gone, remove {folder}/{MARK}"
            )
        found = os.statvfs(folder)
        free = found.f_bavail * found.f_frsize // LOOP_EXTENT * LOOP_EXTENT
        size = wanted.size // LOOP_EXTENT * LOOP_EXTENT if wanted.size else free
        if free < SIZE_MIN:
            raise ProvisionFailed(
                f"{folder} can't be a device: {shown(free)} are free there, at least {shown(SIZE_MIN)} are needed",
                hint="use a folder on a disk with more room",
            )
        if wanted.size and not SIZE_MIN <= size <= free:
            raise ProvisionFailed(
                f"a device of {shown(wanted.size)} is not possible in {folder}: {shown(free)} are free there, at least {shown(SIZE_MIN)} are needed",
                hint="leave the size out to use what is free",
            )
        write_mark(folder, Mark(wanted.device, self._peer_id))
        return {"size": size, "extent": LOOP_EXTENT}

    def _measure(self, wanted: MeasureDevice) -> int:
        """What is free in the folder's file system, and what our files have of it already."""
        self._check_folder(wanted.path)
        if (mark := read_mark(wanted.path)) is None or mark.device != wanted.device:
            raise ProvisionFailed(f"folder {wanted.path} is not that of device {wanted.device}", hint="is its disk mounted?")
        found = os.statvfs(wanted.path)
        ours = sum(entry.stat().st_blocks * BLOCK for entry in os.scandir(wanted.path) if ".img" in entry.name)
        size = (found.f_bavail * found.f_frsize + ours) // LOOP_EXTENT * LOOP_EXTENT
        return min(size, wanted.asked) if wanted.asked else size

    def _check_folder(self, folder: str) -> None:
        try:
            found = os.lstat(folder)
        except OSError as error:
            raise ProvisionFailed(f"folder {folder} can't be used: {error.strerror}", hint=f"mkdir -p {folder}") from error
        if not stat.S_ISDIR(found.st_mode):
            raise ProvisionFailed(f"{folder} is not a folder", hint="provisioner loop needs a folder for its files, lvm a disk")
        real = os.path.realpath(folder)
        for own in map(os.path.realpath, self._forbidden):
            if overlap(real, own):
                raise ProvisionFailed(f"{folder} is in the daemon's own folder {own} (or contains it)", hint="use a folder elsewhere")

    def _undo_set_up(self, wanted: SetUpDevice) -> None:
        """A mark that can't be read is not one that we have just written, or its disk broke since: this peer takes it for nobody's."""
        with contextlib.suppress(UnreadableMark):
            self._unmark(wanted.path, wanted.device)

    def _unmark(self, folder: str, device: str) -> None:
        mark = read_mark(folder)
        if mark is not None and mark.device == device:
            remove(os.path.join(folder, MARK))


def make_nodes() -> None:
    """Where no devtmpfs does it (in containers), the kernel's free loop devices have no nodes in /dev beyond the first eight: mount would fail."""
    with contextlib.suppress(OSError), open("/dev/loop-control", "rb") as control:  # what is wrong, mount will say
        first = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        for number in range(first, first + NODES_AHEAD):  # others may take the first one meanwhile
            with contextlib.suppress(FileExistsError):
                os.mknod(f"/dev/loop{number}", 0o660 | stat.S_IFBLK, os.makedev(LOOP_MAJOR, number))


def read_mark(folder: str) -> Mark | None:
    try:
        return msgspec.json.decode(Path(folder, MARK).read_bytes(), type=Mark)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise UnreadableMark(f"{folder}/{MARK} can't be read: {error}", hint="remove it if no device uses this folder") from error


def check_mark(folder: str, device: str) -> None:
    """Raises DeviceAway when the device's disk isn't mounted at its folder, or another one is: what is made there is lost with the next mount, and what
    should be removed is not there but on the disk that is away."""
    try:
        mark = read_mark(folder)
    except UnreadableMark as error:
        raise DeviceAway(str(error), hint="is the device's disk mounted there, and well?") from error
    if mark is None or mark.device != device:
        raise DeviceAway(
            f"folder {folder} is not that of device {device}: {f'it is that of {mark.device}' if mark else 'it has no mark'}",
            hint="is the device's disk mounted there? When it is lost: gd2 device remove DEVICE force",
        )


def write_mark(folder: str, mark: Mark) -> None:
    path = os.path.join(folder, MARK)
    try:
        Path(f"{path}.new").write_bytes(msgspec.json.encode(mark))
        settle(f"{path}.new", path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(f"{path}.new")
        raise ProvisionFailed(f"{path} can't be written: {error.strerror}", hint="is the disk full, or read-only?") from error


def make_sparse(path: str, size: int) -> None:
    try:
        with open(path, "wb") as file:
            file.truncate(size)
    except OSError as error:
        raise ProvisionFailed(f"{path} can't be made: {error.strerror}", hint="is the disk full, or read-only?") from error


def settle(draft: str, path: str) -> None:
    """The draft is on disk, whole, under its name."""
    try:
        for name in (draft, os.path.dirname(path)):
            descriptor = os.open(name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if name == draft:
                os.replace(draft, path)
    except OSError as error:
        raise ProvisionFailed(f"{path} can't be made: {error.strerror}") from error


def remove(path: str) -> None:
    """Nothing is done where nothing is: a file system that is read-only refuses to remove even that. Raises ProvisionFailed."""
    for name in (f"{path}.new", path):
        try:
            os.lstat(name)
            os.unlink(name)
        except OSError as error:
            if error.errno in NOT_THERE:
                continue
            kind = DeviceAway if error.errno in AWAY else ProvisionFailed
            raise kind(f"{name} can't be removed: {error.strerror}") from error
