"""What other packages bring: refused when it can't work or has a name twice, in words by which whoever installed a package knows which to take away."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gd2raft.commands import registry as command_registry
from gd2raft.commands import volume_start
from gd2raft.core.plan import Arguments, BadExtension, Command, Ids, Plan, Request, Route, StepKind, View
from gd2raft.rest.command_routes import command_endpoints
from gd2raft.rest.routes import Router
from gd2raft.steps import brick_check
from gd2raft.steps import registry as step_registry
from gd2raft.steps.step import StepCode

pytestmark = pytest.mark.fast


def plan_of_a_package(view: View, request: Any, ids: Ids) -> Plan:
    raise NotImplementedError


async def do_of_a_package(context: Any, arguments: Any) -> dict[str, Any]:
    raise NotImplementedError


def test_two_commands_of_one_name_are_refused_with_both_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: Command[Any] = msgspec.structs.replace(volume_start.COMMAND, plan=plan_of_a_package)
    monkeypatch.setattr(command_registry, "load_all", lambda *_: [theirs])
    with pytest.raises(BadExtension, match=f"'volume-start', in gd2raft.commands.volume_start and {__name__}; rename one"):
        command_registry.commands.__wrapped__()


def test_two_steps_of_one_name_are_refused_with_both_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: StepCode[Any] = StepCode(brick_check.STEP.kind, do_of_a_package)
    monkeypatch.setattr(step_registry, "load_all", lambda *_: [theirs])
    with pytest.raises(BadExtension, match=f"'brick.check', in gd2raft.steps.brick_check and {__name__}; rename one"):
        step_registry.steps.__wrapped__()


class TheirRequest(Request, frozen=True, kw_only=True):
    volume: str


class TheirArguments(Arguments, frozen=True, kw_only=True):
    path: str


class Opaque:
    pass


class OpaqueRequest(Request, frozen=True, kw_only=True):
    volume: str
    thing: Opaque


async def async_plan(view: View, request: Any, ids: Ids) -> Plan:
    raise NotImplementedError


def sync_do(context: Any, arguments: Any) -> dict[str, Any]:
    raise NotImplementedError


THEIRS: Command[Any] = Command(
    name="their-word", request=TheirRequest, plan=plan_of_a_package, route=Route("POST", "/v1/volumes/{volume}/theirs", 200, "volume")
)
KIND = StepKind("their.step", TheirArguments, undoable=True, timeout_s=30, missed="{path} is bare", left="{path} is left")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"name": "their word"}, "a name has small letters"),
        ({"name": "x" * 300_000}, "a name has small letters"),
        ({"request": dict}, "derived from gd2raft.core.plan.Request"),
        ({"request": TheirArguments}, "derived from gd2raft.core.plan.Request"),
        ({"request": OpaqueRequest}, "can't be read from JSON"),
        ({"plan": async_plan}, "is not a plain function"),
        ({"route": Route("post", "/v1/theirs")}, "'post' is not one of POST, DELETE"),
        ({"route": Route("GET", "/v1/theirs")}, "'GET' is not one of POST, DELETE"),
        ({"route": Route("POST", "theirs/{volume}")}, "is not of the form /v1/WORD"),
        ({"route": Route("POST", "/v1/theirs", 999)}, "status 999"),
        ({"route": Route("POST", "/v1/volumes/{volume}/start")}, "'volume-start' and 'their-word' have one route"),
    ],
)
def test_a_command_of_a_package_that_cannot_work_is_refused_at_the_start(
    wrong: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_registry, "load_all", lambda *_: [THEIRS])
    assert command_registry.commands.__wrapped__()["their-word"] is THEIRS
    monkeypatch.setattr(command_registry, "load_all", lambda *_: [msgspec.structs.replace(THEIRS, **wrong)])
    with pytest.raises(BadExtension) as caught:
        command_registry.commands.__wrapped__()
    assert why in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("wrong", "code", "why"),
    [
        ({"name": "Their Step"}, {}, "a name has small letters"),
        ({"arguments": dict}, {}, "derived from gd2raft.core.plan.Arguments"),
        ({"timeout_s": -1}, {}, "timeout_s -1"),
        ({"left": "{where} is left"}, {}, "its 'left' wants {where}"),
        ({"missed": "{path is bare"}, {}, "its 'missed' can't be filled in"),
        ({}, {"do": sync_do}, "its do is not an async function"),
        ({}, {"do": None}, "its do is not an async function"),
        ({}, {"undo": sync_do}, "its undo is not an async function"),
        ({}, {"undo": None}, "has no undo"),
    ],
)
def test_a_step_of_a_package_that_cannot_work_is_refused_at_the_start(
    wrong: dict[str, Any], code: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: StepCode[Any] = StepCode(KIND, do_of_a_package, do_of_a_package)
    monkeypatch.setattr(step_registry, "load_all", lambda *_: [theirs])
    assert step_registry.steps.__wrapped__()["their.step"] is theirs
    bad = msgspec.structs.replace(theirs, kind=msgspec.structs.replace(KIND, **wrong), **code)
    monkeypatch.setattr(step_registry, "load_all", lambda *_: [bad])
    with pytest.raises(BadExtension) as caught:
        step_registry.steps.__wrapped__()
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (Route("POST", "/v1/volumes/{volume}/theirs", 200, "nonsense"), "reply 'nonsense' of its route"),
        (Route("POST", "/v1/volumes/{nosuch}/theirs"), "has no field 'nosuch'"),
    ],
)
def test_a_route_that_fits_neither_its_request_nor_any_reply_is_refused(route: Route, why: str) -> None:
    with pytest.raises(BadExtension, match=why):
        command_endpoints([msgspec.structs.replace(THEIRS, route=route)])


def test_two_routes_that_differ_in_the_name_of_a_field_only_are_refused_with_both() -> None:
    theirs = msgspec.structs.replace(THEIRS, route=Route("POST", "/v1/volumes/{volume}/start"))
    ours = msgspec.structs.replace(THEIRS, name="ours", route=Route("POST", "/v1/volumes/{volume}/start"))
    with pytest.raises(BadExtension, match=r"'ours' .* and 'their-word' .* have one route for POST"):
        Router(command_endpoints([ours, theirs]))


def test_what_the_user_is_told_of_a_step_names_only_arguments_that_it_has() -> None:
    for name, code in step_registry.steps().items():
        kind = code.kind
        fields = {field.name: "x" for field in msgspec.structs.fields(kind.arguments)}
        for text in (kind.missed, kind.left):
            assert text.format_map(fields) is not None
        assert kind.left or kind.traceless or not kind.undoable, f"{name}: say what is so while it isn't undone"
        assert kind.missed or kind.undoable, f"{name}: say what is so while it isn't done"
