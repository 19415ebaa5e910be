"""Transactions over REST: what is shown, and what resume and abort change."""

from __future__ import annotations

import msgspec
from rest_kit import OTHER, PEER, Rest

from gd2raft.core import model
from gd2raft.core.phases import Leftover, Phase, Remembered, Transaction, Undo
from gd2raft.core.plan import Plan

ID = "11111111-2222-4333-8444-555555555555"


def put(rest: Rest, phase: Phase, identity: str = ID) -> None:
    plan = msgspec.to_builtins(Plan(locks=("volume/v1",)))
    record = Transaction(
        id=identity, command="volume-create", phase=phase, plan=plan, initiator=PEER, started=1.5, request_id="r", user="gd2",
        problems=({"peer": OTHER, "step": "brick.prepare", "error": "gone", "hint": "", "kind": "unreachable"},),
        cause={"peer": OTHER, "step": "brick.prepare", "error": "disk full", "hint": "", "kind": "failed"},
    )  # fmt: skip
    rest.do(lambda: rest.api.put(model.TRANSACTIONS + identity, record))


def record_of(rest: Rest) -> Transaction:
    item = rest.do(lambda: rest.api.state.get(model.TRANSACTIONS + ID))
    assert item is not None
    return model.load("", item.value, Transaction)


def test_resume_asks_the_leader_to_undo_again(rest: Rest) -> None:
    put(rest, Phase.STUCK)
    answer = rest.ask("POST", f"/v1/transactions/{ID}/resume")
    assert (answer.status, answer.json["phase"]) == (202, "undoing")
    assert (record_of(rest).phase, record_of(rest).giving_up) == (Phase.UNDOING, False)


def test_what_is_not_stuck_is_not_resumed(rest: Rest) -> None:
    for phase in (Phase.PREPARING, Phase.UNDOING, Phase.COMPLETING):
        put(rest, phase)
        answer = rest.ask("POST", f"/v1/transactions/{ID}/resume")
        assert (answer.status, answer.error["fields"]["code"]) == (400, "not-stuck")


def test_abort_gives_up_what_cannot_be_undone_and_keeps_the_cause(rest: Rest) -> None:
    for phase in (Phase.STUCK, Phase.PREPARING, Phase.UNDOING):
        put(rest, phase)
        answer = rest.ask("POST", f"/v1/transactions/{ID}/abort")
        assert (answer.status, answer.json["phase"], answer.json["giving-up"]) == (202, "undoing", True)
        assert record_of(rest).cause["error"] == "disk full"


def test_what_is_committed_stays_so_when_it_is_aborted(rest: Rest) -> None:
    put(rest, Phase.COMPLETING)
    answer = rest.ask("POST", f"/v1/transactions/{ID}/abort")
    assert (answer.status, answer.json["phase"]) == (202, "completing")
    assert record_of(rest).giving_up


def test_a_transaction_that_is_not_there_is_404(rest: Rest) -> None:
    for how in ("resume", "abort", "forget"):
        for identity in (ID, "x" * 2000, "%00", ".."):
            answer = rest.ask("POST", f"/v1/transactions/{identity}/{how}")
            assert answer.status in (400, 404), answer
    assert rest.ask("POST", f"/v1/transactions/{ID}/abort", {"transaction": "other"}).status == 400


def test_how_a_command_ended_is_known_for_a_while(rest: Rest) -> None:
    done, failed = Remembered(command="volume-start"), Remembered(command="volume-create", error={"error": "disk full"})
    rest.do(lambda: rest.api.put(model.RESULTS + "d", done))
    rest.do(lambda: rest.api.put(model.RESULTS + "f", failed))
    assert rest.get("/v1/transactions").json == [], "what has ended is not listed"
    assert rest.get("/v1/transactions/d").json["phase"] == "done"
    shown = rest.get("/v1/transactions/f").json
    assert (shown["phase"], shown["error"]) == ("failed", "disk full")


def test_what_a_peer_still_has_to_undo_is_listed_also_when_the_answer_is_forgotten(rest: Rest) -> None:
    undo = (Undo(kind="brick.prepare", arguments={"path": "/secret"}, error="no answer", meaning="folder /b stays marked"),)
    left = Leftover(transaction=ID, command="volume-create", since=7.0, undo=undo)
    rest.do(lambda: rest.api.put(model.leftovers_prefix(OTHER) + ID, left))
    (shown,) = rest.get("/v1/transactions").json
    assert (shown["id"], shown["phase"], shown["started"]) == (ID, "failed", 7.0)
    assert shown["left-undone"] == [
        {"peer": OTHER, "step": "brick.prepare", "error": "no answer", "host": "node2", "meaning": "folder /b stays marked"}
    ]
    assert rest.get(f"/v1/transactions/{ID}").json == shown
