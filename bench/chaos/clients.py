"""Clients of the REST door under chaos: registers that are written, compared-and-set and read through any peer, and what they were told.

A register is the metadata of a volume. A write carries an Idempotency-Key and is asked again, with the same key and of another peer,
while its outcome is unknown; what stays unknown stays so in the history. This file must not know what is broken meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.chaos.pool import Daemon, Pool
from bench.door import Answer, Door
from tests.store.linearizability import Operation, Recorder

GENERATION_S = 60.0
REGISTERS = 3
"""Of a generation. New ones every minute keep each history short enough to be decided."""
COMMAND_S = 3
GIVE_UP_S = 8.0
"""The pool remembers the answers of its last 1000 commands: a key must not be used again after that."""
PAUSE_S = 0.2

REFUSED = (503, 409)
"""Nothing was done, says the contract: no quorum, no leader, a held lock."""


class LocalRead(NamedTuple):
    """A read without asking anybody. `revision`: the label of the answer; `etag`: revision of the register. `asked`, `answered`: when, by one clock."""

    peer: str
    life: int
    register: str
    value: str | None
    revision: int
    etag: int
    asked: float = 0.0
    answered: float = 0.0


class Book:
    """What all clients saw. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recorder = Recorder()
        self.local: list[LocalRead] = []
        self.written: dict[tuple[str, int], str | None] = {}
        self.refused: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.odd: Counter[str] = Counter()

    def invoke(self, *what: Any) -> int:
        with self._lock:
            return self._recorder.invoke(*what)

    def done(self, number: int, outcome: Any = "done", value: bytes | None = None) -> None:
        with self._lock:
            self._recorder.done(number, outcome, value)

    def forget(self, number: int) -> None:
        with self._lock:
            self._recorder.forget(number)

    def note(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def strange(self, answer: Answer) -> None:
        with self._lock:
            self.odd[kind_of(answer)] += 1

    def saw(self, read: LocalRead) -> None:
        with self._lock:
            self.local.append(read)

    def refuse(self, value: str) -> None:
        with self._lock:
            self.refused.add(value)

    def history(self) -> list[Operation]:
        with self._lock:
            return self._recorder.history()


def kind_of(answer: Answer) -> str:
    """Status and code, so that answers are counted together that differ in a name or a request id; a 5xx with its words, since they say what broke.

    >>> kind_of(Answer(404, {}, {"errors": [{"message": "volume r1 does not exist", "fields": {"code": "volume-not-found"}}]}))
    '404 volume-not-found'
    """
    try:
        (error,) = answer.body["errors"]
        code, message = str(error["fields"]["code"]), str(error["message"])
    except (TypeError, KeyError, ValueError):
        code, message = "", json.dumps(answer.body)
    return f"{answer.status} {code}".strip() + (f": {message[:200]}" if answer.status >= 500 or not code else "")


def register_name(generation: int, number: int) -> str:
    return f"r{generation:04d}-{number}"


class Sent(NamedTuple):
    """How a change ended: done, refused, unknown, or a status that the caller knows."""

    outcome: str
    answer: Answer | None = None


def insist(
    door: Door,
    choose: Callable[[], Daemon],
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    final: tuple[int, ...] = (),
) -> Sent:
    """Ask with one Idempotency-Key until there is an answer, or the time is over. `final`: statuses that say what became of it."""
    deadline = time.monotonic() + GIVE_UP_S
    sent = {"Idempotency-Key": str(uuid.uuid4()), **(headers or {})}
    maybe = False
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = door.ask(choose(), method, f"{path}?timeout={COMMAND_S}s", body, sent)
            if answer.status < 300:
                return Sent("done", answer)
            if answer.status in final:
                return Sent("final", answer)
            if answer.status in REFUSED and not maybe:
                return Sent("refused", answer)
            if answer.status not in (*REFUSED, 504):
                return Sent("odd", answer)
        maybe = True
        if time.monotonic() > deadline:
            return Sent("unknown")
        time.sleep(PAUSE_S)


class Client:
    """One thread that works on registers: mostly through one peer, sometimes through another."""

    def __init__(self, name: str, pool: Pool, book: Book, home: int, seed: str, per_s: float, began: float) -> None:
        self._name, self._pool, self._book, self._home, self._per_s, self._began = name, pool, book, home, per_s, began
        self._dice = random.Random(seed)
        self._door = Door(pool.daemons)
        self._number = 0
        self._known: dict[str, tuple[str | None, int]] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            self._turn()
            stop.wait(max(0.0, self._dice.uniform(0.5, 1.5) / self._per_s - (time.monotonic() - began)))
        self._door.close()

    def _turn(self) -> None:
        generation = int((time.monotonic() - self._began) / GENERATION_S)
        register = register_name(generation, self._dice.randrange(REGISTERS))
        kind = self._dice.random()
        if kind < 0.35:
            self._write(register)
        elif kind < 0.55:
            self._compare_and_set(register)
        elif kind < 0.8:
            self._read(register)
        else:
            self._read_local(register)

    def _choose(self) -> Daemon:
        number = self._home if self._dice.random() < 0.7 else self._dice.randrange(self._pool.size)
        return self._pool.daemons[number]

    def _value(self) -> str:
        self._number += 1
        return f"{self._name}.{self._number}"

    def _write(self, register: str) -> None:
        value = self._value()
        number = self._book.invoke(self._name, "write", register, value.encode())
        self._end("write", number, register, value, insist(self._door, self._choose, "POST", f"/v1/volumes/{register}/edit", _body(value)))

    def _compare_and_set(self, register: str) -> None:
        """Set it if nobody changed it since we looked."""
        if self._dice.random() < 0.7 or register not in self._known:
            self._read(register)
        if register not in self._known:
            return
        seen, etag = self._known[register]
        value = self._value()
        expected = None if seen is None else seen.encode()
        number = self._book.invoke(self._name, "cas", register, value.encode(), expected)
        path, headers = f"/v1/volumes/{register}/edit", {"If-Match": f'"{etag}"'}
        sent = insist(self._door, self._choose, "POST", path, _body(value), headers, final=(412,))
        if sent.outcome == "final":
            self._book.done(number, "conflict")
            self._book.note("cas conflict")
            return
        self._end("cas", number, register, value, sent)

    def _end(self, kind: str, number: int, register: str, value: str, sent: Sent) -> None:
        self._book.note(f"{kind} {sent.outcome}")
        if sent.outcome == "done":
            self._book.done(number)
        elif sent.outcome == "refused":
            self._book.forget(number)
            self._book.refuse(value)
        elif sent.outcome == "odd" and sent.answer is not None:
            self._book.strange(sent.answer)

    def _read(self, register: str) -> None:
        number = self._book.invoke(self._name, "read", register)
        try:
            answer = self._door.ask(self._choose(), "GET", f"/v1/volumes/{register}?consistency=linearizable")
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is None or answer.status != 200:
            self._book.forget(number)
            self._book.note("read unanswered")
            if answer is not None and answer.status not in (404, 503, 504):  # 404: a peer that was detached
                self._book.strange(answer)
            return
        value = _value_of(answer)
        self._book.done(number, value=None if value is None else value.encode())
        self._book.note("read done")
        self._known[register] = (value, answer.etag)

    def _read_local(self, register: str) -> None:
        daemon = self._choose()
        life, asked = daemon.life, time.monotonic()
        try:
            answer = self._door.ask(daemon, "GET", f"/v1/volumes/{register}")
        except (OSError, http.client.HTTPException):
            self._book.note("local read unanswered")
            return
        if answer.status != 200:
            if answer.status not in (404, 503, 504):  # 404: it has just been started or detached, and does not know it
                self._book.strange(answer)
            self._book.note(f"local read {answer.status}")
            return
        self._book.note("local read done")
        revision = int(answer.headers["X-Gluster-Revision"])
        self._book.saw(LocalRead(daemon.host.name, life, register, _value_of(answer), revision, answer.etag, asked, time.monotonic()))


def _body(value: str) -> dict[str, Any]:
    return {"metadata": {"v": value}}


def _value_of(answer: Answer) -> str | None:
    value = (answer.body.get("metadata") or {}).get("v")
    return None if value is None else str(value)


def create_registers(pool: Pool, generations: int) -> None:
    """One brick each, on the first three peers in turn, never started: it is their records that are used."""
    for generation in range(generations):
        for number in range(REGISTERS):
            daemon, name = pool.daemons[(generation + number) % 3], register_name(generation, number)
            brick = {"peerid": daemon.id, "path": str(daemon.host.folder / "bricks" / name)}
            subvolume = {"type": "distribute", "bricks": [brick]}
            pool.daemons[0].call("POST", "/v1/volumes", {"name": name, "subvols": [subvolume], "force": True})
