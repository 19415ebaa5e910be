"""The client of `bench commit`, in a process of its own: commits of 300 bytes, so many at a time, for so long.

    python -m bench.commit_load ours|etcd load CONCURRENCY SECONDS < targets
    python -m bench.commit_load ours|etcd failover 1 SECONDS < targets

Targets are JSON on stdin: {"addresses": [...], "leader": 0, "pool_id": ..., "pool_key": ...}. Prints one JSON object a line.
`load` talks to the leader. `failover` sends commits to every server all the time and prints
when each that succeeded began and ended (CLOCK_MONOTONIC), so that the caller, who kills a leader meanwhile, finds the first one after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid
from typing import Any, Protocol

from bench.etcd_wire import EtcdConnection, EtcdError
from bench.report import percentile
from gd2raft import services
from gd2raft.core.kv import Commit, Operation, Put
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import RpcError
from gd2raft.rpc.hello import HelloInfo, HelloPolicy
from gd2raft.rpc.opening import dial
from gd2raft.store.interface import StoreError
from gd2raft.store.raft import batch
from gd2raft.store.raft.bunches import Bunches
from gd2raft.store.raft.forwarding import LeaderClock

VALUE_BYTES = 300
KEYS = 1000
WARM_UP_S = 1.0
ATTEMPT_S = 1.0
EVERY_S = 0.02
COMMIT_S = 10.0


class Failed(Exception):
    """Not acknowledged."""


class Target(Protocol):
    """One server."""

    async def connect(self) -> None: ...
    async def commit(self, key: str, value: bytes, timeout_s: float) -> None:
        """Raises Failed."""

    def connected(self) -> bool: ...
    def close(self) -> None: ...


class Ours:
    """Speaks to the leader as any other peer does: the peer RPC's store.forward, a session, deadlines on the leader's clock."""

    def __init__(self, address: str, config: dict[str, Any]) -> None:
        self._address, self._config = address, config
        self._me = str(uuid.uuid4())
        self._connection: Connection | None = None
        self._bunches = Bunches(self._carry, LeaderClock(), time.monotonic)
        self._session, self._sequence, self._acked = "", 0, 0
        self._finished: set[int] = set()
        self._opening = asyncio.Lock()

    async def connect(self) -> None:
        key = bytes.fromhex(self._config["pool_key"])
        policy = HelloPolicy(lambda: HelloInfo(self._me, self._config["pool_id"]), lambda _key_id: key)
        self.close()
        try:
            self._connection = await dial(self._address, policy, Endpoint({}), timeout_s=1.0)
        except (RpcError, OSError) as error:
            raise Failed(str(error)) from error

    async def _open(self, timeout_s: float) -> None:
        session = f"bench/{uuid.uuid4().hex[:16]}"
        await self._deliver(Operation(session=session), timeout_s)
        self._session, self._sequence, self._acked = session, 0, 0
        self._finished.clear()

    async def commit(self, key: str, value: bytes, timeout_s: float) -> None:
        async with self._opening:
            if not self._session:
                await self._open(timeout_s)
        self._sequence += 1
        sequence = self._sequence
        try:
            await self._deliver(Operation(self._session, sequence, self._acked, Commit(put=(Put(key, value),))), timeout_s)
        finally:
            self._finished.add(sequence)
            while self._acked + 1 in self._finished:
                self._acked += 1
                self._finished.discard(self._acked)

    async def _deliver(self, operation: Operation, timeout_s: float) -> None:
        try:
            answer = await self._bunches.add("leader", batch.encode_operation(operation), time.monotonic() + timeout_s)
        except (OSError, StoreError) as error:
            raise Failed(str(error)) from error
        if answer.status != "ok" or (answer.result is not None and answer.result.outcome != "done"):
            raise Failed(f"{answer.status} {answer.message} {answer.result}")

    async def _carry(self, _leader: str, data: bytes, timeout_s: float) -> bytes:
        if self._connection is None:
            raise ConnectionError("not connected")
        try:
            reply = await self._connection.call(
                services.STORE_FORWARD, services.Forwarded(data, int(timeout_s * 1000)), timeout_s=timeout_s
            )
        except RpcError as error:
            raise ConnectionError(str(error)) from error
        return reply.payload

    def connected(self) -> bool:
        return self._connection is not None and not self._connection.closed

    def close(self) -> None:
        if self._connection is not None:
            self._connection.abort("done")
        self._connection = None


class Etcd:
    def __init__(self, address: str, _config: dict[str, Any]) -> None:
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._connection: EtcdConnection | None = None

    async def connect(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                self._connection = await EtcdConnection.connect(self._host, self._port)
        except (OSError, TimeoutError) as error:
            raise Failed(str(error)) from error

    async def commit(self, key: str, value: bytes, timeout_s: float) -> None:
        if self._connection is None or self._connection.closed:
            raise Failed("not connected")
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.put(key.encode(), value)
        except (EtcdError, TimeoutError) as error:
            raise Failed(str(error)) from error

    def connected(self) -> bool:
        return self._connection is not None and not self._connection.closed

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


async def load(target: Target, concurrency: int, seconds: float) -> dict[str, Any]:
    """Commits after the warm-up; any that fails ends the measurement."""
    await target.connect()
    await target.commit("bench/first", b"", COMMIT_S)
    loop = asyncio.get_running_loop()
    begin = loop.time() + WARM_UP_S
    end = begin + seconds
    times: list[float] = []
    total = 0

    async def worker(number: int) -> None:
        nonlocal total
        value = os.urandom(VALUE_BYTES)
        while (before := loop.time()) < end:
            await target.commit(f"bench/{(number * 7919 + total) % KEYS}", value, COMMIT_S)
            total += 1
            if before >= begin and (now := loop.time()) <= end:
                times.append(now - before)

    cpu = time.process_time()
    await asyncio.gather(*(worker(number) for number in range(concurrency)))
    times.sort()
    busy = (time.process_time() - cpu) / (seconds + WARM_UP_S)
    target.close()
    if not times:
        raise SystemExit(f"not one commit ended within {seconds:g} s, {concurrency} at a time: is the machine busy with something else?")
    return {
        "total": total + 1,
        "per_s": len(times) / seconds,
        "p50": percentile(times, 50),
        "p99": percentile(times, 99),
        "client_busy": busy,
    }


async def failover(targets: list[Target], seconds: float) -> None:
    """To every server, every EVERY_S, a commit: none waits for another, so nobody gains by answering "not now" sooner or later."""
    async with asyncio.timeout(seconds + COMMIT_S), asyncio.TaskGroup() as group:
        for target in targets:
            group.create_task(_probe(target, time.monotonic() + seconds))


async def _probe(target: Target, end: float) -> None:
    tries: set[asyncio.Task[None]] = set()
    number = 0
    with contextlib.suppress(Failed):
        await target.connect()
    while time.monotonic() < end:
        number += 1
        task = asyncio.create_task(_try(target, f"failover/{number % KEYS}"))
        tries.add(task)
        task.add_done_callback(tries.discard)
        await asyncio.sleep(EVERY_S)
        if not target.connected():
            with contextlib.suppress(Failed):
                await target.connect()
    await asyncio.gather(*tries)
    target.close()


async def _try(target: Target, key: str) -> None:
    began = time.monotonic()
    try:
        await target.commit(key, bytes(VALUE_BYTES), ATTEMPT_S)
    except Failed:
        return
    print(json.dumps([began, time.monotonic()]), flush=True)


def main(arguments: list[str]) -> None:
    side, what, concurrency, seconds = arguments
    config = json.loads(sys.stdin.read())
    make: Any = Ours if side == "ours" else Etcd
    targets = [make(address, config) for address in config["addresses"]]
    if what == "load":
        print(json.dumps(asyncio.run(load(targets[config["leader"]], int(concurrency), float(seconds)))))
    else:
        asyncio.run(failover(targets, float(seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
