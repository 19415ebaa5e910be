"""quota's settings of a volume: default soft limit, how long counts may be old below and above it, how often to warn."""

from __future__ import annotations

import msgspec

from gd2raft.commands import quota
from gd2raft.commands.volume_create import with_options
from gd2raft.core import model, plan, quotas
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class QuotaEdit(Request, frozen=True, kw_only=True):
    """Times as options take them: 30, 30s, 5m, 1d."""

    volume: str
    default_soft_limit: str = ""
    soft_timeout: str = ""
    hard_timeout: str = ""
    alert_time: str = ""


def plan_edit(view: View, request: QuotaEdit, ids: Ids) -> Plan:
    volume = quota.quota_volume(view, request.volume)
    given = (request.default_soft_limit, request.soft_timeout, request.hard_timeout, request.alert_time)
    wanted = {option: value for option, value in zip(quotas.SETTINGS, given, strict=True) if value}
    if not wanted:
        raise Refused("nothing is given to change", hint="default-soft-limit, soft-timeout, hard-timeout, alert-time", code="bad-request")
    changed = with_options(view, volume.options, wanted, volume.kind, replicas=volume.replicas)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), msgspec.structs.replace(volume, options=changed)),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="quota-edit",
    request=QuotaEdit,
    plan=plan_edit,
    route=Route("POST", "/v1/quota/{volume}/settings", 200, "volume"),
    summary="Change quota's settings of a volume.",
)
