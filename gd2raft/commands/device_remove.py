"""device remove: a device without bricks leaves the pool."""

from __future__ import annotations

from gd2raft.commands import lookup
from gd2raft.commands.step_kinds import DROP_DEVICE, DropDevice
from gd2raft.core import devices, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View
from gd2raft.core.wording import counted


class DeviceRemove(Request, frozen=True, kw_only=True):
    """`force`: also while its peer is down, whatever is still to be taken apart there; what is on the disk stays."""

    peer: str
    device: str
    force: bool = False


def plan_remove(view: View, request: DeviceRemove, ids: Ids) -> Plan:
    device = lookup.device(view, request.peer, request.device)
    held = devices.spaces(view, device.id)
    check_empty(device, held, request.force)
    host = view.host(device.peer_id)
    if device.peer_id not in view.online and not request.force:
        raise Refused(
            f"peer {host} of device {device.path} is not online",
            hint="start its daemon, or force: what is on the disk stays",
            code="peer-offline",
            http=500,
        )
    drop = DropDevice(provisioner=device.provisioner, device=device.id, path=device.path)
    return Plan(
        locks=(f"devices/{device.peer_id}",),
        changes=(
            plan.delete(devices.device_key(device.id)),
            *(plan.delete(devices.space_key(device.id, space.brick)) for space in held),
        ),
        after=((DROP_DEVICE.at(device.peer_id, drop, must=False),),),
        result={"device": device.id},
    )


def check_empty(device: devices.Device, held: list[devices.Space], force: bool) -> None:
    if bricks := [space for space in held if not space.leaving]:
        volumes = sorted({space.volume for space in bricks})
        raise Refused(
            f"device {device.path} has {counted(len(bricks), 'brick')}, of {', '.join(volumes[:5])}{', ...' if len(volumes) > 5 else ''}",
            hint="delete these volumes, or move the bricks away: gd2 device set DEVICE failed",
            code="has-bricks",
            http=403,
        )
    if held and not force:
        raise Refused(
            f"{counted(len(held), 'brick')} of deleted volumes {'is' if len(held) == 1 else 'are'} still being taken off device {device.path}",
            hint="wait for that (gd2 device info), or force: then they stay on the disk",
            code="has-bricks",
            http=403,
        )


COMMAND = Command(
    name="device-remove",
    request=DeviceRemove,
    plan=plan_remove,
    route=Route("DELETE", "/v1/devices/{peer}/{device}", 204, "none"),
    summary="Remove a device that has no bricks.",
)
