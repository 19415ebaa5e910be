"""`bench sim`: it runs real seeds, and one that fails is named with the command that replays it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench import sim as bench_sim
from tests.store import planted, sim
from tests.store.test_sim import FOUND


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
def test_every_planted_bug_is_looked_for_by_the_bench_and_by_the_suite_but_for_the_rare_ones() -> None:
    assert set(bench_sim.PLANTED) == set(FOUND) == set(planted.BUGS) - planted.RARE


@pytest.mark.fast
def test_a_stopped_run_goes_on_where_it_was_and_only_on_the_same_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, lives = tmp_path / "lives", [bench_sim.Life(seed, "", 1, 2, 3, 4) for seed in (7, 8, 30)]
    monkeypatch.setattr(report, "commit", lambda: "a1")
    assert bench_sim.kept(file, range(5, 10)) == {}
    assert list(bench_sim._keeping(iter(lives), file)) == lives
    assert bench_sim.kept(file, range(5, 10)) == {7: lives[0], 8: lives[1]}
    monkeypatch.setattr(report, "commit", lambda: "a2")
    assert bench_sim.kept(file, range(5, 10)) == {}
    file.write_text(file.read_text() + '{"commit": "a2", "life": {"see')
    with pytest.raises(SystemExit, match="line 4 is no life"):
        bench_sim.kept(file, range(5, 10))
