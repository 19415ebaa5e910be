"""What goes to etcd's JSON gateway and comes back, as types (etcd's rpc.proto and kv.proto; bytes are base64, 64-bit numbers text).

Only the fields that the store uses; absent ones have protobuf's defaults.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Header(msgspec.Struct, frozen=True):
    cluster_id: int = 0
    revision: int = 0


class KeyValue(msgspec.Struct, frozen=True):
    key: bytes = b""
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    lease: int = 0


class RangeAnswer(msgspec.Struct, frozen=True):
    header: Header = Header()
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False


class OneAnswer(msgspec.Struct, frozen=True):
    """Of one operation in a transaction."""

    response_range: RangeAnswer | None = None


class TxnAnswer(msgspec.Struct, frozen=True):
    header: Header = Header()
    succeeded: bool = False
    responses: tuple[OneAnswer, ...] = ()


class LeaseAnswer(msgspec.Struct, frozen=True):
    ID: int = 0
    TTL: int = 0


class KeepAliveAnswer(msgspec.Struct, frozen=True):
    result: LeaseAnswer = LeaseAnswer()


class Member(msgspec.Struct, frozen=True):
    name: str = ""


class MembersAnswer(msgspec.Struct, frozen=True):
    members: tuple[Member, ...] = ()


class EtcdEvent(msgspec.Struct, frozen=True):
    """`type` is PUT (left out) or DELETE."""

    kv: KeyValue = KeyValue()
    type: str = "PUT"


class WatchPart(msgspec.Struct, frozen=True):
    header: Header = Header()
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    fragment: bool = False
    events: tuple[EtcdEvent, ...] = ()


class ErrorAnswer(msgspec.Struct, frozen=True):
    message: str = ""
    error: Any = ""
    code: int = 0


class StreamError(msgspec.Struct, frozen=True):
    message: str = ""
    grpc_code: int = 2


class WatchLine(msgspec.Struct, frozen=True):
    """One line of the stream: a result or, at the end, an error."""

    result: WatchPart | None = None
    error: StreamError | None = None


def encode(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)


def decode(data: bytes, kind: type[T]) -> T:
    """Raises msgspec.MsgspecError.

    >>> decode(b'{"kv": {"key": "YQ==", "mod_revision": "7"}}', EtcdEvent).kv.mod_revision
    7
    """
    return msgspec.json.decode(data, type=kind, strict=False)


# requests, as msgspec encodes them: bytes become base64


def compare(key: bytes, target: str, value: int | bytes, result: str = "EQUAL") -> dict[str, Any]:
    """`target`: MOD, CREATE or VALUE; holds when (target of key) is `result` (EQUAL, LESS, GREATER) `value`."""
    field = {"MOD": "mod_revision", "CREATE": "create_revision", "VALUE": "value"}[target]
    return {"key": key, "target": target, "result": result, field: value}


def put(key: bytes, value: bytes, lease: int = 0) -> dict[str, Any]:
    return {"request_put": {"key": key, "value": value, "lease": lease}}


def delete(key: bytes, end: bytes = b"") -> dict[str, Any]:
    """One key, or those from `key` to before `end`."""
    return {"request_delete_range": {"key": key, "range_end": end} if end else {"key": key}}


def look(key: bytes) -> dict[str, Any]:
    """One key without its value."""
    return {"request_range": {"key": key, "keys_only": True}}


def read(key: bytes) -> dict[str, Any]:
    """One key with its value."""
    return {"request_range": {"key": key}}


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`.

    >>> prefix_end(b"/a/")
    b'/a0'
    """
    return prefix[:-1] + bytes([prefix[-1] + 1])
