"""A lease in etcd: keys that hang on it go when this peer doesn't renew it. It must not know which keys.

`valid` is judged by this peer's own clock from the moment before the last renewal was sent, so it ends before etcd's side does.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from gd2raft.store.etcd.errors import EtcdError, Rejected
from gd2raft.store.etcd.gateway import GRANT, KEEP_ALIVE, REVOKE, Gateway
from gd2raft.store.etcd.messages import KeepAliveAnswer, LeaseAnswer

MARGIN = 0.15
"""Share of the time to live that is left unused: clocks run at different speeds, and this process may be slow to look."""

log = structlog.get_logger("etcd")


class Lease:
    """`await Lease.grant(...)`; renewed until `release` or until it is lost."""

    def __init__(self, gateway: Gateway, identity: int, ttl_s: float, since: float) -> None:
        self._gateway, self.id, self._ttl_s = gateway, identity, ttl_s
        self._renewed = since
        self._gone = False
        self._task = asyncio.create_task(self._renew(), name="etcd lease")

    @classmethod
    async def grant(cls, gateway: Gateway, ttl_s: int, *, timeout_s: float) -> Lease:
        """Raises EtcdError."""
        since = asyncio.get_running_loop().time()
        granted = await gateway.call(GRANT, {"TTL": ttl_s}, LeaseAnswer, timeout_s=timeout_s)
        return cls(gateway, granted.ID, min(ttl_s, granted.TTL), since)

    @property
    def left_s(self) -> float:
        """How long it is valid for sure."""
        if self._gone:
            return 0.0
        return self._renewed + self._ttl_s * (1 - MARGIN) - asyncio.get_running_loop().time()

    @property
    def valid(self) -> bool:
        return self.left_s > 0

    async def _renew(self) -> None:
        pause = self._ttl_s / 4
        while not self._gone:
            await asyncio.sleep(pause)
            since = asyncio.get_running_loop().time()
            try:
                answer = await self._gateway.call(KEEP_ALIVE, {"ID": self.id}, KeepAliveAnswer, timeout_s=max(0.5, self._ttl_s / 3))
            except EtcdError as error:
                self._gone = isinstance(error, Rejected) and error.code == 5  # not found
                log.info("a lease of this peer was not renewed", why=str(error))
                pause = min(0.5, self._ttl_s / 8)
                continue
            self._gone = answer.result.TTL <= 0
            self._renewed = since
            pause = self._ttl_s / 4

    def abandon(self) -> None:
        """Renew it no more: its keys stay until its time is over."""
        self._gone = True
        self._task.cancel()

    async def release(self) -> None:
        """Give it up now; etcd does by itself later if it can't be told."""
        self._gone = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(EtcdError):
            await self._gateway.call(REVOKE, {"ID": self.id}, LeaseAnswer, timeout_s=1.0)
