"""device set: its state. online: gets new bricks; offline: gets none; failed: its bricks are moved to other devices too (evacuation.py)."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import devices, plan
from gd2raft.core.devices import State
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View


class DeviceEdit(Request, frozen=True, kw_only=True):
    peer: str
    device: str
    state: State


def plan_edit(view: View, request: DeviceEdit, ids: Ids) -> Plan:
    device = lookup.device(view, request.peer, request.device)
    changed = msgspec.structs.replace(device, state=request.state, note="")
    return Plan(
        locks=(f"device/{device.id}",),
        changes=(plan.put(view, devices.device_key(device.id), changed),),
        result={"device": device.id},
    )


COMMAND = Command(
    name="device-edit",
    request=DeviceEdit,
    plan=plan_edit,
    route=Route("POST", "/v1/devices/{peer}/{device}", 200, "device"),
    summary="Set the state of a device: online, offline (no new bricks), failed (its bricks are moved away).",
)
