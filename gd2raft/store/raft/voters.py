"""Changes of who votes and who leads, as the leader carries them out: catch up first, one at a time, wait until it is committed.

It must not know who decides them: that is the daemon's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gd2raft.store.interface import OutcomeUnknown, StoreError
from gd2raft.store.raft.guard import Guard
from gd2raft.store.raft.settings import Settings
from gd2raft.store.raft.voter import Voter


class Leading(Protocol):
    """What is needed of the store around."""

    peer: str
    settings: Settings

    def now(self) -> float: ...
    def require_leader(self) -> Voter: ...
    def leads_with(self, voter: Voter) -> bool: ...
    async def wait_change(self, timeout_s: float) -> None: ...
    async def wait_applied(self, index: int) -> None: ...


class VoterChanges:
    """See the module's docstring."""

    def __init__(self, store: Leading) -> None:
        self._store = store

    async def add_voter(self, peer: str, timeout_s: float) -> None:
        """Make a learner a voter, after it has caught up. On the leader. Raises StoreError, OutcomeUnknown."""
        voter = self._store.require_leader()
        deadline = self._store.now() + timeout_s
        if peer in voter.guard.log.config.voters:
            return
        voter.do(lambda guard, now: guard.observe(peer, now))
        try:
            await self._until(lambda: self._caught_up(peer), deadline, f"the peer {peer} did not catch up in time: it was not made a voter")
            await self._change_voters(lambda voters: tuple(sorted({*voters, peer})), deadline)
        finally:
            if self._store.leads_with(voter):
                voter.guard.forget(peer)

    def _caught_up(self, peer: str) -> bool:
        guard = self._store.require_leader().guard
        progress = guard.progress.get(peer)
        lag = guard.log.last_index - (progress.match if progress else 0)
        return (
            progress is not None
            and progress.match > 0
            and lag <= 100
            and self._store.now() - progress.heard < 2 * self._store.settings.heartbeat_s
        )

    async def remove_voter(self, peer: str, timeout_s: float = 10.0) -> None:
        """Make a voter a learner. On the leader; for the leader itself: hand over first, then ask the new one."""
        voter = self._store.require_leader()
        if peer == self._store.peer:
            raise StoreError("a leader does not remove itself: transfer the leadership first, then ask the new leader")
        if peer in voter.guard.log.config.voters:
            await self._change_voters(lambda voters: tuple(v for v in voters if v != peer), self._store.now() + timeout_s)

    async def _change_voters(self, change: Callable[[tuple[str, ...]], tuple[str, ...]], deadline: float) -> None:
        proposed: tuple[int, int] | None = None

        def try_to_propose() -> bool:
            nonlocal proposed

            def propose(guard: Guard, now: float) -> None:
                nonlocal proposed
                voters = change(guard.log.config.voters)
                if voters != guard.log.config.voters:
                    proposed = guard.propose_config(voters, now)

            self._store.require_leader().do(propose)
            return proposed is not None

        await self._until(try_to_propose, deadline, "an earlier change of the voters is not committed yet")
        assert proposed is not None
        index, term = proposed
        try:
            async with asyncio.timeout(max(0.0, deadline - self._store.now())):
                await self._store.wait_applied(index)
        except TimeoutError:
            raise OutcomeUnknown("the change of the voters was proposed and not decided in time") from None
        if self._store.require_leader().guard.log.term_at(index) not in (term, None):
            raise StoreError("the change of the voters was superseded by a new leader")

    async def transfer_leadership(self, to: str, timeout_s: float = 5.0) -> None:
        """Hand the leadership to another voter. On the leader. Raises StoreError when it did not happen in time."""
        deadline = self._store.now() + timeout_s
        voter = self._store.require_leader()
        accepted = False

        def ask(guard: Guard, now: float) -> None:
            nonlocal accepted
            accepted = guard.transfer(to, now)

        voter.do(ask)
        if not accepted:
            raise StoreError(f"{to} can't take over the leadership: it is not a voter, or another transfer is under way")
        await self._until(lambda: not voter.guard.is_leader, deadline, f"{to} did not take over the leadership in time")

    async def _until(self, condition: Callable[[], bool], deadline: float, error: str) -> None:
        while not condition():
            if self._store.now() >= deadline:
                raise StoreError(error)
            await self._store.wait_change(min(self._store.settings.heartbeat_s, 0.05))
