"""What heketi's clients send: JSON whatever its type is called, decoded as Go does it (unknown fields passed over, null is nothing), checked as heketi does it.

Kinder than Go in one thing: 3.0 is a whole number, as JSON Schema has it, which the description is written in.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from gd2raft.core import heketi
from gd2raft.rest.heketi.texts import Unparsable

Q = TypeVar("Q")


def told(**schema: Any) -> msgspec.Meta:
    """Words of JSON Schema for the description."""
    return msgspec.Meta(extra_json_schema=schema)


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Base of requests: what is missing is zero, then checked. Bounds of a field, and which are `needed`, are for the description only:
    what is beyond them is 400, not 422."""

    needed: ClassVar[tuple[str, ...]] = ()


class ClusterFlags(Body, frozen=True, kw_only=True):
    file: bool = False
    block: bool = False


class ClusterCreate(Body, frozen=True, kw_only=True):
    """Without `file` there may be volumes, as heketi's documentation has it: its daemon makes a cluster of no use of that."""

    file: bool = True
    block: bool = False


class ModeRequest(Body, frozen=True, kw_only=True):
    needed = ("state",)
    state: Annotated[str, told(enum=[mode.value for mode in heketi.Mode])] = ""


class LogLevelRequest(Body, frozen=True, kw_only=True):
    loglevel: dict[str, str] = {}


def parse(type_: type[Q], data: bytes) -> Q:
    """Raises Unparsable: no JSON object, or a field of a wrong type."""
    try:
        msgspec.json.decode(data)  # strict, bounded in depth
        value = plain(json.loads(data))
        if not isinstance(value, dict):
            raise Unparsable("request unable to be parsed: a JSON object is expected")
        return msgspec.convert(value, type_)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unparsable(f"request unable to be parsed: {error}") from None


def plain(value: Any) -> Any:
    """
    >>> plain({"size": 3.0, "name": None, "tags": {"a": None}, "of": [1.5, None]})
    {'size': 3, 'tags': {}, 'of': [1.5, None]}
    """
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [plain(item) for item in value] if isinstance(value, list) else value
