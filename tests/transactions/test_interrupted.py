"""Every command's plan, interrupted at every commit and after every step, once and twice: it ends done or undone.

The leader dies before or after a commit, between steps, with a step on its way that arrives much later; a peer dies before,
during or after a step; a step fails half done; an administrator aborts. world.py says what can go wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from examples import EXAMPLES, Example, planned, state_of
from world import CLEARED_BY, ID, World, effect_of

from gd2raft.commands.registry import commands
from gd2raft.core import model
from gd2raft.core.kv import KeyValueState
from gd2raft.core.plan import Plan
from gd2raft.engine.planning import check_result, check_undoable
from gd2raft.steps.registry import steps

pytestmark = pytest.mark.fast

CASES = [(name, example) for name, examples in EXAMPLES.items() for example in examples]
IDS = [f"{name}-{i}" for name, examples in EXAMPLES.items() for i in range(len(examples))]


class Run:
    """One life, with the choices of `script` (then all goes well); `offered`: what could have been chosen at each point."""

    def __init__(self, name: str, example: Example, frozen: KeyValueState, plan_of: tuple[Plan, tuple]) -> None:  # type: ignore[type-arg]
        self.name, self.example, self.start, (self.plan, self.expect) = name, example, frozen, plan_of

    def __call__(self, script: Sequence[int]) -> tuple[World, list[Sequence[str]], list[str]]:
        offered: list[Sequence[str]] = []
        chosen: list[str] = []

        def choose(options: Sequence[str]) -> str:
            at = len(offered)
            offered.append(options)
            what = options[script[at] if at < len(script) else 0]
            chosen.append(what)
            return what

        world = World(KeyValueState.thaw(self.start.freeze()), self.plan, self.expect, choose)
        world.live()
        return world, offered, chosen


def runs(name: str, example: Example, faults: int) -> Iterator[tuple[World, list[str]]]:
    """Every life with so many things going wrong at most."""
    start = state_of(example)
    run = Run(name, example, start, planned(name, example.request, start))
    waiting: list[tuple[list[int], int]] = [([], 0)]
    while waiting:
        script, wrong = waiting.pop()
        world, offered, chosen = run(script)
        yield world, chosen
        for at in range(len(script), len(offered)):
            if wrong == faults and offered[at] != CLEARED_BY:
                continue
            for choice in range(1, len(offered[at])):
                fault = offered[at][choice] not in CLEARED_BY
                waiting.append(([*script, *[0] * (at - len(script)), choice], wrong + fault))


def values(state: KeyValueState) -> dict[str, bytes]:
    """What the state says, without answers that are remembered and without guard keys."""
    return {key: item.value for key, item in state.list("") if not key.startswith(model.RESULTS) and not is_guard(key)}


def is_guard(key: str) -> bool:
    return key in ("volumes", "peers", "quota", "devices") or (
        key.startswith((model.BRICKS, model.LEFTOVERS, model.SPACES)) and key.count("/") < 2
    )


def check(world: World, before: dict[str, bytes], plan: Plan) -> None:
    """Done or undone, and nothing held."""
    state = world.state
    after = values(state)
    assert state.get(model.TRANSACTIONS + ID) is None, "it never ended"
    assert not [name for name in plan.locks if model.lock_key(name) not in before and state.get(model.lock_key(name)) is not None], (
        "a lock is held"
    )
    assert not [key for key in after if key.startswith(model.LEFTOVERS) and key.endswith(ID)], "a peer that is back left something undone"
    wanted = {effect_of(s) for barrier in plan.before for s in barrier if s.must}
    if world.committed:
        assert wanted <= world.effects, "committed without all of its steps"
        for change in {c.key: c for c in (*plan.changes, *plan.last)}.values():
            assert (change.key in after) == (change.record is not None), f"committed without its change of {change.key}"
        touched = {c.key for c in (*plan.changes, *plan.claims, *plan.last)}
        assert {k: v for k, v in after.items() if k not in touched} == {k: v for k, v in before.items() if k not in touched}
    else:
        here = {
            key.removeprefix(model.PEERS) for key in after if key.startswith(model.PEERS)
        }  # what a peer that left has is its own affair
        traceful = {e for e in world.effects if e[0] in here and not steps()[e[1]].kind.traceless}
        assert traceful == set(), "undone, but a step's effect is still there"
        assert after == before, "undone, but the state is another"


def test_every_command_has_an_example() -> None:
    assert sorted(set(commands()) - set(EXAMPLES)) == [], "add an example of each of these commands to tests/transactions/examples.py"


@pytest.mark.parametrize(("name", "example"), CASES, ids=IDS)
def test_a_command_that_is_interrupted_twice_anywhere_ends_done_or_undone(name: str, example: Example) -> None:
    start = state_of(example)
    before, (plan, _) = values(start), planned(name, example.request, start)
    plan.check()
    ends = set()
    for world, chosen in runs(name, example, faults=2):
        try:
            check(world, before, plan)
        except AssertionError as error:
            raise AssertionError(f"{error}; what happened: {chosen}") from error
        ends.add(world.committed)
    assert ends == {True, False}, "nothing was interrupted"


@pytest.mark.parametrize(("name", "example"), CASES, ids=IDS)
def test_what_a_plan_does_before_its_changes_can_be_undone(name: str, example: Example) -> None:
    check_undoable(planned(name, example.request, state_of(example))[0], {name: code.kind for name, code in steps().items()})


@pytest.mark.parametrize(("name", "example"), CASES, ids=IDS)
def test_a_plans_result_names_what_the_route_replies_with(name: str, example: Example) -> None:
    check_result(commands()[name], planned(name, example.request, state_of(example))[0])


def test_the_explorer_reaches_what_it_is_about() -> None:
    """A check that everything passes would be worth nothing: it must have seen stuck transactions, leftovers and late steps."""
    (example, *_) = EXAMPLES["volume-create"]
    seen = {word for world, chosen in runs("volume-create", example, faults=2) for word in (*chosen, "stuck" if world.was_stuck else "")}
    assert {"stuck", *CLEARED_BY, "late 2 0", "dies with 1", "leader dies after 0", "fails 1"} <= seen
