"""A commit or a read that a peer forwards to the leader: the bytes of question and answer, and how the leader answers.

It must not know how the bytes travel.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from gd2raft.core.kv import Result
from gd2raft.store.interface import StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.client import Answer, Request
from gd2raft.store.raft.proposer import Lost, NotProposed


class Answering(Protocol):
    """What is needed of the leader's store."""

    def now(self) -> float: ...
    def leads(self) -> bool: ...
    def has_quorum(self) -> bool: ...
    def submit(self, operation: bytes, deadline: float) -> asyncio.Future[Result]: ...
    async def read_index(self) -> int | None: ...


def encode_request(operation: bytes, timeout_s: float) -> bytes:
    return msgspec.msgpack.encode(Request(operation, timeout_s))


async def answer_operation(store: Answering, data: bytes, timeout_s: float) -> bytes:
    """A forwarded operation (what `forward` was given): the answer's bytes."""
    try:
        request = msgspec.msgpack.decode(data, type=Request)
        batch.decode_operation(request.operation)
    except msgspec.DecodeError as error:
        return encode_answer(Answer("bad", f"not an operation: {error}"))
    if not store.leads():
        return encode_answer(Answer("not-leader", "that peer does not lead"))
    if not store.has_quorum():
        return encode_answer(Answer("no-quorum", "the leader can't reach a majority of the voters: nothing was changed"))
    timeout_s = min(timeout_s, request.timeout_s)
    return encode_answer(await _answer(store, request.operation, timeout_s))


async def _answer(store: Answering, operation: bytes, timeout_s: float) -> Answer:
    try:
        async with asyncio.timeout(timeout_s):
            return Answer("ok", "", await store.submit(operation, store.now() + timeout_s))
    except NotProposed as error:
        return Answer("not-leader", str(error))
    except (Lost, TimeoutError) as error:
        return Answer("lost", str(error) or "not decided in time")


async def answer_read(store: Answering, timeout_s: float) -> bytes:
    """A forwarded read index."""
    if not store.leads():
        return encode_answer(Answer("not-leader"))
    try:
        async with asyncio.timeout(timeout_s):
            index = await store.read_index()
    except TimeoutError:
        index = None
    return encode_answer(Answer("ok", index=index) if index is not None else Answer("not-leader"))


def encode_answer(answer: Answer) -> bytes:
    return msgspec.msgpack.encode(answer)


def decode_answer(data: bytes) -> Answer:
    """Raises StoreError: the other side is not one of ours."""
    try:
        return msgspec.msgpack.decode(data, type=Answer)
    except msgspec.DecodeError as error:
        raise StoreError(f"the leader's answer can't be read: {error}") from error
