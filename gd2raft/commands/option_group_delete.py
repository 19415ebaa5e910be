"""option groups: a group is forgotten. Volumes that were given it keep their options."""

from __future__ import annotations

from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, NotFound, Plan, Refused, Request, Route, View


class OptionGroupDelete(Request, frozen=True, kw_only=True):
    group: str


def plan_delete(view: View, request: OptionGroupDelete, ids: Ids) -> Plan:
    if request.group in view.options.groups:
        raise Refused(f"group {request.group} comes with GlusterFS and can't be deleted", code="builtin-group")
    key = model.option_group_key(request.group)
    if len(key) > 300 or view.reader.get(key) is None:
        raise NotFound(f"there is no group {request.group[:80]}", hint="GET /v1/volumes/options-group lists them", code="group-not-found")
    return Plan(changes=(plan.delete(key),), result={"group": request.group})


COMMAND = Command(
    name="option-group-delete",
    request=OptionGroupDelete,
    plan=plan_delete,
    route=Route("DELETE", "/v1/volumes/options-group/{group}", 204, "none"),
    summary="Forget a group of options.",
)
