"""Devices over REST: which there are, what is free of them, which bricks are on them; and where a volume by size would go. Nothing here
changes the state.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_create import VolumeCreate, plan_create
from gd2raft.core import devices, model
from gd2raft.core.plan import Ids, Plan, View
from gd2raft.rest import body, shapes
from gd2raft.rest.api import SizeInfo
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import READ, Endpoint


class DeviceBrick(shapes.Shape, frozen=True, kw_only=True):
    """Bytes: `size` of its file system, `taken` of the device. `leaving`: gone from its volume, not yet from the disk."""

    id: str
    path: str
    volume: str
    size: int
    taken: int
    leaving: bool


class DeviceInfo(shapes.Shape, frozen=True, kw_only=True):
    """`device`: its path on the peer. `note`: why bricks of a failed device could not be moved yet. Sizes in bytes; `short`: so many of them are not
    there any more, since others fill the file system of the folder, say (its peer looks once a minute; 0 when it is little)."""

    id: str
    peer_id: str
    host: str
    zone: str
    device: str
    provisioner: devices.Provisioner
    state: devices.State
    size: SizeInfo
    tags: dict[str, str]
    bricks: list[DeviceBrick]
    note: str = ""
    short: int = 0


class PlannedBrick(shapes.Shape, frozen=True, kw_only=True):
    """`device`: id, with `device_path`; "" for a brick that was named."""

    peer_id: str
    host: str
    zone: str
    path: str
    type: model.BrickType
    size: int
    device: str = ""
    device_path: str = ""


class PlacementInfo(shapes.Shape, frozen=True, kw_only=True):
    """`sets`: the bricks, set after set (a distribute volume has one)."""

    name: str
    size: int
    sets: list[list[PlannedBrick]]


async def list_devices(call: Call) -> Reply:
    view = call.view()
    return Reply(body=[device_info(view, device) for device in devices.all_devices(view)])


async def list_of_peer(call: Call) -> Reply:
    view = call.view()
    peer = lookup.peer(view, call.fields["peer"])
    return Reply(body=[device_info(view, device) for device in devices.of_peer(view, peer.id)])


async def get_device(call: Call) -> Reply:
    view = call.view()
    return Reply(body=device_info(view, lookup.device(view, call.fields["peer"], call.fields["device"])))


def device_info(view: model.View, device: devices.Device) -> DeviceInfo:
    held, peer = devices.spaces(view, device.id), view.peer(device.peer_id)
    return DeviceInfo(
        id=device.id,
        peer_id=device.peer_id,
        host=peer.hostname if peer is not None else "",
        zone=zone_of(peer, device.peer_id),
        device=device.path,
        provisioner=device.provisioner,
        state=device.state,
        size=SizeInfo(capacity=device.size, used=devices.used(held), free=devices.free(device, held)),
        tags=device.tags,
        bricks=[DeviceBrick(id=s.brick, path=s.path, volume=s.volume, size=s.size, taken=s.taken, leaving=s.leaving) for s in held],
        note=device.note,
        short=device.short,
    )


def zone_of(peer: model.Peer | None, peer_id: str) -> str:
    return (peer.zone if peer is not None else "") or peer_id


async def plan_placement(call: Call) -> Reply:
    """Plan a create as the leader would, on this peer's own state, and show it; everything that a create is refused for is refused here."""
    request = body.to_request(VolumeCreate, body.decode_object(await call.body()))
    reader = call.view().reader
    view = View(reader, online=frozenset(call.api.online()), options=call.api.option_table, initiator=call.api.peer_id)
    plan = plan_create(view, request, Ids(lambda: str(uuid.uuid4()), 0.0))
    return Reply(body=placement_info(model.View(reader), volume_of(plan, request.name)))


def volume_of(plan: Plan, name: str) -> model.Volume:
    record = next(change.record for change in plan.changes if change.key == model.volume_key(name))
    return msgspec.convert(record, model.Volume)


def placement_info(view: model.View, volume: model.Volume) -> PlacementInfo:
    return PlacementInfo(
        name=volume.name, size=volume.capacity, sets=[list(planned_bricks(view, subvol.bricks)) for subvol in volume.subvols]
    )


def planned_bricks(view: model.View, bricks: Iterable[model.Brick]) -> Iterable[PlannedBrick]:
    for brick in bricks:
        device, peer = devices.find(view, brick.device) if brick.device else None, view.peer(brick.peer_id)
        yield PlannedBrick(
            peer_id=brick.peer_id,
            host=view.host(brick.peer_id),
            zone=zone_of(peer, brick.peer_id),
            path=brick.path,
            type=brick.type,
            size=brick.size,
            device=brick.device,
            device_path=device.path if device is not None else "",
        )


def endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            name="device-list",
            method="GET",
            path="/v1/devices",
            handler=list_devices,
            summary="All devices, with what is free of them and their bricks.",
            reply=list[DeviceInfo],
            parameters=READ,
        ),
        Endpoint(
            name="device-list-of",
            method="GET",
            path="/v1/devices/{peer}",
            handler=list_of_peer,
            summary="The devices of a peer.",
            reply=list[DeviceInfo],
            parameters=READ,
            errors=(400, 404),
        ),
        Endpoint(
            name="device-get",
            method="GET",
            path="/v1/devices/{peer}/{device}",
            handler=get_device,
            summary="A device, by id or by its path (percent-encoded).",
            reply=DeviceInfo,
            parameters=READ,
            errors=(400, 404),
        ),
        Endpoint(
            name="placement",
            method="POST",
            path="/v1/placement",
            handler=plan_placement,
            summary="Where the bricks of a volume would go: the request of a create, without making it.",
            reply=PlacementInfo,
            request=VolumeCreate,
            not_in_body=("identity", "gid"),
            parameters=READ,
            errors=(400, 404, 409, 500),
        ),
    ]
