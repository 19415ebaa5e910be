"""One step of one transaction is done or undone by one at a time on a peer: an undo waits for a "do" that still runs.

It knows neither the state nor what steps do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from gd2raft.core.plan import Arguments


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class Turns:
    """Shared by all who run steps on this peer: those of a leader's transactions and those that were left to the peer itself."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str, bytes], _Turn] = {}

    @contextlib.asynccontextmanager
    async def take(self, transaction: str, kind: str, arguments: Arguments) -> AsyncIterator[None]:
        key = (transaction, kind, msgspec.json.encode(arguments, order="deterministic"))
        turn = self._turns.setdefault(key, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[key]
