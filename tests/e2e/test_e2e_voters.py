"""Who votes in a real pool: as many as were asked for, a lost voter replaced, one that runs twice or was wiped refused."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool, open_pool
from kit.waiting import pause, until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with open_pool(5, tmp_path_factory.mktemp("p")) as made:
        yield made.start().form()


def voters(peer: Peer) -> list[str]:
    found: list[str] = peer.get("/v1/cluster/voters")["voters"]
    return found


@pytest.mark.timeout(300)
def test_as_many_peers_vote_as_were_asked_for_and_the_pool_takes_changes_meanwhile(five: Pool) -> None:
    asked = five[4]
    for words, wanted in (("5", 5), ("7", 5), ("1", 1), ("3", 3), ("auto", 3)):
        shown = asked.gd2_done("--json", "cluster", "voters", words).json
        assert shown["wanted"] == wanted
        for peer in five.peers:
            until(lambda peer=peer, wanted=wanted: len(voters(peer)) == wanted, f"{peer} sees {wanted} voters")  # type: ignore[misc]
        asked.must("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": f"{50 + wanted}%"}})
    assert "auto" in asked.gd2_done("cluster", "voters").out
    assert len(five.settled()) == 0


@pytest.mark.parametrize(("words", "why"), [("4", "even"), ("8", "slower"), ("0", "number"), ("many", "number")])
def test_an_impossible_number_of_voters_is_refused_with_the_reason(five: Pool, words: str, why: str) -> None:
    ran = five[0].gd2("cluster", "voters", words)
    assert ran.code != 0
    assert why in ran.err
    assert five[0].get("/v1/cluster/voters")["set"] == 0


@pytest.mark.timeout(300)
def test_a_lost_voter_is_replaced_by_a_learner_and_learns_when_it_is_back(five: Pool) -> None:
    five[0].gd2_done("cluster", "voters", "replace-after", "5")
    leader = five.leader()
    lost = next(p for p in five.peers if p is not leader and p.id in voters(leader))
    lost_id = lost.id
    lost.kill()
    until(lambda: lost_id not in voters(leader) and len(voters(leader)) == 3, "it was replaced", 60)
    lost.start().ready()
    five.whole()
    assert lost_id not in voters(leader)
    assert until(lambda: next(r for r in lost.status["peers"] if r["id"] == lost_id)["role"] == "learner", "it learns")
    five[0].gd2_done("cluster", "voters", "replace-after", "60")


@pytest.mark.timeout(300)
def test_a_peer_that_went_and_came_back_votes_only_after_it_has_stayed_for_a_while(five: Pool) -> None:
    five[0].gd2_done("cluster", "voters", "1")
    until(lambda: len(voters(five[0])) == 1, "one votes")
    leader = five.leader()
    flapper = next(p for p in five.peers if p is not leader)
    flapper_id = flapper.id
    flapper.kill()
    until(lambda: not {r["id"]: r["online"] for r in leader.peers()}[flapper_id], "the leader misses it")
    came_back = time.monotonic()
    flapper.start().ready()
    leader.gd2_done("cluster", "voters", "5")
    until(lambda: len(voters(leader)) == 5, "all vote")
    assert five.leader() is leader and time.monotonic() - came_back >= 10
    five[0].gd2_done("cluster", "voters", "auto")
    five.whole()


@pytest.mark.timeout(300)
def test_three_voters_of_one_zone_give_way_to_learners_of_the_others(five: Pool) -> None:
    crowd = set(voters(five[0]))
    zones = {peer.id: "crowded" if peer.id in crowd else f"zone-{n}" for n, peer in enumerate(five.peers)}
    for peer_id, zone in zones.items():
        five[0].gd2_done("peer", "edit", peer_id, "zone", zone)
    for peer in five.peers:
        until(lambda peer=peer: {zones[v] for v in voters(peer)} == set(zones.values()), f"{peer} sees a voter in each zone")  # type: ignore[misc]
        assert len(voters(peer)) == 3
    five.settled()


@pytest.mark.timeout(300)
def test_the_voters_follow_the_size_of_the_pool_down_to_one_even_when_the_leader_is_the_one_that_leaves(make_pool: MakePool) -> None:
    pool = make_pool(4).start().form()
    members = list(pool.peers)
    for left in (3, 2, 1):
        leaves = pool.leader(members)
        members = [p for p in members if p is not leaves]
        members[0].must("DELETE", f"/v1/peers/{leaves.id}")
        pool.whole(members)
        assert len(members) == left


@pytest.mark.timeout(300)
@pytest.mark.parametrize("leads", [True, False], ids=["leader", "follower"])
def test_a_copy_of_a_peer_ends_by_itself_with_a_message_and_the_original_goes_on(make_pool: MakePool, leads: bool) -> None:
    pool = make_pool(4).start()
    members, copy = pool.peers[:3], pool[3]
    pool.form(3)
    original = next(p for p in members if (p is pool.leader(members)) == leads)
    copy.kill()
    shutil.rmtree(copy.state)
    shutil.copytree(original.state, copy.state)
    copy.start()
    assert copy.ended(120) == 1
    assert "must not run twice" in copy.log_tail()
    pool.whole(members)
    members[0].must("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": "61%"}})


@pytest.mark.timeout(300)
def test_a_copy_of_a_voter_has_no_vote_also_when_another_voter_meets_it_first(make_pool: MakePool) -> None:
    """The third voter starts anew while the copy runs, and may take the copy for the original; the second knows better, and so neither of the two has a voice."""
    pool = make_pool(4).start()
    members, copy = pool.peers[:3], pool[3]
    pool.form(3)
    original = pool.leader(members)
    second, third = (peer for peer in members if peer is not original)
    copy.kill()
    shutil.rmtree(copy.state)
    shutil.copytree(original.state, copy.state)
    copy.start()
    pause(2.0)  # it dials the others; whenever the third starts anew, the same must hold
    third.kill()
    third.start().ready()
    until(
        lambda: second.call("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": "60%"}}).status == 200,
        "the pool goes on",
    )
    assert copy.ended(120) == 1
    if not original.alive:  # the third voter met the copy first, and took the original for the twin
        original.start()
    original.ready()
    pool.whole(members)

    def ratio(peer: Peer) -> str:
        found: str = {o["key"]: o for o in peer.get("/v1/cluster/options")}["cluster.server-quorum-ratio"]["value"]
        return found

    for peer in members:  # reads are local: the original has it when the leader has found it again
        until(lambda peer=peer: ratio(peer) == "60%", f"{peer} has what was acknowledged, and didn't go on with the copy")


@pytest.mark.timeout(300)
def test_an_old_copy_of_a_peers_state_that_is_put_back_is_brought_up_to_date_and_told_of(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(3).start().form()
    leader = pool.leader()
    other = next(p for p in pool.peers if p is not leader)

    def change(percent: int) -> None:
        leader.must("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": f"{percent}%"}})
        value = f"{percent}%"
        until(lambda: {o["key"]: o for o in other.get("/v1/cluster/options")}["cluster.server-quorum-ratio"]["value"] == value, "it has it")

    other.kill()
    shutil.copytree(other.state, tmp_path / "copy")
    other.start().ready()
    for percent in range(52, 57):
        change(percent)
    other.kill()
    shutil.rmtree(other.state)
    shutil.copytree(tmp_path / "copy", other.state)
    other.start().ready()
    change(61)
    until(lambda: "which it had acknowledged" in leader.log.read_text(errors="replace"), "the leader tells of it")
    assert pool.leader() is leader
    pool.whole()
    for peer in pool.peers:  # whichever is asked
        (found,) = until(lambda peer=peer: peer.gd2_done("--json", "health").json["findings"], f"{peer} tells of it")  # type: ignore[misc]
        assert found["code"] == "LOG_LOST" and other.id in found["what"] and "old copy" in found["what"]
    other.restart().ready()
    pool.whole()
    until(lambda: pool[0].gd2_done("--json", "health").json["healthy"], "it was started again: no more is said of it")
