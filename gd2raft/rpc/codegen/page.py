"""The table of methods and the bytes before the first frame, as a Markdown page. This file must not know files."""

from __future__ import annotations

from gd2raft.rpc import errors, handshake, hello
from gd2raft.rpc.codegen.schema import Schema
from gd2raft.rpc.limits import RpcLimits

_ERRORS = {
    errors.UNKNOWN_METHOD: "the peer knows no such method: it runs another version",
    errors.BAD_REQUEST: "the body is not the method's request; the message says where",
    errors.JOIN_ONLY: "not before the peer is a member of the pool",
    errors.BUSY: "too many calls are in progress: try again later",
    errors.DEADLINE: "not done within the call's deadline",
    errors.TOO_LARGE: "the reply does not fit into a frame",
    errors.INTERNAL: "the other peer's mistake: its log says more",
}


def document(schema: Schema) -> str:
    return "\n".join([*_head(schema), *_handshake(), *_errors(), *_methods(schema), *_frames(schema)]) + "\n"


def _head(schema: Schema) -> list[str]:
    return [
        "# Methods between daemons",
        "",
        f"Peer protocol version {schema.version}. Written by `python -m gd2raft.rpc.codegen`: do not edit. [wire.cddl](wire.cddl) has the messages,",
        "[wire-vectors.txt](wire-vectors.txt) their bytes, [rpc.md](rpc.md) says how to use and how to change them, [rpc/c](rpc/c/README.md) has all of it in C.",
        "",
    ]


def _handshake() -> list[str]:
    size, proof = handshake.PREFACE.size, handshake.PROOF_BYTES
    return [
        "## Before the first frame",
        "",
        "| from | bytes | what |",
        "|---|---|---|",
        f"| dialer | {size} | preface: `{handshake.MAGIC.decode()}`, version (2 bytes, {handshake.PROTOCOL_VERSION}), mode (1: {handshake.MODE_POOL} pool,"
        f" {handshake.MODE_JOIN} join), status (1: 0), key id ({hello.KEY_ID_BYTES}), nonce ({handshake.NONCE_BYTES}, random) |",
        f"| listener | {size} | preface with the same version, mode and key id, and its own nonce; a status other than 0 ends it |",
        f"| dialer | {proof} | HMAC-SHA256(key, `gd2raft dialer` 0 dialer's preface, listener's preface) |",
        f"| listener | {1 + proof} | status, HMAC-SHA256(key, `gd2raft listener` 0 dialer's preface, listener's preface) |",
        "| dialer | a frame | `hello` |",
        "| listener | a frame | `hello`, or `refused` |",
        "",
        "Numbers are big-endian. Status: 1 another protocol version, 2 another pool, 3 another key. Mode pool: the key is the pool's, its id the first"
        f" {hello.KEY_ID_BYTES} bytes of SHA-256(pool id). Mode join:",
        "the key is SHA-256(`gd2raft join secret:` secret), or SHA-256(`gd2raft join without a secret`), its id zeros; only the methods marked so may be used.",
        "",
        f"After it both ends are equal. Who is silent for {RpcLimits.keepalive_s:g} s is sent a `ping`, and answers with a `pong`;"
        f" after {RpcLimits.dead_after_s:g} s of silence the connection is given up. A deadline is relative, in ms; who gives up a call sends `cancel`.",
        f"At most {RpcLimits.calls_in_max} calls of a connection are served at a time.",
        "",
    ]


def _errors() -> list[str]:
    return [
        "## Codes of `error`",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| `{code}` | {meaning} |" for code, meaning in _ERRORS.items()),
        "",
        "Others are a method's own.",
        "",
    ]


def _methods(schema: Schema) -> list[str]:
    rows = [
        f"| {s.number} | {s.name} | `{s.request}` | {'' if s.one_way else f'`{s.reply}`'} | {'yes' if s.join else ''} |"
        for s in schema.services
    ]
    head = ["## Methods", "", "Without a reply: sent as `notify`, dropped when the receiver is too slow.", ""]
    return [*head, "| number | name | request | reply | before joining |", "|---|---|---|---|---|", *rows, ""]


def _frames(schema: Schema) -> list[str]:
    rows = [f"| {f.tag} | `{f.name}` | {', '.join(field.name for field in f.fields)} |" for f in schema.frames]
    return ["## Frames", "", "| kind | name | fields |", "|---|---|---|", *rows]
