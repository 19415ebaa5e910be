"""Options in replies: values as set, and the table's defaults. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gd2raft.core import model
from gd2raft.core.options import Option, OptionRefused, OptionTable, default_of, find
from gd2raft.core.plan import NotFound
from gd2raft.rest.shapes import GlobalOptionInfo, OptionHelp, OptionInfo


def volume_options(table: OptionTable, volume: model.Volume) -> list[OptionInfo]:
    """All options that the volume could have, and those that it has."""
    kind = volume.subvols[0].type.value
    possible = [o for o in table.options.values() if o.scope == "volume" and o.only in (None, kind)]
    shown = {o.name: _info(o, volume) for o in possible}
    for name in volume.options:
        if name not in shown:
            shown[name] = _info(table.options.get(name, Option(name=name, documented=False)), volume)
    return list(shown.values())


def volume_option(table: OptionTable, volume: model.Volume, name: str) -> OptionInfo:
    """One option; raises NotFound with what may have been meant."""
    if name in volume.options and name not in table.options:
        return _info(Option(name=name, documented=False), volume)
    try:
        return _info(find(table, name), volume)
    except OptionRefused as error:
        raise NotFound(str(error), code="option-not-found") from None


def _info(option: Option, volume: model.Volume) -> OptionInfo:
    subvol = volume.subvols[0]
    default = default_of(option, subvol.type.value, subvol.replica_count)
    value = volume.options.get(option.name)
    return OptionInfo(
        name=option.name,
        value=default if value is None else value,
        modified=value is not None,
        default_value=default,
        option_level="Basic" if option.documented else "Advanced",
    )


def global_options(table: OptionTable, view: model.View) -> list[GlobalOptionInfo]:
    """Options of the whole pool: all possible ones, and those that are set; with its op-versions, which it always has."""
    stored = {**view.global_options(), **op_versions(view)}
    defaults = {o.name: default_of(o) for o in table.options.values() if o.scope == "pool"}
    names = [*defaults, *[name for name in stored if name not in defaults]]
    return [
        GlobalOptionInfo(key=name, value=stored.get(name, defaults.get(name, "")), default=defaults.get(name, ""), modified=name in stored)
        for name in names
    ]


def op_versions(view: model.View) -> Mapping[str, str]:
    """Of the pool: what it runs at, and what every peer could follow."""
    cluster, peers = view.cluster(), view.peers()
    if cluster is None or not peers:
        return {}
    return {"cluster.op-version": str(cluster.op_version), "cluster.max-op-version": str(min(p.op_version_max for p in peers))}


def option_help(table: OptionTable) -> list[OptionHelp]:
    """All options that can be set, on a volume or on the pool."""
    return [
        OptionHelp(
            name=o.name,
            type=o.type,
            values=list(o.values),
            default_value=default_of(o),
            scope=o.scope,
            documented=o.documented,
            help=o.help,
        )
        for o in table.options.values()
    ]
