"""Server quorum on real daemons: it stops the bricks of volumes that ask for it and of no others, and never for a change of the leader."""

from __future__ import annotations

import os
import time

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool
from kit.waiting import pause, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TYPE, RATIO = "cluster.server-quorum-type", "cluster.server-quorum-ratio"
LOST_S = 60.0
"""Leases (5 s) and the grace (15 s), on a slow machine."""


def serving(peer: Peer) -> dict[str, int]:
    """Name of a brick's folder -> pid, of the bricks that run on the peer's machine."""
    found = {}
    for pid, argv in peer.machine.gluster_processes().items():
        if os.path.basename(argv[0]) == "glusterfsd" and "--brick-name" in argv:
            found[os.path.basename(argv[argv.index("--brick-name") + 1])] = pid
    return found


GRACE_S = 15.0
SHORT_S = 3.0


@pytest.fixture
def grace_s() -> float:
    """Most tests don't wait for the daemon's own."""
    return SHORT_S


@pytest.fixture
def pool(make_pool: MakePool, grace_s: float) -> Pool:
    """`asks` wants server quorum, `other` does not; both have a brick on each of three peers."""
    pool = make_pool(3)
    for peer in pool.peers if grace_s != GRACE_S else []:
        peer.altered(f"from gd2raft.core import server_quorum; server_quorum.GRACE_S = {grace_s}")
    pool.start().form()
    pool.made("asks", replica=3, options={TYPE: "server"})
    pool.made("other", replica=3)
    return pool


@pytest.mark.parametrize("grace_s", [GRACE_S])
def test_without_a_majority_only_bricks_of_volumes_that_ask_stop_and_come_back_with_it(pool: Pool) -> None:
    alone = pool.leader()
    lost = [p for p in pool.peers if p is not alone]
    before = serving(alone)
    mount = pool.mount("other", pool.peers.index(alone))
    killed_at = time.monotonic()
    for peer in lost:
        peer.kill()
    until(lambda: "asks" not in serving(alone), "the brick of the volume that asks has stopped", LOST_S)
    assert time.monotonic() - killed_at > GRACE_S, "it was stopped within the grace"
    assert serving(alone) == {"other": before["other"]}
    (mount.path / "file").write_text("I/O goes on")
    assert all("asks" in serving(peer) for peer in lost), "without a daemon nobody stops a brick"
    for peer in lost:
        peer.start()
    until(lambda: "asks" in serving(alone), "the brick is back")
    pool.online("asks", pool.peers.index(alone))
    assert serving(alone)["other"] == before["other"]


def test_a_new_leader_stops_nothing(pool: Pool) -> None:
    leader = pool.leader()
    others = [p for p in pool.peers if p is not leader]
    before = {p: serving(p) for p in others}
    former = leader.id
    leader.kill()
    until(lambda: all(p.status["quorum"] and p.status["leader"] not in ("", former) for p in others), "another one leads")
    pause(SHORT_S + 8.0)  # longer than leases and grace together
    assert {p: serving(p) for p in others} == before
    assert "standing='lost'" not in "".join(p.log_tail() for p in others)


def test_a_daemon_that_is_started_without_the_others_leaves_bricks_alone_at_first_and_starts_none(pool: Pool) -> None:
    alone = pool[2]
    for peer in pool.peers:
        peer.kill()
    running = serving(alone)
    alone.kill_process(running["asks"])
    alone.start().ready()
    until(lambda: "standing='unknown'" in alone.log_tail(), "it sees that it is alone")
    pause(SHORT_S / 2)
    assert serving(alone) == {"other": running["other"]}, "what was down was started without quorum"
    pool[0].start()
    pool[1].start()
    pool.online("asks")
    assert serving(alone)["other"] == running["other"]


def test_a_daemon_that_stays_alone_after_its_start_stops_the_bricks_that_ask(pool: Pool) -> None:
    alone = pool[1]
    for peer in pool.peers:
        peer.kill()
    running = serving(alone)
    alone.start().ready()
    until(lambda: serving(alone) == {"other": running["other"]}, "the brick that asks has stopped", LOST_S)


def test_commands_are_refused_below_the_ratio_and_the_way_out_is_open(pool: Pool) -> None:
    gone = next(p for p in pool.peers if p is not pool.leader())
    left = [p for p in pool.peers if p is not gone]
    left[0].gd2_done("volume", "set", "all", RATIO, "80%")
    gone.kill()
    until(lambda: left[0].gd2("volume", "set", "asks", "performance.io-cache", "on").code != 0, "the dead peer is missed")
    for words in (
        ("stop", "asks"),
        ("start", "asks", "force"),
        ("set", "asks", "performance.io-cache", "on"),
        ("profile", "asks", "start"),
    ):
        ran = left[0].gd2("volume", *words)
        assert ran.code == 6, ran
        assert "quorum not met" in ran.err and "2 of 3 peers are in sight, volume asks needs 3" in ran.err
    left[0].gd2_done("volume", "set", "other", "performance.io-cache", "on")
    until(lambda: all("asks" not in serving(p) for p in left), "the bricks have stopped on both", LOST_S)
    left[0].gd2_done("volume", "set", "asks", TYPE, "none")
    until(lambda: all("asks" in serving(p) for p in left), "the bricks are back")
