"""Bitrot detection on real bricks: files are signed, a byte that changes below GlusterFS is found by a scrub, and the daemons come and go as they should."""

from __future__ import annotations

import os
from typing import Any

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Mount, Pool
from kit.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

SIGNATURE = "trusted.bit-rot.signature"
GOOD = b"as it was written\n"
SIGNED_S, SCRUB_S = 6.0, 60.0


def test_a_file_that_rots_on_a_disk_is_found(make_pool: MakePool) -> None:
    """One pool, in chapters."""
    pool = make_pool(2).start().form()
    pool.made("v1", peers=(0, 1), replica=2)
    pool.online("v1")
    mount = pool.mount("v1")
    (mount.path / "d").mkdir()
    nothing_can_be_asked_of_bitrot_before_it_is_enabled(pool)
    both_daemons_run_on_every_peer_with_bricks_once_it_is_enabled(pool)
    bad_settings_are_refused_and_say_why(pool)
    name = a_file_is_signed_on_every_brick(pool, mount)
    a_byte_flipped_on_a_brick_is_found_and_the_good_copy_is_read(pool, mount, name)
    a_bad_copy_is_mended_as_the_guide_says(pool, mount, name)
    the_daemons_are_started_again_and_adopted(pool)
    a_paused_scrub_can_not_be_begun(pool)
    disable_ends_the_daemons(pool)


def nothing_can_be_asked_of_bitrot_before_it_is_enabled(pool: Pool) -> None:
    for words in ("disable", "signing-time 10", "scrub pause", "scrub status", "scrub ondemand"):
        ran = pool[0].gd2("volume", "bitrot", "v1", *words.split())
        assert ran.code == 1, words
        assert "bitrot of volume v1 is disabled" in ran.err


def both_daemons_run_on_every_peer_with_bricks_once_it_is_enabled(pool: Pool) -> None:
    pool[1].gd2_done("volume", "bitrot", "v1", "enable")
    options = pool[0].volumes()["v1"]["options"]
    assert (options["features.bitrot"], options["features.scrub"]) == ("on", "Active")
    assert "already enabled" in pool[0].gd2("volume", "bitrot", "v1", "enable").err
    for peer in pool.peers:
        assert [len(daemons(peer, name)) for name in ("bitd", "scrub")] == [1, 1]


def bad_settings_are_refused_and_say_why(pool: Pool) -> None:
    for words, code, why in (
        ("signing-time 0", 1, "1 to"),
        ("signing-time soon", 2, "not a number"),
        ("signer-threads 0", 1, "1 to"),
        ("scrub-throttle fast", 1, "lazy, normal, aggressive"),
        ("scrub-frequency never", 1, "hourly, daily"),
        ("scrub resume", 1, "already resumed"),
        ("scrub now", 2, "ondemand"),
        ("scrubb status", 2, "did you mean 'scrub'"),
    ):
        ran = pool[1].gd2("volume", "bitrot", "v1", *words.split())
        assert ran.code == code, (words, ran)
        assert why in ran.err, (words, ran.err)
    assert pool[0].gd2("volume", "set", "v1", "features.bitrot", "off").code == 1
    pool.settled()


def a_file_is_signed_on_every_brick(pool: Pool, mount: Mount) -> str:
    """Its name."""
    pool[0].gd2_done("volume", "bitrot", "v1", "signing-time", "1")
    names = (f"f{number}" for number in range(100))

    def signed() -> str:
        """A brick of 10.3 that bitd has just asked for news may send none (its changelog translator lists the asker with those that have
        not answered, if the answer comes at once): a new bitd asks anew, and another file is tried."""
        name = next(names)
        (mount.path / "d" / name).write_bytes(GOOD)
        left = list(pool.peers)

        def none_left() -> bool:
            left[:] = [peer for peer in left if SIGNATURE not in os.listxattr(peer.brick_folder("v1") / "d" / name)]
            return not left

        try:
            until(none_left, f"{name} is signed", SIGNED_S)
        except AssertionError:
            for peer in left:
                (old,) = daemons(peer, "bitd")
                peer.kill_process(old)
                until(lambda peer=peer, old=old: daemons(peer, "bitd") - {old} and service(pool, peer, "bitd"), "bitd runs again")
            return ""
        return name

    return until(signed, "a file is signed on every brick", 2 * SCRUB_S)


def a_byte_flipped_on_a_brick_is_found_and_the_good_copy_is_read(pool: Pool, mount: Mount, name: str) -> None:
    with (pool[1].brick_folder("v1") / "d" / name).open("r+b") as file:
        file.write(b"X")
    begun = pool[0].gd2_done("--json", "volume", "bitrot", "v1", "scrub", "ondemand").json
    assert len(begun["begun"]) == 2
    node = until(lambda: (found := node_of(pool, 1))["error-count"] == 1 and found, "the scrub finds it", SCRUB_S)
    (bad,) = node["corrupted-objects"]
    assert (bad["path"], bad["brick"]) == (f"/d/{name}", str(pool[1].brick_folder("v1")))
    assert node_of(pool, 0)["error-count"] == 0
    text = pool[0].gd2_done("volume", "bitrot", "v1", "scrub", "status").out
    assert f"Bad file: /d/{name} on" in text
    assert "State of scrub: Active" in text
    assert (mount.path / "d" / name).read_bytes() == GOOD


def a_bad_copy_is_mended_as_the_guide_says(pool: Pool, mount: Mount, name: str) -> None:
    brick = pool[1].brick_folder("v1")
    gfid = node_of(pool, 1)["corrupted-objects"][0]["gfid"]
    (brick / "d" / name).unlink()
    (brick / ".glusterfs" / gfid[:2] / gfid[2:4] / gfid).unlink()
    os.stat(mount.path / "d" / name)
    pool[0].gd2_done("volume", "heal", "v1", "full")
    until(lambda: (brick / "d" / name).read_bytes() == GOOD, "the good copy is healed to the brick", SCRUB_S)

    def clean() -> bool:
        pool[0].gd2("volume", "bitrot", "v1", "scrub", "ondemand")
        return bool(node_of(pool, 1)["error-count"] == 0)

    until(clean, "the next scrub finds nothing", SCRUB_S)


def the_daemons_are_started_again_and_adopted(pool: Pool) -> None:
    peer = pool[0]
    for name in ("bitd", "scrub"):
        (first,) = daemons(peer, name)
        peer.kill_process(first)
        until(lambda name=name, first=first: daemons(peer, name) - {first} and service(pool, peer, name), f"{name} runs again")
    before = [daemons(peer, name) for name in ("bitd", "scrub")]
    peer.restart().ready()
    pool.whole()
    until(lambda: node_of(pool, 0)["error"] == "", "the scrub daemon can be asked again")
    assert [daemons(peer, name) for name in ("bitd", "scrub")] == before, "not adopted"


def a_paused_scrub_can_not_be_begun(pool: Pool) -> None:
    pool[0].gd2_done("volume", "bitrot", "v1", "scrub-frequency", "weekly")
    pool[0].gd2_done("volume", "bitrot", "v1", "scrub-throttle", "lazy")
    pool[1].gd2_done("volume", "bitrot", "v1", "scrub", "pause")
    assert "already paused" in pool[0].gd2("volume", "bitrot", "v1", "scrub", "pause").err
    ran = until(lambda: (done := pool[0].gd2("volume", "bitrot", "v1", "scrub", "ondemand")).code and done, "the scrub daemons refuse")
    assert "paused" in ran.err.lower() or "pause" in ran.err.lower()
    pool[0].gd2_done("volume", "bitrot", "v1", "scrub", "resume")
    assert pool[0].gd2_done("--json", "volume", "bitrot", "v1", "scrub", "status").json["state"] == "Active"


def disable_ends_the_daemons(pool: Pool) -> None:
    pool[1].gd2_done("volume", "bitrot", "v1", "disable")
    for peer in pool.peers:
        assert [daemons(peer, name) for name in ("bitd", "scrub")] == [set(), set()]
    options = pool[0].volumes()["v1"]["options"]
    assert (options["features.bitrot"], options["features.scrub"]) == ("off", "Inactive")
    pool.settled()


def daemons(peer: Peer, name: str) -> set[int]:
    return {pid for pid, argv in peer.machine.gluster_processes().items() if f"gluster/{name}" in argv}


def service(pool: Pool, peer: Peer, name: str) -> bool:
    """Whether that peer's daemon says that it runs."""
    wanted = {"bitd": "Bitrot Daemon", "scrub": "Scrubber Daemon"}[name]
    lines = pool[1].gd2_done("volume", "status", "v1").out.splitlines()
    return any(wanted in line and peer.address in line and " Y " in line for line in lines)


def node_of(pool: Pool, number: int) -> dict[str, Any]:
    status = pool[0].gd2_done("--json", "volume", "bitrot", "v1", "scrub", "status").json
    (node,) = [node for node in status["nodes"] if node["node"] == pool[number].id]
    return {"error": ""} | dict(node)
