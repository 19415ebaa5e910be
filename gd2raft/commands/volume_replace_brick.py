"""volume replace-brick: an empty brick takes the place of another, also when that one's peer is dead; self-heal fills it.

The new brick keeps the client index of the old one, so that what the good copies noted against the old one counts for the new one.
Order: the new folder is prepared, the old process ends (clients then note what it misses), the good copies are made to remember that
everything is missing, and only then does the state, and with it every volfile, name the new brick.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import brick_change, layout, lookup, shrink, sizing
from gd2raft.commands.step_kinds import HOLD_BRICK, PREPARE_BRICK, HoldBrick, PrepareBrick
from gd2raft.commands.volume_create import FLAGS, Placed, check_claims, check_no_device, claim, resolve
from gd2raft.core import devices, model, plan
from gd2raft.core.placement import Spot
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeReplaceBrick(Request, frozen=True, kw_only=True):
    """`src_*`: the brick that goes; `dst_*`: where the new one is to be, "" for a brick on a device: then another device is found for
    it. Peers by id, name or address.

    `force`: the new folder may be made, be on the root partition or be a mount point, and may share a peer with another copy.
    """

    volume: str
    src_peerid: str
    src_brickpath: str
    dst_peerid: str = ""
    dst_brickpath: str = ""
    force: bool = False
    flags: dict[str, bool] = {}


def plan_replace(view: View, request: VolumeReplaceBrick, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    brick_change.check_redundant(volume, "replace-brick")
    if unknown := sorted(set(request.flags) - FLAGS):
        raise Refused(f"unknown flag {unknown[0]!r}", hint="known flags: " + ", ".join(sorted(FLAGS)), code="bad-flag")
    position = brick_change.find(view, volume, request.src_peerid, request.src_brickpath)
    spots = spots_of(view, request, volume, position, ids)
    place = resolve(view, place_of(request, spots))
    check_place(view, request, position, place)
    shrink.check_not_migrating(view, volume, position.brick)
    brick_change.check_sources(view, volume, position)
    old = position.brick
    new = msgspec.structs.replace(
        old,
        id=spots[0].brick if spots else ids.uuid(),
        peer_id=place.peer.id,
        path=place.path,
        reset=False,
        device=spots[0].device.id if spots else "",
        size=spots[0].size if spots else 0,
    )
    make = sizing.make(spots)
    changed = brick_change.with_brick(volume, old, new)
    return Plan(
        locks=(f"volume/{volume.name}",),
        claims=(claim(volume.name, new), *sizing.claims(volume.name, spots, filling=True)),
        before=(
            *((make,) if make else ()),
            (prepare(request, volume, new),),
            (HOLD_BRICK.at(old.peer_id, HoldBrick(volume=volume.name, path=old.path), must=False),),
            (brick_change.blame(volume, position, new.peer_id, new.path),),
        ),
        changes=(
            plan.put(view, model.volume_key(volume.name), changed),
            plan.put(
                view, model.brick_key(new.peer_id, new.path), model.BrickClaim(volume=volume.name, brick=new.id), facts_from=len(make)
            ),
            plan.delete(model.brick_key(old.peer_id, old.path)),
            *devices.given_back(view, [old]),
        ),
        after=(brick_change.follow((*changed.peer_ids(), old.peer_id), changed), brick_change.heal(changed), *sizing.free([old])),
        result={"volume": volume.name},
    )


def spots_of(view: View, request: VolumeReplaceBrick, volume: model.Volume, position: brick_change.Position, ids: Ids) -> tuple[Spot, ...]:
    """Where on a device the new brick goes; () when the request says where. Raises Refused, NoSpace."""
    if request.dst_peerid or request.dst_brickpath:
        return ()
    if not position.brick.device:
        raise Refused(
            "where the new brick is to be is not said", hint="only for a brick on a device another device is found", code="no-bricks"
        )
    check_filled(view, volume, position)
    spots = (sizing.beside(view, volume, position.brick, position.others, ids),)
    sizing.relied_on(view, spots)
    return spots


def check_filled(view: View, volume: model.Volume, position: brick_change.Position) -> None:
    """Bricks that are being filled themselves can fill no other one. Raises Refused."""
    whole = [b for b in brick_change.sources(position) if b.peer_id in view.online and not devices.is_filling(view, b)]
    if len(whole) < brick_change.others_needed(position):
        raise Refused(
            f"brick {position.brick.path} of volume {volume.name} can't be moved: {len(whole)} other bricks of its set are whole and online, "
            f"{brick_change.others_needed(position)} are needed",
            hint=f"wait until those that were moved before are filled: gd2 volume heal {volume.name} info",
            code="not-filled",
        )


def place_of(request: VolumeReplaceBrick, spots: tuple[Spot, ...]) -> layout.BrickPlace:
    return sizing.place_of(spots[0]) if spots else layout.BrickPlace(request.dst_peerid, request.dst_brickpath)


def check_place(view: View, request: VolumeReplaceBrick, position: brick_change.Position, place: Placed) -> None:
    """The new brick is elsewhere, free, and on a peer that is there."""
    where = f"{place.peer.hostname}:{place.path}"
    if (place.peer.id, place.path) == (position.brick.peer_id, position.brick.path):
        raise Refused(f"brick {where} can't replace itself", hint="reset-brick is for that", code="same-brick")
    check_claims(view, place)
    check_no_device(view, [place])
    if place.peer.id not in view.online:
        raise Refused(f"brick {where}: peer {place.peer.hostname} is not online", hint="choose another peer", code="peer-offline", http=500)
    if not request.force and any(b.peer_id == place.peer.id for b in position.others):
        raise Refused(
            f"brick {where}: another copy of the same data is on that peer",
            hint="one machine down would take both; choose another peer, or add force",
            code="same-peer",
        )


def prepare(request: VolumeReplaceBrick, volume: model.Volume, brick: model.Brick) -> plan.Step:
    if brick.device:
        return PREPARE_BRICK.at(brick.peer_id, sizing.provisioned(volume, brick, empty=True))
    flags, force = request.flags, request.force
    return PREPARE_BRICK.at(
        brick.peer_id,
        PrepareBrick(
            volume=volume.name,
            volume_id=volume.id,
            path=brick.path,
            force=force,
            create_folder=force or flags.get("create-brick-dir", False),
            allow_root=force or flags.get("allow-root-dir", False),
            allow_mount=force or flags.get("allow-mount-as-brick", False),
            reuse=flags.get("reuse-bricks", False),
            empty=True,
        ),
    )


COMMAND = Command(
    name="volume-replace-brick",
    request=VolumeReplaceBrick,
    plan=plan_replace,
    route=Route("POST", "/v1/volumes/{volume}/replacebrick", 200, "volume"),
    summary="Put an empty brick in the place of another; self-heal fills it.",
)
