"""remove-brick start: the files of some bricks are moved to the others; the bricks go with the commit."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup, shrink
from gd2raft.commands.hooked import around
from gd2raft.commands.job_start import follow, new_job
from gd2raft.commands.step_kinds import BRICK_ONLINE, BrickOnline
from gd2raft.core import jobs, model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class RemoveBrickStart(Request, frozen=True, kw_only=True):
    """`bricks`: PEER:/path each; whole sets of a replicate or disperse volume."""

    volume: str
    bricks: list[str]
    replica: int = 0


def plan_start(view: View, request: RemoveBrickStart, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    shrink.check_nothing_pending(view, volume)
    leaving = shrink.chosen(view, volume, request.bricks)
    left = shrink.without(volume, leaving, request.replica)
    if request.replica:
        raise Refused(
            "migration of data is not needed when the replica count is reduced", hint="use force instead of start", code="not-needed"
        )
    peers = tuple(dict.fromkeys(b.peer_id for b in leaving))
    shrink.check_online(view, peers, "bricks to be removed are")
    marked = msgspec.structs.replace(
        volume,
        subvols=shrink.marked(volume, {b.id for b in leaving}, decommissioned=True),
        options=shrink.options_for(volume, left[0].type.value),
    )
    marked, job, changes = new_job(view, marked, ids, kind=jobs.Kind.REMOVE_BRICK, how=jobs.How.FORCE, peers=peers, bricks=leaving)
    online = tuple(BRICK_ONLINE.at(b.peer_id, BrickOnline(volume=volume.name, path=b.path)) for b in leaving)
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=(online,),
        changes=(plan.put(view, model.volume_key(volume.name), marked), *changes),
        after=(follow(volume, []),),
        result={"volume": volume.name, "job": job.id},
        hook=around("remove-brick", volume),
    )


COMMAND = Command(
    name="remove-brick-start",
    request=RemoveBrickStart,
    plan=plan_start,
    route=Route("POST", "/v1/volumes/{volume}/remove-brick/start", 202, "job"),
    summary="Start to move the files of some bricks to the others, so that they can be removed.",
)
