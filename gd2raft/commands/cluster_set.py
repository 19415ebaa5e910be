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
    cluster = view.cluster()
    try:
        for name, value in request.options.items():
            full, kept = options.resolve(view.options, name, value, None, op_version=cluster.op_version if cluster else model.OP_VERSION)
            stored[full] = kept
    except options.OptionRefused as error:
        raise Refused(str(error), code="bad-option", hint="`gd2 volume set help` lists the options") from error
    change = plan.put(view, model.GLOBAL_OPTIONS, model.GlobalOptions(options=stored))
    return Plan(locks=("options",), changes=(change,), result={})


COMMAND = Command(
    name="cluster-set",
    request=ClusterSet,
    plan=plan_set,
    route=Route("POST", "/v1/cluster/options", 200, "options"),
    summary="Set options of the whole pool.",
)
