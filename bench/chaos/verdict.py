"""What must be true of a run, checked from the outside: histories of clients, answers of all peers at rest, and the states on their disks.

Every check gives a list of violations in words, empty when there is none. This file must not know which faults there were.
"""

from __future__ import annotations

import hashlib
import http.client
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.chaos.clients import Book, LocalRead, _value_of
from bench.chaos.pool import Daemon, Pool
from bench.door import Door
from gd2raft.store.raft.disk import RealDisk
from gd2raft.store.raft.replica import Replica
from gd2raft.store.raft.settings import Settings
from gd2raft.store.raft.storage import load
from tests.store.linearizability import NotLinearizable, Operation, Undecided, check

STEPS_MAX = 3_000_000


class State(NamedTuple):
    """The state of one peer, from its disk. `digest`: over every key, value, revision and session."""

    peer: str
    entry: int
    revision: int
    digest: str
    values: dict[str, bytes]


def judge_history(history: Iterable[Operation]) -> list[str]:
    """Register by register."""
    by_key: dict[str, list[Operation]] = defaultdict(list)
    for operation in history:
        by_key[operation.key].append(operation)
    found = []
    for operations in by_key.values():
        try:
            check(operations, steps_max=STEPS_MAX)
        except (NotLinearizable, Undecided) as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def read_everywhere(pool: Pool, book: Book, registers: Iterable[str]) -> list[str]:
    """At rest, through every peer: part of the history, so that a lost write is a history without an order."""
    door, found = Door(pool.daemons), []
    for register in registers:
        for daemon in pool.daemons:
            number = book.invoke("final", "read", register)
            try:
                answer = door.ask(daemon, "GET", f"/v1/volumes/{register}?consistency=linearizable")
            except (OSError, http.client.HTTPException) as error:
                answer = None
                found.append(f"{daemon.host.name} does not answer at rest: {error}")
            if answer is None or answer.status != 200:
                book.forget(number)
                found.append(f"{daemon.host.name} answers {answer and (answer.status, answer.body)} at rest")
                continue
            value = _value_of(answer)
            book.done(number, value=None if value is None else value.encode())
            if value in book.refused:
                found.append(f"{register} holds {value!r}, which was refused")
    door.close()
    return found


def judge_refused(book: Book) -> list[str]:
    """What was refused has never been seen by anybody."""
    seen = {op.value.decode() for op in book.history() if op.kind == "read" and op.value is not None}
    seen |= {read.value for read in book.local if read.value is not None}
    return [f"{value!r} was refused, and read" for value in sorted(seen & book.refused)]


def judge_local_reads(reads: list[LocalRead]) -> list[str]:
    """A label tells what the reader sees: one value for (register, revision), the newest one up to it, and no peer goes back in one life."""
    return [*_one_value(reads), *_newest(reads), *_no_way_back(reads)]


def _one_value(reads: list[LocalRead]) -> list[str]:
    values: dict[tuple[str, int], str | None] = {}
    found = []
    for read in reads:
        if values.setdefault((read.register, read.etag), read.value) != read.value:
            found.append(f"{read} differs from {values[read.register, read.etag]!r}, which another peer had at that revision")
    return found


def _newest(reads: list[LocalRead]) -> list[str]:
    changes: dict[str, set[int]] = defaultdict(set)
    for read in reads:
        changes[read.register].add(read.etag)
    found = []
    for read in reads:
        missed = [etag for etag in changes[read.register] if read.etag < etag <= read.revision]
        if missed or read.etag > read.revision:
            found.append(f"{read} lacks the change of revision {min(missed, default=read.etag)}")
    return found


def _no_way_back(reads: list[LocalRead]) -> list[str]:
    """A read that was asked for after another one was answered, by the same peer in the same life, sees no less."""
    places: dict[tuple[str, str, int], list[LocalRead]] = defaultdict(list)
    for read in reads:
        places[read.register, read.peer, read.life].append(read)
    found = []
    for there in places.values():
        answered, latest, next_ = sorted(there, key=lambda read: read.answered), 0, 0
        for read in sorted(there, key=lambda read: read.asked):
            while next_ < len(answered) and answered[next_].answered < read.asked:
                latest, next_ = max(latest, answered[next_].etag), next_ + 1
            if read.etag < latest:
                found.append(f"{read} is older than what the same peer showed before ({latest})")
    return found


def state_on_disk(daemon: Daemon) -> State:
    """Its log snapshot and all of its log, applied. The daemon must not run."""
    folder = next((Path(daemon.state) / "raft").glob("*/raft.wal")).parent
    disk = RealDisk(folder)
    try:
        loaded = load(disk, daemon.id)
    finally:
        disk.close()
    assert loaded is not None
    meta = loaded.meta
    replica = Replica(Settings(), loaded.frozen, (meta.index, meta.term)) if meta else Replica(Settings())
    replica.apply(loaded.log.after(replica.applied[0], 1 << 62, loaded.log.last_index), lambda index, term, results: None)
    frozen = replica.state.freeze()
    digest = hashlib.sha256(msgspec.msgpack.encode(frozen, order="deterministic")).hexdigest()
    values = {key: item.value for key, item in frozen.items.items()}
    return State(daemon.host.name, replica.applied[0], frozen.revision, digest, values)


def judge_states(states: list[State]) -> list[str]:
    """All peers at rest have the same log, so the same state, to the byte."""
    told = {(state.entry, state.revision, state.digest) for state in states}
    if len(told) == 1:
        return []
    lines = [f"{state.peer}: entry {state.entry}, revision {state.revision}, {state.digest[:16]}" for state in states]
    differing = sorted(key for key in set().union(*(s.values for s in states)) if len({s.values.get(key) for s in states}) > 1)
    return [f"the peers' states differ: {'; '.join(lines)}; keys: {differing[:10]}"]
