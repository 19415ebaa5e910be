"""A peer that runs twice is noticed by what its processes say in their hellos."""

from __future__ import annotations

import pytest

from gd2raft.peers.courier import DIAL_PAUSE_S
from gd2raft.peers.twins import MUTE_S, PATIENCE_S, PAUSE_S_MAX, RUNS_TWICE, Twins
from gd2raft.rpc.hello import HelloInfo

pytestmark = pytest.mark.fast


def hello(peer: str, instance: str) -> HelloInfo:
    return HelloInfo(peer, "pool", instance=instance)


def twins(*known: HelloInfo) -> Twins:
    return Twins(lambda: hello("me", "1"), lambda: [(one, "10.0.0.1:5") for one in known])


def test_another_instance_of_a_connected_peer_is_refused_and_told_what_to_do() -> None:
    refusal = twins(hello("a", "1")).verdict(hello("a", "2"))
    assert refusal is not None and refusal.code == RUNS_TWICE
    assert "10.0.0.1:5" in refusal.message and "copied" in refusal.message and "Stop one" in refusal.message


def test_another_instance_of_ourselves_is_refused() -> None:
    assert twins().verdict(hello("me", "2")) is not None


@pytest.mark.parametrize("known", [(), (hello("a", "2"),), (hello("b", "1"),), (hello("a", ""),)])
def test_the_same_instance_a_restarted_one_another_peer_and_an_older_daemon_are_let_in(known: tuple[HelloInfo, ...]) -> None:
    assert twins(*known).verdict(hello("a", "2")) is None


def test_a_daemon_gives_up_only_when_it_was_refused_for_longer_than_a_dead_connection_stays() -> None:
    made = twins()
    times = [0.0]
    while times[-1] < PATIENCE_S:
        times.append(times[-1] + PAUSE_S_MAX / 2)
    assert [made.refused(now) for now in times] == [False] * (len(times) - 1) + [True]
    assert not made.refused(times[-1] + PAUSE_S_MAX + 1), "it was let in meanwhile"


def test_who_was_refused_a_moment_ago_may_be_a_twin():
    found = twins()
    assert not found.suspected(100.0)
    found.refused(100.0)
    assert found.suspected(101.0)
    assert not found.suspected(120.0)


def test_who_was_refused_as_a_twin_has_no_voice_until_it_is_no_longer_refused():
    found = twins()
    assert not found.muted(100.0)
    found.refused(100.0)
    assert found.muted(100.0 + MUTE_S) and not found.muted(100.1 + MUTE_S)
    assert 2 * DIAL_PAUSE_S[1] < MUTE_S, "between two refusals it would have a voice"
