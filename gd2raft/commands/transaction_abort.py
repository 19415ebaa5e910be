"""transaction abort: stop waiting for peers that don't answer. What they have to undo is written down for each of them.

Before its changes are committed a command is undone, as far as that is possible now; after that it is only no longer waited for.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import model, plan
from gd2raft.core.phases import Phase
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View


class TransactionAbort(Request, frozen=True, kw_only=True):
    transaction: str


def plan_abort(view: View, request: TransactionAbort, ids: Ids) -> Plan:
    found = lookup.transaction(view, request.transaction)
    phase = Phase.COMPLETING if found.phase is Phase.COMPLETING else Phase.UNDOING
    cause = found.cause or {"peer": "", "step": "abort", "error": "an administrator aborted it", "hint": "", "kind": "failed"}
    aborted = msgspec.structs.replace(found, phase=phase, giving_up=True, cause={} if phase is Phase.COMPLETING else cause)
    return Plan(changes=(plan.put(view, model.TRANSACTIONS + found.id, aborted),), result={"transaction": found.id})


COMMAND = Command(
    name="transaction-abort",
    request=TransactionAbort,
    plan=plan_abort,
    route=Route("POST", "/v1/transactions/{transaction}/abort", 202, "transaction"),
    summary="Give up waiting for a command's peers: free its locks, leave to each peer what it has to undo.",
)
