"""What changes in a store is told at once or in the next turn, each change once, whatever the one who is told does with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gd2raft.core.changes import Changes
from gd2raft.core.kv import Commit, Put
from gd2raft.state_watch import StateWatch
from gd2raft.store.memory import MemoryStore

pytestmark = pytest.mark.fast


class Told:
    def __init__(self) -> None:
        self.keys: list[str | None] = []

    def __call__(self, changes: Changes | None) -> None:
        self.keys += [None] if changes is None else [event.key for events in changes.by_kind.values() for event in events]
        if "bad" in self.keys[-1:]:
            raise ValueError("it makes no sense")


async def commit(store: MemoryStore, *keys: str) -> None:
    await store.commit(Commit((), tuple(Put(key, b"1") for key in keys)), timeout_s=5.0)


def scene(body: Callable[[MemoryStore, Told, StateWatch], Awaitable[None]]) -> None:
    async def run() -> None:
        store, told = MemoryStore(), Told()
        await body(store, told, StateWatch(store, told))

    asyncio.run(run())


def test_each_change_is_told_once_in_the_next_turn() -> None:
    async def body(store: MemoryStore, told: Told, watch: StateWatch) -> None:
        await commit(store, "before")
        watch.start()
        assert told.keys == [None], "anything may have changed before"
        await commit(store, "a")
        await commit(store, "b", "c")
        await asyncio.sleep(0)
        assert told.keys == [None, "a", "b", "c"]
        watch.close()
        await commit(store, "d")
        await asyncio.sleep(0)
        assert told.keys == [None, "a", "b", "c"]

    scene(body)


def test_what_is_held_is_told_when_it_is_released_and_not_again() -> None:
    async def body(store: MemoryStore, told: Told, watch: StateWatch) -> None:
        watch.start()
        watch.hold()
        store._history.wake()
        await commit(store, "a")
        assert told.keys == [None]
        watch.release()
        assert told.keys == [None, "a"]
        await asyncio.sleep(0)
        assert told.keys == [None, "a"]
        await commit(store, "b")
        await asyncio.sleep(0)
        assert told.keys == [None, "a", "b"]

    scene(body)


def test_a_change_that_can_not_be_followed_does_not_end_it() -> None:
    async def body(store: MemoryStore, told: Told, watch: StateWatch) -> None:
        watch.start()
        await commit(store, "bad")
        await commit(store, "good")
        await asyncio.sleep(0)
        assert told.keys[-1] == "good"

    scene(body)


def test_one_who_was_left_behind_is_told_that_anything_may_have_changed() -> None:
    async def body(store: MemoryStore, told: Told, watch: StateWatch) -> None:
        watch.start()
        watch.hold()
        await commit(store, "a")
        store._history.restart(store.revision)
        watch.release()
        assert told.keys == [None, None]
        await commit(store, "b")
        await asyncio.sleep(0)
        assert told.keys == [None, None, "b"]

    scene(body)
