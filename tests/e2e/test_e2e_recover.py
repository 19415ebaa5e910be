"""Quorum lost for good: one peer goes on alone with all that it has, the others follow it, and no brick ever stops. Export, restore."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from kit.peer import BIN, Peer, Ran
from kit.pool import MakePool, Pool
from kit.waiting import until

pytestmark = pytest.mark.real


def recover(peer: Peer, *words: object) -> Ran:
    return offline(peer, "cluster", "recover", *words, "config", peer.config)


def offline(peer: Peer, *words: object) -> Ran:
    """As an administrator types it where no daemon runs: nothing but words."""
    ran = peer.machine.run([str(BIN / "gd2"), "-y", *map(str, words)])
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err or ran.out
    return ran


def shown(peer: Peer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done(offline(peer, "--json", "cluster", "recover", "show", "config", peer.config)).out)
    return found


def all_bricks(pool: Pool) -> set[tuple[Path, int]]:
    """A pid tells bricks apart only together with its machine, here by the machine's folder."""
    return {(peer.folder, pid) for peer in pool.peers for pid in peer.brick_pids()}


@pytest.mark.timeout(300)
def test_a_pool_of_five_that_lost_three_goes_on_and_the_three_can_not_come_back_by_themselves(make_pool: MakePool) -> None:
    pool = make_pool(5).start().form()
    learners = [p for p in pool.peers if p.id in pool[0].status["learners"]]
    lost = [p for p in pool.peers if p not in learners]
    alone, follows = learners
    pool.made("precious", peers=[pool.peers.index(p) for p in (alone, follows, lost[0])], replica=3)
    pool.online("precious")
    pool.settled()
    bricks = all_bricks(pool)
    assert len(bricks) == 3
    for peer in lost:
        peer.kill()
    until(lambda: not alone.status["quorum"], "no quorum is in sight")
    assert alone.call("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": "51%"}}).status == 503

    ran = recover(alone, "show")
    assert ran.code == 1
    assert "stop it first" in ran.err
    alone.kill(signal.SIGTERM)
    found = shown(alone)
    assert (found["volumes"], len(found["peers"]), len(found["voters"])) == (["precious"], 5, 3)
    ran = done(recover(alone, "begin"))
    assert "IS GIVEN UP" in ran.err
    assert "follow FILE" in ran.out
    again = done(recover(alone, "begin"))
    assert "begun already" in again.out
    assert ran.out in again.out, "another pool was made"
    invitation = alone.state / "recovered-pool.json"
    assert invitation.stat().st_mode & 0o077 == 0

    alone.start().ready()
    until(lambda: alone.status["quorum"], "it leads its pool of one voter")
    assert alone.status["voters"] == [alone.id]
    assert len(alone.peers()) == 5
    assert alone.volumes()["precious"]["state"] == "Started"
    alone.must("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": "61%"}})

    # The peer that lived on is told, ends, and follows; so do those that come back as a majority of the old pool.
    for peer in lost:
        peer.start()
    for peer in (follows, *lost):
        assert peer.ended() == 1
        assert "recovered from a loss of quorum" in peer.log_tail()
        assert alone.id in recover(peer, "begin").err, "a second recovery of one pool is refused"
        assert "is given up" in done(recover(peer, "follow", invitation)).out
        assert recover(peer, "follow", invitation).code == 1, "twice is refused"
        peer.start().ready()
    pool.whole()
    assert set(pool.settled()) == {"precious"}
    pool.online("precious")
    assert all_bricks(pool) == bricks, "a brick was started anew"
    options = {o["key"]: o for o in lost[0].get("/v1/cluster/options")}
    assert options["cluster.server-quorum-ratio"]["value"] == "61%", "what was decided by the recovered pool counts"
    pool.remove("precious")


@pytest.mark.timeout(300)
def test_an_exported_pool_is_checked_and_restored_elsewhere_with_its_peers_and_volumes(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(2).start().form()
    first, other = pool.peers
    pool.made("kept", peers=[0, 1], replica=2)
    pool.online("kept")
    bricks = all_bricks(pool)
    file = tmp_path / "pool.export"
    first.gd2_done("cluster", "export", file)
    assert first.gd2("cluster", "export", file).code == 1, "nothing is overwritten"
    assert file.stat().st_mode & 0o077 == 0
    found = json.loads(done(offline(first, "--json", "cluster", "verify", file)).out)
    assert (found["volumes"], len(found["peers"])) == (["kept"], 2)

    data = file.read_bytes()
    for at in (3, len(data) // 2, len(data) - 2):
        damaged = tmp_path / "damaged"
        damaged.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        ran = offline(first, "cluster", "verify", damaged)
        assert ran.code == 1
        assert str(damaged) in ran.err
        assert "byte" in ran.err

    restore = ("cluster", "restore", file, "as", first.address, "config", first.config)
    first.kill(signal.SIGTERM)
    ran = offline(first, *restore)
    assert ran.code == 1
    assert "nothing is overwritten" in ran.err
    other.kill(signal.SIGTERM)
    for peer in pool.peers:
        peer.state.rename(peer.folder / "lost-state")
    done(offline(first, *restore))
    first.start().ready()
    until(lambda: first.status["quorum"], "it leads")
    assert first.volumes()["kept"]["state"] == "Started"
    done(recover(other, "follow", first.state / "recovered-pool.json", "as", other.address))
    other.start().ready()
    pool.whole()
    pool.online("kept")
    assert all_bricks(pool) == bricks
    pool.remove("kept")
    first.kill(signal.SIGTERM)
    assert "begun already" not in done(recover(first, "begin")).out, "its daemon went on since the restore"
