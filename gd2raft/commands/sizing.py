"""Volumes by size: from the words of a request to bricks on devices, with the space claimed. PURE.

It looks at all devices of the pool without relying on them (View.glance): only what the plan uses is read again so that its commit fails when it
moved. Two commands on different devices don't get into each other's way.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from gd2raft.commands import layout
from gd2raft.commands.step_kinds import FREE_STORAGE, MAKE_STORAGE, FreeStorage, MakeStorage, PrepareBrick
from gd2raft.core import devices, model, placement, plan
from gd2raft.core.placement import Candidate, Spot, Wanted
from gd2raft.core.plan import Ids, Refused, View

if TYPE_CHECKING:
    from gd2raft.commands.volume_create import VolumeCreate

FACTOR_MAX = 100.0
PROVISIONERS = ("", "lvm", "loop")


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices may be used. Peers by id, name or address."""

    limit_peers: Sequence[str] = ()
    exclude_peers: Sequence[str] = ()
    limit_zones: Sequence[str] = ()
    exclude_zones: Sequence[str] = ()


def placed(view: View, request: VolumeCreate, ids: Ids) -> tuple[layout.Layout, tuple[Spot, ...]]:
    """The layout that a create by size asks for, and the spots of its bricks in the layout's order. Raises Refused, NoSpace."""
    check(request)
    shape = shape_of(request)
    sizing = sizing_of(request)
    wanted = wanted_of(shape, sizing, size=request.size, sets=request.distribute)
    where = Where(
        limit_peers=request.limit_peers,
        exclude_peers=request.exclude_peers,
        limit_zones=request.limit_zones,
        exclude_zones=request.exclude_zones,
    )
    new_id = ids_for(request.name, ids)
    spots = tuple(spot for each in placement.place(candidates(view, sizing, where), wanted, new_id) for spot in each)
    return msgspec.structs.replace(shape, bricks=tuple(place_of(spot) for spot in spots)), spots


def ids_for(volume: str, ids: Ids) -> Callable[[], str]:
    """Ids of bricks that begin as the volume's name says and are random from there: a brick's search begins where the first digits of its id
    say, so that a dry run and the create after it find the same places, as long as the devices are as they were.

    >>> spare = Ids(lambda: "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b", 0.0)
    >>> new_id = ids_for("v1", spare)
    >>> new_id(), new_id(), ids_for("v1", spare)()[:7]
    ('a864d833-fe82-4b68-abd1-f5ce10f68c2b', '16c0b223-fe82-4b68-abd1-f5ce10f68c2b', 'a864d83')
    """
    numbers = itertools.count()

    def new_id() -> str:
        begin = hashlib.sha256(f"{volume}/{next(numbers)}".encode()).hexdigest()[: placement.START_DIGITS]
        return begin + ids.uuid()[placement.START_DIGITS :]

    return new_id


def check(request: VolumeCreate) -> None:
    if request.bricks or request.subvols:
        raise Refused("both a size and bricks are given", hint="give one of them", code="bad-layout")
    if request.thin_arbiter:
        raise Refused("a thin-arbiter volume can't be made by size", hint="name its bricks, or use replica 2 arbiter 1", code="bad-layout")
    if not 1.0 <= request.snapshot_reserve_factor <= FACTOR_MAX:
        raise Refused(
            f"snapshot-reserve-factor {request.snapshot_reserve_factor:g} is not possible", hint=f"1 to {FACTOR_MAX:g}", code="bad-size"
        )
    if request.provisioner not in PROVISIONERS:
        raise Refused(f"provisioner {layout.shown(request.provisioner)!r} is not known", hint="lvm or loop", code="bad-provisioner")
    for name in ("size", "distribute", "max_brick_size", "average_file_size"):
        if getattr(request, name) < 0:
            raise Refused(f"{name.replace('_', '-')} can't be negative", code="bad-size")


def shape_of(request: VolumeCreate) -> layout.Layout:
    """The shape that the words say, by the checks of a create with bricks, on one set of stand-ins."""
    count = 3 if request.arbiter else request.replica
    if request.disperse or request.disperse_data or request.disperse_redundancy:
        count = request.disperse or (request.disperse_data + request.disperse_redundancy if request.disperse_redundancy else 0)
        if not request.disperse and not (request.disperse_data and request.disperse_redundancy):
            raise Refused(
                "how many bricks a disperse set has is not said", hint="disperse 3, or disperse-data 4 and redundancy 2", code="bad-layout"
            )
    if not 0 <= count <= placement.BRICKS_MAX:
        raise Refused(f"sets of {count} bricks are not possible, at most {placement.BRICKS_MAX}", code="bad-layout")
    stand_ins = [f"peer:/{i}" for i in range(max(1, count))]
    return layout.of_words(msgspec.structs.replace(request, bricks=stand_ins))


def sizing_of(request: VolumeCreate) -> model.Sizing:
    return model.Sizing(
        snapshot_factor=request.snapshot_reserve_factor if request.snapshot else 1.0,
        strict_zones=request.subvolume_zones_overlap is False,
        average_file_bytes=request.average_file_size,
        brick_bytes_max=request.max_brick_size,
        provisioner=request.provisioner,
        device_tags=request.device_tags,
        gid=request.gid,
    )


def wanted_of(shape: layout.Layout, sizing: model.Sizing, *, size: int, sets: int = 0, bricks: int = 0) -> Wanted:
    """`bricks`: that the volume has already."""
    return Wanted(
        size=size,
        set_size=shape.set_size,
        data=shape.set_size - shape.redundancy if shape.type is model.SubvolumeType.DISPERSE else 1,
        arbiter=bool(shape.arbiter),
        average_file_bytes=sizing.average_file_bytes or placement.AVERAGE_FILE_BYTES,
        snapshot_factor=sizing.snapshot_factor,
        strict_zones=sizing.strict_zones,
        brick_bytes_max=sizing.brick_bytes_max or placement.BRICK_BYTES_MAX,
        sets=sets,
        bricks_max=placement.BRICKS_MAX - bricks,
    )


def beside(view: View, volume: model.Volume, brick: model.Brick, others: Sequence[model.Brick], ids: Ids) -> Spot:
    """A spot for a brick that takes the place of `brick`, on another device, beside the others of its set. Raises NoSpace."""
    sizing = volume.sizing or model.Sizing()
    wanted = Wanted(size=brick.size, snapshot_factor=sizing.snapshot_factor, strict_zones=sizing.strict_zones)
    found = [
        msgspec.structs.replace(c, rejected=c.rejected or ("the brick is there now" if c.device.id == brick.device else ""))
        for c in candidates(view, sizing, Where())
    ]
    places = [(b.peer_id, zone_of(view, b.peer_id)) for b in others]
    return placement.place_one(found, wanted, brick.size, places, brick.type is model.BrickType.ARBITER, ids.uuid)


def further(view: View, volume: model.Volume, size: int, sets: int, ids: Ids) -> tuple[Spot, ...]:
    """Spots for sets like those of the volume, of `size` bytes together. Raises Refused, NoSpace."""
    first, sizing = volume.subvols[0], volume.sizing or model.Sizing()
    set_size = 1 if volume.kind == "distribute" else len(first.bricks)
    like = layout.Layout(type=first.type, set_size=set_size, bricks=(), arbiter=first.arbiter_count, redundancy=first.redundancy_count)
    wanted = wanted_of(like, sizing, size=size, sets=sets, bricks=sum(1 for _ in volume.bricks()))
    return tuple(spot for each in placement.place(candidates(view, sizing, Where()), wanted, ids.uuid) for spot in each)


def bytes_of(subvols: Sequence[model.Subvolume]) -> int:
    """For files, as far as bricks were placed by size."""
    total = 0
    for subvol in subvols:
        if subvol.type is model.SubvolumeType.DISTRIBUTE:
            total += sum(brick.size for brick in subvol.bricks)
        else:
            total += subvol.bricks[0].size * max(1, subvol.disperse_count - subvol.redundancy_count)
    return total


def zone_of(view: View, peer_id: str) -> str:
    peer = view.peer(peer_id)
    return (peer.zone if peer is not None else "") or peer_id


def candidates(view: View, sizing: model.Sizing, where: Where) -> list[Candidate]:
    """All devices of the pool with what is free of them, and why they may not be used."""
    glance = view.glance
    peers = {peer.id: peer for peer in glance.peers()}
    limited, excluded = ids_of(glance, where.limit_peers), ids_of(glance, where.exclude_peers)
    found = []
    for device in devices.all_devices(glance):
        peer = peers.get(device.peer_id)
        host, zone = (peer.hostname, peer.zone or peer.id) if peer is not None else (device.peer_id, device.peer_id)
        if peer is not None and peer.tags:
            device = msgspec.structs.replace(device, tags={**peer.tags, **device.tags})
        rejected = f"its peer is set {peer.state}" if peer is not None and peer.state != "online" else ""
        rejected = rejected or placement.usable(device, device.peer_id in view.online) or unwanted(device, sizing)
        if not rejected and ((limited and device.peer_id not in limited) or device.peer_id in excluded):
            rejected = "its peer is excluded by the request"
        if not rejected and ((where.limit_zones and zone not in where.limit_zones) or zone in where.exclude_zones):
            rejected = f"its zone {zone} is excluded by the request"
        free = max(0, devices.free(device, devices.spaces(glance, device.id)) - device.short)
        found.append(Candidate(device=device, host=host, zone=zone, free=free, rejected=rejected))
    return found


def unwanted(device: devices.Device, sizing: model.Sizing) -> str:
    if sizing.provisioner and device.provisioner != sizing.provisioner:
        return f"its provisioner is {device.provisioner}"
    if sizing.snapshot_factor > 1 and device.provisioner == "loop":
        return "files on loop devices have no volume snapshots to keep space for"
    for name, value in sizing.device_tags.items():
        if device.tags.get(name) != value:
            return f"its tag {name} is not {value}"
    return ""


def ids_of(view: model.View, texts: Iterable[str]) -> set[str]:
    """Raises Refused for one that is no peer."""
    found = set()
    for text in texts:
        if (peer := view.find_peer(text)) is None:
            raise Refused(
                f"there is no peer {layout.shown(text)!r} in the pool", hint="`gd2 peer list` shows the peers", code="peer-not-found"
            )
        found.add(peer.id)
    return found


def place_of(spot: Spot) -> layout.BrickPlace:
    return layout.BrickPlace(spot.device.peer_id, devices.brick_path(spot.device, spot.brick), spot.arbiter)


# what a plan does with spots


def relied_on(view: View, spots: Iterable[Spot]) -> None:
    """Read again what the spots rest on, so that the commit fails if a device or what is taken of it has changed."""
    for device_id in sorted({spot.device.id for spot in spots}):
        devices.find(view, device_id)
        devices.spaces(view, device_id)


def claims(volume: str, spots: Iterable[Spot], *, filling: bool = False) -> tuple[plan.Change, ...]:
    return tuple(devices.claim(spot.device.id, space_of(volume, spot, filling=filling)) for spot in spots)


def space_of(volume: str, spot: Spot, *, filling: bool = False) -> devices.Space:
    return devices.Space(
        brick=spot.brick,
        volume=volume,
        path=devices.brick_path(spot.device, spot.brick),
        size=spot.size,
        pool=spot.pool,
        metadata=spot.metadata,
        arbiter=spot.arbiter,
        filling=filling,
    )


def make(spots: Iterable[Spot]) -> plan.Barrier:
    return tuple(MAKE_STORAGE.at(spot.device.peer_id, storage_of(spot)) for spot in spots)


def storage_of(spot: Spot) -> MakeStorage:
    device = spot.device
    return MakeStorage(
        provisioner=device.provisioner,
        device=device.id,
        device_path=device.path,
        brick=devices.hex_of(spot.brick),
        mount=devices.brick_path(device, spot.brick).rpartition("/")[0],
        size=spot.size,
        pool=spot.pool,
        metadata=spot.metadata,
        arbiter=spot.arbiter,
    )


def provisioned(volume: model.Volume, brick: model.Brick, *, empty: bool = False) -> PrepareBrick:
    return PrepareBrick(
        volume=volume.name,
        volume_id=volume.id,
        path=brick.path,
        empty=empty,
        provisioned=True,
        gid=volume.sizing.gid if volume.sizing else 0,
    )


def storage_of_space(device: devices.Device, space: devices.Space) -> MakeStorage:
    """The same, of a brick that has its space already."""
    return MakeStorage(
        provisioner=device.provisioner,
        device=device.id,
        device_path=device.path,
        brick=devices.hex_of(space.brick),
        mount=space.path.rpartition("/")[0],
        size=space.size,
        pool=space.pool,
        metadata=space.metadata,
        arbiter=space.arbiter,
    )


def free(bricks: Iterable[model.Brick]) -> tuple[plan.Barrier, ...]:
    """The steps that take apart what bricks had of their devices (their records are given_back); a peer that is down does it later."""
    by_peer: dict[str, list[str]] = {}
    for brick in bricks:
        if brick.device:
            by_peer.setdefault(brick.peer_id, []).append(devices.space_key(brick.device, brick.id))
    barrier = tuple(FREE_STORAGE.at(peer, FreeStorage(spaces=keys), must=False) for peer, keys in by_peer.items())
    return (barrier,) if barrier else ()
