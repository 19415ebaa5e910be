"""`bench chaos`: a short run on real daemons keeps every promise, and its checks find what they are for."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench import report
from bench.chaos import appends, commands, run, tables, verdict
from bench.chaos.clients import Book, LocalRead
from bench.chaos.restarts import Restart
from bench.chaos.tables import Outcome
from bench.chaos.verdict import State
from bench.door import Answer
from gd2raft.core import model

RUN_S = 300.0


@pytest.mark.real
@pytest.mark.timeout(360)
def test_a_minute_of_faults_breaks_no_promise(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "chaos", "--minutes", "1", "--json", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]  # what was violated comes last: a summary keeps the end
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["lost"] == told["violations"] == 0
    assert told["faults"] >= 5 and told["acknowledged"] > 100


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--minutes", "0"], "more than 0"),
        (["--peers", "4"], "invalid choice"),
        (["--only", "flood"], "no fault is called like 'flood' (on 3 peers, state on tmpfs); there are: kill one"),
        (["--only", "fill", "--state", "disk"], "no fault is called like 'fill'"),
        (["--only", "detach"], "no fault is called like 'detach' (on 3 peers"),
    ],
)
@pytest.mark.fast
def test_what_can_not_be_done_is_said_at_once(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run.main(arguments)
    assert caught.value.code == 2 and says in capsys.readouterr().err


OUTCOME = Outcome(
    kill_all=True,
    keys=1000,
    seed=7,
    minutes=1.0,
    peers=3,
    faults=Counter({"kill all": 2}),
    counts=Counter({"write done": 5, "append done": 1003, "write unknown": 1}),
    violations=[],
    odd=Counter(),
    recoveries=[],
    restarts=[Restart(1.0, 2.0, 0.5), Restart(1.5, 2.5, 0.6)],
    lost=0,
)


@pytest.mark.fast
def test_an_outcome_is_one_json_object_and_one_section_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tables.as_json(OUTCOME)
    wanted = {"name": "chaos", "minutes": 1.0, "peers": 3, "faults": 2, "acknowledged": 1008, "lost": 0, "violations": 0, "seed": 7}
    assert wanted.items() <= told.items()
    monkeypatch.setattr(report, "DOCS", tmp_path)
    tables.write_docs(OUTCOME, "disk", "abc1234", "--kill-all --seed 7")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "`./dev bench chaos --kill-all --seed 7 --write-docs`" in text
    assert "<!-- bench:chaos-kill-all -->" in text and "commit abc1234, seed 7" in text and "**0 lost, 0 violations**" in text
    assert "| every daemon has served a read | 1.00 | 1.50 | 1.50 | 2 |" in text


@pytest.mark.fast
def test_unexpected_answers_are_counted_by_kind_whatever_names_and_request_ids_they_carry() -> None:
    def refusal(status: int, message: str, request: str) -> Answer:
        return Answer(status, {}, {"errors": [{"code": 1, "message": message, "fields": {"code": "c", "request-id": request}}]})

    book = Book()
    for number in range(3):
        book.strange(refusal(404, f"volume r{number} does not exist", str(number)))
        book.strange(refusal(500, "the disk failed", str(number)))
    book.strange(Answer(502, {}, None))
    assert book.odd == {"404 c": 3, "500 c: the disk failed": 3, "502: null": 1}


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
    clock = itertools.count()

    def read(peer: str, value: str, revision: int, etag: int, life: int = 1) -> LocalRead:
        return LocalRead(peer, life, "r", value, revision, etag, next(clock), next(clock))

    old, new = read("peer1", "a", 7, 5), read("peer2", "b", 9, 8)
    assert verdict.judge_local_reads([old, new, read("peer1", "b", 8, 8)]) == []
    other_value, too_old, back = read("peer3", "x", 7, 5), read("peer3", "a", 8, 5), read("peer2", "a", 7, 5)
    assert "differs from 'a'" in verdict.judge_local_reads([old, new, other_value])[0]
    assert "lacks the change of revision 8" in verdict.judge_local_reads([old, new, too_old])[0]
    assert "older than what the same peer showed" in verdict.judge_local_reads([old, new, back])[0]
    assert verdict.judge_local_reads([old, new, read("peer2", "a", 7, 5, life=2)]) == []
    beside = back._replace(asked=new.answered - 0.5)
    assert verdict.judge_local_reads([old, new, beside]) == [], "which of two at a time came first is not known"


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


@pytest.mark.fast
def test_what_a_command_leaves_behind_is_a_violation() -> None:
    volume = model.dump(model.Volume(id="i", name="v", state=model.VolumeState.CREATED, username="", password="", subvols=()))
    claim = model.dump(model.BrickClaim(volume="v", brick="b"))
    clean = {"volumes/v": volume, "bricks/p": b"1", "bricks/p//b/1": claim, "leftovers/p": b"1"}
    assert commands.judge_rest("peer1", clean) == []
    found = commands.judge_rest("peer1", {**clean, "locks/volume/v": b"{}", "txn/t": b"{}", "leftovers/p/t": b"{}", "volumes/w": volume})
    assert [text.split(" is left")[0] for text in found[:3]] == ["peer1: locks/volume/v", "peer1: txn/t", "peer1: leftovers/p/t"]
    assert "volumes without a claim: {'w'}" in found[3]


@pytest.mark.fast
def test_a_lost_and_a_refused_append_are_told_apart() -> None:
    class Told(appends.Appender):
        def __init__(self, fates: dict[str, appends.Fate]) -> None:
            self.fates, self.twice = fates, []

    told = Told({"chaos/1": "done", "chaos/2": "refused", "chaos/3": "unknown", "chaos/4": "done"})
    assert appends.judge([told], "peer1", {key: appends.value_of(key) for key in ("chaos/1", "chaos/4")}) == ([], 0)
    found, lost = appends.judge([told], "peer1", {key: appends.value_of(key) for key in ("chaos/2", "chaos/3", "chaos/4")})
    assert lost == 1 and ["is lost" in text or "was refused and is there" in text for text in found] == [True, True]
    told.twice.append("chaos/9")
    assert appends.judge([told], "peer1", {key: appends.value_of(key) for key in ("chaos/1", "chaos/4")})[0] == [
        "chaos/9 was written twice"
    ]
