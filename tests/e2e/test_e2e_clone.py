"""volume clone on real bricks in files on loop devices, while a client writes: what the clone has is what the source had at one moment."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool
from kit.waiting import until
from test_e2e_devices import all_there, books_are_the_disks, disk_of, equip, images, mounted, write

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

HEAL_S = 100.0
SHAPES = {
    "replicate": ("--size", "2GiB", "--replica", "3", "--distribute", "2"),
    "disperse": ("--size", "2GiB", "--disperse-data", "2", "--redundancy", "1"),
    "distribute": ("--size", "3GiB", "--distribute", "3"),
}


@pytest.fixture
def equipped(pool: Pool) -> Pool:
    """With room for five bricks of 1 GiB on each peer, and nothing left of a test that failed: the pool is all tests' of this file."""
    for mount in pool.mounts:
        mount.detach()
    for name in pool[0].volumes():
        pool.remove(name)
    return equip(pool, "5GiB")


class Writer:
    """Makes one file after the other, each on the disks before the next is begun, until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made, self.error = folder, 0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def text(number: int) -> bytes:
        return f"{number}\n".encode() * 3000

    def _run(self) -> None:
        try:
            self.folder.mkdir()
            while not self._stop.is_set():
                with (self.folder / f"{self.made:06d}").open("wb") as file:
                    file.write(self.text(self.made))
                    file.flush()
                    os.fsync(file.fileno())
                self.made += 1
        except OSError as error:
            self.error = repr(error)

    def more(self, count: int) -> None:
        wanted = self.made + count
        until(lambda: self.made >= wanted or bool(self.error), f"{count} more files are written", HEAL_S)
        assert not self.error

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join(HEAL_S)
        assert not self.error and not self._thread.is_alive()


def is_of_one_moment(folder: Path, at_least: int, at_most: int) -> bool:
    """All files but the last are whole, and no later one is there without those before it. The last was being made at that moment: as after a power
    cut it may be empty, or on too few bricks to be read (ENOTCONN, ENOENT)."""
    names = sorted(os.listdir(folder))
    assert names == [f"{number:06d}" for number in range(len(names))] and at_least <= len(names) <= at_most + 1
    for number, name in enumerate(names):
        try:
            text = (folder / name).read_bytes()
        except OSError as error:
            assert name == names[-1] and number >= at_least, (
                f"{name} of {len(names)}, {at_least} to {at_most} were whole then: {error.strerror}"
            )
            continue
        assert text == Writer.text(number) or (name == names[-1] and Writer.text(number).startswith(text)), (
            f"{name} of {len(names)} is not whole"
        )
    return True


def made_anew(folder: Path) -> bool:
    """The last file: self-heal leaves one of a disperse set alone of which not all bricks had the write, and none had counted it."""
    names = sorted(os.listdir(folder))
    try:
        (folder / names[-1]).write_bytes(Writer.text(len(names) - 1))
    except OSError:
        return False
    return True


def healed(peer: Peer, volume: str, but: int = 0) -> bool:
    """Nothing waits for it, but so much on each brick; asked to look again, as it gives up on what it finds in use."""
    peer.call("POST", f"/v1/volumes/{volume}/heal")
    counts = {c["info"]["path"]: c.get("entries") for c in peer.get(f"/v1/volumes/{volume}/heal-count")}
    assert all(count is not None and count <= but for count in counts.values()), peer.gd2("volume", "heal", volume, "info").out
    return True


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_clone_is_what_its_source_was_at_one_moment_while_a_client_writes(equipped: Pool, shape: str) -> None:
    pool, asked = equipped, equipped[0]
    asked.gd2_done("volume", "create", "v1", *SHAPES[shape])
    asked.must("POST", "/v1/volumes/v1/start")
    pool.online("v1")
    mount = pool.mount("v1")
    texts = write(mount.path, "before")
    with Writer(mount.path / "w").writing() as writer:
        writer.more(20)
        before = writer.made
        said = asked.gd2_done("volume", "clone", "v1", "c1").out
        after = writer.made
        writer.more(10)
    assert "volume clone: c1: success" in said and books_are_the_disks(pool)
    assert pool[1].gd2("volume", "clone", "v1", "c1").code != 0, "the name is in use"
    asked.must("POST", "/v1/volumes/c1/start")
    pool.online("c1")
    clone = pool.mount("c1")
    assert all_there(clone.path, texts) and is_of_one_moment(clone.path / "w", before, after)
    if shape != "distribute":
        until(lambda: healed(asked, "c1", but=2), "nothing waits to be healed but the file that was being made, and its folder", HEAL_S)
        assert is_of_one_moment(clone.path / "w", before, after)
        until(lambda: made_anew(clone.path / "w"), "the file that was being made can be made anew", HEAL_S)
        until(lambda: healed(asked, "c1"), "nothing waits to be healed", HEAL_S)
        assert is_of_one_moment(clone.path / "w", before, after)

    (clone.path / "before" / "f0").write_text("of the clone")
    (mount.path / "later").write_text("of the source")
    assert all_there(mount.path, texts) and not (clone.path / "later").exists()
    clone.detach()
    asked.must("POST", "/v1/volumes/c1/stop")
    assert asked.call("DELETE", "/v1/volumes/c1").status == 204
    until(lambda: books_are_the_disks(pool), "the clone's space has come back")
    assert all_there(mount.path, texts) and is_of_one_moment(mount.path / "w", writer.made, writer.made)
    mount.detach()
    pool.remove("v1")
    until(lambda: not any(images(p) or mounted(p) for p in pool.peers), "all space has come back", HEAL_S)


def test_what_a_replica_lacks_is_healed_in_the_clone_too(equipped: Pool) -> None:
    """What the good copies have noted of it goes by the names of the source's bricks."""
    pool, asked = equipped, equipped[0]
    asked.gd2_done("volume", "create", "v1", "--size", "1GiB", "--replica", "3")
    asked.must("POST", "/v1/volumes/v1/options", {"options": {"cluster.self-heal-daemon": "off"}})
    asked.must("POST", "/v1/volumes/v1/start")
    pids = pool.online("v1")
    mount = pool.mount("v1")
    (mount.path / "old").write_text("old")
    (mount.path / "gone").write_text("gone")
    lacking = pool[2]
    key = next(k for k in pids if k.startswith(f"{lacking.address}:"))
    lacking.kill()
    lacking.kill_process(pids[key])
    (mount.path / "old").write_text("new and longer")
    (mount.path / "new").write_text("new")
    (mount.path / "gone").unlink()
    lacking.start().ready()
    pool.online("v1")
    asked.gd2_done("volume", "clone", "v1", "c1")
    asked.must("POST", "/v1/volumes/c1/options", {"options": {"cluster.self-heal-daemon": "on"}})
    asked.must("POST", "/v1/volumes/c1/start")
    pool.online("c1")
    bricks = {b["host"]: Path(b["path"]) for s in asked.get("/v1/volumes/c1")["subvols"] for b in s["bricks"]}
    copy = lacking.machine.seen(bricks[lacking.address])
    until(lambda: healed(asked, "c1") and (copy / "new").exists(), "nothing waits to be healed", HEAL_S)
    assert (copy / "old").read_text() == "new and longer" and not (copy / "gone").exists()
    asked.gd2_done("volume", "clone", "c1", "c2")
    asked.must("POST", "/v1/volumes/c2/start")
    pool.online("c2")
    again = pool.mount("c2")
    assert sorted(os.listdir(again.path)) == ["new", "old"], "what self-heal keeps in the root is not seen"
    assert healed(asked, "c2")
    again.detach()
    mount.detach()
    for name in ("c2", "c1", "v1"):
        pool.remove(name)
    until(lambda: not any(images(p) or mounted(p) for p in pool.peers), "all space has come back", HEAL_S)


def test_a_clone_whose_leader_dies_in_the_middle_is_undone_and_writes_go_on(equipped: Pool) -> None:
    pool = equipped
    pool[0].gd2_done("volume", "create", "v1", "--size", "1GiB", "--replica", "3")
    pool[0].must("POST", "/v1/volumes/v1/start")
    pool.online("v1")
    mount = pool.mount("v1")
    leader = pool.leader()
    held, asker = [p for p in pool.peers if p is not leader]
    assert held.process is not None
    with Writer(mount.path / "w").writing() as writer:
        writer.more(5)
        held.process.send_signal(signal.SIGSTOP)  # its step can't end: the others stand still, and wait
        asked = threading.Thread(target=asker.call, args=("POST", "/v1/volumes/v1/clone", {"name": "c1"}), daemon=True)
        asked.start()
        until(lambda: bool(asker.get("/v1/transactions")) or not asked.is_alive(), "the clone has begun")
        leader.kill()
        held.process.send_signal(signal.SIGCONT)
        writer.more(5)
        leader.start().ready()
        asked.join(60)
    pool.whole()
    until(lambda: "c1" not in asker.volumes() and books_are_the_disks(pool), "nothing is left of the clone", HEAL_S)
    assert set(pool.settled()) == {"v1"}
    mount.detach()
    pool.remove("v1")
    until(lambda: not any(images(p) or mounted(p) for p in pool.peers), "all space has come back", HEAL_S)


WITHOUT_CLONES = """
from gd2raft.steps import storage_steps
storage_steps.STEPS = tuple(code for code in storage_steps.STEPS if code.kind.name != "storage.copy")
"""


def test_a_daemon_from_before_there_were_clones_does_not_join_a_pool_with_one_until_it_is_upgraded(make_pool: MakePool) -> None:
    pool = make_pool(2)
    member, old = pool.peers
    old.altered(WITHOUT_CLONES)
    pool.start()
    member.machine.seen(disk_of(member)).mkdir()
    member.gd2_done("device", "add", member.address, str(disk_of(member)), "provisioner", "loop", "size", "2GiB")
    member.gd2_done("volume", "create", "v1", "--size", "1GiB", "--distribute", "1")
    member.gd2_done("volume", "clone", "v1", "c1")
    said = member.gd2("peer", "probe", old.address)
    assert said.code == 1 and f"peer {old.address} runs a daemon that doesn't know clones, and volume c1 of this pool is one" in said.err
    assert "upgrade its daemon first" in said.err and len(member.get("/v1/peers")) == 1
    pool.remove("c1")
    member.gd2_done("peer", "probe", old.address)
    pool.whole()
    said = member.gd2("volume", "clone", "v1", "c1")
    assert said.code == 1 and f"peer {old.address} runs a daemon that doesn't know clones" in said.err
    old.kill()
    old.altered("pass")
    old.start().ready()
    until(lambda: member.gd2("volume", "clone", "v1", "c1").code == 0, "the pool knows of the upgrade")
    pool.remove("c1")
    pool.remove("v1")
