"""cluster voters: what can be set, and what it means for the autopilot."""

from __future__ import annotations

import pytest
from pool_kit import Pool

from gd2raft.core.plan import Refused

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("voters", [0, 1, 3, 5, 7])
def test_an_odd_number_of_voters_or_auto_is_kept_in_the_pools_state(voters: int) -> None:
    pool = Pool()
    assert pool.do("cluster-voters", None, voters=voters).outcome == "done"
    cluster = pool.view().cluster()
    assert cluster is not None and (cluster.voters, cluster.replace_after_s) == (voters, 60)


@pytest.mark.parametrize(("voters", "why"), [(2, "even"), (4, "even"), (6, "even"), (8, "slower"), (9, "slower"), (-1, "not possible")])
def test_another_number_of_voters_is_refused_with_the_reason(voters: int, why: str) -> None:
    with pytest.raises(Refused, match=why) as caught:
        Pool().plan("cluster-voters", voters=voters)
    assert "1, 3, 5 or 7" in caught.value.hint


@pytest.mark.parametrize("seconds", [0, 4, -1, 86401])
def test_a_lost_voter_is_not_replaced_too_soon_nor_never(seconds: int) -> None:
    with pytest.raises(Refused, match="can't be replaced") as caught:
        Pool().plan("cluster-voters", replace_after_s=seconds)
    assert "5 to 86400" in caught.value.hint


def test_nothing_to_set_is_refused() -> None:
    with pytest.raises(Refused, match="nothing to set"):
        Pool().plan("cluster-voters")
