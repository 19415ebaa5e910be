"""Volumes by size on real devices: files with XFS on loop devices, with data on them, through failures of devices and daemons."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from kit.peer import Peer
from kit.pool import Pool
from kit.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

GIB = 1 << 30
HEAL_S = 60.0


def disk_of(peer: Peer) -> Path:
    return peer.folder / "disk"


def equip(pool: Pool, size: str) -> Pool:
    """Each peer gets a folder as a device, unless it has one."""
    if not pool[0].get("/v1/devices"):
        for peer in pool.peers:
            peer.machine.seen(disk_of(peer)).mkdir()
            peer.gd2_done("device", "add", peer.address, str(disk_of(peer)), "provisioner", "loop", "size", size)
    return pool


@pytest.fixture
def equipped(pool: Pool) -> Pool:
    """With room for three bricks of 1 GiB on each peer."""
    return equip(pool, "3GiB")


def devices(peer: Peer) -> dict[str, dict[str, Any]]:
    """Host -> its device."""
    return {d["host"]: d for d in peer.get("/v1/devices")}


def images(peer: Peer) -> set[str]:
    return {path.name for path in peer.machine.seen(disk_of(peer)).glob("*.img*")}


def mounted(peer: Peer) -> set[str]:
    """On its machine, which may have mounts of its own."""
    table = peer.machine.run(["cat", "/proc/mounts"]).stdout
    return {line.split()[1] for line in table.splitlines() if f" {peer.state}/mounts/" in line}


def all_given_back(pool: Pool) -> bool:
    """AssertionError that says what is still held: by the books, or by a disk."""
    held = {host: d["bricks"] for host, d in devices(pool[0]).items() if d["bricks"] or d["size"]["free"] != d["size"]["capacity"]}
    files = {str(p): images(p) | mounted(p) for p in pool.peers if images(p) or mounted(p)}
    assert not held and not files, f"by the books {held}, on disks {files}"
    return True


def books_are_the_disks(pool: Pool) -> bool:
    """What the state says of each device is what lies in its folder."""
    for peer in pool.peers:
        written = {f"{b['id'].replace('-', '')}.img" for b in devices(pool[0])[peer.address]["bricks"]}
        assert images(peer) == written and len(mounted(peer)) == len(written)
    return True


def write(folder: Path, name: str) -> dict[str, bytes]:
    (folder / name).mkdir()
    texts = {f"{name}/f{i}": os.urandom(2000) for i in range(20)}
    for path, text in texts.items():
        (folder / path).write_bytes(text)
    return texts


def all_there(folder: Path, texts: dict[str, bytes]) -> bool:
    assert {path: (folder / path).read_bytes() for path in texts} == texts
    return True


def test_a_volume_by_size_is_used_expanded_moved_off_a_failed_device_and_its_space_comes_back(equipped: Pool) -> None:
    pool, asked = equipped, equipped[0]
    shown = asked.gd2_done("volume", "create", "v1", "--size", "1GiB", "--replica", "2", "--dry-run").out
    assert "nothing was done" in shown and all_given_back(pool)
    asked.gd2_done("volume", "create", "v1", "--size", "1GiB", "--replica", "2")
    asked.must("POST", "/v1/volumes/v1/start")
    pool.online("v1")
    assert books_are_the_disks(pool)
    mount = pool.mount("v1")
    assert 0.9 * GIB < os.statvfs(mount.path).f_blocks * os.statvfs(mount.path).f_frsize < GIB
    texts = write(mount.path, "before")
    asked.gd2_done("volume", "expand", "v1", "size", "1GiB")
    pool.online("v1")
    until(lambda: os.statvfs(mount.path).f_blocks * os.statvfs(mount.path).f_frsize > 1.8 * GIB, "clients see the larger volume")
    texts |= write(mount.path, "after")
    assert asked.get("/v1/volumes/v1")["capacity"] == 2 * GIB and books_are_the_disks(pool)

    # A machine comes back from a loss of power: its mounts are gone, and its bricks with them.
    lost = pool[2]
    lost.kill()
    until(lambda: not [lost.kill_process(p) for p in lost.machine.gluster_processes()] and True, "nothing runs there")
    for path in mounted(lost):
        until(lambda path=path: lost.machine.run(["umount", path]).returncode == 0, f"{path} is unmounted")
    lost.start().ready()
    pool.online("v1")
    until(lambda: books_are_the_disks(pool), "its bricks are mounted again")

    # A device fails: its bricks go to others, with their data.
    host, failed = next((h, d) for h, d in devices(asked).items() if d["bricks"])
    bricks = len(failed["bricks"])
    asked.gd2_done("-y", "device", "set", failed["id"], "failed")
    until(lambda: not devices(asked)[host]["bricks"], f"{bricks} bricks have left {host}", HEAL_S)
    pool.online("v1")
    until(lambda: books_are_the_disks(pool), "their space is free")
    until(lambda: nothing_to_heal(asked), "everything is healed", HEAL_S)
    moved = [b for s in asked.get("/v1/volumes/v1")["subvols"] for b in s["bricks"]]
    assert host not in {b["host"] for b in moved} and len(moved) == 4
    assert all_there(mount.path, texts)
    owners = {p.address: p for p in pool.peers}
    folders = [owners[b["host"]].machine.seen(Path(b["path"])) for b in moved]
    copies = [path for folder in folders for path in texts if (folder / path).exists() and (folder / path).read_bytes() == texts[path]]
    assert sorted(copies) == sorted([*texts, *texts]), "every file has both copies"
    asked.gd2_done("device", "set", failed["id"], "online")

    mount.detach()
    asked.must("POST", "/v1/volumes/v1/stop")
    leader = pool.leader()
    asker = next(p for p in pool.peers if p is not leader)
    gone = threading.Thread(target=asker.call, args=("DELETE", "/v1/volumes/v1"), daemon=True)
    gone.start()
    until(lambda: "v1" not in asker.volumes() or not gone.is_alive(), "the delete is committed")
    leader.kill()
    gone.join(60)
    leader.start().ready()
    until(lambda: all_given_back(pool), "all space has come back", HEAL_S)
    assert pool.settled() == {}


def nothing_to_heal(peer: Peer) -> bool:
    counts = {c["info"]["path"]: c.get("entries") for c in peer.get("/v1/volumes/v1/heal-count")}
    assert set(counts.values()) == {0}, counts
    return True


def test_a_create_by_size_is_undone_everywhere_when_the_leader_is_killed_in_the_middle(equipped: Pool) -> None:
    pool = equipped
    leader = pool.leader()
    still, other = [p for p in pool.peers if p is not leader]
    assert still.process is not None
    still.process.send_signal(signal.SIGSTOP)  # its step can't end, so nothing can be committed
    body = {"name": "v2", "size": GIB, "replica": 3}
    asked = threading.Thread(target=ignoring, args=(leader, body), daemon=True)
    asked.start()
    until(lambda: len(mounted(leader)) == len(mounted(other)) == 1, "the peers that run have made their bricks")
    leader.kill()
    still.process.send_signal(signal.SIGCONT)
    asked.join(60)
    leader.start().ready()
    until(lambda: all_given_back(pool), "everything is undone", HEAL_S)
    assert pool.settled() == {}
    until(lambda: pool[0].get("/v1/transactions") == [], "what was undone is off the list")


def ignoring(peer: Peer, body: object) -> None:
    """A request whose answer may get lost."""
    try:
        peer.call("POST", "/v1/volumes", body)
    except (OSError, ValueError):
        return


def test_a_device_that_can_not_be_set_up_is_refused_with_a_word_what_to_do_and_keeps_nothing(equipped: Pool) -> None:
    """lvm is what is meant when nothing is said, and needs not be installed."""
    asked, peer = equipped[0], equipped[1]
    folder, link = peer.folder / "disk2", peer.folder / "link"
    peer.machine.seen(folder).mkdir()
    peer.machine.seen(link).symlink_to(disk_of(peer))
    for path, why in ((folder, f"{folder} provisioner loop"), (peer.folder / "none", "lsblk"), (disk_of(peer) / "sub", "counted twice")):
        result = asked.gd2("device", "add", peer.address, str(path))
        assert result.code == 1 and why in result.err and "could not be undone" not in result.err, result.err
    result = asked.gd2("device", "add", peer.address, str(link / "sub"), "provisioner", "loop")
    assert result.code == 1 and "counted twice" in result.err
    assert asked.get("/v1/transactions") == [] and equipped.settled() == {}
    asked.gd2_done("device", "add", peer.address, str(folder), "provisioner", "loop", "size", "1GiB")
    asked.gd2_done("-y", "device", "remove", f"{peer.address}:{folder}")


def test_a_device_is_removed_only_without_bricks_and_leaves_nothing_behind(equipped: Pool) -> None:
    peer = equipped[1]
    equipped[0].must("POST", "/v1/volumes", {"name": "v3", "size": GIB, "replica": 3})
    place = f"{peer.address}:{disk_of(peer)}"
    refused = equipped[0].gd2("-y", "device", "remove", place)
    assert refused.code == 1 and "has 1 brick, of v3" in refused.err
    equipped[0].gd2_done("device", "set", place, "offline")
    assert f"DEVICE_OFFLINE  device {place} still has 1 brick, of v3" in equipped[0].gd2("health").out
    equipped[0].gd2_done("device", "set", place, "online")
    too_large = equipped[0].gd2("volume", "create", "big", "--size", "50GiB", "--replica", "3")
    assert too_large.code == 1 and "No space" in too_large.err and too_large.err.count("rejected because") == 3
    equipped.remove("v3")
    assert all_given_back(equipped)
    assert equipped[0].gd2_done("device", "resync", place).out.endswith("has 3.0 GiB\n"), "as it was asked for"
    equipped[0].gd2_done("-y", "device", "remove", place)
    assert not list(peer.machine.seen(disk_of(peer)).iterdir())
    again = equipped[0].gd2_done("device", "add", peer.address, str(disk_of(peer)), "provisioner", "loop", "size", "3GiB")
    assert "device add: success" in again.out
