"""The bench of many peers, with few: real daemons forked from one process, and what it finds is true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from bench import crowd, namespaces, peers_report, report, rivals, theirs
from bench.board import REMEMBERED, Board
from bench.curve import fit
from bench.peers import all_at_once
from bench.sides import NotDone

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.fast
def test_the_board_knows_when_each_peer_had_each_revision(tmp_path: Path) -> None:
    board = Board.make(tmp_path / "board", 3)
    board.reached(1, 5, 10.0)
    Board(tmp_path / "board").reached(1, 7, 11.0)
    assert (board.revision(1), board.revision(0)) == (7, 0)
    assert [board.time_of(1, revision) for revision in (5, 6, 7, 8)] == [10.0, 11.0, 11.0, None]
    board.reached(1, 7 + REMEMBERED, 12.0)
    assert board.time_of(1, 7) is None, "too long ago, and another's time must not be taken for its own"
    board.forget(1)
    assert board.revision(1) == 0


@pytest.mark.fast
def test_more_peers_than_the_machine_can_hold_are_refused_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GiB" in (crowd.why_not(10_000_000) or "")
    monkeypatch.setattr(crowd, "PEER_MIB", 0.0)
    monkeypatch.setattr(crowd, "EACH_OTHER_MIB", 0.0)
    assert "process ids" in (crowd.why_not(1_000_000) or "")
    assert crowd.why_not(1) is None


@pytest.mark.fast
def test_no_small_hole_is_left_in_the_memory_of_a_process_that_settles() -> None:
    program = """
from bench import holes
kept = [bytes(100) for _ in range(20000)]
del kept[::2]
before = sum(size * free for size, free in holes.free_blocks().items())
holes.settle()
print(before, sum(size * free for size, free in holes.free_blocks().items()))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    before, after = map(int, done.stdout.split())
    assert before > 1_000_000 and after < before / 10, done.stderr  # what is left is in pools that were begun just now


@pytest.mark.fast
def test_two_crowds_at_once_have_different_addresses_and_a_crowd_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "NETWORKS", ("127.31", "127.32"))
    with crowd.claimed_network() as one:
        with crowd.claimed_network() as other:
            assert {one, other} == {"127.31", "127.32"}
            with pytest.raises(NotDone, match="2 crowds"), crowd.claimed_network():
                pass
        with crowd.claimed_network() as again:
            assert again == other


@pytest.mark.fast
def test_a_curve_has_the_terms_that_the_points_show_and_no_others() -> None:
    sizes = (3, 8, 16, 32, 48)
    square, line, flat = (fit([(n, value(n)) for n in sizes]) for value in (lambda n: 4 + n * n / 2, lambda n: 30 * n, lambda _: 7.0))
    assert square and line and flat
    assert (str(square), str(line), str(flat)) == ("4 + 0.5 n²", "30 n", "7")
    counted = fit([(n, 8 * (n - 1) + n * (n - 1)) for n in sizes])
    assert counted and str(counted) == "-8 + 7 n + 1 n²"
    noisy = fit([(n, (40 + 3 * n * n) * (1.1 if n == 16 else 1)) for n in sizes])
    assert noisy and 0.01 < noisy.residual < 0.1 and noisy.at(1000) == pytest.approx(3e6, rel=0.1)
    assert fit([(3, 1.0)]) is None, "one point is on every curve"


@pytest.mark.fast
def test_more_glusterds_than_the_machine_can_hold_are_refused_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (namespaces, theirs):
        monkeypatch.setattr(module, "why_not", lambda: None)
    assert "glusterds need about" in (rivals.why_not(10_000_000) or "")
    assert rivals.why_not(3) is None


@pytest.mark.fast
def test_the_report_has_the_opponent_below_ours_with_what_is_extrapolated_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "DOCS", tmp_path)
    (tmp_path / "plots").mkdir()
    for name, sizes in (("peers", (3, 1000)), ("glusterd", (3, 8, 32))):
        for n in sizes:
            everywhere = {"form_s": 1.0, "memory_mib_median": 20.0, "messages_per_create": 4, "packets_per_create": 8 * n}
            found = {**everywhere, "peers": n, "create_ms": 20.0 + n * n, "commit": "c", "machine": "m", "version": "10.3"}
            (tmp_path / "plots" / f"{name}-{n}.json").write_text(json.dumps(found))
    peers_report.write_docs()
    page = (tmp_path / "benchmarks.md").read_text()
    assert page.index("| create, ms | 29 | 1000020 |") < page.index("glusterd 10.3") < page.index("| create, ms | 29 | 84 | 1044 |")
    assert "at 1000, extrapolated" in page and "| create, ms | 20 + 1 n² | 0 % | 10020 | 1000020 |" in page
    assert (tmp_path / "plots" / "peers.svg").exists()


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize("whose", [[], ["--glusterd"]], ids=["ours", "glusterd"])
def test_a_run_ended_by_a_signal_tells_what_it_has_found_and_cleans_up(tmp_path: Path, whose: list[str]) -> None:
    words = ["peers", *whose, "--peers", "3", "--only", "rest", "--json", "--folder", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        said = "".join(iter_until(process.stderr, "experiment: rest"))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1, said + err
    found = json.loads(out.splitlines()[-1])
    assert "SIGTERM" in found["failed"] and found["form_s"] > 0 and "idle_cores" not in found
    assert not os.listdir(tmp_path)
    assert not left_of(tmp_path)


@pytest.mark.real
@pytest.mark.timeout(300)
def test_a_small_pool_goes_through_the_experiments_and_nothing_is_left_behind(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "bench",
        "peers",
        "--peers",
        "7",
        "--only",
        "memory,commands,leader,tenth,storm",
        "--json",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["name"], found["peers"]) == ("peers", 7)
    assert all(found[name] > 0 for name in ("form_s", "memory_gib", "create_ms", "start_ms", "delete_ms", "leader_kill_s", "restart_all_s"))
    assert found["messages_per_create"] <= 8, "three peers are asked for one step before the changes, and answer"
    assert not os.listdir(tmp_path)
    assert not left_of(tmp_path)


@pytest.mark.real
@pytest.mark.timeout(300)
def test_three_real_glusterds_are_measured_by_the_same_bench_and_nothing_is_left_behind(tmp_path: Path) -> None:
    before = [(rivals.NEIGHBOURS / name).read_text() for name in rivals.THRESHOLDS]
    words = ["peers", "--glusterd", "--peers", "3", "--only", "memory,commands,lists", "--json", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words], cwd=ROOT, capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["name"], found["peers"], found["heal_daemons"]) == ("glusterd", 3, 3)
    commands = [
        f"{kind}_{what}" for kind in ("packets_per", "bytes_per", "cpu_ms_per") for what in ("create", "start", "set", "stop", "delete")
    ]
    assert all(found[name] > 0 for name in ("form_s", "memory_gib", "join_ms", "packets_per_join", "peer_list_ms", "create_ms", *commands))
    assert found["join_everywhere_ms"] >= found["join_ms"] and found["stop_ms"] > 1000, "glusterd sleeps in a stop"
    assert before == [(rivals.NEIGHBOURS / name).read_text() for name in rivals.THRESHOLDS]
    assert not os.listdir(tmp_path)
    assert not left_of(tmp_path)


def iter_until(lines: Iterable[str], word: str) -> Iterator[str]:
    """Lines up to one with the word in it, or the end."""
    for line in lines:
        yield line
        if word in line:
            return


def left_of(folder: Path) -> list[Path]:
    """Processes with the folder in their command line."""
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in (p.read_bytes() if p.exists() else b"")]


def test_a_writer_that_fails_makes_its_experiment_fail() -> None:
    """The catch-up of a thousand was once told as of 10,000 changes, of which the writers had given up some."""

    def writer(number: int) -> None:
        if number == 2:
            raise NotDone("no quorum")

    with pytest.raises(NotDone, match="no quorum"):
        all_at_once(writer, 4)
