"""Bugs to plant into the store, one at a time: the simulator must find each, or its silence means nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from gd2raft.store.raft import messages as m
from gd2raft.store.raft.client import Request
from gd2raft.store.raft.forwarding import LeaderClock
from gd2raft.store.raft.guard import Guard, Out
from gd2raft.store.raft.kernel import CANDIDATE
from gd2raft.store.raft.log import Log
from gd2raft.store.raft.node import RaftStore
from gd2raft.store.raft.proposer import Proposer


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def acknowledge_before_fsync() -> Any:
    def send_gated(self: Guard, peer: str, message: m.Message) -> None:
        self._outbox.append(Out(peer, message, 0))

    return _replaced(Guard, "_send_gated", send_gated)


def commit_before_own_fsync() -> Any:
    """The leader counts itself before its disk has the entry."""
    original = Log.append

    def append(self: Log, entry: Any) -> None:
        original(self, entry)
        self.durable_index = entry.index

    return _replaced(Log, "append", append)


def forget_the_vote() -> Any:
    """The hard state does not survive a crash."""
    original = Log.take_changes

    def take_changes(self: Log) -> list[Any]:
        return [change for change in original(self) if not hasattr(change, "vote")]

    return _replaced(Log, "take_changes", take_changes)


def vote_twice() -> Any:
    """A voter grants its vote to everyone who asks in a term, so that the term gets two leaders."""
    original = Guard._on_vote

    def on_vote(self: Guard, peer: str, message: Any, now: float) -> None:
        original(self, peer, message, now)
        if message.term == self.term and self.log.hard.vote not in ("", peer):
            self._send_gated(peer, m.VoteReply(self.term))

    return _replaced_handler(m.Vote, on_vote)


def deadline_from_arrival() -> Any:
    """A forwarded write's deadline is counted from when it arrives, so its time on the way is forgotten."""

    def request(self: LeaderClock, leader: str, operation: bytes, deadline: float, now: float) -> bytes:
        return msgspec.msgpack.encode(Request(operation, deadline - now))

    return _replaced(LeaderClock, "request", request)


def stale_read() -> Any:
    """A leader answers reads without asking whether it still leads."""
    return _replaced(Guard, "_confirmed_round", lambda self: self._round)


def count_acknowledgements_of_old_terms() -> Any:
    """D3: the answer to an older leadership counts."""
    original = Guard._on_append_reply

    def on_append_reply(self: Guard, peer: str, message: Any, now: float) -> None:
        original(self, peer, m.AppendReply(self.term, message.round, message.match, message.next), now)

    return _replaced_handler(m.AppendReply, on_append_reply)


def cut_what_matches() -> Any:
    """D2: every message truncates behind what it carries, as the kernel does alone."""
    original = Guard._match

    def match(self: Guard, peer: str, message: Any, now: float) -> None:
        last = message.prev_index + len(message.entries)
        if message.entries and self.log.base_index < last < self.log.last_index:
            self.log.truncate(last + 1)
        original(self, peer, message, now)

    return _replaced(Guard, "_match", match)


def propose_after_the_deadline() -> Any:
    """D21: what was queued stays queued when the leadership is lost, and its client is told that nothing was proposed."""
    original = Proposer._next_bunch

    def next_bunch(self: Proposer, now: float) -> Any:
        bunch = original(self, now)
        for waiting in bunch[1:]:
            waiting.answer.set_exception(guard_module_not_proposed())
        return bunch

    return _replaced(Proposer, "_next_bunch", next_bunch)


def guard_module_not_proposed() -> Exception:
    from gd2raft.store.interface import NoLeader

    return NoLeader("planted")


def apply_twice() -> Any:
    """Sessions are not looked at: a repeated operation happens again."""
    from gd2raft.core.kv import KeyValueState

    def apply_in_session(self: KeyValueState, operation: Any) -> Any:
        if operation.commit is None:
            return KeyValueState.__dict__["_commit"](self, type(operation)("", 0, 0, _EMPTY).commit)
        return self._commit(operation.commit)

    return _replaced(KeyValueState, "_apply_in_session", apply_in_session)


from gd2raft.core.kv import Commit  # noqa: E402

_EMPTY = Commit()


def two_votes() -> Any:
    """D16: a voter's answer counts as often as it comes; and its stickiness is gone (D15)."""

    def on_vote_reply(self: Guard, peer: str, message: Any, now: float) -> None:
        if self.kernel.state == CANDIDATE and message.term == self.term:
            for _ in range(2):
                self.kernel.receive(peer, {"type": "response_vote", "term": message.term}, now)

    return _replaced_handler(m.VoteReply, on_vote_reply)


def two_changes_at_once() -> Any:
    """D12: voters are changed while an earlier change is not committed."""

    def propose_config(self: Guard, voters: tuple[str, ...], now: float) -> Any:
        from gd2raft.store.raft.log import config_command

        return self.propose(config_command(voters), now)

    return _replaced(Guard, "propose_config", propose_config)


def answer_before_applied_here() -> Any:
    async def wait_revision(self: RaftStore, revision: int, *, timeout_s: float = 1.0) -> None:
        return

    return _replaced(RaftStore, "wait_revision", wait_revision)


@contextmanager
def _replaced_handler(kind: type[m.Message], handler: Callable[..., None]) -> Iterator[None]:
    original = Guard._handlers[kind]
    Guard._handlers[kind] = handler
    try:
        yield
    finally:
        Guard._handlers[kind] = original


BUGS: dict[str, Callable[[], Any]] = {
    bug.__name__: bug
    for bug in (
        acknowledge_before_fsync,
        commit_before_own_fsync,
        forget_the_vote,
        vote_twice,
        deadline_from_arrival,
        stale_read,
        count_acknowledgements_of_old_terms,
        cut_what_matches,
        propose_after_the_deadline,
        apply_twice,
        two_votes,
        two_changes_at_once,
        answer_before_applied_here,
    )
}

RARE = {"count_acknowledgements_of_old_terms"}
"""The simulator meets it once in some 700 seeds (267): too rarely for what must be found within 200. test_guard.py plants it into its scene."""
