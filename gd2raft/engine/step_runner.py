"""Runs steps on the peer that they concern, fenced by the transaction's record in this peer's own state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from gd2raft.core import model
from gd2raft.core.phases import StepOutcome, StepProblem, fence
from gd2raft.core.plan import StepKind
from gd2raft.engine.calls import StepCall
from gd2raft.engine.turns import Turns
from gd2raft.store.interface import Store

STATE_ON_ITS_WAY_S = 0.05
"""A step often comes a moment before the state that it belongs to. Then that is gathered somewhere, under load."""
STATE_WAIT_S = 10.0
RUNNING_MAX = 512

log = structlog.get_logger("steps")

Do = Callable[[str, str, Any, bool], Any]
"""(step, transaction, arguments, undo) -> awaitable facts; raises StepError."""


class StepError(Exception):
    """A step failed: message and hint. `away`: an undo on a disk that isn't there."""

    def __init__(self, message: str, hint: str = "", *, away: bool = False) -> None:
        super().__init__(message)
        self.hint, self.away = hint, away


class StepRunner:
    """`do` runs the code of a step; `kinds` are the steps that this peer has; `make_way` undoes what earlier ones left here, or raises StepError;
    `hurry` asks for the newest state at once."""

    def __init__(
        self,
        store: Callable[[], Store],
        do: Do,
        kinds: Mapping[str, StepKind[Any]],
        peer_id: Callable[[], str],
        turns: Turns,
        make_way: Callable[[str], Awaitable[None]] | None = None,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        self._hurry = hurry
        self._store, self._do, self._kinds, self._peer_id, self._turns, self._make_way = store, do, kinds, peer_id, turns, make_way
        self._tasks: set[asyncio.Task[StepOutcome]] = set()

    async def run(self, call: StepCall) -> StepOutcome:
        """Run it to its end even when the caller goes away. Never raises for what the world does."""
        if len(self._tasks) >= RUNNING_MAX:
            return self._problem(call, f"{RUNNING_MAX} steps are running on this peer already")
        task = asyncio.create_task(self._logged(call), name=f"step {call.kind}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _logged(self, call: StepCall) -> StepOutcome:
        began = time.monotonic()
        outcome = await self._run_fenced(call)
        log.info(
            "step",
            step=call.kind,
            undo=call.undo,
            request_id=call.request_id,
            transaction=call.transaction,
            outcome=outcome.problem.error if outcome.problem else "done",
            ms=round((time.monotonic() - began) * 1000, 1),
        )
        return outcome

    async def _run_fenced(self, call: StepCall) -> StepOutcome:
        kind = self._kinds.get(call.kind)
        if kind is None:
            return self._problem(
                call, f"this peer's daemon has no step {call.kind!r}", hint="upgrade it, or install there what brings the step"
            )
        try:
            arguments = msgspec.convert(msgspec.json.decode(call.arguments), kind.arguments)
        except msgspec.MsgspecError as error:
            return self._problem(call, f"the arguments of {call.kind} are malformed: {error}")
        if (refusal := await self._fence(call)) is not None:
            return self._problem(call, refusal)
        try:
            async with asyncio.timeout(call.timeout_s):
                if self._make_way is not None and not call.undo:
                    await self._make_way(call.transaction)
                async with self._turns.take(call.transaction, call.kind, arguments):
                    if (refusal := self._fenced_off(call)) is not None:  # the record may have moved while it waited
                        return self._problem(call, refusal)
                    facts = await self._do(call.kind, call.transaction, arguments, call.undo)
        except StepError as error:
            return self._problem(call, str(error), hint=error.hint, away=error.away and call.undo)
        except TimeoutError:
            return self._problem(call, f"{call.kind} did not end within {call.timeout_s:.0f} s")
        except Exception as error:
            log.exception("a step broke", step=call.kind, transaction=call.transaction, request_id=call.request_id)
            return self._problem(
                call, f"{call.kind} broke: {type(error).__name__}: {error}", hint="the daemon's log has more; please report it"
            )
        return StepOutcome(facts=facts)

    async def _fence(self, call: StepCall) -> str | None:
        """Why this step must not run: this peer's own state must have the transaction, as the leader says it is."""
        store = self._store()
        try:
            try:
                await store.wait_revision(call.revision, timeout_s=STATE_ON_ITS_WAY_S)
            except TimeoutError:
                self._hurry()
                await store.wait_revision(call.revision, timeout_s=STATE_WAIT_S)
        except TimeoutError:
            return f"this peer's state is too old: revision {store.revision}, {call.revision} is needed"
        return self._fenced_off(call)

    def _fenced_off(self, call: StepCall) -> str | None:
        return fence(self._store().get(model.TRANSACTIONS + call.transaction), call.transaction, call.revision, undo=call.undo)

    def _problem(self, call: StepCall, error: str, *, hint: str = "", away: bool = False) -> StepOutcome:
        return StepOutcome(problem=StepProblem(peer_id=self._peer_id(), step=call.kind, error=error, hint=hint, away=away))
