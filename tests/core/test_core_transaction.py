"""The life of a transaction, driven by hand: every shape of plan, every way it can go, one world that obeys the fence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pool_kit import Pool, World, answer, broken, drive, peer_id, unreachable

from gd2raft.core import model
from gd2raft.core.kv import Commit, Expect, Put, Versioned
from gd2raft.core.phases import POSSIBLE, Leftover, Phase, Remembered, StepProblem, Transaction, fence, held_on
from gd2raft.core.plan import Arguments, Barrier, Change, Plan, Step, StepKind
from gd2raft.core.transaction import Finish, Life, Propose, Run, filled_in

pytestmark = pytest.mark.fast


class Nothing(Arguments, frozen=True, kw_only=True):
    name: str = ""


DO = StepKind("test.do", Nothing, undoable=True)
LOOK = StepKind("test.look", Nothing, undoable=True, traceless=True)
FOLLOW = StepKind("test.follow", Nothing, missed="{name} is not followed yet")


def step(number: int, name: str = "", *, kind: StepKind[Nothing] = DO, must: bool = True) -> Step:
    return kind.at(peer_id(number), Nothing(name=name), must=must)


def barrier(*numbers: int, **more: Any) -> Barrier:
    return tuple(step(n, **more) for n in numbers)


def plan(before: tuple[Barrier, ...] = (), after: tuple[Barrier, ...] = (), **more: Any) -> Plan:
    fields: dict[str, Any] = {
        "locks": ("thing",),
        "claims": (Change("bricks/p//b", {"volume": "v", "brick": "1"}),),
        "before": before,
        "changes": (Change("options/global", {"options": {"a": "1"}}),),
        "after": after,
        "result": {"thing": "x"},
    }
    return Plan(**(fields | more))


def life(pool: Pool, plan: Plan, expect: tuple[Expect, ...] = (), identity: str = "t", **more: Any) -> Life:
    record = Transaction(
        id=identity, command="test", phase=Phase.PREPARING, plan=msgspec.to_builtins(plan), initiator=peer_id(1), started=5.0, **more
    )
    return Life(record, plan, expect, pool.state, owner="test of r1", kinds={k.name: k for k in (DO, LOOK, FOLLOW)})


class Trace:
    """Drives a life and writes down what it does: "commit PHASE", "do 1 2", "undo 2"."""

    def __init__(self, pool: Pool, world: World) -> None:
        self.pool, self.world, self.lines = pool, world, []

    def run(self, life: Life, instruction: Any = None) -> Finish:
        instruction = instruction or life.start()
        while not isinstance(instruction, Finish):
            self.lines.append(self.say(instruction))
            instruction = answer(self.pool, life, instruction, self.world)
        self.lines.append(instruction.outcome)
        return instruction

    def say(self, instruction: Propose | Run) -> str:
        if isinstance(instruction, Run):
            names = " ".join(s.peer_id.split("-")[0].lstrip("0") + s.arguments.get("name", "") for s in instruction.steps)
            return f"{'undo' if instruction.undo else 'do'} {names}"
        record = next((p for p in instruction.commit.put if p.key.startswith(model.TRANSACTIONS)), None)
        return f"commit {msgspec.json.decode(record.value)['phase'] if record else 'the end'}"


def trace(plan: Plan, fails: Any = lambda step, undo: None) -> tuple[Pool, list[str], Finish]:
    pool = Pool()
    tracer = Trace(pool, World(pool.state, fails))
    finish = tracer.run(life(pool, plan))
    return pool, tracer.lines, finish


def done(pool: Pool) -> bool:
    return pool.state.get("options/global") is not None


def remembered(pool: Pool) -> Remembered:
    item = pool.state.get(model.RESULTS + "t")
    assert item is not None
    return model.load("", item.value, Remembered)


def free(pool: Pool) -> bool:
    return not pool.state.list(model.LOCKS) and not pool.state.list(model.TRANSACTIONS)


def on(number: int, *, undo: bool, how: Any = broken) -> Any:
    """Steps on that peer fail, either when they are done or when they are undone."""
    return lambda step, undoing: how(step) if step.peer_id == peer_id(number) and undoing == undo else None


def anyway(*rules: Any) -> Any:
    return lambda step, undo: next((p for rule in rules if (p := rule(step, undo)) is not None), None)


# ---- shapes


def test_a_plan_without_steps_is_one_commit() -> None:
    pool, lines, _ = trace(plan())
    assert lines == ["commit the end", "done"]
    assert done(pool) and free(pool) and remembered(pool).result == {"thing": "x"}


def test_a_plan_with_steps_before_begins_runs_and_changes() -> None:
    pool, lines, _ = trace(plan(before=(barrier(1, 2),)))
    assert lines == ["commit preparing", "do 1 2", "commit the end", "done"]
    assert done(pool) and free(pool)


def test_a_plan_with_steps_after_begins_with_its_changes() -> None:
    pool, lines, _ = trace(plan(after=(barrier(1, kind=FOLLOW),)))
    assert lines == ["commit completing", "do 1", "commit the end", "done"]
    assert done(pool) and free(pool)


def test_a_plan_with_both_takes_three_commits_and_runs_its_barriers_in_order() -> None:
    before, after = (barrier(1, 2), barrier(3)), (barrier(1, kind=FOLLOW), barrier(2, 3, kind=FOLLOW))
    pool, lines, _ = trace(plan(before=before, after=after))
    assert lines == ["commit preparing", "do 1 2", "do 3", "commit completing", "do 1", "do 2 3", "commit the end", "done"]
    assert done(pool) and free(pool)


def test_the_last_changes_come_with_the_end_only() -> None:
    last = (Change("options/global", {"options": {"a": "2"}}),)
    pool = Pool()
    it = life(pool, plan(after=(barrier(1, kind=FOLLOW),), last=last))
    world = World(pool.state)
    instruction = answer(pool, it, it.start(), world)  # type: ignore[arg-type]
    assert b'"1"' in pool.state.get("options/global").value  # type: ignore[union-attr]
    assert drive(pool, it, instruction, world).outcome == "done"
    assert b'"2"' in pool.state.get("options/global").value  # type: ignore[union-attr]


def test_locks_and_claims_are_held_while_steps_run() -> None:
    pool = Pool()
    it = life(pool, plan(before=(barrier(1),)))
    answer(pool, it, it.start(), World(pool.state))  # type: ignore[arg-type]
    lock = model.load("", pool.state.get("locks/thing").value, model.Lock)  # type: ignore[union-attr]
    assert (lock.transaction, lock.owner, lock.command, lock.since) == ("t", "test of r1", "test", 5.0)
    assert pool.state.get("bricks/p//b") is not None and not done(pool)


def test_what_a_step_found_out_is_written_with_the_changes() -> None:
    pool = Pool()
    found = World(pool.state)
    found.effect = lambda step, undo: {"fsid": int(step.peer_id[:8])}  # type: ignore[method-assign]
    changes = (Change("bricks/p//b", {"volume": "v"}, 2), Change("bricks/p//c", {"volume": "v"}, 0))
    it = life(pool, plan(before=(barrier(1, 2), barrier(3)), changes=changes))
    assert drive(pool, it, it.start(), found).outcome == "done"
    assert msgspec.json.decode(pool.state.get("bricks/p//b").value) == {"volume": "v", "fsid": 3}  # type: ignore[union-attr]
    assert msgspec.json.decode(pool.state.get("bricks/p//c").value) == {"volume": "v", "fsid": 1}  # type: ignore[union-attr]


# ---- failing


def test_a_failed_step_is_undone_with_all_that_were_done_last_first() -> None:
    pool, lines, finish = trace(plan(before=(barrier(1), barrier(2, 3), barrier(1, name="never"))), on(3, undo=False))
    assert lines == ["commit preparing", "do 1", "do 2 3", "commit undoing", "undo 3 2", "undo 1", "commit the end", "failed"]
    assert not done(pool) and free(pool) and pool.state.get("bricks/p//b") is None
    assert finish.problems[0].error == "the disk is on fire"
    message = "the disk is on fire"
    peer = {"peer-id": peer_id(3), "peer": hostname(3)}
    assert remembered(pool).error == {"message": message, **peer, "step": DO.name, "error": message, "hint": "water"}


def test_a_step_that_only_looks_is_not_undone() -> None:
    _, lines, _ = trace(plan(before=(barrier(1, kind=LOOK), barrier(2))), on(2, undo=False))
    assert lines == ["commit preparing", "do 1", "do 2", "commit undoing", "undo 2", "commit the end", "failed"]


def test_when_nothing_needs_an_undo_the_end_follows_at_once() -> None:
    pool, lines, _ = trace(plan(before=(barrier(1, kind=LOOK),)), on(1, undo=False))
    assert lines == ["commit preparing", "do 1", "commit the end", "failed"]
    assert free(pool) and pool.state.get("bricks/p//b") is None


def test_a_step_that_surely_never_began_is_not_undone() -> None:
    fails = on(2, undo=False, how=lambda s: unreachable(s, begun=False))
    _, lines, _ = trace(plan(before=(barrier(1, 2),)), fails)
    assert lines == ["commit preparing", "do 1 2", "commit undoing", "undo 1", "commit the end", "failed"]


def test_a_peer_that_may_have_begun_is_undone_although_it_was_not_reached() -> None:
    _, lines, _ = trace(plan(before=(barrier(1, 2),)), on(2, undo=False, how=unreachable))
    assert "undo 2 1" in lines


def test_a_peer_that_need_not_be_there_is_passed_over() -> None:
    before = ((step(1), step(2, must=False)),)
    pool, lines, finish = trace(plan(before=before), on(2, undo=False, how=unreachable))
    assert lines[-1] == "done" and done(pool) and free(pool)
    assert [p.peer_id for p in finish.problems] == [peer_id(2)]
    assert "can't be reached" in remembered(pool).warnings[0] and remembered(pool).error is None


def test_a_peer_that_need_not_be_there_but_fails_fails_all() -> None:
    pool, lines, _ = trace(plan(before=((step(1, must=False),),)), on(1, undo=False))
    assert lines[-1] == "failed" and not done(pool)


def test_after_the_commit_a_failure_is_told_but_nothing_is_undone() -> None:
    pool, lines, finish = trace(plan(before=(barrier(1),), after=(barrier(2, kind=FOLLOW), barrier(3, kind=FOLLOW))), on(2, undo=False))
    assert lines == ["commit preparing", "do 1", "commit completing", "do 2", "do 3", "commit the end", "done"]
    assert done(pool) and free(pool) and finish.problems[0].peer_id == peer_id(2)


def test_a_failed_undo_keeps_locks_and_claims_and_says_why() -> None:
    pool, lines, finish = trace(plan(before=(barrier(1, 2),)), anyway(on(2, undo=False), on(1, undo=True)))
    assert lines == ["commit preparing", "do 1 2", "commit undoing", "undo 2 1", "commit stuck", "stuck"]
    assert finish.problems[-1].peer_id == peer_id(1)
    record = model.load("", pool.state.get("txn/t").value, Transaction)  # type: ignore[union-attr]
    assert record.phase is Phase.STUCK and record.problems[0]["peer"] == peer_id(1) and record.undone == (1,)
    assert record.cause["peer"] == peer_id(2)
    assert pool.state.get("locks/thing") is not None and pool.state.get("bricks/p//b") is not None and not done(pool)


def test_a_stuck_one_that_is_resumed_undoes_only_what_is_left_and_tells_the_first_cause() -> None:
    pool, _, _ = trace(plan(before=(barrier(1, 2),)), anyway(on(2, undo=False), on(1, undo=True)))
    record = model.load("", pool.state.get("txn/t").value, Transaction)  # type: ignore[union-attr]
    again = Life(record, record.decoded_plan(), (), pool.state, owner="next")
    tracer = Trace(pool, World(pool.state))
    tracer.run(again, again.resume(pool.state.get("txn/t").modified))  # type: ignore[union-attr]
    assert tracer.lines == ["commit undoing", "undo 1", "commit the end", "failed"]
    assert free(pool) and pool.state.get("bricks/p//b") is None
    assert remembered(pool).error["peer-id"] == peer_id(2)  # type: ignore[index]


def test_an_undo_that_is_stuck_stays_stuck_when_it_fails_again() -> None:
    fails = anyway(on(2, undo=False), on(1, undo=True))
    pool, _, _ = trace(plan(before=(barrier(1, 2),)), fails)
    record = model.load("", pool.state.get("txn/t").value, Transaction)  # type: ignore[union-attr]
    again = Life(record, record.decoded_plan(), (), pool.state, owner="next")
    tracer = Trace(pool, World(pool.state, fails))
    tracer.run(again, again.resume(pool.state.get("txn/t").modified))  # type: ignore[union-attr]
    assert tracer.lines == ["commit undoing", "undo 1", "commit stuck", "stuck"]


@pytest.mark.parametrize("must", [True, False])
def test_an_undo_on_a_peer_that_is_out_of_reach_is_left_to_it_and_nothing_stays_locked(must: bool) -> None:
    before = ((step(1), step(2, must=must)),)
    pool, lines, _ = trace(plan(before=before), anyway(on(1, undo=False), on(2, undo=True, how=unreachable)))
    assert lines == ["commit preparing", "do 1 2", "commit undoing", "undo 2 1", "commit the end", "failed"]
    assert free(pool)
    [(key, item)] = [(k, i) for k, i in pool.state.list(model.LEFTOVERS) if k.count("/") == 2]
    assert key == f"leftovers/{peer_id(2)}/t" and msgspec.json.decode(item.value)["undo"][0]["kind"] == DO.name
    assert pool.state.get(f"leftovers/{peer_id(2)}") is not None, "the guard key"


def test_the_user_is_told_of_a_peer_by_its_name_and_in_words_what_is_so_there() -> None:
    after = (barrier(2, 3, kind=FOLLOW, name="v"),)
    pool, _, _ = trace(plan(after=after), on(2, undo=False, how=unreachable))
    assert remembered(pool).warnings == (f"peer {hostname(2)}: v is not followed yet (the peer can't be reached)",)
    pool, _, _ = trace(plan(before=(barrier(1, 2),)), on(2, undo=False))
    assert remembered(pool).warnings == (f"peer {hostname(2)}: the disk is on fire",), "why it failed needs no more words"
    assert remembered(pool).error["peer"] == hostname(2)  # type: ignore[index]
    pool, _, _ = trace(plan(before=(barrier(1, 2),)), anyway(on(1, undo=False), on(2, undo=True, how=unreachable)))
    told = "what the command did there is not undone; the peer undoes that by itself when it can (the peer can't be reached)"
    assert remembered(pool).warnings[-1] == f"peer {hostname(2)}: {told}"


def test_words_that_want_an_argument_which_the_step_has_not_are_left_out() -> None:
    assert filled_in("brick {path} is {path}", Step("k", "p", {"path": "/{b}"})) == "brick /{b} is /{b}"
    assert filled_in("brick {path}", Step("k", "p", {})) == ""


def hostname(number: int) -> str:
    return Pool().view().host(peer_id(number))


def on_bricks(number: int, *others: int) -> tuple[Barrier, ...]:
    """One step on each peer, the first of them on a brick's path."""
    return ((Step(DO.name, peer_id(number), {"path": "/d/b1"}), *(step(n) for n in others)),)


def disk_away(step: Step) -> StepProblem:
    return StepProblem(peer_id=step.peer_id, step=step.kind, error="its disk is away", away=True)


def test_an_undo_on_a_disk_that_is_away_is_left_to_its_peer_and_holds_only_the_same_step_on_that_brick() -> None:
    fails = anyway(on(1, undo=False), on(2, undo=True, how=disk_away))
    pool, lines, _ = trace(plan(before=on_bricks(2, 1)), fails)
    assert lines == ["commit preparing", "do 2 1", "commit undoing", "undo 1 2", "commit the end", "failed"]
    assert free(pool) and "undoes that by itself when it can (its disk is away)" in remembered(pool).warnings[-1]
    left = model.load("", pool.state.get(f"leftovers/{peer_id(2)}/t").value, Leftover)  # type: ignore[union-attr]
    assert left.held == (f"{DO.name} /d/b1",)
    assert set(left.held) < set(held_on(plan(before=on_bricks(2)), peer_id(2)))
    assert not set(left.held) & set(held_on(plan(before=on_bricks(3)), peer_id(2))), "another peer has such a path, too"


def test_nothing_is_left_to_a_peer_that_is_no_member_any_more() -> None:
    before = ((step(1), step(9, must=False)),)
    pool, lines, _ = trace(plan(before=before), anyway(on(1, undo=False), on(9, undo=True, how=unreachable)))
    assert lines[-1] == "failed" and not pool.state.list(model.LEFTOVERS)


def given_up(pool: Pool) -> None:
    """An administrator aborts the transaction."""
    from gd2raft.commands.transaction_abort import TransactionAbort, plan_abort
    from gd2raft.core.plan import make_commit

    view = pool.view()
    commit = make_commit(pool.state, view.expectations, plan_abort(view, TransactionAbort(transaction="t"), pool.ids()).changes)
    assert pool.commit(commit).outcome == "done"


def test_an_abort_of_a_stuck_one_leaves_the_rest_to_its_peer_and_frees_the_locks() -> None:
    fails = anyway(on(2, undo=False), on(1, undo=True))
    pool, _, _ = trace(plan(before=(barrier(1, 2),)), fails)
    given_up(pool)
    record = model.load("", pool.state.get("txn/t").value, Transaction)  # type: ignore[union-attr]
    again = Life(record, record.decoded_plan(), (), pool.state, owner="next")
    tracer = Trace(pool, World(pool.state, fails))
    tracer.run(again, again.resume(pool.state.get("txn/t").modified))  # type: ignore[union-attr]
    assert tracer.lines == ["undo 1", "commit the end", "failed"]
    assert free(pool) and pool.state.get(f"leftovers/{peer_id(1)}/t") is not None
    assert remembered(pool).error["error"] == "the disk is on fire"  # type: ignore[index]


def test_an_abort_while_steps_before_run_takes_the_transaction_from_its_leader() -> None:
    pool = Pool()
    it = life(pool, plan(before=(barrier(1),)))
    world = World(pool.state)
    running = answer(pool, it, it.start(), world)  # type: ignore[arg-type]
    given_up(pool)
    finish = answer(pool, it, running, world)  # type: ignore[arg-type]
    assert isinstance(finish, Finish) and finish.outcome == "lost"
    record = model.load("", pool.state.get("txn/t").value, Transaction)  # type: ignore[union-attr]
    again = Life(record, record.decoded_plan(), (), pool.state, owner="next")
    assert drive(pool, again, again.resume(pool.state.get("txn/t").modified), world).outcome == "failed"  # type: ignore[union-attr]
    assert free(pool) and "administrator" in remembered(pool).error["error"]  # type: ignore[index]


def test_an_abort_after_the_changes_only_ends_the_waiting() -> None:
    pool = Pool()
    it = life(pool, plan(after=(barrier(1, kind=FOLLOW),), last=(Change("options/x", {"options": {}}),)))
    answer(pool, it, it.start(), World(pool.state))  # type: ignore[arg-type]
    given_up(pool)
    record = model.load("", pool.state.get("txn/t").value, Transaction)  # type: ignore[union-attr]
    again = Life(record, record.decoded_plan(), (), pool.state, owner="next")
    tracer = Trace(pool, World(pool.state))
    tracer.run(again, again.resume(pool.state.get("txn/t").modified))  # type: ignore[union-attr]
    assert tracer.lines == ["commit the end", "done"]
    assert done(pool) and free(pool) and pool.state.get("options/x") is not None
    assert remembered(pool).error["message"].startswith("test is committed, but its effect isn't complete yet")  # type: ignore[index]


# ---- interrupted


def test_an_interrupted_one_says_so_even_when_an_undo_is_left_to_a_peer() -> None:
    pool = Pool()
    it = life(pool, plan(before=((step(2, must=False),),)))
    answer(pool, it, it.start(), World(pool.state))  # type: ignore[arg-type]
    resumed = pool.resumed()
    assert resumed is not None
    finish = drive(pool, *resumed, World(pool.state, on(2, undo=True, how=unreachable)))
    assert finish.outcome == "failed" and "interrupted" in remembered(pool).error["error"]  # type: ignore[index]


# ---- relying on the state


def test_a_moved_expectation_at_the_begin_means_that_nothing_happened() -> None:
    pool = Pool()
    it = life(pool, plan(before=(barrier(1),)), (Expect("cluster", 999),))
    finish = drive(pool, it, it.start(), World(pool.state))
    assert (finish.outcome, finish.moved) == ("conflict", ("cluster",)) and free(pool)


@pytest.mark.parametrize("before", [(), (barrier(1),)])
def test_a_held_lock_is_a_conflict_that_names_it(before: tuple[Barrier, ...]) -> None:
    pool = Pool()
    pool.commit(Commit(put=(Put("locks/thing", b"{}"),)))
    it = life(pool, plan(before=before))
    begin = it.start()
    assert isinstance(begin, Propose)
    assert it.conflicted(pool.commit(begin.commit).moved) == Finish("conflict", moved=("locks/thing",))


@pytest.mark.parametrize("shape", [{}, {"before": (barrier(1),)}, {"after": (barrier(1, kind=FOLLOW),)}])
def test_the_same_transaction_is_never_run_twice(shape: dict[str, Any]) -> None:
    pool = Pool()
    first, second = life(pool, plan(**shape)), life(pool, plan(**shape))
    world = World(pool.state)
    assert drive(pool, first, first.start(), world).outcome == "done"
    assert drive(pool, second, second.start(), world).moved == ("results/t",)


def test_the_table_of_moves_is_what_a_life_obeys() -> None:
    it = life(Pool(), plan(before=(barrier(1),)))
    assert (Phase.COMPLETING, Phase.UNDOING) not in POSSIBLE
    it._phase = Phase.COMPLETING
    with pytest.raises(AssertionError, match="never goes from"):
        it._move(Phase.UNDOING)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"changes": (Change("a", {}, 1),), "before": (barrier(1),)}, "facts of a step that isn't there"),
        ({"last": (Change("a", {}),)}, "nothing stands between"),
        ({"locks": ()}, "without a lock"),
        ({"changes": (Change("a", {}), Change("a"))}, "a key twice"),
        ({"claims": (Change("a"),)}, "plain put"),
    ],
)
def test_a_plan_that_makes_no_sense_is_our_bug(bad: dict[str, Any], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        plan(**bad).check()


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("phase", [None, *Phase])
@pytest.mark.parametrize("moved", [False, True])
def test_a_step_runs_only_while_the_record_is_where_its_leader_says(phase: Phase | None, undo: bool, moved: bool) -> None:
    item = None
    if phase is not None:
        record = Transaction(id="t", command="test", phase=phase, initiator="p", started=1.0)
        item = Versioned(model.dump(record), 1, 8 if moved else 7)
    allowed = {True: {Phase.UNDOING}, False: {Phase.PREPARING, Phase.COMPLETING}}[undo]
    assert (fence(item, "t", 7, undo=undo) is None) == (phase in allowed and not moved)
