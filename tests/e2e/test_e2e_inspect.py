"""What can be seen of a running volume, and told to its processes, on real bricks: heal, status, profile, top, statedump, groups."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kit.pool import MakePool, Mount, Pool
from kit.waiting import until

pytestmark = pytest.mark.real

HEAL_S = 60.0


def test_a_volume_is_inspected_and_healed(make_pool: MakePool) -> None:
    """One pool, in chapters."""
    pool = make_pool(3).start().form()
    pool.made("v1", peers=(0, 1, 2), replica=3)
    pool.made("v2", peers=(0, 1), replica=2)
    pool.online("v1")
    mount = pool.mount("v1")
    (mount.path / "f").write_bytes(os.urandom(1 << 20))
    every_brick_tells_of_its_clients_and_memory(pool)
    a_profile_counts_what_was_written(pool, mount)
    a_statedump_is_written_where_it_says(pool)
    locks_of_a_file_are_given_up(pool, mount)
    bricks_begin_new_logs(pool)
    a_group_of_options_is_set_at_once(pool)
    entries_wait_while_a_brick_is_away_and_none_when_it_was_healed(pool, mount)
    a_split_brain_is_shown_and_settled(pool, pool.mount("v2"))


def every_brick_tells_of_its_clients_and_memory(pool: Pool) -> None:
    def known() -> bool:
        bricks = pool[1].gd2_done("--json", "volume", "status", "v1", "clients").json
        return all({"fuse", "glustershd"} <= {c["name"] for c in b["details"]["client"]} for b in bricks)

    until(known, "every brick names the mount and the self-heal daemon as its clients")
    status = pool[2].gd2_done("volume", "status", "v1").out
    for peer in pool.peers:
        assert re.search(rf"Self-heal Daemon on {re.escape(peer.address)} +N/A +Y +[0-9]+", status), status
    for what, key in (("mem", "mallinfo"), ("inode", "conn"), ("fd", "conncount"), ("callpool", "callpool")):
        found = pool[2].gd2_done("--json", "volume", "status", "v1", what).json
        assert all(key in b["details"] and not b["error"] for b in found), (what, found)
        assert pool[2].gd2_done("volume", "status", "v1", what).out.count("Brick ") == 3
    assert "no active volume tasks" in pool[0].gd2_done("volume", "status", "v1", "tasks").out


def a_profile_counts_what_was_written(pool: Pool, mount: Mount) -> None:
    assert pool[0].gd2("volume", "profile", "v1", "info").code == 1
    pool[0].gd2_done("volume", "profile", "v1", "start")

    def counted() -> Any:
        (mount.path / "profiled").write_bytes(b"x" * 100_000)
        bricks = pool[1].gd2_done("--json", "volume", "profile", "v1", "info", "peek").json
        fops = [{f["name"]: f["hits"] for f in b["details"]["cumulative"]["fops"]} for b in bricks]
        return len(fops) == 3 and all(f.get("WRITE", 0) > 0 for f in fops)

    until(counted, "every brick has counted writes")
    assert pool[0].gd2_done("volume", "profile", "v1", "info").out.count("WRITE") >= 3
    top = pool[0].gd2_done("--json", "volume", "top", "v1", "write", "list-cnt", "3").json
    assert all("/profiled" in [f["path"] for f in b["details"]["files"]] for b in top), top
    measured = (
        pool[0].gd2_done("--json", "volume", "top", "v1", "write-perf", "bs", "4096", "count", "64", "brick", pool[1].brick("v1")).json
    )
    assert [b["details"]["throughput-mb-s"] > 0 for b in measured] == [True]
    pool[2].gd2_done("volume", "profile", "v1", "stop")


def a_statedump_is_written_where_it_says(pool: Pool) -> None:
    dumps = pool[0].gd2_done("--json", "volume", "statedump", "v1", "mem", "callpool").json
    assert sorted(d["pid"] for p in dumps for d in p["dumps"]) == sorted(pool.online("v1").values())
    machines = {peer.id: peer.machine for peer in pool.peers}
    for told in dumps:
        folder = machines[told["peer-id"]].seen(Path(told["folder"]))
        for pid in (d["pid"] for d in told["dumps"]):
            found = until(lambda pid=pid, folder=folder: list(folder.glob(f"*.{pid}.dump.*")), f"the dump of {pid} is in {folder}")
            found[0].unlink()


def locks_of_a_file_are_given_up(pool: Pool, mount: Mount) -> None:
    take = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"

    def taken() -> bool:
        return subprocess.run([sys.executable, "-c", take, mount.path / "f"], stderr=subprocess.DEVNULL, timeout=30).returncode == 0

    with (mount.path / "f").open("r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        assert not taken()
        said = pool[1].gd2_done("--json", "volume", "clear-locks", "v1", "/f", "kind", "granted", "posix").json
        assert said["lines"] and taken()  # GlusterFS 10.3 counts none of kind posix, and clears them
    assert pool[1].gd2("volume", "clear-locks", "v1", "/nope", "kind", "all", "inode").code == 4


def bricks_begin_new_logs(pool: Pool) -> None:
    def tells(log: Path) -> bool:
        pool[0].gd2_done("volume", "heal", "v1", "info")  # another client: what a brick says of the signal may still be in the old log
        return log.exists() and log.stat().st_size > 0

    machines = {peer.id: peer.machine for peer in pool.peers}
    rotated = pool[2].gd2_done("--json", "volume", "log", "v1", "rotate").json
    assert len(rotated) == 3
    for brick in rotated:
        log, kept = (machines[brick["info"]["peer-id"]].seen(Path(brick[key])) for key in ("log", "kept"))
        old = kept.stat().st_size
        assert old > 0
        until(lambda log=log: tells(log), f"{log} is written anew", 30)
        assert kept.stat().st_size - old < 4096, "the brick has left the old log"
    assert len(pool[0].gd2_done("--json", "volume", "log", "rotate", "v1", pool[0].brick("v1")).json) == 1


def a_group_of_options_is_set_at_once(pool: Pool) -> None:
    pool[1].gd2_done("volume", "set", "v1", "group", "metadata-cache")
    options = pool[2].volumes()["v1"]["options"]
    assert options["features.cache-invalidation"] == "on"
    assert options["performance.md-cache-timeout"] == "600"
    pool[0].must("POST", "/v1/volumes/options-group", {"name": "own", "options": [{"name": "read-ahead", "onvalue": "on"}]})
    pool[0].gd2_done("volume", "set", "v1", "group", "own")
    assert pool[0].volumes()["v1"]["options"]["performance.read-ahead"] == "on"
    assert pool[0].gd2("volume", "set", "v1", "group", "nonsense").code == 4
    pool[0].must("DELETE", "/v1/volumes/options-group/own")


def entries_of(pool: Pool, volume: str, *words: str) -> list[set[tuple[str, str]]]:
    bricks = pool[0].gd2_done("--json", "volume", "heal", volume, "info", *words).json
    return [{(e["path"], e["state"]) for e in b["entries"]} for b in bricks]


def counts_of(pool: Pool, volume: str) -> list[int]:
    return [b["entries"] for b in pool[1].gd2_done("--json", "volume", "heal", volume, "statistics", "heal-count").json]


def entries_wait_while_a_brick_is_away_and_none_when_it_was_healed(pool: Pool, mount: Mount) -> None:
    brick = pool[2].brick("v1")
    pool[0].gd2_done("volume", "reset-brick", "v1", brick, "start")
    until(lambda: not pool.brick_status("v1")[2]["online"], "the brick is away")
    (mount.path / "missed").write_bytes(b"m" * 5000)
    until(lambda: ("/missed", "heal-pending") in entries_of(pool, "v1")[0], "the entry waits")
    assert ("/missed", "heal-pending") in entries_of(pool, "v1")[1]
    summary = pool[1].gd2_done("--json", "volume", "heal", "v1", "info", "summary").json
    assert [b["connected"] for b in summary] == [True, True, False]
    assert summary[0]["heal-pending"] >= 1
    assert counts_of(pool, "v1")[0] >= 1
    assert entries_of(pool, "v1", "split-brain") == [set(), set(), set()]
    pool[0].gd2_done("volume", "reset-brick", "v1", brick, brick, "commit", "force")
    pool.online("v1")
    pool[1].gd2_done("volume", "heal", "v1")
    until(lambda: counts_of(pool, "v1") == [0, 0, 0], "nothing waits any more", HEAL_S)
    assert entries_of(pool, "v1") == [set(), set(), set()]
    assert (pool[2].brick_folder("v1") / "missed").read_bytes() == b"m" * 5000
    assert len(pool[0].gd2_done("--json", "volume", "heal", "v1", "full").json["begun"]) >= 1


def a_split_brain_is_shown_and_settled(pool: Pool, mount: Mount) -> None:
    """Each copy is written while the other is away, and self-heal is kept from the file."""
    heals = [f"cluster.{kind}-self-heal" for kind in ("data", "metadata", "entry")]
    pool[0].gd2_done("volume", "set", "v2", "cluster.quorum-type", "none", *(word for key in heals for word in (key, "off")))
    pool[0].gd2_done("volume", "heal", "v2", "disable")
    (mount.path / "f").write_bytes(b"first")
    bricks = [pool[0].brick("v2"), pool[1].brick("v2")]
    for away, text in ((1, b"a" * 10), (0, b"b" * 20)):
        pool[0].gd2_done("volume", "reset-brick", "v2", bricks[away], "start")
        until(lambda away=away: not pool.brick_status("v2")[away]["online"], "one copy is away")
        until(lambda text=text: (mount.path / "f").write_bytes(text) > 0, "the other copy takes the write")
        pool[0].gd2_done("volume", "reset-brick", "v2", bricks[away], bricks[away], "commit", "force")
        pool.online("v2")
    for words in ((), ("split-brain",)):  # a brick may know an entry by its gfid only
        seen = lambda words=words: ("/f", "split-brain") in set().union(*entries_of(pool, "v2", *words))  # noqa: E731
        until(seen, "the split-brain is seen")
    assert pool[0].gd2("volume", "heal", "v2").code == 1, "a heal was begun that is switched off"
    pool[1].gd2_done("volume", "heal", "v2", "split-brain", "bigger-file", "/f")
    folders = [pool[i].brick_folder("v2") for i in (0, 1)]
    until(lambda: [(f / "f").read_bytes() for f in folders] == [b"b" * 20] * 2, "both copies are the bigger one")
