"""Linearizable reads, from any peer: a read index of the leader, then waiting until this peer has applied it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from gd2raft.store.interface import NoLeader, NoQuorum, StoreError

RETRY_S = 0.05


class Reading(Protocol):
    """What is needed of the store around."""

    def now(self) -> float: ...
    def leads(self) -> bool: ...
    def leader(self) -> str: ...
    def has_quorum(self) -> bool: ...
    async def read_index(self) -> int | None: ...
    async def forward_read(self, leader: str, deadline: float) -> int | None: ...
    async def wait_applied(self, index: int) -> None: ...
    async def wait_change(self, timeout_s: float) -> None: ...


async def wait_linearizable(store: Reading, timeout_s: float, leader_wait_s: float) -> None:
    """Wait until the store is as new as everything acknowledged before. Raises NoQuorum (at once) or NoLeader."""
    deadline = store.now() + timeout_s
    give_up = min(deadline, store.now() + leader_wait_s)
    while True:
        if not store.has_quorum():
            raise NoQuorum("no quorum: no majority of the voters can be reached from this peer: reads without linearizability still work")
        if (index := await _read_index(store, deadline)) is not None:
            await _wait_applied(store, index, deadline)
            return
        if store.now() >= give_up:
            raise NoLeader("no leader confirmed the read in time")
        await store.wait_change(RETRY_S)


async def _wait_applied(store: Reading, index: int, deadline: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, deadline - store.now())):
            await store.wait_applied(index)
    except TimeoutError:
        raise NoLeader(f"this peer did not catch up to entry {index} in time") from None


async def _read_index(store: Reading, deadline: float) -> int | None:
    try:
        async with asyncio.timeout(max(0.0, deadline - store.now())):
            if store.leads():
                return await store.read_index()
            if leader := store.leader():
                return await store.forward_read(leader, deadline)
    except (TimeoutError, OSError, StoreError):
        pass
    return None
