"""volume set all: options of the whole pool."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup, old_daemons
from gd2raft.commands.hooked import pairs, pool_wide
from gd2raft.core import model, options, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

OP_VERSION = "cluster.op-version"


class ClusterSet(Request, frozen=True, kw_only=True):
    options: dict[str, str]


def plan_set(view: View, request: ClusterSet, ids: Ids) -> Plan:
    if not request.options:
        raise Refused("no options are given", code="bad-option")
    stored = dict(view.global_options())
    names: list[str] = []
    try:
        for name, value in request.options.items():
            full, kept = options.resolve(view.options, name, value, None, op_version=lookup.op_version(view))
            stored[full] = kept
            names.append(full)
        options.check_together(view.options, stored, names)
    except options.OptionRefused as error:
        raise Refused(str(error), code="bad-option", hint="`gd2 volume set help` lists the options") from error
    changes, locks = [], ["options"]
    if OP_VERSION in stored:
        locks.append(old_daemons.OP_VERSION_LOCK)
        changes.append(raise_op_version(view, stored.pop(OP_VERSION)))
    change = plan.put(view, model.GLOBAL_OPTIONS, model.GlobalOptions(options=stored))
    return Plan(locks=tuple(sorted(locks)), changes=(change, *changes), result={}, hook=pool_wide("set", pairs(request.options)))


def raise_op_version(view: View, value: str) -> plan.Change:
    """The op-version only rises, and no higher than every peer can follow."""
    cluster = view.cluster()
    assert cluster is not None, "a pool without a cluster record"
    wanted = int(value, 0)
    if wanted <= cluster.op_version:
        raise Refused(f"op-version {wanted} is not higher than the pool's, {cluster.op_version}: it can't be lowered", code="bad-option")
    old_daemons.check_peers_follow(view.peers(), wanted)
    return plan.put(view, model.CLUSTER, msgspec.structs.replace(cluster, op_version=wanted))


COMMAND = Command(
    name="cluster-set",
    request=ClusterSet,
    plan=plan_set,
    route=Route("POST", "/v1/cluster/options", 200, "options"),
    summary="Set options of the whole pool.",
)
