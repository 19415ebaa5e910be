"""A client of the peer RPC under chaos: keys that are written once, in a session, by store.forward to whoever leads, as any other peer does.

A write is sent again with its sequence number until it is answered or given up. Each key expects to be absent, so a write that
happened twice would be answered as a conflict. This file must not know what is broken meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from bench.namespaces import Host
from bench.ours import PEER_PORT
from bench.sides import NotDone
from gd2raft import services
from gd2raft.core.kv import ABSENT, Commit, Expect, Operation, Put, Result
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import RpcError
from gd2raft.rpc.hello import HelloInfo, HelloPolicy
from gd2raft.rpc.opening import dial
from gd2raft.store.interface import StoreError
from gd2raft.store.raft import batch, forwarding
from gd2raft.store.raft.client import Answer
from gd2raft.store.raft.forwarding import LeaderClock

PREFIX = "chaos/"
VALUE_BYTES = 200
DIAL_S, ATTEMPT_S, GIVE_UP_S = 1.0, 2.0, 8.0
PAUSE_S = 0.05
FILL_KEYS = 2000
NOT_PROPOSED = ("not-leader", "no-quorum", "full")

Fate = Literal["done", "refused", "unknown"]


class Twice(Exception):
    """A write that expects its key to be absent found it there: it happened before."""


class Appender:
    """Writes PREFIX + name/1, /2, ... one after the other. `fates`: what it was told; `twice`: keys that were there already."""

    def __init__(self, name: str, beside: Host, peers: Sequence[Host], pool: Mapping[str, str]) -> None:
        self._name, self._beside, self._pool = name, beside, pool
        self._addresses = [f"{host.address}:{PEER_PORT}" for host in peers]
        self._me = str(uuid.uuid4())
        self._turn = 0
        self._connection: Connection | None = None
        self._clock = LeaderClock()
        self._session, self._sequence = "", 0
        self.fates: dict[str, Fate] = {}
        self.twice: list[str] = []

    def run(self, until: float, per_s: float) -> None:
        """In a thread of its own, which lives in the network of one host: its way to the leader is as bad as that host's."""
        with self._beside.network():
            asyncio.run(self._append(until, per_s))

    def fill(self, count: int) -> None:
        """Write so many keys, many in a commit. Raises NotDone when one is not acknowledged."""
        with self._beside.network():
            asyncio.run(self._fill(count))

    async def _fill(self, count: int) -> None:
        for first in range(0, count, FILL_KEYS):
            keys = [f"{PREFIX}{self._name}/{number}" for number in range(first, min(first + FILL_KEYS, count))]
            commit = Commit(put=tuple(Put(key, value_of(key)) for key in keys))
            fate, _ = await self._insist(Operation(commit=commit))
            if fate != "done":
                raise NotDone(f"the store could not be filled: {fate} after {first} keys")
            self.fates.update(dict.fromkeys(keys, fate))
        self._drop()

    async def _append(self, until: float, per_s: float) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            key = f"{PREFIX}{self._name}/{number}"
            began = time.monotonic()
            try:
                self.fates[key] = await self._write(key)
            except Twice:
                self.twice.append(key)
            await asyncio.sleep(max(0.0, 1 / per_s - (time.monotonic() - began)))
        self._drop()

    async def _write(self, key: str) -> Fate:
        if not self._session and not await self._open():
            return "refused"  # never sent
        self._sequence += 1
        commit = Commit((Expect(key, ABSENT),), (Put(key, value_of(key)),))
        operation = Operation(self._session, self._sequence, self._sequence - 1, commit)
        fate, result = await self._insist(operation)
        if result is not None and result.outcome == "conflict":
            raise Twice(key)
        if result is not None and result.outcome != "done":
            self._session = ""
            return "unknown"
        return fate

    async def _open(self) -> bool:
        name = f"chaos/{uuid.uuid4().hex[:16]}"
        fate, _ = await self._insist(Operation(session=name))
        if fate == "done":
            self._session, self._sequence = name, 0
        return fate == "done"

    async def _insist(self, operation: Operation) -> tuple[Fate, Result | None]:
        deadline, maybe = time.monotonic() + GIVE_UP_S, False
        while time.monotonic() < deadline:
            try:
                answer = await self._attempt(operation)
            except (RpcError, OSError, StoreError, TimeoutError):
                self._drop()
                maybe = True
                continue
            if answer is None:
                await asyncio.sleep(PAUSE_S)
                continue
            if answer.status == "ok" and answer.result is not None:
                return "done", answer.result
            if answer.status in NOT_PROPOSED:
                self._drop()
            else:
                maybe = True
            await asyncio.sleep(PAUSE_S)
        return ("unknown" if maybe else "refused"), None

    async def _attempt(self, operation: Operation) -> Answer | None:
        """None: nobody could be asked. Raises when it may have been proposed."""
        if self._connection is None or self._connection.closed:
            self._connection = await self._dial()
        if self._connection is None:
            return None
        leader, now = self._connection.peer.peer_id, time.monotonic()
        data = forwarding.encode_requests([self._clock.request(leader, batch.encode_operation(operation), now + ATTEMPT_S, now)])
        request = services.Forwarded(data, int(1000 * ATTEMPT_S))
        reply = await self._connection.call(services.STORE_FORWARD, request, timeout_s=ATTEMPT_S)
        (answer,) = forwarding.decode_answers(reply.payload, 1)
        self._clock.note(leader, answer, time.monotonic())
        return answer

    async def _dial(self) -> Connection | None:
        self._turn += 1
        key = bytes.fromhex(self._pool["pool_key"])
        policy = HelloPolicy(lambda: HelloInfo(self._me, self._pool["pool_id"]), lambda _key_id: key)
        with contextlib.suppress(RpcError, OSError):
            return await dial(self._addresses[self._turn % len(self._addresses)], policy, Endpoint({}), timeout_s=DIAL_S)
        return None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort("another peer is asked")
        self._connection = None

    def counts(self) -> Counter[str]:
        return Counter(f"append {fate}" for fate in self.fates.values())


def value_of(key: str) -> bytes:
    return f"value of {key} ".encode().ljust(VALUE_BYTES, b".")


def judge(appenders: Sequence[Appender], peer: str, values: Mapping[str, bytes]) -> tuple[list[str], int]:
    """Against the state of one peer: violations, and how many acknowledged writes are lost."""
    found, lost = [], 0
    for appender in appenders:
        found += [f"{key} was written twice" for key in appender.twice]
        for key, fate in appender.fates.items():
            if fate == "done" and values.get(key) != value_of(key):
                lost += 1
                found.append(f"{peer}: {key} was acknowledged and is lost (there is {values.get(key)!r})")
            elif fate == "refused" and key in values:
                found.append(f"{peer}: {key} was refused and is there")
    return found, lost
