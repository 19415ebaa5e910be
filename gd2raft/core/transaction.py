"""The life of a transaction: events in, one instruction out. PURE: it neither commits nor runs steps, it says what to do next.

    begin ──committed──> preparing ──all steps before done──> change ──committed──> completing ──steps after done──> end
      │                      │                                   │
      └─conflict─> ended     └─a step failed──> undoing ──> abort (or stuck, when an undo failed)   <──conflict──┘

A plan without steps needs one commit in all; one without steps before begins and changes in one. Whoever leads next finds the
Transaction record and continues with `resume`: what was preparing is undone, what was completing is completed.
The record exists from begin to end, and a peer runs a step only while its own state has the record in the right phase: that
is the fence against a leader that was deposed and doesn't know it yet.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from gd2raft.core import model
from gd2raft.core.kv import ABSENT, Commit, Expect, Put
from gd2raft.core.plan import Barrier, Change, Plan, Step, make_commit

RESULTS_KEPT = 1000
"""Answers that are remembered for Idempotency-Key and for initiators whose leader died."""


class Phase(enum.Enum):
    PREPARING = "preparing"
    COMPLETING = "completing"
    STUCK = "stuck"


class Transaction(model.Record, frozen=True, kw_only=True, omit_defaults=True):
    """txn/ID: what the next leader needs to finish or undo it."""

    id: str
    command: str
    phase: Phase
    plan: dict[str, Any]
    initiator: str
    started: float
    request_id: str = ""
    user: str = ""
    problems: tuple[dict[str, str], ...] = ()

    def decoded_plan(self) -> Plan:
        return msgspec.convert(self.plan, Plan)


class Remembered(model.Record, frozen=True, kw_only=True, omit_defaults=True):
    """results/ID: how a command ended. `error` is None when it did what it should."""

    command: str
    revision: int = 0
    result: dict[str, Any] = {}
    warnings: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    digest: str = ""  # of the request: the same key with another request is refused


# what the life asks for


class Propose(msgspec.Struct, frozen=True):
    """Commit this; answer with `committed` or `conflicted`."""

    commit: Commit


class Run(msgspec.Struct, frozen=True):
    """Run these steps at the same time, `undo` or do, fenced by `revision`; answer with `ran`."""

    steps: tuple[Step, ...]
    undo: bool
    revision: int


class Finish(msgspec.Struct, frozen=True):
    """It is over here. `outcome`: done, failed (undone), stuck, conflict (nothing happened; plan again), lost (another leader has it)."""

    outcome: str
    revision: int = 0
    problems: tuple[StepProblem, ...] = ()
    moved: tuple[str, ...] = ()


Instruction = Propose | Run | Finish


class StepProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A step that failed. `unreachable`: the peer didn't answer, so it may or may not have run."""

    peer_id: str
    step: str
    error: str
    hint: str = ""
    unreachable: bool = False


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step: facts (small JSON map), or a problem."""

    facts: dict[str, Any] = {}
    problem: StepProblem | None = None


class _At(enum.Enum):
    BEGIN = "begin"
    PREPARING = "preparing"
    CHANGE = "change"
    COMPLETING = "completing"
    END = "end"
    UNDOING = "undoing"
    ABORT = "abort"
    ENDED = "ended"


class Life:
    """One transaction's life. Call start() or resume(), then answer every instruction with one event, until Finish."""

    def __init__(
        self, record: Transaction, plan: Plan, expect: tuple[Expect, ...], reader: model.Reader, *, owner: str, digest: str = ""
    ) -> None:
        plan.check()
        self.record, self.plan, self._expect, self._reader = record, plan, expect, reader
        self._owner, self._digest = owner, digest
        self._at = _At.BEGIN
        self._barrier = 0
        self._facts: list[dict[str, Any]] = []
        self._problems: list[StepProblem] = []
        self._undo_from = 0
        self.revision = 0

    # entering

    def start(self) -> Instruction:
        if not self.plan.before:
            return self._propose_change(first=True)
        self._at = _At.BEGIN
        commit = make_commit(self._reader, self._expectations_to_begin(), self.plan.claims)
        return Propose(_and(commit, put=(*self._lock_puts(), self._record_put(Phase.PREPARING))))

    def resume(self, revision: int) -> Instruction:
        """Continue a transaction that was found in the state; `revision`: when its record was last written."""
        self.revision = revision
        if self.record.phase is Phase.COMPLETING:
            return self._enter_completing()
        self._undo_from = len(self.plan.before)
        return self._enter_undoing()

    # events

    def committed(self, revision: int) -> Instruction:
        if self._at is _At.BEGIN:
            self.revision, self._at, self._barrier = revision, _At.PREPARING, 0
            return Run(self.plan.before[0], False, revision)
        if self._at is _At.CHANGE:
            self.revision = revision
            return self._enter_completing() if self.plan.after else self._finish("done")
        if self._at is _At.END:
            return self._finish("done")
        assert self._at is _At.ABORT, f"committed while {self._at}"
        return self._finish("stuck" if self.record.phase is Phase.STUCK else "failed")

    def conflicted(self, moved: tuple[str, ...]) -> Instruction:
        """An expectation of the proposed commit didn't hold."""
        if self._at in (_At.END, _At.ABORT) or (self._txn_key in moved and self.revision):
            self._at = _At.ENDED  # another leader has taken the transaction over; it will end it
            return Finish("lost", self.revision, moved=moved)
        if self._at is _At.CHANGE and self.plan.before:
            problem = StepProblem(peer_id="", step="commit", error=f"the state moved meanwhile: {', '.join(moved[:5])}", hint="try again")
            self._problems.append(problem)
            self._undo_from = len(self.plan.before)
            return self._enter_undoing()
        self._at = _At.ENDED
        return Finish("conflict", moved=moved)

    def ran(self, outcomes: tuple[StepOutcome, ...]) -> Instruction:
        """The steps of the last Run ended, in its order."""
        problems = [o.problem for o in outcomes if o.problem is not None]
        if self._at is _At.PREPARING:
            return self._ran_before(outcomes, problems)
        if self._at is _At.COMPLETING:
            return self._ran_after(problems)
        assert self._at is _At.UNDOING, f"ran while {self._at}"
        return self._ran_undo(problems)

    # between

    def _ran_before(self, outcomes: tuple[StepOutcome, ...], problems: list[StepProblem]) -> Instruction:
        steps = self.plan.before[self._barrier]
        self._facts += [o.facts for o in outcomes]
        grave = [p for s, o in zip(steps, outcomes, strict=True) if (p := o.problem) is not None and (s.must or not p.unreachable)]
        self._problems += problems
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
        ends = not self.plan.after
        expect = self._expectations_to_begin() if first else (Expect(self._txn_key, self.revision),)
        changes = tuple(self._with_facts(c) for c in (*self._claims_if(first), *self.plan.changes))
        commit = make_commit(self._reader, expect, changes)
        if ends:
            freed = () if first else (*self._locks, self._txn_key)
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

    def _enter_completing(self) -> Instruction:
        self._at, self._barrier = _At.COMPLETING, 0
        if not self.plan.after:
            return self._propose_end()
        return Run(self.plan.after[0], False, self.revision)

    def _ran_after(self, problems: list[StepProblem]) -> Instruction:
        self._problems += problems
        self._barrier += 1
        if self._barrier < len(self.plan.after):
            return Run(self.plan.after[self._barrier], False, self.revision)
        return self._propose_end()

    def _propose_end(self) -> Instruction:
        self._at = _At.END
        expect = (Expect(self._txn_key, self.revision),)
        return Propose(Commit(expect, (self._result_put(),), (*self._locks, self._txn_key)))

    def _enter_undoing(self) -> Instruction:
        self._at = _At.UNDOING
        while self._undo_from > 0:
            self._undo_from -= 1
            if steps := self.plan.before[self._undo_from]:
                return Run(tuple(reversed(steps)), True, self.revision)
        return self._propose_abort(Phase.PREPARING, ())

    def _ran_undo(self, problems: list[StepProblem]) -> Instruction:
        if problems:
            self._problems += problems
            return self._propose_abort(Phase.STUCK, tuple(problems))
        return self._enter_undoing()

    def _propose_abort(self, phase: Phase, problems: tuple[StepProblem, ...]) -> Instruction:
        """Everything is undone: free it. Or stuck: keep record, locks and claims, and say why, until somebody clears it."""
        self._at = _At.ABORT
        expect = (Expect(self._txn_key, self.revision),)
        if phase is Phase.STUCK:
            details = tuple({"peer": p.peer_id, "step": p.step, "error": p.error} for p in problems)
            self.record = msgspec.structs.replace(self.record, problems=details)
            return Propose(Commit(expect, (self._record_put(Phase.STUCK),)))
        claims = tuple(Change(c.key) for c in self.plan.claims)
        commit = make_commit(self._reader, expect, claims)
        return Propose(_and(commit, put=(self._result_put(),), delete=(*self._locks, self._txn_key)))

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
        self.record = msgspec.structs.replace(self.record, phase=phase)
        return Put(self._txn_key, model.dump(self.record))

    def _result_put(self) -> Put:
        error = None
        if self._problems and self._at is _At.ABORT:
            first = self._problems[0]
            error = {"peer-id": first.peer_id, "step": first.step, "error": first.error, "hint": first.hint}
        remembered = Remembered(
            command=self.record.command,
            revision=self.revision,
            result=self.plan.result,
            warnings=tuple(f"{p.step} on {p.peer_id}: {p.error}" for p in self._problems),
            error=error,
            digest=self._digest,
        )
        return Put(model.RESULTS + self.record.id, model.dump(remembered))


def _and(commit: Commit, *, put: tuple[Put, ...] = (), delete: tuple[str, ...] = ()) -> Commit:
    return Commit(commit.expect, (*commit.put, *put), (*commit.delete, *delete))


def steps_of(barriers: tuple[Barrier, ...]) -> tuple[Step, ...]:
    return tuple(step for barrier in barriers for step in barrier)
