"""Operations on their way into the log of a leader: a bounded queue, batches, and who waits for which entry.

It must not know who asks or how often: retrying is client.py's.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol

from gd2raft.core.kv import Result
from gd2raft.store.raft import batch
from gd2raft.store.raft.guard import Guard
from gd2raft.store.raft.log import OPERATIONS, command
from gd2raft.store.raft.settings import Settings

QUEUE_MAX = 16_384
QUEUE_BYTES_MAX = 64 * 1024 * 1024


class NotProposed(Exception):
    """It was not appended to any log: trying again is safe."""


class Lost(Exception):
    """It was appended, and what became of it can't be seen from here any more."""


class Sink(Protocol):
    """Where an answer goes: a future, or something that passes it on at once (a commit that came from elsewhere needs no task)."""

    def done(self) -> bool: ...
    def set_result(self, result: Result, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


class Waiting(NamedTuple):
    operation: bytes
    deadline: float
    answer: Sink


class Proposer:
    """See the module's docstring."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue: deque[Waiting] = deque()
        self._queue_bytes = 0
        self._proposed: dict[int, tuple[int, list[Sink]]] = {}

    def submit(self, operation: bytes, deadline: float, answer: Sink) -> None:
        """`answer` gets the result, or NotProposed or Lost. The caller pumps."""
        if len(self._queue) >= QUEUE_MAX or self._queue_bytes >= QUEUE_BYTES_MAX:
            answer.set_exception(NotProposed("too many commits are waiting"))
        else:
            self._queue.append(Waiting(operation, deadline, answer))
            self._queue_bytes += len(operation)

    @property
    def waiting(self) -> bool:
        return bool(self._queue)

    def pump(self, guard: Guard, now: float) -> None:
        """Append what waits, unless its deadline has passed."""
        while self._queue and guard.can_propose:
            bunch = self._next_bunch(now)
            if bunch:
                payload = batch.join([waiting.operation for waiting in bunch])
                index, term = guard.propose(command(OPERATIONS, payload), now)
                self._proposed[index] = (term, [waiting.answer for waiting in bunch])
        guard.flush(now)

    def _next_bunch(self, now: float) -> list[Waiting]:
        bunch: list[Waiting] = []
        size = 0
        while self._queue and len(bunch) < self._settings.batch_operations_max and size < self._settings.batch_bytes_max:
            waiting = self._queue.popleft()
            self._queue_bytes -= len(waiting.operation)
            if waiting.answer.done():
                continue  # nobody waits any more
            if now >= waiting.deadline:
                waiting.answer.set_exception(NotProposed("its deadline passed in the queue"))
                continue
            bunch.append(waiting)
            size += len(waiting.operation)
        return bunch

    @property
    def awaits(self) -> bool:
        """Whether anything that was proposed here is not applied yet."""
        return bool(self._proposed)

    def applied(self, index: int, term: int, results: list[Result]) -> None:
        """The entry at `index` was applied."""
        if (proposed := self._proposed.pop(index, None)) is None:
            return
        for number, answer in enumerate(proposed[1]):
            if answer.done():
                continue
            if proposed[0] == term:
                answer.set_result(results[number])
            else:
                answer.set_exception(Lost("another leader's entry took its place"))

    def fail(self, why: str) -> None:
        """We lead no more: nothing stays queued (D21), and the fate of what was proposed is for the next leader to tell."""
        queue, proposed = self._queue, self._proposed
        self._queue, self._proposed, self._queue_bytes = deque(), {}, 0
        for waiting in queue:
            if not waiting.answer.done():
                waiting.answer.set_exception(NotProposed(why))
        for _, answers in proposed.values():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(Lost(why))
