"""What a change of the schema breaks for peers that run the version before it: two schemas in, sentences out.

Fields may be appended with a default, methods and messages added, limits raised. Nothing else: numbers are not used again,
a name is how the code of other languages knows a message.
This file must not know files.
"""

from __future__ import annotations

from collections.abc import Iterator

from gd2raft.rpc.codegen.schema import Field, Record, Schema, Type


def broken(old: Schema, new: Schema) -> list[str]:
    """Why a peer of `old` and one of `new` would misunderstand each other; empty when they don't.

    A new protocol version may break everything: the handshake keeps the two apart.
    """
    if new.version != old.version:
        return []
    return [*_services(old, new), *_records("message", old.records, new.records), *_records("frame", old.frames, new.frames)]


def _services(old: Schema, new: Schema) -> Iterator[str]:
    by_number = {s.number: s for s in new.services}
    names = {s.name: s.number for s in new.services}
    for was in old.services:
        now = by_number.get(was.number)
        if was.name in names and names[was.name] != was.number:
            yield f"method {was.name}: its number was {was.number} and is {names[was.name]}"
        elif now is None:
            yield f"method {was.number} {was.name} is gone: keep it, and let it refuse"
        elif now.name != was.name:
            yield f"method {was.number} was {was.name} and is {now.name}: a number is not used again"
        elif now != was:
            what = [
                f"{n} was {getattr(was, n)} and is {getattr(now, n)}" for n in was.__struct_fields__ if getattr(was, n) != getattr(now, n)
            ]
            yield f"method {was.name}: {', '.join(what)}"


def _records(kind: str, old: tuple[Record, ...], new: tuple[Record, ...]) -> Iterator[str]:
    by_name = {r.name: r for r in new}
    for was in old:
        now = by_name.get(was.name)
        if now is None:
            yield f"{kind} {was.name} is gone"
            continue
        if now.tag != was.tag:
            yield f"{kind} {was.name}: its tag was {was.tag} and is {now.tag}"
        for at, field in enumerate(was.fields):
            if at >= len(now.fields):
                yield f"{kind} {was.name}: field {at} {field.name} is gone"
            else:
                yield from (f"{kind} {was.name}, field {at} {field.name}: {why}" for why in _field(field, now.fields[at]))
        for at, field in list(enumerate(now.fields))[len(was.fields) :]:
            if not field.optional:
                yield f"{kind} {was.name}: the new field {at} {field.name} needs a default, as older peers don't send it"


def _field(was: Field, now: Field) -> Iterator[str]:
    if now.name != was.name:
        yield f"is called {now.name} (fields are neither moved, removed nor renamed, only appended)"
    if was.optional and not now.optional:
        yield "has no default any more"
    if was.optional and now.optional and was.default != now.default:
        yield f"its default was {was.default!r} and is {now.default!r}"
    if why := _type(was.type, now.type):
        yield why


def _type(was: Type, now: Type) -> str:
    if (was.kind, was.record, len(was.items)) != (now.kind, now.record, len(now.items)):
        return f"was a {was.record or was.kind} and is a {now.record or now.kind}"
    if was.null is not now.null:
        return "may be null now, which older peers refuse" if now.null else "may not be null any more"
    if now.most < was.most or now.low > was.low or now.high < was.high:
        return "its limit is narrower than it was"
    return next((why for a, b in zip(was.items, now.items, strict=True) if (why := _type(a, b))), "")
