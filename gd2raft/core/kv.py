"""The replicated state machine: a revisioned, ordered key-value map. Tiny, frozen, boring.

One operation changes it: `Commit` (expect, put, delete), all or nothing. Every replica that applies the same operations in
the same order holds the same items, revisions and sessions, whatever the version of its daemon: apply() depends on nothing
but the state and the operation. It must not know what the keys mean, what time it is, or who asks.

Exactly-once: an operation carries (session, sequence). A session is opened by the operation `Open`; a repeated sequence gets
the remembered answer and changes nothing. The client says with `acked` below which sequence it needs no answer any more, so
a session remembers no more than what is in flight. When too many sessions exist the one unused for longest is forgotten, and
its operations are refused: the outcome of its unanswered operations is then unknown, and said so.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

KEY_BYTES_MAX = 8 * 1024
VALUE_BYTES_MAX = 256 * 1024
COMMIT_ITEMS_MAX = 8192
COMMIT_BYTES_MAX = 1024 * 1024
SESSIONS_MAX = 4096
ANSWERS_PER_SESSION_MAX = 4096

# gc=False below: these hold only immutable values, so they can't be part of a cycle, and the collector need not walk them.

ABSENT = 0
"""`Expect.modified` for "there is no such key"."""


class Versioned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value with the revisions at which its key was created and last modified."""

    value: bytes
    created: int
    modified: int


class Expect(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The key was last modified at this revision; ABSENT (0) when it must not exist."""

    key: str
    modified: int


class Put(msgspec.Struct, frozen=True, array_like=True, gc=False):
    key: str
    value: bytes


class Commit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All or nothing: if every expectation holds, delete and put, at one new revision. Keys are distinct."""

    expect: tuple[Expect, ...] = ()
    put: tuple[Put, ...] = ()
    delete: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the log carries. `commit` None: open the session. `session` empty: not deduplicated."""

    session: str = ""
    sequence: int = 0
    acked: int = 0
    commit: Commit | None = None


Outcome = Literal["done", "conflict", "no-session", "forgotten"]


class Result(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of an operation: the same on every replica.

    done: `revision` is that of the change. conflict: `moved` names the keys whose expectation failed, nothing changed.
    no-session: the session is unknown (never opened, or forgotten). forgotten: the answer to this sequence is gone.
    """

    outcome: Outcome
    revision: int
    moved: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A key changed: `value` None when it was deleted."""

    revision: int
    key: str
    value: bytes | None


class Session(msgspec.Struct):
    """Answers of one session that its client may still ask for; `used` is the apply counter of its last operation."""

    used: int
    acked: int = 0
    answers: dict[int, Result] = {}


class TooLarge(ValueError):
    """A commit past the limits; raised before it is proposed, never by apply()."""


def check_limits(commit: Commit) -> None:
    """Raise TooLarge when a commit is past the limits, ValueError when a key is named twice."""
    items = len(commit.expect) + len(commit.put) + len(commit.delete)
    if items > COMMIT_ITEMS_MAX:
        raise TooLarge(f"a commit of {items} items, at most {COMMIT_ITEMS_MAX} are possible")
    size = 0
    for put in commit.put:
        if len(put.value) > VALUE_BYTES_MAX:
            raise TooLarge(f"value of {put.key!r} has {len(put.value)} bytes, at most {VALUE_BYTES_MAX} are possible")
        size += len(put.value)
    for key in (*[p.key for p in commit.put], *commit.delete, *[e.key for e in commit.expect]):
        length = len(key.encode())
        if not 0 < length <= KEY_BYTES_MAX:
            raise TooLarge(f"a key of {length} bytes, 1 to {KEY_BYTES_MAX} are possible")
        size += length
    if size > COMMIT_BYTES_MAX:
        raise TooLarge(f"a commit of {size} bytes, at most {COMMIT_BYTES_MAX} are possible")
    changed = [p.key for p in commit.put] + list(commit.delete)
    if len(set(changed)) != len(changed):
        raise ValueError("a commit changes a key twice")


class Items:
    """An ordered map of keys to values with their revisions. Whoever fills it sees to the revisions."""

    def __init__(self, items: dict[str, Versioned] | None = None) -> None:
        self.by_key: dict[str, Versioned] = dict(items or {})
        self._keys = sorted(self.by_key)  # rebuilt lazily would make list() slow at the wrong moment

    def get(self, key: str) -> Versioned | None:
        return self.by_key.get(key)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]:
        """Items whose key starts with `prefix`, in key order, those after the key `after` only, at most `limit`."""
        return list(self._range(prefix, after, limit))

    def _range(self, prefix: str, after: str, limit: int | None) -> Iterator[tuple[str, Versioned]]:
        start = bisect_left(self._keys, prefix)
        if after >= prefix:
            start = max(start, bisect_left(self._keys, after + "\0"))
        for index in range(start, len(self._keys)):
            key = self._keys[index]
            if not key.startswith(prefix) or limit == 0:
                return
            yield key, self.by_key[key]
            limit = None if limit is None else limit - 1

    def put(self, key: str, item: Versioned) -> None:
        if key not in self.by_key:
            insort(self._keys, key)
        self.by_key[key] = item

    def remove(self, key: str) -> bool:
        """False when there is no such key."""
        if self.by_key.pop(key, None) is None:
            return False
        del self._keys[bisect_left(self._keys, key)]
        return True

    def __len__(self) -> int:
        return len(self.by_key)

    def check(self) -> None:
        assert self._keys == sorted(self.by_key), "key index differs from the items"


class KeyValueState:
    """The state machine.

    >>> state = KeyValueState()
    >>> result, events = state.apply(Operation(commit=Commit(put=(Put("a", b"1"),))))
    >>> result.revision, state.get("a").value
    (1, b'1')
    """

    def __init__(self) -> None:
        self.revision = 0
        self._items = Items()
        self._sessions: dict[str, Session] = {}
        self._applied = 0  # operations applied: the clock of session expiry

    # reading

    def get(self, key: str) -> Versioned | None:
        return self._items.get(key)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]:
        """Items whose key starts with `prefix`, in key order, those after the key `after` only, at most `limit`."""
        return self._items.list(prefix, after=after, limit=limit)

    def __len__(self) -> int:
        return len(self._items)

    # changing

    def apply(self, operation: Operation) -> tuple[Result, Sequence[Event]]:
        """Apply one committed operation. Never raises for any decodable operation."""
        self._applied += 1
        if operation.session:
            return self._apply_in_session(operation)
        if operation.commit is None:
            return Result("done", self.revision), ()
        return self._commit(operation.commit)

    def _apply_in_session(self, operation: Operation) -> tuple[Result, Sequence[Event]]:
        session = self._sessions.get(operation.session)
        if operation.commit is None:
            if session is None:
                self._open(operation.session)
            return Result("done", self.revision), ()
        if session is None:
            return Result("no-session", self.revision), ()
        session.used = self._applied
        if (remembered := session.answers.get(operation.sequence)) is not None:
            return remembered, ()
        if operation.sequence <= session.acked:
            return Result("forgotten", self.revision), ()
        if operation.acked > session.acked or len(session.answers) >= ANSWERS_PER_SESSION_MAX:
            self._forget_answers(session, operation.acked)
        result, events = self._commit(operation.commit)
        if operation.sequence > operation.acked:  # else the client has said that it needs no answer
            session.answers[operation.sequence] = result
        return result, events

    def _open(self, name: str) -> None:
        if len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[min(self._sessions, key=lambda n: self._sessions[n].used)]
        self._sessions[name] = Session(used=self._applied, answers={})

    @staticmethod
    def _forget_answers(session: Session, acked: int) -> None:
        if acked > session.acked:
            few = acked - session.acked <= len(session.answers)  # else the answers are fewer than the numbers
            for sequence in range(session.acked + 1, acked + 1) if few else [s for s in session.answers if s <= acked]:
                session.answers.pop(sequence, None)
            session.acked = acked
        while len(session.answers) >= ANSWERS_PER_SESSION_MAX:
            oldest = min(session.answers)
            del session.answers[oldest]
            session.acked = max(session.acked, oldest)

    def _commit(self, commit: Commit) -> tuple[Result, Sequence[Event]]:
        items, known = self._items, self._items.by_key.get
        if commit.expect:
            moved = tuple([e.key for e in commit.expect if (item.modified if (item := known(e.key)) is not None else ABSENT) != e.modified])
            if moved:
                return Result("conflict", self.revision, moved), ()
        self.revision = revision = self.revision + 1
        events: list[Event] = []
        for key in commit.delete:
            if items.remove(key):
                events.append(Event(revision, key, None))
        for put in commit.put:
            key, value, old = put.key, put.value, known(put.key)
            items.put(key, Versioned(value, old.created if old is not None else revision, revision))
            events.append(Event(revision, key, value))
        return Result("done", revision), events

    # snapshots

    def freeze(self) -> Frozen:
        """A consistent copy that later changes don't touch. Cheap (values are immutable): a shallow copy."""
        sessions = [(name, s.used, s.acked, list(s.answers.items())) for name, s in self._sessions.items()]
        return Frozen(self.revision, self._applied, dict(self._items.by_key), sessions)

    @classmethod
    def thaw(cls, frozen: Frozen) -> KeyValueState:
        state = cls()
        state.revision, state._applied = frozen.revision, frozen.applied
        state._items = Items(frozen.items)
        state._sessions = {name: Session(used, acked, dict(answers)) for name, used, acked, answers in frozen.sessions}
        state.check()
        return state

    def check(self) -> None:
        """Assert the invariants: keys sorted and the same as the items', revisions in order, sessions within limits."""
        self._items.check()
        for key, item in self._items.by_key.items():
            assert 0 < item.created <= item.modified <= self.revision, f"revisions of {key!r} out of order: {item}"
        assert len(self._sessions) <= SESSIONS_MAX, "too many sessions"
        for name, session in self._sessions.items():
            assert len(session.answers) <= ANSWERS_PER_SESSION_MAX, f"session {name!r} remembers too much"


class Frozen(msgspec.Struct, frozen=True, array_like=True):
    """The whole state as data, for a log snapshot."""

    revision: int
    applied: int
    items: dict[str, Versioned]
    sessions: list[tuple[str, int, int, list[tuple[int, Result]]]]
