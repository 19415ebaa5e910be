"""Histories of three stores on a real etcd of three, whose members are killed and stopped and whose answers are lost: linearizable?

The faults are drawn from a seed that a failure shows; the timing is the machine's, so a seed alone does not replay it. A few faults in a
few seconds: what one of them can do alone is in test_etcd_store.py, scripted.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import uuid
from pathlib import Path

from gd2raft.core.kv import ABSENT, Commit, Expect, Put
from gd2raft.store.etcd.store import EtcdStore, Settings, endpoints
from gd2raft.store.interface import OutcomeUnknown, StoreError
from tests.store.etcd_servers import EtcdServers, LossyProxy, etcd_servers
from tests.store.linearizability import Recorder, check

SECONDS = 14.0
KEYS = ("a", "b", "c")
CLIENTS = 3
"""Of each store: some wait for a lost answer while others go on."""
WITHIN_S = 2.5
OPERATIONS_MIN = 60
"""Fewer, and the run has shown nothing."""


async def client(name: str, store: EtcdStore, record: Recorder, chance: random.Random, until: float) -> None:
    loop = asyncio.get_running_loop()
    number = 0
    while loop.time() < until:
        number += 1
        key, value = chance.choice(KEYS), f"{name}{number}".encode()
        if chance.random() < 0.6:
            await read(name, store, record, key)
        else:
            await change(name, store, record, key, value, swap=chance.random() < 0.5)
        await asyncio.sleep(chance.uniform(0.0, 0.05))


async def read(name: str, store: EtcdStore, record: Recorder, key: str) -> None:
    operation = record.invoke(name, "read", key)
    try:
        await store.linearizable(timeout_s=WITHIN_S)
    except StoreError:
        record.forget(operation)
        return
    item = store.get(key)
    record.done(operation, value=item.value if item else None)


async def change(name: str, store: EtcdStore, record: Recorder, key: str, value: bytes, *, swap: bool) -> None:
    item = store.get(key)
    expect = (Expect(key, item.modified if item else ABSENT),) if swap else ()
    operation = record.invoke(name, "cas" if swap else "write", key, value, item.value if swap and item else None)
    try:
        result = await store.commit(Commit(expect, (Put(key, value),)), timeout_s=WITHIN_S)
    except OutcomeUnknown:
        return
    except StoreError:
        record.forget(operation)
        return
    record.done(operation, "done" if result.outcome == "done" else "conflict")


async def trouble(etcd: EtcdServers, proxies: list[LossyProxy], chance: random.Random, until: float) -> int:
    """One member at a time is killed or stands still for a while; answers get lost all the time."""
    loop, faults = asyncio.get_running_loop(), 0
    while loop.time() < until - 6.0:
        for proxy in proxies:
            proxy.lose_answers = chance.randrange(1, 4)
        number, kill = chance.randrange(3), chance.random() < 0.5
        etcd.kill(number, signal.SIGKILL if kill else signal.SIGSTOP)
        faults += 1
        await asyncio.sleep(
            chance.uniform(0.3, 2.0) if kill else chance.uniform(3.0, 4.5)
        )  # past the deadline of a call, so that others are used
        if kill:
            etcd.start(number)
        else:
            etcd.kill(number, signal.SIGCONT)
        await asyncio.to_thread(etcd.wait_healthy, number)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
    return faults


async def run(folder: Path, seed: int) -> tuple[Recorder, int, int]:
    record, chance, pool = Recorder(), random.Random(seed), str(uuid.uuid4())
    async with contextlib.AsyncExitStack() as stack:
        etcd = stack.enter_context(etcd_servers(folder, 3))
        proxies = [LossyProxy(address) for address in etcd.addresses]
        urls = [await proxy.open() for proxy in proxies]
        stores = []
        for name in "xyz":
            store = await EtcdStore.open(name, pool, Settings(endpoints=endpoints(urls)), create=name == "x")
            stack.push_async_callback(store.close)
            stores.append(store)
        until = asyncio.get_running_loop().time() + SECONDS
        clients = [
            client(f"{store._peer}{n}.", store, record, random.Random(chance.random()), until) for store in stores for n in range(CLIENTS)
        ]
        *_, faults = await asyncio.gather(*clients, trouble(etcd, proxies, chance, until))
        newest = max([await store.linearizable(timeout_s=30.0) for store in stores])
        for store in stores:
            await store.wait_revision(newest, timeout_s=30.0)
        states = [store.list("") for store in stores]
        assert states[0] == states[1] == states[2], f"seed {seed}: the copies differ"
        for proxy in proxies:
            await proxy.close()
        return record, faults, sum(proxy.lost for proxy in proxies)


def test_what_three_stores_saw_of_a_troubled_etcd_is_linearizable(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    record, faults, lost = asyncio.run(run(tmp_path, seed))
    history = record.history()
    known = [operation for operation in history if operation.returned is not None]
    print(f"seed {seed}: {len(history)} operations, {len(known)} of known outcome, {faults} faults, {lost} answers lost")
    assert len(known) >= OPERATIONS_MIN and faults and lost, "too little has happened to say anything"
    check(history)
