"""The main job, start to end, once on loopback addresses and once with every peer in a network of its own.

One story per setting, in chapters: each goes on where the one before it left the pool.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from kit.machine import SETTINGS
from kit.pool import MakePool, Mount, Pool
from kit.waiting import until

pytestmark = pytest.mark.real

REFUSAL_S = 10.0
"""A write without a quorum must not wait for a timeout; this is far below any, and far above what a slow machine needs."""


@pytest.fixture(params=sorted(SETTINGS))
def setting(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pool_serves_a_volume_whatever_dies(setting: str, make_pool: MakePool) -> None:
    pool = make_pool(3, setting).start().form()
    mount = a_volume_is_created_started_and_mounted(pool)
    what_is_written_is_on_every_brick(pool, mount)
    the_daemon_that_serves_the_mount_is_killed(pool, mount)
    all_daemons_are_killed_at_once(pool, mount)
    if setting == "namespaces":
        a_peer_is_cut_off_and_comes_back(pool, mount)
    else:
        two_of_three_daemons_are_killed(pool, mount)
    everything_is_taken_down(pool, mount)


def a_volume_is_created_started_and_mounted(pool: Pool) -> Mount:
    pool[0].gd2_done("volume", "create", "v1", "replica", "3", *(p.brick("b1") for p in pool.peers), "force")
    assert {p.volumes()["v1"]["state"] for p in pool.peers[:1]} == {"Created"}
    pool[0].gd2_done("volume", "set", "v1", "network.ping-timeout", "3")  # of clients to bricks they lost: 42 s by default
    pool[1].gd2_done("volume", "start", "v1")
    pids = pool.online("v1", by=2)
    assert len(pids) == 3
    for peer in pool.peers:
        assert len(peer.brick_pids()) == 1
    return pool.mount("v1")


def what_is_written_is_on_every_brick(pool: Pool, mount: Mount) -> None:
    (mount.path / "f1").write_bytes(os.urandom(4 << 20))
    wanted = digest(mount.path / "f1")
    for peer in pool.peers:
        assert digest(peer.brick_folder("b1") / "f1") == wanted


def the_daemon_that_serves_the_mount_is_killed(pool: Pool, mount: Mount) -> None:
    before = pool.online("v1")
    pool[0].kill()
    (mount.path / "f2").write_bytes(b"x" * 1000)
    assert (mount.path / "f2").read_bytes() == b"x" * 1000
    pool[1].gd2_done("volume", "set", "v1", "performance.io-cache", "on")
    until(lambda: "v1-io-cache" in mount.xlators(), "the client has found another daemon, and the option from there", 60)
    pool[0].start().ready()
    until(lambda: pool[0].volumes()["v1"]["options"].get("performance.io-cache") == "on", "the returned peer knows the option")
    assert pool.online("v1") == before, "bricks were restarted with the daemon"


def all_daemons_are_killed_at_once(pool: Pool, mount: Mount) -> None:
    before = pool.online("v1")
    for peer in pool.peers:
        peer.kill()
    (mount.path / "nobody-home").write_bytes(b"z" * 5000)
    pool.start().whole()
    assert pool.online("v1") == before, "bricks were restarted with the daemons"
    pool[2].gd2_done("volume", "set", "v1", "performance.io-cache", "off")
    assert (mount.path / "nobody-home").read_bytes() == b"z" * 5000
    volumes = pool.settled()
    assert volumes["v1"]["state"] == "Started"
    assert volumes["v1"]["options"]["performance.io-cache"] == "off"


def a_peer_is_cut_off_and_comes_back(pool: Pool, mount: Mount) -> None:
    """The leader is the one: the hardest case. Its side is the minority."""
    until(lambda: "v1-io-cache" not in mount.xlators(), "the client has taken up the option that was set last", 60)
    lonely = pool.leader()
    others = [p for p in pool.peers if p is not lonely]
    lonely.machine.unplug()
    lonely.cut_off = True
    until(lambda: not lonely.status["quorum"], "the lonely leader knows that it has no quorum")
    began = time.monotonic()
    refused = lonely.gd2("volume", "set", "v1", "performance.read-ahead", "on")
    assert refused.code == 6, refused.err
    assert time.monotonic() - began < REFUSAL_S
    assert lonely.volumes()["v1"]["state"] == "Started", "reads stopped"
    if mount.peer is not lonely:
        # The client may be taking up the option that was set before: then it has to find most bricks again, without this one.
        until(lambda: (mount.path / "during").write_bytes(b"majority") == 8, "I/O goes on with the majority", 60)
    pool.leader(others)
    others[0].gd2_done("volume", "set", "v1", "performance.io-cache", "on")
    lonely.machine.plug()
    lonely.cut_off = False
    until(lambda: lonely.volumes()["v1"]["options"].get("performance.io-cache") == "on", "the peer has heard what it missed")
    pool.whole()
    volumes = pool.settled()
    assert "performance.read-ahead" not in volumes["v1"]["options"], "a refused change was done after all"
    until(lambda: (mount.path / "after").write_bytes(b"healed") == 6, "I/O goes on when the network is whole", 60)


def two_of_three_daemons_are_killed(pool: Pool, mount: Mount) -> None:
    before = pool.online("v1")
    pool[1].kill()
    pool[2].kill()
    until(lambda: not pool[0].status["quorum"], "the last daemon knows that there is no quorum")
    began = time.monotonic()
    refused = pool[0].gd2("volume", "set", "v1", "performance.read-ahead", "on")
    assert refused.code == 6, refused.err
    assert "quorum" in refused.err
    assert time.monotonic() - began < REFUSAL_S
    assert pool[0].volumes()["v1"]["state"] == "Started", "reads stopped"
    (mount.path / "still").write_bytes(b"ok")
    for peer in pool.peers[1:]:
        peer.start()
    pool.whole()
    assert "performance.read-ahead" not in pool.settled()["v1"]["options"], "a refused change was done after all"
    assert pool.online("v1") == before


def everything_is_taken_down(pool: Pool, mount: Mount) -> None:
    assert pool[0].gd2("volume", "delete", "v1").code == 1, "a started volume was deleted"
    mount.detach()
    pool[0].gd2_done("volume", "stop", "v1")
    until(lambda: not any(p.brick_pids() for p in pool.peers), "no brick runs")
    pool[1].gd2_done("volume", "delete", "v1")
    assert pool.settled() == {}
    pool[0].gd2_done("peer", "detach", pool[1].address)
    until(lambda: len(pool[1].peers()) == 1, "the detached peer is a pool of one")
    pool.whole([pool[0], pool[2]])
