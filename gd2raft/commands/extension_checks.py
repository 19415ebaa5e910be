"""What is wrong with a command or a step that another package brings: found at the daemon's start, not by the first who uses it. PURE."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from string import Formatter
from typing import Any

import msgspec

from gd2raft.core.plan import Arguments, BadExtension, Command, Request, StepKind

NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
NAME_CHARS_MAX = 100
METHODS = ("POST", "DELETE")
"""Those of changes: with them an Idempotency-Key works."""
TIMEOUT_S_MAX = 3600.0


def check_command(command: Command[Any]) -> None:
    """Raises BadExtension."""
    what, route = f"command {command.name!r:.200} (of {module_of(command.plan)})", command.route
    _check_name(what, command.name)
    _check_type(what, "request", command.request, Request)
    if not callable(command.plan) or inspect.iscoroutinefunction(command.plan):
        raise BadExtension(f"{what}: its plan is not a plain function")
    if route.method not in METHODS:
        raise BadExtension(f"{what}: its route's method {route.method!r} is not one of {', '.join(METHODS)}")
    if not route.path.startswith("/v1/") or "//" in route.path or route.path.endswith("/"):
        raise BadExtension(f"{what}: its route {route.path!r} is not of the form /v1/WORD/...")
    if not isinstance(route.status, int) or not 200 <= route.status < 300:
        raise BadExtension(f"{what}: its route's status {route.status!r} is not one of success, 200 to 299")


def check_step(kind: StepKind[Any], do: Any, undo: Any) -> None:
    """Raises BadExtension."""
    what = f"step {kind.name!r:.200} (of {module_of(do)})"
    _check_name(what, kind.name)
    _check_type(what, "arguments", kind.arguments, Arguments)
    for name, code in (("do", do), ("undo", undo)):
        if (name == "do" or code is not None) and not _is_async(code):
            raise BadExtension(f"{what}: its {name} is not an async function")
    if not 0 < kind.timeout_s <= TIMEOUT_S_MAX:
        raise BadExtension(f"{what}: its timeout_s {kind.timeout_s!r} is not above 0 and at most {TIMEOUT_S_MAX:.0f}")
    fields = {field.name for field in msgspec.structs.fields(kind.arguments)}
    for name, text in (("missed", kind.missed), ("left", kind.left)):
        try:
            strange = {field for _, field, _, _ in Formatter().parse(text) if field is not None} - fields
        except ValueError as error:
            raise BadExtension(f"{what}: its {name!r} can't be filled in: {error}") from error
        if strange:
            raise BadExtension(f"{what}: its {name!r} wants {{{min(strange)}}}, which is not one of its arguments")


def module_of(function: Callable[..., Any] | None) -> str:
    return str(getattr(function, "__module__", None) or "an unknown module")


def _check_name(what: str, name: str) -> None:
    if not isinstance(name, str) or len(name) > NAME_CHARS_MAX or not NAME.fullmatch(name):
        raise BadExtension(f"{what}: a name has small letters, digits, and single - _ or . between them, at most {NAME_CHARS_MAX}")


def _check_type(what: str, which: str, type_: Any, base: type) -> None:
    if not isinstance(type_, type) or not issubclass(type_, base):
        raise BadExtension(f"{what}: its {which} are of no class that is derived from gd2raft.core.plan.{base.__name__}")
    try:
        msgspec.json.schema(type_)
    except (TypeError, ValueError) as error:
        raise BadExtension(f"{what}: its {which} can't be read from JSON: {error}") from error


def _is_async(code: Any) -> bool:
    return inspect.iscoroutinefunction(code) or inspect.iscoroutinefunction(getattr(code, "__call__", None))  # noqa: B004
