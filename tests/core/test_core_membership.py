"""Who votes and whom a learner follows: tables, and properties for every pool."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gd2raft.core.membership import FAN_OUT, VOTERS_MAX, Candidate, VoterChange, next_voter_change, upstreams, voters_wanted

pytestmark = pytest.mark.fast

STABLE_S, DEAD_S = 10.0, 60.0


def up(name: str, zone: str = "", seen_s: float = 1000.0) -> Candidate:
    return Candidate(id=name, zone=zone, seen_s=seen_s)


def new(name: str, zone: str = "") -> Candidate:
    return Candidate(id=name, zone=zone, seen_s=0.1, unbroken=True)


def down(name: str, gone_s: float = 1000.0, zone: str = "") -> Candidate:
    return Candidate(id=name, zone=zone, gone_s=gone_s)


def change(candidates: list[Candidate], voters: str, leader: str = "a", **more: Any) -> tuple[str, str] | None:
    found = next_voter_change(candidates, frozenset(voters), leader, **more)
    return (found.action, found.peer_id) if found else None


# ---- how many


@pytest.mark.parametrize(("peers", "voters"), [(0, 1), (1, 1), (2, 1), (3, 3), (4, 3), (6, 3), (7, 5), (8, 5), (1000, 5)])
def test_the_number_of_voters_follows_the_size_of_the_pool(peers: int, voters: int) -> None:
    assert voters_wanted(peers) == voters


@pytest.mark.parametrize(
    ("peers", "configured", "voters"), [(1000, 7, 7), (1000, 9, 7), (1000, 3, 3), (5, 7, 5), (6, 7, 5), (2, 3, 1), (4, 3, 3), (9, 1, 1)]
)
def test_a_configured_number_of_voters_counts_as_far_as_there_are_peers(peers: int, configured: int, voters: int) -> None:
    assert voters_wanted(peers, configured) == voters


@given(st.integers(0, 3000), st.integers(0, 20))
def test_the_number_of_voters_is_always_odd_and_never_too_large(peers: int, configured: int) -> None:
    wanted = voters_wanted(peers, configured)
    assert wanted % 2 == 1 and 1 <= wanted <= min(max(1, peers), VOTERS_MAX)


# ---- who


def test_a_pool_that_grows_gets_voters_one_by_one_as_soon_as_they_are_there() -> None:
    assert change([up("a"), new("b")], "a") is None
    peers = [up("a"), new("b"), new("c")]
    assert change(peers, "a") == ("add", "b")
    assert change(peers, "ab") == ("add", "c")
    assert change(peers, "abc") is None


def test_a_peer_out_of_sight_is_not_made_a_voter() -> None:
    assert change([up("a"), down("b"), up("c")], "a") == ("add", "c")
    assert change([up("a"), down("b", 0.1), down("c")], "a") is None


def test_a_peer_that_comes_and_goes_is_not_made_a_voter_before_it_stays_even_where_voters_are_missing() -> None:
    came_back = up("b", seen_s=STABLE_S - 1)
    assert change([up("a"), came_back, down("c")], "a") is None
    assert change([up("a"), came_back, new("c")], "a") == ("add", "c")
    assert change([up("a"), up("b", seen_s=STABLE_S), down("c")], "a") == ("add", "b")


def test_of_a_stable_learner_and_one_that_has_just_joined_the_stable_one_votes_first() -> None:
    assert change([up("a", "z1"), new("b", "z2"), up("c", "z1")], "a") == ("add", "c")


def test_a_dead_voter_is_replaced_by_a_stable_learner_and_then_removed() -> None:
    peers = [up("a"), up("b"), down("c", DEAD_S), up("d", seen_s=STABLE_S)]
    assert change(peers, "abc") == ("add", "d")
    assert change(peers, "abcd") == ("remove", "c")
    assert change(peers, "abd") is None


@pytest.mark.parametrize("learner", [up("d", seen_s=STABLE_S - 1), down("d"), down("d", 0.5)])
def test_a_dead_voter_is_not_replaced_by_one_that_is_not_stable(learner: Candidate) -> None:
    assert change([up("a"), up("b"), down("c"), learner], "abc") is None


def test_a_voter_that_is_gone_for_a_moment_stays() -> None:
    assert change([up("a"), up("b"), down("c", DEAD_S - 1), up("d")], "abc") is None


def test_new_voters_come_from_zones_that_have_none() -> None:
    peers = [up("a", "z1"), up("b", "z1"), up("c", "z2"), up("d", "z1")]
    assert change(peers, "a") == ("add", "c")


def test_a_dead_voters_zone_counts_as_empty_for_the_one_that_replaces_it() -> None:
    peers = [up("a", "z1"), up("b", "z2"), down("c", zone="z3"), up("d", "z1"), up("e", "z3")]
    assert change(peers, "abc") == ("add", "e")


def test_voters_of_one_zone_give_way_to_stable_learners_of_others_one_at_a_time() -> None:
    peers = [up("a", "z1"), up("b", "z1"), up("c", "z1"), up("d", "z2"), up("e", "z3")]
    assert change(peers, "abc") == ("add", "d")
    assert change(peers, "abcd") == ("remove", "b")
    assert change(peers, "acd") == ("add", "e")
    assert change(peers, "acde") == ("remove", "c")
    assert change(peers, "ade") is None
    assert change(peers, "abcd", leader="b") == ("remove", "a")


def test_voters_that_differ_by_one_between_zones_stay() -> None:
    assert change([up("a", "z1"), up("b", "z1"), up("c", "z2"), up("d", "z2")], "abc") is None


@pytest.mark.parametrize("learner", [new("d", "z2"), up("d", "z2", STABLE_S - 1), down("d", 1.0, "z2")])
def test_the_spread_is_not_mended_by_one_that_is_not_stable(learner: Candidate) -> None:
    assert change([up("a", "z1"), up("b", "z1"), up("c", "z1"), learner], "abc") is None


def test_the_spread_is_not_mended_while_a_voter_is_out_of_sight() -> None:
    assert change([up("a", "z1"), up("b", "z1"), down("c", 1.0, "z1"), up("d", "z2")], "abc") is None


def test_of_too_many_voters_the_dead_one_goes_then_one_of_the_crowded_zone() -> None:
    peers = [up("a", "z1"), up("b", "z1"), up("c", "z2"), up("d", "z1")]
    assert change([*peers[:2], down("c", 5.0, "z2"), peers[3]], "abcd") == ("remove", "c")
    assert change(peers, "abcd") == ("remove", "b")


def test_two_peers_shrink_to_the_leader_alone() -> None:
    assert change([up("a"), up("b")], "ab") == ("remove", "b")
    assert change([up("a"), up("b")], "ab", leader="b") == ("remove", "a")
    assert change([up("a"), down("b")], "ab") == ("remove", "b")


def test_a_voter_that_left_the_pool_goes_first() -> None:
    assert change([up("a"), up("b"), up("c")], "abx") == ("remove", "x")


def test_a_dead_voter_goes_before_one_that_left_when_a_majority_hangs_on_it() -> None:
    assert change([up("a"), down("b", 20.0)], "abx") == ("remove", "b")


def test_a_leader_that_is_no_member_any_more_changes_nothing_by_itself() -> None:
    found = next_voter_change([up("b"), up("c")], frozenset("abc"), "a")
    assert found is None or found.peer_id != "a"


# ---- properties


@st.composite
def pools(draw: Any) -> tuple[list[Candidate], frozenset[str], str, int]:
    count = draw(st.integers(1, 12))
    names = [f"p{i:02}" for i in range(count)]
    leader = draw(st.sampled_from(names))
    candidates = []
    for name in names:
        gone = 0.0 if name == leader else draw(st.sampled_from([0.0, 0.0, 1.0, 59.0, 60.0, 500.0]))
        seen = 0.0 if gone else draw(st.sampled_from([0.0, 5.0, 10.0, 100.0]))
        unbroken = not gone and draw(st.booleans())
        candidates.append(Candidate(id=name, zone=draw(st.sampled_from("xyz")), gone_s=gone, seen_s=seen, unbroken=unbroken))
    voters = {leader} | set(draw(st.lists(st.sampled_from([*names, "gone1", "gone2"]), max_size=7)))
    return candidates, frozenset(voters), leader, draw(st.sampled_from([0, 0, 1, 3, 5, 7]))


def alive_of(candidates: list[Candidate], voters: frozenset[str]) -> set[str]:
    """Voters that answer: members in sight, and those that left but still run."""
    known = {c.id: c for c in candidates}
    return {v for v in voters if v not in known or known[v].gone_s == 0}


def after(voters: frozenset[str], change: VoterChange) -> frozenset[str]:
    return voters | {change.peer_id} if change.action == "add" else voters - {change.peer_id}


def majority(alive: set[str], voters: frozenset[str]) -> bool:
    return 2 * len(alive & voters) > len(voters)


@given(pools())
@settings(max_examples=300)
def test_a_change_is_always_a_sound_one(pool: tuple[list[Candidate], frozenset[str], str, int]) -> None:
    candidates, voters, leader, configured = pool
    known = {c.id: c for c in candidates}
    found = next_voter_change(candidates, voters, leader, configured=configured)
    if found is None:
        return
    assert found.why
    if found.action == "remove":
        assert found.peer_id in voters and found.peer_id != leader
    else:
        assert found.peer_id in known and found.peer_id not in voters and known[found.peer_id].gone_s == 0
        added = known[found.peer_id]
        missing = len(voters) < voters_wanted(len(known), configured)
        assert added.seen_s >= STABLE_S or (missing and added.unbroken)
    living = alive_of(candidates, voters)
    if majority(living, voters):
        living |= {found.peer_id} if found.action == "add" else set()
        assert majority(living, after(voters, found)), "the living voters lose their majority"


@given(pools())
@settings(max_examples=300)
def test_changes_come_to_an_end_with_the_wanted_number_of_voters(pool: tuple[list[Candidate], frozenset[str], str, int]) -> None:
    candidates, voters, leader, configured = pool
    wanted = voters_wanted(len(candidates), configured)
    for _ in range(40):
        found = next_voter_change(candidates, voters, leader, configured=configured)
        if found is None:
            break
        voters = after(voters, found)
    else:
        raise AssertionError("voters come and go for ever")
    assert leader in voters and voters <= {c.id for c in candidates}
    able = sum(c.id in voters or (c.gone_s == 0 and (c.seen_s >= STABLE_S or c.unbroken)) for c in candidates)
    assert len(voters) == min(wanted, able)


@given(pools(), st.text("xyzw", min_size=12, max_size=12))
@settings(max_examples=500)
def test_with_everybody_in_sight_the_voters_end_up_spread_as_evenly_as_the_zones_allow_and_then_rest(
    pool: tuple[list[Candidate], frozenset[str], str, int], zones: str
) -> None:
    candidates, voters, leader, configured = pool
    candidates = [up(c.id, zone) for c, zone in zip(candidates, zones, strict=False)]
    wanted = voters_wanted(len(candidates), configured)
    zone_of = {c.id: c.zone for c in candidates}
    steps = 0
    while (found := next_voter_change(candidates, voters, leader, configured=configured)) is not None:
        assert steps < 30, "voters come and go for ever"
        steps += 1
        voters = after(voters, found)
    assert leader in voters and len(voters) == wanted
    assert sorted(Counter(zone_of[v] for v in voters).values()) == evenly(Counter(zone_of.values()), wanted)


def evenly(room: Counter[str], wanted: int) -> list[int]:
    """How many voters each zone that has some gets when each next one goes where there are fewest."""
    voters: Counter[str] = Counter()
    for _ in range(wanted):
        voters[min((z for z in room if voters[z] < room[z]), key=lambda z: voters[z])] += 1
    return sorted(voters.values())


# ---- whom to follow


def names(count: int) -> list[str]:
    return [f"p{i:05}" for i in range(count)]


@pytest.mark.parametrize("voters", [1, 3, 5, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 33, 34, 100, 170, 500, 2000])
def test_the_tree_of_followers_has_no_cycles_a_bounded_fan_out_and_reaches_the_voters(count: int, voters: int) -> None:
    peers = names(count)
    voting = set(peers[:: max(1, count // voters)][:voters])
    ranked = sorted(set(peers) - voting)
    place = {peer: i for i, peer in enumerate(ranked)}
    # upstreams() sorts all peers: ask all of a small pool, every 37th of a large one, and the ends
    asked = ranked if count <= 500 else [*ranked[:60], *ranked[60:-60:37], *ranked[-60:]]
    followers: Counter[str] = Counter()
    for peer in asked:
        choices = upstreams(peer, voting, peers)
        assert peer not in choices and len(set(choices)) == len(choices)
        assert voting <= set(choices), "the voters are the last resort"
        first = choices[0]
        assert first in voting or place[first] < place[peer], "a cycle"
        followers[first] += 1
    assert all(n <= FAN_OUT for n in followers.values())
    direct = sum(n for peer, n in followers.items() if peer in voting)
    assert direct == min(len(asked), len(voting) * FAN_OUT) or count > 500


def test_the_depth_of_the_tree_grows_slowly() -> None:
    peers, voters = names(1000), names(5)

    def depth(peer: str) -> int:
        return 0 if peer in voters else 1 + depth(upstreams(peer, voters, peers)[0])

    assert depth(peers[-1]) == 2 and depth(peers[5]) == 1 and max(depth(p) for p in peers[5::50]) == 2


def test_learners_spread_over_the_voters() -> None:
    peers = names(33)
    first = Counter(upstreams(p, peers[:3], peers)[0] for p in peers[3:])
    assert set(first.values()) == {10}


def test_a_voter_follows_the_other_voters_and_nobody_follows_itself() -> None:
    assert upstreams("b", ["a", "b", "c"], "abcd") == ["a", "c"]
    assert upstreams("a", ["a"], "ab") == []
    assert upstreams("a", [], "ab") == []
    assert upstreams("stranger", ["a"], "ab") == ["a"]


@given(st.permutations(names(40)))
@settings(max_examples=20)
def test_every_peer_computes_the_same_tree_whatever_order_it_knows_them_in(order: list[str]) -> None:
    voters = {"p00003", "p00017"}
    assert all(upstreams(p, voters, order) == upstreams(p, sorted(voters), names(40)) for p in order[:5])
