"""Changes as streams: a bounded memory of events, and readers of it. Shared by every implementation of `Store`.

The memory is bounded in events and bytes. A reader holds no queue of its own, only the revision that it has seen: one that
falls out of the memory gets Compacted, and costs nothing until then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from gd2raft.core.kv import Event
from gd2raft.store.interface import Compacted

BATCH_MAX = 1024


class History:
    """The last events, and who waits for the next ones."""

    def __init__(self, revision: int, events_max: int = 10_000, bytes_max: int = 16 * 1024 * 1024) -> None:
        self.revision = revision
        self._events_max, self._bytes_max = events_max, bytes_max
        self._forgotten = revision  # events up to this revision are not remembered
        self._groups: deque[tuple[int, Sequence[Event], int]] = deque()  # (revision, its events, their bytes)
        self._dropped = 0  # groups ever dropped: what positions count from
        self._count = self._bytes = 0
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._tells: dict[HistoryWatch, Callable[[], None]] = {}
        self._closed = False

    def add(self, revision: int, events: Sequence[Event]) -> None:
        """The state is at `revision` now."""
        self.revision = revision
        if events:
            size = 64 * len(events)
            for event in events:
                size += len(event.key) + len(event.value or b"")
            self._groups.append((revision, events, size))
            self._count += len(events)
            self._bytes += size
            while self._count > self._events_max or self._bytes > self._bytes_max:
                self._drop()

    def wake(self) -> None:
        """Let the waiting readers run: once for many add()."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        for tell in list(self._tells.values()) if self._tells else ():
            tell()

    def restart(self, revision: int) -> None:
        """The state was replaced as a whole: every reader before `revision` has to list again."""
        self._dropped += len(self._groups)
        self._groups.clear()
        self._count = self._bytes = 0
        self.revision = self._forgotten = revision
        self.wake()

    def close(self) -> None:
        self._closed = True
        self.wake()

    def _drop(self) -> None:
        revision, events, size = self._groups.popleft()
        self._dropped += 1
        self._forgotten = revision
        self._count -= len(events)
        self._bytes -= size

    def watch(self, prefix: str, from_revision: int | None) -> HistoryWatch:
        start = self.revision if from_revision is None else from_revision
        if start < self._forgotten:
            raise Compacted(f"the changes after revision {start} are forgotten (up to {self._forgotten}): list, then watch from there")
        return HistoryWatch(self, prefix, start)

    def read(self, prefix: str, position: int, after: int) -> tuple[list[Event], int]:
        """Events after the revision `after`, and the position to go on from. Raises Compacted."""
        if after < self._forgotten:
            raise Compacted(f"the reader is at revision {after}, changes up to {self._forgotten} are forgotten: list again")
        found: list[Event] = []
        position = max(position, self._dropped)
        while position - self._dropped < len(self._groups) and len(found) < BATCH_MAX:
            revision, events, _ = self._groups[position - self._dropped]
            if revision > after:
                found += [event for event in events if event.key.startswith(prefix)] if prefix else events
            position += 1
        return found, position

    def seen(self, position: int) -> int:
        """The revision that a reader at `position` has seen."""
        left = position - self._dropped
        return self.revision if left >= len(self._groups) else self._groups[left][0] - 1

    @property
    def closed(self) -> bool:
        return self._closed

    def tell(self, watch: HistoryWatch, changed: Callable[[], None] | None) -> None:
        """Call it at each wake(); None: no more."""
        if changed is None:
            self._tells.pop(watch, None)
        else:
            self._tells[watch] = changed

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)


class HistoryWatch:
    """See interface.Watch. Ends when it is closed, or the store is."""

    def __init__(self, history: History, prefix: str, revision: int) -> None:
        self._history, self._prefix, self._revision = history, prefix, revision
        self._position = 0
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        while not (self._closed or self._history.closed):
            if events := self.take():
                return events
            await self._history.wait()
        raise StopAsyncIteration

    def take(self) -> Sequence[Event]:
        events, self._position = self._history.read(self._prefix, self._position, self._revision)
        self._revision = max(self._revision, self._history.seen(self._position))
        return events

    def tell(self, changed: Callable[[], None]) -> None:
        self._history.tell(self, changed)

    def close(self) -> None:
        self._closed = True
        self._history.tell(self, None)
        self._history.wake()
