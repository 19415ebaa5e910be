"""quota disable: no limit counts any more, and all limits are forgotten; the marks on the bricks are cleaned up in the background."""

from __future__ import annotations

import msgspec

from gd2raft.commands import quota
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import model, plan, quotas
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View


class QuotaDisable(Request, frozen=True, kw_only=True):
    volume: str


def plan_disable(view: View, request: QuotaDisable, ids: Ids) -> Plan:
    volume = quota.quota_volume(view, request.volume)
    off = dict.fromkeys((quotas.ON, quotas.INODES_ON), "off")
    updated = msgspec.structs.replace(volume, options={**quota.without_settings(volume.options), **off})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated), *quotas.forgotten(view, volume.name)),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="quota-disable",
    request=QuotaDisable,
    plan=plan_disable,
    route=Route("DELETE", "/v1/quota/{volume}", 200, "volume"),
    summary="End quota of a volume; its limits are forgotten.",
)
