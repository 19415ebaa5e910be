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

from bench import crowd
from bench.board import REMEMBERED, Board
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


@pytest.mark.real
@pytest.mark.timeout(120)
def test_a_run_ended_by_a_signal_tells_what_it_has_found_and_cleans_up(tmp_path: Path) -> None:
    words = ["peers", "--peers", "3", "--only", "rest", "--json", "--folder", str(tmp_path)]
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


def iter_until(lines: Iterable[str], word: str) -> Iterator[str]:
    """Lines up to one with the word in it, or the end."""
    for line in lines:
        yield line
        if word in line:
            return


def left_of(folder: Path) -> list[Path]:
    """Processes with the folder in their command line."""
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in (p.read_bytes() if p.exists() else b"")]
