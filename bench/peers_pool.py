"""A pool of many real daemons as the experiments see it: who is in it, who leads, what everybody has and says, and changes to try on it.

It must not know the experiments.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterable

from bench.crowd import Crowd, Json
from bench.findings import Findings
from bench.ours import VOTERS
from bench.sides import NotDone

OWN_RHYTHM = (
    "ping",
    "raft.message",
    "follow.frames",
    "follow.lease",
    "follow.state",
    "follow.open",
    "follow.snapshot",
    "follow.hurry",
    "peer.state",
)
"""What daemons say anyway: the log, its feed, leases. Not a command's own messages."""


class Pool(Findings):
    """`joined`: how many of the daemons are in the pool, once it is formed; the last one joins later and alone."""

    quiet_volume = "quiet"

    def __init__(self, crowd: Crowd, options: argparse.Namespace) -> None:
        super().__init__(name="peers", peers=crowd.size)
        self.crowd, self.options, self.size = crowd, options, crowd.size
        self.rng = random.Random(options.seed)
        self.joined = max(1, self.size - 1)

    def status(self, number: int = 0) -> Json:
        return self.crowd.ask(number, "GET", "/v1/cluster/status")

    def is_whole(self) -> bool:
        status = self.status()
        return len(status["voters"]) == VOTERS.get(self.joined, 5) and sum(p["online"] for p in status["peers"]) == self.joined

    def leader(self) -> int:
        """Its number."""
        known: list[str] = []

        def found() -> bool:
            known[:] = [self.crowd.ask(self.alive()[0], "GET", "/v1/cluster/status")["leader"]]
            return bool(known[0])

        self.crowd.until("somebody leads", found, 30)
        return self.number_of(known[0])

    def number_of(self, peer_id: str) -> int:
        peers = self.crowd.ask(self.alive()[0], "GET", f"/v1/peers/{peer_id}")
        host = peers["peer-addresses"][0].rsplit(":", 1)[0]
        _, _, high, low = host.split(".")
        return int(high) * 250 + int(low) - 1

    def voters_first(self) -> None:
        """A thousand daemons that have something to do at once keep each other from two cores for longer than a leader may be silent. On machines
        of their own they can't; so here those that vote go first, and the client that asks them."""
        self.crowd.go_first([self.number_of(peer) for peer in self.status(self.alive()[0])["voters"]])

    def alive(self) -> list[int]:
        return sorted(self.crowd.pids)

    def revision(self) -> int:
        return max(self.crowd.board.revision(number) for number in self.alive())

    def everybody_current(self, seconds: float, numbers: Iterable[int] | None = None, every: float = 0.01) -> float:
        """Until every state has what the newest had when this was asked: seconds. It looks so often, and is in everybody's way meanwhile."""
        wanted = self.revision()
        chosen = [n for n in self.alive() if n < self.joined] if numbers is None else list(numbers)
        board = self.crowd.board
        return self.crowd.until(
            f"everybody has revision {wanted}", lambda: all(board.revision(number) >= wanted for number in chosen), seconds, every
        )

    @staticmethod
    def total(traffic: dict[int, dict[str, dict[str, int]]], what: str = "frames_out") -> Counter[str]:
        total: Counter[str] = Counter()
        for methods in traffic.values():
            for method, tally in methods.items():
                total[method] += tally[what]
        return total

    def life_of(self, name: str, hosts: list[int], bricks: int) -> list[tuple[str, str, str, Json]]:
        """(what, method, path, body) of a replica 3 volume's life; its bricks go round over the hosts."""
        places = [hosts[index % len(hosts)] for index in range(bricks)]
        for n in set(places):
            (self.crowd.place(n) / "bricks").mkdir(exist_ok=True)
        paths = [f"{self.crowd.address(n)}:{self.crowd.place(n)}/bricks/{name}-{index}" for index, n in enumerate(places)]
        return [
            ("create", "POST", "/v1/volumes", {"name": name, "replica": 3, "bricks": paths, "force": True}),
            ("start", "POST", f"/v1/volumes/{name}/start", None),
            ("set", "POST", f"/v1/volumes/{name}/options", {"options": {"performance.io-cache": "on"}}),
            ("stop", "POST", f"/v1/volumes/{name}/stop", None),
            ("delete", "DELETE", f"/v1/volumes/{name}", None),
        ]

    def said(self, numbers: Iterable[int], methods: Iterable[str] = ()) -> tuple[int, int]:
        """Messages and bytes that these have sent so far: of the methods, or (without any) of all that daemons don't say anyway."""
        traffic, chosen = self.crowd.traffic(set(numbers)), tuple(methods)
        frames, sizes = self.total(traffic), self.total(traffic, "bytes_out")
        names = [name for name in frames if (name in chosen if chosen else name not in OWN_RHYTHM)]
        return sum(frames[name] for name in names), sum(sizes[name] for name in names)

    def change(self, connection: http.client.HTTPConnection, number: int, value: str) -> int:
        """One commit that concerns nobody: the revision from which the state has it."""
        headers_path = f"/v1/volumes/{self.quiet_volume}/edit"
        self.crowd.ask_on(connection, number, "POST", headers_path, {"metadata": {"bench": value}})
        return self.crowd.board.revision(number)

    def make_quiet_volume(self, number: int) -> None:
        place = self.crowd.place(number) / "bricks"
        place.mkdir(exist_ok=True)
        try:
            self.crowd.ask(number, "GET", f"/v1/volumes/{self.quiet_volume}")
        except NotDone:
            brick = f"{self.crowd.address(number)}:{place}/quiet"
            self.crowd.ask(number, "POST", "/v1/volumes", {"name": self.quiet_volume, "bricks": [brick], "force": True})

    def late(self, revision: int, leader: int) -> float:
        """How much later than the leader the last peer reached the revision."""
        board = self.crowd.board
        first = board.time_of(leader, revision)
        assert first is not None, "the leader's own time is forgotten"
        return max((at - first for n in self.alive() if (at := board.time_of(n, revision)) is not None), default=0.0)

    def writes_again(self, through: list[int], seconds: float = 60.0) -> float:
        """Until a write is acknowledged by one of these peers: seconds."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for number in through:
                try:
                    self.crowd.ask(number, "POST", f"/v1/volumes/{self.quiet_volume}/edit?timeout=5", {"metadata": {"bench": "again"}}, 6.0)
                    return time.monotonic() - began
                except (NotDone, OSError, http.client.HTTPException):
                    time.sleep(0.02)
        raise NotDone(f"no write within {seconds} s")

    def set_times(self, leader: int) -> float:
        self.make_quiet_volume(leader)
        times = []
        for number in range(10):
            began = time.monotonic()
            body = {"options": {"performance.io-cache": "on" if number % 2 else "off"}}
            self.crowd.ask(leader, "POST", f"/v1/volumes/{self.quiet_volume}/options", body)
            times.append(time.monotonic() - began)
        return 1000 * statistics.median(times)
