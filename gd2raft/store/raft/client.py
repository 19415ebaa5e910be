"""How a commit gets to the leader and its answer back, exactly once: session, retries, deadlines. It must not know of logs.

A commit carries (session, sequence). When its fate is not known (the leader died, an answer was lost) it is sent again with
the same sequence until the deadline; the state machine answers a repetition from memory. An error says "not proposed" only
when no attempt can have reached a log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from gd2raft.core.kv import Commit, Operation, Result, check_limits
from gd2raft.store.interface import NoLeader, NoQuorum, OutcomeUnknown, StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.proposer import Lost, NotProposed

T = TypeVar("T")

RETRY_S = 0.05
LEADER_CHECK_S = 0.1
SHORTEST_WAIT_S = 0.001
"""A rest of 1e-16 s, as the difference of two times can be, would be waited for again and again."""


class StoreFull(StoreError):
    """The disk of the log is full; nothing was proposed."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a leader says to a forwarded operation or read. status: ok, not-leader, lost, no-quorum, full, bad.

    clock: its clock when it said so; term: the one in which it leads (so a leader that was restarted has another).
    """

    status: str
    message: str = ""
    result: Result | None = None
    index: int = 0
    clock: float | None = None
    term: int = 0


class Request(msgspec.Struct, frozen=True, array_like=True):
    """A forwarded operation. latest: by the clock of the leader of `term`, when it must not be proposed any more (None: not known)."""

    operation: bytes
    timeout_s: float
    term: int = 0
    latest: float | None = None


class Router(Protocol):
    """What the client needs of the store around it."""

    def now(self) -> float: ...
    def leads(self) -> bool: ...
    def leader(self) -> str: ...
    def has_quorum(self) -> bool: ...
    def is_full(self) -> bool: ...
    def submit(self, operation: bytes, deadline: float) -> asyncio.Future[Result]: ...
    async def forward_operation(self, leader: str, operation: bytes, deadline: float) -> Answer: ...
    async def wait_change(self, timeout_s: float) -> None: ...
    async def wait_revision(self, revision: int) -> None: ...


class Client:
    """See the module's docstring. One per store: its session is opened by the first commit."""

    def __init__(self, router: Router, new_session: Callable[[], str], leader_wait_s: float, commits_max: int) -> None:
        self._router, self._new_session = router, new_session
        self._leader_wait_s, self._commits_max = leader_wait_s, commits_max
        self._session = ""
        self._opening = asyncio.Lock()
        self._sequence = 0
        self._acked = 0
        self._finished: set[int] = set()  # above _acked

    async def commit(self, commit: Commit, timeout_s: float) -> Result:
        check_limits(commit)
        if self._sequence - self._acked >= self._commits_max:
            raise StoreError(f"{self._commits_max} commits of this peer are in flight: try again later")
        deadline = self._router.now() + timeout_s
        for _ in range(3):
            session = await self._open(deadline)
            result = await self._commit_in(session, commit, deadline)
            if result.outcome != "no-session":
                return await self._settle(result, deadline)
            if self._session == session:
                self._session = ""
        raise StoreError("the session of this peer is forgotten again and again: too many sessions are open")

    async def _open(self, deadline: float) -> str:
        if not self._session:
            try:
                async with asyncio.timeout(max(0.0, deadline - self._router.now())), self._opening:
                    if not self._session:
                        await self._open_new(deadline)
            except (TimeoutError, OutcomeUnknown) as error:
                raise NoLeader("no session could be opened in time; the commit was not proposed") from error
        return self._session

    async def _open_new(self, deadline: float) -> None:
        name = self._new_session()
        await self._deliver(Operation(session=name), deadline)
        self._session, self._sequence, self._acked = name, 0, 0
        self._finished.clear()

    async def _commit_in(self, session: str, commit: Commit, deadline: float) -> Result:
        self._sequence += 1
        sequence = self._sequence
        try:
            return await self._deliver(Operation(session, sequence, self._acked, commit), deadline)
        finally:
            if session == self._session:
                self._finish(sequence)

    def _finish(self, sequence: int) -> None:
        self._finished.add(sequence)
        while self._acked + 1 in self._finished:
            self._acked += 1
            self._finished.discard(self._acked)

    async def _settle(self, result: Result, deadline: float) -> Result:
        """The answer is given when this peer's own state holds it."""
        if result.outcome == "forgotten":
            raise OutcomeUnknown("the commit was tried before, and its answer is forgotten")
        try:
            await _until(self._router, deadline, self._router.wait_revision(result.revision))
        except TimeoutError:
            raise OutcomeUnknown(f"committed at revision {result.revision}, which has not reached this peer in time") from None
        return result

    async def _deliver(self, operation: Operation, deadline: float) -> Result:
        """Try until it is answered. Raises NoQuorum, NoLeader, StoreFull (never proposed) or OutcomeUnknown."""
        data = batch.encode_operation(operation)
        unknown = ""
        give_up = min(deadline, self._router.now() + self._leader_wait_s)
        while True:
            try:
                if await self._wait_leader(give_up if not unknown else deadline):
                    result = await self._attempt(data, deadline)
                    if result.outcome == "no-session" and unknown:
                        raise OutcomeUnknown(f"{unknown}; its session is forgotten since")
                    return result
            except Lost as error:
                unknown = str(error) or "the leader was lost"
            except NotProposed as error:
                await self._pause(error, unknown, min(give_up, deadline) if not unknown else deadline)
                continue
            except StoreError as error:
                if unknown and not isinstance(error, OutcomeUnknown):
                    raise OutcomeUnknown(f"{unknown}; since then: {error.cause}") from error
                raise
            if self._router.now() >= deadline:
                raise OutcomeUnknown(f"{unknown or 'no answer'} before the deadline: the commit may or may not happen")
            await self._router.wait_change(RETRY_S)

    async def _pause(self, error: NotProposed, unknown: str, until: float) -> None:
        if self._router.now() >= until:
            if unknown:
                raise OutcomeUnknown(f"{unknown}; since then: {error}")
            raise NoLeader(f"no leader took the commit in time ({error})", "nothing was proposed")
        await self._router.wait_change(RETRY_S)

    async def _wait_leader(self, give_up: float) -> bool:
        """Wait for a leader while there may be one. Raises NoQuorum at once when there can't be."""
        while True:
            if self._router.is_full():
                raise StoreFull(
                    "the disk that holds the cluster's configuration is full on this peer", "free some space; nothing was changed"
                )
            if not self._router.has_quorum():
                raise NoQuorum(
                    "no quorum: no majority of the voters can be reached from this peer", "nothing was changed, reading still works"
                )
            if self._router.leads() or self._router.leader():
                return True
            left = give_up - self._router.now()
            if left <= 0:
                raise NoLeader("no leader was elected in time", "nothing was proposed")
            await self._router.wait_change(max(SHORTEST_WAIT_S, min(left, LEADER_CHECK_S)))

    async def _attempt(self, operation: bytes, deadline: float) -> Result:
        if self._router.leads():
            answer = self._router.submit(operation, deadline)
            try:
                return await _until(self._router, deadline, answer)
            except TimeoutError:
                raise Lost("the commit was proposed and not decided in time") from None
        return await self._forward(operation, deadline)

    async def _forward(self, operation: bytes, deadline: float) -> Result:
        try:
            reply = await self._router.forward_operation(self._router.leader(), operation, deadline)
        except (TimeoutError, OSError, StoreError) as error:
            raise Lost(f"the leader did not answer ({error or type(error).__name__})") from error
        if reply.status == "ok" and reply.result is not None:
            return reply.result
        if reply.status == "lost":
            raise Lost(reply.message)
        if reply.status == "no-quorum":
            raise NoQuorum(reply.message, "nothing was changed")
        if reply.status == "full":
            raise StoreFull(reply.message)
        raise NotProposed(reply.message or reply.status)


async def _until(router: Router, deadline: float, what: Awaitable[T]) -> T:
    async with asyncio.timeout(max(0.0, deadline - router.now())):
        return await what
