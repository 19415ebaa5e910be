"""inode-quota enable: count files and directories too. Quota does that by itself; a volume that came from an old GlusterFS may not."""

from __future__ import annotations

import msgspec

from gd2raft.commands import quota
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import model, plan, quotas
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class QuotaInodesEnable(Request, frozen=True, kw_only=True):
    volume: str


def plan_enable(view: View, request: QuotaInodesEnable, ids: Ids) -> Plan:
    volume = quota.quota_volume(view, request.volume)
    if volume.options.get(quotas.INODES_ON) == "on":
        raise Refused(f"inode quota of volume {volume.name} is already enabled", hint="there is nothing to do", code="already-so")
    updated = msgspec.structs.replace(volume, options={**volume.options, quotas.INODES_ON: "on"}, quota_version=volume.quota_version + 1)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="quota-inodes-enable",
    request=QuotaInodesEnable,
    plan=plan_enable,
    route=Route("POST", "/v1/quota/{volume}/inodes", 200, "volume"),
    summary="Count files and directories too (quota does by itself).",
)
