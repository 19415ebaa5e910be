"""volume clone: a new volume with what another one has at one moment, on the same devices.

All bricks of the source stand still at the same time (storage.freeze), for some seconds at most, and are copied meanwhile. What was going on is in the copies
as after a loss of power on all peers at once, which the replicate and disperse xlators are made for: no phase of a change is on one brick before
the one that precedes it is on all. A copy of bricks one after the other would not have that.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gd2raft.commands import layout, lookup, old_daemons, shrink, sizing
from gd2raft.commands import volume_create as create
from gd2raft.commands.step_kinds import (
    COPY_STORAGE,
    FREEZE_STORAGE,
    PREPARE_BRICK,
    THAW_STORAGE,
    CloneStorage,
    FreezeStorage,
    PrepareBrick,
)
from gd2raft.core import devices, model, placement, plan
from gd2raft.core.placement import NoSpace, Spot
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

OPTIONS_LEFT_OUT = ("features.barrier",)
QUOTA = ("features.quota", "features.inode-quota")
PROVISIONER = "loop"


class VolumeClone(Request, frozen=True, kw_only=True):
    """`name`: of the new volume, which is not started. Never from a body, but from heketi's endpoints: `identity`, a UUID that it is to have."""

    volume: str
    name: str
    identity: str = ""


class Copy(msgspec.Struct, frozen=True):
    """A brick and where its copy goes: to the same device."""

    source: model.Brick
    spot: Spot


def plan_clone(view: View, request: VolumeClone, ids: Ids) -> Plan:
    source = lookup.volume(view, request.volume)
    create.check_new(view, request.name)
    old_daemons.check_peers_know_clones(view)
    check_source(view, source)
    copies = tuple(copies_of(view, source, ids))
    check_room(view, copies)
    check_places(view, request.name, copies)
    volume = clone_of(source, request, copies, ids)
    fresh = tuple(volume.bricks())
    copied = tuple(storage_of(copy) for copy in copies)
    before = (
        tuple(FREEZE_STORAGE.at(c.source.peer_id, freeze_of(c.source)) for c in copies),
        tuple(COPY_STORAGE.at(b.peer_id, part) for b, part in zip(fresh, copied, strict=True)),
        tuple(THAW_STORAGE.at(b.peer_id, part) for b, part in zip(fresh, copied, strict=True)),
        tuple(PREPARE_BRICK.at(b.peer_id, prepare_of(volume, b)) for b in fresh),
    )
    facts = tuple(
        plan.put(view, model.brick_key(b.peer_id, b.path), model.BrickClaim(volume=volume.name, brick=b.id), facts_from=i)
        for i, b in enumerate(fresh, 3 * len(fresh))
    )
    return Plan(
        locks=tuple(sorted((f"volume/{source.name}", f"volume/{volume.name}"))),
        claims=(*(create.claim(volume.name, b) for b in fresh), *sizing.claims(volume.name, (c.spot for c in copies))),
        before=before,
        changes=(plan.put(view, model.volume_key(volume.name), volume), *facts),
        result={"volume": volume.name},
    )


def check_source(view: View, source: model.Volume) -> None:
    shrink.check_nothing_pending(view, source)
    if any(source.options.get(name, "off") not in ("off", "disable") for name in QUOTA):
        raise Refused(
            f"volume {source.name} has quota: its limits and counts can't be cloned",
            hint=f"gd2 volume quota {source.name} disable, if they aren't needed",
            code="quota",
        )
    for brick in source.bricks():
        where = f"brick {view.host(brick.peer_id)}:{brick.path} of volume {source.name}"
        if not brick.device:
            raise Refused(
                f"{where} is not on a device: a clone needs a volume whose bricks were all placed by size",
                hint="copy the files through mounts of both volumes",
                code="not-on-device",
            )
        if brick.reset:
            raise Refused(f"{where} is being reset", hint="finish that first: gd2 volume reset-brick", code="brick-reset")
        if devices.is_filling(view, brick):
            raise Refused(
                f"{where} has taken another's place and is not filled yet",
                hint=f"wait until self-heal is done: gd2 volume heal {source.name} info",
                code="filling",
            )


def copies_of(view: View, source: model.Volume, ids: Ids) -> Iterator[Copy]:
    for brick in source.bricks():
        device, space = devices.find(view, brick.device), space_of(view, brick)
        if device is None or space is None:
            raise Refused(f"the device of brick {view.host(brick.peer_id)}:{brick.path} is not in the pool", code="not-on-device")
        if device.provisioner != PROVISIONER:
            raise Refused(
                f"device {view.host(brick.peer_id)}:{device.path} has provisioner {device.provisioner}, and clones are made of files on loop devices only",
                hint="copy the files through mounts of both volumes",
                code="not-clonable",
            )
        if why := placement.usable(device, device.peer_id in view.online):
            raise Refused(
                f"the copy of a brick has to be on the same device, and {view.host(device.peer_id)}:{device.path} gets no bricks: {why}",
                hint="`gd2 peer status` and `gd2 device list` show what is online",
                code="peer-offline" if device.peer_id not in view.online else "device-offline",
            )
        spot = Spot(
            brick=ids.uuid(), device=device, size=space.size, pool=space.pool, metadata=space.metadata, arbiter=space.arbiter
        )  # fmt: skip
        yield Copy(brick, spot)


def space_of(view: View, brick: model.Brick) -> devices.Space | None:
    key = devices.space_key(brick.device, brick.id)
    item = view.reader.get(key)
    return None if item is None else model.load(key, item.value, devices.Space)


def check_room(view: View, copies: tuple[Copy, ...]) -> None:
    """On each device, for the copies of all of its bricks. What is read for it is relied on."""
    wanted: dict[str, int] = {}
    for copy in copies:
        wanted[copy.spot.device.id] = wanted.get(copy.spot.device.id, 0) + copy.spot.taken
    short = {}
    for device in {copy.spot.device.id: copy.spot.device for copy in copies}.values():
        free = max(0, devices.free(device, devices.spaces(view, device.id)) - device.short)
        if free < wanted[device.id]:
            why = f"{placement.shown(free)} are free, {placement.shown(wanted[device.id])} are needed"
            short[f"{view.host(device.peer_id)}:{device.path}"] = why
    if short:
        told = "; ".join(f"{where}: {why}" for where, why in list(short.items())[:10])
        raise NoSpace(
            f"No space: the copy of a brick has to be on the same device. {told}",
            hint="move bricks to other devices (replace-brick), or delete volumes",
            fields={"devices": short},
        )


def check_places(view: View, name: str, copies: tuple[Copy, ...]) -> None:
    places = tuple(sizing.place_of(copy.spot) for copy in copies)
    shape = layout.Layout(type=model.SubvolumeType.DISTRIBUTE, set_size=1, bricks=places)
    create.check_bricks(view, create.VolumeCreate(name=name, force=True), shape, [create.resolve(view, place) for place in places])


def clone_of(source: model.Volume, request: VolumeClone, copies: tuple[Copy, ...], ids: Ids) -> model.Volume:
    """Bricks keep their numbers: what they have noted of each other names these."""
    fresh = {
        c.source.id: msgspec.structs.replace(c.source, id=c.spot.brick, path=devices.brick_path(c.spot.device, c.spot.brick))
        for c in copies
    }
    subvols = tuple(msgspec.structs.replace(s, bricks=tuple(fresh[b.id] for b in s.bricks)) for s in source.subvols)
    return msgspec.structs.replace(
        source,
        id=request.identity or ids.uuid(),
        name=request.name,
        state=model.VolumeState.CREATED,
        username=ids.uuid(),
        password=ids.uuid(),
        subvols=subvols,
        options={key: value for key, value in source.options.items() if key not in OPTIONS_LEFT_OUT},
        starts=0,
        job="",
        origin=source.origin or source.name,
    )


def freeze_of(brick: model.Brick) -> FreezeStorage:
    return FreezeStorage(brick=devices.hex_of(brick.id), mount=brick.path.rpartition("/")[0])


def storage_of(copy: Copy) -> CloneStorage:
    made = sizing.storage_of(copy.spot)
    return CloneStorage(**msgspec.structs.asdict(made), source=devices.hex_of(copy.source.id))


def prepare_of(volume: model.Volume, brick: model.Brick) -> PrepareBrick:
    """It bears the source's mark. Owner and mode are the source's as well."""
    return msgspec.structs.replace(sizing.provisioned(volume, brick), reuse=True, gid=0)


COMMAND = Command(
    name=old_daemons.CLONE,
    request=VolumeClone,
    plan=plan_clone,
    route=Route("POST", "/v1/volumes/{volume}/clone", 201, "volume", internal=("identity",)),
    summary="Make a volume with what another one has at this moment, of bricks on loop devices.",
)
