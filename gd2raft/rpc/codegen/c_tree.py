"""The C tree: zcbor's codecs, and our templates around them. Texts in, texts out.

What came of zcbor is remembered by digests (generated.json), so that a check needs no zcbor: the same input gave these files.
This file must not know sockets, or how the templates' C works.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from gd2raft.rpc import errors, handshake, hello
from gd2raft.rpc.codegen import cddl, zcbor_tool
from gd2raft.rpc.codegen.schema import Field, Record, Schema, Service, Type
from gd2raft.rpc.limits import RpcLimits

FOLDER = "rpc/c"
STEM = "gd2_messages"
MANIFEST = "generated.json"
TEMPLATES = Path(__file__).with_name("templates")
STAMP = "Written by gd2raft.rpc.codegen: do not edit."
ERRORS = (
    errors.UNKNOWN_METHOD, errors.BAD_REQUEST, errors.INTERNAL, errors.DEADLINE, errors.BUSY, errors.JOIN_ONLY, errors.TOO_LARGE,
)  # fmt: skip


class Made(msgspec.Struct, frozen=True):
    """What zcbor made: `given` is the digest of its version and input, `files` the digests of what it wrote."""

    zcbor: str
    given: str
    files: dict[str, str]


def ours(schema: Schema) -> dict[str, str]:
    """The files that need no zcbor: name within OUT -> text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    words = _words(schema)
    files = {name.removesuffix(".j2"): environment.get_template(name).render(words) for name in sorted(environment.list_templates())}
    files[f"{STEM}.cddl"] = cddl.for_zcbor(schema)
    return {f"{FOLDER}/{name}": text for name, text in files.items()}


def of_zcbor(schema: Schema, tools: Path) -> dict[str, str]:
    """The files that zcbor makes, and the manifest. ZcborError."""
    text = cddl.for_zcbor(schema)
    rules = [cddl.PREFIX + record.name for record in schema.records]
    files = zcbor_tool.generate(zcbor_tool.installed(tools), text, rules, STEM)
    made = Made(zcbor_tool.version(), _given(schema), {name: _digest(text) for name, text in files.items()})
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(made), indent=1).decode() + "\n"
    return {f"{FOLDER}/{name}": text for name, text in files.items()}


def stale(schema: Schema, out: Path) -> list[str]:
    """Names of files in OUT that are not what zcbor once made of this schema, or that nothing makes any more."""
    folder = out / FOLDER
    try:
        made = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError):
        return [f"{FOLDER}/{MANIFEST}"]
    if made.given != _given(schema):
        return [f"{FOLDER}/{name}" for name in sorted(made.files)]
    wrong = [name for name, digest in made.files.items() if not (folder / name).exists() or _digest((folder / name).read_text()) != digest]
    known = {*made.files, MANIFEST, f"{STEM}.cddl", *(path.stem for path in TEMPLATES.glob("*.j2"))}
    return sorted(f"{FOLDER}/{name}" for name in [*wrong, *(path.name for path in folder.iterdir() if path.name not in known)])


def _given(schema: Schema) -> str:
    return _digest("\n".join([zcbor_tool.LOCK.read_text(), str(zcbor_tool.UNBOUNDED_MAX), cddl.for_zcbor(schema)]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- what the templates are given


def _words(schema: Schema) -> dict[str, Any]:
    error = next(frame for frame in schema.frames if frame.tag == 5)
    limits = {field.name: field.type for field in error.fields}
    return {
        "stamp": STAMP,
        "zcbor": zcbor_tool.version(),
        "magic": handshake.MAGIC.decode(),
        "version": schema.version,
        "preface_bytes": handshake.PREFACE.size,
        "nonce_bytes": handshake.NONCE_BYTES,
        "key_id_bytes": hello.KEY_ID_BYTES,
        "proof_bytes": handshake.PROOF_BYTES,
        "mode_pool": handshake.MODE_POOL,
        "mode_join": handshake.MODE_JOIN,
        "limits": RpcLimits(),
        "errors": ERRORS,
        "code_max": limits["code"].most,
        "fields_max": limits["fields"].most,
        "field_key_max": limits["fields"].items[0].most,
        "field_value_max": limits["fields"].items[1].most,
        "frames": [{"name": frame.name, "tag": frame.tag, "fields": [_frame_field(f) for f in frame.fields]} for frame in schema.frames],
        "records": [_record(record) for record in schema.records],
        "methods": [_method(service) for service in schema.services],
        "sha_k": _rows(_roots(64, 1 / 3)),
        "sha_h": _rows(_roots(8, 1 / 2)),
    }


def _c(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _method(service: Service) -> dict[str, Any]:
    return {**msgspec.structs.asdict(service), "c": _c(service.name), "request": _c(service.request), "reply": _c(service.reply)}


def _frame_field(field: Field) -> dict[str, Any]:
    """How a field of a frame is taken and put: by the helpers of gd2_wire.c."""
    c = "body" if field.type.kind == "record" else field.name
    take, put, cast = {
        "int": (f"take_int(&c, {field.type.high}u)", f"put_head(&p, UNSIGNED, frame->{c})", "(uint32_t)" if c != "call_id" else ""),
        "text": (f"take_text(&c, {field.type.most})", f"put_text(&p, &frame->{c})", ""),
        "map": ("take_fields(&c)", f"put_fields(&p, &frame->{c})", ""),
        "any": ("take_raw(&c)", f"put_raw(&p, &frame->{c})", ""),
        "record": ("take_raw(&c)", f"put_raw(&p, &frame->{c})", ""),
    }[field.type.kind]
    return {"c": c, "optional": field.optional, "take": take, "put": put, "cast": cast}


def _record(record: Record) -> dict[str, Any]:
    later = [f"m->{_c(cddl.c_field(f.name))}_present" for f in record.fields if f.optional]
    fields = []
    for field in record.fields:
        made = _field(record, field)
        if field.optional:
            later = later[1:]
            made["later"] = " || ".join([*later, "m->unknown_count"])
        fields.append(made)
    return {"name": record.name, "c": _c(record.name), "fields": fields}


def _field(record: Record, field: Field) -> dict[str, Any]:
    """`value`: where the value is in zcbor's struct; what may be null is in a union with a choice beside it."""
    c, t = _c(cddl.c_field(field.name)), field.type
    value, choice = c, f"{c}_choice"
    rule = _c(cddl.own_rule(record, field) or "")
    null, is_value = f"gd2_{_c(record.name)}_{c}_null_m_c", ""
    if t.null:
        inside = f"{c}." if field.optional else ""
        value, choice = f"{inside}{rule}_m", f"{inside}{c}_choice"
        is_value = f"m->{choice} == {rule}_m_c"
    return {
        "c": c,
        "type": t,
        "optional": field.optional,
        "null": t.null,
        "value": value,
        "is_value": is_value,
        "value_is": f"{is_value} && " if is_value else "",
        "item": t.items[0].kind if t.kind == "list" else "",
        "item_c": _c(t.record or (t.items[0].record if t.items else "")),
        "set_default": _set_default(t, field.default, f"m->{value}", f"m->{choice}", null, f"{rule}_m_c") if field.optional else [],
    }


def _set_default(t: Type, default: Any, value: str, choice: str, null: str, there: str) -> list[str]:
    if default is None:
        return [f"{choice} = {null};"]
    lines = [f"{choice} = {there};"] if t.null else []
    match t.kind:
        case "list":
            return [*lines, f"{value}.items_count = 0;"]
        case "text":
            return [*lines, f"{value} = gd2_text({msgspec.json.encode(default).decode()});"]
        case "bytes":
            data = bytes.fromhex(default)
            text = "".join(f"\\{byte:03o}" for byte in data)
            return [*lines, f'{value} = (struct zcbor_string){{.value = (const uint8_t *)"{text}", .len = {len(data)}}};']
        case "bool":
            return [*lines, f"{value} = {str(bool(default)).lower()};"]
    return [*lines, f"{value} = {default!r};"]


def _roots(count: int, power: float) -> list[int]:
    """The first 32 bits of the fractional parts of the roots of the first primes: SHA-256's constants (FIPS 180-4, 4.2.2 and 5.3.3)."""
    primes = [n for n in range(2, 320) if all(n % d for d in range(2, n))][:count]
    return [_root(prime, round(1 / power)) & 0xFFFFFFFF for prime in primes]


def _root(prime: int, degree: int) -> int:
    """floor(prime ** (1/degree) * 2**32), exactly."""
    low, high = 0, prime << 32
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= prime << (32 * degree) else (low, middle - 1)
    return low


def _rows(words: list[int]) -> list[str]:
    return [", ".join(f"0x{word:08x}" for word in words[at : at + 8]) for at in range(0, len(words), 8)]
