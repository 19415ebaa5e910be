"""A learner's log on its disk: what waits for the next fsync, how long, and what doesn't wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from waiting import until

from gd2raft.store.raft import storage as module
from gd2raft.store.raft import wal
from gd2raft.store.raft.log import OPERATIONS, Config, Entry, HardState, Log, command
from gd2raft.store.raft.memorydisk import MemoryDisk
from gd2raft.store.raft.storage import WAL, Storage, load

pytestmark = pytest.mark.fast

LONG_S = 3600.0


def entries(first: int, count: int, size: int = 1) -> list[Entry]:
    return [Entry(command(OPERATIONS, b"x" * size), index, 1) for index in range(first, first + count)]


def during(work: Callable[[Storage, MemoryDisk], Awaitable[None]], lazy_s: float) -> None:
    async def run() -> None:
        disk = MemoryDisk(random.Random(1))
        storage = Storage(disk, wal.Identity("pool", "peer"), Log(0, 0, Config(0, ("other",)), HardState(1, "")), lambda: b"12345678")
        await storage.create()
        storage.lazy_s = lazy_s
        async with asyncio.timeout(20):
            await work(storage, disk)

    asyncio.run(run())


def last_on_disk(disk: MemoryDisk) -> int:
    loaded = load(disk, "peer")
    assert loaded is not None
    return loaded.log.last_index


def grown(storage: Storage, found: list[Entry]) -> None:
    storage.log.extend(found)
    storage.kick()


def test_entries_are_applied_at_once_and_written_with_the_next_fsync() -> None:
    async def work(storage: Storage, disk: MemoryDisk) -> None:
        for number in range(1, 6):
            grown(storage, entries(number, 1))
            assert storage.may_apply
        assert last_on_disk(disk) == 0
        await until(lambda: storage.log.durable_index == 5)
        assert last_on_disk(disk) == 5 and disk.files[WAL].synced >= len(bytes(disk.files[WAL].data)) - 64  # (the seal is not)

    during(work, 0.05)


def test_many_bytes_do_not_wait() -> None:
    async def work(storage: Storage, disk: MemoryDisk) -> None:
        grown(storage, entries(1, 3, module.PUT_OFF_BYTES_MAX // 4))
        assert last_on_disk(disk) == 0
        grown(storage, entries(4, 2, module.PUT_OFF_BYTES_MAX // 4))
        await until(lambda: last_on_disk(disk) == 5)
        assert storage.log.durable_index == 0, "written, not fsynced"

    during(work, LONG_S)


def test_who_waits_until_they_are_written_does_not_wait_for_the_fsync() -> None:
    async def work(storage: Storage, disk: MemoryDisk) -> None:
        grown(storage, entries(1, 3))
        await storage.written()
        assert last_on_disk(disk) == 3

    during(work, LONG_S)


def test_on_a_full_disk_nothing_more_is_applied_until_it_is_written() -> None:
    async def work(storage: Storage, disk: MemoryDisk) -> None:
        disk.space = 0
        grown(storage, entries(1, 1))
        assert storage.may_apply, "it isn't known yet"
        await until(lambda: storage.full)
        grown(storage, entries(2, 1))
        assert not storage.may_apply
        disk.space = None
        await until(lambda: storage.may_apply and not storage.full)
        await storage.written()
        assert last_on_disk(disk) == 2

    during(work, 0.05)


def test_a_daemon_that_ends_in_order_leaves_nothing_unwritten() -> None:
    async def work(storage: Storage, disk: MemoryDisk) -> None:
        grown(storage, entries(1, 7))
        await storage.close()
        assert last_on_disk(disk) == 7

    during(work, LONG_S)


def test_a_learner_that_is_to_vote_has_everything_on_its_disk_first() -> None:
    async def work(storage: Storage, disk: MemoryDisk) -> None:
        grown(storage, entries(1, 4))
        storage.lazy_s = None
        await storage.flush()
        assert storage.log.durable_index == 4

    during(work, LONG_S)
