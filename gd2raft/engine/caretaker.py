"""Undoes by itself what a transaction left on this peer, and throws away the notes of those that need no undo any more.

A transaction that was undone while this peer couldn't be reached has a Leftover in the state: this peer runs the undos, then
deletes it. The notes that steps write before they touch anything (steps/notes.py) are kept until the transaction is gone from
the state; without a Leftover it was committed or undone, and the note is of no use. A state that may be old says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from gd2raft.core import model
from gd2raft.core.kv import Event, Expect, Versioned
from gd2raft.core.phases import Leftover, Transaction, Undo, held_on
from gd2raft.core.plan import Change, StepKind, make_commit
from gd2raft.engine.step_runner import Do, StepError
from gd2raft.engine.turns import Turns
from gd2raft.store.interface import Store, StoreError

RETRY_S = 10.0
COMMIT_TIMEOUT_S = 5.0
SWEEP_AFTER_S = 0.2
"""So long after a transaction has ended its notes are thrown away: to remove a file that was fsynced takes longer than all else at
the end of a transaction, and the client waits for that."""
ID_CHARS = 36

log = structlog.get_logger("caretaker")


class Notes(Protocol):
    """What steps have noted for their undo, by names that begin with the transaction's id (steps/notes.py)."""

    def list(self) -> Sequence[str]: ...
    async def remove(self, names: Sequence[str]) -> None: ...


class Caretaker:
    """`current`: whether this peer's state is as new as the pool's was at the last look."""

    def __init__(
        self,
        store: Callable[[], Store],
        do: Do,
        kinds: Mapping[str, StepKind[Any]],
        peer_id: Callable[[], str],
        notes: Notes,
        current: Callable[[], bool],
        turns: Turns,
    ) -> None:
        self._store, self._do, self._kinds, self._peer_id = store, do, kinds, peer_id
        self._notes, self._current, self._turns = notes, current, turns
        self._told: dict[str, tuple[str, str]] = {}  # transaction -> why it couldn't be undone at the last try
        self._wake = asyncio.Event()
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="caretaker")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def on_events(self, events: Sequence[Event] | None) -> None:
        """The state changed (None: anything may have)."""
        mine = model.leftovers_prefix(self._peer_id())
        if events is None or any(e.key.startswith(mine) or (e.value is None and e.key.startswith(model.TRANSACTIONS)) for e in events):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S if self._current() and self._has_leftovers() else None):
                    await self._wake.wait()
            self._wake.clear()
            if not self._current():  # an old state has leftovers that were seen to long ago; it is told when the state is current
                continue
            try:
                await self.tidy()
                if self._notes.list():  # of a thousand peers, three have written one
                    await asyncio.sleep(SWEEP_AFTER_S)
                    await self._sweep_notes()
            except Exception:
                log.exception("tidying up broke; trying again later")
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    # leftovers

    def _leftovers(self) -> list[tuple[str, Versioned]]:
        return self._store().list(model.leftovers_prefix(self._peer_id()))

    def _has_leftovers(self) -> bool:
        return bool(self._leftovers())

    async def make_way(self, transaction: str) -> None:
        """Before a step of a transaction: what was left here is undone. StepError when it can't be and concerns the same things."""
        await self.tidy()
        left = [model.load(key, item.value, Leftover) for key, item in self._leftovers()]
        item = self._store().get(model.TRANSACTIONS + transaction)
        if not left or item is None:
            return
        record = model.load(model.TRANSACTIONS + transaction, item.value, Transaction)
        held = set(held_on(record.decoded_plan(), self._peer_id()))
        for leftover in left:
            if held.intersection(leftover.held):
                _, why = self._told.get(leftover.transaction, ("", ""))
                raise StepError(
                    f"what {leftover.command} {leftover.transaction} left here is not undone yet" + (f": {why}" if why else ""),
                    "mend that, it is tried again and again; `gd2 transaction list` shows it, `forget` gives it up",
                )

    async def tidy(self) -> None:
        """One try to undo everything that was left here."""
        if not self._has_leftovers():
            return
        async with self._busy:
            for key, item in self._leftovers():
                leftover = model.load(key, item.value, Leftover)
                if await self._undo_all(leftover):
                    await self._forget(key, item)

    async def _undo_all(self, leftover: Leftover) -> bool:
        """In their order; the first that fails ends this try."""
        for undo in leftover.undo:
            try:
                await self._undo(leftover.transaction, undo)
            except (StepError, TimeoutError, msgspec.MsgspecError) as error:
                self._tell(leftover.transaction, undo.kind, str(error))
                return False
        self._told.pop(leftover.transaction, None)
        log.info("undone what a transaction had left here", transaction=leftover.transaction, command=leftover.command)
        return True

    def _tell(self, transaction: str, kind: str, why: str) -> None:
        """Once: a disk may be away for weeks."""
        if self._told.get(transaction) != (kind, why):
            self._told[transaction] = (kind, why)
            log.warning("what a transaction left here can't be undone yet", transaction=transaction, step=kind, why=why)

    async def _undo(self, transaction: str, undo: Undo) -> None:
        kind = self._kinds.get(undo.kind)
        if kind is None:
            raise StepError(f"this peer's daemon has no step {undo.kind!r}", "upgrade it, or install there what brings the step")
        arguments = msgspec.convert(undo.arguments, kind.arguments)
        async with asyncio.timeout(kind.timeout_s), self._turns.take(transaction, undo.kind, arguments):
            await self._do(undo.kind, transaction, arguments, True)

    async def _forget(self, key: str, item: Versioned) -> None:
        store = self._store()
        try:
            await store.commit(make_commit(store, (Expect(key, item.modified),), (Change(key),)), timeout_s=COMMIT_TIMEOUT_S)
        except StoreError as error:
            log.info("a done undo is not noted yet, it will be tried again", key=key, why=str(error))

    # notes

    async def _sweep_notes(self) -> None:
        """Remove the notes of transactions that are gone: this peer had what they needed it to know."""
        if not self._current():
            return
        names = self._notes.list()
        store, mine = self._store(), model.leftovers_prefix(self._peer_id())
        # a note's transaction was in the state before it was written
        over = [n for n in names if all(store.get(prefix + n[:ID_CHARS]) is None for prefix in (model.TRANSACTIONS, mine))]
        if over:
            await self._notes.remove(over)
