"""transaction forget: what an ended command left for peers to undo is given up. For a disk, or a peer, that never comes back.

What was not undone stays as it is where it is; nobody tries any more, and it is in nobody's way.
"""

from __future__ import annotations

from gd2raft.commands import lookup
from gd2raft.core import plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class TransactionForget(Request, frozen=True, kw_only=True):
    transaction: str


def plan_forget(view: View, request: TransactionForget, ids: Ids) -> Plan:
    keys = lookup.leftover_keys(view, request.transaction)
    if not keys:
        found = lookup.transaction(view, request.transaction)
        raise Refused(
            f"transaction {found.id} has not ended, it is {found.phase.value}",
            hint=f"gd2 transaction abort {found.id}: then it leaves to each peer what it has to undo",
            code="not-ended",
        )
    return Plan(changes=tuple(plan.delete(key) for key in keys), result={"transaction": request.transaction})


COMMAND = Command(
    name="transaction-forget",
    request=TransactionForget,
    plan=plan_forget,
    route=Route("POST", "/v1/transactions/{transaction}/forget", 204, "none"),
    summary="Give up what an ended command left for peers to undo.",
)
