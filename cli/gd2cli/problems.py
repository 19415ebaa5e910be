"""What a command can end with, and how that looks on stderr. Exit codes are the contract with scripts; a problem says what, where, why and the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FAILED, USAGE, NOT_FOUND, CONFLICT, NO_QUORUM, OUTCOME_UNKNOWN, INTERRUPTED, BROKEN_PIPE = 1, 2, 4, 5, 6, 7, 130, 141
CODES = {404: NOT_FOUND, 409: CONFLICT, 412: CONFLICT, 503: NO_QUORUM, 504: OUTCOME_UNKNOWN}
FIELD_CHARS_MAX = 2000
OTHERS_MAX = 10

Lines = Sequence[tuple[str, str]]


class Problem(Exception):
    """`lines` and, after the hint, `trail`: (label, text) in the order in which they are shown. `what`: the command, once it is known."""

    what = ""

    def __init__(self, message: str, *, exit_code: int = FAILED, hint: str = "", lines: Lines = (), trail: Lines = ()) -> None:
        super().__init__(message)
        self.message, self.exit_code, self.hint, self.lines, self.trail = message, exit_code, hint, tuple(lines), tuple(trail)

    def text(self) -> str:
        shown = [(label, clean(text)) for label, text in (*self.lines, ("what to do", self.hint), *self.trail) if text]
        head = ": ".join(part for part in ("gd2", self.what, clean(self.message)) if part)
        return "\n".join([head, *(f"  {label}: {text}" for label, text in shown)])


class OutcomeUnknown(Problem):
    """It was sent, and may or may not have been done."""

    def __init__(self, message: str, *, lines: Lines = (), trail: Lines = ()) -> None:
        hint = "look at the state before you try again (gd2 volume info, gd2 peer list, gd2 cluster status)"
        super().__init__(message, exit_code=OUTCOME_UNKNOWN, hint=hint, lines=lines, trail=trail)


class BadShape(Problem):
    """What shows an answer doesn't find in it what it looks for."""


class Unwritable(OSError):
    """Standard output takes no more: no fault of the command that wrote to it."""


def of_answer(status: int, body: Any, *, where: str, request_id: str, secret_source: str, write: bool) -> Problem:
    """The problem that an error answer of the server tells of. `body`: its JSON, None when it had none."""
    items = _items(body)
    trail = [("answered by", where), ("request id", _field(items, "request-id") or request_id)]
    if status == 401:
        return _unauthorized(items, trail, secret_source)
    if not items:
        return Problem(f"the answer was HTTP {status}, without a reason", exit_code=exit_code(status, "", write), trail=trail)
    message = "; ".join(_text(item.get("message")) or f"HTTP {status}" for item in items)
    exit_with = exit_code(status, _field(items, "code"), write)
    return Problem(message, exit_code=exit_with, hint=_field(items, "hint"), lines=_details(items), trail=trail)


def exit_code(status: int, code: str, write: bool) -> int:
    """`code`: the server's stable word. A read that came too late (504) changed nothing."""
    if status == 504 and (not write or code == "too-late"):
        return FAILED
    return CODES.get(status, FAILED)


def _unauthorized(items: Sequence[Mapping[str, Any]], trail: list[tuple[str, str]], secret_source: str) -> Problem:
    reason = _text(items[0].get("message")) if items else "unauthorized"
    used = ("secret used", secret_source or "none")
    hint = (
        "the pool's secret is in the file `auth` of the daemon's state folder (/var/lib/gd2raft/auth, readable for root): "
        "name it with --secret-file, or give it in GD2_AUTH_SECRET"
    )
    return Problem(f"401 {reason}", hint=hint, lines=[used], trail=trail)


def _items(body: Any) -> list[Mapping[str, Any]]:
    errors = body.get("errors") if isinstance(body, dict) else None
    return [e for e in errors[:20] if isinstance(e, dict)] if isinstance(errors, list) else []


def _details(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    labels = {"peer": "peer", "peer-id": "peer", "step": "step", "error": "why"}
    known = {*labels, "hint", "request-id", "code", "all", "devices"}  # the message names the devices
    lines = []
    for item in items:
        fields = _fields(item)
        if (host := _text(fields.get("peer"))) and (identity := _text(fields.get("peer-id"))):
            fields = {name: value for name, value in fields.items() if name != "peer-id"} | {"peer": f"{host} ({identity})"}
        told = _text(item.get("message"))
        lines += [
            (label, text) for name, label in labels.items() if (text := _text(fields.get(name))) and not (name == "error" and text in told)
        ]
        lines += [("also", text) for text in _others(fields)]
        lines += [(name, _text(value)) for name, value in sorted(fields.items()) if name not in known]
    return lines


def _others(fields: Mapping[str, Any]) -> list[str]:
    """Steps that failed beside the one that is told already: `all` is a list of texts, as JSON."""
    import json  # late: help needs none

    try:
        told = json.loads(_whole(fields.get("all")))
    except ValueError:
        return []
    return [_text(text) for text in told[1 : 1 + OTHERS_MAX]] if isinstance(told, list) else []


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else "null"


def _fields(item: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = item.get("fields")
    return fields if isinstance(fields, dict) else {}


def _field(items: Sequence[Mapping[str, Any]], name: str) -> str:
    return next((text for item in items if (text := _text(_fields(item).get(name)))), "")


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:FIELD_CHARS_MAX]


def clean(text: str) -> str:
    """What came from elsewhere must not steer the terminal.

    >>> clean("a\\x1b[31mb")
    'a?[31mb'
    """
    return "".join(c if c.isprintable() else " " if c in "\n\t\r" else "?" for c in text)
