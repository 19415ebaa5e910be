"""Quota on real bricks and mounts: limits are enforced and shown, quotad is kept running and adopted, and all of it ends on disable.

In network namespaces: a machine has one quotad, since bricks find it by a path that is compiled into GlusterFS.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Mount, Pool
from kit.waiting import until

pytestmark = pytest.mark.real

MIB = 1 << 20
SIZE = "trusted.glusterfs.quota.size.1"
LIMIT = "trusted.glusterfs.quota.limit-set.1"


def test_directories_are_limited(make_pool: MakePool) -> None:
    """One pool, in chapters."""
    pool = make_pool(2, "namespaces").start().form()
    pool.made("v1", peers=(0, 1), replica=2)
    pool.online("v1")
    mount = pool.mount("v1")
    for name in ("d", "e", "d/below"):
        (mount.path / name).mkdir()
    (mount.path / "d" / "before").write_bytes(b"b" * MIB)
    nothing_can_be_limited_before_quota_is_enabled(pool)
    what_was_there_is_counted_when_quota_is_enabled(pool)
    bad_limits_are_refused_and_say_why(pool)
    a_limit_is_enforced_and_shown(pool, mount)
    a_limit_of_files_is_enforced(pool, mount)
    quotad_is_started_again_and_adopted(pool, mount)
    a_limit_follows_its_directory_and_can_be_removed(pool, mount)
    a_limit_of_a_directory_that_is_gone_can_be_removed(pool, mount)
    a_new_brick_knows_the_limit_of_the_root(pool)
    disable_ends_quotad_and_takes_every_mark_away(pool, mount)


def nothing_can_be_limited_before_quota_is_enabled(pool: Pool) -> None:
    for words in (("limit-usage", "/d", "1MB"), ("list",), ("remove", "/d"), ("disable",), ("soft-timeout", "30")):
        ran = pool[0].gd2("volume", "quota", "v1", *words)
        assert ran.code == 1, words
        assert "quota of volume v1 is disabled" in ran.err
    assert "enable" in pool[0].gd2("volume", "set", "v1", "features.quota-deem-statfs", "on").err
    assert pool[0].gd2("volume", "set", "v1", "features.quota", "on").code == 1


def what_was_there_is_counted_when_quota_is_enabled(pool: Pool) -> None:
    pool[1].gd2_done("volume", "quota", "v1", "enable")
    options = pool[0].volumes()["v1"]["options"]
    assert {o for o in options if "quota" in o} == {"features.quota", "features.inode-quota", "features.quota-deem-statfs"}
    assert "already enabled" in pool[0].gd2("volume", "quota", "v1", "enable").err
    assert "already enabled" in pool[0].gd2("volume", "inode-quota", "v1", "enable").err
    assert "no limit is set" in pool[0].gd2_done("volume", "quota", "v1", "list").out
    assert [len(quotads(peer)) for peer in pool.peers] == [1, 1]
    until(lambda: listed(pool, "/d")["used-bytes"] == MIB, "what was written before is counted")
    for peer in pool.peers:
        until(lambda peer=peer: os.getxattr(peer.brick_folder("v1") / "d", SIZE)[:8] == MIB.to_bytes(8, "big"), "and on every brick")


def bad_limits_are_refused_and_say_why(pool: Pool) -> None:
    for words, code, why in (
        (("limit-usage", "/nothing", "1MB"), 4, "no directory /nothing"),
        (("limit-usage", "/d/before", "1MB"), 4, "no directory /d/before"),
        (("limit-usage", "/d/../e", "1MB"), 1, "not an absolute path"),
        (("limit-usage", "/d", "ten"), 1, "not a size"),
        (("limit-usage", "/d", "0"), 1, "out of range"),
        (("limit-usage", "/d", "1MB", "101%"), 1, "not a soft limit"),
        (("limit-usage", "d", "1MB"), 2, "not an absolute path"),
        (("limit-objects", "/d", "many"), 2, "not a number"),
        (("remove", "/e"), 4, "/e has no limit"),
        (("default-soft-limit", "175%"), 1, "0% to 100%"),
        (("hard-timeout", "100"), 1, "0 to 60"),
        (("lst",), 2, "did you mean 'list'"),
    ):
        ran = pool[1].gd2("volume", "quota", "v1", *words)
        assert ran.code == code, (words, ran)
        assert why in ran.err, (words, ran.err)
    assert pool[0].get("/v1/quota/v1/limit") == []
    pool.settled()


def a_limit_is_enforced_and_shown(pool: Pool, mount: Mount) -> None:
    for name in ("soft-timeout", "hard-timeout"):
        pool[0].gd2_done("volume", "quota", "v1", name, "0")
    pool[1].gd2_done("volume", "quota", "v1", "limit-usage", "/d", "4MB", "50%")
    limit = listed(pool, "/d")["usage"]
    assert (limit["hard"], limit["soft"], limit["available"], limit["soft-exceeded"]) == (4 * MIB, 2 * MIB, 3 * MIB, False)
    error = until(lambda: exceeded(mount.path / "d" / "below" / "much"), "writing more than the limit fails")
    assert error == errno.EDQUOT
    (mount.path / "e" / "elsewhere").write_bytes(b"e" * MIB)
    limit = until(lambda: (found := listed(pool, "/d")["usage"])["soft-exceeded"] and found, "the list shows it")
    assert limit["available"] <= MIB
    text = pool[0].gd2_done("volume", "quota", "v1", "list").out
    assert "/d" in text
    assert "4.0 MiB" in text
    assert "/e" not in text
    assert "N/A" in pool[0].gd2_done("volume", "quota", "v1", "list", "/e").out
    assert os.statvfs(mount.path / "d").f_blocks * os.statvfs(mount.path / "d").f_frsize == 4 * MIB, "df doesn't show the limit"


def a_limit_of_files_is_enforced(pool: Pool, mount: Mount) -> None:
    pool[0].gd2_done("volume", "quota", "v1", "limit-objects", "/e", "4")

    def full() -> bool:
        try:
            for number in range(10):
                (mount.path / "e" / f"f{number}").touch()
        except OSError as error:
            return error.errno == errno.EDQUOT
        return False

    until(full, "the fourth file can't be made")
    (found,) = pool[1].gd2_done("--json", "volume", "quota", "v1", "list-objects").json
    assert found["path"] == "/e"
    assert found["objects"]["hard"] == 4
    pool[0].gd2_done("volume", "quota", "v1", "remove-objects", "/e")
    assert pool[1].gd2_done("--json", "volume", "quota", "v1", "list-objects").json == []
    pool[0].gd2_done("volume", "quota", "v1", "limit-objects", "/e", "4")


def quotad_is_started_again_and_adopted(pool: Pool, mount: Mount) -> None:
    peer = pool[0]
    (first,) = quotads(peer)
    peer.kill_process(first)
    until(lambda: quotads(peer) - {first}, "quotad runs again")
    assert until(lambda: exceeded(mount.path / "d" / "below" / "more"), "the limit counts") == errno.EDQUOT
    (second,) = quotads(peer)
    assert second != first
    peer.restart().ready()
    pool.whole()
    until(lambda: listed(pool, "/d")["usage"], "the daemon knows the limit")
    assert quotads(peer) == {second}, "quotad was not adopted"
    assert until(lambda: exceeded(mount.path / "d" / "below" / "more"), "the limit still counts") == errno.EDQUOT


def a_limit_follows_its_directory_and_can_be_removed(pool: Pool, mount: Mount) -> None:
    (mount.path / "d").rename(mount.path / "renamed")
    assert until(lambda: paths(pool) == ["/renamed"] and paths(pool), "the list shows the new path")
    pool[1].gd2_done("volume", "quota", "v1", "remove", "/renamed")
    assert paths(pool) == []
    (mount.path / "renamed" / "below" / "much").unlink(missing_ok=True)
    until(lambda: not exceeded(mount.path / "renamed" / "free", 6), "more than the old limit can be written")
    for peer in pool.peers:
        assert LIMIT not in os.listxattr(peer.brick_folder("v1") / "renamed")


def a_limit_of_a_directory_that_is_gone_can_be_removed(pool: Pool, mount: Mount) -> None:
    (mount.path / "short").mkdir()
    pool[0].gd2_done("volume", "quota", "v1", "limit-usage", "/short", "1GB")
    (mount.path / "short").rmdir()
    until(lambda: "gone" in pool[0].gd2_done("volume", "quota", "v1", "list").out, "the list says so")
    pool[0].gd2_done("volume", "quota", "v1", "remove", "/short")
    assert paths(pool) == []


def a_new_brick_knows_the_limit_of_the_root(pool: Pool) -> None:
    pool[0].gd2_done("volume", "quota", "v1", "limit-usage", "/", "1GB")
    before = [quotads(peer) for peer in pool.peers]
    pool[1].gd2_done("volume", "add-brick", "v1", pool[0].brick("more"), pool[1].brick("more"), "force")
    pool.online("v1")
    for peer in pool.peers:
        assert os.getxattr(peer.brick_folder("more"), LIMIT) == os.getxattr(peer.brick_folder("v1"), LIMIT)
    until(lambda: all(q and not q & b for q, b in zip(map(quotads, pool.peers), before, strict=True)), "quotads with the new bricks run")
    assert paths(pool) == ["/"]


def disable_ends_quotad_and_takes_every_mark_away(pool: Pool, mount: Mount) -> None:
    pool[1].gd2_done("volume", "quota", "v1", "disable")
    assert [quotads(peer) for peer in pool.peers] == [set(), set()]
    options = pool[0].volumes()["v1"]["options"]
    assert {o: v for o, v in options.items() if "quota" in o or "timeout" in o} == {"features.quota": "off", "features.inode-quota": "off"}

    def clean() -> bool:
        folders = [peer.brick_folder("v1") / name for peer in pool.peers for name in ("", "renamed", "renamed/below", "e")]
        return not [x for folder in folders for x in os.listxattr(folder) if "quota" in x]

    until(clean, "no mark of quota is left on the bricks")
    assert exceeded(mount.path / "renamed" / "unlimited", 6) == 0
    pool[0].gd2_done("volume", "quota", "v1", "enable")
    assert pool[0].get("/v1/quota/v1/limit") == [], "limits came back"
    pool.settled()


def quotads(peer: Peer) -> set[int]:
    return {pid for pid, argv in peer.machine.gluster_processes().items() if "gluster/quotad" in argv}


def listed(pool: Pool, path: str) -> dict[str, object]:
    (found,) = pool[0].get("/v1/quota/v1/limit", path=path)
    return dict(found)


def paths(pool: Pool) -> list[str]:
    return [entry["path"] for entry in pool[1].get("/v1/quota/v1/limit") if entry.get("usage")]


def exceeded(path: Path, mib: int = 8) -> int:
    """Write so much, in pieces that reach the bricks: the errno that it ends with, 0 for none."""
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(mib):
                file.write(b"x" * MIB)
                os.fsync(file.fileno())
    except OSError as error:
        return error.errno or -1
    return 0
