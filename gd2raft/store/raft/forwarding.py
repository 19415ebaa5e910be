"""Commits or a read that a peer forwards to the leader: the bytes of question and answer, and how the leader answers.

Commits travel in bunches (bunches.py): a request holds one or more operations, its answer as many answers in the same order.
It must not know how the bytes travel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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

BUNCH_MAX = 1024
"""Operations in one request."""

_requests = msgspec.msgpack.Decoder(list[Request])
_answers = msgspec.msgpack.Decoder(list[Answer])
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

    def request(self, leader: str, operation: bytes, deadline: float, now: float) -> Request:
        latest = None
        if leader == self._leader and self._term:
            latest = deadline + self._ahead - DRIFT_MAX * (deadline - self._at)
        return Request(operation, deadline - now, self._term, latest)


def answer_operations(store: Answering, data: bytes, timeout_s: float, reply: Reply) -> None:
    """Forwarded operations (what `forward` was given): `reply` is called with the answers' bytes, once all are decided.

    When they aren't decided in time nobody is told: the one who asked has a deadline of its own, and a leader that can't decide
    steps down, which answers everything.
    """
    try:
        requests = _requests.decode(data)
    except msgspec.DecodeError as error:
        reply(encode_answers([Answer("bad", f"not operations: {error}")]))
        return
    if not 0 < len(requests) <= BUNCH_MAX:
        reply(encode_answers([Answer("bad", f"{len(requests)} operations in a request, 1 to {BUNCH_MAX} are possible")]))
        return
    answers = _Answers(store, len(requests), reply)
    refusal = _refusal(store)
    for number, request in enumerate(requests):
        if refusal is None:
            _offer(store, request, timeout_s, _Sink(answers, number))
        else:
            answers.put(number, refusal)


def _refusal(store: Answering) -> Answer | None:
    if not store.leads():
        return Answer("not-leader", "that peer does not lead")
    if not store.has_quorum():
        return Answer("no-quorum", "no quorum: the leader can't reach a majority of the voters")
    return None


def _offer(store: Answering, request: Request, timeout_s: float, sink: _Sink) -> None:
    try:
        batch.decode_operation(request.operation)
    except msgspec.DecodeError as error:
        sink.put(Answer("bad", f"not an operation: {error}"))
        return
    if request.latest is not None and request.term != store.term:
        sink.put(Answer("not-leader", "that peer leads in another term than it did"))
        return
    deadline = store.now() + min(timeout_s, request.timeout_s)
    if request.latest is not None:
        deadline = min(deadline, request.latest)  # its way to here counts too
    store.offer(request.operation, deadline, sink)


class _Answers:
    """What became of the operations of one request; tells it when all is known."""

    __slots__ = ("_answers", "_missing", "_reply", "_store")

    def __init__(self, store: Answering, count: int, reply: Reply) -> None:
        self._store, self._missing, self._reply = store, count, reply
        self._answers: list[Answer] = [Answer("lost")] * count

    def put(self, number: int, answer: Answer) -> None:
        self._answers[number] = answer
        self._missing -= 1
        if not self._missing:
            self._answers[0] = _stamped(self._store, self._answers[0])  # one clock for all
            self._reply(encode_answers(self._answers))


class _Sink:
    """A proposer's sink: one operation of a request."""

    __slots__ = ("_answers", "_number")

    def __init__(self, answers: _Answers, number: int) -> None:
        self._answers, self._number = answers, number

    def done(self) -> bool:
        return False

    def put(self, answer: Answer) -> None:
        self._answers.put(self._number, answer)

    def set_result(self, result: Result) -> None:
        self.put(Answer("ok", "", result))

    def set_exception(self, error: Exception) -> None:
        self.put(Answer("lost" if isinstance(error, Lost) else "not-leader", str(error)))


def _stamped(store: Answering, answer: Answer) -> Answer:
    return Answer(answer.status, answer.message, answer.result, answer.index, store.now(), store.term)


async def answer_read(store: Answering, data: bytes, timeout_s: float) -> bytes:
    """A forwarded read index, or (ASK_CLOCK) what our clock shows."""
    if not store.leads():
        return encode_answer(Answer("not-leader"))
    if data == ASK_CLOCK:
        return encode_answer(_stamped(store, Answer("ok")))
    try:
        async with asyncio.timeout(timeout_s):
            index = await store.read_index()
    except TimeoutError:
        index = None
    return encode_answer(Answer("ok", index=index) if index is not None else Answer("not-leader"))


def encode_requests(requests: Sequence[Request]) -> bytes:
    return _encoder.encode(requests)


def encode_answers(answers: Sequence[Answer]) -> bytes:
    return _encoder.encode(answers)


def decode_answers(data: bytes, count: int) -> list[Answer]:
    """Of `count` operations; one answer to all when the leader could not read the request. Raises StoreError."""
    try:
        answers = _answers.decode(data)
    except msgspec.DecodeError as error:
        raise StoreError(f"the leader's answer can't be read: {error}") from error
    if len(answers) == count:
        return answers
    if len(answers) == 1 and answers[0].status == "bad":
        return answers * count
    raise StoreError(f"the leader gave {len(answers)} answers to {count} operations")


def encode_answer(answer: Answer) -> bytes:
    return _encoder.encode(answer)


def decode_answer(data: bytes) -> Answer:
    """Raises StoreError: the other side is not one of ours."""
    try:
        return _answer.decode(data)
    except msgspec.DecodeError as error:
        raise StoreError(f"the leader's answer can't be read: {error}") from error
