"""The key-value state machine against a naive one: whatever is applied, both hold and answer the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gd2raft.core import kv
from gd2raft.core.kv import ABSENT, Commit, Event, Expect, Frozen, KeyValueState, Operation, Put, Result, TooLarge, Versioned, check_limits

pytestmark = pytest.mark.fast

KEYS = st.sampled_from(["a", "a/", "a/b", "a/b/c", "a0", "b", "ä", "\0", "a\uffff", "z" * 40])
VALUES = st.binary(max_size=6)
EXPECTS = st.builds(Expect, KEYS, st.integers(0, 12))


@st.composite
def commits(draw: Any) -> Commit:
    keys = draw(st.lists(KEYS, max_size=5, unique=True))
    cut = draw(st.integers(0, len(keys)))
    puts = tuple(Put(k, draw(VALUES)) for k in keys[:cut])
    return Commit(tuple(draw(st.lists(EXPECTS, max_size=2))), puts, tuple(keys[cut:]))


SESSIONS = st.sampled_from(["", "s1", "s2", "s3"])
OPERATIONS = st.builds(Operation, SESSIONS, st.integers(0, 9), st.integers(0, 9), st.none() | commits())


class Naive:
    """The same, as plainly as it can be said."""

    def __init__(self) -> None:
        self.items: dict[str, Versioned] = {}
        self.revision = 0
        self.sessions: dict[str, tuple[int, dict[int, Result]]] = {}

    def apply(self, operation: Operation) -> tuple[Result, list[Event]]:
        name, sequence = operation.session, operation.sequence
        if operation.commit is None:
            if name:
                self.sessions.setdefault(name, (0, {}))
            return Result("done", self.revision), []
        if not name:
            return self.commit(operation.commit)
        if name not in self.sessions:
            return Result("no-session", self.revision), []
        acked, answers = self.sessions[name]
        if sequence in answers:
            return answers[sequence], []
        if sequence <= acked:
            return Result("forgotten", self.revision), []
        if operation.acked > acked:
            acked, answers = operation.acked, {s: r for s, r in answers.items() if s > operation.acked}
        result, events = self.commit(operation.commit)
        self.sessions[name] = acked, answers if sequence <= operation.acked else {**answers, sequence: result}
        return result, events

    def commit(self, commit: Commit) -> tuple[Result, list[Event]]:
        moved = [e.key for e in commit.expect if (self.items[e.key].modified if e.key in self.items else 0) != e.modified]
        if moved:
            return Result("conflict", self.revision, tuple(moved)), []
        self.revision += 1
        events = [Event(self.revision, key, None) for key in commit.delete if self.items.pop(key, None)]
        for put in commit.put:
            created = self.items[put.key].created if put.key in self.items else self.revision
            self.items[put.key] = Versioned(put.value, created, self.revision)
            events.append(Event(self.revision, put.key, put.value))
        return Result("done", self.revision), events


def state_of(*operations: Operation) -> KeyValueState:
    state = KeyValueState()
    for operation in operations:
        state.apply(operation)
    return state


def put(**items: str) -> Operation:
    return Operation(commit=Commit(put=tuple(Put(k, v.encode()) for k, v in items.items())))


@given(st.lists(OPERATIONS, max_size=40))
def test_it_holds_and_answers_what_a_naive_one_does(operations: list[Operation]) -> None:
    state, naive = KeyValueState(), Naive()
    for operation in operations:
        result, events = state.apply(operation)
        assert (result, list(events)) == naive.apply(operation)
        state.check()
    assert dict(state.list("")) == naive.items and state.revision == naive.revision and len(state) == len(naive.items)
    assert all(state.get(k) == v for k, v in naive.items.items())


@given(st.lists(OPERATIONS, max_size=20), st.lists(OPERATIONS, max_size=20))
def test_a_thawed_state_goes_on_as_if_it_had_never_been_frozen(before: list[Operation], after: list[Operation]) -> None:
    state = state_of(*before)
    frozen = msgspec.msgpack.decode(msgspec.msgpack.encode(state.freeze()), type=Frozen)
    thawed = KeyValueState.thaw(frozen)
    assert [state.apply(o) for o in after] == [thawed.apply(o) for o in after]
    assert state.freeze() == thawed.freeze()


@given(st.lists(OPERATIONS, max_size=20), st.lists(OPERATIONS, min_size=1, max_size=20))
def test_what_is_frozen_does_not_change_any_more(before: list[Operation], after: list[Operation]) -> None:
    state = state_of(*before)
    frozen = state.freeze()
    copy = msgspec.msgpack.encode(frozen)
    for operation in after:
        state.apply(operation)
    assert msgspec.msgpack.encode(frozen) == copy


@given(st.lists(KEYS, unique=True), KEYS | st.just("") | st.just("a/"), KEYS | st.just(""), st.none() | st.integers(0, 4))
def test_a_prefix_is_listed_in_order_from_where_it_was_left(keys: list[str], prefix: str, after: str, limit: int | None) -> None:
    state = state_of(Operation(commit=Commit(put=tuple(Put(k, b"") for k in keys))))
    wanted = sorted(k for k in keys if k.startswith(prefix) and k > after)
    assert [k for k, _ in state.list(prefix, after=after, limit=limit)] == (wanted if limit is None else wanted[:limit])


@given(st.lists(KEYS, unique=True), st.integers(1, 3))
def test_pages_add_up_to_the_whole(keys: list[str], size: int) -> None:
    state = state_of(Operation(commit=Commit(put=tuple(Put(k, b"") for k in keys))))
    seen, after = [], ""
    while page := state.list("a", after=after, limit=size):
        seen += page
        after = page[-1][0]
    assert seen == state.list("a")


def test_a_failed_expectation_changes_nothing_and_names_what_moved() -> None:
    state = state_of(put(a="1"))
    commit = Commit((Expect("a", 7), Expect("a", 1), Expect("b", 3)), (Put("c", b""),), ("a",))
    result, events = state.apply(Operation(commit=commit))
    assert result == Result("conflict", 1, ("a", "b")) and not events and state.get("a") is not None and state.get("c") is None


def test_absent_can_be_expected() -> None:
    state = state_of(put(a="1"))
    assert state.apply(Operation(commit=Commit((Expect("b", ABSENT),))))[0].outcome == "done"
    assert state.apply(Operation(commit=Commit((Expect("a", ABSENT),))))[0].moved == ("a",)


def test_a_key_that_comes_back_was_created_anew() -> None:
    state = state_of(put(a="1"), Operation(commit=Commit(delete=("a",))), put(a="2"))
    assert state.get("a") == Versioned(b"2", 3, 3)


def test_deleting_what_is_not_there_is_no_event() -> None:
    result, events = KeyValueState().apply(Operation(commit=Commit(delete=("x",))))
    assert (result.outcome, list(events)) == ("done", [])


# ---- sessions


def in_session(sequence: int, *, acked: int = 0, key: str = "k") -> Operation:
    return Operation("s", sequence, acked, Commit(put=(Put(key, str(sequence).encode()),)))


OPEN = Operation("s")


def test_a_repeated_operation_gets_its_answer_and_changes_nothing() -> None:
    state = state_of(OPEN)
    first, _ = state.apply(in_session(1))
    state.apply(in_session(2))
    again, events = state.apply(in_session(1))
    assert again == first and not events and state.get("k") == Versioned(b"2", 1, 2)


def test_a_conflict_is_remembered_like_a_success() -> None:
    state = state_of(OPEN)
    fails = Operation("s", 1, 0, Commit((Expect("k", 5),), (Put("k", b"x"),)))
    first, _ = state.apply(fails)
    state.apply(put(k="now"))
    assert state.apply(fails)[0] == first and first.outcome == "conflict"


def test_an_operation_of_a_session_that_was_never_opened_is_refused() -> None:
    assert KeyValueState().apply(in_session(1))[0].outcome == "no-session"


def test_opening_a_session_again_keeps_its_answers() -> None:
    state = state_of(OPEN, in_session(1))
    state.apply(OPEN)
    assert state.apply(in_session(1))[0].revision == 1 and state.revision == 1


def test_an_answer_that_nobody_needs_any_more_is_forgotten_and_said_so() -> None:
    state = state_of(OPEN, in_session(1), in_session(2), in_session(3, acked=2))
    assert [state.apply(in_session(s))[0].outcome for s in (1, 2, 3)] == ["forgotten", "forgotten", "done"]
    assert state.revision == 3


def test_an_answer_is_not_kept_for_a_client_that_says_beforehand_that_it_needs_none() -> None:
    state = state_of(OPEN, in_session(1, acked=3), in_session(4, acked=4))
    assert [state.apply(in_session(s))[0].outcome for s in (1, 4)] == ["forgotten", "forgotten"]
    assert state.revision == 2


def test_operations_may_arrive_in_any_order() -> None:
    state = state_of(OPEN)
    assert [state.apply(in_session(s))[0].revision for s in (5, 3, 4, 5, 3)] == [1, 2, 3, 1, 2]


def test_a_session_remembers_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv, "ANSWERS_PER_SESSION_MAX", 3)
    state = state_of(OPEN, *(in_session(s) for s in range(1, 7)))
    state.check()
    assert [state.apply(in_session(s))[0].outcome for s in (1, 3, 4, 6)] == ["forgotten", "forgotten", "done", "done"]
    assert state.revision == 6


def test_the_session_unused_for_longest_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv, "SESSIONS_MAX", 3)
    state = state_of(*(Operation(n) for n in "abc"), Operation("a", 1, 0, Commit()), Operation("d"))
    outcomes = {n: state.apply(Operation(n, 2, 0, Commit()))[0].outcome for n in "abcd"}
    assert outcomes == {"a": "done", "b": "no-session", "c": "done", "d": "done"}
    state.check()


@given(st.lists(OPERATIONS, max_size=30), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=50)
def test_limits_hold_and_replicas_agree_whatever_is_applied(operations: list[Operation], sessions: int, answers: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kv, "SESSIONS_MAX", sessions)
        patch.setattr(kv, "ANSWERS_PER_SESSION_MAX", answers)
        one, other = KeyValueState(), KeyValueState()
        for operation in operations:
            assert one.apply(operation) == other.apply(operation)
            one.check()
            other = KeyValueState.thaw(other.freeze())
        assert one.freeze() == other.freeze()


# ---- limits and invariants


@pytest.mark.parametrize(
    "commit",
    [
        Commit(put=tuple(Put(str(i), b"") for i in range(kv.COMMIT_ITEMS_MAX + 1))),
        Commit(put=(Put("k", b"x" * (kv.VALUE_BYTES_MAX + 1)),)),
        Commit(put=tuple(Put(str(i), b"x" * kv.VALUE_BYTES_MAX) for i in range(5))),
        Commit(put=(Put("", b""),)),
        Commit(delete=("",)),
        Commit(expect=(Expect("", 1),)),
        Commit(put=(Put("k" * (kv.KEY_BYTES_MAX + 1), b""),)),
        Commit(delete=("ü" * kv.KEY_BYTES_MAX,)),
    ],
)
def test_a_commit_past_the_limits_is_told_before_it_is_proposed(commit: Commit) -> None:
    with pytest.raises(TooLarge, match="possible"):
        check_limits(commit)


def test_a_commit_at_the_limits_is_fine() -> None:
    check_limits(Commit(put=tuple(Put(f"{i:05}", b"") for i in range(kv.COMMIT_ITEMS_MAX))))
    check_limits(Commit(put=(Put("k" * kv.KEY_BYTES_MAX, b"x" * kv.VALUE_BYTES_MAX),)))


@pytest.mark.parametrize(
    "commit", [Commit(put=(Put("a", b""), Put("a", b"1"))), Commit(put=(Put("a", b""),), delete=("a",)), Commit(delete=("a", "a"))]
)
def test_a_commit_that_changes_a_key_twice_is_our_bug(commit: Commit) -> None:
    with pytest.raises(ValueError, match="a key twice"):
        check_limits(commit)


def broken_index(state: KeyValueState) -> None:
    state._items._keys.pop()


def broken_order(state: KeyValueState) -> None:
    state._items.by_key["a"] = Versioned(b"", 2, 1)


def broken_revision(state: KeyValueState) -> None:
    state._items.by_key["a"] = Versioned(b"", 1, 99)


def broken_sessions(state: KeyValueState) -> None:
    state._sessions |= {str(i): kv.Session(used=0) for i in range(kv.SESSIONS_MAX + 1)}


@pytest.mark.parametrize("damage", [broken_index, broken_order, broken_revision, broken_sessions])
def test_the_check_finds_a_damaged_state(damage: Any) -> None:
    state = state_of(put(a="1", b="2"))
    damage(state)
    with pytest.raises(AssertionError):
        state.check()
