"""Golden vectors: for every message and frame its bytes at its smallest, as it usually is, and at its limits, the same on every run.

    minimal   nothing in it                              older    minimal, without the fields that have a default
    typical   something in every field                   newer    typical, and one field more, of a later version
    limits    every integer, text and byte string at its largest, every list with its most items (which are minimal)

`older` and `newer` are for receivers: they read them as `minimal` and `typical`. A line is a name, a kind and hex, in which
`{65536x61}` stands for the byte 61, so many times.
This file must not know files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gd2raft.rpc import cbor
from gd2raft.rpc.codegen.schema import Record, Schema, Type

KINDS = ("minimal", "typical", "limits", "older", "newer")
SAME_AS = {"older": "minimal", "newer": "typical"}
RUN_MIN = 32
_WIDEST = "\U00010348"  # four bytes of UTF-8
_RUN = re.compile(rb"(.{1,4}?)\1{%d}" % (RUN_MIN - 1), re.DOTALL)
_REPEAT = re.compile(r"\{(\d+)x([0-9a-f]+)\}")


def document(schema: Schema) -> str:
    head = [
        "# Golden vectors of the messages between daemons, peer protocol version " + str(schema.version) + ".",
        "# Written by `python -m gd2raft.rpc.codegen`: do not edit. A line: message or frame, kind, hex of its CBOR (of a frame without its",
        "# length). {65536x61} is the byte 61, 65536 times. A receiver reads `older` as it reads `minimal`, and `newer` as `typical`.",
        "",
    ]
    return "\n".join(head) + "\n".join(f"{name} {kind} {squeeze(data)}" for name, kind, data in vectors(schema)) + "\n"


def vectors(schema: Schema) -> Iterator[tuple[str, str, bytes]]:
    """(name, kind, CBOR), frames first."""
    for record in (*schema.frames, *schema.records):
        for kind in KINDS:
            yield record.name, kind, cbor.dumps(_array(schema, record, kind))


def parse(text: str) -> Iterator[tuple[str, str, bytes]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, kind, data = line.split(" ")
            yield name, kind, expand(data)


def squeeze(data: bytes) -> str:
    """
    >>> squeeze(b"ab" + b"c" * 1000)
    '6162{1000x63}'
    """
    parts, at = [], 0
    while (run := _RUN.search(data, at)) is not None:
        unit = run.group(1)
        end = _end_of_run(data, unit, run.end())
        parts += [data[at : run.start()].hex(), f"{{{(end - run.start()) // len(unit)}x{unit.hex()}}}"]
        at = end
    return "".join([*parts, data[at:].hex()])


def _end_of_run(data: bytes, unit: bytes, at: int) -> int:
    """In big steps while they fit: a payload at its limit is megabytes of one byte."""
    for step in (unit * 65_536, unit * 256, unit):
        while data.startswith(step, at):
            at += len(step)
    return at


def expand(text: str) -> bytes:
    """The other way round."""
    data, at = bytearray(), 0
    for match in _REPEAT.finditer(text):
        data += bytes.fromhex(text[at : match.start()])
        data += bytes.fromhex(match.group(2)) * int(match.group(1))
        at = match.end()
    return bytes(data + bytes.fromhex(text[at:]))


def _array(schema: Schema, record: Record, kind: str) -> list[Any]:
    """A record's fields as plain values."""
    made: list[Any] = [record.tag] if record.tag else []
    for at, field in enumerate(record.fields):
        if kind in ("minimal", "older") and field.optional:
            if kind == "minimal":
                made.append(bytes.fromhex(field.default) if field.type.kind == "bytes" and field.default is not None else field.default)
        else:
            made.append(_value(schema, field.type, SAME_AS.get(kind, kind), field.name, at))
    return [*made, ["a field of a later version", 1]] if kind == "newer" else made


def _value(schema: Schema, t: Type, kind: str, name: str, at: int) -> Any:
    if t.kind == "record":
        return _array(schema, schema.record(t.record), kind)
    if kind == "minimal":
        return (
            None
            if t.null
            else {"bool": False, "int": t.low, "float": 0.0, "text": "", "bytes": b"", "list": [], "map": {}, "any": []}[t.kind]
        )
    if kind == "limits":
        return _largest(schema, t)
    return _typical(schema, t, name, at)


def _typical(schema: Schema, t: Type, name: str, at: int) -> Any:
    match t.kind:
        case "bool":
            return True
        case "int":
            return min(t.high, max(t.low, 24 + at))
        case "float":
            return 1.5
        case "text":
            return f"{name.replace('_', '-')} ä"[: t.most]
        case "bytes":
            return bytes([0, 1, 0xFE, 0xFF])[: t.most]
        case "list":
            return [_value(schema, t.items[0], "typical", f"{name}-{n}", at + n) for n in range(min(2, t.most))]
        case "map":
            return {_value(schema, t.items[0], "typical", "key", at): _value(schema, t.items[1], "typical", "value", at)}
    return ["any", 1]


def _largest(schema: Schema, t: Type) -> Any:
    match t.kind:
        case "bool":
            return True
        case "int":
            return t.high
        case "float":
            return -1.7976931348623157e308
        case "text":
            return _WIDEST * t.most
        case "bytes":
            return b"\xff" * t.most
        case "list":
            return [_value(schema, t.items[0], "minimal", "", 0)] * t.most
        case "map":
            return {f"{n:04d}": _value(schema, t.items[1], "minimal", "", 0) for n in range(t.most)}
    return [0] * 8
