"""volume start: every brick is checked where it is, the state says Started, the peers run the bricks."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.hooked import around
from gd2raft.commands.step_kinds import CHECK_BRICK, FOLLOW_VOLUME, CheckBrick, FollowVolume
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeStart(Request, frozen=True, kw_only=True):
    """`force_start_bricks`: also start the bricks of a volume that is started already (glusterd's force)."""

    volume: str
    force_start_bricks: bool = False


def plan_start(view: View, request: VolumeStart, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if volume.state is model.VolumeState.STARTED and not request.force_start_bricks:
        raise Refused(f"volume {volume.name} is already started", hint="force starts bricks that are down", code="already-started")
    check = tuple(
        CHECK_BRICK.at(
            b.peer_id,
            CheckBrick(volume=volume.name, volume_id=volume.id, path=b.path, forced=request.force_start_bricks),
            must=False,
        )
        for b in volume.bricks()
        if not b.reset
    )
    started = msgspec.structs.replace(volume, state=model.VolumeState.STARTED, starts=volume.starts + 1)
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=(check,) if check else (),
        changes=(plan.put(view, model.volume_key(volume.name), started),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
        hook=around("start", volume),
    )


def follow_on_peers(volume: model.Volume) -> plan.Barrier:
    """Wait until the peers with bricks have done what the state says; one that is down does it when it returns."""
    return tuple(FOLLOW_VOLUME.at(peer_id, FollowVolume(volume=volume.name), must=False) for peer_id in volume.peer_ids())


COMMAND = Command(
    name="volume-start",
    request=VolumeStart,
    plan=plan_start,
    route=Route("POST", "/v1/volumes/{volume}/start", 200, "volume"),
    summary="Start the bricks of a volume.",
)
