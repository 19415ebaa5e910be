"""transaction resume: try again to undo what could not be undone. The leader sees the changed record and takes it up."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import model, plan
from gd2raft.core.phases import Phase
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class TransactionResume(Request, frozen=True, kw_only=True):
    transaction: str


def plan_resume(view: View, request: TransactionResume, ids: Ids) -> Plan:
    found = lookup.transaction(view, request.transaction)
    if found.phase is not Phase.STUCK:
        raise Refused(
            f"transaction {found.id} is not stuck, it is {found.phase.value}",
            hint="it is being worked on; when it hangs on a dead peer: gd2 transaction abort " + found.id,
            code="not-stuck",
        )
    again = msgspec.structs.replace(found, phase=Phase.UNDOING)
    return Plan(changes=(plan.put(view, model.TRANSACTIONS + found.id, again),), result={"transaction": found.id})


COMMAND = Command(
    name="transaction-resume",
    request=TransactionResume,
    plan=plan_resume,
    route=Route("POST", "/v1/transactions/{transaction}/resume", 202, "transaction"),
    summary="Try again to undo a command that is stuck.",
)
