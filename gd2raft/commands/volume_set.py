"""volume set: options of one volume, all or nothing."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import model, options, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeSet(Request, frozen=True, kw_only=True):
    volume: str
    options: dict[str, str]
    allow_advanced_options: bool = False
    allow_experimental_options: bool = False
    allow_deprecated_options: bool = False


def plan_set(view: View, request: VolumeSet, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if not request.options:
        raise Refused("no options are given", hint='{"options": {"performance.io-cache": "on"}}', code="bad-option")
    changed = dict(volume.options)
    for name, value in request.options.items():
        key, stored = check_option(view, volume, name, value)
        changed[key] = stored
    updated = msgspec.structs.replace(volume, options=changed)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        result={"volume": volume.name},
    )


def check_option(view: View, volume: model.Volume, name: str, value: str) -> tuple[str, str]:
    """(full name, value as stored); Refused with the option table's reason."""
    try:
        option = options.find(view.options, name)
        if option.is_global:
            raise Refused(f"option {option.name} is for the whole pool, not for one volume", hint=f"gd2 volume set all {option.name} VALUE", code="bad-option")
        return option.name, options.validate(view.options, option, value, volume_type=volume.subvols[0].type.value)
    except options.OptionRefused as error:
        raise Refused(str(error), code="bad-option") from error


COMMAND = Command(
    name="volume-set",
    request=VolumeSet,
    plan=plan_set,
    route=Route("POST", "/v1/volumes/{volume}/options", 200, "volume"),
    summary="Set options of a volume.",
)
