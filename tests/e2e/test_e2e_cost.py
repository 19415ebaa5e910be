"""What commands cost in messages: they concern the peers of their bricks, and nobody else but through the log. Counted by real daemons."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool
from kit.waiting import until

from bench.peers_pool import OWN_RHYTHM

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

FRAME = re.compile(r'^gd2raft_rpc_frames_total\{direction="out",method="([^"]+)"\} ([0-9.e+]+)$', re.M)
SIZE = 9


def sent(peer: Peer) -> Counter[str]:
    """Messages that a daemon has sent since it started, by method."""
    return Counter({method: int(float(count)) for method, count in FRAME.findall(peer.text("/metrics"))})


def spoken(pool: Pool, before: list[Counter[str]]) -> dict[int, Counter[str]]:
    """Number of a peer -> what it said since then for commands."""
    found = {i: sent(peer) - before[i] for i, peer in enumerate(pool.peers)}
    return {i: own for i, counts in found.items() if (own := Counter({m: n for m, n in counts.items() if m not in OWN_RHYTHM}))}


@pytest.fixture
def large(make_pool: MakePool) -> Pool:
    return make_pool(SIZE).start().form()


def test_a_command_sends_messages_only_to_the_peers_of_its_bricks(large: Pool) -> None:
    leader = large.leader()
    concerned = [p for p in large.peers if p is not leader][:3]
    body = {"name": "v", "replica": 3, "bricks": [p.brick("b") for p in concerned], "force": True}
    for method, path, wanted, steps_at in (
        ("POST", "/v1/volumes", body, concerned),
        ("POST", "/v1/volumes/v/start", None, concerned),
        ("POST", "/v1/volumes/v/options", {"options": {"performance.io-cache": "on"}}, []),  # only the log: peers follow it by themselves
        ("POST", "/v1/volumes/v/stop", None, concerned),
        ("DELETE", "/v1/volumes/v", None, concerned),
    ):
        until(lambda: len({p.status["applied"] for p in large.peers}) == 1, "everybody is current")
        before = [sent(p) for p in large.peers]
        leader.must(method, path, wanted)
        told = spoken(large, before)
        strangers = {i for i, p in enumerate(large.peers) if p is not leader and p not in concerned}
        assert {i for i, p in enumerate(large.peers) if p in steps_at} <= told.keys(), f"{method} {path} did not reach its peers: {told}"
        assert not strangers & told.keys(), f"{method} {path}: {told}"
        steps = sum(counts["step.run"] for counts in told.values())
        assert steps <= 2 * 2 * len(concerned), f"{method} {path} took {steps} messages about steps: {told}"
        assert set().union(*told.values(), ()) <= {"step.run"}, f"{method} {path}: {told}"
