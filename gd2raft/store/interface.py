"""What the rest of the daemon knows of the store. It must not know of terms, logs or which implementation runs.

Reads are local: `get`, `list` and `revision` see what this peer has applied. `linearizable()` waits until this peer has
applied everything that was acknowledged anywhere before the call. Commits are refused with the errors below; only
`OutcomeUnknown` leaves open whether the change happened, and repeating the commit with the same sequence settles it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import msgspec

from gd2raft.core.kv import Commit, Event, Result, Versioned


class StoreError(Exception):
    """The store could not do it; the message says why and what to do. `cause`: without what it means for this very call."""

    def __init__(self, cause: str, consequence: str = "") -> None:
        super().__init__(f"{cause}: {consequence}" if consequence else cause)
        self.cause = cause


class NoQuorum(StoreError):
    """No majority of the voters in sight: writes are refused at once, nothing was proposed."""


class NoLeader(StoreError):
    """No leader within the deadline (an election may be going on); nothing was proposed."""


class OutcomeUnknown(StoreError):
    """The commit was proposed and its deadline passed (or leadership was lost): it may or may not happen."""


class Compacted(StoreError):
    """A watch from a revision whose changes are not remembered any more: list again, then watch from that revision."""


class StoreStatus(msgspec.Struct, frozen=True):
    """What `gd2 cluster status` shows of the store. Ids are peer ids; "" when unknown."""

    role: str  # leader, follower, candidate, learner
    leader: str
    term: int
    quorum: bool
    voters: tuple[str, ...]
    log_index: int
    commit_index: int
    applied: int
    revision: int
    disk_full: bool = False  # this peer's: it neither leads nor acknowledges before there is space again


class Watch(Protocol):
    """Changes in revision order. Bounded: a reader that falls too far behind gets Compacted. It is read by iterating, or by take() when
    tell() says that something changed."""

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]: ...

    async def __anext__(self) -> Sequence[Event]: ...

    def take(self) -> Sequence[Event]:
        """Some of those that were not read yet, none when all were. Raises Compacted."""
        ...

    def tell(self, changed: Callable[[], None]) -> None:
        """Call `changed` when there may be something to take, until it is closed: in the middle of the store's work, so it must only note it."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    """See the module's docstring."""

    @property
    def revision(self) -> int: ...

    def get(self, key: str) -> Versioned | None: ...

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]: ...

    async def commit(self, commit: Commit, *, timeout_s: float) -> Result:
        """Propose and wait until it is committed and this peer has applied it. "done" or "conflict" (kv.Result).

        Raises TooLarge, NoQuorum, NoLeader, OutcomeUnknown.
        """
        ...

    async def linearizable(self, *, timeout_s: float) -> int:
        """Wait until this peer's state is at least as new as every commit acknowledged before the call: its revision."""
        ...

    async def wait_revision(self, revision: int, *, timeout_s: float) -> None:
        """Wait until this peer has applied `revision`; raises TimeoutError."""
        ...

    def watch(self, prefix: str = "", from_revision: int | None = None) -> Watch:
        """Changes of keys under `prefix` after `from_revision` (default: now). Raises Compacted."""
        ...

    def status(self) -> StoreStatus: ...
