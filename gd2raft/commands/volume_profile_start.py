"""volume profile start: every brick counts calls and latencies from now on."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

OPTIONS = ("diagnostics.latency-measurement", "diagnostics.count-fop-hits")


class VolumeProfileStart(Request, frozen=True, kw_only=True):
    volume: str


def plan_start(view: View, request: VolumeProfileStart, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    if all(volume.options.get(name) == "on" for name in OPTIONS):
        raise Refused(
            f"profile on volume {volume.name} is already started", hint=f"gd2 volume profile {volume.name} info", code="already-started"
        )
    updated = msgspec.structs.replace(volume, options={**volume.options, **dict.fromkeys(OPTIONS, "on")})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-profile-start",
    request=VolumeProfileStart,
    plan=plan_start,
    route=Route("POST", "/v1/volumes/{volume}/profile/start", 200, "volume"),
    summary="Count calls and latencies on every brick.",
)
