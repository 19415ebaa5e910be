"""Operations on their way to the leader: those of one turn of the event loop travel in one request.

A frame, a task and a timer for each would cost more than all that the leader does with them.
It must not know of sessions, retries, or how the bytes travel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gd2raft.store.interface import StoreError
from gd2raft.store.raft import forwarding
from gd2raft.store.raft.client import Answer, Request
from gd2raft.store.raft.forwarding import LeaderClock
from gd2raft.store.raft.links import Forward

BUNCH_BYTES_MAX = 256 * 1024
LEAST_S = 0.001

Waiting = tuple[Request, float, "asyncio.Future[Answer]"]  # (request, deadline, who waits)


class Bunches:
    """`send` carries a request to a peer and brings the answer; `clock` is kept up to date with the answers."""

    def __init__(self, send: Forward, clock: LeaderClock, now: Callable[[], float]) -> None:
        self._send, self._clock, self._now = send, clock, now
        self._gathered: dict[str, list[Waiting]] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}  # a dict keeps their order: simulations replay exactly

    def add(self, leader: str, operation: bytes, deadline: float) -> asyncio.Future[Answer]:
        """The leader's answer; or TimeoutError, OSError, StoreError when there is none: it may have been proposed then."""
        loop = asyncio.get_running_loop()
        if not self._gathered:
            loop.call_soon(self._depart)
        answer: asyncio.Future[Answer] = loop.create_future()
        request = self._clock.request(leader, operation, deadline, self._now())
        self._gathered.setdefault(leader, []).append((request, deadline, answer))
        return answer

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _depart(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for leader, waiting in gathered.items():
            for bunch in _bunches(waiting):
                task = asyncio.get_running_loop().create_task(self._carry(leader, bunch))
                self._tasks[task] = None
                task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _carry(self, leader: str, bunch: list[Waiting]) -> None:
        timeout_s = max(LEAST_S, max(deadline for _, deadline, _ in bunch) - self._now())
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._send(leader, forwarding.encode_requests([request for request, _, _ in bunch]), timeout_s)
            answers = forwarding.decode_answers(reply, len(bunch))
        except TimeoutError as error:
            _fail(bunch, TimeoutError, str(error))
        except OSError as error:
            _fail(bunch, ConnectionError, str(error))
        except (StoreError, asyncio.CancelledError) as error:
            _fail(bunch, StoreError, str(error) or "the store is closed")
        else:
            self._clock.note(leader, answers[0], self._now())
            for (_, _, waiter), answer in zip(bunch, answers, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)


def _bunches(waiting: list[Waiting]) -> list[list[Waiting]]:
    """In order, each within the limits of a request."""
    found: list[list[Waiting]] = [[]]
    size = 0
    for item in waiting:
        length = len(item[0].operation)
        if found[-1] and (size + length > BUNCH_BYTES_MAX or len(found[-1]) == forwarding.BUNCH_MAX):
            found.append([])
            size = 0
        found[-1].append(item)
        size += length
    return found


def _fail(bunch: list[Waiting], kind: type[Exception], text: str) -> None:
    for _, _, waiter in bunch:
        if not waiter.done():
            waiter.set_exception(kind(text))
