"""volume reset-brick start: the process of a brick ends and stays away, so that its disk can be worked on; the brick stays in the volume."""

from __future__ import annotations

import msgspec

from gd2raft.commands import brick_change, lookup, shrink
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeResetBrickStart(Request, frozen=True, kw_only=True):
    """`peerid`: id, name or address."""

    volume: str
    peerid: str
    path: str


def plan_start(view: View, request: VolumeResetBrickStart, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    brick_change.check_redundant(volume, "reset-brick")
    position = brick_change.find(view, volume, request.peerid, request.path)
    brick = position.brick
    if brick.reset:
        raise Refused(
            f"brick {brick.path} is reset already", hint=f"gd2 volume reset-brick {volume.name} ... commit ends it", code="already-reset"
        )
    if len(brick_change.sources(position)) < brick_change.others_needed(position):
        raise Refused(
            f"brick {brick.path} can't be reset: too few other bricks of its set would serve",
            hint="other bricks of the set are reset: commit those first",
            code="not-redundant",
        )
    shrink.check_not_migrating(view, volume, brick)
    changed = brick_change.with_brick(volume, brick, msgspec.structs.replace(brick, reset=True))
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), changed),),
        after=(brick_change.follow((brick.peer_id,), volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-reset-brick-start",
    request=VolumeResetBrickStart,
    plan=plan_start,
    route=Route("POST", "/v1/volumes/{volume}/resetbrick/start", 200, "volume"),
    summary="Take a brick's process away, so that its disk can be worked on.",
)
