"""quota enable: bricks count what is below each directory, and directories can be given limits."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import model, plan, quotas
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class QuotaEnable(Request, frozen=True, kw_only=True):
    """What is in the volume already is counted in the background."""

    volume: str


def plan_enable(view: View, request: QuotaEnable, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    if quotas.is_on(volume):
        raise Refused(f"quota of volume {volume.name} is already enabled", hint="there is nothing to do", code="already-so")
    on = dict.fromkeys((quotas.ON, quotas.INODES_ON, quotas.DEEM_STATFS), "on")
    updated = msgspec.structs.replace(volume, options={**volume.options, **on}, quota_version=volume.quota_version + 1)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="quota-enable",
    request=QuotaEnable,
    plan=plan_enable,
    route=Route("POST", "/v1/quota/{volume}", 200, "volume"),
    summary="Count what is below each directory, so that limits can be set.",
)
