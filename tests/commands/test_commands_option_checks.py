"""Options whose values depend on the bricks of the volume: what one volume takes, another refuses, and says what it would take."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pool_kit import Pool

from gd2raft.commands import option_checks
from gd2raft.core import model
from gd2raft.core.plan import Refused

pytestmark = pytest.mark.fast

KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "dist3": (3, {}),
    "rep3": (3, {"replica": 3}),
    "distrep": (6, {"replica": 3}),
    "disp": (6, {"disperse": 6, "redundancy": 2}),
    "distdisp": (6, {"disperse": 3, "redundancy": 1}),
}
"""Bricks, and glusterd's words."""


def volume(kind: str) -> model.Volume:
    bricks, words = KINDS[kind]
    fields = {"disperse_redundancy" if name == "redundancy" else name: value for name, value in words.items()}
    return Pool().volume("v", *(f"node{1 + i % 3}:/b/{i}" for i in range(bricks)), force=True, **fields)


def check(kind: str, **options: str) -> None:
    names = {"read": option_checks.READ_SUBVOLUME, "spread": option_checks.DIRECTORY_SPREAD}
    names |= {"quorum": option_checks.DISPERSE_QUORUM, "timeout": option_checks.HEAL_TIMEOUT}
    option_checks.check(volume(kind), {names[short]: value for short, value in options.items()})


ACCEPTED = [
    ("dist3", "read", "v-client-0"),
    ("distrep", "read", "v-client-5"),
    ("dist3", "spread", "1"),
    ("dist3", "spread", "3"),
    ("distrep", "spread", "2"),
    ("rep3", "spread", "1"),
    ("distdisp", "spread", "2"),
    ("disp", "quorum", "4"),
    ("disp", "quorum", "6"),
    ("distdisp", "quorum", "2"),
    ("distdisp", "quorum", "3"),
    ("rep3", "quorum", "100"),  # of no meaning there, and so of no harm
    ("disp", "timeout", "60"),
    ("rep3", "timeout", "5"),
    ("dist3", "timeout", "5"),
]

REFUSED = [
    ("dist3", "read", "v-client-3", "v-client-0, v-client-1, v-client-2"),
    ("rep3", "read", "w-client-0", "v-client-0"),
    ("rep3", "read", "v-replicate-0", "v-client-0"),
    ("rep3", "read", "", "v-client-0"),
    ("rep3", "read", "v-client-00", "v-client-0"),
    ("dist3", "spread", "4", "the 3 subvolumes"),
    ("rep3", "spread", "2", "the 1 subvolumes"),
    ("distrep", "spread", "3", "the 2 subvolumes"),
    ("disp", "spread", "2", "the 1 subvolumes"),
    ("disp", "quorum", "3", "4 to 6"),
    ("disp", "quorum", "7", "4 to 6"),
    ("disp", "quorum", "0", "4 to 6"),
    ("distdisp", "quorum", "1", "2 to 3"),
    ("disp", "timeout", "59", "60 or more"),
    ("distdisp", "timeout", "5", "60 or more"),
]


@pytest.mark.parametrize(("kind", "option", "value"), ACCEPTED)
def test_a_value_that_the_bricks_of_the_volume_allow_is_taken(kind: str, option: str, value: str) -> None:
    check(kind, **{option: value})


@pytest.mark.parametrize(("kind", "option", "value", "says"), REFUSED)
def test_a_value_that_they_do_not_allow_is_refused_with_what_they_would(kind: str, option: str, value: str, says: str) -> None:
    with pytest.raises(Refused) as caught:
        check(kind, **{option: value})
    assert caught.value.code == "bad-option" and caught.value.http == 400
    assert says in f"{caught.value.message} {caught.value.hint}" and (not value or value in caught.value.message)


def test_of_several_options_one_bad_one_is_enough() -> None:
    check("disp", quorum="5", timeout="60", spread="1")
    with pytest.raises(Refused, match="heal-timeout"):
        check("disp", quorum="5", timeout="10", spread="1")


def test_options_that_are_not_changed_and_values_that_are_no_numbers_are_not_its_business() -> None:
    option_checks.check(volume("disp"), {"performance.io-cache": "on"})
    check("disp", quorum="many", spread="all", timeout="soon")  # the option table refuses these before


def test_a_volume_with_many_bricks_has_the_first_of_them_named_only() -> None:
    with pytest.raises(Refused) as caught:
        check("distrep", read="nothing")
    assert "v-client-5" in caught.value.hint and "..." not in caught.value.hint
    big = Pool().volume("v", *(f"node{1 + i % 3}:/b/{i}" for i in range(9)), force=True)
    with pytest.raises(Refused) as caught:
        option_checks.check(big, {option_checks.READ_SUBVOLUME: "x" * 5000})
    assert caught.value.hint.endswith("v-client-5, ...") and len(caught.value.message) < 500


def test_a_replaced_bricks_xlator_keeps_the_number_that_it_has_for_life() -> None:
    """After a remove-brick the numbers have a gap: the name counts, not how many bricks there are."""
    grown = volume("dist3")
    first, *others = grown.subvols[0].bricks if len(grown.subvols) == 1 else [s.bricks[0] for s in grown.subvols]
    assert first.index == 0
    smaller = msgspec.structs.replace(grown, subvols=(msgspec.structs.replace(grown.subvols[0], bricks=tuple(others)),))
    option_checks.check(smaller, {option_checks.READ_SUBVOLUME: "v-client-2"})
    with pytest.raises(Refused):
        option_checks.check(smaller, {option_checks.READ_SUBVOLUME: "v-client-0"})
    with pytest.raises(Refused):
        option_checks.check(smaller, {option_checks.DIRECTORY_SPREAD: "3"})


def test_volume_set_asks_for_these_checks_and_leaves_what_is_set_already_alone() -> None:
    pool = Pool()
    pool.volume("v", *(f"node{1 + i % 3}:/b/{i}" for i in range(3)), force=True)
    with pytest.raises(Refused, match="subvols-per-directory"):
        pool.plan("volume-set", volume="v", options={"cluster.subvols-per-directory": "4"})
    assert pool.do("volume-set", None, volume="v", options={"cluster.subvols-per-directory": "3"}).outcome == "done"
