"""A pool of peers in one process: one state, a leader's engine and an initiator on each, steps that obey the fence.

What goes wrong is asked for: `store.fault` is called with every commit, `pool.fails` with every step.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from pool_kit import TABLE, Pool, World, peer_id

from gd2raft.commands.registry import commands
from gd2raft.core import model
from gd2raft.core.kv import Commit, Result
from gd2raft.core.phases import StepOutcome, StepProblem
from gd2raft.core.plan import Arguments, Command, Ids, Plan, Request, Route, Step, StepKind, View
from gd2raft.engine.calls import CommandCall, Done, StepCall
from gd2raft.engine.initiator import Initiator
from gd2raft.engine.leader import LeaderEngine
from gd2raft.steps.registry import steps
from gd2raft.store.interface import StoreStatus
from gd2raft.store.memory import MemoryStore

DEADLINE_S = 20.0


class Knobs(Request, frozen=True, kw_only=True):
    """A command that does what the test says."""

    name: str = "x"
    plan: dict[str, Any] = {}


class Nothing(Arguments, frozen=True, kw_only=True):
    name: str = ""


DO = StepKind("test.do", Nothing, undoable=True)
FOLLOW = StepKind("test.follow", Nothing)


class SharedStore(MemoryStore):
    """The state as one peer sees it: it leads or not, and commits fail as `fault` says.

    `fault(commit)` returns None, "lost" (the commit happens, its answer is lost) or raises.
    """

    def __init__(self, shared: MemoryStore, pool: EnginePool, peer: str) -> None:
        super().__init__(peer)
        self._state, self._history = shared._state, shared._history
        self._pool = pool
        self.fault: Callable[[Commit], str | None] = lambda commit: None

    async def commit(self, commit: Commit, *, timeout_s: float) -> Result:
        from gd2raft.store.interface import OutcomeUnknown

        await asyncio.sleep(0)
        fault = self.fault(commit)
        result = await super().commit(commit, timeout_s=timeout_s)
        if fault == "lost":
            raise OutcomeUnknown("the answer is lost")
        return result

    @property
    def revision(self) -> int:
        return super().revision if self._peer not in self._pool.full else 0

    def status(self) -> StoreStatus:
        pool = self._pool
        role = "leader" if pool.leader == self._peer else "follower"
        return StoreStatus(role, pool.leader, 1, pool.quorum, (), 0, 0, 0, self.revision, disk_full=self._peer in pool.full)

    async def wait_revision(self, revision: int, *, timeout_s: float) -> None:
        """A peer with a full disk gets nothing new."""
        if self._peer in self._pool.full:
            await asyncio.sleep(timeout_s)
            raise TimeoutError
        await super().wait_revision(revision, timeout_s=timeout_s)


class EnginePool:
    def __init__(self, peers: int = 3) -> None:
        self.records = Pool(peers)
        shared = MemoryStore()
        shared._state = self.records.state
        shared._history.revision = shared._history._forgotten = self.records.state.revision
        self.leader, self.quorum = peer_id(1), True
        self.full: set[str] = set()  # peers whose log's disk is full
        self.world = World(self.records.state)
        self.fails: Callable[[Step, bool], StepProblem | None] = lambda step, undo: None
        self.before_step: Callable[[str, StepCall], Any] = self._nothing
        self.command_runs = 0
        self.forwarding: Callable[[str], None] = lambda leader: None
        self.plan_of: Callable[[View, Knobs, Ids], Plan] = lambda view, request, ids: Plan()
        self.stores = [SharedStore(shared, self, peer_id(n)) for n in range(1, peers + 1)]
        self.engines = [self._engine(store) for store in self.stores]
        self.initiators = [Initiator(s, e, self._forward, peer_id=s._peer) for s, e in zip(self.stores, self.engines, strict=True)]

    async def _nothing(self, peer: str, call: StepCall) -> None:
        return None

    def _engine(self, store: SharedStore) -> LeaderEngine:
        command = Command(name="test", request=Knobs, plan=self._plan, route=Route("POST", "/v1/test"))
        kinds = {name: code.kind for name, code in steps().items()} | {DO.name: DO, FOLLOW.name: FOLLOW}
        return LeaderEngine(
            store,
            self._run_step,
            peer_id=store._peer,
            commands=commands() | {"test": command},
            step_kinds=kinds,
            options=TABLE,
            online=lambda: frozenset(self.records.online),
        )

    def _plan(self, view: View, request: Knobs, ids: Ids) -> Plan:
        self.command_runs += 1
        return self.plan_of(view, request, ids)

    async def _run_step(self, peer: str, call: StepCall) -> StepOutcome:
        await self.before_step(peer, call)
        step = Step(call.kind, peer, __import__("msgspec").json.decode(call.arguments))
        self.world.fails = self.fails
        return self.world.run(call.transaction, step, undo=call.undo, revision=call.revision)

    async def _forward(self, leader: str, call: CommandCall, timeout_s: float) -> Done:
        self.forwarding(leader)
        async with asyncio.timeout(timeout_s):
            return await self.engines[int(leader[:8]) - 1].run(call)

    async def run(self, name: str, peer: int = 1, /, *, timeout_s: float = DEADLINE_S, key: str = "", **fields: Any) -> Done:
        request = self.records.request(name, **fields) if name != "test" else Knobs(**fields)
        return await self.initiators[peer - 1].run(name, request, request_id="r1", user="gd2", timeout_s=timeout_s, idempotency_key=key)

    async def lead(self, number: int) -> None:
        """Another peer leads: the old leader's tasks end where they are, the new one takes up what it finds."""
        old = int(self.leader[:8]) if self.leader else 0
        self.leader = peer_id(number)
        if old:
            await self.engines[old - 1].close()
        await self.engines[number - 1].resume_all()

    def quiet(self) -> bool:
        state = self.records.state
        return not state.list(model.LOCKS) and not state.list(model.TRANSACTIONS)

    async def close(self) -> None:
        for engine in self.engines:
            await engine.close()


Scenario = Callable[[EnginePool], Coroutine[Any, Any, None]]


def scenario(test: Scenario) -> Callable[[], None]:
    """Runs a test with a pool in an event loop of its own."""

    @wraps(test)
    def run(**parameters: Any) -> None:
        async def body() -> None:
            pool = EnginePool()
            try:
                async with asyncio.timeout(60):
                    await test(pool, **parameters)
                pool.records.state.check()
            finally:
                await pool.close()

        asyncio.run(body())

    del run.__wrapped__
    names = list(inspect.signature(test).parameters.values())[1:]
    run.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    return run


class Gate:
    """Holds steps until it is opened."""

    def __init__(self, pool: EnginePool, kind: str = "") -> None:
        self.waiting, self._open, self._kind = 0, asyncio.Event(), kind
        self._open_for: dict[str, asyncio.Event] = {}
        pool.before_step = self.hold

    async def hold(self, peer: str, call: StepCall) -> None:
        if not self._kind or call.kind == self._kind:
            self.waiting += 1
            opened = self._open_for.setdefault(peer, asyncio.Event())
            await asyncio.wait([asyncio.ensure_future(event.wait()) for event in (self._open, opened)], return_when="FIRST_COMPLETED")

    def open(self) -> None:
        self._open.set()

    def open_for(self, peer: str) -> None:
        self._open_for.setdefault(peer, asyncio.Event()).set()


CREATE: dict[str, Any] = {"name": "v", "bricks": ["node1:/b/1", "node2:/b/1"]}


def volume_there(pool: EnginePool) -> bool:
    return pool.records.view().volume("v") is not None
