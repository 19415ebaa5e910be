"""The tables that say what GlusterFS' volfiles look like: options, graphs and option groups, read once from TOML.

It knows the layout of the tables and checks them as they are read; what they mean is graph.py's business.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec

from gd2raft.core.options import Option, OptionTable

GRAPHS = ("brick", "client", "rebalance", "shd", "quotad", "snapd", "bitd", "scrub", "quota-client")
GRAPHS_BY_DEFAULT = ("brick", "client", "rebalance", "shd", "quotad")


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block of a stack; `leaf` puts it beside the stack instead of on it."""

    type: str
    name: str
    when: tuple[str, ...] = ()
    leaf: bool = False


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options for blocks of some types; `after` makes them win over the option table."""

    types: tuple[str, ...]
    set: dict[str, str]
    in_: tuple[str, ...] = msgspec.field(name="in", default=())
    when: tuple[str, ...] = ()
    after: bool = False


class Insert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An xlator that goes above the one that the option names."""

    option: str
    type: str
    name: str


class GraphTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stack: dict[str, tuple[Layer, ...]]
    rule: tuple[Rule, ...]
    insert: tuple[Insert, ...]


class Target(NamedTuple):
    """Where an option's value goes: this option of that xlator."""

    key: str
    option: str
    value: str | None


def _read(name: str) -> dict[str, object]:
    return tomllib.loads(resources.files("gd2volgen").joinpath(name).read_text(encoding="utf-8"))


@cache
def option_table() -> OptionTable:
    """Every option of GlusterFS 10.3 that a volume or a pool can have."""
    rows = _read("options.toml")
    return OptionTable({name: msgspec.convert({"name": name} | dict(_row(row)), Option) for name, row in rows.items()}, option_groups())


def _row(row: object) -> dict[str, object]:
    return msgspec.convert(row, dict[str, object])


@cache
def graph_table() -> GraphTable:
    table = msgspec.convert(_read("graphs.toml"), GraphTable)
    unknown = {graph for rule in table.rule for graph in rule.in_} - set(GRAPHS)
    assert not unknown, f"graphs.toml has rules for unknown graphs: {unknown}"
    return table


@cache
def option_groups() -> dict[str, dict[str, str]]:
    """Named sets of options (`volume set V group NAME`), in the order in which they are set."""
    return msgspec.convert(_read("groups.toml"), dict[str, dict[str, str]])


@cache
def targets() -> dict[tuple[str, str], tuple[Target, ...]]:
    """(graph, xlator type) -> the options that can end up there, in the order in which they are applied."""
    found: dict[tuple[str, str], list[Target]] = {}
    for option in option_table().options.values():
        for text in option.targets:
            xlator, name, *rest = text.split()
            for graph in rest[0].removeprefix("@").split(",") if rest else GRAPHS_BY_DEFAULT:
                assert graph in GRAPHS, f"options.toml: {option.name} goes to an unknown graph {graph}"
                found.setdefault((graph, xlator), []).append(Target(option.name, name, option.value))
    return {place: tuple(entries) for place, entries in found.items()}
