"""Clients that make, enlarge and delete volumes by size, each with a list of its own. This file must not know what else happens.

Whatever a command came to, done, refused or failed in the middle, a client looks what the pool has afterwards and goes on from there; what was
acknowledged and is not so is a violation.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.door import Answer
from bench.life.orders import Answered, Orders, code_of
from bench.ours import Peer
from bench.sides import NotDone

GIB = 1 << 30
HELD_MAX = 3
"""Volumes of one client; before it makes another, one goes."""
KEPT, KEPT_GIB = 2, 9
"""Those that it keeps when it has nothing more to make, and what they and the bricks that others wait for may want."""
EXPAND_TRIES = 4
ROOM_S, PAUSE_S = 300.0, 0.5
STARTED, EXPANDED = 0.15, 0.7
"""How many of the volumes are started, and how many are enlarged."""
SHAPES: tuple[tuple[str, int, Mapping[str, Any]], ...] = (
    ("distribute", 1, {}),
    ("replica 2", 1, {"replica": 2}),
    ("replica 3", 1, {"replica": 3}),
    ("arbiter", 1, {"replica": 3, "arbiter": 1}),
    ("disperse 2+1", 2, {"disperse": 3, "disperse-redundancy": 1}),
)
"""Name, how many bricks of a set share its bytes (a brick has 1 GiB at least), words of the request."""


class Wish(NamedTuple):
    """A volume that somebody wants. Bytes; `more`: to be added later, 0 for nothing."""

    name: str
    shape: str
    body: Mapping[str, Any]
    size: int
    more: int
    started: bool


def wish(seed: str, number: int) -> Wish:
    """
    >>> wish("7", 1) == wish("7", 1), wish("7", 1) == wish("7", 2)
    (True, False)
    """
    dice = random.Random(f"{seed} volume {number}")
    shape, share, words = dice.choice(SHAPES)
    size, more = (share * (GIB + dice.randrange(GIB)) for _ in range(2))
    return Wish(f"s{number}", shape, words, size, more if dice.random() < EXPANDED else 0, dice.random() < STARTED)


class Ledger:
    """What all clients know together. `held`: name -> bytes that the pool acknowledged, of volumes that should be there now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.held: dict[str, int] = {}
        self.done: Counter[tuple[str, str]] = Counter()  # (shape, what)
        self.violations: list[str] = []

    def note(self, shape: str, what: str, name: str, size: int | None) -> None:
        """`size` None: it is gone."""
        with self._lock:
            self.done[shape, what] += 1
            if size is None:
                del self.held[name]
            else:
                self.held[name] = size

    def missed(self, shape: str, answer: Answer) -> None:
        with self._lock:
            self.done[shape, "no space" if code_of(answer) == "no-space" else "failed"] += 1

    def violate(self, text: str) -> None:
        with self._lock:
            self.violations.append(text)


class Client:
    """`orders`: its own. It is one thread's at a time."""

    def __init__(self, orders: Orders, ledger: Ledger, seed: str) -> None:
        self.name, self.orders, self._ledger = f"client {seed}", orders, ledger
        self._dice = random.Random(f"{seed} client")
        self._mine: list[Wish] = []

    def live(self, wishes: Sequence[Wish]) -> None:
        """Bring these into the world, one after the other."""
        self._guarded(lambda: self._live(wishes))

    def empty(self) -> None:
        """Delete all that is left."""
        self._guarded(self._remove_all)

    def _guarded(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # a client that ended early would pass for one that had nothing left to do
            self._ledger.violate(f"{self.name}: {type(error).__name__}: {error}")

    def _live(self, wishes: Sequence[Wish]) -> None:
        for wanted in wishes:
            if len(self._mine) >= HELD_MAX:
                self._remove(self._dice.choice(self._mine))
            if self._create(wanted) and wanted.more:
                self._expand(self._dice.choice([wish for wish in self._mine if wish.more]))
        while len(self._mine) > KEPT:  # others have to get on
            self._remove(self._dice.choice(self._mine))

    def _remove_all(self) -> None:
        while self._mine:
            self._remove(self._mine[0])

    # commands

    def _create(self, wanted: Wish) -> bool:
        """Whether there was room, in the end: others hold it, and so do our own."""
        until = time.monotonic() + ROOM_S
        while time.monotonic() < until:
            answer = self.orders.decided("POST", "/v1/volumes", {"name": wanted.name, "size": wanted.size, **wanted.body})
            capacity = self._capacity(wanted, answer)
            if capacity:
                self._mine.append(wanted)
                self._ledger.note(wanted.shape, "created", wanted.name, capacity)
                if wanted.started:
                    self._start(wanted)
                return True
            self._ledger.missed(wanted.shape, answer)
            if self._mine and code_of(answer) == "no-space":
                self._remove(self._dice.choice(self._mine))
            time.sleep(PAUSE_S)
        self._ledger.violate(f"no room for {wanted.name} in {ROOM_S:g} s")
        return False

    def _start(self, wanted: Wish) -> None:
        with contextlib.suppress(Answered):
            self.orders.give(f"/v1/volumes/{wanted.name}/start", {}, final="already started")

    def _expand(self, wanted: Wish) -> None:
        """For want of space, or after a few failures, it stays as it is."""
        before = self._ledger.held[wanted.name]
        for _ in range(EXPAND_TRIES):
            answer = self.orders.decided("POST", f"/v1/volumes/{wanted.name}/expand", {"size": wanted.more})
            capacity = self._capacity(wanted, answer)
            if capacity < before:
                self._ledger.violate(f"{wanted.name} had {before} bytes, and {capacity} after it was to be enlarged")
            if capacity > before:
                return self._ledger.note(wanted.shape, "expanded", wanted.name, capacity)
            self._ledger.missed(wanted.shape, answer)
            if code_of(answer) == "no-space":
                return None
            time.sleep(PAUSE_S)
        return None

    def _remove(self, wanted: Wish) -> None:
        if wanted.started:
            with contextlib.suppress(Answered):
                self.orders.give(f"/v1/volumes/{wanted.name}/stop", {}, final="not started")
        until = time.monotonic() + ROOM_S
        while True:
            if time.monotonic() > until:
                raise NotDone(f"{wanted.name} could not be deleted within {ROOM_S:g} s")
            answer = self.orders.decided("DELETE", f"/v1/volumes/{wanted.name}")
            if not self._capacity(wanted, answer):
                break
            self._ledger.missed(wanted.shape, answer)
            time.sleep(PAUSE_S)
        self._mine.remove(wanted)
        self._ledger.note(wanted.shape, "deleted", wanted.name, None)

    def _capacity(self, wanted: Wish, answer: Answer) -> int:
        """Bytes that the volume has now; 0: there is none. What a done command says is enough; after another one the pool is asked."""
        if answer.status < 300:
            return int(answer.body["capacity"]) if answer.body else 0
        found = self.orders.latest(f"/v1/volumes/{wanted.name}")
        return int(found.body["capacity"]) if found.status == 200 else 0


def share(numbers: range, clients: int, seed: str) -> list[list[Wish]]:
    """The wishes of each client.

    >>> [[wish.name for wish in each] for each in share(range(4, 9), 2, "7")]
    [['s4', 's6', 's8'], ['s5', 's7']]
    """
    return [[wish(seed, number) for number in numbers[first::clients]] for first in range(clients)]


def devices_of(peers: Sequence[Peer], orders: Orders, per_peer: int, size: int) -> None:
    for peer in peers:
        for number in range(per_peer):
            folder = peer.host.folder / f"disk{number}"
            folder.mkdir()
            orders.give(f"/v1/devices/{peer.id}", {"device": str(folder), "provisioner": "loop", "size": size})
