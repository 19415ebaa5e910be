"""volume stop: the state says Stopped, the peers end the bricks."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.hooked import around
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import jobs, model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeStop(Request, frozen=True, kw_only=True):
    """`force`: no complaint when the volume is stopped already."""

    volume: str
    force: bool = False


def plan_stop(view: View, request: VolumeStop, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if volume.state is not model.VolumeState.STARTED and not request.force:
        state = volume.state.value.lower()
        raise Refused(f"volume {volume.name} is not started (it is {state})", hint="there is nothing to stop", code="not-started")
    if not request.force and (job := jobs.under_way(view, volume)) is not None:
        raise Refused(
            f"a {job.kind.value} of volume {volume.name} is in progress", hint="wait for its end, or stop it first", code="job-under-way"
        )
    stopped = msgspec.structs.replace(volume, state=model.VolumeState.STOPPED)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), stopped),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
        hook=around("stop", volume),
    )


COMMAND = Command(
    name="volume-stop",
    request=VolumeStop,
    plan=plan_stop,
    route=Route("POST", "/v1/volumes/{volume}/stop", 200, "volume"),
    summary="Stop the bricks of a volume; clients lose it.",
)
