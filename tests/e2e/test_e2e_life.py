"""The life of a volume by the rules: start and force, a brick that is lost or dies, options, delete while a peer is away, mounts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool, mark_of
from kit.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "pool" in request.fixturenames:
        pool: Pool = request.getfixturevalue("pool")
        for name in pool[0].volumes():
            pool.remove(name)
        assert pool.settled() == {}


def no_brick_runs(pool: Pool) -> None:
    until(lambda: not any(p.brick_pids() for p in pool.peers), "no brick runs")


def test_start_and_stop_are_refused_when_there_is_nothing_to_do_and_force_is_ok_again_and_again(pool: Pool) -> None:
    pool.made("v", replica=3, started=False)
    path = "/v1/volumes/v"
    stop = pool[0].call("POST", f"{path}/stop")
    assert stop.status == 400
    assert "not started" in stop.message
    pool[1].must("POST", f"{path}/start")
    before = pool.online("v")
    again = pool[2].call("POST", f"{path}/start")
    assert again.status == 400
    assert "already started" in again.message
    for _ in range(2):
        pool[0].must("POST", f"{path}/start", {"force-start-bricks": True})
    assert pool.online("v") == before, "force restarted bricks that run"
    delete = pool[0].call("DELETE", path)
    assert delete.status == 400
    assert "stop it first" in delete.message
    pool[0].must("POST", f"{path}/stop")
    no_brick_runs(pool)
    assert pool[1].call("POST", f"{path}/stop").status == 400
    assert pool[0].call("POST", "/v1/volumes/nosuch/start").status == 404
    assert pool[0].call("DELETE", "/v1/volumes/nosuch").status == 404
    assert pool[0].gd2("volume", "start", "nosuch").code == 4


def test_a_lost_brick_folder_is_named_and_the_volume_stays_stopped(pool: Pool) -> None:
    pool.made("v", replica=3)
    pool[0].must("POST", "/v1/volumes/v/stop")
    no_brick_runs(pool)
    lost = pool[1].brick_folder("v")
    shutil.rmtree(lost)
    start = pool[0].call("POST", "/v1/volumes/v/start")
    assert start.status == 500
    assert str(lost) in start.message
    assert "does not exist" in start.message
    assert pool.settled()["v"]["state"] == "Stopped"
    assert not any(p.brick_pids() for p in pool.peers), "other bricks were started"
    assert not lost.exists(), "a lost brick must not be made anew: it would be healed from nothing"

    lost.mkdir()  # the disk isn't mounted: an empty folder is there instead
    start = pool[0].call("POST", "/v1/volumes/v/start")
    assert start.status == 500
    assert "no mark" in start.message
    assert mark_of(lost) is None


def test_a_killed_brick_is_seen_to_be_down_and_force_start_brings_it_back(make_pool: MakePool) -> None:
    """With its peer's daemon stopped meanwhile, which would bring it back by itself."""
    pool = make_pool(2).start().form()
    pool.made("v", replica=2)
    before = pool.online("v")
    victim = pool[1]
    pid = before[victim.brick("v")]
    victim.kill_process(pid)
    until(lambda: pool.online("v")[victim.brick("v")] != pid, "the brick is back by itself")
    second = pool.online("v")[victim.brick("v")]

    victim.kill()
    victim.kill_process(second)
    until(lambda: sorted(b["online"] for b in pool.brick_status("v")) == [False, True], "it is seen to be down")
    down = next(b for b in pool.brick_status("v") if not b["online"])
    assert (down["pid"], down["port"]) == (0, 0)
    victim.start()
    pool.whole()
    pool[0].must("POST", "/v1/volumes/v/start", {"force-start-bricks": True})
    after = pool.online("v")
    assert after[victim.brick("v")] not in (pid, second)
    assert after[pool[0].brick("v")] == before[pool[0].brick("v")]


def test_status_shows_pids_and_ports_of_running_bricks_on_every_peer(pool: Pool) -> None:
    pool.made("v", replica=3)
    pool.online("v")
    seen = [sorted((b["info"]["path"], b["pid"], b["port"]) for b in pool.brick_status("v", by=i)) for i in range(3)]
    assert seen[0] == seen[1] == seen[2]
    for (_, pid, port), peer in zip(sorted(seen[0]), pool.peers, strict=True):
        assert pid in peer.brick_pids()
        assert 49152 <= port <= 60999
        peer.machine.connect(port).close()
    text = pool[0].gd2_done("volume", "status", "v").out
    assert all(str(port) in text for _, _, port in seen[0])
    assert pool[0].call("GET", "/v1/volumes/v/status").body["online"] is True


def test_an_option_reaches_a_mounted_client_and_reset_takes_it_back(pool: Pool) -> None:
    pool.made("v", replica=3)
    pool.online("v")
    mount = pool.mount("v", peer=1)
    (mount.path / "f").write_text("data")
    assert "v-io-cache" not in mount.xlators()
    pool[0].gd2_done("volume", "set", "v", "performance.io-cache", "on", "performance.cache-size", "64MB")
    until(lambda: "v-io-cache" in mount.xlators(), "the client switched to a graph with io-cache")
    assert pool[2].gd2_done("volume", "get", "v", "performance.io-cache").out.split()[-1] == "on"
    assert "performance.cache-size" in pool[2].gd2_done("volume", "get", "v", "all").out
    pool[2].gd2_done("volume", "reset", "v", "performance.io-cache")
    until(lambda: "v-io-cache" not in mount.xlators(), "the client switched back")
    assert (mount.path / "f").read_text() == "data"
    assert "performance.cache-size" in pool.settled()["v"]["options"], "reset of one option took another"
    pool[1].gd2_done("volume", "reset", "v")
    assert "performance.cache-size" not in pool.settled()["v"]["options"]
    mount.detach()


def test_options_that_are_no_options_are_refused_and_change_nothing(pool: Pool) -> None:
    pool.made("v", replica=3, started=False)
    before = pool.settled()["v"]["options"]
    bad = {
        "no.such.option": "on",
        "performance.io-cache": "perhaps",
        "cluster.server-quorum-ratio": "51%",  # of the whole pool only
        "cluster.min-free-disk": "123%",
        "network.ping-timeout": "soon",
    }
    for name, value in bad.items():
        answer = pool[0].call("POST", "/v1/volumes/v/options", {"options": {name: value}})
        assert answer.status in (400, 500), f"{name}={value}: {answer.status}"
        assert name.partition(".")[2] in answer.message, answer.message
    both = {"performance.io-cache": "on", "no.such.option": "on"}
    assert pool[0].call("POST", "/v1/volumes/v/options", {"options": both}).status == 400
    assert pool.settled()["v"]["options"] == before, "a half of a refused change was done"
    missing = pool[0].gd2("volume", "set", "nosuch", "performance.io-cache", "on")
    assert missing.code == 4, missing.err
    assert pool[0].gd2("volume", "get", "v", "no.such.option").code != 0


def is_down(by: Peer, peer_id: str) -> bool:
    return not {p["id"]: p["online"] for p in by.peers()}[peer_id]


def test_what_happens_while_a_peer_is_down_reaches_it_when_it_returns(pool: Pool) -> None:
    """Set, and delete: refused with its name when it has a brick of the volume, done by force; other volumes don't mind."""
    away = pool[2]
    away_id = away.id
    pool.made("with", replica=3)
    pool.made("without", peers=(0, 1), replica=2, started=False)
    pool.online("with")
    away.kill()
    until(lambda: is_down(pool[0], away_id), "it is seen to be down")

    pool[0].must("POST", "/v1/volumes/with/options", {"options": {"performance.write-behind": "off"}})
    pool[1].must("DELETE", "/v1/volumes/without")
    pool[0].must("POST", "/v1/volumes/with/stop")
    refused = pool[0].call("DELETE", "/v1/volumes/with")
    assert refused.status == 400
    assert away.address in refused.message
    assert "force" in refused.message
    assert list(pool[1].volumes()) == ["with"]
    assert away.brick_pids(), "the brick of the peer that is away can't have ended yet"

    away.start()
    pool.whole()
    assert pool.settled()["with"]["options"]["performance.write-behind"] == "off"
    assert away.volumes()["with"]["state"] == "Stopped"
    until(lambda: not away.brick_pids(), "the returned peer ends the brick of the volume that was stopped meanwhile")

    pool[0].must("POST", "/v1/volumes/with/start")
    pool.online("with")
    away.kill()
    until(lambda: is_down(pool[0], away_id), "it is seen to be down")
    pool[0].must("POST", "/v1/volumes/with/stop")
    assert pool[0].call("DELETE", "/v1/volumes/with", {"force": True}).status == 204
    assert pool[1].volumes() == {}
    away.start()
    pool.whole()
    assert pool.settled() == {}
    until(lambda: not away.brick_pids(), "the returned peer ends the brick of the volume that was deleted meanwhile")


def test_a_volume_stops_and_starts_while_it_is_mounted(pool: Pool) -> None:
    pool.made("v", replica=3)
    pool.online("v")
    mount = pool.mount("v")
    (mount.path / "f").write_text("before")
    pool[1].must("POST", "/v1/volumes/v/stop")
    no_brick_runs(pool)
    pool[1].must("POST", "/v1/volumes/v/start")
    pool.online("v")
    until(lambda: (mount.path / "f").read_text() == "before", "the client has found the bricks again, on other ports")
    mount.detach()


def test_two_volumes_on_the_same_peers_do_not_disturb_each_other(pool: Pool) -> None:
    pool.made("a", replica=3)
    pool.made("b", peers=(0, 1, 2))
    a = pool.online("a")
    pool.online("b")
    mount = pool.mount("a")
    (mount.path / "f").write_text("of a")
    pool.remove("b")
    assert pool.online("a") == a
    assert (mount.path / "f").read_text() == "of a"
    mount.detach()
