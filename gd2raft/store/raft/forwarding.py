"""A commit or a read that a peer forwards to the leader: the bytes of question and answer, and how the leader answers.

It must not know how the bytes travel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from gd2raft.core.kv import Result
from gd2raft.store.interface import StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.client import Answer, Request
from gd2raft.store.raft.proposer import Lost, Sink

ASK_CLOCK = b"clock"
ASK_CLOCK_S = 1.0
FRESH_S = 10.0
DRIFT_MAX = 0.001
"""By how much two clocks that are meant to be right may run apart: ten times what is usual."""


Reply = Callable[[bytes], None]

_request = msgspec.msgpack.Decoder(Request)
_answer = msgspec.msgpack.Decoder(Answer)
_encoder = msgspec.msgpack.Encoder()


class Answering(Protocol):
    """What is needed of the leader's store."""

    def now(self) -> float: ...
    def leads(self) -> bool: ...
    def has_quorum(self) -> bool: ...
    def offer(self, operation: bytes, deadline: float, answer: Sink) -> None: ...
    async def read_index(self) -> int | None: ...
    @property
    def term(self) -> int: ...


class LeaderClock:
    """What a peer knows of its leader's clock: enough to name a deadline on it that is never later than meant.

    An answer that was given when the leader's clock showed c, and is here at our time t, says: at t the leader's clock shows c
    or more. So at our deadline it will show at least c + (deadline - t), drift aside; until then at most what the
    answer needed to come is lost.
    """

    def __init__(self) -> None:
        self._leader, self._term, self._ahead, self._at = "", 0, 0.0, 0.0

    def note(self, leader: str, answer: Answer, now: float) -> None:
        """An answer of the leader arrived: the best that is known is kept, made worse by drift as it ages."""
        if answer.clock is None:
            return
        ahead = answer.clock - now
        if (leader, answer.term) == (self._leader, self._term):
            ahead = max(ahead, self._ahead - DRIFT_MAX * (now - self._at))
        self._leader, self._term, self._ahead, self._at = leader, answer.term, ahead, now

    def is_fresh(self, leader: str, now: float) -> bool:
        return leader == self._leader and now - self._at < FRESH_S

    def request(self, leader: str, operation: bytes, deadline: float, now: float) -> bytes:
        latest = None
        if leader == self._leader and self._term:
            latest = deadline + self._ahead - DRIFT_MAX * (deadline - self._at)
        return msgspec.msgpack.encode(Request(operation, deadline - now, self._term, latest))


def answer_operation(store: Answering, data: bytes, timeout_s: float, reply: Reply) -> None:
    """A forwarded operation (what `forward` was given): `reply` is called with the answer's bytes, once it is decided.

    When it isn't decided in time nobody is told: the one who asked has a deadline of its own, and a leader that can't decide
    steps down, which answers everything.
    """
    try:
        request = _request.decode(data)
        batch.decode_operation(request.operation)
    except msgspec.DecodeError as error:
        reply(encode_answer(Answer("bad", f"not an operation: {error}")))
        return
    if not store.leads():
        reply(encode_answer(Answer("not-leader", "that peer does not lead")))
    elif request.latest is not None and request.term != store.term:
        reply(_stamped(store, Answer("not-leader", "that peer leads in another term than it did")))
    elif not store.has_quorum():
        reply(encode_answer(Answer("no-quorum", "the leader can't reach a majority of the voters: nothing was changed")))
    else:
        deadline = store.now() + min(timeout_s, request.timeout_s)
        if request.latest is not None:
            deadline = min(deadline, request.latest)  # its way to here counts too
        store.offer(request.operation, deadline, _Replying(store, reply))


class _Replying:
    """A proposer's sink that answers the peer that asked."""

    __slots__ = ("_reply", "_store")

    def __init__(self, store: Answering, reply: Reply) -> None:
        self._store, self._reply = store, reply

    def done(self) -> bool:
        return False

    def set_result(self, result: Result) -> None:
        self._reply(_stamped(self._store, Answer("ok", "", result)))

    def set_exception(self, error: Exception) -> None:
        status = "lost" if isinstance(error, Lost) else "not-leader"
        self._reply(_stamped(self._store, Answer(status, str(error))))


def _stamped(store: Answering, answer: Answer) -> bytes:
    return encode_answer(Answer(answer.status, answer.message, answer.result, answer.index, store.now(), store.term))


async def answer_read(store: Answering, data: bytes, timeout_s: float) -> bytes:
    """A forwarded read index, or (ASK_CLOCK) what our clock shows."""
    if not store.leads():
        return encode_answer(Answer("not-leader"))
    if data == ASK_CLOCK:
        return _stamped(store, Answer("ok"))
    try:
        async with asyncio.timeout(timeout_s):
            index = await store.read_index()
    except TimeoutError:
        index = None
    return encode_answer(Answer("ok", index=index) if index is not None else Answer("not-leader"))


def encode_answer(answer: Answer) -> bytes:
    return _encoder.encode(answer)


def decode_answer(data: bytes) -> Answer:
    """Raises StoreError: the other side is not one of ours."""
    try:
        return _answer.decode(data)
    except msgspec.DecodeError as error:
        raise StoreError(f"the leader's answer can't be read: {error}") from error
