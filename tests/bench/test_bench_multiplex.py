"""What one process for many bricks saves and costs: a small round of the benchmark, as the design note tells it."""

from __future__ import annotations

import pytest

from bench.multiplex import Multiplexed, Ours, measure, table
from bench.namespaces import Rig, why_not


@pytest.mark.fast
def test_the_table_has_a_row_for_each_number_and_a_column_for_each_side() -> None:
    rows = table({"one": {"idle MiB": 12.345, "lost bricks": 20.0}, "other": {"idle MiB": 1.0, "lost bricks": 1.0}}).splitlines()
    assert rows[0] == "| | one | other |"
    assert rows[2:] == ["| idle MiB | 12.35 | 1 |", "| lost bricks | 20 | 1 |"]


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_killed_process_takes_all_bricks_where_they_share_it_and_one_here_which_comes_back() -> None:
    with Rig(1) as rig:
        shared = measure(Multiplexed(rig.hosts[0]), 2)
    with Rig(1) as rig:
        own = measure(Ours(rig.hosts[0]), 2)
    assert (shared["idle processes"], shared["lost bricks"]) == (1, 2)
    assert (own["idle processes"], own["lost bricks"], own["lost bricks 15 s later"]) == (2, 1, 0)
