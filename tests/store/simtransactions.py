"""Transactions in the simulated pool: the real engine on every peer, over the simulated store, with steps that fail, hang and die.

run(seed) is the life of sim.py with commands beside its clients. A command here makes or removes a thing on some peers, in steps
that are done and undone as those of gd2raft/steps are; what a step leaves on a peer outlives a crash, as a directory does.
At the end: every transaction has ended, no lock is held, nothing is left over, and every peer has exactly what the state says, so
that no transaction is half done. `python -m tests.store.simtransactions SEED` replays one with a trace.

The engine reads its clock and draws its ids from modules; here both are the simulation's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from gd2raft.commands.registry import commands
from gd2raft.core import model
from gd2raft.core.kv import Commit, Put
from gd2raft.core.phases import Phase, Remembered, StepOutcome, StepProblem, Transaction
from gd2raft.core.plan import Arguments, Change, Command, CommandError, Ids, Plan, Refused, Request, Route, StepKind, View
from gd2raft.engine import caretaker, initiator, leader, step_runner
from gd2raft.engine.calls import CommandCall, Done, StepCall
from gd2raft.engine.turns import Turns
from gd2raft.store.interface import StoreError
from gd2raft.store.raft.node import RaftStore
from tests.store import sim
from tests.store.simworld import Peer

THINGS = "things/"
STEP_TIMEOUT_S = 3.0
REST_S = 120.0
"""So long after everything was healed every transaction must have ended."""


class Thing(Arguments, frozen=True, kw_only=True):
    name: str


LOOK = StepKind("sim.look", Thing, undoable=True, timeout_s=STEP_TIMEOUT_S, traceless=True)
MAKE = StepKind("sim.make", Thing, undoable=True, timeout_s=STEP_TIMEOUT_S)
REMOVE = StepKind("sim.remove", Thing, undoable=True, timeout_s=STEP_TIMEOUT_S)
START = StepKind("sim.start", Thing, timeout_s=STEP_TIMEOUT_S)
KINDS: dict[str, StepKind[Any]] = {kind.name: kind for kind in (LOOK, MAKE, REMOVE, START)}


class Make(Request, frozen=True, kw_only=True):
    name: str
    peers: tuple[str, ...]


class Remove(Request, frozen=True, kw_only=True):
    name: str


def _make(view: View, request: Make, _ids: Ids) -> Plan:
    key, thing = THINGS + request.name, Thing(name=request.name)
    if view.reader.get(key) is not None:
        raise Refused(f"{request.name} exists")
    return Plan(
        locks=(f"thing/{request.name}",),
        before=(tuple(LOOK.at(p, thing) for p in request.peers), tuple(MAKE.at(p, thing) for p in request.peers)),
        changes=(Change(key, {"peers": list(request.peers)}),),
        after=(tuple(START.at(p, thing, must=False) for p in request.peers),),
    )


def _remove(view: View, request: Remove, _ids: Ids) -> Plan:
    key, thing = THINGS + request.name, Thing(name=request.name)
    item = view.reader.get(key)
    if item is None:
        raise Refused(f"there is no {request.name}")
    first, *others = json.loads(item.value)["peers"]
    barriers = tuple(tuple(REMOVE.at(p, thing) for p in part) for part in ((first,), others) if part)
    return Plan(locks=(f"thing/{request.name}",), before=barriers, changes=(Change(key),))


_ROUTE = Route("POST", "/simulated")
COMMANDS: dict[str, Command[Any]] = {
    "make": Command(name="make", request=Make, plan=_make, route=_ROUTE),
    "remove": Command(name="remove", request=Remove, plan=_remove, route=_ROUTE),
    "transaction-resume": commands()["transaction-resume"],
}


class NoNotes:
    """These steps write none."""

    def list(self) -> Sequence[str]:
        return []

    async def remove(self, names: Sequence[str]) -> None:
        raise AssertionError(f"no note was listed: {names}")


class Engine:
    """What a daemon has above its store, on one peer for one life. `things`: what is on the peer; it outlives this."""

    def __init__(self, world: Transactions, peer: Peer, store: RaftStore, things: set[str]) -> None:
        self._world, self._peer, self.store, self.things = world, peer, store, things
        name = peer.name
        self.current = False
        turns = Turns()
        self.leader = leader.LeaderEngine(
            store, self._run_step, peer_id=name, commands=COMMANDS, step_kinds=KINDS, options=None, online=lambda: world.sight[name]
        )
        self.initiator = initiator.Initiator(store, self.leader, self._forward, peer_id=name)
        self.caretaker = caretaker.Caretaker(lambda: store, self._do, KINDS, lambda: name, NoNotes(), lambda: self.current, turns)
        self.runner = step_runner.StepRunner(lambda: store, self._do, KINDS, lambda: name, turns, self.caretaker.make_way)
        self.caretaker.start()
        self._leading = asyncio.get_running_loop().create_task(self._lead())
        self._becoming = asyncio.get_running_loop().create_task(self._become_current())

    def kill(self) -> None:
        """Nothing of it runs any more."""
        for task in (self._leading, self._becoming, self.caretaker._task, *self.leader._running.values(), *self.runner._tasks):
            if task is not None:
                task.cancel()

    async def _become_current(self) -> None:
        """As member.py: only a state that was as new as the pool's says what is left to be undone here."""
        while not self.current:
            try:
                await self.store.linearizable(timeout_s=5.0)
                self.current = True
            except StoreError:
                await asyncio.sleep(0.5)

    async def _lead(self) -> None:
        """As member.py: take over when this peer begins to lead, and look again while it does."""
        led = False
        while True:
            await asyncio.sleep(0.3)
            self.caretaker.on_events(None)
            leads = self.store.leads()
            if leads and not led:
                try:
                    await self.store.linearizable(timeout_s=5.0)
                except StoreError:
                    continue
            if leads:
                await self.leader.resume_all()
            led = leads

    async def _forward(self, to: str, call: CommandCall, timeout_s: float) -> Done:
        async def work(_store: RaftStore) -> Any:
            try:
                return await self._world.engines[to].leader.run(call)
            except CommandError as error:
                return error

        async with asyncio.timeout(timeout_s):
            answer: Any = await self._world.call(self._peer.name, to, work)
        if isinstance(answer, CommandError):
            raise answer
        assert isinstance(answer, Done)
        return answer

    async def _run_step(self, peer_id: str, call: StepCall) -> StepOutcome:
        async def work(_store: RaftStore) -> Any:
            return await self._world.engines[peer_id].runner.run(call)

        problem = StepProblem(peer_id=peer_id, step=call.kind, error="no answer", unreachable=True)
        try:
            async with asyncio.timeout(call.timeout_s + 2):
                outcome: Any = await (work(self.store) if peer_id == self._peer.name else self._world.call(self._peer.name, peer_id, work))
        except ConnectionRefusedError:
            return StepOutcome(problem=StepProblem(peer_id=peer_id, step=call.kind, error="refused", unreachable=True, begun=call.undo))
        except (OSError, TimeoutError):
            return StepOutcome(problem=problem)
        assert isinstance(outcome, StepOutcome)
        return outcome

    async def _do(self, kind: str, transaction: str, arguments: Thing, undo: bool) -> dict[str, Any]:
        """A step: it may take long, fail before or after its effect, or hang; the peer may die meanwhile."""
        rng, trouble = self._world.rng, self._world.step_trouble
        await asyncio.sleep(rng.random() * rng.choice([0.01, 0.2, 1.0]))
        while self._peer.frozen is not None:  # noqa: ASYNC110 (simple, and the time is virtual)
            await asyncio.sleep(0.05)
        fate = rng.random()
        if fate < trouble:
            raise step_runner.StepError("failed (simulated)")
        if fate > 1 - trouble / 2:
            await asyncio.sleep(3600)
        if kind in (MAKE.name, REMOVE.name):
            self._world.trace(f"{self._peer.name} {'undoes' if undo else 'does'} {kind} {arguments.name} of {transaction[:8]}")
            if (kind == MAKE.name) != undo:
                self.things.add(arguments.name)
            else:
                self.things.discard(arguments.name)
        await asyncio.sleep(rng.random() * 0.05)
        if rng.random() < trouble:
            raise step_runner.StepError("failed when it was done (simulated)")
        return {}


class Transactions(sim.Sim):
    """See the module's docstring."""

    def __init__(self, seed: int, *, peers: int = 3, duration_s: float = 12.0, trace: bool = False) -> None:
        super().__init__(seed, peers=peers, duration_s=duration_s, trace=trace)
        self.engines: dict[str, Engine] = {}
        self.things: dict[str, set[str]] = {name: set() for name in self.peers}
        self.sight = {name: frozenset(self.peers) for name in self.peers}
        self.fault_pause_s = self.rng.choice([1.5, 5.0])  # a command needs some time without faults to come through
        self.step_trouble = self.rng.choice([0.0, 0.02, 0.1])
        self.answers: list[tuple[str, str]] = []  # (transaction, done or what else was said)
        self.asked = 0

    async def start(self, peer: Peer) -> None:
        await super().start(peer)
        if peer.store is not None and (peer.name not in self.engines or self.engines[peer.name].store is not peer.store):
            self.engines[peer.name] = Engine(self, peer, peer.store, self.things[peer.name])

    def crash(self, peer: Peer) -> None:
        if peer.store is not None and (engine := self.engines.pop(peer.name, None)) is not None:
            engine.kill()
        super().crash(peer)

    async def form(self) -> None:
        await super().form()
        first = next(iter(self.peers.values())).store
        assert first is not None
        puts = [
            Put(model.peer_key(p), model.dump(model.Peer(id=p, name=p, hostname=p, addresses=(f"{p}:1",), client_addresses=())))
            for p in self.peers
        ]
        await first.commit(Commit(put=tuple(puts)), timeout_s=10)

    def work(self) -> list[asyncio.Task[None]]:
        return [*super().work(), *(self.loop.create_task(self.operator(number)) for number in range(2))]

    async def watchdog(self) -> None:
        looking = self.loop.create_task(self._look_around())
        try:
            await super().watchdog()
        finally:
            looking.cancel()

    async def _look_around(self) -> None:
        """Who sees whom, half a second late at most."""
        while True:
            for me in self.peers:
                self.sight[me] = frozenset(
                    p.name for p in self.peers.values() if p.store and p.frozen is None and not {(me, p.name), (p.name, me)} & self.cut
                )
            await asyncio.sleep(0.5)

    async def operator(self, number: int) -> None:
        """Somebody who types commands, at any peer."""
        while self.loop.now < self.duration_s:
            await asyncio.sleep(self.rng.random() * 0.5)
            peer = self.rng.choice(list(self.peers.values()))
            if (engine := self.engines.get(peer.name)) is None or not engine.store.pool:
                continue
            self.asked += 1
            name = f"t{self.rng.randrange(4)}"
            chosen = tuple(self.rng.sample(list(self.peers), self.rng.randint(1, 3)))
            request: Request = Remove(name=name) if self.rng.random() < 0.4 else Make(name=name, peers=chosen)
            await self.as_of(
                peer, self._command(engine, "remove" if isinstance(request, Remove) else "make", request, f"{number}.{self.asked}")
            )

    async def _command(self, engine: Engine, command: str, request: Any, key: str) -> None:
        identity = initiator.transaction_id("sim", key)
        timeout_s = self.rng.choice([1.0, 5.0, 20.0])
        try:
            await engine.initiator.run(command, request, request_id=key, user="sim", timeout_s=timeout_s, idempotency_key=key)
            said = "done"
        except CommandError as error:
            said = error.code if isinstance(error, Refused) else type(error).__name__
        except TimeoutError:
            said = "OutcomeUnknown"
        self.trace(f"{command} {request} of {identity[:8]}: {said}")
        self.answers.append((identity, said))

    async def settle(self) -> None:
        self.step_trouble = 0.0
        await super().settle()
        until = self.loop.now + REST_S
        while unrest := self._unrest():
            assert self.loop.now < until, f"not at rest {REST_S:.0f} s after everything was healed: {unrest}"
            await self._clear_stuck()
            await asyncio.sleep(0.5)
            self.check_peers()
        await self.come_together(self.loop.now + 30)

    def _unrest(self) -> list[str]:
        """Transactions, locks and leftovers in the state, as the peer with the newest one sees it."""
        store = max((p.store for p in self.peers.values() if p.store), key=lambda s: s.revision)
        return [
            key
            for prefix in (model.TRANSACTIONS, model.lock_key(""), model.LEFTOVERS)
            for key, _ in store.list(prefix)
            if key.count("/") > (prefix == model.LEFTOVERS)
        ]

    async def _clear_stuck(self) -> None:
        """What an administrator does about a transaction that could not be undone."""
        engine = self.rng.choice(list(self.engines.values()))
        for key, item in engine.store.list(model.TRANSACTIONS):
            record = model.load(key, item.value, Transaction)
            if record.phase is Phase.STUCK:
                with contextlib.suppress(CommandError, TimeoutError):
                    request = COMMANDS["transaction-resume"].request(transaction=record.id)
                    await engine.initiator.run("transaction-resume", request, request_id="admin", user="admin", timeout_s=5)

    def check_end(self) -> None:
        super().check_end()
        store = next(p.store for p in self.peers.values() if p.store)
        wanted: dict[str, set[str]] = {name: set() for name in self.peers}
        for key, item in store.list(THINGS):
            for name in json.loads(item.value)["peers"]:
                wanted[name].add(key.removeprefix(THINGS))
        assert self.things == wanted, f"half done: the peers have {self.things}, the state says {wanted}"
        for identity, said in self.answers:
            result = store.get(model.RESULTS + identity)
            error = model.load("", result.value, Remembered).error if result is not None else None
            if said == "done":
                assert result is not None and error is None, f"{identity} was answered as done, the state says {error}"
            elif said in ("Unavailable", "refused"):
                assert result is None, f"{identity} was answered as {said}, and ended with {error or 'success'}"
            elif said == "Failed":
                assert error is not None, f"{identity} was answered as failed, and is done"


class _Silent:
    """Where the engine's log goes: into the trace."""

    def __init__(self, world: Transactions) -> None:
        self._world = world

    def __getattr__(self, level: str) -> Any:
        def say(event: str, **more: Any) -> None:
            if level == "exception":
                self._world.fatal.append(f"{event}: {sys.exc_info()[1]!r} {more}")
            self._world.trace(f"{level}: {event} {more}")

        return say


@contextlib.contextmanager
def _of_the_simulation(world: Transactions) -> Iterator[None]:
    """The engine's clock, ids and log are the simulation's."""
    clock = SimpleNamespace(monotonic=world.loop.time, time=world.loop.time)
    ids = SimpleNamespace(
        uuid4=lambda: uuid.UUID(int=world.rng.getrandbits(128), version=4), uuid5=uuid.uuid5, NAMESPACE_URL=uuid.NAMESPACE_URL
    )
    replaced: Sequence[tuple[Any, str, Any]] = [
        *((module, "time", clock) for module in (leader, initiator, step_runner)),
        *((module, "uuid", ids) for module in (leader, initiator)),
        *((module, "log", _Silent(world)) for module in (leader, initiator, step_runner, caretaker)),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, value in replaced:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def run(seed: int, *, peers: int = 3, duration_s: float = 12.0, trace: bool = False) -> Transactions:
    """One simulated life with transactions; raises AssertionError with the seed when something that must hold does not."""
    world = Transactions(seed, peers=peers, duration_s=duration_s, trace=trace)
    with _of_the_simulation(world):
        sim.live(world)
    return world


if __name__ == "__main__":
    finished = run(int(sys.argv[1]), peers=int(sys.argv[2]) if len(sys.argv) > 2 else sim.peers_of(int(sys.argv[1])), trace=True)
    print(f"clean: {len(finished.answers)} commands, {sum(said == 'done' for _, said in finished.answers)} done, {finished.states()[0]}")
