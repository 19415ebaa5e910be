"""A commit as one etcd transaction, exactly once: session, retries, deadlines. The counterpart of the Raft store's client.py.

The transaction compares what the commit expects, that its session is open, and that this (session, sequence) has not happened; it
puts the changes, the head and the answer. When its fate is not known it is sent again, the same, until the deadline: it then either
happens now or finds its answer. An answer is deleted when nobody can ask for it any more; the session's own key says up to which
sequence, so a copy of an old transaction that turns up late (from a stopped etcd member) compares false and changes nothing.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from gd2raft.core.kv import Commit, Result, TooLarge, check_limits
from gd2raft.store.etcd.errors import EtcdError, Lost, NotSent, Rejected
from gd2raft.store.etcd.gateway import TXN, Gateway
from gd2raft.store.etcd.layout import FORMAT, Layout, number
from gd2raft.store.etcd.lease import Lease
from gd2raft.store.etcd.messages import KeyValue, OneAnswer, TxnAnswer, compare, delete, look, put, read
from gd2raft.store.interface import NoLeader, NoQuorum, OutcomeUnknown, StoreError

ATTEMPT_S = 3.0
RETRY_S = 0.1
COMMITS_MAX = 256
SESSION_TTL_S = 120
SEALED = b"sealed"
"""Value of an answer that says: this commit was not done, and never will be."""

TOO_MANY, TOO_LONG, NO_SPACE = "too many operations", "request is too large", "database space exceeded"


class StoreFull(StoreError):
    """etcd's database is full; nothing was changed."""


class Session(msgspec.Struct):
    """An open session. `settled`: up to this sequence every outcome is known here; `told`: so etcd has been told."""

    id: str
    lease: Lease
    sequence: int = 0
    settled: int = 0
    finished: set[int] = {}  # type: ignore[assignment]  # above `settled`
    told: int = 0
    telling: bool = False
    unsettled: bool = False  # it is gone from etcd, or an outcome in it stayed unknown: no more commits in it

    def finish(self, sequence: int) -> None:
        self.finished.add(sequence)
        while self.settled + 1 in self.finished:
            self.settled += 1
            self.finished.discard(self.settled)


class Commits:
    """`fence`: the term in which this peer leads (0: it doesn't); `has_quorum`: whether etcd answers; `wait`: for a revision, here."""

    def __init__(
        self,
        gateway: Gateway,
        layout: Layout,
        *,
        fence: Callable[[], int],
        has_quorum: Callable[[], bool],
        wait: Callable[[int], Awaitable[None]],
    ) -> None:
        self._gateway, self._layout = gateway, layout
        self.fence, self._has_quorum, self._wait = fence, has_quorum, wait
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._in_flight = 0

    async def close(self) -> None:
        if self._session is not None:
            await self._session.lease.release()

    async def commit(self, commit: Commit, timeout_s: float) -> Result:
        """See interface.Store."""
        check_limits(commit)
        if self._in_flight >= COMMITS_MAX:
            raise StoreError(f"{COMMITS_MAX} commits of this peer are in flight: try again later")
        deadline = now() + timeout_s
        term = self.fence()  # as it is now: the caller may have looked just before
        self._in_flight += 1
        try:
            result = await self._commit(commit, term, deadline)
        finally:
            self._in_flight -= 1
        try:
            async with asyncio.timeout(max(0.0, deadline - now())):
                await self._wait(result.revision)
        except TimeoutError:
            raise OutcomeUnknown(f"committed at revision {result.revision}, which has not reached this peer in time") from None
        return result

    async def _commit(self, commit: Commit, term: int, deadline: float) -> Result:
        for _ in range(3):
            session = await self._open(deadline)
            try:
                result = await _Attempts(self, session, commit, term, deadline).run()
            finally:
                if self._session is session and (session.unsettled or not session.lease.valid):
                    self._session = None
                    session.lease.abandon()
            if result is not None:
                return result
        raise StoreError("the session of this peer in etcd is gone again and again: does someone delete its keys?")

    # sessions

    async def _open(self, deadline: float) -> Session:
        self.check_quorum()
        try:
            async with asyncio.timeout(max(0.0, deadline - now())), self._opening:
                if self._session is None or not self._session.lease.valid:
                    self._session = await self._open_new(deadline)
                return self._session
        except TimeoutError as error:
            raise NoLeader("no session could be opened in etcd in time", "nothing was changed") from error

    async def _open_new(self, deadline: float) -> Session:
        last = "the deadline has passed"
        while (left := min(ATTEMPT_S, deadline - now())) > 0:
            try:
                lease = await Lease.grant(self._gateway, SESSION_TTL_S, timeout_s=left)
                session = Session(uuid.uuid4().hex, lease, finished=set())
                body = {"success": [put(self._layout.session(session.id), number(0), lease.id)]}
                await self._gateway.call(TXN, body, TxnAnswer, timeout_s=left)
                return session
            except Rejected as error:
                raise refused(error) from error
            except EtcdError as error:
                last = str(error)
                self.check_quorum()
                await asyncio.sleep(RETRY_S)
        raise NoLeader(f"no session could be opened in etcd in time ({last})", "nothing was changed")

    def check_quorum(self) -> None:
        if not self._has_quorum():
            raise NoQuorum(f"etcd ({self._gateway}) does not answer, or has no quorum", "nothing was changed, reading still works")

    # one transaction

    def request(self, session: Session, sequence: int, commit: Commit, told: int, term: int) -> dict[str, Any]:
        """The transaction. The looks of its other branch say, all as of one moment, why it was not done."""
        layout = self._layout
        answer, mark = layout.answer(session.id, sequence), layout.session(session.id)
        checks = self._open_and_new(session, sequence)
        if term:
            checks.append(compare(layout.leader, "CREATE", term))
        checks += [compare(layout.data(expect.key), "MOD", expect.modified) for expect in commit.expect]
        looks = [look(layout.head), read(mark), read(answer), look(layout.leader)]
        looks += [look(layout.data(expect.key)) for expect in commit.expect]
        changes = [delete(layout.data(key)) for key in commit.delete]
        changes += [put(layout.data(p.key), p.value) for p in commit.put]
        changes += [put(layout.head, FORMAT), put(answer, b"", session.lease.id)]
        if told:
            changes += [
                put(mark, number(told), session.lease.id),
                delete(layout.answer(session.id, 0), layout.answer(session.id, told + 1)),
            ]
        return {"compare": checks, "success": changes, "failure": looks}

    def seal(self, session: Session, sequence: int) -> dict[str, Any]:
        """See to it that no copy of the transaction can be done any more."""
        answer = self._layout.answer(session.id, sequence)
        return {
            "compare": self._open_and_new(session, sequence),
            "success": [put(answer, SEALED, session.lease.id)],
            "failure": [read(answer)],
        }

    def _open_and_new(self, session: Session, sequence: int) -> list[dict[str, Any]]:
        mark = compare(self._layout.session(session.id), "VALUE", number(sequence), "LESS")
        return [mark, compare(self._layout.answer(session.id, sequence), "CREATE", 0)]

    async def send(self, request: dict[str, Any], timeout_s: float) -> TxnAnswer:
        return await self._gateway.call(TXN, request, TxnAnswer, timeout_s=timeout_s)


class _Attempts:
    """One commit under one sequence, until its outcome is known."""

    def __init__(self, commits: Commits, session: Session, commit: Commit, term: int, deadline: float) -> None:
        session.sequence += 1
        self._commits, self._session, self._sequence, self._commit = commits, session, session.sequence, commit
        self._term, self._deadline = term, deadline
        # Only one transaction at a time may raise the session's mark: it never goes back.
        self._told = session.settled if session.settled > session.told and not session.telling else 0
        session.telling = session.telling or bool(self._told)
        self._unknown = ""  # why an attempt may have been done, or may yet be

    async def run(self) -> Result | None:
        """None: the session is gone and nothing was done. Raises what interface.Store.commit does."""
        known, done = False, False
        try:
            result = await self._result()
            self._session.unsettled |= result is None
            known, done = True, result is not None and result.outcome == "done"
            return result
        except (StoreError, TooLarge) as error:
            known = not isinstance(error, OutcomeUnknown)
            raise
        finally:
            self._end(known, done)

    def _end(self, known: bool, done: bool) -> None:
        session = self._session
        if known:
            session.finish(self._sequence)
        else:
            session.unsettled = True
        if self._told:
            session.telling = False
            session.told = self._told if done else session.told

    async def _result(self) -> Result | None:
        commits = self._commits
        request = commits.request(self._session, self._sequence, self._commit, self._told, self._term)
        result = self._outcome(await self._deliver(request))
        if result is not None and result.outcome == "conflict" and self._unknown:
            # A copy that is still under way must not be done later, when the state happens to be as expected again.
            sealed = await self._deliver(commits.seal(self._session, self._sequence))
            found = None if sealed.succeeded else first(sealed.responses[0])
            if not sealed.succeeded and found is None:
                raise OutcomeUnknown(f"{self._unknown}; its session is gone since")
            if found is not None and found.value != SEALED:
                return Result("done", found.create_revision)
        return result

    async def _deliver(self, request: dict[str, Any]) -> TxnAnswer:
        """Send it until it is answered. Raises NoQuorum, NoLeader, StoreFull, TooLarge (nothing was done) or OutcomeUnknown."""
        last = "no answer"
        while (left := min(ATTEMPT_S, self._deadline - now())) > 0:
            try:
                return await self._commits.send(request, left)
            except Lost as error:
                self._unknown = last = str(error)
            except NotSent as error:
                last = str(error)
                if not self._unknown:
                    self._commits.check_quorum()
            except Rejected as error:
                if self._unknown:
                    raise OutcomeUnknown(f"{self._unknown}; since then: {error}") from error
                raise refused(error) from error
            await asyncio.sleep(RETRY_S)
        if self._unknown:
            raise OutcomeUnknown(f"{self._unknown}: the commit may or may not happen")
        raise NoLeader(f"etcd took no commit in time ({last})", "nothing was changed")

    def _outcome(self, answer: TxnAnswer) -> Result | None:
        if answer.succeeded:
            return Result("done", answer.header.revision)
        head, mark, happened, leader, *expected = [first(found) for found in answer.responses]
        if happened is not None:
            return Result("done", happened.create_revision)
        if mark is None or mark.value >= number(self._sequence):
            if self._unknown:
                raise OutcomeUnknown(f"{self._unknown}; its session is gone since")
            return None
        pairs = zip(self._commit.expect, expected, strict=True)
        moved = tuple(e.key for e, found in pairs if (found.mod_revision if found else 0) != e.modified)
        if not moved and self._term and (leader is None or leader.create_revision != self._term):
            raise NoLeader("this peer doesn't lead any more", "nothing was changed")
        return Result("conflict", head.mod_revision if head else 0, moved)


def first(answer: OneAnswer) -> KeyValue | None:
    return answer.response_range.kvs[0] if answer.response_range and answer.response_range.kvs else None


def refused(error: Rejected) -> Exception:
    """What etcd's refusal means for who wanted the commit."""
    if TOO_MANY in error.text:
        return TooLarge("the commit has more keys than this etcd takes in one transaction (128, unless it was started with --max-txn-ops)")
    if TOO_LONG in error.text:
        return TooLarge("the commit is larger than this etcd takes (1.5 MiB, unless it was started with --max-request-bytes)")
    if NO_SPACE in error.text:
        return StoreFull("etcd's database is full (etcdctl alarm list): compact and defragment it, or raise its --quota-backend-bytes")
    return StoreError(f"etcd refuses the commit: {error.text}")


def now() -> float:
    return asyncio.get_running_loop().time()
