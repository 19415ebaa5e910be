"""The Raft log in memory: entries after a base, hard state, configurations. It must not know of disks, time or messages.

Every change is also noted as a log record for the WAL, in order, with a running number: `changes` is what the WAL has to
write next, `change_number` the number of the last change. What depends on a change being durable waits for its number.
The base is the last entry that was compacted away (index 0 when none was); its command is never looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

NOOP, OPERATIONS, CONFIG = 0, 1, 2
"""Kinds of entries: a new leader's first entry, a batch of operations, a set of voters."""

OPERATIONS_KIND, CONFIG_KIND = bytes((OPERATIONS,)), bytes((CONFIG,))

KERNEL_PREFIX = b"\x01"
"""What the kernel takes for "no command": it stores and replicates such an entry and never looks inside."""


class Entry(NamedTuple):
    """(command, index, term) in the order that the kernel wants. command: KERNEL_PREFIX, kind, payload."""

    command: bytes
    index: int  # type: ignore[assignment]
    term: int

    @property
    def kind(self) -> int:
        return self.command[1] if len(self.command) > 1 else NOOP

    @property
    def payload(self) -> bytes:
        return self.command[2:]


def command(kind: int, payload: bytes) -> bytes:
    return KERNEL_PREFIX + bytes((kind,)) + payload


class Config(msgspec.Struct, frozen=True, array_like=True):
    """Who votes, from the entry at `index` on (0: from the start). Sorted."""

    index: int
    voters: tuple[str, ...]


class HardState(NamedTuple):
    """What a peer must never forget: its term, and whom it voted for in it ("" for nobody)."""

    term: int
    vote: str


class Truncate(NamedTuple):
    """Entries from `index` on are gone."""

    index: int  # type: ignore[assignment]


Change = Entry | HardState | Truncate


def voters_of(entry: Entry) -> tuple[str, ...]:
    """The voters that a CONFIG entry names. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(entry.payload, type=tuple[str, ...])


def config_command(voters: Sequence[str]) -> bytes:
    return command(CONFIG, msgspec.msgpack.encode(sorted(voters)))


class Log:
    """See the module's docstring."""

    def __init__(self, base_index: int, base_term: int, base_config: Config, hard: HardState = HardState(0, "")) -> None:
        self.entries: list[Entry] = [Entry(KERNEL_PREFIX, base_index, base_term)]
        self.hard = hard
        self.bytes = 0
        self._configs = [base_config]
        self.changes: list[Change] = []
        self.changes_bytes = 0  # of the entries among them
        self.change_number = 0
        self.hard_number = 0  # of the last change of the hard state
        self.durable_index = base_index
        self._marks: deque[tuple[int, int]] = deque()  # (change number, index): entries on their way to the disk

    # reading

    @property
    def base_index(self) -> int:
        return self.entries[0].index

    @property
    def base_term(self) -> int:
        return self.entries[0].term

    @property
    def last_index(self) -> int:
        return self.entries[-1].index

    @property
    def last_term(self) -> int:
        return self.entries[-1].term

    @property
    def config(self) -> Config:
        """The latest configuration in the log, committed or not: the one in force (Raft thesis, 4.1)."""
        return self._configs[-1]

    def config_at(self, index: int) -> Config:
        """The configuration in force at `index`; needs base_index <= index."""
        return next(config for config in reversed(self._configs) if config.index <= index or config is self._configs[0])

    def term_at(self, index: int) -> int | None:
        """None when the entry is not in the log (compacted, or not yet there)."""
        position = index - self.entries[0].index
        return self.entries[position].term if 0 <= position < len(self.entries) else None

    def after(self, index: int, bytes_max: int, last: int | None = None) -> list[Entry]:
        """Entries after `index` up to `last`, at least one if there is one, until `bytes_max` is reached."""
        position = index + 1 - self.base_index
        assert position >= 1, "asked for compacted entries"
        found: list[Entry] = []
        size = 0
        while position < len(self.entries):
            entry = self.entries[position]
            size += len(entry.command) + 24
            if (found and size > bytes_max) or (last is not None and entry.index > last):
                break
            found.append(entry)
            position += 1
        return found

    def is_up_to_date(self, last_term: int, last_index: int) -> bool:
        """Whether a log that ends so is at least as new as this one (Raft thesis, 3.6.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    # changing

    def append(self, entry: Entry) -> None:
        assert entry.index == self.last_index + 1 and entry.term >= self.last_term, f"{entry[1:]} after {self.entries[-1][1:]}"
        self.entries.append(entry)
        self.bytes += len(entry.command)
        self.changes_bytes += len(entry.command)
        if entry.kind == CONFIG:
            self._configs.append(Config(entry.index, voters_of(entry)))
        self._note(entry)
        self._marks.append((self.change_number, entry.index))

    def extend(self, entries: Sequence[Entry]) -> None:
        """What append() does, for entries that came at once and become durable at once: a learner is fed with a hundred."""
        index, term, size = self.last_index, self.last_term, 0
        configs = []
        for entry in entries:
            command, number, of_term = entry
            index += 1
            assert number == index and of_term >= term, f"{entry[1:]} after {index - 1, term}"
            term = of_term
            size += len(command)
            if command[1:2] == CONFIG_KIND:
                configs.append(Config(index, voters_of(entry)))
        self.entries += entries
        self._configs += configs
        self.bytes += size
        self.changes_bytes += size
        self.changes += entries
        self.change_number += len(entries)
        self._marks.append((self.change_number, index))

    def truncate(self, index: int) -> None:
        """Forget the entries from `index` on."""
        assert index > self.base_index, "truncating what was compacted"
        if index > self.last_index:
            return
        position = index - self.base_index
        self.bytes -= sum(len(entry.command) for entry in self.entries[position:])
        del self.entries[position:]
        self._configs = [self._configs[0], *(c for c in self._configs[1:] if c.index < index)]
        self.durable_index = min(self.durable_index, index - 1)
        while self._marks and self._marks[-1][1] >= index:
            number, _ = self._marks.pop()
            if not self._marks or self._marks[-1][1] < index - 1:  # it was of several entries, and the first of them stay
                self._marks.append((number, index - 1))
        self._note(Truncate(index))

    def set_hard(self, hard: HardState) -> None:
        assert hard.term >= self.hard.term, "the term went back"
        if hard.term == self.hard.term:
            assert self.hard.vote in ("", hard.vote), "voted twice in a term"
        if hard != self.hard:
            self.hard = hard
            self._note(hard)
            self.hard_number = self.change_number

    def compact(self, index: int) -> None:
        """Make `index` the base: no change for the WAL, which is rewritten as a whole instead."""
        position = index - self.base_index
        base = self.entries[position]
        config = self.config_at(index)
        self.bytes -= sum(len(entry.command) for entry in self.entries[1 : position + 1])
        self.entries[: position + 1] = [Entry(KERNEL_PREFIX, base.index, base.term)]
        self._configs = [config, *(c for c in self._configs if c.index > index)]

    def reset(self, base_index: int, base_term: int, config: Config) -> None:
        """Replace the whole log by a base (a log snapshot was installed). The WAL is rewritten as a whole."""
        self.entries[:] = [Entry(KERNEL_PREFIX, base_index, base_term)]
        self.bytes = 0
        self._configs = [config]
        if base_term > self.hard.term:
            self.hard = HardState(base_term, "")
        self.take_changes()
        self.change_number += 1
        self.hard_number = self.change_number
        self.durable_index = 0
        self._marks = deque([(self.change_number, base_index)])

    def synced(self, number: int) -> None:
        """Changes up to `number` are on the disk."""
        while self._marks and self._marks[0][0] <= number:
            self.durable_index = self._marks.popleft()[1]

    def take_changes(self) -> list[Change]:
        changes, self.changes, self.changes_bytes = self.changes, [], 0
        return changes

    def _note(self, change: Change) -> None:
        self.changes.append(change)
        self.change_number += 1

    def check(self) -> None:
        """Assert the invariants: indexes without gaps, terms never falling, configurations where the entries are."""
        for before, entry in zip(self.entries, self.entries[1:], strict=False):
            assert entry.index == before.index + 1 and entry.term >= before.term, "the log has a gap or its terms fall"
        assert self.hard.term >= self.last_term, "the term is behind the log"
        assert [c.index for c in self._configs[1:]] == [e.index for e in self.entries[1:] if e.kind == CONFIG], "configurations differ"
