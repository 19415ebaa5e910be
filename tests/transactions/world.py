"""A pool in memory in which one transaction lives and everything that can go wrong does, chosen by numbers.

A `World` runs a plan to its end. At every commit and every step it asks `choose(options)`; 0 is "all goes well". The explorer
(test_interrupted.py) tries all choices, one or two at a time. Peers and leaders follow the real rules: core.transaction.Life
decides, core.phases.fence guards every step.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from examples import INITIATOR, PEERS, apply, planned

from gd2raft.core import model
from gd2raft.core.kv import Commit, Expect, KeyValueState, Operation
from gd2raft.core.phases import Leftover, Phase, Remembered, StepOutcome, StepProblem, Transaction, details_of, fence
from gd2raft.core.plan import Change, Plan, Step, make_commit
from gd2raft.core.transaction import Finish, Instruction, Life, Propose, Run, steps_of
from gd2raft.steps.registry import steps

KINDS = {name: code.kind for name, code in steps().items()}
ID = "77777777-1111-4111-8111-111111111111"
LEADERS_MAX = 12
CLEARED_BY = ("transaction-resume", "transaction-abort")
"""Choices that are no faults: an administrator does one or the other."""

Effect = tuple[str, str, str]


class LeaderDied(Exception):
    pass


class World:
    """`choose(options)` gives one of the options; the first is the good one."""

    def __init__(self, state: KeyValueState, plan: Plan, expect: tuple[Expect, ...], choose: Callable[[Sequence[str]], str]) -> None:
        self.state, self.plan, self.expect, self.choose = state, plan, expect, choose
        self.before = {effect_of(step) for step in steps_of(plan.before)}
        self.effects: set[Effect] = set()
        self.down: set[str] = set()
        self.late: list[tuple[int, Step, int]] = []  # (points until it arrives, step, revision)
        self.committed = False  # the changes are in the state
        self.was_stuck = False

    # from begin to the end, whoever leads

    def live(self) -> None:
        with contextlib.suppress(LeaderDied):
            self.drive(self.begin(), lambda life: life.start())
        for _ in range(LEADERS_MAX):
            item = self.state.get(model.TRANSACTIONS + ID)
            if item is None:
                break
            record = model.load("", item.value, Transaction)
            if record.phase is Phase.STUCK:
                self.clear(record)
            item = self.state.get(model.TRANSACTIONS + ID)
            assert item is not None
            record = model.load("", item.value, Transaction)
            try:
                self.drive(
                    Life(record, record.decoded_plan(), (), self.state, owner="next", kinds=KINDS),
                    lambda life, at=item.modified: life.resume(at),
                )
            except LeaderDied:
                continue
        for _ in range(20):
            self.arrivals()
        self.peers_return()

    def begin(self) -> Life:
        record = Transaction(
            id=ID, command="c", phase=Phase.PREPARING, plan=msgspec.to_builtins(self.plan), initiator=INITIATOR, started=1.0, digest="d"
        )
        return Life(record, self.plan, self.expect, self.state, owner="o", kinds=KINDS)

    def clear(self, record: Transaction) -> None:
        """What an administrator does about a stuck one; then a leader has to go on."""
        self.was_stuck = True
        assert record.problems, "stuck without a reason"
        assert not any(problem["kind"] == "unreachable" for problem in record.problems), "stuck because of a peer that is away"
        assert not self.committed, "stuck after the commit"
        for name in self.plan.locks:
            assert self.state.get(model.lock_key(name)) is not None, "a stuck transaction lost its locks"
        self.command(self.choose(CLEARED_BY))

    def command(self, name: str) -> None:
        plan, expect = planned(name, {"transaction": ID}, self.state)
        apply(self.state, make_commit(self.state, expect, plan.changes))

    # one leader

    def drive(self, life: Life, first: Callable[[Life], Instruction]) -> Finish:
        instruction = first(life)
        while not isinstance(instruction, Finish):
            self.arrivals()
            instruction = self.propose(life, instruction.commit) if isinstance(instruction, Propose) else self.run(life, instruction)
        return instruction

    def propose(self, life: Life, commit: Commit) -> Instruction:
        """The leader can die before anybody has it, or when it is committed and the leader doesn't know yet."""
        how = self.choose(("done", "leader dies before", "leader dies after"))
        if how == "leader dies before":
            raise LeaderDied
        result, _ = self.state.apply(Operation(commit=commit))
        if result.outcome == "done":
            self.note_commit()
        if how == "leader dies after":
            raise LeaderDied
        return life.committed(result.revision) if result.outcome == "done" else life.conflicted(result.moved)

    def note_commit(self) -> None:
        item, result = self.state.get(model.TRANSACTIONS + ID), self.state.get(model.RESULTS + ID)
        if item is not None and model.load("", item.value, Transaction).phase is Phase.COMPLETING:
            self.committed = True
        if result is not None and model.load("", result.value, Remembered).error is None:
            self.committed = True

    def run(self, life: Life, run: Run) -> Instruction:
        names = ["done"]
        for i, step in enumerate(run.steps):
            names += [f"leader dies after {i}", f"fails {i}", f"aborted {i}"]
            if step.peer_id not in self.down:
                names += [f"{how} {i}" for how in ("down before", "dies without", "dies with", "late 1", "late 2", "late 4")]
        how, _, number = self.choose(names).rpartition(" ")
        outcomes = []
        for i, step in enumerate(run.steps):
            mine = how if number == str(i) else ""
            if mine.startswith("late") and not run.undo:
                self.late.append((int(mine.split()[1]), step, run.revision))
                raise LeaderDied
            if mine == "leader dies after" or mine.startswith("late"):
                self.execute(step, run.undo, run.revision)
                raise LeaderDied
            if mine == "aborted":
                self.command("transaction-abort")
                return life.taken_over()
            outcomes.append(self.outcome(step, run, mine))
        return life.ran(tuple(outcomes))

    def outcome(self, step: Step, run: Run, how: str) -> StepOutcome:
        if how in ("down before", "dies without", "dies with"):
            if how == "dies with":
                self.execute(step, run.undo, run.revision)
            self.down.add(step.peer_id)
            return trouble(step, "gone", unreachable=True, begun=how != "down before")
        if step.peer_id in self.down:
            return trouble(step, "down", unreachable=True, begun=False)
        if how == "fails":
            if not run.undo:
                self.execute(step, False, run.revision)  # half done: what an undo has to cope with
            return trouble(step, "disk full")
        return self.execute(step, run.undo, run.revision)

    def execute(self, step: Step, undo: bool, revision: int) -> StepOutcome:
        """What the peer does with a step that arrives."""
        if step.peer_id in self.down:
            return trouble(step, "down", unreachable=True)
        refusal = fence(self.state.get(model.TRANSACTIONS + ID), ID, revision, undo=undo)
        if refusal is not None:
            return trouble(step, refusal)
        if undo:
            assert not self.committed, "undone after the commit"
            self.effects.discard(effect_of(step))
        elif effect_of(step) in self.before:
            assert not self.committed or effect_of(step) in self.effects, "a step before ran after the commit"
            self.effects.add(effect_of(step))
        return StepOutcome(facts={"fsid": 7})

    def arrivals(self) -> None:
        """Steps that a dead leader had sent, and that were long on their way."""
        arrived = [(step, revision) for left, step, revision in self.late if left <= 1]
        self.late = [(left - 1, step, revision) for left, step, revision in self.late if left > 1]
        for step, revision in arrived:
            self.execute(step, False, revision)

    def peers_return(self) -> None:
        """Every peer is back, and does what was left for it (engine/caretaker.py)."""
        self.down.clear()
        for peer in PEERS:
            for key, item in self.state.list(model.leftovers_prefix(peer) + ID):
                for undo in model.load(key, item.value, Leftover).undo:
                    self.effects.discard(effect_of(Step(undo.kind, peer, undo.arguments)))
                apply(self.state, make_commit(self.state, (Expect(key, item.modified),), (Change(key),)))


def effect_of(step: Step) -> Effect:
    return step.peer_id, step.kind, json.dumps(step.arguments, sort_keys=True)


def trouble(step: Step, error: str, **more: Any) -> StepOutcome:
    problem = StepProblem(peer_id=step.peer_id, step=step.kind, error=error, **more)
    details_of(problem)
    return StepOutcome(problem=problem)
