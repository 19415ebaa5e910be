"""volume reset: options go back to their defaults."""

from __future__ import annotations

import msgspec

from gd2raft.commands import bitrot, lookup
from gd2raft.commands.hooked import around
from gd2raft.core import model, options, plan, quotas
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class VolumeReset(Request, frozen=True, kw_only=True):
    """`options`, or `all`: every option that isn't protected; `force`: the protected ones too. Never-reset ones stay.

    An option that exists and isn't set is refused, as GlusterD2 does, or with `if_set` left as it is, as glusterd does.
    """

    volume: str
    options: list[str] = []
    force: bool = False
    all: bool = False
    if_set: bool = False


def plan_reset(view: View, request: VolumeReset, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    check_chosen(request.options, request.all)
    chosen = [named(view, volume, name, request) for name in request.options]
    if request.all:
        chosen = [key for key in volume.options if resettable(view, key, request.force)]
    updated = msgspec.structs.replace(volume, options=without(volume, set(chosen)))
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        result={"volume": volume.name},
        hook=around("reset", volume),
    )


def check_chosen(names: list[str], everything: bool) -> None:
    """Raise Refused unless the request says which options it means: silence never means all of them."""
    if names and everything:
        raise Refused("both options and all are given", hint="give one of them", code="bad-option")
    if not names and not everything:
        raise Refused("no option is named", hint='give "options", or "all": true to reset every one', code="bad-option")


def without(volume: model.Volume, chosen: set[str]) -> dict[str, str]:
    """What is left of the volume's options, with those that a reset brings back: when it took any away, whichever (seen)."""
    if not chosen & volume.options.keys():
        return volume.options
    if bitrot.ON in chosen:
        chosen = chosen | {bitrot.SCRUB}  # seen: the scrubber's state goes with it
    kept = {k: v for k, v in volume.options.items() if k not in chosen}
    restored = options.restored_on_reset(volume.kind, volume.state is not model.VolumeState.CREATED)
    if quotas.is_on(volume) and quotas.DEEM_STATFS in chosen:
        restored[quotas.DEEM_STATFS] = "on"
    again = (options.FIPS, options.GRANULAR_HEAL)
    return kept | {k: v for k, v in restored.items() if k not in kept or k in again}


def named(view: View, volume: model.Volume, name: str, request: VolumeReset) -> str:
    if name in volume.options and name not in view.options.options:
        return name  # user.* options, and those that a newer daemon set
    if options.is_user_option(name):
        raise not_set(volume, name)
    try:
        option = options.find(view.options, name)
        if option.name not in volume.options:
            options.check_op_version(option, lookup.op_version(view))
    except options.OptionRefused as error:
        raise Refused(str(error), code="bad-option") from error
    if option.scope != "volume":
        raise Refused(f"option {option.name} is not valid for a single volume", hint="gd2 volume reset all OPTION", code="bad-option")
    is_set = option.name in volume.options
    if not is_set and not request.if_set:
        raise not_set(volume, option.name)
    if option.never_reset:
        raise Refused(f"option {option.name} can't be reset", code="never-reset")
    if is_set and options.reset_keeps(option, request.force):
        raise Refused(f"option {option.name} is protected", hint="reset it with force", code="needs-force")
    return option.name


def not_set(volume: model.Volume, name: str) -> Refused:
    return Refused(f"option {name[:300]} is not set on volume {volume.name}", hint="there is nothing to reset", code="not-set")


def resettable(view: View, key: str, force: bool) -> bool:
    if options.is_user_option(key):
        return True
    option = view.options.options.get(key)
    return option is not None and not options.reset_keeps(option, force)


COMMAND = Command(
    name="volume-reset",
    request=VolumeReset,
    plan=plan_reset,
    route=Route("DELETE", "/v1/volumes/{volume}/options", 200, "volume"),
    summary="Reset options of a volume.",
)
