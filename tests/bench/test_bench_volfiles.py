"""`bench volfiles`: cases are their seeds, differences are found and readable, and a few real cases agree with glusterd."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import ours, theirs, volfiles
from bench.namespaces import why_not
from bench.volfile_cases import Case, Seen
from bench.volfile_compare import (
    Before,
    asked_xlators,
    file_differences,
    intended,
    seen_differences,
    volfile_differences,
    volfiles_meant_to_differ,
)
from bench.volfile_sides import Outcome
from gd2volgen.tables import option_table

VOLFILE = "volume a\n    type storage/posix\n    option x 1\nend-volume\nvolume b\n    type debug/io-stats\n    subvolumes a\nend-volume\n"


@pytest.mark.fast
def test_a_case_is_decided_by_its_seed() -> None:
    seen = Seen("Created", "distribute", ("10.77.0.1:/run/b/VOL_1", "10.77.0.2:/run/b/VOL_2"))
    first, again, other = ([case.next(seen) for _ in range(4)] for case in (Case(seed, option_table()) for seed in (7, 7, 8)))
    assert first == again != other


@pytest.mark.fast
def test_a_changed_option_a_missing_block_and_a_missing_file_are_told() -> None:
    assert list(file_differences(VOLFILE, VOLFILE)) == []
    assert list(file_differences(VOLFILE, VOLFILE.replace("x 1", "x 2"))) == ["a (storage/posix): x = '2', glusterd '1'"]
    assert "ours also has []" in next(file_differences(VOLFILE, VOLFILE.split("volume b")[0]))
    assert list(volfile_differences({"v.vol": VOLFILE}, {})) == ["v.vol: ours makes no such file"]
    assert list(seen_differences(Seen("Started"), Seen("Stopped"))) == ["info: state is 'Stopped', glusterd 'Started'"]


@pytest.mark.fast
def test_only_what_is_listed_may_differ() -> None:
    yes, no = Outcome(True, ""), Outcome(False, '{"message":"option a.b: it is wrong","code":"bad-option"}')
    assert intended(("reset", "v", "x.y"), yes, Outcome(False, '"not-set"'), Before()) is None
    assert intended(("set", "v", "x.y", "1"), yes, Outcome(False, "the disk is full"), Before()) is None
    assert intended(("start", "v"), no, yes, Before()) is None
    dead = Outcome(False, "volume-start is committed, but its effect isn't complete yet: /b does not come online")
    assert intended(("start", "v"), Outcome(False, "Commit failed on localhost"), dead, Before()) is not None
    assert intended(("start", "v"), Outcome(True, ""), dead, Before()) is None


@pytest.mark.fast
def test_a_wrong_value_may_differ_only_where_glusterd_has_no_xlator_to_ask() -> None:
    command, yes = ("set", "v", "performance.nl-cache-timeout", "7x"), Outcome(True, "")
    no = Outcome(False, '{"message":"option performance.nl-cache-timeout: \'7x\' is not a valid time","code":"bad-option"}')
    assert intended(command, yes, no, Before(frozenset({"protocol/client"}))) is not None
    assert intended(command, yes, no, Before(frozenset({"protocol/client", "performance/nl-cache"}))) is None


@pytest.mark.fast
def test_glusterd_asks_the_xlators_of_bricks_and_clients_not_those_of_daemons_that_an_earlier_volume_may_have_left() -> None:
    files = {"v.h.b.vol": VOLFILE, "v.tcp-fuse.vol": VOLFILE.replace("posix", "client")}
    left = {"quotad.vol": VOLFILE.replace("posix", "quota"), "bitd-server.vol": VOLFILE.replace("posix", "bit-rot")}
    assert asked_xlators(files | left) == {"storage/posix", "storage/client", "debug/io-stats"}


@pytest.mark.fast
def test_rdma_has_a_line_of_its_own_among_the_wrong_values() -> None:
    no = Outcome(False, '{"message":"option config.transport: \'tcp,rdma\' is not valid, allowed are tcp","code":"bad-option"}')
    meant = intended(("set", "v", "config.transport", "tcp,rdma"), Outcome(True, ""), no, Before())
    assert meant is not None and meant.parts and "rdma" in meant.why


@pytest.mark.fast
@pytest.mark.parametrize("name", ["features.limit-usage", "limit-usage"])
def test_what_glusterd_keeps_where_it_shows_it_nowhere_ends_a_life_whichever_option_ours_refused_first(name: str) -> None:
    no = Outcome(False, '{"message":"option performance.nl-cache-timeout: \'7x\' is not a valid time","code":"bad-option"}')
    meant = intended(("set", "v", "performance.nl-cache-timeout", "7x", name, "text"), Outcome(True, ""), no, Before())
    assert meant is not None and meant.parts and "limit-usage" in meant.why


@pytest.mark.fast
def test_a_forced_removal_beside_a_pending_one_may_differ_and_no_other_removal() -> None:
    yes, no = Outcome(True, ""), Outcome(False, '{"code":"remove-brick-pending"}')
    assert intended(("remove-brick", "v", "h:/b", "force"), yes, no, Before()) is not None
    assert intended(("remove-brick", "v", "h:/b", "start"), yes, no, Before()) is None
    assert intended(("remove-brick", "v", "h:/b", "force"), yes, Outcome(False, '{"code":"not-decommissioned"}'), Before()) is None


@pytest.mark.fast
def test_a_start_may_fail_in_glusterd_alone_only_with_memory_accounting() -> None:
    yes, no = Outcome(True, ""), Outcome(False, "volume start: v: failed: Commit failed on localhost.")
    assert intended(("start", "v"), no, yes, Before(options={"config.memory-accounting": "Enable"})) is not None
    assert intended(("start", "v"), no, yes, Before(options={"config.memory-accounting": "off"})) is None
    assert intended(("start", "v"), no, yes, Before()) is None


@pytest.mark.fast
def test_volfiles_may_differ_only_with_two_debug_xlators_or_after_glusterd_failed_at_its_commit_what_ours_refused() -> None:
    yes, no, late = Outcome(True, ""), Outcome(False, "no such option"), Outcome(False, "Commit failed on localhost.")
    one, two = ({"debug.trace": "posix", name: "locks"} for name in ("features.shard", "debug.delay-gen"))
    assert volfiles_meant_to_differ(Seen("Created", options=one), yes, yes) is None
    assert volfiles_meant_to_differ(Seen("Created", options=two), yes, yes) is not None
    assert volfiles_meant_to_differ(Seen("Created"), late, no) is not None
    assert volfiles_meant_to_differ(Seen("Created"), no, no) is volfiles_meant_to_differ(Seen("Created"), late, yes) is None


@pytest.mark.fast
def test_that_second_copies_come_first_is_meant_for_add_brick_only() -> None:
    no = Outcome(False, '{"code":"copies-first"}')
    assert intended(("add-brick", "v", "replica", "3", "h:/b"), Outcome(True, ""), no, Before()) is not None
    assert intended(("set", "v", "x.y", "1"), Outcome(True, ""), no, Before()) is None


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(why_not() or theirs.why_not() or ours.why_not()), reason="needs root, glusterd and this package installed")
def test_some_random_volumes_are_equal_on_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert volfiles.main(["--random", "5", "--seed", "110", "--json", "--folder", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert '{"name": "volfiles", "cases": 5, "different": 0, "seed": 110}' in shown
    assert "meant to differ, 1 times: a value of the wrong type" in shown
    assert " 0 ended early" in shown, "glusterd took a value that ours refused, and it was not taken from it again"
