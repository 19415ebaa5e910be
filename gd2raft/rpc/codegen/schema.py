"""Messages as plain records: what CDDL, C and a comparison of versions are made from.

A message may hold booleans, integers, floats, texts, bytes, lists, other structs (not itself), and one of these or null; every
integer, text, byte string and list has a limit. SchemaError names the field that has something else. The frames (wire.py) hold
a map and a body of any type beside it; no message does, since C has no good type for them.
This file must not know CDDL or C.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import NODEFAULT, inspect

from gd2raft.rpc import wire
from gd2raft.rpc.hello import HelloInfo
from gd2raft.rpc.service import Method, ServiceTable

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1


class SchemaError(Exception):
    """A message that can't be said in every language: which field, and what to do."""


class Type(msgspec.Struct, frozen=True, omit_defaults=True):
    """`kind`: bool, int, float, text, bytes, list, record; in frames also map, any.

    `low`, `high`: limits of an integer. `most`: characters, bytes, items, entries. `items`: of a list; key and value of a map.
    """

    kind: str
    low: int = 0
    high: int = 0
    most: int = 0
    items: tuple[Type, ...] = ()
    record: str = ""
    null: bool = False


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """`default`: what an older sender means by leaving it out (JSON). A field without is always there."""

    name: str
    type: Type
    optional: bool = False
    default: Any = None


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """An array of these fields. `tag`: the number that a frame begins with."""

    name: str
    fields: tuple[Field, ...]
    about: str = ""
    tag: int = 0


class Service(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    name: str
    request: str
    reply: str
    one_way: bool = False
    join: bool = False


class Schema(msgspec.Struct, frozen=True):
    """`frames` are records of wire.py; a record comes after those that it holds."""

    version: int
    services: tuple[Service, ...]
    records: tuple[Record, ...]
    frames: tuple[Record, ...]

    def record(self, name: str) -> Record:
        return next(r for r in self.records if r.name == name)


def methods_of(module: str) -> list[Method[Any, Any]]:
    """The methods that a module declares, by number. ValueError when two clash."""
    table = ServiceTable()
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, Method):
            table.register(value)
    return list(table)


def read(methods: Iterable[Method[Any, Any]], version: int) -> tuple[Schema, dict[str, type[msgspec.Struct]]]:
    """The schema, and the struct of each of its records and frames by name."""
    reader = _Reader()
    methods = list(methods)
    reader.record(HelloInfo)
    services = tuple(
        Service(m.number, m.name, reader.record(m.request), reader.record(m.reply), one_way=m.one_way, join=m.join) for m in methods
    )
    records = tuple(reader.records.values())
    frames = []
    for tag, frame in wire.KINDS.items():
        name = kebab(frame.__name__)
        reader.types[name] = frame
        frames.append(Record(name, reader.fields(frame, in_frame=True), about=_about(frame), tag=tag))
    return Schema(version, services, records, tuple(frames)), reader.types


def kebab(name: str) -> str:
    """
    >>> kebab("FollowReply"), kebab("leader_address")
    ('follow-reply', 'leader-address')
    """
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-").replace("_", "-")


class _Reader:
    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.types: dict[str, type[msgspec.Struct]] = {}
        self._open: list[str] = []

    def record(self, struct: type[msgspec.Struct]) -> str:
        name = kebab(struct.__name__)
        if name in self._open:
            raise SchemaError(f"{struct.__name__} holds itself, which C has no type for: use a list of parts that name each other")
        if self.types.setdefault(name, struct) is not struct:
            raise SchemaError(f"two messages are called {struct.__name__}: give one of them another name")
        if name not in self.records:
            self._open.append(name)
            fields = self.fields(struct, in_frame=False)
            self._open.pop()
            self.records[name] = Record(name, fields, about=_about(struct))
        return name

    def fields(self, struct: type[msgspec.Struct], *, in_frame: bool) -> tuple[Field, ...]:
        info: Any = inspect.type_info(struct)
        made = []
        for field in info.fields:
            where = f"{struct.__name__}.{field.name}"
            optional = not field.required
            default = _default(field, where) if optional else None
            made.append(Field(field.name, self.type(field.type, where, in_frame), optional, default))
        return tuple(made)

    def type(self, found: Any, where: str, in_frame: bool) -> Type:
        match found:
            case inspect.BoolType():
                return Type("bool")
            case inspect.FloatType():
                return Type("float")
            case inspect.IntType():
                return _integer(found, where)
            case inspect.StrType():
                return Type("text", most=_most(found, where, "max_length"))
            case inspect.BytesType():
                return Type("bytes", most=_most(found, where, "max_length"))
            case inspect.ListType():
                item = self.type(found.item_type, where, in_frame)
                if item.null or item.kind == "list":
                    raise SchemaError(f"{where}: a list may not hold lists or nulls: declare a struct, and a list of it")
                return Type("list", most=_most(found, where, "max_length"), items=(item,))
            case inspect.StructType():
                return Type("record", record=self.record(found.cls))
            case inspect.UnionType():
                return self._or_null(found, where, in_frame)
            case inspect.DictType() if in_frame:
                parts = (self.type(found.key_type, where, in_frame), self.type(found.value_type, where, in_frame))
                return Type("map", most=_most(found, where, "max_length"), items=parts)
            case inspect.AnyType() if in_frame:
                return Type("any")
        kind = type(found).__name__.removesuffix("Type").lower()
        raise SchemaError(f"{where}: no message may hold a {kind} (tuples and maps: declare a struct, and a list of it)")

    def _or_null(self, found: inspect.UnionType, where: str, in_frame: bool) -> Type:
        others = [t for t in found.types if not isinstance(t, inspect.NoneType)]
        if len(others) != 1:
            raise SchemaError(f"{where}: one type or None is possible, not {len(others)} types")
        return msgspec.structs.replace(self.type(others[0], where, in_frame), null=True)


def _default(field: Any, where: str) -> Any:
    """As JSON has it; bytes in hex."""
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    if isinstance(default, bytes):
        return default.hex()
    if default is None or isinstance(default, (bool, int, float, str)) or default in ([], {}):
        return default
    raise SchemaError(f"{where}: its default is {default!r}; take a number, a text, bytes, an empty list or None")


def _integer(found: inspect.IntType, where: str) -> Type:
    low = found.ge if found.ge is not None else found.gt + 1 if found.gt is not None else None
    high = found.le if found.le is not None else found.lt - 1 if found.lt is not None else None
    if low is None or high is None or not INT_MIN <= low <= high <= INT_MAX:
        raise SchemaError(
            f"{where}: an integer needs limits within 64 bits: Annotated[int, Meta(ge=..., le=...)], or a type of rpc/fields.py"
        )
    return Type("int", low=int(low), high=int(high))


def _most(found: Any, where: str, name: str) -> int:
    if (most := getattr(found, name)) is None:
        kind = type(found).__name__.removesuffix("Type").lower()
        raise SchemaError(f"{where}: a {kind} needs a limit: Annotated[..., Meta(max_length=...)], or a type of rpc/fields.py")
    return int(most)


def _about(struct: type[msgspec.Struct]) -> str:
    """The first paragraph of its docstring on one line."""
    own = struct.__dict__.get("__doc__") or ""
    return " ".join(own.split("\n\n")[0].split())
