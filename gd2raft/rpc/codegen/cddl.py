"""The messages in CDDL (RFC 8610), twice from the same records.

For readers: a field that was appended later is in a group of its own, optional, inside the group of the one before it. So an array
may end before it, but not leave it out in the middle, and only after the last known field may unknown ones come.
For zcbor: the same fields side by side, since its C names follow the nesting; what the nesting says, the stubs check (c_tree.py).
A text's limit is in characters; CDDL counts bytes of UTF-8, up to four for each.
This file must not know C or files.
"""

from __future__ import annotations

from gd2raft.rpc.codegen.schema import Field, Record, Schema, Type
from gd2raft.rpc.limits import RpcLimits

UTF8_BYTES_MAX = 4
UNKNOWN_MAX = 64
"""Fields that zcbor's decoders pass over, of later versions."""
_PRELUDE = """any uint nint int bstr bytes tstr text tdate time number biguint bignint bigint integer unsigned decfrac bigfloat eb64url
eb64legacy eb16 uri b64url b64legacy regexp float16 float32 float64 float16-32 float32-64 float false true bool nil null undefined"""
PRELUDE = frozenset(_PRELUDE.split())
PREFIX = "gd2-"


def document(schema: Schema) -> str:
    limits = RpcLimits()
    lines = [
        "; The messages between daemons of gd2raft, peer protocol version " + str(schema.version) + ".",
        "; Written by `python -m gd2raft.rpc.codegen` from gd2raft/services.py and gd2raft/rpc: do not edit.",
        ";",
        f"; On the wire each frame is 4 bytes of length, big-endian, and as many of CBOR: 1 to {limits.frame_bytes_max}",
        f"; ({limits.join_frame_bytes_max} before a peer has joined, {limits.hello_bytes_max} for a hello or refused). The handshake before it is not",
        "; CBOR: wire-services.md has its bytes. Which message is the body of a call, reply or notify: the method's number says, there too.",
        ";",
        "; CBOR is deterministic here (RFC 8949, 4.2.1, but for the order of keys): definite lengths, shortest heads. No tags, no simple",
        f"; values but false, true and null, text is UTF-8, no key twice in a map, at most {limits.depth_max} containers in each other.",
        ";",
        "; A sender writes all fields that it knows. A receiver takes an array that ends where a `?` stands (then the default holds that is",
        "; said beside it), and passes over what comes after the last field that it knows.",
        "",
        "frame = " + " / ".join(f.name for f in schema.frames),
        "",
    ]
    for record in (*schema.frames, *schema.records):
        lines += [f"; {line}" for line in _wrapped(record.about)]
        lines += _nested(record)
        lines.append("")
    return "\n".join(lines)


def for_zcbor(schema: Schema) -> str:
    """Rules with a prefix for C, fields side by side; without the frames, which our own template reads."""
    lines = ["; What zcbor is given: the rules of docs/wire.cddl with names for C. Written by gd2raft.rpc.codegen: do not edit.", ""]
    for record in schema.records:
        for field in record.fields:
            if (rule := own_rule(record, field)) is not None:
                lines += [f"{rule} = {_body(field.type)}", ""]
        lines.append(f"{PREFIX}{record.name} = [")
        lines += [f"  {'? ' if field.optional else ''}{c_field(field.name)}: {_for_c(record, field)}," for field in record.fields]
        lines += [f"  0*{UNKNOWN_MAX} unknown: any", "]", ""]
    return "\n".join(lines)


def own_rule(record: Record, field: Field) -> str | None:
    """A list, and what may be null, has a rule of its own, so that its C type and its members have names that can be told."""
    if field.type.null:
        return f"{PREFIX}{record.name}-{c_field(field.name)}-value"
    return f"{PREFIX}{record.name}-{c_field(field.name)}" if field.type.kind == "list" else None


def _body(t: Type) -> str:
    return f"[0*{t.most} items: {_plain(t.items[0], PREFIX)}]" if t.kind == "list" else _plain(t, PREFIX)


def _for_c(record: Record, field: Field) -> str:
    text = own_rule(record, field) or _plain(field.type, PREFIX)
    return f"({text} / null)" if field.type.null else text


def c_field(name: str) -> str:
    """A field's name for zcbor, which takes a name of the prelude for a type."""
    return f"{name}-field" if name in PRELUDE else name.replace("_", "-")


def _nested(record: Record) -> list[str]:
    lines, indent, depth = [f"{record.name} = ["], "  ", 0
    if record.tag:
        lines.append(f"{indent}{record.tag},")
    for field in record.fields:
        if field.optional:
            lines.append(f"{indent * (depth + 1)}? (")
            depth += 1
        lines.append(f"{indent * (depth + 1)}{field.name.replace('_', '-')}: {_type(field.type)},{_note(field)}")
    lines.append(f"{indent * (depth + 1)}* any")
    lines.append(")" * depth + "]" if depth else "]")
    if depth:
        lines[-1] = indent + ")" * depth + "\n]"
    return lines


def _note(field: Field) -> str:
    notes = []
    if field.type.kind == "text":
        notes.append(f"{field.type.most} characters")
    if field.optional:
        notes.append(f"left out: {_default(field)}")
    return f"  ; {', '.join(notes)}" if notes else ""


def _default(field: Field) -> str:
    if field.default is None:
        return "null"
    if field.type.kind == "bytes":
        return f"h'{field.default}'"
    return (
        {True: "true", False: "false"}.get(field.default, "") if isinstance(field.default, bool) else f"{field.default!r}".replace("'", '"')
    )


def _type(t: Type, prefix: str = "") -> str:
    text = _plain(t, prefix)
    if not t.null:
        return text
    return f"({text} / null)"


def _plain(t: Type, prefix: str) -> str:
    match t.kind:
        case "int":
            return f"{t.low}..{t.high}"
        case "text":
            return f"tstr .size (0..{t.most * UTF8_BYTES_MAX})"
        case "bytes":
            return f"bstr .size (0..{t.most})"
        case "float":
            return "float64"
        case "list":
            return f"[0*{t.most} {_item(t.items[0], prefix)}]"
        case "map":
            key, value = (_plain(item, prefix) for item in t.items)
            return f"{{ 0*{t.most} {key} => {value} }}"
        case "record":
            return prefix + t.record
    return t.kind


def _item(t: Type, prefix: str) -> str:
    text = _type(t, prefix)
    return text if t.kind in ("record", "bool", "any") and not t.null else f"({text})"


def _wrapped(text: str, width: int = 130) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
