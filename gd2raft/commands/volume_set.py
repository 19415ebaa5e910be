"""volume set: options of one volume, all or nothing."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_create import with_options
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeSet(Request, frozen=True, kw_only=True):
    """GlusterD2's allow_* flags are accepted; every option can be set here without them."""

    volume: str
    options: dict[str, str]
    allow_advanced_options: bool = False
    allow_experimental_options: bool = False
    allow_deprecated_options: bool = False


def plan_set(view: View, request: VolumeSet, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if not request.options:
        raise Refused("no options are given", hint='{"options": {"performance.io-cache": "on"}}', code="bad-option")
    changed = with_options(view, volume.options, request.options, volume.kind, replicas=volume.replicas)
    updated = msgspec.structs.replace(volume, options=changed)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-set",
    request=VolumeSet,
    plan=plan_set,
    route=Route("POST", "/v1/volumes/{volume}/options", 200, "volume"),
    summary="Set options of a volume.",
)
