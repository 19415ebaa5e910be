"""The life of a transaction: events in, one instruction out. PURE: it neither commits nor runs steps, it says what to do next.

    begin ──committed──> preparing ──all steps before done──> change ──committed──> completing ──steps after done──> end
      │                      │                                   │
      └─conflict─> ended     └─a step failed──> undoing ──> abort (or stuck, when an undo failed)   <──conflict──┘

A plan without steps needs one commit in all; one without steps before begins and changes in one. Whoever leads next finds the
Transaction record and continues with `resume`: what was preparing is undone, what was completing is completed.
The record exists from begin to end (its phases and every possible commit: core/phases.py), and a peer runs a step only while
its own state has the record at the same revision and in the right phase: that is the fence against a leader that was deposed
and doesn't know it yet, and against a "do" that was on its way when the undo began.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from gd2raft.core import model
from gd2raft.core.kv import ABSENT, Commit, Expect, Put
from gd2raft.core.phases import (
    POSSIBLE,
    Leftover,
    Phase,
    Remembered,
    StepOutcome,
    StepProblem,
    Transaction,
    Undo,
    details_of,
    held_on,
    touched,
)
from gd2raft.core.phases import RESULTS_KEPT as RESULTS_KEPT
from gd2raft.core.plan import Barrier, Change, Plan, Step, StepKind, make_commit

TRY_AGAIN = "try again, over REST with another Idempotency-Key"
"""With the same one the same answer is given: it is remembered."""


class Propose(msgspec.Struct, frozen=True):
    """Commit this; answer with `committed` or `conflicted`."""

    commit: Commit


class Run(msgspec.Struct, frozen=True):
    """Run these steps at the same time, `undo` or do, fenced by `revision`; answer with `ran`, or with `taken_over` when the record moved."""

    steps: tuple[Step, ...]
    undo: bool
    revision: int


class Finish(msgspec.Struct, frozen=True):
    """It is over here. `outcome`: done, failed (undone), stuck, conflict (nothing happened; plan again), lost (someone else has it)."""

    outcome: str
    revision: int = 0
    problems: tuple[StepProblem, ...] = ()
    moved: tuple[str, ...] = ()


Instruction = Propose | Run | Finish


class _At(enum.Enum):
    BEGIN = "begin"
    PREPARING = "preparing"
    CHANGE = "change"
    COMPLETING = "completing"
    END = "end"
    UNDO = "undo"
    UNDOING = "undoing"
    ABORT = "abort"
    ENDED = "ended"


class Life:
    """One transaction's life. Call start() or resume(), then answer every instruction with one event, until Finish.

    `kinds`: the steps that this daemon has: which leave nothing to undo, and how to tell the user of one that wasn't done.
    """

    def __init__(
        self,
        record: Transaction,
        plan: Plan,
        expect: tuple[Expect, ...],
        reader: model.Reader,
        *,
        owner: str,
        kinds: Mapping[str, StepKind[Any]] = MappingProxyType({}),
    ) -> None:
        plan.check()
        self.record, self.plan, self._expect, self._reader = record, plan, expect, reader
        self._owner, self._kinds = owner, kinds
        self._traceless = frozenset(name for name, kind in kinds.items() if kind.traceless)
        self._view = model.View(reader)
        self._at = _At.BEGIN
        self._phase: Phase | None = None  # of the record as it is stored; None: not yet
        self._barrier = 0
        self._facts: list[dict[str, Any]] = []
        self._problems: list[StepProblem] = []
        self._offsets = tuple(sum(len(b) for b in plan.before[:i]) for i in range(len(plan.before)))
        self._undone = set(record.undone)
        self._left: list[tuple[Step, StepProblem]] = []  # undos that are given up
        self._undo_from = 0
        self._undo_at: tuple[int, ...] = ()
        self.revision = 0
        self.remembered: Remembered | None = None  # how it ended, once that is proposed

    # entering

    def start(self) -> Instruction:
        if not self.plan.before:
            return self._propose_change(first=True)
        self._at = _At.BEGIN
        commit = make_commit(self._reader, self._expectations_to_begin(), self.plan.claims)
        return Propose(_and(commit, put=(*self._lock_puts(), self._record_put(Phase.PREPARING))))

    def resume(self, revision: int) -> Instruction:
        """Continue a transaction that was found in the state; `revision`: when its record was last written."""
        self.revision, self._phase = revision, self.record.phase
        if self._phase is Phase.COMPLETING:
            return self._enter_completing()
        self._undo_from = len(self.plan.before)
        return self._enter_undoing()

    # events

    def committed(self, revision: int) -> Instruction:
        at = self._at
        if at is _At.ABORT:
            return self._finish("stuck" if self._phase is Phase.STUCK else "failed")
        self.revision = revision
        if at is _At.BEGIN:
            self._at, self._barrier = _At.PREPARING, 0
            return Run(self.plan.before[0], False, revision)
        if at is _At.CHANGE:
            return self._enter_completing() if self.plan.after else self._finish("done")
        if at is _At.UNDO:
            return self._next_undo()
        assert at is _At.END, f"committed while {at}"
        return self._finish("done")

    def conflicted(self, moved: tuple[str, ...]) -> Instruction:
        """An expectation of the proposed commit didn't hold."""
        if self._at in (_At.END, _At.UNDO, _At.ABORT) or (self._txn_key in moved and self.revision):
            return self.taken_over(moved)
        if self._at is _At.CHANGE and self.plan.before:
            problem = StepProblem(peer_id="", step="commit", error=f"the state moved meanwhile: {', '.join(moved[:5])}", hint=TRY_AGAIN)
            self._problems.append(problem)
            self._phase, self._undo_from = Phase.PREPARING, len(self.plan.before)
            return self._enter_undoing()
        self._at = _At.ENDED
        return Finish("conflict", moved=moved)

    def taken_over(self, moved: tuple[str, ...] = ()) -> Finish:
        """The record was changed by someone else (the next leader, or an administrator's abort), who will see to its end."""
        self._at = _At.ENDED
        return Finish("lost", self.revision, moved=moved)

    def ran(self, outcomes: tuple[StepOutcome, ...]) -> Instruction:
        """The steps of the last Run ended, in its order."""
        if self._at is _At.PREPARING:
            return self._ran_before(self._told(self.plan.before[self._barrier], outcomes))
        if self._at is _At.COMPLETING:
            return self._ran_after(self._told(self.plan.after[self._barrier], outcomes))
        assert self._at is _At.UNDOING, f"ran while {self._at}"
        steps = steps_of(self.plan.before)
        return self._ran_undo(self._told([steps[index] for index in self._undo_at], outcomes))

    def _told(self, steps: Iterable[Step], outcomes: tuple[StepOutcome, ...]) -> tuple[StepOutcome, ...]:
        """The outcomes with what the user is to be told of those that failed."""
        found = []
        for step, outcome in zip(steps, outcomes, strict=True):
            if (problem := outcome.problem) is not None:
                host = self._view.host(step.peer_id)
                problem = msgspec.structs.replace(problem, host=host, meaning=self._meaning(step, problem))
            found.append(StepOutcome(facts=outcome.facts, problem=problem))
        return tuple(found)

    def _meaning(self, step: Step, problem: StepProblem) -> str:
        kind = self._kinds.get(step.kind)
        if self._at is _At.UNDOING:
            return filled_in(kind.left if kind else "", step) or "what the command did there is not undone"
        if self._at is _At.PREPARING and (step.must or not problem.unreachable):
            return ""  # the command fails for just this
        return filled_in(kind.missed if kind else "", step)

    # doing

    def _ran_before(self, outcomes: tuple[StepOutcome, ...]) -> Instruction:
        steps, offset = self.plan.before[self._barrier], self._offsets[self._barrier]
        self._facts += [o.facts for o in outcomes]
        grave = []
        for index, (step, outcome) in enumerate(zip(steps, outcomes, strict=True)):
            if (problem := outcome.problem) is None:
                continue
            self._problems.append(problem)
            if not problem.begun:
                self._undone.add(offset + index)
            if step.must or not problem.unreachable:
                grave.append(problem)
        self._barrier += 1
        if grave:
            self._problems, self._undo_from = grave, self._barrier
            return self._enter_undoing()
        if self._barrier < len(self.plan.before):
            return Run(self.plan.before[self._barrier], False, self.revision)
        return self._propose_change(first=False)

    def _propose_change(self, *, first: bool) -> Instruction:
        """The commit of the changes. `first`: nothing was committed before it, so it carries the plan's expectations and takes the locks."""
        self._at = _At.CHANGE
        expect = self._expectations_to_begin() if first else (Expect(self._txn_key, self.revision),)
        changes = tuple(self._with_facts(c) for c in (*self._claims_if(first), *self.plan.changes))
        commit = make_commit(self._reader, expect, changes)
        if not self.plan.after:
            freed = () if first else (*self._locks, self._txn_key)
            self._move(None)
            return Propose(_and(commit, put=(self._result_put(),), delete=freed))
        locks = self._lock_puts() if first else ()
        return Propose(_and(commit, put=(*locks, self._record_put(Phase.COMPLETING))))

    def _claims_if(self, first: bool) -> tuple[Change, ...]:
        changed = {c.key for c in self.plan.changes}
        return tuple(c for c in self.plan.claims if c.key not in changed) if first else ()

    def _with_facts(self, change: Change) -> Change:
        if change.facts_from < 0 or change.record is None:
            return change
        return Change(change.key, {**change.record, **self._facts[change.facts_from]})

    # completing

    def _enter_completing(self) -> Instruction:
        self._at, self._barrier = _At.COMPLETING, 0
        if self.record.giving_up:
            self._problems.append(StepProblem(peer_id="", step="abort", error="an administrator ended the waiting for its effect"))
        if not self.plan.after or self.record.giving_up:
            return self._propose_end()
        return Run(self.plan.after[0], False, self.revision)

    def _ran_after(self, outcomes: tuple[StepOutcome, ...]) -> Instruction:
        self._problems += [o.problem for o in outcomes if o.problem is not None]
        self._barrier += 1
        if self._barrier < len(self.plan.after):
            return Run(self.plan.after[self._barrier], False, self.revision)
        return self._propose_end()

    def _propose_end(self) -> Instruction:
        self._at = _At.END
        self._move(None)
        commit = make_commit(self._reader, (Expect(self._txn_key, self.revision),), self.plan.last)
        return Propose(_and(commit, put=(self._result_put(),), delete=(*self._locks, self._txn_key)))

    # undoing

    def _enter_undoing(self) -> Instruction:
        """The record says so first: after that commit no peer takes up a "do" that is still on its way."""
        if self._phase is Phase.UNDOING or not any(self._to_undo(range(self._undo_from))):
            return self._next_undo()
        self._at = _At.UNDO
        cause = details_of(self._problems[0]) if self._problems else self.record.cause or details_of(_ABANDONED)
        self.record = msgspec.structs.replace(self.record, undone=tuple(sorted(self._undone)), cause=cause)
        return Propose(Commit((Expect(self._txn_key, self.revision),), (self._record_put(Phase.UNDOING),)))

    def _to_undo(self, barriers: Iterable[int]) -> Iterator[tuple[int, Step]]:
        """(number, step) of what is to be undone, last first."""
        for barrier in sorted(barriers, reverse=True):
            for index, step in reversed(tuple(enumerate(self.plan.before[barrier], self._offsets[barrier]))):
                if index not in self._undone and step.kind not in self._traceless:
                    yield index, step

    def _next_undo(self) -> Instruction:
        self._at = _At.UNDOING
        while self._undo_from > 0:
            self._undo_from -= 1
            if found := tuple(self._to_undo((self._undo_from,))):
                self._undo_at = tuple(index for index, _ in found)
                return Run(tuple(step for _, step in found), True, self.revision)
        return self._propose_abort()

    def _ran_undo(self, outcomes: tuple[StepOutcome, ...]) -> Instruction:
        steps, grave = steps_of(self.plan.before), []
        for index, outcome in zip(self._undo_at, outcomes, strict=True):
            step = steps[index]
            if (problem := outcome.problem) is None:
                self._undone.add(index)
            elif self.record.giving_up or problem.unreachable or problem.away:
                self._left.append((step, problem))
            else:
                grave.append(problem)
        if grave:
            self._problems += grave
            return self._propose_stuck(grave)
        return self._next_undo()

    def _propose_stuck(self, problems: list[StepProblem]) -> Instruction:
        """Keep record, locks and claims, and say why, until somebody clears it."""
        self._at = _At.ABORT
        details = tuple(details_of(p) for p in problems)
        self.record = msgspec.structs.replace(self.record, problems=details, undone=tuple(sorted(self._undone)))
        return Propose(Commit((Expect(self._txn_key, self.revision),), (self._record_put(Phase.STUCK),)))

    def _propose_abort(self) -> Instruction:
        """Everything is undone, or left for its peer: free it."""
        self._at = _At.ABORT
        self._move(None)
        claims = tuple(Change(c.key) for c in self.plan.claims)
        left = tuple(Change(key, msgspec.to_builtins(leftover)) for key, leftover in self._leftovers().items())
        self._problems += [_left_behind(problem) for _, problem in self._left]
        commit = make_commit(self._reader, (Expect(self._txn_key, self.revision),), (*claims, *left))
        return Propose(_and(commit, put=(self._result_put(),), delete=(*self._locks, self._txn_key)))

    def _leftovers(self) -> dict[str, Leftover]:
        """key -> what a peer has to undo by itself. A peer that has left the pool meanwhile, or does so with this abort, is not
        waited for."""
        undo: dict[str, list[Undo]] = {}
        away: dict[str, bool] = {}
        claimed = {claim.key for claim in self.plan.claims}
        for step, problem in self._left:
            if (key := model.peer_key(step.peer_id)) not in claimed and self._reader.get(key) is not None:
                undo.setdefault(step.peer_id, []).append(
                    Undo(kind=step.kind, arguments=step.arguments, error=problem.error, meaning=problem.meaning)
                )
                away[step.peer_id] = away.get(step.peer_id, True) and problem.away
        record, held = self.record, {}
        for peer, steps in undo.items():
            held[peer] = touched((u.kind, u.arguments) for u in steps) if away[peer] else held_on(self.plan, peer)
        return {
            model.leftovers_prefix(peer) + record.id: Leftover(
                transaction=record.id, command=record.command, since=record.started, undo=tuple(steps), held=held[peer]
            )
            for peer, steps in undo.items()
        }

    def _finish(self, outcome: str) -> Finish:
        self._at = _At.ENDED
        return Finish(outcome, self.revision, tuple(self._problems))

    # records

    @property
    def _txn_key(self) -> str:
        return model.TRANSACTIONS + self.record.id

    @property
    def _locks(self) -> tuple[str, ...]:
        return tuple(model.lock_key(name) for name in self.plan.locks)

    def _expectations_to_begin(self) -> tuple[Expect, ...]:
        free = tuple(Expect(key, ABSENT) for key in (*self._locks, self._txn_key, model.RESULTS + self.record.id))
        return (*self._expect, *free)

    def _lock_puts(self) -> tuple[Put, ...]:
        record = self.record
        lock = model.Lock(transaction=record.id, owner=self._owner, command=record.command, since=record.started)
        return tuple(Put(key, model.dump(lock)) for key in self._locks)

    def _record_put(self, phase: Phase) -> Put:
        self._move(phase)
        self.record = msgspec.structs.replace(self.record, phase=phase)
        return Put(self._txn_key, model.dump(self.record))

    def _move(self, phase: Phase | None) -> None:
        assert (self._phase, phase) in POSSIBLE, f"a transaction never goes from {self._phase} to {phase}"
        self._phase = phase

    def _result_put(self) -> Put:
        error = self._error()
        self.remembered = Remembered(
            command=self.record.command,
            revision=self.revision,
            result=self.plan.result,
            warnings=tuple(describe(p) for p in self._problems),
            error=error,
            digest=self.record.digest,
            hook=self.plan.hook if error is None else None,
        )
        return Put(model.RESULTS + self.record.id, model.dump(self.remembered))

    def _error(self) -> dict[str, Any] | None:
        """What its caller is told: why it was undone, or what of its effect is missing. None: it did what it should."""
        grave = [p for p in self._problems if not p.unreachable]
        if self._at is _At.ABORT:
            cause = self.record.cause or details_of(self._problems[0] if self._problems else _ABANDONED)
            message = cause["error"]
        elif grave:
            cause = details_of(grave[0])
            message = f"{self.record.command} is committed, but its effect isn't complete yet: {cause['error']}"
        else:
            return None
        host = {"peer": cause["host"]} if cause.get("host") else {}
        return {"message": message, "peer-id": cause["peer"], **host, **{name: cause[name] for name in ("step", "error", "hint")}}


_ABANDONED = StepProblem(peer_id="", step="", error="it was interrupted before its changes, and undone", hint=TRY_AGAIN)


def _left_behind(problem: StepProblem) -> StepProblem:
    meaning = f"{problem.meaning}; the peer undoes that by itself when it can"
    return msgspec.structs.replace(problem, meaning=meaning, unreachable=True)


def _and(commit: Commit, *, put: tuple[Put, ...] = (), delete: tuple[str, ...] = ()) -> Commit:
    return Commit(commit.expect, (*commit.put, *put), (*commit.delete, *delete))


def steps_of(barriers: tuple[Barrier, ...]) -> tuple[Step, ...]:
    return tuple(step for barrier in barriers for step in barrier)


def describe(problem: StepProblem) -> str:
    """For the user: where, what is so there now, and why."""
    where = f"peer {problem.host or problem.peer_id}: " if problem.peer_id else ""
    return where + (f"{problem.meaning} ({problem.error})" if problem.meaning else problem.error)


def filled_in(text: str, step: Step) -> str:
    """A text of a StepKind with the step's arguments in it; "" when it has no such argument (a daemon of another version planned it)."""
    try:
        return text.format_map(step.arguments)
    except (KeyError, ValueError, IndexError, AttributeError):
        return ""
