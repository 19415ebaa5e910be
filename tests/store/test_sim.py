"""Whole pools from seeds: a fixed share of them here; `python -m tests.store.sim SEED PEERS` replays one with a trace."""

from __future__ import annotations

import os

import pytest

from gd2raft.engine.leader import LeaderEngine
from tests.store import planted, sim, simtransactions

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


@pytest.mark.parametrize("block", range(3))
def test_simulated_transactions_end_done_or_undone_and_free_their_locks(block: int) -> None:
    ended = []
    for seed in range(20_000 + block * 4, 20_000 + (block + 1) * 4):
        ended += [said for _, said in simtransactions.run(seed, peers=sim.peers_of(seed)).answers]
    assert "done" in ended and len(set(ended)) > 1, f"the commands met nothing: {ended}"


def test_a_seed_with_transactions_replays_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    def life() -> str:
        simtransactions.run(20_001, trace=True)
        return capsys.readouterr().out

    assert life() == life()


def test_a_failing_run_names_its_seed_and_replays_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    def failure() -> tuple[str, str]:
        with planted.BUGS["cut_what_matches"](), pytest.raises(AssertionError) as caught:
            for seed in range(20):
                capsys.readouterr()
                sim.run(seed, peers=sim.peers_of(seed), trace=True)
        return str(caught.value), capsys.readouterr().out

    message, trace = failure()
    assert message.startswith("seed ") and len(trace.splitlines()) > 5
    assert failure() == (message, trace)


async def _nothing_resumed(_engine: object) -> None:
    """Planted: the next leader leaves alone what the one before had begun."""


@pytest.mark.timeout(600)
def test_a_planted_bug_of_transactions_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaderEngine, "resume_all", _nothing_resumed)
    for seed in range(200):
        try:
            simtransactions.run(seed, peers=sim.peers_of(seed))
        except AssertionError:
            return
    pytest.fail("the simulator does not see it: its silence means nothing")


@pytest.mark.parametrize("seed", [1000277, 900005, 10006522])
def test_a_seed_that_once_failed_does_not_fail_again(seed: int) -> None:
    """1000277: a client waited for the last 1e-16 s of its time without end. 900005: a leader removed a voter, who had the entry, and crashed
    before it had it itself: nobody could be elected any more. 10006522: a log snapshot from the leader took the place of a state that had grown beyond it meanwhile."""
    sim.run(seed, peers=sim.peers_of(seed))


@pytest.mark.parametrize("seed", [7001364, 10001280, 20001992, 20018648])
def test_a_seed_with_transactions_that_once_failed_does_not_fail_again(seed: int) -> None:
    """7001364: a peer that started again undid by its old state what it had undone before, and what a later command was built upon.
    10001280: a command that came again was planned on an old state, planned anew, and refused for its own effect.
    20001992, 20018648: an undo that a peer could not do at first was tried again after a later command had changed the same thing there."""
    simtransactions.run(seed, peers=sim.peers_of(seed))


def test_new_seeds_keep_every_promise_too() -> None:
    """The message of a failure names the seed: `python -m tests.store.sim SEED PEERS` replays it."""
    first = int.from_bytes(os.urandom(4), "big")
    for seed in range(first, first + 6):
        sim.run(seed, peers=sim.peers_of(seed))


FOUND = (
    "acknowledge_before_fsync",
    "vote_twice",
    "stale_read",
    "commit_before_own_fsync",
    "forget_the_vote",
    "cut_what_matches",
    "propose_after_the_deadline",
    "apply_twice",
    "answer_before_applied_here",
    "deadline_from_arrival",
    "two_votes",
    "two_changes_at_once",
)
"""Planted bugs that one of SEEDS_MAX seeds must find. `./dev bench sim` shows after how many; test_guard.py has a scene for each."""

SEEDS_MAX = 200
FIRST = {"stale_read": 10, "two_votes": 60, "two_changes_at_once": 90}
"""Where the search begins, to find it soon (the bench begins at 0)."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FOUND)
def test_a_planted_bug_is_found(name: str) -> None:
    first = FIRST.get(name, 0)
    for seed in range(first, first + SEEDS_MAX):
        try:
            with planted.BUGS[name]():
                sim.run(seed, peers=sim.peers_of(seed))
        except AssertionError:
            return
    pytest.fail(f"the simulator does not see the bug {name}: its silence means nothing")
