"""device tags: words on devices, by which volumes can ask for some of them."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.layout import shown
from gd2raft.core import devices, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

TAGS_MAX, NAME_MAX, VALUE_MAX = 32, 32, 64
"""heketi's."""


class DeviceTags(Request, frozen=True, kw_only=True):
    """`change_type` set: these and no others; update: these as well; delete: the names of these go (values don't matter)."""

    peer: str
    device: str
    change_type: Literal["set", "update", "delete"]
    tags: dict[str, str]


def plan_tags(view: View, request: DeviceTags, ids: Ids) -> Plan:
    device = lookup.device(view, request.peer, request.device)
    changed = msgspec.structs.replace(device, tags=tags_after(device.tags, request.change_type, request.tags))
    return Plan(
        locks=(f"device/{device.id}",),
        changes=(plan.put(view, devices.device_key(device.id), changed),),
        result={"device": device.id},
    )


def tags_after(before: dict[str, str], change_type: str, tags: dict[str, str]) -> dict[str, str]:
    """Raises Refused."""
    check_tags(tags)
    if change_type == "delete":
        return {name: value for name, value in before.items() if name not in tags}
    after = {**(before if change_type == "update" else {}), **tags}
    check_tags(after)
    return after


def check_tags(tags: dict[str, str]) -> None:
    if len(tags) > TAGS_MAX:
        raise Refused(f"{len(tags)} tags, at most {TAGS_MAX} are possible", code="bad-tag")
    for name, value in tags.items():
        if not re.fullmatch(rf"[a-zA-Z0-9_.-]{{1,{NAME_MAX}}}", name):
            raise Refused(f"tag {shown(name)!r} is not possible", hint=f"1 to {NAME_MAX} letters, digits and '_', '.', '-'", code="bad-tag")
        if len(value) > VALUE_MAX or not value.isprintable():
            raise Refused(f"the value of tag {name} is not possible", hint=f"at most {VALUE_MAX} printable characters", code="bad-tag")


COMMAND = Command(
    name="device-tags",
    request=DeviceTags,
    plan=plan_tags,
    route=Route("POST", "/v1/devices/{peer}/{device}/tags", 200, "device"),
    summary="Change the tags of a device.",
)
