"""Volumes of every shape come to be and serve; what can't be one is refused, and leaves nothing behind on any peer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.machine import USUAL, tmpfs
from kit.peer import Answer
from kit.pool import Pool, mark_of
from kit.waiting import until

pytestmark = pytest.mark.real

SHAPES = {
    "distribute": ("Distribute", (0, 1), {}),
    "replica-2": ("Replicate", (0, 1), {"replica": 2}),
    "replica-3": ("Replicate", (0, 1, 2), {"replica": 3}),
    "arbiter": ("Replicate", (0, 1, 2), {"replica": 2, "arbiter": 1}),
    "disperse-2-1": ("Disperse", (0, 1, 2), {"disperse": 3, "disperse_redundancy": 1}),
    "distributed-replicate": ("Dist-Replicate", (0, 1, 2, 0), {"replica": 2}),
    "distributed-disperse": ("Dist-Disperse", (0, 1, 2, 0, 1, 2), {"disperse": 3}),
}


@pytest.fixture(autouse=True)
def nothing_stays(pool: Pool) -> Iterator[None]:
    yield
    for name in pool[0].volumes():
        pool.remove(name)
    assert pool.settled() == {}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_volume_of_every_shape_is_created_started_mounted_and_deleted(pool: Pool, shape: str) -> None:
    kind, peers, words = SHAPES[shape]
    made = pool.made(shape, peers=peers, **words)
    assert made["type"] == kind
    pids = pool.online(shape, by=1)
    assert len(pids) == len(peers)
    mount = pool.mount(shape, peer=2)
    wrote = {}
    for i in range(4):
        data = os.urandom(300_000 + i)
        (mount.path / f"f{i}").write_bytes(data)
        wrote[f"f{i}"] = hashlib.sha256(data).hexdigest()
    again = pool.mount(shape, peer=0)  # what another client reads comes from the bricks
    assert {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in again.path.iterdir() if f.is_file()} == wrote
    for one in (mount, again):
        one.detach()
    pool[1].must("POST", f"/v1/volumes/{shape}/stop")
    until(lambda: not any(p.brick_pids() for p in pool.peers), "no brick runs")
    pool[2].must("DELETE", f"/v1/volumes/{shape}")
    assert pool.settled() == {}
    assert mark_of(pool[0].brick_folder(shape)), "the files of a deleted volume stay, and so does the mark that says whose they were"


def test_a_thin_arbiter_volume_has_two_bricks_and_a_third_place_that_the_client_knows(pool: Pool) -> None:
    made = pool.made("thin", peers=(0, 1, 2), replica=2, thin_arbiter=1)
    subvol = made["subvols"][0]
    assert len(subvol["bricks"]) == 2
    assert subvol["thin-arbiter"] == pool[2].brick("thin")
    assert len(pool.online("thin")) == 2
    assert pool[2].brick("thin") in pool[0].gd2_done("volume", "info", "thin").out
    assert pool[0].gd2_done("volume", "status", "thin").out.count("Self-heal Daemon") == 2, "the third peer has no data to heal"
    # No thin-arbiter process runs (as with glusterd): a client serves as long as both bricks are there.
    mount = pool.mount("thin", peer=0)
    until(lambda: (mount.path / "f").write_bytes(b"both bricks") == 11, "the volume can be written")
    assert (pool[1].brick_folder("thin") / "f").read_bytes() == b"both bricks"
    mount.detach()


# what is refused


def refused(pool: Pool, answer: Answer, status: int, *words: str) -> None:
    """The answer says so, and no peer has a trace of it."""
    assert answer.status == status, f"{answer.status}: {answer.message}"
    for word in words:
        assert word in answer.message, f"{word!r} is not in: {answer.message}"
    assert pool.settled() == {}
    for peer in pool.peers:
        left = [folder for folder in peer.bricks.iterdir() if mark_of(folder)]
        assert not left, f"marks were left on {left}"


@pytest.fixture
def clean(pool: Pool) -> None:
    """Bricks of deleted volumes keep their mark: take them away, so that a mark is one of this test."""
    for peer in pool.peers:
        for folder in peer.bricks.iterdir():
            if folder.is_dir():
                os.rename(folder, peer.folder / f"old-{os.urandom(8).hex()}")


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    "name", ["", "##@@#@!", "a/b", "-dash", "x" * 256, "x" * 300, "all", "volume", "help", "ünï", "two words", "a.b", "v1\n"]
)
def test_a_bad_name_is_refused(pool: Pool, name: str) -> None:
    refused(pool, pool.create(name, peers=[0]), 400, "invalid volume name")


@pytest.mark.usefixtures("clean")
def test_shapes_that_do_not_fit_are_refused(pool: Pool) -> None:
    refused(pool, pool.create("v", peers=(0, 1, 2, 0), replica=3), 400, "number of bricks is not a multiple of replica count")
    refused(pool, pool.create("v", peers=(0, 1, 2, 0, 1), replica=2, thin_arbiter=1), 400, "thin arbiter")
    refused(pool, pool.create("v", peers=(0, 1, 2), replica=2, disperse=3), 400, "can't be combined")
    refused(pool, pool.create("v", peers=(0, 1), disperse=2), 400, "disperse")
    refused(pool, pool.create("v", peers=(0, 1, 2), arbiter=1), 400, "arbiter")
    twice = {"name": "v", "force": True, "bricks": [pool[0].brick("b"), pool[0].brick("b/")]}
    refused(pool, pool[0].call("POST", "/v1/volumes", twice), 400, "duplicate brick entry")
    no_spread = pool.create("v", peers=(0, 0), replica=2, force=False)
    assert no_spread.status == 400, no_spread.message
    refused(pool, no_spread, 400)
    nested = {"name": "v", "force": True, "bricks": [pool[0].brick("b"), pool[0].brick("b/inner")]}
    refused(pool, pool[0].call("POST", "/v1/volumes", nested), 400, "contain")


def place(pool: Pool, path: str | Path, **words: object) -> Answer:
    """A volume with two good bricks and, on the second peer, this one."""
    good = [pool[0].brick("good"), pool[2].brick("good")]
    body = {"name": "v", "force": True, "bricks": [good[0], f"{pool[1].address}:{path}", good[1]]} | words
    return pool[0].call("POST", "/v1/volumes", body)


@pytest.mark.usefixtures("clean")
def test_a_path_that_can_not_be_a_brick_is_refused_even_with_force(pool: Pool, tmp_path: Path) -> None:
    peer = pool[1]
    file, link, folder = peer.bricks / "file", peer.bricks / "link", peer.bricks / "folder"
    file.write_text("data")
    folder.mkdir()
    link.symlink_to(folder)
    refused(pool, place(pool, file), 500, str(file), "is not a directory")
    refused(pool, place(pool, link), 500, str(link), "symbolic link")
    refused(pool, place(pool, file / "below"), 500, str(file))
    refused(pool, place(pool, peer.bricks / "no" / "parent"), 500, "parent folder", "mkdir -p")
    refused(pool, place(pool, peer.state), 500, "daemon's own folder")
    refused(pool, place(pool, peer.state / "raft" / "brick"), 500, "daemon's own folder")
    refused(pool, place(pool, peer.run_folder / "brick"), 500, "daemon's own folder")
    refused(pool, place(pool, "relative/path"), 400, "PEER:/path")
    refused(pool, place(pool, "/a/../b"), 400, "..")
    refused(pool, place(pool, f"/{'x' * 256}"), 400, "255 bytes")
    refused(pool, place(pool, "/x" * 2500), 400, "4095")
    refused(pool, place(pool, f"/{'y' * 200}/{'z' * 100}"), 400, "too long together")
    assert file.read_text() == "data"
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.usefixtures("clean")
def test_a_brick_on_a_read_only_file_system_is_refused(pool: Pool, tmp_path: Path) -> None:
    with tmpfs(pool[1].machine, tmp_path / "ro", "ro,size=1m") as mounted:
        refused(pool, place(pool, mounted / "brick"), 500, str(mounted), "read-only file system")


@pytest.mark.usefixtures("clean")
def test_without_force_a_missing_folder_a_root_partition_and_a_mount_point_are_refused(pool: Pool, tmp_path: Path) -> None:
    with tmpfs(pool[1].machine, tmp_path / "rw", "size=4m") as mounted:
        refused(pool, place(pool, mounted / "missing", force=False, flags={"allow-root-dir": True}), 500, "does not exist")
        refused(pool, place(pool, mounted, force=False, flags={"allow-root-dir": True, "create-brick-dir": True}), 500, "mount point")
        if os.stat(pool[0].bricks).st_dev == os.stat("/").st_dev:
            refused(pool, place(pool, mounted, force=False, flags={"create-brick-dir": True}), 500, "root partition")
        pool[1].machine.seen(mounted / "there").mkdir()
        flags = {"allow-root-dir": True, "create-brick-dir": True}
        assert place(pool, mounted / "there", force=False, flags=flags).status == 201
        pool.remove("v")
        reused = place(pool, mounted / "there", force=False, flags=flags)
        assert reused.status == 500
        assert "already part of a volume" in reused.message
        assert place(pool, mounted / "there", force=False, flags=flags | {"reuse-bricks": True}).status == 201
        pool.remove("v")


@pytest.mark.usefixtures("clean")
def test_a_brick_of_another_volume_or_inside_of_one_is_refused_and_that_volume_stays_as_it_is(pool: Pool) -> None:
    pool.made("holder", peers=[1], started=False)
    held = pool[1].brick_folder("holder")
    (held / "sub").mkdir()
    before = mark_of(held)
    for path in (held, held / "sub", held.parent, f"{held}/", f"/{held}"):
        answer = place(pool, path)
        assert answer.status in (400, 409, 500), answer.message
        assert "holder" in answer.message
        assert set(pool.settled()) == {"holder"}
    assert mark_of(held) == before
    assert not mark_of(pool[0].brick_folder("good"))
    assert not mark_of(pool[2].brick_folder("good"))
    (held / "sub").rmdir()


@pytest.mark.usefixtures("clean")
def test_one_folder_that_two_peers_see_is_never_two_bricks_even_with_force(pool: Pool) -> None:
    if USUAL != "loopback":
        pytest.skip("these peers share no file system")
    folder = pool[0].brick_folder("shared")
    both = [f"{peer.address}:{folder}" for peer in (pool[0], pool[1])]
    answer = pool[0].call("POST", "/v1/volumes", {"name": "v", "force": True, "bricks": both})
    refused(pool, answer, 500, "both see the same file system")
    assert not folder.exists()
    pool[0].must("POST", "/v1/volumes", {"name": "holder", "force": True, "bricks": both[:1]})
    before = mark_of(folder)
    for started, says in ((False, "a brick of volume holder on peer"), (True, "is in use: glusterfsd with pid")):
        if started:
            pool[0].must("POST", "/v1/volumes/holder/start")
        answer = pool[0].call("POST", "/v1/volumes", {"name": "v", "force": True, "bricks": both[1:]})
        assert answer.status == 500 and says in answer.message, answer.message
        assert set(pool.settled()) == {"holder"} and mark_of(folder) == before
    pool.remove("holder")
    pool[0].must("POST", "/v1/volumes", {"name": "v", "force": True, "bricks": both[1:]})
    assert mark_of(folder) != before, "what a deleted volume left may be taken"


@pytest.mark.usefixtures("clean")
def test_initial_options_that_do_not_exist_are_refused(pool: Pool) -> None:
    for option in ("..eager-lock", "a.b.afr.eager-lock", "afr.non-existent", "no.such.thing"):
        refused(pool, pool.create("v", peers=[0], options={option: "on"}), 400, option)


@pytest.mark.usefixtures("clean")
def test_a_volume_that_exists_is_not_created_again_and_a_peer_that_is_none_has_no_bricks(pool: Pool) -> None:
    body = {"name": "v", "force": True, "bricks": ["127.0.0.1:/b"]}
    refused(pool, pool[0].call("POST", "/v1/volumes", body), 400, "127.0.0.1")
    refused(pool, pool[0].call("POST", "/v1/volumes", body | {"bricks": ["elsewhere:/b"]}), 400, "elsewhere", "peer")
    pool.made("twice", peers=[0], started=False)
    again = pool.create("twice", peers=[1])
    assert again.status == 409
    assert "already exists" in again.message
    assert not mark_of(pool[1].brick_folder("twice"))


@pytest.mark.usefixtures("clean")
def test_a_brick_on_a_peer_that_is_down_is_refused_with_its_name(pool: Pool) -> None:
    down = pool[2]
    down_id = down.id
    down.kill()
    try:
        until(lambda: not {p["id"]: p["online"] for p in pool[0].peers()}[down_id], "it is seen to be down")
        answer = pool.create("v", replica=3)
        assert answer.status == 500
        assert down.address in answer.message
        assert "not online" in answer.message
        assert "v" not in pool[1].volumes()
        assert not mark_of(pool[0].brick_folder("v"))
    finally:
        down.start().ready()
        pool.whole()
    refused(pool, pool[0].call("GET", "/v1/volumes/v"), 404)
