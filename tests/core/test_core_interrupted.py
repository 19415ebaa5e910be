"""Real plans under every schedule: leaders that die, leaders that don't know that they are deposed, steps that arrive late.

tests/transactions interrupts one leader after the other at every point; here several drive the same transaction at once, as far
as the state lets them, in an order that hypothesis chooses. At the end one of them finishes it, and everything is done or undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_kit import Pool, World, answer, broken, check_invariants, drive, moved_on, peer_id, run_steps, unreachable

from gd2raft.core import model
from gd2raft.core.model import VolumeState
from gd2raft.core.plan import Step
from gd2raft.core.transaction import Finish, Instruction, Life, Propose, Run

pytestmark = pytest.mark.fast

NEW_PEER = {
    "id": peer_id(9),
    "pool": "",
    "address": "10.0.0.9:24008",
    "hostname": "node9",
    "client_address": "10.0.0.9:24007",
    "op_version_min": model.OP_VERSION_MIN,
    "op_version_max": model.OP_VERSION,
}
OTHER_PEER = {**NEW_PEER, "id": peer_id(8), "address": "10.0.0.8:24008", "hostname": "node8", "client_address": "10.0.0.8:24007"}
BRICKS = ["node1:/b/1", "node2:/b/1", "node3:/b/1"]


def with_volume(*commands: str) -> Callable[[], Pool]:
    def make() -> Pool:
        pool = Pool()
        pool.volume("v", *BRICKS, replica=3)
        for command in commands:
            assert pool.do(command, None, volume="v").outcome == "done"
        return pool

    return make


CASES: dict[str, tuple[Callable[[], Pool], str, dict[str, Any]]] = {
    "create": (Pool, "volume-create", {"name": "v", "bricks": BRICKS, "replica": 3}),
    "start": (with_volume(), "volume-start", {"volume": "v"}),
    "stop": (with_volume("volume-start"), "volume-stop", {"volume": "v"}),
    "delete": (with_volume(), "volume-delete", {"volume": "v"}),
    "set": (with_volume(), "volume-set", {"volume": "v", "options": {"io-cache": "off"}}),
    "peer-add": (Pool, "peer-add", {"addresses": ["node9"], "found": NEW_PEER}),
    "peers-add": (Pool, "peers-add", {"peers": [{"addresses": ["node9"]}, {"addresses": ["node8"]}], "found": [NEW_PEER, OTHER_PEER]}),
    "peer-remove": (Pool, "peer-remove", {"peer": "node2"}),
}


class Drama:
    """One transaction, all who drive it, and what is still on its way."""

    def __init__(self, case: str, choose: Callable[[str, int], int]) -> None:
        make, self.command, self.fields = CASES[case]
        self.pool, self.choose = make(), choose
        self.world = World(self.pool.state, self.fails)
        self.marks_before = dict(self.world.marks)
        self.before = self.pool.contents()
        self.begin = self.pool.life(self.command, **self.fields)
        self.drivers: list[tuple[Life, Instruction]] = [(self.begin, self.begin.start())]
        self.late: list[tuple[Life, Run, Step]] = []
        self.outcomes: list[str] = []

    def fails(self, step: Step, undo: bool) -> Any:
        def lost(step: Step) -> Any:
            self.world.effect(step, undo)  # it ran, only its answer is lost
            return unreachable(step)

        made = [None, None, None, unreachable, lost, lambda s: unreachable(s, begun=False), broken]
        problem = made[self.choose("step", len(made))]
        return problem(step) if problem else None

    def act(self) -> None:
        """Something happens."""
        what = self.choose("what", 6)
        if what == 0 and (found := self.pool.resumed()) is not None:
            self.drivers.append(found)  # a new leader, and the others don't know
        elif what == 1 and self.late:
            life, run, step = self.late.pop(self.choose("late", len(self.late)))
            self.world.run(life.record.id, step, undo=run.undo, revision=run.revision)
        elif self.drivers:
            number = self.choose("who", len(self.drivers))
            life, instruction = self.drivers.pop(number)
            if what == 2:
                self.die(life, instruction)
            else:
                self.go_on(life, instruction)

    def die(self, life: Life, instruction: Instruction) -> None:
        """In the middle of what it was about to do: the commit may happen, steps may be on their way."""
        if isinstance(instruction, Propose) and self.choose("committed", 2):
            self.pool.commit(instruction.commit)
            check_invariants(self.pool)
        elif isinstance(instruction, Run):
            for step in instruction.steps:
                how = self.choose("sent", 3)
                if how == 1:
                    self.world.run(life.record.id, step, undo=instruction.undo, revision=instruction.revision)
                elif how == 2:
                    self.late.append((life, instruction, step))

    def go_on(self, life: Life, instruction: Instruction) -> None:
        assert not isinstance(instruction, Finish)
        if isinstance(instruction, Run):
            outcomes = run_steps(life, instruction, self.world, instruction.steps)
            following = life.taken_over() if moved_on(self.pool, life, instruction) else life.ran(outcomes)
        else:
            following = answer(self.pool, life, instruction, self.world)
        if isinstance(following, Finish):
            self.outcomes.append(following.outcome)
        else:
            self.drivers.append((life, following))

    def end(self) -> None:
        """All is well again: the last leader finishes it, the peers undo what was left to them, the rest arrives too late."""
        self.world.fails = lambda step, undo: None
        for _ in range(5):
            if (found := self.pool.resumed()) is None:
                break
            self.outcomes.append(drive(self.pool, *found, self.world).outcome)
        for life, instruction in self.drivers:
            finish = drive(self.pool, life, instruction, self.world) if life is not self.begin or life.revision else None
            assert finish is None or finish.outcome == "lost", "a deposed leader still changes something"
        for life, run, step in self.late:
            outcome = self.world.run(life.record.id, step, undo=run.undo, revision=run.revision)
            assert outcome.problem is not None, "a step of a transaction that is over still runs"
        self.world.tidy(self.pool)

    def judge(self) -> bool:
        """True: done. False: undone. Anything else is a failure."""
        check_invariants(self.pool)
        assert not self.pool.state.list(model.LOCKS) and not self.pool.state.list(model.TRANSACTIONS)
        happened = self.pool.contents() != self.before
        result = self.pool.state.get(model.RESULTS + "t")
        assert not happened or result is not None, "a change without an answer"
        view = self.pool.view()
        volume = view.volume("v")
        if self.command == "volume-create":
            assert (volume is not None) == happened
            wanted = {(b.peer_id, b.path): volume.id for b in volume.bricks()} if volume else {}
            assert self.world.marks == wanted, "bricks are marked for a volume that is there, and for no other"
        elif self.command == "volume-delete":
            assert (volume is None) == happened and bool(view.brick_claims(peer_id(1))) == (not happened)
        elif self.command == "volume-start":
            assert (volume.state, volume.starts) == ((VolumeState.STARTED, 1) if happened else (VolumeState.CREATED, 0))  # type: ignore[union-attr]
        elif self.command == "peer-add":
            assert (view.peer(peer_id(9)) is not None) == happened == (peer_id(9) in self.world.invited)
        elif self.command == "peers-add":
            for new in map(peer_id, (8, 9)):
                assert (view.peer(new) is not None) == happened == (new in self.world.invited)
        return happened


@pytest.mark.parametrize("case", CASES)
def test_whoever_drives_it_and_whenever_they_die_it_ends_done_or_undone(case: str) -> None:
    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def play(data: st.DataObject) -> None:
        drama = Drama(case, lambda what, options: data.draw(st.integers(0, options - 1), label=what))
        for _ in range(data.draw(st.integers(0, 25), label="acts")):
            drama.act()
        drama.end()
        drama.judge()

    play()


@pytest.mark.parametrize("case", CASES)
def test_both_ends_are_told_apart(case: str) -> None:
    calm, short = (Drama(case, lambda what, options: 0) for _ in range(2))
    calm.go_on(*calm.drivers.pop())
    while calm.drivers:
        calm.go_on(*calm.drivers.pop())
    short.die(*short.drivers.pop())
    for drama, happened in ((calm, True), (short, False)):
        drama.end()
        assert drama.judge() == happened


def points(case: str) -> int:
    """How many instructions an undisturbed run has."""
    drama = Drama(case, lambda what, options: 0)
    count, instruction = 0, drama.drivers[0][1]
    while not isinstance(instruction, Finish):
        count += 1
        instruction = answer(drama.pool, drama.begin, instruction, drama.world)
    return count


@pytest.mark.parametrize("case", CASES)
def test_a_leader_that_stops_at_any_point_while_it_is_replaced_is_fenced(case: str) -> None:
    """Exhaustive: the old leader pauses before each instruction, the next one ends the transaction, the old one wakes up."""
    for at in range(points(case)):
        drama = Drama(case, lambda what, options: 0)
        life, instruction = drama.drivers.pop()
        for _ in range(at):
            following = answer(drama.pool, life, instruction, drama.world)  # type: ignore[arg-type]
            assert not isinstance(following, Finish)
            instruction = following
        found = drama.pool.resumed()
        if found is None:
            continue  # nothing was begun: it still may
        assert drive(drama.pool, *found, drama.world).outcome in ("done", "failed")
        revision = drama.pool.state.revision
        assert drive(drama.pool, life, instruction, drama.world).outcome == "lost"
        assert drama.pool.state.revision == revision
        drama.judge()
