"""The state machine of one peer and what it has applied; the same for voters and learners. It must not know where entries come from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gd2raft.core.kv import Frozen, KeyValueState, Result
from gd2raft.store.raft import batch
from gd2raft.store.raft.log import OPERATIONS_KIND, Entry
from gd2raft.store.raft.settings import Settings
from gd2raft.store.watch import History


class Replica:
    """`applied` is (index, term) of the last entry that is in the state."""

    def __init__(self, settings: Settings, frozen: Frozen | None = None, applied: tuple[int, int] = (0, 0)) -> None:
        self.state = KeyValueState() if frozen is None else KeyValueState.thaw(frozen)
        self.applied = applied
        self.history = History(self.state.revision, settings.events_max, settings.events_bytes_max)
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def apply(self, entries: Sequence[Entry], on_results: Callable[[int, int, list[Result]], None] | None) -> None:
        """Apply committed entries, the next ones in order. on_results(index, term, results of the operations); None: nobody waits for them."""
        state, remember = self.state, self.history.add
        for command, index, term in entries:
            assert index == self.applied[0] + 1, f"entry {index} after {self.applied[0]}"
            results: list[Result] = []
            if command[1:2] == OPERATIONS_KIND:
                for operation in batch.decode(command[2:]):
                    result, events = state.apply(operation)
                    remember(state.revision, events)
                    results.append(result)
            self.applied = (index, term)
            if on_results is not None:
                on_results(index, term, results)
        self.wake()

    def replace(self, frozen: Frozen, applied: tuple[int, int]) -> None:
        """Take over a whole state (a log snapshot)."""
        self.state = KeyValueState.thaw(frozen)
        self.applied = applied
        self.history.restart(self.state.revision)
        self.wake()

    def wake(self) -> None:
        self.history.wake()
        for index, waiter in self._waiters:
            if index <= self.applied[0] and not waiter.done():
                waiter.set_result(None)
        self._waiters = [(index, waiter) for index, waiter in self._waiters if index > self.applied[0]]

    async def wait_applied(self, index: int) -> None:
        if self.applied[0] < index:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((index, waiter))
            await waiter

    async def wait_revision(self, revision: int) -> None:
        while self.state.revision < revision:
            await self.history.wait()
