"""Brings a command to the leader, whoever that is, and answers when this peer's own state holds the result."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import structlog

from gd2raft.core.kv import Expect
from gd2raft.core.plan import CommandError, OutcomeUnknown, Refused, Unavailable
from gd2raft.engine.answers import remembered
from gd2raft.engine.calls import CommandCall, Done, NotLeader
from gd2raft.store.interface import Store, StoreStatus

ELECTION_WAIT_S = 3.0
QUORUM_GRACE_S = 1.5
RETRY_EVERY_S = 0.1
LEADER_CHECK_S = 0.2
DISK_CHECK_S = 0.5
IDEMPOTENCY_KEY_MAX = 256

log = structlog.get_logger("initiator")

Forward = Callable[[str, CommandCall, float], Awaitable[Done]]
"""(leader's peer id, call, timeout in s) -> Done; raises CommandError as the leader did, ConnectionError or TimeoutError."""


class Leading(Protocol):
    """Runs commands while this peer leads: the LeaderEngine, or what the daemon puts in front of it."""

    async def run(self, call: CommandCall) -> Done: ...


class Initiator:
    def __init__(self, store: Store, engine: Leading, forward: Forward, *, peer_id: str) -> None:
        self._store, self._engine, self._forward, self._peer_id = store, engine, forward, peer_id
        self._no_quorum_since: float | None = None

    async def run(
        self,
        command: str,
        request: object,
        *,
        request_id: str,
        user: str,
        timeout_s: float,
        idempotency_key: str = "",
        expect: tuple[Expect, ...] = (),
    ) -> Done:
        """Run a command exactly once. Raises CommandError (Unavailable: nothing was done; OutcomeUnknown: ask again)."""
        body = msgspec.json.encode(request)
        call = CommandCall(
            id=transaction_id(user, idempotency_key),
            command=command,
            request=body,
            initiator=self._peer_id,
            request_id=request_id,
            user=user,
            timeout_s=timeout_s,
            digest=hashlib.sha256(command.encode() + b"\0" + body).hexdigest()[:32] if idempotency_key else "",
            expect=expect,
        )
        deadline = time.monotonic() + timeout_s
        if self._store.status().disk_full:
            raise disk_full()  # this peer could not hold the result: it would wait for its own state until the deadline
        done = await self._bring(call, deadline)
        await self._hold(done.revision, deadline)
        return done

    async def _bring(self, call: CommandCall, deadline: float) -> Done:
        """Try leader after leader. A call that may have begun is only ever repeated with the same id."""
        began, waiting_since = False, time.monotonic()
        while True:
            try:
                return await self._once(call, deadline)
            except NotLeader as error:
                if not began:  # else the error of the try that may have done it says more
                    last: Exception = error
            except OutcomeUnknown as error:
                began, last = True, error
            except Unavailable:
                if not began:
                    raise  # else "nothing was changed" is true of this try only: an earlier one may have done it
            except (ConnectionError, TimeoutError) as error:
                began, last = True, error
            status = self._store.status()
            now = time.monotonic()
            if not began and (not self._quorum() or now - waiting_since > ELECTION_WAIT_S):
                raise no_leader(status)
            if (ended := remembered(self._store, call)) is not None:
                return ended
            if now >= deadline or (began and now - waiting_since > max(ELECTION_WAIT_S, 10.0)):
                raise OutcomeUnknown(
                    f"the outcome of {call.command} is unknown: {last}",
                    hint="ask again with the same Idempotency-Key, or look at the result",
                )
            await asyncio.sleep(RETRY_EVERY_S)

    def _quorum(self) -> bool:
        """Whether a quorum is in sight, or was until a moment ago: an election on a busy machine looks like a lost quorum at first."""
        now = time.monotonic()
        if self._store.status().quorum:
            self._no_quorum_since = None
            return True
        if self._no_quorum_since is None:
            self._no_quorum_since = now
        return now - self._no_quorum_since < QUORUM_GRACE_S

    async def _once(self, call: CommandCall, deadline: float) -> Done:
        status = self._store.status()
        if not self._quorum():
            raise no_leader(status)  # also when a leader is known: it is one of those that can't be reached, and would never answer
        if not status.leader:
            raise NotLeader("no leader is known at the moment")
        if status.role == "leader":
            async with asyncio.timeout(max(0.05, deadline - time.monotonic())):
                return await self._engine.run(call)
        return await self._forward_while_leading(status.leader, call, deadline)

    async def _forward_while_leading(self, leader: str, call: CommandCall, deadline: float) -> Done:
        """Wait for the leader's answer, but not longer than it leads: a leader that is cut off never answers."""
        answer = asyncio.ensure_future(self._forward(leader, call, max(0.05, deadline - time.monotonic())))
        try:
            while not answer.done():
                await asyncio.wait([answer], timeout=LEADER_CHECK_S)
                other = self._store.status().leader
                if other and other != leader and not answer.done():
                    raise ConnectionError(f"{leader} does not lead any more, {other} does")
            return answer.result()
        finally:
            answer.cancel()

    async def _hold(self, revision: int, deadline: float) -> None:
        """Wait until this peer's state holds what was done; the answer is true without it, so a peer that can't is no reason to withhold it."""
        deadline = max(deadline, time.monotonic() + DISK_CHECK_S)
        while self._store.revision < revision and (left := deadline - time.monotonic()) > 0 and not self._store.status().disk_full:
            with contextlib.suppress(TimeoutError):
                await self._store.wait_revision(revision, timeout_s=min(left, DISK_CHECK_S))
        if self._store.revision < revision:
            log.warning("this peer lags behind an answered command", revision=revision, have=self._store.revision)


def disk_full() -> CommandError:
    """Why a peer takes no command while its own log can't be written."""
    return Unavailable(
        "the disk that holds the pool's configuration is full on this peer: nothing was changed",
        hint="free some space there, it goes on by itself, or ask another peer; reads and mounted volumes go on meanwhile",
        code="disk-full",
    )


def no_leader(status: StoreStatus) -> CommandError:
    """Why nobody takes the command, as far as this peer knows."""
    if status.disk_full:
        return disk_full()
    if status.quorum:
        return Unavailable("no leader was elected in time, nothing was changed", hint="try again in a few seconds", code="no-leader")
    return Unavailable(
        "no quorum: this peer doesn't see a majority of the voters, nothing was changed",
        hint="bring the other voters back (`gd2 cluster status` shows them); reads and mounted volumes go on",
        code="no-quorum",
    )


def transaction_id(user: str, idempotency_key: str) -> str:
    """A new id, or the one that belongs to the key: the same key is the same transaction.

    >>> transaction_id("gd2", "k") == transaction_id("gd2", "k")
    True
    """
    if not idempotency_key:
        return str(uuid.uuid4())
    if len(idempotency_key) > IDEMPOTENCY_KEY_MAX or not idempotency_key.isprintable():
        raise Refused(
            f"the Idempotency-Key has {len(idempotency_key)} characters or unprintable ones, at most {IDEMPOTENCY_KEY_MAX} are possible",
            code="bad-key",
        )
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"gd2raft:{user}:{idempotency_key}"))
