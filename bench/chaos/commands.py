"""A client that runs whole commands under chaos: volumes are created and deleted, with steps on the peers of their bricks.

A command may fail for many good reasons (a peer of a brick is down). What counts: an acknowledged one is there at the end, a refused one is
not, and none leaves a lock, a transaction or a claim behind. This file must not know what is broken meanwhile.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Literal

from bench.chaos.clients import Book, insist
from bench.chaos.pool import Daemon, Pool
from bench.door import Door
from gd2raft.core import model

Fate = Literal["there", "absent", "unknown"]
KEPT_MAX = 10
FAILED = (400, 404, 409, 412, 500)


class Commander:
    """Creates x1, x2, ... and deletes most of them again. `fates`: what must be at the end."""

    def __init__(self, pool: Pool, book: Book, seed: str, per_s: float) -> None:
        self._pool, self._book, self._per_s = pool, book, per_s
        self._dice = random.Random(seed)
        self._door = Door(pool.daemons)
        self._number = 0
        self.fates: dict[str, Fate] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            there = [name for name, fate in self.fates.items() if fate == "there"]
            if len(there) > KEPT_MAX or (there and self._dice.random() < 0.4):
                self._delete(self._dice.choice(there))
            else:
                self._create()
            stop.wait(self._dice.uniform(0.5, 1.5) / self._per_s)
        self._door.close()

    def _choose(self) -> Daemon:
        return self._dice.choice(self._pool.daemons)

    def _create(self) -> None:
        self._number += 1
        name = f"x{self._number}"
        daemons = self._dice.sample(self._pool.daemons[:3], self._dice.choice((1, 2, 3)))
        bricks = [{"peerid": daemon.id, "path": str(daemon.host.folder / "bricks" / name)} for daemon in daemons]
        body = {"name": name, "subvols": [{"type": "distribute", "bricks": bricks}], "force": True}
        sent = insist(self._door, self._choose, "POST", "/v1/volumes", body, final=FAILED)
        self.fates[name] = self._fate("create", sent.outcome, done="there", before="absent")

    def _delete(self, name: str) -> None:
        sent = insist(self._door, self._choose, "DELETE", f"/v1/volumes/{name}", final=FAILED)
        self.fates[name] = self._fate("delete", sent.outcome, done="absent", before="there")

    def _fate(self, command: str, outcome: str, *, done: Fate, before: Fate) -> Fate:
        self._book.note(f"{command} {'failed' if outcome in ('final', 'odd') else outcome}")
        return done if outcome == "done" else before if outcome == "refused" else "unknown"

    def judge(self) -> list[str]:
        """At rest, asked of every peer."""
        found = []
        for daemon in self._pool.daemons:
            there = {volume["name"] for volume in daemon.call("GET", "/v1/volumes")}
            for name, fate in self.fates.items():
                if fate == "there" and name not in there:
                    found.append(f"{daemon.host.name}: volume {name} was acknowledged and is lost")
                elif fate == "absent" and name in there:
                    found.append(
                        f"{daemon.host.name}: volume {name} is there, though its creation was refused or its deletion acknowledged"
                    )
        return found


def judge_rest(peer: str, values: Mapping[str, bytes]) -> list[str]:
    """The state of one peer at rest: no lock, no transaction, nothing left to undo, and as many claims as bricks."""
    unfinished = [
        key
        for key in values
        if key.startswith((model.LOCKS, model.TRANSACTIONS)) or (key.startswith(model.LEFTOVERS) and key.count("/") > 1)
    ]
    found = [f"{peer}: {key} is left in the state" for key in unfinished]  # (a peer's guard key for its leftovers stays)
    claimed = {
        model.load(key, value, model.BrickClaim).volume
        for key, value in values.items()
        if key.startswith(model.BRICKS) and key.count("/") > 1
    }
    volumes = {key.removeprefix(model.VOLUMES) for key in values if key.startswith(model.VOLUMES)}
    if claimed != volumes:
        found.append(f"{peer}: claims of bricks without a volume: {claimed - volumes}; volumes without a claim: {volumes - claimed}")
    return found
