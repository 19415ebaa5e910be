"""option groups: a named set of options that volumes can be given at once, beside those that GlusterFS brings."""

from __future__ import annotations

import re

from gd2raft.core import model, options, plan
from gd2raft.core.plan import Command, Conflict, Ids, Plan, Refused, Request, Route, View

NAME_CHARS_MAX = 64
OPTIONS_MAX = 200


class GroupOption(Request, frozen=True, kw_only=True):
    """GlusterD2's form: `onvalue` is what the option gets."""

    name: str
    onvalue: str


class OptionGroupCreate(Request, frozen=True, kw_only=True):
    name: str
    options: list[GroupOption]
    description: str = ""


def plan_create(view: View, request: OptionGroupCreate, ids: Ids) -> Plan:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", request.name) or len(request.name) > NAME_CHARS_MAX:
        raise Refused(f"invalid group name {request.name[:80]!r}", hint="letters, digits, '_', '-' and '.' are possible", code="bad-name")
    if request.name in view.options.groups:
        raise Refused(f"group {request.name} comes with GlusterFS", hint="choose another name", code="builtin-group")
    if view.reader.get(model.option_group_key(request.name)) is not None:
        raise Conflict(f"group {request.name} already exists", hint="delete it first", code="group-exists", http=500)
    if not 0 < len(request.options) <= OPTIONS_MAX:
        raise Refused(f"{len(request.options)} options, 1 to {OPTIONS_MAX} are possible in a group", code="bad-option")
    record = model.OptionGroup(options=checked(view, request), description=request.description[:1000])
    return Plan(changes=(plan.put(view, model.option_group_key(request.name), record),), result={"group": request.name})


def checked(view: View, request: OptionGroupCreate) -> dict[str, str]:
    """Full names and values; whether a value fits is seen when a volume gets the group."""
    found: dict[str, str] = {}
    for option in request.options:
        if options.is_user_option(option.name):
            found[option.name] = option.onvalue
            continue
        try:
            known = options.find(view.options, option.name)
        except options.OptionRefused as error:
            raise Refused(str(error), hint="`gd2 volume set help` lists the options", code="bad-option") from error
        if known.scope != "volume":
            raise Refused(f"option {known.name} is one of the whole pool", code="bad-option")
        found[known.name] = option.onvalue
    return found


COMMAND = Command(
    name="option-group-create",
    request=OptionGroupCreate,
    plan=plan_create,
    route=Route("POST", "/v1/volumes/options-group", 200, "none"),
    summary="Define a group of options.",
)
