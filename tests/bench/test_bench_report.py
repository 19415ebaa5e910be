"""Statistics, tables and the marked sections of docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as entry
from bench.commands import OPERATIONS, main, result
from bench.report import Comparison, Samples, file_system, markdown, percentile, plot, replace_section

pytestmark = pytest.mark.fast


def measured(factor: float = 0.25) -> Comparison:
    samples = Samples()
    for name in OPERATIONS:
        for value in (0.1, 0.2, 0.4):
            samples.add("theirs", name, value)
            samples.add("ours", name, value * factor)
    return Comparison(samples, ["ours", "theirs"], OPERATIONS, {"create": 0.5, "start": 0.2})


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile([5.0], 99) == 5.0
    assert percentile([float(n) for n in range(1, 101)], 99) == 99.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert percentile([1.0, 2.0, 3.0], 0) == 1.0


def test_the_table_compares_medians_and_says_which_goal_is_missed() -> None:
    rows = {row[0]: row for row in measured().table()}
    assert rows["create"][1:5] == ["50", "25 - 100", "100", "3"]
    assert rows["create"][5] == "200"
    assert rows["create"][-2:] == ["0.250", "0.5 met"]
    assert rows["start"][-2:] == ["0.250", "0.2 MISSED"]
    assert rows["info"][-1] == ""
    assert markdown(measured().table()).splitlines()[1].count("---") == len(rows["create"])


def test_what_was_not_measured_can_not_be_shown() -> None:
    with pytest.raises(KeyError, match="no sample of create by ours"):
        Comparison(Samples(), ["ours"], ["create"]).table()


def test_the_json_object_has_the_promised_shape() -> None:
    found = result(measured())
    assert list(found) == ["name", "ours_over_theirs", "ours_ms", "theirs_ms"]
    assert found["ours_over_theirs"] == dict.fromkeys(OPERATIONS, 0.25)
    assert found["ours_ms"] == dict.fromkeys(OPERATIONS, 50.0)


def test_a_section_is_replaced_and_the_rest_of_the_page_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    replace_section(page, "a", "first")
    replace_section(page, "b", r"other \1")
    page.write_text(page.read_text() + "\nby hand\n")
    replace_section(page, "a", r"second \g<0>")
    text = page.read_text()
    assert "first" not in text
    assert text.startswith("# Benchmarks")
    assert text.index("<!-- bench:a -->\nsecond \\g<0>\n<!-- end -->") < text.index("other \\1") < text.index("by hand")


def test_the_same_numbers_draw_the_same_plot(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        plot(tmp_path / name, "Title", measured())
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    assert file_system(Path("/proc/self")) == "proc"


def test_wrong_words_are_refused_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main([]) == 2
    assert entry.main(["nosuch"]) == 2
    assert "there are: commands" in capsys.readouterr().err
    assert main(["--rounds", "0"]) == 2
    assert main(["--only", "ours", "--json"]) == 2
    assert "without --json" in capsys.readouterr().err
