"""`bench sim`: it runs real seeds, and one that fails is named with the command that replays it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import sim as bench_sim
from tests.store import planted, sim


def test_a_run_counts_what_happened_in_it() -> None:
    life = bench_sim.live(1)
    assert life.problem == "" and min(life.writes, life.reads, life.entries, life.leaders) > 0


@pytest.mark.fast
def test_a_failing_seed_is_shown_with_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(seed: int, **_: Any) -> None:
        raise AssertionError(f"seed {seed}: a write was lost")

    monkeypatch.setattr(sim, "run", broken)
    said: list[str] = []
    lives = list(bench_sim._watched(iter([bench_sim.live(77)]), 1, said.append))
    assert said == ["FAILED: AssertionError: seed 77: a write was lost\n  replay: python -m tests.store.sim 77"]
    shown = bench_sim._json(lives, lives, [("stale_read", 64, "...")])
    assert json.loads(json.dumps(shown)) == {
        "name": "sim",
        "runs": 1,
        "failed": 1,
        "failed_seeds": [77],
        "planted": {"stale_read": 64},
    }


@pytest.mark.fast
def test_every_planted_bug_that_is_promised_exists() -> None:
    assert set(bench_sim.PLANTED) <= set(planted.BUGS)
