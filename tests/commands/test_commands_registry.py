"""Two things of one name: refused, with both places, so that whoever installed a package knows which to take away."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gd2raft.commands import registry as command_registry
from gd2raft.commands import volume_start
from gd2raft.core.plan import BadExtension, Command, Ids, Plan, View
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


def test_what_the_user_is_told_of_a_step_names_only_arguments_that_it_has() -> None:
    for name, code in step_registry.steps().items():
        kind = code.kind
        fields = {field.name: "x" for field in msgspec.structs.fields(kind.arguments)}
        for text in (kind.missed, kind.left):
            assert text.format_map(fields) is not None
        assert kind.left or kind.traceless or not kind.undoable, f"{name}: say what is so while it isn't undone"
        assert kind.missed or kind.undoable, f"{name}: say what is so while it isn't done"
