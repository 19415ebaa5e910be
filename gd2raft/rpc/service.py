"""Methods of the peer RPC, declared once as data, and the table of all of them.

A method has a number that never changes and is never used again, a name for people, and two message types. Messages are
msgspec structs encoded as arrays: new fields go to the end and have a default, so older and newer daemons understand
each other; a field is never removed, moved or given another type. Documentation, CDDL and C stubs can be derived from
this table, so `check_message_type` keeps the types to what CDDL can say.
This file must not know sockets, frames or handlers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from gd2raft.rpc import cbor

Req = TypeVar("Req", bound=msgspec.Struct)
Rep = TypeVar("Rep", bound=msgspec.Struct)

NUMBER_MAX = 0xFFFF
_NAME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+")


class Empty(msgspec.Struct, frozen=True, array_like=True):
    """A message that says nothing yet. Give a method its own type as soon as it has something to say."""


@dataclass(frozen=True)
class Method(Generic[Req, Rep]):
    """One method. `join`: may be used on a join-mode connection, where the other end is not a member of the pool yet.

    >>> PING = Method(1, "peer.ping", Empty, Empty)
    """

    number: int
    name: str
    request: type[Req]
    reply: type[Rep]
    one_way: bool = False
    join: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.number <= NUMBER_MAX:
            raise ValueError(f"method {self.name}: number {self.number} is not within 1..{NUMBER_MAX}")
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"method name {self.name!r} is not like 'room.verb'")
        for message in (self.request, self.reply):
            check_message_type(message)

    @cached_property
    def _request_any(self) -> bool:
        return any(isinstance(t, inspect.AnyType) for t in _parts(self.request))

    @cached_property
    def _reply_any(self) -> bool:
        return any(isinstance(t, inspect.AnyType) for t in _parts(self.reply))

    def decode_request(self, body: Any) -> Req:
        """Plain values to the request type. msgspec.ValidationError or ValueError name the place, like `$[1]`."""
        if self._request_any:
            cbor.check_plain(body)
        return msgspec.convert(body, self.request, builtin_types=cbor.SUPPORTED)

    def decode_reply(self, body: Any) -> Rep:
        """Plain values to the reply type; errors as in decode_request."""
        if self._reply_any:
            cbor.check_plain(body)
        return msgspec.convert(body, self.reply, builtin_types=cbor.SUPPORTED)


def notification(number: int, name: str, message: type[Req], *, join: bool = False) -> Method[Req, Empty]:
    """A one-way method: no reply, no error, dropped when the receiver is too slow."""
    return Method(number, name, message, Empty, one_way=True, join=join)


class ServiceTable:
    """All methods by number. Numbers and names are unique; a clash is our mistake and raises ValueError."""

    def __init__(self) -> None:
        self._by_number: dict[int, Method[Any, Any]] = {}

    def register(self, method: Method[Req, Rep]) -> Method[Req, Rep]:
        for other in self._by_number.values():
            if other != method and (other.number == method.number or other.name == method.name):
                raise ValueError(f"method {method.number} {method.name} clashes with {other.number} {other.name}")
        self._by_number[method.number] = method
        return method

    def lookup(self, number: int) -> Method[Any, Any] | None:
        return self._by_number.get(number)

    def __iter__(self) -> Iterator[Method[Any, Any]]:
        return iter(sorted(self._by_number.values(), key=lambda m: m.number))

    def __len__(self) -> int:
        return len(self._by_number)


def check_message_type(message: type[Any]) -> None:
    """TypeError unless it is an array-like struct whose parts CDDL and our CBOR can say."""
    if not (isinstance(message, type) and issubclass(message, msgspec.Struct) and message.__struct_config__.array_like):
        raise TypeError(f"{message!r} is not a msgspec.Struct with array_like=True")
    for part in _parts(message):
        if isinstance(part, inspect.UnionType) and sum(isinstance(t, inspect.StructType) for t in part.types) > 1:
            raise TypeError(f"{message.__name__} holds a union of structs, which the wire does not have")
        if isinstance(part, inspect.DictType) and not isinstance(part.key_type, (inspect.StrType, inspect.BytesType)):
            raise TypeError(f"{message.__name__} holds a dict whose keys are neither str nor bytes: use a list of structs")


def _parts(message: type[Any]) -> Iterator[inspect.Type]:
    """Every type inside a message type, each once (types may be recursive)."""
    seen: set[int] = set()
    queue: list[Any] = [inspect.type_info(message)]
    keep: list[Any] = []
    while queue:
        part = queue.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        keep.append(part)
        yield part
        queue.extend(_children(part))


def _children(part: Any) -> list[Any]:
    if isinstance(part, (inspect.StructType, inspect.DataclassType, inspect.NamedTupleType, inspect.TypedDictType)):
        return [field.type for field in part.fields]
    children = [getattr(part, name) for name in ("item_type", "key_type", "value_type", "type") if hasattr(part, name)]
    for name in ("types", "item_types"):
        children.extend(getattr(part, name, ()))
    return [child for child in children if isinstance(child, inspect.Type)]
