"""remove-brick stop: the bricks stay after all; files that were moved are found where they are now."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup, shrink
from gd2raft.commands.job_start import moved_to
from gd2raft.commands.rebalance_stop import stop_on_peers
from gd2raft.core import jobs, model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class RemoveBrickStop(Request, frozen=True, kw_only=True):
    """`bricks`: those of the start; none are needed."""

    volume: str
    bricks: list[str] = []


def plan_stop(view: View, request: RemoveBrickStop, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    waiting = shrink.pending(volume)
    if request.bricks:
        leaving = shrink.chosen(view, volume, request.bricks)
        if waiting:
            shrink.check_pending(volume, leaving)
    if not waiting:
        raise Refused(f"remove-brick was not started for volume {volume.name}", hint="there is nothing to stop", code="no-remove-brick")
    kept = msgspec.structs.replace(volume, subvols=shrink.marked(volume, {b.id for b in waiting}, decommissioned=False))
    job = jobs.of_volume(view, volume)
    stopped = job is not None and job.kind is jobs.Kind.REMOVE_BRICK
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(
            plan.put(view, model.volume_key(volume.name), kept),
            *((moved_to(view, job, jobs.Phase.STOPPED),) if job is not None and stopped else ()),
        ),
        after=(stop_on_peers(job),) if job is not None and stopped else (),
        result={"volume": volume.name, "job": volume.job},
    )


COMMAND = Command(
    name="remove-brick-stop",
    request=RemoveBrickStop,
    plan=plan_stop,
    route=Route("POST", "/v1/volumes/{volume}/remove-brick/stop", 200, "job"),
    summary="Keep the bricks whose removal was started.",
)
