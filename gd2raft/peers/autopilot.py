"""The leader's autopilot: one change of the voters at a time, towards what core.membership wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import structlog

from gd2raft.core.membership import Candidate, VotersWished, next_voter_change
from gd2raft.store.interface import StoreError

EVERY_S = 1.0
"""While this peer leads others: who comes and goes is seen by looking. One that doesn't lead, or leads nobody, is poked when that changes."""
CHANGE_TIMEOUT_S = 10.0
LAG_MAX = 250
"""Entries that a learner may lack to count as caught up."""

log = structlog.get_logger("autopilot")


class Voting(Protocol):
    """What the autopilot can do to the store."""

    async def add_voter(self, peer_id: str, *, timeout_s: float) -> None: ...

    async def remove_voter(self, peer_id: str, *, timeout_s: float) -> None: ...


class Lead(Protocol):
    """What the autopilot asks about the pool."""

    def leads(self) -> bool: ...

    def candidates_for_vote(self) -> list[Candidate]: ...

    def voters(self) -> frozenset[str]: ...

    async def lag(self, peer_id: str) -> int: ...


class Autopilot:
    def __init__(self, voting: Voting, lead: Lead, peer_id: str, wished: Callable[[], VotersWished]) -> None:
        self._voting, self._lead, self._peer_id, self._wished = voting, lead, peer_id, wished
        self._task: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._leaving: set[str] = set()
        self._poke = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="autopilot")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def poke(self) -> None:
        self._poke.set()

    async def _run(self) -> None:
        pause: float | None = EVERY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._poke.wait()
            self._poke.clear()
            pause = None
            if not self._lead.leads():
                continue
            try:
                if self._is_alone():
                    continue
                pause = EVERY_S
                async with self._busy:
                    await self._step()
            except StoreError as error:
                log.info("voter change not done", why=str(error))
            except Exception:
                log.exception("autopilot broke")

    def _is_alone(self) -> bool:
        return self._lead.voters() == {self._peer_id} and [c.id for c in self._lead.candidates_for_vote()] == [self._peer_id]

    async def _step(self) -> None:
        candidates = [c for c in self._lead.candidates_for_vote() if c.id not in self._leaving]
        wished = self._wished()
        change = next_voter_change(
            candidates, self._lead.voters() - self._leaving, self._peer_id, configured=wished.voters, dead_s=wished.replace_after_s
        )
        if change is None:
            return
        if change.action == "add":
            if await self._lead.lag(change.peer_id) > LAG_MAX:
                return
            log.info("adding a voter", peer=change.peer_id, why=change.why)
            await self._voting.add_voter(change.peer_id, timeout_s=CHANGE_TIMEOUT_S)
        else:
            log.info("removing a voter", peer=change.peer_id, why=change.why)
            await self._voting.remove_voter(change.peer_id, timeout_s=CHANGE_TIMEOUT_S)

    async def retire(self, peer_id: str) -> None:
        """See to it that a peer that is about to leave doesn't vote (it isn't the leader). Raises StoreError."""
        self._leaving.add(peer_id)
        try:
            async with self._busy:
                if peer_id in self._lead.voters():
                    await self._voting.remove_voter(peer_id, timeout_s=CHANGE_TIMEOUT_S)
        except BaseException:
            self._leaving.discard(peer_id)
            raise

    def stays(self, peer_id: str) -> None:
        """It didn't leave after all."""
        self._leaving.discard(peer_id)

    async def successor(self) -> str:
        """A voter (other than this peer) that can take the lead: one that votes, or a learner made a voter. "" when there is none."""
        async with self._busy:
            living = {c.id for c in self._lead.candidates_for_vote() if c.gone_s <= 0} - {self._peer_id}
            if ready := sorted(living & self._lead.voters()):
                return ready[0]
            for peer_id in sorted(living):
                if await self._lead.lag(peer_id) <= LAG_MAX:
                    await self._voting.add_voter(peer_id, timeout_s=CHANGE_TIMEOUT_S)
                    return peer_id
        return ""
