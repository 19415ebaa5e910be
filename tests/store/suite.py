"""What every `Store` promises, as tests: subclass StoreSuite and give it an `open_store`. Runs against memory, Raft, and what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gd2raft.core.kv import ABSENT, KEY_BYTES_MAX, VALUE_BYTES_MAX, Commit, Event, Expect, Put, TooLarge
from gd2raft.store.interface import Compacted, Store

T = 20.0
Body = Callable[[Store], Awaitable[None]]


def put(key: str, value: bytes, *expect: Expect) -> Commit:
    return Commit(expect=expect, put=(Put(key, value),))


class StoreSuite:
    """The tests. `with_store(tmp_path, body)` runs the body on a fresh store."""

    async def with_store(self, folder: Path, body: Body) -> None:
        raise NotImplementedError

    def run(self, folder: Path, body: Body) -> None:
        asyncio.run(self.with_store(folder, body))

    def test_a_commit_is_seen_by_get_and_list_with_its_revision(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            assert store.get("a/1") is None
            first = await store.commit(put("a/1", b"x"), timeout_s=T)
            second = await store.commit(put("a/2", b"y"), timeout_s=T)
            assert (first.outcome, second.outcome) == ("done", "done") and second.revision > first.revision
            item = store.get("a/1")
            assert item is not None and (item.value, item.created, item.modified) == (b"x", first.revision, first.revision)
            assert [key for key, _ in store.list("a/")] == ["a/1", "a/2"]
            assert store.revision == second.revision

        self.run(tmp_path, body)

    def test_a_list_is_in_key_order_and_can_be_read_in_pages(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            await store.commit(Commit(put=tuple(Put(key, b"") for key in ("p/c", "p/a", "q", "p/b", "o"))), timeout_s=T)
            assert [key for key, _ in store.list("p/", limit=2)] == ["p/a", "p/b"]
            assert [key for key, _ in store.list("p/", after="p/b")] == ["p/c"]
            assert store.list("p/", limit=0) == []

        self.run(tmp_path, body)

    def test_a_commit_whose_expectation_moved_changes_nothing_and_names_the_keys(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            done = await store.commit(put("k", b"1", Expect("k", ABSENT)), timeout_s=T)
            again = await store.commit(put("k", b"2", Expect("k", ABSENT)), timeout_s=T)
            assert again.outcome == "conflict" and again.moved == ("k",)
            assert store.revision == done.revision
            item = store.get("k")
            assert item is not None and item.value == b"1"
            changed = await store.commit(put("k", b"3", Expect("k", done.revision)), timeout_s=T)
            assert changed.outcome == "done"

        self.run(tmp_path, body)

    def test_a_commit_is_all_or_nothing(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            await store.commit(Commit(put=(Put("a", b"1"), Put("b", b"1"))), timeout_s=T)
            result = await store.commit(Commit((Expect("a", ABSENT),), (Put("c", b"1"),), ("b",)), timeout_s=T)
            assert result.outcome == "conflict"
            assert [key for key, _ in store.list("")] == ["a", "b"]

        self.run(tmp_path, body)

    def test_a_guard_key_protects_a_prefix(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            guard = await store.commit(put("vol/guard", b"0"), timeout_s=T)
            change = Commit((Expect("vol/guard", guard.revision),), (Put("vol/guard", b"1"), Put("vol/1", b"x")))
            assert (await store.commit(change, timeout_s=T)).outcome == "done"
            late = Commit((Expect("vol/guard", guard.revision),), (Put("vol/guard", b"1"), Put("vol/2", b"x")))
            assert (await store.commit(late, timeout_s=T)).outcome == "conflict"

        self.run(tmp_path, body)

    def test_concurrent_commits_each_get_their_own_revision(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            results = await asyncio.gather(*[store.commit(put(f"k{n}", b"v"), timeout_s=T) for n in range(50)])
            assert len({result.revision for result in results}) == 50
            for number, result in enumerate(results):
                item = store.get(f"k{number}")
                assert item is not None and item.modified == result.revision

        self.run(tmp_path, body)

    def test_a_commit_past_the_limits_is_refused_before_anything_happens(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            before = store.revision
            for commit in (put("k", bytes(VALUE_BYTES_MAX + 1)), put("x" * (KEY_BYTES_MAX + 1), b""), put("", b"")):
                with pytest.raises(TooLarge):
                    await store.commit(commit, timeout_s=T)
            assert store.revision == before

        self.run(tmp_path, body)

    def test_a_watch_gives_every_change_under_its_prefix_in_order(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            watch = store.watch("w/")
            await store.commit(put("w/a", b"1"), timeout_s=T)
            await store.commit(put("other", b"1"), timeout_s=T)
            last = await store.commit(Commit(put=(Put("w/b", b"2"),), delete=("w/a",)), timeout_s=T)
            events = await read(watch, 3)
            assert [(event.key, event.value) for event in events] == [("w/a", b"1"), ("w/a", None), ("w/b", b"2")]
            assert events[-1].revision == last.revision
            watch.close()

        self.run(tmp_path, body)

    def test_a_watch_resumes_from_a_revision(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            first = await store.commit(put("a", b"1"), timeout_s=T)
            await store.commit(put("b", b"2"), timeout_s=T)
            await store.commit(put("c", b"3"), timeout_s=T)
            assert [event.key for event in await read(store.watch("", first.revision), 2)] == ["b", "c"]

        self.run(tmp_path, body)

    def test_a_closed_watch_ends(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            watch = store.watch()
            reader = asyncio.ensure_future(drain(watch))
            await asyncio.sleep(0)
            watch.close()
            assert await asyncio.wait_for(reader, T) == []

        self.run(tmp_path, body)

    def test_a_watch_from_a_forgotten_revision_says_so(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            for number in range(12):
                value = bytes([number]) * VALUE_BYTES_MAX
                await store.commit(Commit(put=tuple(Put(f"{key}", value) for key in "abc")), timeout_s=T)
            for number in range(12):
                value = bytes([number]) * VALUE_BYTES_MAX
                await store.commit(Commit(put=tuple(Put(f"{key}", value) for key in "abc")), timeout_s=T)
            with pytest.raises(Compacted):
                await read(store.watch("", 1), 1)

        self.run(tmp_path, body)

    def test_a_linearizable_read_sees_what_was_acknowledged(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            result = await store.commit(put("k", b"v"), timeout_s=T)
            assert await store.linearizable(timeout_s=T) >= result.revision

        self.run(tmp_path, body)

    def test_waiting_for_a_revision_ends_with_it_or_with_its_timeout(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            waiting = asyncio.ensure_future(store.wait_revision(store.revision + 1, timeout_s=T))
            await store.commit(put("k", b"v"), timeout_s=T)
            await waiting
            with pytest.raises(TimeoutError):
                await store.wait_revision(store.revision + 100, timeout_s=0.05)

        self.run(tmp_path, body)

    def test_the_status_names_a_leader_a_quorum_and_the_revision(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            await store.commit(put("k", b"v"), timeout_s=T)
            status = store.status()
            assert status.quorum and status.leader and status.voters and status.revision == store.revision

        self.run(tmp_path, body)


async def read(watch: Any, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(T):
        while len(events) < count:
            events += await anext(watch)
    return events


async def drain(watch: Any) -> list[Event]:
    return [event async for events in watch for event in events]
