"""What every `Store` promises, as tests: subclass StoreSuite and give it an `open_store`. Runs against memory, Raft, and what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gd2raft.core.kv import (
    ABSENT,
    COMMIT_BYTES_MAX,
    COMMIT_ITEMS_MAX,
    KEY_BYTES_MAX,
    VALUE_BYTES_MAX,
    Commit,
    Event,
    Expect,
    Put,
    TooLarge,
)
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

    def test_of_two_commits_under_one_guard_key_at_the_same_time_one_is_refused(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            guard = await store.commit(put("vol/guard", b"0"), timeout_s=T)

            async def add(name: str) -> str:
                change = Commit((Expect("vol/guard", guard.revision),), (Put("vol/guard", b"1"), Put(f"vol/{name}", b"x")))
                return (await store.commit(change, timeout_s=T)).outcome

            outcomes = await asyncio.gather(*(add(f"{n}") for n in range(5)))
            assert sorted(outcomes) == ["conflict"] * 4 + ["done"]
            assert len(store.list("vol/")) == 2, "the guard, and what the one that was done has added"

        self.run(tmp_path, body)

    def test_counting_by_compare_and_swap_loses_no_step(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            await store.commit(put("n", b"0"), timeout_s=T)

            async def count() -> None:
                while True:
                    item = store.get("n")
                    assert item is not None
                    result = await store.commit(put("n", b"%d" % (int(item.value) + 1), Expect("n", item.modified)), timeout_s=T)
                    if result.outcome == "done":
                        return
                    assert store.revision >= result.revision, "after a conflict the state shows what moved"

            await asyncio.gather(*(count() for _ in range(8)))
            item = store.get("n")
            assert item is not None and item.value == b"8"

        self.run(tmp_path, body)

    def test_a_commit_that_puts_and_deletes_is_one_revision_and_one_batch_of_a_watch(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            await store.commit(Commit(put=(Put("a", b"1"), Put("b", b"1"))), timeout_s=T)
            watch = store.watch()
            refused = await store.commit(Commit((Expect("a", ABSENT),), (Put("c", b"1"),), ("b",)), timeout_s=T)
            done = await store.commit(Commit(put=(Put("c", b"1"), Put("a", b"2")), delete=("b",)), timeout_s=T)
            async with asyncio.timeout(T):
                batch = await anext(watch)
            assert refused.outcome == "conflict"
            assert list(batch) == [Event(done.revision, "b", None), Event(done.revision, "c", b"1"), Event(done.revision, "a", b"2")]
            watch.close()

        self.run(tmp_path, body)

    def test_a_rewritten_key_keeps_when_it_was_created_and_a_deleted_one_begins_anew(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            first = await store.commit(put("k", b"1"), timeout_s=T)
            second = await store.commit(put("k", b"2"), timeout_s=T)
            item = store.get("k")
            assert item is not None and (item.created, item.modified) == (first.revision, second.revision)
            await store.commit(Commit((Expect("k", second.revision),), delete=("k",)), timeout_s=T)
            assert store.get("k") is None
            third = await store.commit(put("k", b"3", Expect("k", ABSENT)), timeout_s=T)
            item = store.get("k")
            assert item is not None and (item.created, item.modified) == (third.revision, third.revision)

        self.run(tmp_path, body)

    def test_deleting_a_key_that_is_not_there_is_done_and_no_change(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            watch = store.watch()
            assert (await store.commit(Commit(delete=("never",)), timeout_s=T)).outcome == "done"
            last = await store.commit(put("k", b"1"), timeout_s=T)
            assert await read(watch, 1) == [Event(last.revision, "k", b"1")]
            watch.close()

        self.run(tmp_path, body)

    def test_a_commit_that_only_expects_checks_and_changes_no_key(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            done = await store.commit(put("k", b"1"), timeout_s=T)
            check = Commit((Expect("k", done.revision), Expect("other", ABSENT)))
            assert (await store.commit(check, timeout_s=T)).outcome == "done"
            wrong = await store.commit(Commit((Expect("k", done.revision), Expect("other", 1), Expect("third", 2))), timeout_s=T)
            assert (wrong.outcome, wrong.moved) == ("conflict", ("other", "third"))
            assert [key for key, _ in store.list("")] == ["k"]

        self.run(tmp_path, body)

    def test_keys_are_text_of_any_script_and_listed_by_code_point(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            names = ["v/a b", "v/z", "v/é", "v/\u65e5\u672c", "v/\U0001f4be"]
            await store.commit(Commit(put=tuple(Put(name, name.encode()) for name in reversed(names))), timeout_s=T)
            assert [(key, item.value.decode()) for key, item in store.list("v/")] == [(name, name) for name in names]

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
            many = Commit(put=tuple(Put(f"k{n}", bytes(VALUE_BYTES_MAX)) for n in range(COMMIT_BYTES_MAX // VALUE_BYTES_MAX)))
            wide = Commit(tuple(Expect(f"k{n}", ABSENT) for n in range(COMMIT_ITEMS_MAX + 1)))
            for commit in (put("k", bytes(VALUE_BYTES_MAX + 1)), put("x" * (KEY_BYTES_MAX + 1), b""), put("", b""), many, wide):
                with pytest.raises(TooLarge):
                    await store.commit(commit, timeout_s=T)
            with pytest.raises(ValueError, match="twice"):
                await store.commit(Commit(put=(Put("k", b""),), delete=("k",)), timeout_s=T)
            assert store.revision == before

        self.run(tmp_path, body)

    def test_a_key_and_a_value_as_large_as_the_limits_are_kept(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            key, value = "x" * KEY_BYTES_MAX, bytes(range(256)) * (VALUE_BYTES_MAX // 256)
            assert (await store.commit(put(key, value), timeout_s=T)).outcome == "done"
            item = store.get(key)
            assert item is not None and item.value == value

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

    def test_a_reader_that_was_told_to_list_again_misses_nothing_from_there(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            slow = store.watch()
            for number in range(24):
                value = bytes([number]) * VALUE_BYTES_MAX
                await store.commit(Commit(put=tuple(Put(f"{key}", value) for key in "abc")), timeout_s=T)
            with pytest.raises(Compacted):
                await read(slow, 1)
            listed, revision = dict(store.list("")), store.revision
            resumed = store.watch("", revision)
            changes = [await store.commit(put(f"d{n}", b"x"), timeout_s=T) for n in range(3)]
            assert [(e.revision, e.key) for e in await read(resumed, 3)] == [(r.revision, f"d{n}") for n, r in enumerate(changes)]
            assert sorted(listed) == ["a", "b", "c"] and all(item.value == bytes([23]) * VALUE_BYTES_MAX for item in listed.values())

        self.run(tmp_path, body)

    def test_a_linearizable_read_of_a_quiet_store_is_at_the_revision_of_its_state(self, tmp_path: Path) -> None:
        async def body(store: Store) -> None:
            await store.commit(put("k", b"v"), timeout_s=T)
            assert await store.linearizable(timeout_s=T) == store.revision == await store.linearizable(timeout_s=T)

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
