"""`Store` on one state machine in memory: for tests and tools. Nothing survives it."""

from __future__ import annotations

import asyncio

from gd2raft.core.kv import Commit, KeyValueState, Operation, Result, Versioned, check_limits
from gd2raft.store.interface import StoreStatus
from gd2raft.store.watch import History, HistoryWatch


class MemoryStore:
    """See interface.Store.

    >>> store = MemoryStore()
    >>> asyncio.run(store.commit(Commit(), timeout_s=1)).outcome
    'done'
    """

    def __init__(self, peer: str = "memory") -> None:
        self._peer = peer
        self._state = KeyValueState()
        self._history = History(0)
        self._commits = 0

    @property
    def revision(self) -> int:
        return self._state.revision

    def get(self, key: str) -> Versioned | None:
        return self._state.get(key)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]:
        return self._state.list(prefix, after=after, limit=limit)

    async def commit(self, commit: Commit, *, timeout_s: float) -> Result:
        check_limits(commit)
        result, events = self._state.apply(Operation(commit=commit))
        self._commits += 1
        self._history.add(self._state.revision, events)
        self._history.wake()
        return result

    async def linearizable(self, *, timeout_s: float) -> int:
        return self.revision

    async def wait_revision(self, revision: int, *, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while self.revision < revision:
                await self._history.wait()

    def watch(self, prefix: str = "", from_revision: int | None = None) -> HistoryWatch:
        return self._history.watch(prefix, from_revision)

    def status(self) -> StoreStatus:
        commits = self._commits
        return StoreStatus("leader", self._peer, 1, True, (self._peer,), commits, commits, commits, self.revision)
