"""A brick's file system stands still, is copied and mounted as another one: real files on loop devices."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from gd2raft.commands.step_kinds import CloneStorage, FreezeStorage, MakeStorage, SetUpDevice
from gd2raft.core.kv import KeyValueState
from gd2raft.provision import freeze, lines, mounts
from gd2raft.provision.freeze import Hold
from gd2raft.provision.loop import Loop
from gd2raft.provision.run import ProvisionFailed
from gd2raft.storage import Storage

DEVICE, SOURCE, COPY = "d" * 32, "a" * 32, "b" * 32
GIB, MIB = 1 << 30, 1 << 20
DEADLINE_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    yield disk
    for mount in tmp_path.glob("m/*"):
        os.system(f"fsfreeze -u {mount} 2> /dev/null; umount {mount} 2> /dev/null")


@pytest.fixture
def storage(folder: Path) -> Storage:
    """Of a peer whose device is the folder, with a brick on it."""
    state = KeyValueState()
    storage = Storage(
        store=lambda: state,  # type: ignore[arg-type, return-value]
        peer_id=lambda: "p1",
        current=lambda: True,
        folder=folder.parent / "m",
        forbidden=[folder.parent / "state"],
        on_mounted=lambda: None,
    )
    work = Loop("p1", (), [])
    asyncio.run(work.set_up(SetUpDevice(provisioner="loop", device=DEVICE, path=str(folder), size=3 * GIB)))
    asyncio.run(work.make(part(folder, SOURCE)))
    return storage


def part(folder: Path, brick: str) -> MakeStorage:
    mount = str(folder.parent / "m" / brick)
    return MakeStorage(provisioner="loop", device=DEVICE, device_path=str(folder), brick=brick, mount=mount, size=GIB, pool=GIB)


def clone_of(folder: Path, brick: str = COPY) -> CloneStorage:
    return CloneStorage(**msgspec.structs.asdict(part(folder, brick)), source=SOURCE)


def still(folder: Path) -> FreezeStorage:
    return FreezeStorage(brick=SOURCE, mount=part(folder, SOURCE).mount)


def is_frozen(mount: str) -> bool:
    """Freezing again says so."""
    done = subprocess.run(["fsfreeze", "-f", mount], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        subprocess.run(["fsfreeze", "-u", mount], check=True)
    return done.returncode != 0


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.fast
def test_a_file_is_copied_without_its_holes_and_shares_its_blocks_where_that_can_be() -> None:
    wanted = clone_of(Path("/disk"))
    assert " ".join(lines.loop_copy(wanted)) == f"cp --reflink=auto --sparse=always /disk/{SOURCE}.img /disk/{COPY}.img.new"


@pytest.mark.real
def test_a_brick_is_copied_as_it_was_when_it_stood_still(folder: Path, storage: Storage) -> None:
    source, copy = Path(part(folder, SOURCE).mount), Path(part(folder, COPY).mount)
    (source / "brick").mkdir()
    os.setxattr(source / "brick", "trusted.some", b"kept")
    (source / "brick" / "before").write_bytes(os.urandom(MIB))
    writer = threading.Thread(target=lambda: (source / "brick" / "during").write_text("waits"), daemon=True)

    async def cloned() -> None:
        await storage.freeze(still(folder))
        await storage.freeze(still(folder))
        writer.start()
        await storage.copy(clone_of(folder))
        assert not mounts.is_mounted(str(copy)) and writer.is_alive(), "nothing is written to the source meanwhile"
        await storage.thaw(clone_of(folder))
        await storage.thaw(clone_of(folder))

    asyncio.run(cloned())
    writer.join(DEADLINE_S)
    assert (source / "brick" / "during").read_text() == "waits"
    assert (copy / "brick" / "before").read_bytes() == (source / "brick" / "before").read_bytes()
    assert os.getxattr(copy / "brick", "trusted.some") == b"kept" and not (copy / "brick" / "during").exists()
    assert os.stat(folder / f"{COPY}.img").st_blocks * 512 < 200 * MIB, "the file is sparse"
    assert os.statvfs(copy).f_fsid != os.statvfs(source).f_fsid
    (copy / "brick" / "before").write_text("changed")
    assert (source / "brick" / "before").stat().st_size == MIB, "they share nothing that one may change"
    asyncio.run(storage.undo_make(clone_of(folder)))
    assert not copy.exists() and sorted(p.name for p in folder.glob("*.img*")) == [f"{SOURCE}.img"]


@pytest.mark.real
def test_an_undo_lets_go_what_stands_still_and_takes_a_draft_away(folder: Path, storage: Storage) -> None:
    async def undone() -> None:
        await storage.freeze(still(folder))
        await storage.copy(clone_of(folder))
        assert is_frozen(part(folder, SOURCE).mount)
        await storage.undo_make(clone_of(folder))
        await storage.undo_freeze(still(folder))
        await storage.undo_freeze(still(folder))

    asyncio.run(undone())
    assert not is_frozen(part(folder, SOURCE).mount)
    assert sorted(p.name for p in folder.glob("*.img*")) == [f"{SOURCE}.img"]


@pytest.mark.real
def test_a_copy_that_takes_longer_than_writes_may_wait_is_no_clone(folder: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freeze, "HOLD_S", 1)

    async def late() -> None:
        await storage.freeze(still(folder))
        await storage.copy(clone_of(folder))
        await asyncio.to_thread(until, lambda: not is_frozen(part(folder, SOURCE).mount), "it is let go by itself")
        with pytest.raises(ProvisionFailed, match="could be kept still for 1 s only"):
            await storage.thaw(clone_of(folder))
        with pytest.raises(ProvisionFailed, match="does not stand still any more"):
            await storage.copy(clone_of(folder, "c" * 32))

    asyncio.run(late())
    assert not mounts.is_mounted(part(folder, COPY).mount)


@pytest.mark.real
def test_what_was_let_go_between_two_freezes_is_no_clone(folder: Path, storage: Storage) -> None:
    """It would show another moment than the other bricks."""

    async def twice() -> None:
        await storage.freeze(still(folder))
        await storage.copy(clone_of(folder))
        await storage.undo_freeze(still(folder))
        await storage.freeze(still(folder))
        with pytest.raises(ProvisionFailed, match="was let go in between"):
            await storage.thaw(clone_of(folder))

    asyncio.run(twice())
    assert not is_frozen(part(folder, SOURCE).mount) and not mounts.is_mounted(part(folder, COPY).mount)


@pytest.mark.real
@pytest.mark.usefixtures("storage")
def test_a_daemon_that_is_killed_leaves_nothing_frozen(folder: Path) -> None:
    mount = part(folder, SOURCE).mount
    code = (
        "import asyncio, sys\n"
        "from gd2raft.provision.freeze import freeze\n"
        "async def main():\n"
        "    hold = await freeze(sys.argv[1])\n"
        "    print('frozen', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, mount], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None and daemon.stdout.readline() == "frozen\n"
        assert is_frozen(mount)
        daemon.send_signal(signal.SIGKILL)
    until(lambda: not is_frozen(mount), "it is let go")


@pytest.mark.real
def test_nothing_is_frozen_where_no_brick_is_mounted(folder: Path, storage: Storage) -> None:
    """The file system around the folder belongs to others."""
    asyncio.run(Loop("p1", (), []).unmake(part(folder, SOURCE)))
    with pytest.raises(ProvisionFailed, match="can't be opened"):
        asyncio.run(storage.freeze(still(folder)))
    Path(still(folder).mount).mkdir()
    with pytest.raises(ProvisionFailed, match="nothing is mounted at"):
        asyncio.run(storage.freeze(still(folder)))


@pytest.mark.real
@pytest.mark.usefixtures("storage")
def test_what_somebody_else_has_frozen_is_told(folder: Path) -> None:
    mount = part(folder, SOURCE).mount
    subprocess.run(["fsfreeze", "-f", mount], check=True)

    async def tried() -> Hold:
        return await freeze.freeze(mount)

    try:
        with pytest.raises(ProvisionFailed, match=r"can't be frozen: .*busy"):
            asyncio.run(tried())
        assert is_frozen(mount), "it is left to them"
    finally:
        subprocess.run(["fsfreeze", "-u", mount], check=True)
