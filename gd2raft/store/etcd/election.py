"""Who leads the pool, decided in etcd: the peer whose lease holds the key state/leader, for as long as it renews that lease.

The term is the key's create_revision, which grows with every new leader and fences the old one: what a leader commits is done only
while its key is there (commits.py). A leader that can't renew stops leading by its own clock before etcd lets another one lead.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

import structlog

from gd2raft.store.etcd.errors import EtcdError
from gd2raft.store.etcd.gateway import TXN, Gateway
from gd2raft.store.etcd.layout import Layout
from gd2raft.store.etcd.lease import Lease
from gd2raft.store.etcd.messages import TxnAnswer, compare, put
from gd2raft.store.etcd.mirror import Leader

LOOK_EVERY_S = 0.5
SEEN_TIMEOUT_S = 2.0
ABSTAIN_S = 15.0
"""A peer that hands over leaves the lead to others for so long."""

log = structlog.get_logger("etcd")


class Election:
    """`leader`: what the mirror knows; `may_lead`: whether this peer stands (it is in the pool); `on_change`: called when it may be told."""

    def __init__(
        self,
        gateway: Gateway,
        layout: Layout,
        peer: str,
        ttl_s: int,
        *,
        leader: Callable[[], Leader],
        may_lead: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._gateway, self._layout, self._peer, self._ttl_s = gateway, layout, peer, ttl_s
        self._leader, self._may_lead, self._on_change = leader, may_lead, on_change
        self._lease: Lease | None = None
        self._poke = asyncio.Event()
        self._abstains_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._run(), name="etcd election")
        return self._task

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._resign()

    @property
    def term(self) -> int:
        """The term in which this peer leads, 0 when it doesn't."""
        leader, lease = self._leader(), self._lease
        return leader.term if lease is not None and lease.valid and leader.lease == lease.id else 0

    def poke(self) -> None:
        """Another one leads, or nobody does."""
        self._poke.set()

    async def hand_over(self) -> None:
        """Stop leading, and let another one begin."""
        self._abstains_until = asyncio.get_running_loop().time() + ABSTAIN_S
        await self._resign()

    async def _run(self) -> None:
        while True:
            try:
                if self._lease is not None:
                    await self._lead_while_valid(self._lease)
                if self._stands():
                    await self._campaign()
            except EtcdError as error:
                log.info("this peer could not try to lead", why=str(error))
                await asyncio.sleep(random.uniform(0.1, LOOK_EVERY_S))
            await self._wait(LOOK_EVERY_S)

    def _stands(self) -> bool:
        rested = asyncio.get_running_loop().time() >= self._abstains_until
        return rested and self._lease is None and not self._leader().lease and self._may_lead()

    async def _wait(self, seconds: float) -> None:
        self._poke.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, seconds)):
                await self._poke.wait()

    async def _campaign(self) -> None:
        """Put the key if nobody holds it. Raises EtcdError."""
        self._lease = lease = await Lease.grant(self._gateway, self._ttl_s, timeout_s=SEEN_TIMEOUT_S)
        key = self._layout.leader
        body = {"compare": [compare(key, "CREATE", 0)], "success": [put(key, self._peer.encode(), lease.id)]}
        try:
            won = (await self._gateway.call(TXN, body, TxnAnswer, timeout_s=SEEN_TIMEOUT_S)).succeeded
        except EtcdError:
            await self._resign()
            raise
        if not won:
            await self._resign()
            return
        deadline = asyncio.get_running_loop().time() + SEEN_TIMEOUT_S
        while self._leader().lease != lease.id and asyncio.get_running_loop().time() < deadline:
            await self._wait(0.1)

    async def _lead_while_valid(self, lease: Lease) -> None:
        while self._lease is lease and lease.valid and self._leader().lease == lease.id:
            self._on_change()
            await self._wait(min(LOOK_EVERY_S, lease.left_s))
        if self._lease is lease:
            log.warning("this peer leads no more", why="its lease was not renewed" if not lease.valid else "its key is gone from etcd")
            await self._resign()

    async def _resign(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            self._on_change()
            await lease.release()
