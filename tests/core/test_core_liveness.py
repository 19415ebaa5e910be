"""Who is in sight: leases, and how long somebody has been there or gone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gd2raft.core.liveness import LEASE_S, LOST_GRACE_S, Sight, Told

pytestmark = pytest.mark.fast


def sight(*followers: str, now: float = 0.0) -> Sight:
    made = Sight("me")
    for follower in followers:
        made.lease(follower, (), now)
    return made


def test_a_peer_sees_itself() -> None:
    assert Sight("me").online(0.0) == {"me"}


def test_a_follower_is_in_sight_for_as_long_as_its_lease() -> None:
    seen = sight("a")
    assert seen.online(LEASE_S - 0.1) == {"me", "a"}
    assert seen.online(LEASE_S) == {"me"}


def test_a_lease_of_an_earlier_leadership_does_not_hide_what_the_last_leader_saw() -> None:
    seen = sight("a")  # it followed us, then it led itself, and now we lead again
    seen.seed({"a"}, 100.0)
    assert seen.online(100.0) == {"me", "a"}


def test_a_follower_brings_the_peers_below_it_and_takes_them_with_it() -> None:
    seen = Sight("me")
    seen.lease("a", ["b", "c"], 0.0)
    seen.lease("a", None, 4.0)
    assert seen.online(8.0) == {"me", "a", "b", "c"}
    seen.lease("a", ["c"], 8.0)
    assert seen.online(8.0) == {"me", "a", "c"}
    assert seen.online(8.0 + LEASE_S) == {"me"}


def test_a_follower_whose_connection_broke_has_a_moment_to_come_back_another_way() -> None:
    seen = sight("a")
    seen.lost("a", 1.0)
    assert "a" in seen.online(1.0 + LOST_GRACE_S - 0.1) and "a" not in seen.online(1.0 + LOST_GRACE_S)


def test_a_broken_connection_never_lengthens_a_lease() -> None:
    seen = sight("a")
    seen.lost("a", LEASE_S - 0.1)
    assert "a" not in seen.online(LEASE_S)


def test_the_loss_of_a_stranger_is_no_matter() -> None:
    seen = sight("a")
    seen.lost("b", 0.0)
    assert seen.online(0.0) == {"me", "a"}


def test_a_new_leader_trusts_the_last_one_for_one_lease() -> None:
    seen = sight("a", now=0.0)
    seen.seed(["a", "b", "me"], 4.0)
    assert seen.online(4.5) == {"me", "a", "b"}
    assert seen.online(LEASE_S) == {"me", "b"}, "what it heard itself counts more"
    assert seen.online(4.0 + LEASE_S) == {"me"}


def test_who_follows_again_when_this_peer_leads_again_counts_from_then() -> None:
    seen = sight("a")
    seen.online(0.0)
    seen.seed({"a"}, 100.0)  # nobody looked meanwhile
    seen.online(100.0)
    assert seen.seen_s("a", 101.0) == 1.0


def test_one_that_joined_is_unbroken_until_it_is_out_of_sight_for_the_first_time() -> None:
    seen = sight("a")
    seen.joined(frozenset({"b", "c"}), 1.0)
    seen.online(1.0)
    assert [seen.unbroken(p) for p in "abc"] == [False, True, True], "a was here before: it may have gone while others led"
    seen.lease("b", (), 4.0)
    seen.online(1.0 + LEASE_S)
    assert [seen.unbroken(p) for p in "bc"] == [True, False], "c never showed up"
    seen.lease("c", (), 7.0)
    seen.online(7.0)
    assert not seen.unbroken("c")
    seen.forget(frozenset({"me"}))
    assert not seen.unbroken("b")


def test_it_knows_for_how_long_somebody_has_been_in_sight_or_gone() -> None:
    seen = sight("a")
    seen.online(0.0)
    assert (seen.seen_s("a", 3.0), seen.gone_s("a", 3.0, 0.0)) == (3.0, 0.0)
    seen.online(10.0)
    assert (seen.seen_s("a", 15.0), seen.gone_s("a", 15.0, 0.0)) == (0.0, 5.0)
    seen.lease("a", (), 20.0)
    seen.online(20.0)
    assert (seen.seen_s("a", 21.0), seen.gone_s("a", 21.0, 0.0)) == (1.0, 0.0)


def test_somebody_who_was_never_seen_is_gone_since_it_is_known() -> None:
    assert Sight("me").gone_s("x", 50.0, 20.0) == 30.0
    assert Sight("me").gone_s("x", 20.0, 20.0) > 0, "never 0: that would mean in sight"


def test_what_is_known_of_former_members_is_dropped() -> None:
    seen = sight("a", "b")
    seen.online(0.0)
    seen.forget(frozenset({"me", "a"}))
    assert seen.online(0.0) == {"me", "a"} and seen.seen_s("b", 9.0) == 0.0


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["lease", "below", "lost", "seed", "look"]), st.sampled_from("abcd"), st.integers(0, 32).map(lambda n: n / 8)
    ),
    max_size=40,
)


@given(EVENTS)
def test_nobody_is_in_sight_without_a_word_within_a_lease_and_nobody_is_both_seen_and_gone(events: list[Any]) -> None:
    seen, now = Sight("me"), 0.0
    heard: dict[str, float] = {}
    for what, who, pause in events:
        now += pause
        if what == "lease":
            seen.lease(who, (), now)
        elif what == "below":
            seen.lease(who, ["x"], now)
            heard["x"] = now
        elif what == "lost":
            seen.lost(who, now)
        elif what == "seed":
            seen.seed([who], now)
        if what in ("lease", "below", "seed"):
            heard[who] = now
        online = seen.online(now)
        assert "me" in online
        for peer in "abcd":
            if peer in online:
                assert now - heard[peer] < LEASE_S + 1e-6
            assert (seen.seen_s(peer, now) >= 0) and ((seen.gone_s(peer, now, 0.0) == 0) == (peer in online))


def test_a_peer_that_heard_nothing_for_a_while_does_not_forget_what_it_was_told() -> None:
    """A short cut: it saw nobody itself meanwhile, its connection held, and upstream nothing had changed."""
    told = Told()
    told.hear(["a", "b", "c"], (), ())
    told.hear(None, (), ())
    assert told.online == {"a", "b", "c"}
    told.hear(None, ["d"], ["a"])
    assert told.online == {"b", "c", "d"}
    told.hear(["a"], (), ())
    assert told.online == {"a"}
