"""A daemon at rest sleeps: how often its event loop wakes, counted by the kernel. A pool of a thousand on one machine lives by this."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool
from kit.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

WATCHED_S = 3.0
ALONE_MAX, LEARNER_MAX = 1, 7
"""In WATCHED_S. A learner needs 2: one of its upstream's news and its lease in two seconds. The rest are the ping, and the answer to the
other's, of the connection that it joined by, which is closed after a minute or so."""


def wakeups(peer: Peer) -> int:
    """How often the main thread of a daemon has waited so far."""
    assert peer.process is not None
    pid = peer.machine.pid(peer.process)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("voluntary_ctxt_switches")))


def until_asleep(peer: Peer, most: int, what: str) -> None:
    """Wait for WATCHED_S with so few wake-ups; before, it may be busy with something still."""
    seen: list[tuple[float, int]] = []

    def slept() -> bool:
        seen.append((time.monotonic(), wakeups(peer)))
        now, count = seen[-1]
        fewest = min((count - before for at, before in seen if at <= now - WATCHED_S), default=None)
        assert fewest is not None and fewest <= most, f"{fewest} wake-ups in {WATCHED_S:g} s, at most {most} are wanted"
        return True

    until(slept, what)


def test_a_pool_of_one_and_a_learner_wake_up_seldom_when_nothing_happens(make_pool: MakePool) -> None:
    leader, learner = make_pool(2).start().peers
    until_asleep(learner, ALONE_MAX, "a pool of one sleeps")
    leader.must("POST", "/v1/peers", {"addresses": [learner.address]})
    until(lambda: len(learner.status["peers"]) == 2 and all(p["online"] for p in learner.status["peers"]), "both see each other")
    until_asleep(learner, LEARNER_MAX, "a learner sleeps")
    assert [p["role"] for p in leader.status["peers"] if p["id"] == learner.id] == ["learner"]
