"""device add: a disk, or a folder of files, of a peer from which bricks can be made."""

from __future__ import annotations

import re

from gd2raft.commands import lookup
from gd2raft.commands.device_tags import check_tags
from gd2raft.commands.layout import shown
from gd2raft.commands.step_kinds import SET_UP_DEVICE, SetUpDevice
from gd2raft.core import devices, model, plan
from gd2raft.core.devices import Device, Provisioner
from gd2raft.core.paths import overlap
from gd2raft.core.plan import Command, Conflict, Ids, Plan, Refused, Request, Route, View

PATH_BYTES_MAX = 1024
PATH_HINT = "an absolute path of letters, digits and '_', '.', ':', '-', without '.' and '..', such as /dev/sdb"
DEVICES_MAX = 256
"""Of one peer."""


class DeviceAdd(Request, frozen=True, kw_only=True):
    """`device`: /dev/NAME for `provisioner` lvm (it becomes a volume group), a folder for loop. `size`: bytes that bricks may take of a
    folder, 0: what is free there now."""

    peer: str
    device: str
    provisioner: Provisioner = "lvm"
    size: int = 0
    tags: dict[str, str] = {}


def plan_add(view: View, request: DeviceAdd, ids: Ids) -> Plan:
    peer = lookup.peer(view, request.peer)
    path = clean_path(request.device)
    check_tags(request.tags)
    if request.size < 0 or (request.size and request.provisioner == "lvm"):
        raise Refused("a disk has the size that it has", hint="leave the size out; it is for folders", code="bad-size")
    mine = devices.of_peer(view, peer.id)
    if any(device.path == path for device in mine):
        raise Conflict(f"peer {peer.hostname} has device {path} already", hint="gd2 device list shows the devices", code="device-exists")
    check_apart(view, peer, path, mine)
    if len(mine) >= DEVICES_MAX:
        raise Refused(f"peer {peer.hostname} has {len(mine)} devices, at most {DEVICES_MAX} are possible", code="too-many")
    if peer.id not in view.online:
        raise Refused(f"peer {peer.hostname} ({peer.id}) is not online", hint="start its daemon first", code="peer-offline", http=500)
    device = Device(
        id=devices.hex_of(ids.uuid()),
        peer_id=peer.id,
        path=path,
        provisioner=request.provisioner,
        asked=request.size,
        tags=request.tags,
    )
    set_up = SetUpDevice(provisioner=device.provisioner, device=device.id, path=path, size=request.size)
    return Plan(
        locks=(f"devices/{peer.id}",),
        before=((SET_UP_DEVICE.at(peer.id, set_up),),),
        changes=(plan.put(view, devices.device_key(device.id), device, facts_from=0),),
        result={"device": device.id},
    )


def check_apart(view: View, peer: model.Peer, path: str, mine: list[Device]) -> None:
    """No device inside, around or equal to another one or a brick, or bytes would be counted twice. The peer looks through symlinks too."""
    for device in mine:
        if overlap(device.path, path):
            raise Refused(
                f"{path} is in device {device.path} of peer {peer.hostname}, or contains it: its space would be counted twice",
                hint="use a folder outside of it, on another disk",
                code="device-in-use",
            )
    for brick, held in view.brick_claims(peer.id).items():
        if overlap(brick, path):
            raise Refused(
                f"{path} is in brick {shown(brick)} of volume {held.volume} on peer {peer.hostname}, or contains it",
                hint="use a folder outside of it",
                code="brick-in-use",
            )


def clean_path(text: str) -> str:
    """Without double or trailing slashes. Raises Refused for what heketi refuses, and for what is no path."""
    parts = [part for part in text.split("/") if part]
    if not re.fullmatch(devices.NAME_PATTERN, text) or not parts or ".." in parts or "." in parts or len(text.encode()) > PATH_BYTES_MAX:
        raise Refused(
            f"{shown(text)!r} is not a device",
            hint="the root of all is no device: name a disk, or a folder" if not parts and text.startswith("/") else PATH_HINT,
            code="bad-device",
        )
    return "/" + "/".join(parts)


COMMAND = Command(
    name="device-add",
    request=DeviceAdd,
    plan=plan_add,
    route=Route("POST", "/v1/devices/{peer}", 201, "device"),
    summary="Add a disk or a folder of a peer, from which bricks are made for volumes by size.",
)
