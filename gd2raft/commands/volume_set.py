"""volume set: options of one volume, all or nothing."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup, option_checks
from gd2raft.commands.hooked import around, pairs
from gd2raft.commands.volume_create import with_options
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, NotFound, Plan, Refused, Request, Route, View


class VolumeSet(Request, frozen=True, kw_only=True):
    """GlusterD2's allow_* flags are accepted; every option can be set here without them. `group`: all options of that group, first."""

    volume: str
    options: dict[str, str] = {}
    group: str = ""
    allow_advanced_options: bool = False
    allow_experimental_options: bool = False
    allow_deprecated_options: bool = False


def plan_set(view: View, request: VolumeSet, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    wanted = {**group_options(view, request.group), **request.options}
    if not wanted:
        raise Refused("no options are given", hint='{"options": {"performance.io-cache": "on"}}', code="bad-option")
    changed = with_options(view, volume.options, wanted, volume.kind, replicas=volume.replicas)
    option_checks.check(volume, {name: value for name, value in changed.items() if volume.options.get(name) != value})
    updated = msgspec.structs.replace(volume, options=changed)
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        result={"volume": volume.name},
        hook=msgspec.structs.replace(around("set", volume), options=pairs(wanted)),
    )


def group_options(view: View, name: str) -> dict[str, str]:
    """Of a group that comes with GlusterFS, or that administrators defined. Raises NotFound."""
    if not name:
        return {}
    if name in view.options.groups:
        return dict(view.options.groups[name])
    key = model.option_group_key(name)
    item = view.reader.get(key) if len(key) < 300 else None
    if item is None:
        known = ", ".join(sorted(view.options.groups))
        raise NotFound(f"there is no group of options {name[:80]!r}", hint=f"GlusterFS brings {known}", code="group-not-found")
    return model.load(key, item.value, model.OptionGroup).options


COMMAND = Command(
    name="volume-set",
    request=VolumeSet,
    plan=plan_set,
    route=Route("POST", "/v1/volumes/{volume}/options", 200, "volume"),
    summary="Set options of a volume.",
)
