"""`bench chaos`: a short run on real daemons keeps every promise, and its checks find what they are for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.chaos import verdict
from bench.chaos.clients import Book, LocalRead
from bench.chaos.verdict import State

RUN_S = 300.0


@pytest.mark.real
@pytest.mark.timeout(360)
def test_half_a_minute_of_faults_breaks_no_promise(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "chaos", "--minutes", "0.5", "--json", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["lost"] == told["violations"] == 0
    assert told["faults"] >= 3 and told["acknowledged"] > 50


@pytest.mark.fast
def test_a_refused_write_that_somebody_reads_is_a_violation() -> None:
    book = Book()
    number = book.invoke("c", "read", "r")
    book.refuse("c.1")
    book.done(number, value=b"c.2")
    assert verdict.judge_refused(book) == []
    book.saw(LocalRead("peer1", 1, "r", "c.1", 5, 5))
    assert verdict.judge_refused(book) == ["'c.1' was refused, and read"]


@pytest.mark.fast
def test_local_reads_are_held_to_their_labels() -> None:
    def read(peer: str, value: str, revision: int, etag: int, life: int = 1) -> LocalRead:
        return LocalRead(peer, life, "r", value, revision, etag)

    old, new = read("peer1", "a", 7, 5), read("peer2", "b", 9, 8)
    assert verdict.judge_local_reads([old, new, read("peer1", "b", 8, 8)]) == []
    other_value, too_old, back = read("peer3", "x", 7, 5), read("peer3", "a", 8, 5), read("peer2", "a", 7, 5)
    assert "differs from 'a'" in verdict.judge_local_reads([old, new, other_value])[0]
    assert "lacks the change of revision 8" in verdict.judge_local_reads([old, new, too_old])[0]
    assert "older than what the same peer showed" in verdict.judge_local_reads([old, new, back])[0]
    assert verdict.judge_local_reads([old, new, read("peer2", "a", 7, 5, life=2)]) == []


@pytest.mark.fast
def test_a_lost_write_is_a_history_without_an_order() -> None:
    book = Book()
    book.done(book.invoke("c", "write", "r", b"c.1"))
    assert verdict.judge_history(book.history()) == []
    book.done(book.invoke("final", "read", "r"), value=None)
    assert "not linearizable" in verdict.judge_history(book.history())[0]


@pytest.mark.fast
def test_states_that_differ_are_named_with_their_keys() -> None:
    one, other = State("peer1", 9, 4, "aa", {"k": b"1"}), State("peer2", 9, 4, "bb", {"k": b"2"})
    assert verdict.judge_states([one, one]) == []
    assert "keys: ['k']" in verdict.judge_states([one, other])[0]
