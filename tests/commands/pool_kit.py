"""A pool that is only a state: peers and volumes as records, commands planned against it, transactions driven to their end.

`World` is what steps do: which folders are bricks of which volume, who is invited; it runs a step only if the record of its
transaction allows it, as every peer does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from gd2raft.commands import step_kinds
from gd2raft.commands.registry import commands
from gd2raft.core import devices, model
from gd2raft.core.kv import Commit, KeyValueState, Operation, Result
from gd2raft.core.phases import Phase, StepOutcome, StepProblem, Transaction, Undo, fence, plan_fields
from gd2raft.core.plan import Ids, Plan, Step, View, make_commit, put
from gd2raft.core.transaction import Finish, Instruction, Life, Propose, Run
from gd2volgen.tables import option_table

TABLE = option_table()
KINDS = {"brick.check": step_kinds.CHECK_BRICK}


def peer_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def host(number: int) -> str:
    return f"node{number}"


def peer_record(number: int, **more: Any) -> model.Peer:
    fields: dict[str, Any] = {
        "id": peer_id(number),
        "name": host(number),
        "hostname": host(number),
        "addresses": (f"10.0.0.{number}:24008",),
        "client_addresses": (f"10.0.0.{number}:24007",),
    }
    return model.Peer(**(fields | more))


class Pool:
    """`peers` peers, all in sight; peer 1 takes the requests."""

    def __init__(self, peers: int = 3) -> None:
        self.state = KeyValueState()
        self._numbers = itertools.count(1)
        self.online = {peer_id(n) for n in range(1, peers + 1)}
        self.initiator = peer_id(1)
        self.store(model.CLUSTER, model.Cluster(id="pool"))
        for number in range(1, peers + 1):
            self.store(model.peer_key(peer_id(number)), peer_record(number))

    def store(self, key: str, record: model.Record) -> None:
        self.commit(make_commit(self.state, (), (put(self.view(), key, record),)))

    def commit(self, commit: Commit) -> Result:
        result, _ = self.state.apply(Operation(commit=commit))
        return result

    def view(self) -> View:
        return View(self.state, online=frozenset(self.online), options=TABLE, initiator=self.initiator)

    def ids(self) -> Ids:
        return Ids(lambda: f"{next(self._numbers):08x}-1111-4111-8111-111111111111", 1000.0)

    def request(self, name: str, /, **fields: Any) -> Any:
        """The request as it comes from JSON."""
        kebab = {key.replace("_", "-"): value for key, value in fields.items()}
        return msgspec.convert(kebab, commands()[name].request)

    def plan(self, name: str, /, **fields: Any) -> Plan:
        plan = commands()[name].plan(self.view(), self.request(name, **fields), self.ids())
        plan.check()
        assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(plan))), Plan) == plan, "a plan is data"
        return plan

    def life(self, name: str, identity: str = "t", /, **fields: Any) -> Life:
        view = self.view()
        plan = commands()[name].plan(view, self.request(name, **fields), self.ids())
        record = Transaction(
            id=identity,
            command=name,
            phase=Phase.PREPARING,
            **plan_fields(plan),
            initiator=self.initiator,
            started=1000.0,
        )
        return Life(record, plan, view.expectations, self.state, owner=f"{name} of r", kinds=KINDS)

    def do(self, name: str, world: World | None = None, /, **fields: Any) -> Finish:
        """Run a command to its end."""
        life = self.life(name, f"{name}-{self.state.revision}", **fields)
        return drive(self, life, life.start(), world or World(self.state))

    def resumed(self, identity: str = "t") -> tuple[Life, Instruction] | None:
        """What the next leader finds of a transaction, and its first instruction."""
        item = self.state.get(model.TRANSACTIONS + identity)
        if item is None:
            return None
        record = model.load("", item.value, Transaction)
        life = Life(record, record.decoded_plan(), (), self.state, owner="next", kinds=KINDS)
        return life, life.resume(item.modified)

    def volume(self, name: str, /, *bricks: str, **fields: Any) -> model.Volume:
        """Create one, and give its record."""
        assert self.do("volume-create", None, name=name, bricks=list(bricks), **fields).outcome == "done"
        found = self.view().volume(name)
        assert found is not None
        return found

    def contents(self) -> dict[str, Any]:
        """Key -> record of all that commands are about: without answers and guards."""
        return {
            key: msgspec.json.decode(item.value)
            for key, item in self.state.list("")
            if not key.startswith(model.RESULTS) and item.value != b"1"
        }


class World:
    """`fails(step, undo)`: the problem that a step runs into, or None. `found`: kind of a step -> its facts."""

    def __init__(self, state: KeyValueState, fails: Callable[[Step, bool], StepProblem | None] = lambda step, undo: None) -> None:
        self.state, self.fails = state, fails
        self.marks: dict[tuple[str, str], str] = {}  # (peer, path) -> volume id
        self.invited: set[str] = set()
        self.members: set[str] = set()
        self.ran: list[tuple[str, str, bool]] = []
        self.found: dict[str, dict[str, Any]] = {}

    def run(self, identity: str, step: Step, *, undo: bool, revision: int) -> StepOutcome:
        if (refusal := fence(self.state.get(model.TRANSACTIONS + identity), identity, revision, undo=undo)) is not None:
            return StepOutcome(problem=StepProblem(peer_id=step.peer_id, step=step.kind, error=refusal))
        if (problem := self.fails(step, undo)) is not None:
            return StepOutcome(problem=problem)
        return StepOutcome(facts=self.effect(step, undo))

    def effect(self, step: Step, undo: bool) -> dict[str, Any]:
        self.ran.append((step.kind, step.peer_id, undo))
        arguments = step.arguments
        if step.kind == "brick.prepare":
            key = (step.peer_id, arguments["path"])
            if undo:
                if self.marks.get(key) == arguments["volume_id"]:
                    del self.marks[key]
                return {}
            self.marks[key] = arguments["volume_id"]
            return {"fsid": 7}
        if step.kind == "peer.invite":
            (self.invited.discard if undo else self.invited.add)(arguments["peer_id"])
        if step.kind == "peer.welcome":
            self.members.add(arguments["peer_id"])
        if step.kind == "peer.dismiss":
            self.invited.discard(arguments["peer_id"])
        return dict(self.found.get(step.kind, {}))

    def tidy(self, pool: Pool) -> None:
        """Every peer undoes what was left to it."""
        for key, item in pool.state.list(model.LEFTOVERS):
            if key.count("/") == 2:
                left = msgspec.json.decode(item.value)
                for undo in (msgspec.convert(u, Undo) for u in left["undo"]):
                    self.effect(Step(undo.kind, key.split("/")[1], undo.arguments), True)
                pool.commit(Commit(delete=(key,)))


def unreachable(step: Step, *, begun: bool = True) -> StepProblem:
    return StepProblem(peer_id=step.peer_id, step=step.kind, error="the peer can't be reached", unreachable=True, begun=begun)


def broken(step: Step) -> StepProblem:
    return StepProblem(peer_id=step.peer_id, step=step.kind, error="the disk is on fire", hint="water")


def answer(pool: Pool, life: Life, instruction: Propose | Run, world: World) -> Instruction:
    """Do what the instruction says, and tell."""
    if isinstance(instruction, Propose):
        result = pool.commit(instruction.commit)
        check_invariants(pool)
        return life.committed(result.revision) if result.outcome == "done" else life.conflicted(result.moved)
    outcomes = run_steps(life, instruction, world, instruction.steps)
    if not moved_on(pool, life, instruction):
        return life.ran(outcomes)
    return life.taken_over()


def run_steps(life: Life, run: Run, world: World, steps: Iterable[Step]) -> tuple[StepOutcome, ...]:
    return tuple(world.run(life.record.id, step, undo=run.undo, revision=run.revision) for step in steps)


def moved_on(pool: Pool, life: Life, run: Run) -> bool:
    item = pool.state.get(model.TRANSACTIONS + life.record.id)
    return item is None or item.modified != run.revision


def drive(pool: Pool, life: Life, instruction: Instruction, world: World) -> Finish:
    for _ in range(1000):
        if isinstance(instruction, Finish):
            return instruction
        instruction = answer(pool, life, instruction, world)
    raise AssertionError("a transaction that never ends")


def check_invariants(pool: Pool) -> None:
    """What holds after every commit: no half-made volume, no lock without its transaction, nor the other way round."""
    pool.state.check()
    view = pool.view()
    devices.check(model.View(pool.state))
    transactions = {}
    for key, item in pool.state.list(model.TRANSACTIONS):
        transactions[key.removeprefix(model.TRANSACTIONS)] = model.load(key, item.value, Transaction)
    locks = {}
    for key, item in pool.state.list(model.LOCKS):
        locks[key.removeprefix(model.LOCKS)] = model.load(key, item.value, model.Lock).transaction
    for name, owner in locks.items():
        assert owner in transactions, f"lock {name} is held by {owner}, which is over"
    for identity, record in transactions.items():
        for name in record.decoded_plan().locks:
            assert locks.get(name) == identity, f"transaction {identity} runs without its lock {name}"
    claims = {(peer.id, path): claim.volume for peer in view.peers() for path, claim in view.brick_claims(peer.id).items()}
    bricks = {(b.peer_id, b.path): v.name for v in view.volumes() for b in v.bricks()}
    for place, volume in bricks.items():
        assert claims.get(place) == volume, f"brick {place} of {volume} is not claimed"
    for place, volume in claims.items():
        assert place in bricks or f"volume/{volume}" in locks, f"{place} is claimed for {volume}, which is not there"
