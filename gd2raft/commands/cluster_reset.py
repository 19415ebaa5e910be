"""volume reset all: options of the whole pool go back to their defaults."""

from __future__ import annotations

from gd2raft.commands.hooked import pool_wide
from gd2raft.commands.volume_reset import check_chosen
from gd2raft.core import model, options, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class ClusterReset(Request, frozen=True, kw_only=True):
    """`options`: which; or `all` that are set. One that isn't set is refused, or with `if_set` left as it is."""

    options: list[str] = []
    all: bool = False
    if_set: bool = False


def plan_reset(view: View, request: ClusterReset, ids: Ids) -> Plan:
    check_chosen(request.options, request.all)
    stored = dict(view.global_options())
    chosen = [named(view, stored, name, request.if_set) for name in request.options] or list(stored)
    kept = {name: value for name, value in stored.items() if name not in chosen}
    change = plan.put(view, model.GLOBAL_OPTIONS, model.GlobalOptions(options=kept))
    return Plan(locks=("options",), changes=(change,), result={}, hook=pool_wide("reset"))


def named(view: View, stored: dict[str, str], name: str, if_set: bool) -> str:
    if name in stored:
        return name
    try:
        found = options.find(view.options, name)
    except options.OptionRefused as error:
        raise Refused(str(error), code="bad-option") from error
    if found.scope != "pool":
        raise Refused(f"option {found.name} is not valid for all volumes", hint="gd2 volume reset VOLUME OPTION", code="bad-option")
    if found.name not in stored and not if_set:
        raise Refused(f"option {found.name} is not set on the pool", hint="there is nothing to reset", code="not-set")
    return found.name


COMMAND = Command(
    name="cluster-reset",
    request=ClusterReset,
    plan=plan_reset,
    route=Route("DELETE", "/v1/cluster/options", 200, "options"),
    summary="Reset options of the whole pool.",
)
