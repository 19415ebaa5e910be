"""device resync: look again how large a device is, after its disk was enlarged, say. What bricks have of it stays as it is."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.step_kinds import MEASURE_DEVICE, MeasureDevice
from gd2raft.core import devices, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class DeviceResync(Request, frozen=True, kw_only=True):
    peer: str
    device: str


def plan_resync(view: View, request: DeviceResync, ids: Ids) -> Plan:
    device = lookup.device(view, request.peer, request.device)
    if device.peer_id not in view.online:
        raise Refused(
            f"peer {view.host(device.peer_id)} of device {device.path} is not online",
            hint="start its daemon first",
            code="peer-offline",
            http=500,
        )
    measure = MeasureDevice(
        provisioner=device.provisioner,
        device=device.id,
        path=device.path,
        asked=device.asked,
        held=devices.used(devices.spaces(view, device.id)),
    )
    return Plan(
        locks=(f"device/{device.id}",),
        before=((MEASURE_DEVICE.at(device.peer_id, measure),),),
        changes=(plan.put(view, devices.device_key(device.id), msgspec.structs.replace(device, short=0), facts_from=0),),
        result={"device": device.id},
    )


COMMAND = Command(
    name="device-resync",
    request=DeviceResync,
    plan=plan_resync,
    route=Route("POST", "/v1/devices/{peer}/{device}/resync", 200, "device"),
    summary="Look again how large a device is.",
)
