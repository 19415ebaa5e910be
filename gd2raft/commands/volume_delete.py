"""volume delete: the volume and its claims go; the data on the bricks stays, and so does the mark that says whose it was.

But bricks that were placed on devices are taken apart with their data: their space can be given to others.
"""

from __future__ import annotations

from gd2raft.commands import lookup, sizing
from gd2raft.commands.hooked import around
from gd2raft.commands.job_start import forgotten
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import devices, model, plan, quotas
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeDelete(Request, frozen=True, kw_only=True):
    """`force`: also while a peer with a brick of the volume is down; it forgets the volume when it returns."""

    volume: str
    force: bool = False


def plan_delete(view: View, request: VolumeDelete, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if volume.state is model.VolumeState.STARTED:
        raise Refused(f"volume {volume.name} is started", hint=f"stop it first: gd2 volume stop {volume.name}", code="started")
    down = [p for p in volume.peer_ids() if p not in view.online]
    if down and not request.force:
        names = ", ".join(describe(view, p) for p in down)
        raise Refused(
            f"volume {volume.name} has bricks on peers that are down: {names}",
            hint="start their daemons, or delete with force: they forget the volume when they return",
            code="peer-offline",
        )
    claims = tuple(plan.delete(model.brick_key(b.peer_id, b.path)) for b in volume.bricks())
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(
            plan.delete(model.volume_key(volume.name)),
            *claims,
            *forgotten(view, volume),
            *quotas.forgotten(view, volume.name),
            *devices.given_back(view, volume.bricks()),
        ),
        after=(follow_on_peers(volume), *sizing.free(volume.bricks())),
        result={"volume": volume.name},
        hook=around("delete", volume),
    )


def describe(view: View, peer_id: str) -> str:
    peer = view.peer(peer_id)
    return f"{peer.hostname} ({peer_id})" if peer else peer_id


COMMAND = Command(
    name="volume-delete",
    request=VolumeDelete,
    plan=plan_delete,
    route=Route("DELETE", "/v1/volumes/{volume}", 204, "none"),
    summary="Delete a stopped volume; the files on its bricks stay, but not those of bricks on devices.",
)
