"""volume reset-brick commit: the brick comes back, on an empty disk or with what it had (force); self-heal brings what it lacks."""

from __future__ import annotations

import msgspec

from gd2raft.commands import brick_change, lookup
from gd2raft.commands.step_kinds import PREPARE_BRICK, PrepareBrick
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeResetBrickCommit(Request, frozen=True, kw_only=True):
    """`force`: the folder may still have the brick's data, and may be anywhere."""

    volume: str
    peerid: str
    path: str
    force: bool = False


def plan_commit(view: View, request: VolumeResetBrickCommit, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    position = brick_change.find(view, volume, request.peerid, request.path)
    brick = position.brick
    if not brick.reset:
        host = view.host(brick.peer_id)
        raise Refused(
            f"brick {brick.path} is not reset",
            hint=f"start first: gd2 volume reset-brick {volume.name} {f'[{host}]' if ':' in host else host}:{brick.path} start",
            code="not-reset",
        )
    if brick.peer_id not in view.online:
        raise Refused(f"the peer of brick {brick.path} is not online", hint="start its daemon first", code="peer-offline", http=500)
    brick_change.check_sources(view, volume, position)
    changed = brick_change.with_brick(volume, brick, msgspec.structs.replace(brick, reset=False))
    claim = model.BrickClaim(volume=volume.name, brick=brick.id)
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=((prepare(request, volume, brick),), (brick_change.blame(volume, position, brick.peer_id, brick.path),)),
        changes=(
            plan.put(view, model.volume_key(volume.name), changed),
            plan.put(view, model.brick_key(brick.peer_id, brick.path), claim, facts_from=0),
        ),
        after=(brick_change.follow(volume.peer_ids(), changed), brick_change.heal(changed)),
        result={"volume": volume.name},
    )


def prepare(request: VolumeResetBrickCommit, volume: model.Volume, brick: model.Brick) -> plan.Step:
    force = request.force
    return PREPARE_BRICK.at(
        brick.peer_id,
        PrepareBrick(
            volume=volume.name,
            volume_id=volume.id,
            path=brick.path,
            create_folder=True,
            allow_root=force,
            allow_mount=force,
            reuse=not force,
            empty=not force,
        ),
    )


COMMAND = Command(
    name="volume-reset-brick-commit",
    request=VolumeResetBrickCommit,
    plan=plan_commit,
    route=Route("POST", "/v1/volumes/{volume}/resetbrick/commit", 200, "volume"),
    summary="Bring a reset brick back; self-heal brings what it lacks.",
)
