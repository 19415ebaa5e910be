"""Whole pools from seeds: a fixed share of them here; `python -m tests.store.sim SEED PEERS` replays one with a trace."""

from __future__ import annotations

import os

import pytest

from tests.store import planted, sim

SEEDS_PER_TEST = 6


@pytest.mark.parametrize("block", range(6))
def test_three_simulated_peers_keep_every_promise_under_faults(block: int) -> None:
    for seed in range(block * SEEDS_PER_TEST, (block + 1) * SEEDS_PER_TEST):
        sim.run(seed)


@pytest.mark.parametrize("block", range(4))
def test_five_simulated_peers_keep_every_promise_under_faults(block: int) -> None:
    for seed in range(10_000 + block * SEEDS_PER_TEST, 10_000 + (block + 1) * SEEDS_PER_TEST):
        sim.run(seed, peers=5)


def test_a_seed_replays_exactly() -> None:
    def life() -> tuple[object, ...]:
        one = sim.run(7)
        return ([(w.value, w.outcome, w.revision, w.returned) for w in one.writes], one.reads, one.committed, one.leaders)

    assert life() == life()


@pytest.mark.parametrize("seed", [1000277])
def test_a_seed_that_once_failed_does_not_fail_again(seed: int) -> None:
    """1000277: a client waited for the last 1e-16 s of its time without end."""
    sim.run(seed, peers=sim.peers_of(seed))


def test_new_seeds_keep_every_promise_too() -> None:
    """The message of a failure names the seed: `python -m tests.store.sim SEED PEERS` replays it."""
    first = int.from_bytes(os.urandom(4), "big")
    for seed in range(first, first + 6):
        sim.run(seed, peers=sim.peers_of(seed))


FOUND_BY = {
    "acknowledge_before_fsync": range(60),
    "vote_twice": range(40, 110),
    "stale_read": range(50, 120),
    "commit_before_own_fsync": range(20),
    "forget_the_vote": range(20),
    "cut_what_matches": range(20),
    "propose_after_the_deadline": range(40),
    "apply_twice": range(10, 50),
    "answer_before_applied_here": range(20),
}
"""Planted bugs and the seeds of which one must find each. The others of planted.BUGS need rarer faults: test_guard.py has a scene for each."""


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_is_found(name: str) -> None:
    for seed in FOUND_BY[name]:
        try:
            with planted.BUGS[name]():
                sim.run(seed, peers=sim.peers_of(seed))
        except AssertionError:
            return
    pytest.fail(f"the simulator does not see the bug {name}: its silence means nothing")
