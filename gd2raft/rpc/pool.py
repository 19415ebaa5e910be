"""Short-lived business with other peers: connections by address, dialled when needed, kept while they are useful.

One dial per address at a time; after a failure a pause that grows, with jitter, so that a dead peer costs little and a
pool that comes back is not stormed. Connections that nobody uses are closed, the longest unused first.
For a connection that must live (a feed, a voter's stream) use `dial`: it is not shared, and the caller closes it.
This file must not know what the methods mean.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gd2raft.rpc import opening
from gd2raft.rpc.connection import Connection, OnClose
from gd2raft.rpc.dispatch import Endpoint, Explain, Handlers
from gd2raft.rpc.errors import DialFailed, HelloRefused, RpcClosed, RpcError, RpcTimeout
from gd2raft.rpc.hello import HelloPolicy, JoinDial
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.service import Method, Rep, Req
from gd2raft.rpc.traffic import Traffic

GRACE_S = 0.5  # between `get` and the first call a connection looks idle


@dataclass(frozen=True)
class PoolLimits:
    """`connections_max` bounds idle ones: connections in use are never closed for others."""

    connections_max: int = 64
    idle_s: float = 60.0
    backoff_first_s: float = 0.1
    backoff_max_s: float = 5.0
    addresses_max: int = 4096  # remembered failures


@dataclass
class _Failure:
    error: RpcError
    pause_s: float
    until: float  # loop time


class ConnectionPool:
    """Dials with `policy`, serves `handlers` on what it dialled (connections are symmetric).

    `tls`: a client-side context; the handshake runs inside it.
    """

    def __init__(
        self,
        policy: HelloPolicy,
        handlers: Handlers,
        limits: RpcLimits | None = None,
        *,
        pool_limits: PoolLimits | None = None,
        local_address: str | None = None,
        traffic: Traffic | None = None,
        explain: Explain | None = None,
        tls: ssl.SSLContext | None = None,
        jitter: random.Random | None = None,
        on_refused: Callable[[HelloRefused], None] = lambda error: None,
    ) -> None:
        self._policy = policy
        self._endpoint = Endpoint.build(handlers, limits, traffic, explain)
        self._limits = pool_limits or PoolLimits()
        self._local_address = local_address
        self._tls = tls
        self._jitter = jitter or random.Random()
        self._open: OrderedDict[str, Connection] = OrderedDict()  # the least recently used first
        self._used_at: dict[str, float] = {}
        self._dials: dict[str, asyncio.Task[Connection]] = {}
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._on_refused = on_refused

    @property
    def traffic(self) -> Traffic:
        return self._endpoint.traffic

    def __len__(self) -> int:
        return len(self._open)

    async def get(self, address: str, *, expect_peer_id: str | None = None) -> Connection:
        """A connection to "host:port", an open one if there is. Use it soon: it is shared, and closed when idle.

        DialFailed at once while the pause after a failure lasts. HelloRefused 'wrong-peer' if another peer answers.
        """
        connection = self._open.get(address)
        if connection is None or connection.closed:
            connection = await self._dial_once(address)
        opening.check_peer(connection, expect_peer_id, address)
        self._touch(address)
        return connection

    async def call(
        self,
        address: str,
        method: Method[Req, Rep],
        request: Req,
        timeout_s: float,
        *,
        expect_peer_id: str | None = None,
        patience_s: float = 0.0,
    ) -> Rep:
        """Dial if needed and call, all within timeout_s. Errors of `get` and of Connection.call.

        `patience_s`: a pause after a failure that ends so soon is waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        if 0 < (pause_s := self._pause_left(address)) <= min(patience_s, timeout_s):
            await asyncio.sleep(pause_s)
        try:
            async with asyncio.timeout_at(deadline) as timeout:
                connection = await self.get(address, expect_peer_id=expect_peer_id)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise DialFailed(f"peer RPC at {address}: no connection within {timeout_s:g} s: {method.name} was not sent") from None
        if (left_s := deadline - loop.time()) <= 0:
            raise RpcTimeout(f"{method.name} on {connection.describe()}: no time left after dialling")
        try:
            return await connection.call(method, request, timeout_s=left_s)
        finally:
            self._touch(address)

    async def dial(
        self,
        address: str,
        *,
        join: JoinDial | None = None,
        expect_peer_id: str | None = None,
        timeout_s: float | None = None,
        on_close: OnClose | None = None,
    ) -> Connection:
        """A connection of the caller's own: not shared, no pause after failures, closed by the caller."""
        try:
            return await opening.dial(
                address,
                self._policy,
                self._endpoint,
                join=join,
                expect_peer_id=expect_peer_id,
                local_address=self._local_address,
                timeout_s=timeout_s,
                tls=self._tls,
                on_close=on_close,
            )
        except HelloRefused as error:
            self._on_refused(error)
            raise

    def forget(self, address: str) -> None:
        """End the pause after failures: there is reason to believe that the peer is back."""
        self._failures.pop(address, None)

    async def close(self) -> None:
        """Close the shared connections and give up dials that are under way."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        dials = list(self._dials.values())
        for task in dials:
            task.cancel()
        await asyncio.gather(*dials, return_exceptions=True)
        await asyncio.gather(*(connection.close("this peer is stopping") for connection in list(self._open.values())))

    async def _dial_once(self, address: str) -> Connection:
        if self._closed:
            raise RpcClosed(f"peer RPC at {address}: this peer is stopping")
        task = self._dials.get(address)
        if task is None:
            self._check_pause(address)
            task = asyncio.get_running_loop().create_task(self._dial_shared(address), name=f"dial {address}")
            self._dials[address] = task
            task.add_done_callback(lambda done: self._dialled(address, done))
        return await asyncio.shield(task)  # one caller's deadline must not end the others' dial

    async def _dial_shared(self, address: str) -> Connection:
        return await self.dial(address, on_close=lambda connection: self._lost(address, connection))

    def _dialled(self, address: str, task: asyncio.Task[Connection]) -> None:
        self._dials.pop(address, None)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, (DialFailed, HelloRefused)):
            self._remember(address, error)
        elif error is None:
            self._failures.pop(address, None)
            self._keep(address, task.result())

    def _keep(self, address: str, connection: Connection) -> None:
        if self._closed:
            connection.abort("this peer is stopping")
        elif not connection.closed:
            self._open[address] = connection
            self._touch(address)
            self._sweep()

    def _lost(self, address: str, connection: Connection) -> None:
        if self._open.get(address) is connection:
            del self._open[address]
            self._used_at.pop(address, None)

    def _touch(self, address: str) -> None:
        if address in self._open:
            self._open.move_to_end(address)
            self._used_at[address] = asyncio.get_running_loop().time()

    def _pause_left(self, address: str) -> float:
        failure = self._failures.get(address)
        return failure.until - asyncio.get_running_loop().time() if failure is not None else 0.0

    def _check_pause(self, address: str) -> None:
        failure, left_s = self._failures.get(address), self._pause_left(address)
        if failure is not None and left_s > 0:
            raise DialFailed(f"{failure.error} (not tried again for {max(left_s, 0.1):.1f} s)") from failure.error

    def _remember(self, address: str, error: RpcError) -> None:
        before = self._failures.pop(address, None)
        pause_s = self._limits.backoff_first_s if before is None else min(before.pause_s * 2, self._limits.backoff_max_s)
        until = asyncio.get_running_loop().time() + pause_s * self._jitter.uniform(0.5, 1.0)
        self._failures[address] = _Failure(error, pause_s, until)
        if len(self._failures) > self._limits.addresses_max:
            self._failures.popitem(last=False)

    def _sweep(self) -> None:
        """Close what was idle for too long, and the least recently used idle ones past the limit. Repeats while there are any."""
        now = asyncio.get_running_loop().time()
        for address, connection in list(self._open.items()):
            too_many = len(self._open) > self._limits.connections_max
            idle_s = now - self._used_at[address]
            if connection.calls_in_progress or idle_s < (GRACE_S if too_many else self._limits.idle_s):
                continue
            del self._open[address], self._used_at[address]
            connection.drop("idle")
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._open:
            again_s = GRACE_S if len(self._open) > self._limits.connections_max else self._limits.idle_s / 2
            self._timer = asyncio.get_running_loop().call_later(again_s, self._sweep)
