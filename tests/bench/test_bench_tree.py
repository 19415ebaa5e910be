"""The simulated tree of many peers: it is the daemon's own tree, and a lost relay leaves nobody behind."""

from __future__ import annotations

import json

import pytest

from bench import tree
from gd2raft.peers.follow import RETRY_S

pytestmark = pytest.mark.fast


def test_a_change_reaches_every_peer_by_one_message_each_and_a_killed_relays_followers_find_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tree.main(["--peers", "400", "--seed", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["simulated"] is True
    assert (found["messages_per_change"], found["depth"]) == (399, 3), "leader, voter, learner, learner"
    assert found["relay_kill_followers"] == tree.FAN_OUT
    assert RETRY_S[0] <= found["relay_kill_all_fed_s"] <= RETRY_S[1] + 0.2
    assert found["relay_kill_all_fed_s"] < found["relay_kill_all_known_s"] < 12, "a lease lasts five seconds, and goes up in three hops"


def test_the_same_seed_gives_the_same_lives() -> None:
    assert tree.Tree(50, "site", 3).run() == tree.Tree(50, "site", 3).run()
