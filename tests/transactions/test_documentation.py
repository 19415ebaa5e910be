"""docs/design/transactions.md says what the code says: its table of commits is made from core.phases.MOVES."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gd2raft.core.liveness import LEASE_S
from gd2raft.core.phases import MOVES, POSSIBLE, Phase
from gd2raft.core.plan import LOCK_WAIT_S
from gd2raft.engine import caretaker, leader
from gd2raft.rpc.limits import RpcLimits

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "design" / "transactions.md").read_text()


def table() -> str:
    def name(phase: Phase | None) -> str:
        return phase.value if phase is not None else "-"

    return "\n".join(f"| {name(m.old)} | {name(m.new)} | {m.why} |" for m in MOVES)


def test_the_table_of_commits_is_that_of_the_code() -> None:
    assert table() in TEXT, f"put this into docs/design/transactions.md:\n{table()}"


def test_every_phase_can_be_entered_and_left() -> None:
    assert {new for _, new in POSSIBLE} >= set(Phase)
    assert {old for old, _ in POSSIBLE} >= set(Phase)


def test_what_is_committed_is_never_undone_again() -> None:
    assert {new for old, new in POSSIBLE if old is Phase.COMPLETING} == {Phase.COMPLETING, None}


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (r"waited for up to (\d+) s", LOCK_WAIT_S),
        (r"out of sight for (\d+) s", LEASE_S),
        (r"commit has (\d+) s", leader.COMMIT_TIMEOUT_S),
        (r"tries its undos again every (\d+) s", caretaker.RETRY_S),
        (r"last (\d+) answers", leader.RESULTS_KEPT),
        (r"takes to notice \((\d+) s\)", LEASE_S),
        (r"lost after (\d+) s of silence", RpcLimits().dead_after_s),
    ],
)
def test_a_number_in_the_text_is_that_of_the_code(pattern: str, value: float) -> None:
    found = re.search(pattern, " ".join(TEXT.split()))
    assert found is not None
    assert float(found[1]) == value


def test_tests_that_the_text_names_exist() -> None:
    for file in re.findall(r"`(tests/\S+\.py)`", TEXT):
        assert (ROOT / file).exists(), file
