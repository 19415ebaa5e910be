"""A lost brick is repaired on real data, with the volume mounted and written to: replace-brick and reset-brick."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Mount, Pool
from kit.waiting import until

pytestmark = pytest.mark.real

HEAL_S = 40.0


def fill(root: Path, name: str, folders: int = 3, files: int = 10) -> None:
    for i in range(folders):
        folder = root / name / f"d{i}"
        folder.mkdir(parents=True)
        for j in range(files):
            (folder / f"f{j}").write_bytes(os.urandom(3000))
    (root / name / "link").symlink_to("d0/f0")
    (root / name / "big").write_bytes(os.urandom(2 << 20))


def tree(root: Path) -> dict[str, str]:
    """Relative path -> checksum of every file; the target of a link."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith((".glusterfs", ".meta", ".trashcan")):
            continue
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def healed(brick: Path, mount: Mount) -> None:
    wanted = tree(mount.path)
    assert len(wanted) > 30
    until(lambda: same(tree(brick), wanted), f"{brick} has everything that the mount has", HEAL_S)


def same(found: dict[str, str], wanted: dict[str, str]) -> bool:
    """AssertionError that says where they differ."""
    different = {name: (found.get(name), wanted.get(name)) for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)}
    assert not different, f"{len(different)} differ, such as {sorted(different.items())[:5]}"
    return True


def kill_machine(peer: Peer) -> None:
    """The daemon and everything of GlusterFS on the machine, as if its power were gone."""
    peer.kill()
    until(lambda: not [peer.kill_process(p) for p in peer.machine.gluster_processes()] and True, f"nothing runs on {peer}")


def replace(pool: Pool, by: int, volume: str, source: str, target: str) -> None:
    pool[by].gd2_done("volume", "replace-brick", volume, source, target, "commit", "force")


def test_a_brick_that_serves_is_replaced_and_filled_so_that_another_can_fail(make_pool: MakePool) -> None:
    """The self-heal daemons are connected to the old brick; then only the new one has what the failing one had."""
    pool = make_pool(3).start().form()
    pool.made("v1", peers=(0, 1, 2), replica=3)
    pool.online("v1")
    mount = pool.mount("v1")
    fill(mount.path, "before")
    replace(pool, 0, "v1", pool[2].brick("v1"), pool[1].brick("new"))
    healed(pool[1].brick_folder("new"), mount)
    (victim,) = pool[0].brick_pids()
    pool[0].kill()  # or it would start the brick again
    pool[0].kill_process(victim)
    assert len(tree(mount.path)) > 30
    (mount.path / "after").write_text("x")


def test_a_brick_of_a_dead_peer_is_replaced_and_filled_while_a_client_writes(make_pool: MakePool) -> None:
    pool = make_pool(4).start().form()
    pool.made("v1", peers=(0, 1, 2), replica=3)
    pool.online("v1")
    mount = pool.mount("v1")
    fill(mount.path, "before")
    kill_machine(pool[2])
    fill(mount.path, "while-dead")
    until(
        lambda: pool[2].address not in [p["peer-addresses"][0].split(":")[0] for p in pool[0].peers() if p["online"]],
        "the peer is seen as down",
    )
    replace(pool, 1, "v1", pool[2].brick("v1"), pool[3].brick("new"))
    fill(mount.path, "after")
    info = pool[0].volumes()["v1"]
    bricks = [f"{b['host']}:{b['path']}" for b in info["subvols"][0]["bricks"]]
    assert bricks == [pool[0].brick("v1"), pool[1].brick("v1"), pool[3].brick("new")]
    healed(pool[3].brick_folder("new"), mount)
    until(lambda: "v1-client-2" in mount.xlators(), "the client index stayed")
    pool[2].start().ready()
    until(lambda: pool[2].volumes()["v1"]["subvols"] == pool[0].volumes()["v1"]["subvols"], "the dead peer returns and learns of it")
    until(lambda: not pool[2].brick_pids(), "the replaced brick does not run")


def test_bricks_are_repaired_with_all_peers_up(make_pool: MakePool) -> None:
    """One pool, in chapters: each leaves a healthy volume."""
    pool = make_pool(4).start().form()
    pool.made("v1", peers=(0, 1, 2), replica=3)
    pool.made("ec", peers=(1, 2, 3), disperse=3, disperse_redundancy=1)
    pool.online("v1")
    mount, ec = pool.mount("v1"), pool.mount("ec", 1)
    fill(mount.path, "before")
    fill(ec.path, "before")
    a_replacement_that_is_not_empty_is_refused_and_nothing_changes(pool)
    a_reset_brick_comes_back_with_what_it_had_and_what_it_missed(pool, mount)
    a_reset_brick_comes_back_on_an_empty_disk(pool, mount)
    a_brick_is_not_replaced_when_no_other_copy_serves(pool, mount)
    a_brick_of_an_erasure_coded_volume_is_replaced(pool, ec)


def a_replacement_that_is_not_empty_is_refused_and_nothing_changes(pool: Pool) -> None:
    full = pool[3].brick_folder("full")
    full.mkdir()
    (full / "somebody's").write_text("x")
    before = pool[0].volumes()["v1"], pool.online("v1")
    refused = pool[0].gd2("volume", "replace-brick", "v1", pool[2].brick("v1"), pool[3].brick("full"), "commit", "force")
    assert refused.code == 1, refused.out
    assert "is not empty" in refused.err
    assert os.listdir(full) == ["somebody's"]
    assert (pool[0].volumes()["v1"], pool.online("v1")) == before, "a refused replacement disturbed the brick"


def a_reset_brick_comes_back_with_what_it_had_and_what_it_missed(pool: Pool, mount: Mount) -> None:
    brick = pool[1].brick("v1")
    pool[0].gd2_done("volume", "reset-brick", "v1", brick, "start")
    until(lambda: [b["online"] for b in pool.brick_status("v1")] == [True, False, True], "the brick is away")
    pool[0].gd2_done("volume", "start", "v1", "force")
    assert [b["online"] for b in pool.brick_status("v1")] == [True, False, True], "start force brought a reset brick back"
    fill(mount.path, "missed")
    refused = pool[0].gd2("volume", "reset-brick", "v1", brick, brick, "commit")
    assert refused.code == 1, refused.out
    assert "is not empty" in refused.err
    pool[2].gd2_done("volume", "reset-brick", "v1", brick, brick, "commit", "force")
    pool.online("v1")
    healed(pool[1].brick_folder("v1"), mount)


def a_reset_brick_comes_back_on_an_empty_disk(pool: Pool, mount: Mount) -> None:
    brick, folder = pool[1].brick("v1"), pool[1].brick_folder("v1")
    pool[1].gd2_done("volume", "reset-brick", "v1", brick, "start")
    until(lambda: not [b for b in pool.brick_status("v1") if b["online"] and b["info"]["path"] == str(folder)], "the brick is away")
    shutil.rmtree(folder)
    folder.mkdir()
    pool[0].gd2_done("volume", "reset-brick", "v1", brick, brick, "commit", "force")
    pool.online("v1")
    healed(folder, mount)


def a_brick_is_not_replaced_when_no_other_copy_serves(pool: Pool, mount: Mount) -> None:
    """What only the old brick can give would be lost."""
    for peer in (pool[1], pool[2]):
        peer.must("POST", "/v1/volumes/v1/resetbrick/start", {"peerid": peer.address, "path": str(peer.brick_folder("v1"))})
    refused = pool[0].gd2("volume", "replace-brick", "v1", pool[0].brick("v1"), pool[3].brick("other"), "commit", "force")
    assert refused.code == 1, refused.out
    assert "can't be filled" in refused.err
    last = pool[0].call("POST", "/v1/volumes/v1/resetbrick/start", {"peerid": pool[0].address, "path": str(pool[0].brick_folder("v1"))})
    assert (last.status, last.code) == (400, "not-redundant"), last.message
    for peer in (pool[1], pool[2]):
        brick = peer.brick("v1")
        pool[0].gd2_done("volume", "reset-brick", "v1", brick, brick, "commit", "force")
    pool.online("v1")
    until(lambda: tree(pool[1].brick_folder("v1")) == tree(pool[0].brick_folder("v1")), "all copies are equal", HEAL_S)


def a_brick_of_an_erasure_coded_volume_is_replaced(pool: Pool, mount: Mount) -> None:
    old = [pid for pid, argv in pool[3].machine.gluster_processes().items() if str(pool[3].brick_folder("ec")) in argv]
    pool[3].kill_process(old[0], signal.SIGSTOP)  # a brick that hangs
    replace(pool, 0, "ec", pool[3].brick("ec"), pool[0].brick("ec-new"))
    wanted = tree(mount.path)
    new = pool[0].brick_folder("ec-new")
    sizes = {
        name: os.stat(pool[1].brick_folder("ec") / name).st_size for name, what in wanted.items() if what != "folder" and "link" not in name
    }
    until(lambda: sizes == {name: os.stat(new / name).st_size for name in sizes}, "every fragment is on the new brick", HEAL_S)
    versions = {name: os.getxattr(pool[1].brick_folder("ec") / name, "trusted.ec.version") for name in sizes}
    until(lambda: versions == {name: os.getxattr(new / name, "trusted.ec.version") for name in sizes}, "every fragment is whole", HEAL_S)
    pids = pool.online("ec")
    [first] = [pid for brick, pid in pids.items() if brick == pool[1].brick("ec")]
    pool[1].kill_process(first, signal.SIGSTOP)  # the data must now come from the new brick and one old one
    try:
        fresh = pool.mount("ec", 0)
        assert tree(fresh.path) == wanted
    finally:
        pool[1].kill_process(first, signal.SIGKILL)
