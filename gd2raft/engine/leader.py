"""Drives transactions on the leader: plans, commits, runs steps, resumes what an earlier leader left.

It decides nothing: plans come from the commands, the next instruction from core.transaction. Every command runs in a task of
its own, so that a caller who goes away doesn't leave it half done.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec
import structlog

from gd2raft.commands.hooked import hooked
from gd2raft.core import model, server_quorum
from gd2raft.core.kv import Commit, TooLarge
from gd2raft.core.phases import RESULTS_KEPT, Phase, StepOutcome, StepProblem, Transaction, plan_fields
from gd2raft.core.plan import (
    LOCK_WAIT_S,
    Command,
    CommandError,
    Conflict,
    Ids,
    Moved,
    OutcomeUnknown,
    Plan,
    Refused,
    Step,
    StepKind,
    Unavailable,
    View,
)
from gd2raft.core.transaction import Finish, Instruction, Life, Propose, Run, describe
from gd2raft.engine.answers import answer_of, check_key, remembered, stuck
from gd2raft.engine.calls import CommandCall, Done, NotLeader, RunStep, StepCall
from gd2raft.engine.planning import broken_plans, check_result, check_undoable
from gd2raft.engine.queue import Busy, LockQueue
from gd2raft.store.interface import NoLeader, NoQuorum, Store, StoreError
from gd2raft.store.interface import OutcomeUnknown as StoreOutcomeUnknown

PLAN_SHARE = 0.9
"""Of its time that a command may spend before it begins, so that its caller is told why it didn't."""
LOOK_EVERY_S = 0.5
RETRY_S = 1.0
RETRY_BROKEN_S = 10.0
"""So long after a transaction broke here (a bug) it is taken up again."""
UNSEEN_S = 1.0
"""A step on a peer that is out of sight for so long is not waited for."""
RUNNING_MAX = 1024
COMMIT_TIMEOUT_S = 10.0
UNKNOWN_STEP_TIMEOUT_S = 60.0

log = structlog.get_logger("engine")


class _Planned(NamedTuple):
    """A transaction that hasn't begun, planned on the state of `revision`."""

    life: Life
    revision: int


class LeaderEngine:
    """See the module's docstring. `online`: ids of the peers in sight; `step_kinds`: every step that a plan may name."""

    def __init__(
        self,
        store: Store,
        run_step: RunStep,
        *,
        peer_id: str,
        commands: dict[str, Command[Any]],
        step_kinds: dict[str, StepKind[Any]],
        options: object,
        online: Callable[[], frozenset[str]],
    ) -> None:
        self._store, self._run_step, self._peer_id = store, run_step, peer_id
        self._commands, self._step_kinds, self._options, self._online = commands, step_kinds, options, online
        self._running: dict[str, asyncio.Task[Done]] = {}
        self._digests: dict[str, str] = {}  # of the requests that run
        self._queue = LockQueue()
        self._driven: set[str] = set()  # transactions that are moved on here: not those that a task only waits for
        self._not_before: dict[str, tuple[int, float]] = {}  # transaction -> (revision of its record, when to try that one again)
        self._cache: dict[str, tuple[int, model.Record]] = {}
        self._results = -1  # number of remembered results, -1: not counted yet

    # commands

    async def run(self, call: CommandCall) -> Done:
        """Run a command to its end, or find out how it ended when it was run before. Raises CommandError."""
        self._check_leading()
        task = self._running.get(call.id)
        if task is None:
            if len(self._running) >= RUNNING_MAX:
                raise Unavailable(f"{RUNNING_MAX} commands are running already", hint="try again later", code="busy")
            task = self._spawn(call.id, self._logged(call))
            self._digests[call.id] = call.digest
        check_key(self._digests.get(call.id, ""), call.digest)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if not task.cancelled() or (caller := asyncio.current_task()) is None or caller.cancelling():
                raise
            raise OutcomeUnknown("this daemon stopped while the command ran", hint="the next leader finishes or undoes it") from error

    def _spawn(self, transaction_id: str, work: Coroutine[Any, Any, Done]) -> asyncio.Task[Done]:
        task = asyncio.create_task(work, name=f"transaction {transaction_id}")
        self._running[transaction_id] = task

        def ended(task: asyncio.Task[Done]) -> None:
            self._running.pop(transaction_id, None)
            self._digests.pop(transaction_id, None)
            if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, CommandError):
                log.error("transaction broke", transaction=transaction_id, exc_info=error)

        task.add_done_callback(ended)
        return task

    async def _logged(self, call: CommandCall) -> Done:
        """One line a command, so that a bad night can be read back by its request id."""
        began = time.monotonic()
        outcome = "interrupted"
        try:
            done = await self._attempts(call)
            outcome = "done"
            return done
        except CommandError as error:
            outcome = f"{error.code}: {error.message}"
            raise
        finally:
            log.info(
                "command",
                command=call.command,
                request_id=call.request_id,
                transaction=call.id,
                initiator=call.initiator,
                user=call.user,
                outcome=outcome,
                ms=round((time.monotonic() - began) * 1000, 1),
            )

    async def close(self) -> None:
        """Stop driving; what is under way is left in the state for the next leader."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check_leading(self) -> None:
        status = self._store.status()
        if status.role != "leader":
            raise NotLeader(f"peer {self._peer_id} doesn't lead", hint="ask again")

    async def _attempts(self, call: CommandCall) -> Done:
        if (ended := await self._before(call)) is not None:
            return ended
        command = self._commands.get(call.command)
        if command is None:
            raise Refused(
                f"command {call.command!r} is not known to the leader",
                hint="are all peers of one version, and have all the package that brings it?",
                code="unknown-command",
            )
        request = self._decode(command, call)
        deadline = time.monotonic() + PLAN_SHARE * call.timeout_s
        planned = await self._plan(command, request, call)
        while not isinstance(planned, Done):
            try:
                async with self._queue.take(queued_for(planned.life.plan), LOCK_WAIT_S, deadline):
                    planned = await self._in_turn(command, request, call, planned, deadline)
            except Busy as error:
                raise self._locked(error.name) from error
        return planned

    async def _in_turn(
        self, command: Command[Any], request: object, call: CommandCall, planned: _Planned, deadline: float
    ) -> Done | _Planned:
        """Run it while the turn for what it needs is ours; plan again when the state has moved. When that plan needs others: that plan."""
        names, stale = set(queued_for(planned.life.plan)), False
        while True:
            if stale or planned.revision != self._store.revision:
                again = await self._plan(command, request, call)
                if isinstance(again, Done) or set(queued_for(again.life.plan)) - names:
                    return again
                planned = again
            life, stale = planned.life, True
            finish = await self._drive(life, life.start())
            if finish.outcome == "lost":
                return await self._wait_for_other(call)
            if finish.outcome != "conflict":
                return self._answer(finish, life)
            if (ended := remembered(self._store, call)) is not None:
                return ended
            await self._wait_for_locks(life.plan, deadline)
            if time.monotonic() >= deadline:
                raise Conflict("the state kept changing while the command was planned", hint="try again", code="too-busy")

    async def _plan(self, command: Command[Any], request: object, call: CommandCall) -> _Planned | Done:
        """A plan on the state as it is now, or how the same call ended when it came before. Raises Refused."""
        while True:
            seen = self._store.revision
            try:
                with broken_plans(command, call.request_id):
                    return _Planned(self._life(command, request, call), seen)
            except Refused:
                current = await self._is_current(seen)
                if (ended := await self._before(call)) is not None:  # what is there already, and refused, may be its own effect
                    return ended
                if current:
                    raise

    async def _before(self, call: CommandCall) -> Done | None:
        """How the same call ended when it came before; None when it is new."""
        if (ended := remembered(self._store, call)) is not None:
            return ended
        return await self._wait_for_other(call) if self._store.get(model.TRANSACTIONS + call.id) is not None else None

    async def _is_current(self, revision: int) -> bool:
        """Whether a refusal was decided on the newest state: one that just began to lead, or is deposed, may have an older one.

        (A plan that isn't refused needs no such care: its commit fails when the state has moved.)
        """
        try:
            return await self._store.linearizable(timeout_s=COMMIT_TIMEOUT_S) == revision
        except StoreError as error:
            raise _unavailable(error) from error

    @staticmethod
    def _decode(command: Command[Any], call: CommandCall) -> object:
        try:
            return msgspec.json.decode(call.request, type=command.request)
        except msgspec.MsgspecError as error:
            raise Refused(f"the request of {command.name} is malformed: {error}", code="bad-request") from error

    def _life(self, command: Command[Any], request: object, call: CommandCall) -> Life:
        view = View(self._store, self._cache, online=self._online(), options=self._options, initiator=call.initiator)
        for expect in call.expect:
            item = view.reader.get(expect.key)
            if (revision := item.modified if item else 0) != expect.modified:
                raise Moved(
                    f"it was changed at revision {revision}, not at the one in If-Match",
                    hint="get it again and decide anew",
                    fields={"etag": f'"{revision}"'},
                )
        now = time.time()
        plan = hooked(view, command.plan(view, request, Ids(lambda: str(uuid.uuid4()), now)))
        server_quorum.check(view, plan)
        check_result(command, plan)
        self._check_steps(plan, view)
        check_undoable(plan, self._step_kinds)
        record = Transaction(
            id=call.id,
            command=call.command,
            phase=Phase.PREPARING,
            **plan_fields(plan),
            initiator=call.initiator,
            started=now,
            request_id=call.request_id,
            user=call.user,
            digest=call.digest,
        )
        owner = f"{call.command} of {call.request_id}"
        return Life(record, plan, view.expectations, self._store, owner=owner, kinds=self._step_kinds)

    def _check_steps(self, plan: Plan, view: View) -> None:
        """Every step must exist here and, as far as is known, on its peer."""
        for step in (s for barriers in (plan.before, plan.after) for b in barriers for s in b):
            assert step.kind in self._step_kinds, f"plan names an unknown step {step.kind!r}"
            peer = view.peer(step.peer_id)
            if peer is not None and peer.steps and step.kind not in peer.steps:
                raise Refused(
                    f"peer {peer.hostname} can't do {step.kind} yet",
                    hint="upgrade its daemon, or install there what brings it (a package of your own), and start it again",
                    code="old-peer",
                )

    # driving

    async def _drive(self, life: Life, instruction: Instruction) -> Finish:
        """Raises CommandError when it can't go on here; the record is then taken up again by `resume_all`, here or elsewhere."""
        identity = life.record.id
        self._driven.add(identity)
        try:
            while not isinstance(instruction, Finish):
                if isinstance(instruction, Propose):
                    instruction = await self._propose(life, instruction.commit)
                else:
                    outcomes = await self._run(life, instruction)
                    instruction = life.taken_over() if outcomes is None else life.ran(outcomes)
        finally:
            self._driven.discard(identity)
        if instruction.outcome == "stuck":
            log.error("a failed command could not be undone", transaction=identity, problems=[describe(p) for p in instruction.problems])
        return instruction

    async def _propose(self, life: Life, commit: Commit) -> Instruction:
        begun = life.revision > 0
        try:
            self._check_leading()
            result = await self._store.commit(self._with_pruned(commit), timeout_s=COMMIT_TIMEOUT_S)
        except TooLarge as error:
            if begun:
                raise OutcomeUnknown(f"the command was begun, then: {error}", hint="it is finished or undone by itself") from error
            raise Refused(str(error), code="too-large") from error
        except NotLeader as error:
            raise (OutcomeUnknown("the leader changed while the command ran", hint="ask again") if begun else error) from error
        except StoreOutcomeUnknown as error:
            raise OutcomeUnknown(str(error), hint="the next leader finishes or undoes it") from error
        except StoreError as error:
            if begun:
                raise OutcomeUnknown(f"the command was begun, then: {error}", hint="the next leader finishes or undoes it") from error
            raise _unavailable(error) from error
        return life.committed(result.revision) if result.outcome == "done" else life.conflicted(result.moved)

    async def _run(self, life: Life, run: Run) -> tuple[StepOutcome, ...] | None:
        """None: the record has moved meanwhile, so nobody waits for these steps any more."""
        tasks = [asyncio.create_task(self._run_one(life, step, run)) for step in run.steps]
        key = model.TRANSACTIONS + life.record.id
        watch = self._store.watch(key)
        moving: asyncio.Future[Any] = asyncio.ensure_future(watch.__anext__())
        try:
            while not all(task.done() for task in tasks):
                await asyncio.wait([moving, *(t for t in tasks if not t.done())], timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                item = self._store.get(key)
                if item is None or item.modified != run.revision:
                    return None
                if moving.done():
                    moving.exception()  # too many changes to remember is no reason to stop: the record was looked at
                    moving = asyncio.ensure_future(asyncio.sleep(LOOK_EVERY_S))
            return tuple([await task for task in tasks])
        finally:
            watch.close()
            for future in (moving, *tasks):
                future.cancel()
            await asyncio.gather(moving, *tasks, return_exceptions=True)

    async def _run_one(self, life: Life, step: Step, run: Run) -> StepOutcome:
        kind = self._step_kinds.get(step.kind)  # None: a daemon of another version has planned it
        call = StepCall(
            transaction=life.record.id,
            revision=run.revision,
            kind=step.kind,
            arguments=msgspec.json.encode(step.arguments, order="deterministic"),  # the next leader must name the same step
            undo=run.undo,
            request_id=life.record.request_id,
            timeout_s=kind.timeout_s if kind else UNKNOWN_STEP_TIMEOUT_S,
        )
        if run.undo and self._store.get(model.peer_key(step.peer_id)) is None:
            return StepOutcome()  # it isn't in the pool any more: what it has is its own affair
        return await self._run_while_in_sight(step, call)

    async def _run_while_in_sight(self, step: Step, call: StepCall) -> StepOutcome:
        """A peer that dies or hangs holds locks for no longer than it takes to notice. One that need not be there isn't even
        asked when it is down; one that must be is, because a new leader may not have seen it yet."""
        down = StepProblem(peer_id=step.peer_id, step=step.kind, error="the peer is down", unreachable=True)
        if not step.must and step.peer_id not in self._online():
            return StepOutcome(problem=msgspec.structs.replace(down, begun=call.undo))
        task = asyncio.ensure_future(self._run_step(step.peer_id, call))
        seen = time.monotonic()
        try:
            while time.monotonic() - seen < UNSEEN_S:
                await asyncio.wait([task], timeout=LOOK_EVERY_S)
                if task.done():
                    return task.result()
                if step.peer_id in self._online():
                    seen = time.monotonic()
            return StepOutcome(problem=down)
        finally:
            task.cancel()

    def _answer(self, finish: Finish, life: Life) -> Done:
        if finish.outcome == "stuck":
            raise stuck(life.record)
        assert life.remembered is not None, f"{finish.outcome} without an answer"
        return answer_of(life.remembered, finish.revision, life.record.id)

    # what ended before, or elsewhere

    async def _wait_for_other(self, call: CommandCall) -> Done:
        deadline = time.monotonic() + call.timeout_s
        while time.monotonic() < deadline:
            if (ended := remembered(self._store, call)) is not None:
                return ended
            item = self._store.get(model.TRANSACTIONS + call.id)
            if item is not None and (record := model.load("", item.value, Transaction)).phase is Phase.STUCK:
                raise stuck(record)
            await self._changed(model.RESULTS + call.id, deadline)
        raise OutcomeUnknown(f"transaction {call.id} has not ended yet", hint="ask again with the same Idempotency-Key")

    async def _wait_for_locks(self, plan: Plan, deadline: float) -> None:
        """Those that something outside of the queue holds: what an earlier leader left, or a stuck command."""
        for name in plan.locks:
            key, holder, since = model.lock_key(name), "", 0.0
            while (item := self._store.get(key)) is not None:
                held, now = model.load(key, item.value, model.Lock), time.monotonic()
                if held.transaction != holder:
                    holder, since = held.transaction, now
                if now >= min(since + LOCK_WAIT_S, deadline):
                    raise self._locked(name)
                await self._changed(key, min(since + LOCK_WAIT_S, deadline))

    def _locked(self, name: str) -> Conflict:
        message = f"could not obtain lock {name}: another conflicting transaction may be in progress"
        item = self._store.get(model.lock_key(name))
        if item is None:
            return Conflict(message, hint="try again later", code="locked", fields={"lock": name})
        held = model.load(name, item.value, model.Lock)
        record = self._store.get(model.TRANSACTIONS + held.transaction)
        stays = record is not None and model.load("", record.value, Transaction).phase is Phase.STUCK
        look = f"gd2 transaction show {held.transaction}"
        return Conflict(
            f"{message} ({held.owner}, {'stuck for' if stays else 'for'} {max(0.0, time.time() - held.since):.0f} s)",
            hint=f"it does not end by itself: {look}, then resume or abort it" if stays else f"try again later, or look at it: {look}",
            code="locked",
            fields={"lock": name, "owner": held.owner, "transaction": held.transaction},
        )

    async def _changed(self, key: str, deadline: float) -> None:
        """Wait until something under `key` changes, at most half a second (the caller looks again) and not past the deadline."""
        watch = self._store.watch(key)
        try:
            async with asyncio.timeout(max(0.01, min(0.5, deadline - time.monotonic()))):
                await watch.__anext__()
        except TimeoutError:
            pass
        finally:
            watch.close()

    # what an earlier leader left

    async def resume_all(self) -> None:
        """Finish or undo every transaction in the state that nobody moves on here. Called when this peer starts to lead, and
        again and again while it does: a commit that ran into its deadline, or an administrator, may have left one."""
        found = self._store.list(model.TRANSACTIONS)
        now = time.monotonic()
        self._not_before = {i: when for i, when in self._not_before.items() if self._store.get(model.TRANSACTIONS + i) is not None}
        for key, item in found:
            record = model.load(key, item.value, Transaction)
            revision, at = self._not_before.get(record.id, (0, 0.0))
            if record.id in self._driven or (revision == item.modified and now < at):
                continue
            if record.phase is Phase.STUCK:
                continue  # a peer that answers could not undo it: somebody has to look at that peer first
            log.info("resuming", transaction=record.id, command=record.command, phase=record.phase.value)
            self._driven.add(record.id)
            self._spawn(f"resumed {record.id}", self._resume(record, item.modified))

    def _try_again(self, identity: str, seconds: float) -> None:
        """Not before so many seconds, unless its record is changed."""
        if (item := self._store.get(model.TRANSACTIONS + identity)) is not None:
            self._not_before[identity] = (item.modified, time.monotonic() + seconds)

    async def _resume(self, record: Transaction, revision: int) -> Done:
        try:
            life = Life(record, record.decoded_plan(), (), self._store, owner=record.command, kinds=self._step_kinds)
            finish = await self._drive(life, life.resume(revision))
        except CommandError as error:
            log.warning("could not be resumed yet", transaction=record.id, why=str(error))
            self._try_again(record.id, RETRY_S)
            return Done(revision, {})
        except Exception:
            self._try_again(record.id, RETRY_BROKEN_S)
            raise
        finally:
            self._driven.discard(record.id)
        log.info("resumed", transaction=record.id, outcome=finish.outcome)
        return Done(finish.revision, life.plan.result)

    # answers that are remembered

    def _with_pruned(self, commit: Commit) -> Commit:
        """Forget the oldest results when there are too many, in the same commit that adds one."""
        added = sum(p.key.startswith(model.RESULTS) for p in commit.put)
        if not added:
            return commit
        if self._results < 0 or self._results > RESULTS_KEPT + 100:
            items = sorted(self._store.list(model.RESULTS), key=lambda item: item[1].created)
            old = tuple(key for key, _ in items[: max(0, len(items) - RESULTS_KEPT)])
            self._results = len(items) - len(old) + added
            return Commit(commit.expect, commit.put, (*commit.delete, *old))
        self._results += added
        return commit


def queued_for(plan: Plan) -> tuple[str, ...]:
    """What commands take turns for: their locks; one that takes none, the keys that it changes."""
    return plan.locks or tuple(change.key for change in plan.changes)


def _unavailable(error: StoreError) -> Unavailable:
    few = isinstance(error, NoQuorum | NoLeader)  # else this peer's own store has stopped: its disk failed
    return Unavailable(str(error), hint="bring the other voters back; `gd2 cluster status` shows them" if few else "ask another peer")
