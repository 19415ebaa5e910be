"""`bench life`: a short life on real daemons and bricks loses no file, and its checks find what they are for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench import report
from bench.life import files, run, tables
from bench.life.files import Found, Ledger, Writer
from bench.life.tables import Outcome, Phase

FILES = 60
RUN_S = 400.0


@pytest.mark.real
@pytest.mark.timeout(460)
def test_a_volume_lives_through_everything_under_kill_9_and_no_file_is_lost(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "bench",
        "life",
        "--files",
        str(FILES),
        "--every",
        "2",
        "--seed",
        "11",
        "--json",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == told["missing"] == told["errors"] == told["violations"] == 0
    assert told["files"] > FILES and told["kills"] >= 3
    assert told["moved"] >= FILES, "the removed bricks held at least what was there before"


@pytest.mark.parametrize("arguments", [["--files", "0"], ["--files", "many"], ["--every", "0"], ["--seed", "x"]])
@pytest.mark.fast
def test_what_can_not_be_done_is_said_at_once(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run.main(arguments)
    assert caught.value.code == 2 and arguments[0] in capsys.readouterr().err


def written(root: Path, count: int = 20, name: str = "w") -> Ledger:
    ledger = Ledger()
    root.mkdir(exist_ok=True)
    writer = Writer(root, name, ledger, "7", count=count)
    writer.run()
    return ledger


@pytest.mark.fast
def test_files_are_decided_by_their_seed(tmp_path: Path) -> None:
    ledger = written(tmp_path / "one")
    assert ledger.sums == written(tmp_path / "two").sums and len(ledger.sums) == 20
    assert ledger.sums != written(tmp_path / "three", name="x").sums
    assert files.compare(tmp_path / "one", ledger).violations() == []


@pytest.mark.fast
def test_a_changed_a_missing_and_a_strange_file_are_found(tmp_path: Path) -> None:
    ledger = written(tmp_path)
    wrong, missing = list(ledger.sums)[:2]
    (tmp_path / wrong).write_bytes(b"other")
    (tmp_path / missing).unlink()
    (tmp_path / "nobody's").write_bytes(b"")
    found = files.compare(tmp_path, ledger)
    assert found == Found([wrong], [missing], [], [], ["nobody's"])
    assert len(found.violations()) == 3
    assert sorted(files.lacking(tmp_path, ledger.sums, ledger)) == sorted([wrong, missing])


@pytest.mark.fast
def test_a_file_that_could_not_be_written_is_an_error_and_not_acknowledged(tmp_path: Path) -> None:
    ledger = written(tmp_path, 3)
    again = Writer(tmp_path, "w", ledger, "8", count=1)
    again.run()
    assert len(ledger.errors) == 1 and ledger.doubtful == {"d0/w-0"} and len(ledger.sums) == 3


@pytest.mark.fast
def test_a_pointer_of_distribute_is_not_data(tmp_path: Path) -> None:
    (tmp_path / ".glusterfs").mkdir()
    (tmp_path / ".glusterfs" / "x").write_bytes(b"x")
    (tmp_path / "pointer").touch()
    (tmp_path / "pointer").chmod(files.POINTER)
    assert files.left_on(tmp_path) == []
    (tmp_path / "data").touch()
    assert files.left_on(tmp_path) == ["data"]


OUTCOME = Outcome(
    seed=7,
    files=100,
    every_s=3.0,
    phases=[Phase("fill", 2.0, 1, 0, 0, 0, 100), Phase("rebalance", 10.0, 4, 1, 2, 60, 20)],
    acknowledged=120,
    repeated=Counter({"no answer": 2}),
    found=Found([], [], [], [], []),
    errors=[],
    violations=[],
    informed=1,
    clients=2,
)


@pytest.mark.fast
def test_an_outcome_is_one_json_object_and_one_section_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"name": "life", "files": 120, "kills": 5, "repeated": 2, "moved": 60, "wrong": 0, "missing": 0, "violations": 0, "seed": 7}
    assert wanted.items() <= tables.as_json(OUTCOME).items()
    monkeypatch.setattr(report, "DOCS", tmp_path)
    tables.write_docs(OUTCOME, "--files 100 --seed 7")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "<!-- bench:life -->" in text and "`./dev bench life --files 100 --seed 7 --write-docs`" in text
    assert "| rebalance | 10.0 | 4 | 1 | 2 | 60 | 20 |" in text and "| all | 12.0 | 5 | 1 | 2 | 60 | 120 |" in text
    assert "120 files acknowledged: 0 with a wrong checksum, 0 missing" in text
