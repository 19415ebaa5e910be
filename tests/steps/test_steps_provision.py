"""What is run to make bricks: the commands of LVM to the letter (they are never run here), files on loop devices for real."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from brick_kit import ME, Context

from gd2raft.commands.step_kinds import DropDevice, MakeStorage, MeasureDevice, SetUpDevice
from gd2raft.core.devices import Device
from gd2raft.core.model import BrickClaim
from gd2raft.provision import lines, mounts
from gd2raft.provision.loop import MARK, Loop, Mark, make_sparse, write_mark
from gd2raft.provision.lvm import Lvm, check_disk, facts_of
from gd2raft.provision.run import DeviceAway, NotInstalled, ProvisionFailed, run
from gd2raft.steps import storage_steps
from gd2raft.steps.step import StepFailed

DEVICE, BRICK = "d" * 32, "b" * 32
GIB, MIB = 1 << 30, 1 << 20
LVM = MakeStorage(
    provisioner="lvm", device=DEVICE, device_path="/dev/sdb", brick=BRICK, mount=f"/m/{BRICK}", size=GIB, pool=2 * GIB, metadata=12 * MIB
)


def text(*commands: tuple[str, ...]) -> list[str]:
    return [" ".join(words) for words in commands]


@pytest.mark.fast
def test_a_disk_becomes_a_volume_group_as_with_heketi() -> None:
    assert text(*lines.lvm_set_up(DEVICE, "/dev/sdb")) == [
        "lvm pvcreate -qq --metadatasize=128M --dataalignment=256K /dev/sdb",
        f"lvm vgcreate -qq --physicalextentsize=4M --autobackup=n vg_{DEVICE} /dev/sdb",
    ]
    assert text(*lines.lvm_drop(DEVICE, "/dev/sdb")) == [f"lvm vgremove -qq vg_{DEVICE}", "lvm pvremove -qq /dev/sdb"]
    assert text(lines.lvm_grow("/dev/sdb")) == ["lvm pvresize -qq /dev/sdb"]
    assert text(lines.lvm_size(DEVICE)) == [f"lvm vgs --reportformat json --units b --nosuffix -o vg_size,vg_extent_size vg_{DEVICE}"]


@pytest.mark.fast
def test_a_brick_is_a_thin_volume_with_xfs() -> None:
    assert text(*lines.lvm_make(LVM), lines.lvm_mount(LVM), lines.lvm_activate(LVM)) == [
        f"lvm lvcreate -qq --autobackup=n --poolmetadatasize 12288K --poolmetadataspare n --chunksize 256K --size 2097152K "
        f"--thin vg_{DEVICE}/tp_{BRICK} --virtualsize 1048576K --name brick_{BRICK}",
        f"mkfs.xfs -q -f -i size=512 -n size=8192 /dev/mapper/vg_{DEVICE}-brick_{BRICK}",
        f"mount -t xfs -o rw,inode64,noatime,nouuid /dev/mapper/vg_{DEVICE}-brick_{BRICK} /m/{BRICK}",
        f"lvm lvchange -qq --autobackup=n -ay vg_{DEVICE}/brick_{BRICK}",
    ]
    arbiter = msgspec.structs.replace(LVM, arbiter=True)
    assert "mkfs.xfs -q -f -i size=512,maxpct=100 -n size=8192" in text(*lines.lvm_make(arbiter))[1]


@pytest.mark.fast
def test_only_what_is_there_of_a_brick_is_removed_the_pool_last() -> None:
    assert text(*lines.lvm_unmake(LVM, f"  brick_{BRICK}\n  tp_{BRICK}\n")) == [
        f"lvm lvremove -qq --autobackup=n -f vg_{DEVICE}/brick_{BRICK}",
        f"lvm lvremove -qq --autobackup=n -f vg_{DEVICE}/tp_{BRICK}",
    ]
    assert text(*lines.lvm_unmake(LVM, f"tp_{BRICK}")) == [f"lvm lvremove -qq --autobackup=n -f vg_{DEVICE}/tp_{BRICK}"]
    assert lines.lvm_unmake(LVM, "") == ()


@pytest.mark.fast
@pytest.mark.parametrize(
    "report", ["", "{}", '{"report": []}', '{"report": [{"vg": []}]}', '{"report": [{"vg": [{"vg_size": "x", "vg_extent_size": "1"}]}]}']
)
def test_what_lvm_says_and_nobody_understands_is_a_failure(report: str) -> None:
    with pytest.raises(ProvisionFailed, match="can't be understood"):
        facts_of(report)


@pytest.mark.fast
def test_a_disk_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ProvisionFailed, match="is a folder, not a block device") as caught:
        check_disk(str(tmp_path))
    assert caught.value.hint == f"for a folder say: {tmp_path} provisioner loop"
    with pytest.raises(ProvisionFailed, match="can't be used"):
        check_disk("/dev/nothing")


@pytest.mark.fast
def test_a_command_that_is_missing_fails_or_hangs_is_told() -> None:
    with pytest.raises(ProvisionFailed, match="failed with 3: ouch"):
        asyncio.run(run(("sh", "-c", "echo ouch >&2; exit 3")))
    with pytest.raises(ProvisionFailed, match="is not installed"):
        asyncio.run(run(("gd2-no-such-program",)))
    began = time.monotonic()
    with pytest.raises(ProvisionFailed, match=r"did not end within 0\.1 s"):
        asyncio.run(run(("sh", "-c", "sleep 60 & sleep 60"), 0.1))
    assert time.monotonic() - began < 30, "what hangs is killed, and what it started"


# loop


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    yield disk
    for mount in tmp_path.glob("m/*"):
        os.system(f"umount {mount} 2> /dev/null")


def loop(folder: Path, *known: str, own: Path | None = None) -> Loop:
    """`own`: the daemon's own folder, beside the device's when not said."""
    return Loop("p1", known, [own or folder.parent / "state"])


def part(folder: Path) -> MakeStorage:
    mount = str(folder.parent / "m" / BRICK)
    return MakeStorage(provisioner="loop", device=DEVICE, device_path=str(folder), brick=BRICK, mount=mount, size=GIB, pool=GIB)


def set_up(folder: Path, device: str = DEVICE, size: int = 0, *known: str, own: Path | None = None) -> dict[str, int]:
    return asyncio.run(loop(folder, *known, own=own).set_up(SetUpDevice(provisioner="loop", device=device, path=str(folder), size=size)))


@pytest.mark.fast
def test_a_folder_becomes_a_device_once(folder: Path) -> None:
    assert set_up(folder, size=2 * GIB) == set_up(folder, size=2 * GIB) == {"size": 2 * GIB, "extent": 4096}
    with pytest.raises(ProvisionFailed, match=f"belongs to device {DEVICE}"):
        set_up(folder, "e" * 32, GIB, DEVICE)
    assert set_up(folder, "e" * 32, GIB)["size"] == GIB, "what an earlier device of this peer left is no hindrance"
    asyncio.run(loop(folder).drop(DropDevice(provisioner="loop", device=DEVICE, path=str(folder))))
    assert list(folder.iterdir()), "another device's mark stays"
    asyncio.run(loop(folder).drop(DropDevice(provisioner="loop", device="e" * 32, path=str(folder))))
    assert not list(folder.iterdir())


@pytest.mark.fast
def test_a_folder_is_measured_with_what_its_own_files_have_and_never_as_another_device(folder: Path) -> None:
    def measured(asked: int = 0) -> int:
        return asyncio.run(loop(folder).measure(MeasureDevice(provisioner="loop", device=DEVICE, path=str(folder), asked=asked)))

    with pytest.raises(ProvisionFailed, match=f"is not that of device {DEVICE}"):
        measured()
    set_up(folder)
    (folder / f"{BRICK}.img").write_bytes(b"x" * (8 * MIB))
    os.sync()
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    assert abs(measured() - (free + 8 * MIB)) < 64 * MIB and measured() % 4096 == 0, "others write to this file system too"
    assert measured(2 * GIB) == 2 * GIB
    assert measured(1 << 50) < 1 << 50, "what was asked for is not there any more"


@pytest.mark.fast
def test_a_folder_that_can_not_be_a_device_is_refused(folder: Path) -> None:
    for size, said in ((1 << 50, "1024 TiB"), (10, "10 bytes")):
        with pytest.raises(
            ProvisionFailed, match=f"a device of {said} is not possible .* are free there, at least 1 GiB are needed"
        ) as caught:
            set_up(folder, size=size)
        assert "leave the size out" in caught.value.hint
    with pytest.raises(ProvisionFailed, match="/proc can't be a device: 0 bytes are free there") as caught:
        set_up(Path("/proc"))
    assert "size" not in caught.value.hint, "none was given"
    for own in (folder.parent, folder, folder / "state"):
        with pytest.raises(ProvisionFailed, match="daemon's own folder"):
            set_up(folder, own=own)
    (folder / "file").write_text("")
    for wrong, why in ((folder / "file", "not a folder"), (folder / "none", "can't be used")):
        with pytest.raises(ProvisionFailed, match=why):
            set_up(wrong)


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without lvm2."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("gd2raft.provision.run.SYSTEM_PATH", str(tmp_path))


@pytest.mark.fast
@pytest.mark.usefixtures("no_programs")
def test_where_lvm_is_not_installed_nothing_was_made_and_undos_have_nothing_to_do() -> None:
    wanted = SetUpDevice(provisioner="lvm", device=DEVICE, path="/dev/nothing")
    asyncio.run(Lvm().undo_set_up(wanted))
    asyncio.run(Lvm().undo_make(LVM))
    for words in (Lvm().make(LVM), Lvm().unmake(LVM), Lvm().drop(DropDevice(provisioner="lvm", device=DEVICE, path="/dev/sdb"))):
        with pytest.raises(NotInstalled, match="lvm is not installed"):
            asyncio.run(words)


@pytest.mark.fast
def test_a_folder_that_could_not_become_a_device_is_undone_without_a_word(folder: Path) -> None:
    (folder / "torn").mkdir()
    (folder / "torn" / MARK).write_text("{")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "file").write_text("")
    for wrong in (
        folder / "torn",
        folder / "circle",
        folder / "circle" / "x",
        folder / "file" / "x",
        folder / "none",
        folder / ("x" * 300),
    ):
        with pytest.raises(ProvisionFailed):
            set_up(wrong, size=GIB)
        asyncio.run(loop(folder).undo_set_up(SetUpDevice(provisioner="loop", device=DEVICE, path=str(wrong))))
    assert (folder / "torn" / MARK).read_text() == "{", "what isn't ours stays"
    set_up(folder, size=GIB)
    asyncio.run(loop(folder).undo_set_up(SetUpDevice(provisioner="loop", device=DEVICE, path=str(folder))))
    assert not (folder / MARK).exists()


@pytest.mark.fast
@pytest.mark.parametrize("device", ["loop", "lvm"])
def test_a_device_that_a_link_leads_into_another_one_or_a_brick_is_refused(folder: Path, device: Any) -> None:
    (folder / "sub").mkdir()
    for name, where in (("same", folder), ("in", folder / "sub"), ("around", folder.parent)):
        (folder.parent / name).symlink_to(where)
        path = str(folder.parent / name / ("deeper" if name != "around" else ""))
        context = Context(folder.parent)
        wanted = SetUpDevice(provisioner=device, device=DEVICE, path=path)
        context.known.devices = [Device(id="e" * 32, peer_id=ME, path=str(folder), provisioner="loop")]
        with pytest.raises(StepFailed, match=f"device {folder} of this peer.* counted twice"):
            asyncio.run(storage_steps.set_up(context, wanted))  # type: ignore[arg-type]
        context.known.devices = [msgspec.structs.replace(context.known.devices[0], id=DEVICE)]  # itself: the step is repeated
        context.known.claims = {str(folder): BrickClaim(volume="v", brick="b")}
        with pytest.raises(StepFailed, match=f"brick {folder} of this peer"):
            asyncio.run(storage_steps.set_up(context, wanted))  # type: ignore[arg-type]


@pytest.mark.real
def test_a_brick_that_could_not_be_made_on_a_read_only_or_broken_disk_is_undone_or_left_until_the_disk_is_back(folder: Path) -> None:
    brick, image = part(folder), folder.parent / "image"
    make_sparse(str(image), GIB)
    subprocess.run(lines.mkfs(str(image), arbiter=False), check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        write_mark(str(folder), Mark(DEVICE, "p1"))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with pytest.raises(ProvisionFailed, match=r"can't be made: Read-only"):
            asyncio.run(loop(folder).make(brick))
        asyncio.run(loop(folder).undo_make(brick))
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        subprocess.run(["xfs_io", "-x", "-c", "shutdown", folder], check=True)
        for work in (loop(folder).make(brick), loop(folder).undo_make(brick)):
            with pytest.raises(DeviceAway, match="Input/output error"):
                asyncio.run(work)
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.fast
@pytest.mark.parametrize("found", [None, "e" * 32], ids=["no disk", "another disk"])
def test_where_the_devices_disk_is_away_or_another_one_is_mounted_nothing_is_made_or_removed(folder: Path, found: str | None) -> None:
    """What would be made is lost when the right disk is mounted again; what was to be removed counted as removed."""
    brick, others = part(folder), folder / f"{BRICK}.img"
    if found is not None:
        write_mark(str(folder), Mark(found, "p1"))
    others.write_text("of another device")
    for work in (loop(folder).make(brick), loop(folder).unmake(brick), loop(folder).undo_make(brick)):
        with pytest.raises(DeviceAway, match=f"folder {folder} is not that of device {DEVICE}") as caught:
            asyncio.run(work)
        assert "disk mounted" in caught.value.hint
    assert others.read_text() == "of another device" and not list(folder.glob("*.new")) and not Path(brick.mount).exists()


@pytest.mark.real
def test_a_brick_in_a_file_is_made_mounted_again_and_taken_away(folder: Path) -> None:
    brick = part(folder)
    set_up(folder, size=GIB)

    async def life() -> None:
        work = loop(folder)
        (folder / f"{BRICK}.img.new").write_text("half made by a daemon that died")
        await work.make(brick)
        await work.make(brick)
        assert mounts.is_mounted(brick.mount)
        Path(brick.mount, "file").write_text("kept")
        assert os.stat(folder / f"{BRICK}.img").st_blocks * 512 < 200 * MIB, "the file is sparse"
        await run(lines.umount(brick.mount))
        await work.mount(brick)
        assert Path(brick.mount, "file").read_text() == "kept"
        with Path(brick.mount, "file").open(), pytest.raises(ProvisionFailed, match="umount"):
            await work.unmake(brick)
        assert mounts.is_mounted(brick.mount) and (folder / f"{BRICK}.img").exists(), "what is in use stays whole"
        await work.unmake(brick)
        await work.unmake(brick)
        assert [path.name for path in folder.iterdir()] == [MARK] and not os.path.exists(brick.mount)
        with pytest.raises(ProvisionFailed, match="is not there"):
            await work.mount(brick)

    asyncio.run(life())
