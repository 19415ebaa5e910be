"""Who is in sight: whose word counts, for how long, and what of it is logged."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gd2raft import services
from gd2raft.peers.outlook import STATE_VALID_S, TRANSITIONS_LOGGED, Outlook

pytestmark = pytest.mark.fast

MANY = [f"p{number}" for number in range(50)]


def state(online: list[str] | None, came: list[str] | None = None, went: list[str] | None = None) -> services.PoolState:
    return services.PoolState("leader", 1, True, ["leader"], online, came or [], went or [], 2)


def seen(outlook: Outlook, now: float, *, leads: bool = False, members: tuple[str, ...] = ()) -> frozenset[str]:
    return outlook.online(now, leads=leads, members=lambda: frozenset(members))


def test_a_peer_that_follows_sees_whom_its_upstream_sees_until_that_is_silent_for_long() -> None:
    outlook = Outlook("me")
    outlook.hear(state(["a", "b"]), 0.0)
    outlook.sight.lease("below", (), 0.0)
    assert seen(outlook, 1.0) == {"me", "a", "b"}
    outlook.hear(state(None, ["c"], ["a"]), 1.0)
    assert seen(outlook, 1.0 + STATE_VALID_S) == {"me", "b", "c"}
    outlook.sight.lease("below", (), 6.0)
    assert seen(outlook, 6.5) == {"me", "below"}, "only whom it sees itself"
    assert outlook.told == {"b", "c"}, "a new leader begins with these"


def test_a_leader_sees_who_holds_a_lease_and_is_a_member() -> None:
    outlook = Outlook("me")
    outlook.hear(state(["a"]), 0.0)
    outlook.sight.lease("b", ("c", "stranger"), 0.0)
    assert seen(outlook, 0.1, leads=True, members=("me", "a", "b", "c")) == {"me", "b", "c"}


def test_the_same_object_is_given_while_nothing_changes() -> None:
    outlook = Outlook("me")
    outlook.hear(state(["a"]), 0.0)
    first = seen(outlook, 0.1)
    outlook.hear(state(None), 0.2)
    assert seen(outlook, 0.3) is first


@pytest.mark.parametrize(("leads", "count", "lines"), [(False, TRANSITIONS_LOGGED, TRANSITIONS_LOGGED), (False, 50, 1), (True, 50, 50)])
def test_many_who_come_at_once_are_one_line_but_on_the_leader(leads: bool, count: int, lines: int) -> None:
    outlook = Outlook("me")
    for peer in MANY[:count]:
        outlook.sight.lease(peer, (), 0.0)
    outlook.hear(state(MANY[:count]), 0.0)
    with capture_logs() as logged:
        seen(outlook, 0.1, leads=leads, members=tuple(MANY))
    assert len(logged) == lines
    assert sum(line.get("up", 1) for line in logged) == count


def test_a_peer_that_goes_is_a_warning() -> None:
    outlook = Outlook("me")
    outlook.hear(state(["a"]), 0.0)
    seen(outlook, 0.1)
    outlook.hear(state(None, [], ["a"]), 0.2)
    with capture_logs() as logged:
        assert seen(outlook, 0.3) == {"me"}
    assert [(line["log_level"], line["event"], line["peer"]) for line in logged] == [("warning", "peer is down", "a")]
