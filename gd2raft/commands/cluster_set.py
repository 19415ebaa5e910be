"""volume set all: options of the whole pool."""

from __future__ import annotations

from gd2raft.core import model, options, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class ClusterSet(Request, frozen=True, kw_only=True):
    options: dict[str, str]


def plan_set(view: View, request: ClusterSet, ids: Ids) -> Plan:
    if not request.options:
        raise Refused("no options are given", code="bad-option")
    stored = dict(view.global_options())
    for name, value in request.options.items():
        try:
            option = options.find(view.options, name)
            if not option.is_global:
                raise Refused(f"option {option.name} is for single volumes, not for the whole pool", hint=f"gd2 volume set VOLUME {option.name} VALUE", code="bad-option")
            stored[option.name] = options.validate(view.options, option, value)
        except options.OptionRefused as error:
            raise Refused(str(error), code="bad-option") from error
    change = plan.put(view, model.GLOBAL_OPTIONS, model.GlobalOptions(options=stored))
    return Plan(locks=("options",), changes=(change,), result={})


COMMAND = Command(
    name="cluster-set",
    request=ClusterSet,
    plan=plan_set,
    route=Route("POST", "/v1/cluster/options", 200, "options"),
    summary="Set options of the whole pool.",
)
