"""The phases of a transaction as a table, and the records that outlive whoever drives it. PURE data; core/transaction.py moves along it."""

from __future__ import annotations

import enum
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from gd2raft.core import model
from gd2raft.core.hooks import Hook
from gd2raft.core.kv import Versioned
from gd2raft.core.plan import Plan

RESULTS_KEPT = 1000
"""Answers that are remembered for Idempotency-Key and for initiators whose leader died."""


PLAN_BYTES_PLAIN = 32 * 1024


class Phase(enum.Enum):
    PREPARING = "preparing"
    UNDOING = "undoing"
    STUCK = "stuck"
    COMPLETING = "completing"


class Move(NamedTuple):
    """One commit of a transaction's life. None: there is no record (before the begin, or after the end)."""

    old: Phase | None
    new: Phase | None
    why: str


MOVES = (
    Move(None, None, "a plan without steps: one commit in all"),
    Move(None, Phase.PREPARING, "begin: locks and claims are taken, steps before run"),
    Move(None, Phase.COMPLETING, "begin of a plan without steps before: locks and changes in one commit"),
    Move(Phase.PREPARING, Phase.COMPLETING, "every step before is done: the changes; from here on never undone"),
    Move(Phase.PREPARING, None, "the same, when no step is to follow"),
    Move(Phase.PREPARING, Phase.UNDOING, "a step failed, the leader changed, or an administrator aborts it"),
    Move(Phase.UNDOING, Phase.UNDOING, "an administrator aborts it: what can't be undone is left for its peer"),
    Move(Phase.UNDOING, Phase.STUCK, "an undo failed on a peer that answers: locks and claims are kept until somebody clears it"),
    Move(Phase.UNDOING, None, "everything is undone, or left in a Leftover for a peer that can't be reached, or whose disk is away"),
    Move(Phase.PREPARING, None, "a step failed, and none has left anything to undo"),
    Move(Phase.STUCK, Phase.UNDOING, "resume or abort by an administrator"),
    Move(Phase.COMPLETING, Phase.COMPLETING, "an administrator aborts the waiting for steps after"),
    Move(Phase.COMPLETING, None, "the steps after are over: locks are freed"),
)
"""Every commit that there can be. The documentation's table is made of it."""

POSSIBLE = frozenset((m.old, m.new) for m in MOVES)


class Transaction(model.Record, frozen=True, kw_only=True, omit_defaults=True):
    """txn/ID: what the next leader needs to finish or undo it.

    `plan`, or `packed` (the same as JSON, zlib, base64) when it is large: a plan for a thousand bricks would not fit into a value.
    `undone`: numbers (counted over all barriers before) of the steps that are undone, or were never begun.
    `giving_up`: an administrator has aborted it; an undo that fails is left for its peer.
    """

    id: str
    command: str
    phase: Phase
    initiator: str
    started: float
    plan: dict[str, Any] = {}
    packed: str = ""
    request_id: str = ""
    user: str = ""
    digest: str = ""  # of the request, for Idempotency-Key
    undone: tuple[int, ...] = ()
    cause: dict[str, str] = {}  # why it is undone: as one of the problems
    giving_up: bool = False
    problems: tuple[dict[str, str], ...] = ()  # peer, step, error, kind: unreachable or failed

    def decoded_plan(self) -> Plan:
        if not self.packed:
            return msgspec.convert(self.plan, Plan)
        return msgspec.json.decode(zlib.decompress(b64decode(self.packed)), type=Plan)


def plan_fields(plan: Plan) -> dict[str, Any]:
    """The plan as a Transaction keeps it: keyword arguments for one."""
    data = msgspec.json.encode(plan)
    if len(data) <= PLAN_BYTES_PLAIN:
        return {"plan": msgspec.to_builtins(plan)}
    return {"packed": b64encode(zlib.compress(data)).decode()}


class Remembered(model.Record, frozen=True, kw_only=True, omit_defaults=True):
    """results/ID: how a command ended. `error` (message, peer-id, step, error, hint) is None when it did what it should.

    `hook`: which scripts run now, and on which peers.
    """

    command: str
    revision: int = 0
    result: dict[str, Any] = {}
    warnings: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    digest: str = ""  # of the request: the same key with another request is refused
    hook: Hook | None = None


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """One step that its peer has to undo by itself. `error`: why the leader could not have it undone; `meaning`: what is so there until then."""

    kind: str
    arguments: dict[str, Any]
    error: str = ""
    meaning: str = ""


class Leftover(model.Record, frozen=True, kw_only=True, omit_defaults=True):
    """leftovers/PEER-ID/TXN-ID: a transaction ended without this peer's undo. The peer does it when it can, and deletes the record.

    `held`: the locks of the transaction and its claims on this peer. Until the undo is done, no step of a later transaction
    that holds one of them is begun on the peer: the undo would come after it, and take back what is not its own. When all that is
    left is on disks that are away, only what these steps have `touched`: a dead disk keeps nobody from the rest of the volume.
    """

    transaction: str
    command: str
    since: float
    undo: tuple[Undo, ...]  # in the order in which they are to be undone
    held: tuple[str, ...] = ()


def held_on(plan: Plan, peer_id: str) -> tuple[str, ...]:
    """What a transaction with this plan holds that a step on this peer may touch: names of locks, keys of claims, and `touched`."""
    steps = (step for barrier in plan.before for step in barrier if step.peer_id == peer_id)
    claims = (claim.key for claim in plan.claims if peer_id in claim.key)
    return (*plan.locks, *claims, *touched((step.kind, step.arguments) for step in steps))


def touched(steps: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """A name for every folder that these steps (kind, arguments) work on, each with its kind."""
    return tuple(f"{kind} {arguments['path']}" for kind, arguments in steps if arguments.get("path"))


class StepProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A step that failed. `unreachable`: the peer didn't answer, so it may or may not have run; not `begun`: it surely hasn't.

    `host`, `meaning`: for the user, the name of the peer and what is so there now ("" when it is plain from the error).
    `away`: an undo on a disk that isn't there. The peer does it when it is; nobody else can do anything about it.
    """

    peer_id: str
    step: str
    error: str
    hint: str = ""
    unreachable: bool = False
    begun: bool = True
    away: bool = False
    host: str = ""
    meaning: str = ""


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step: facts (small JSON map), or a problem."""

    facts: dict[str, Any] = {}
    problem: StepProblem | None = None


def details_of(problem: StepProblem) -> dict[str, str]:
    """A problem as it stands in a Transaction's record."""
    kind = "unreachable" if problem.unreachable else "failed"
    found = {"peer": problem.peer_id, "step": problem.step, "error": problem.error, "hint": problem.hint, "kind": kind}
    return found | ({"host": problem.host} if problem.host else {})


def fence(item: Versioned | None, transaction: str, revision: int, *, undo: bool) -> str | None:
    """Why a peer must not run a step: `item` is the transaction's record in the peer's own state, `revision` what the leader says of it.

    A leader that was deposed, or a step that was long on its way, has another revision than the state.
    """
    if item is None:
        return f"transaction {transaction} has ended already"
    if item.modified != revision:
        return f"transaction {transaction} has gone on at revision {item.modified}: the step of revision {revision} is stale"
    phase = model.load("", item.value, Transaction).phase
    if undo and phase is not Phase.UNDOING:
        return f"nothing is undone of a transaction that is {phase.value}"
    if not undo and phase in (Phase.UNDOING, Phase.STUCK):
        return "the transaction is being undone: nothing of it is begun any more"
    return None
