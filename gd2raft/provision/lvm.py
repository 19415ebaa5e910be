"""Bricks in thin logical volumes: a device is a disk, and becomes a volume group.

What is run is in lines.py and tested to the letter there; this file was never run against a real device-mapper (docs/design/placement.md).
"""

from __future__ import annotations

import contextlib
import os
import stat

import msgspec

from gd2raft.commands.step_kinds import DropDevice, MakeStorage, MeasureDevice, SetUpDevice
from gd2raft.provision import lines, mounts
from gd2raft.provision.run import NotInstalled, ProvisionFailed, run, run_all


class _Group(msgspec.Struct, frozen=True):
    vg_size: str
    vg_extent_size: str


class _Report(msgspec.Struct, frozen=True):
    vg: list[_Group]


class _Reports(msgspec.Struct, frozen=True):
    report: list[_Report]


class Lvm:
    """Implements storage.Provisioner."""

    async def set_up(self, wanted: SetUpDevice) -> dict[str, int]:
        check_disk(wanted.path)
        if not (await run(lines.lvm_groups(wanted.device))).strip():
            await run_all(lines.lvm_set_up(wanted.device, wanted.path))
        return facts_of(await run(lines.lvm_size(wanted.device)))

    async def undo_set_up(self, wanted: SetUpDevice) -> None:
        with contextlib.suppress(NotInstalled):  # then nothing was made
            await self.drop(DropDevice(provisioner=wanted.provisioner, device=wanted.device, path=wanted.path))

    async def measure(self, wanted: MeasureDevice) -> int:
        check_disk(wanted.path)
        await run(lines.lvm_grow(wanted.path))
        return facts_of(await run(lines.lvm_size(wanted.device)))["size"]

    async def drop(self, gone: DropDevice) -> None:
        if (await run(lines.lvm_groups(gone.device))).strip():
            await run_all(lines.lvm_drop(gone.device, gone.path))

    async def make(self, part: MakeStorage) -> None:
        if mounts.is_mounted(part.mount):
            return
        await self.unmake(part)
        await run_all(lines.lvm_make(part))
        await mounts.mount(lines.lvm_mount(part), part.mount)

    async def mount(self, part: MakeStorage) -> None:
        if not mounts.is_mounted(part.mount):
            await run(lines.lvm_activate(part))
            await mounts.mount(lines.lvm_mount(part), part.mount)

    async def unmake(self, part: MakeStorage) -> None:
        await mounts.unmount(part.mount)
        await run_all(lines.lvm_unmake(part, await run(lines.lvm_volumes(part))))

    async def undo_make(self, part: MakeStorage) -> None:
        with contextlib.suppress(NotInstalled):  # then nothing was made
            await self.unmake(part)


def check_disk(path: str) -> None:
    try:
        found = os.stat(path)
    except OSError as error:
        raise ProvisionFailed(
            f"disk {path} can't be used: {error.strerror}", hint="lsblk shows the disks; for a folder say provisioner loop"
        ) from error
    if not stat.S_ISBLK(found.st_mode):
        hint = f"for a folder say: {path} provisioner loop" if stat.S_ISDIR(found.st_mode) else "lsblk shows the disks"
        raise ProvisionFailed(
            f"{path} is {'a folder' if stat.S_ISDIR(found.st_mode) else 'no disk'}, not a block device: lvm needs a disk", hint=hint
        )


def facts_of(report: str) -> dict[str, int]:
    """Size and extent from what lines.lvm_size prints.

    >>> facts_of('{"report": [{"vg": [{"vg_size": "8388608", "vg_extent_size": "4194304"}]}]}')
    {'size': 8388608, 'extent': 4194304}
    """
    try:
        group = msgspec.json.decode(report, type=_Reports).report[0].vg[0]
        return {"size": int(group.vg_size), "extent": int(group.vg_extent_size)}
    except (msgspec.MsgspecError, IndexError, ValueError) as error:
        raise ProvisionFailed(f"vgs said what can't be understood: {report[:200]}") from error
