"""volume profile stop: the bricks count no more."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_profile_start import OPTIONS
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeProfileStop(Request, frozen=True, kw_only=True):
    volume: str


def plan_stop(view: View, request: VolumeProfileStop, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if not any(name in volume.options for name in OPTIONS):
        raise Refused(f"profile on volume {volume.name} is not started", hint="there is nothing to stop", code="profile-not-started")
    kept = {name: value for name, value in volume.options.items() if name not in OPTIONS}
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), msgspec.structs.replace(volume, options=kept)),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-profile-stop",
    request=VolumeProfileStop,
    plan=plan_stop,
    route=Route("POST", "/v1/volumes/{volume}/profile/stop", 200, "volume"),
    summary="Count calls and latencies no more.",
)
