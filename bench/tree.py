"""`bench tree --peers 10000`: the feed tree and liveness of more peers than a machine can hold, on a simulated network. SIMULATED, and says so.

Real here: who follows whom (core.membership), who is in sight (core.liveness), and the daemon's own times. Simulated: the clock, the network's
delays, what a send costs. The store is not in it: a change begins where the leader has applied it. No processor is ever busy, so what it says of
times is about hops and timers; a pool on one small machine is slower (compare with `bench peers`).
"""

from __future__ import annotations

import argparse
import functools
import heapq
import json
import random
from collections.abc import Callable

from bench import arguments, report
from bench.report import percentile
from gd2raft.core.liveness import Sight
from gd2raft.core.membership import FAN_OUT, choices, voters_wanted
from gd2raft.peers.feed import STATE_AT_REST_S
from gd2raft.peers.follow import LEASE_EVERY_S, RETRY_S

NETWORKS = {"rack": (0.00005, 0.0003), "site": (0.0002, 0.002), "world": (0.005, 0.08)}
"""One-way delays in seconds, from and to, drawn anew for each pair of peers."""
SEND_S = 0.00003
"""What one more follower costs a feed, one after the other."""
DIAL_TRIPS = 4
"""One-way trips until a new upstream is followed: connection, hello, request, reply (some overlap)."""
LIMIT_S = 60.0


class Tree:
    """`run()` gives what was found. The leader is the first voter."""

    def __init__(self, peers: int, network: str, seed: int) -> None:
        self.chance, self.seed, self.range = random.Random(seed), seed, NETWORKS[network]
        self.ids = [f"{self.chance.getrandbits(64):016x}" for _ in range(peers)]
        self.voters = self.ids[: voters_wanted(peers)]
        self.leader = self.voters[0]
        voters, learners = sorted(self.voters), sorted(set(self.ids) - set(self.voters))
        self.candidates = {p: choices(rank, voters, learners) for rank, p in enumerate(learners)}
        self.candidates |= {p: [self.leader] for p in voters if p != self.leader}
        self.upstream = {p: found[0] for p, found in self.candidates.items()}
        self.sights = {p: Sight(p) for p in {self.leader, *self.voters, *self.upstream.values()}}
        self.told: dict[str, frozenset[str]] = {}
        self.dead: set[str] = set()
        self.messages = 0
        self.now, self._events, self._number = 0.0, [], 0  # type: float, list[tuple[float, int, Callable[[], None]]], int

    def delay(self, one: str, other: str) -> float:
        """The same both ways, and every time."""
        low, high = self.range
        return low + (high - low) * random.Random(f"{self.seed}{min(one, other)}{max(one, other)}").random()

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now + seconds, self._number, what))

    def until(self, condition: Callable[[], bool], every_s: float = 0.05) -> float:
        """Simulated seconds until the condition is true. Raises RuntimeError after LIMIT_S."""
        began = self.now
        while not condition():
            end = self.now + every_s
            while self._events and self._events[0][0] <= end:
                self.now, _, what = heapq.heappop(self._events)
                what()
            self.now = end
            if self.now - began > LIMIT_S:
                raise RuntimeError("it does not come to rest")
        return self.now - began

    # the feed

    def followers(self, upstream: str) -> list[str]:
        return [p for p in self.ids if self.upstream.get(p) == upstream and p not in self.dead]

    def spread(self) -> dict[str, float]:
        """Peer -> seconds after the leader at which it has a change; those that are cut off are missing."""
        below: dict[str, list[str]] = {}
        for peer in self.ids:
            if peer not in self.dead and peer in self.upstream:
                below.setdefault(self.upstream[peer], []).append(peer)
        have, waiting = {self.leader: 0.0}, [self.leader]
        while waiting:
            at = waiting.pop()
            for place, peer in enumerate(below.get(at, ())):
                have[peer] = have[at] + SEND_S * (place + 1) + self.delay(at, peer)
                waiting.append(peer)
        return have

    def depth(self, peer: str) -> int:
        return 0 if peer == self.leader else 1 + self.depth(self.upstream[peer])

    # liveness

    def lease(self, peer: str) -> None:
        """One lease to its upstream, and the next one later."""
        if peer in self.dead:
            return
        upstream = self.upstream[peer]
        below = self.sights[peer].online(self.now) - {peer} if peer in self.sights else frozenset()
        before = self.told.get(peer)
        came, went = (below, frozenset()) if before is None else (below - before, before - below)
        self.told[peer] = below
        self.messages += 1
        self.after(self.delay(peer, upstream), lambda: self.take(upstream, peer, below if before is None else None, came, went))
        self.after(LEASE_EVERY_S, lambda: self.lease(peer))

    def take(self, upstream: str, peer: str, below: frozenset[str] | None, came: frozenset[str], went: frozenset[str]) -> None:
        if upstream not in self.dead and self.upstream[peer] == upstream:
            self.sights.setdefault(upstream, Sight(upstream)).lease(peer, below, self.now, came=came, went=went)

    def kill(self, peer: str) -> None:
        """Its connections break, as those of a killed process do."""
        orphans = self.followers(peer)
        self.dead.add(peer)
        up = self.upstream[peer]
        self.after(self.delay(peer, up), lambda: self.sights[up].lost(peer, self.now))
        for orphan in orphans:
            to = next(p for p in self.candidates[orphan] if p not in self.dead)
            wait = self.delay(peer, orphan) + self.chance.uniform(*RETRY_S) + DIAL_TRIPS * self.delay(orphan, to)
            self.after(wait, functools.partial(self.rehome, orphan, to))

    def rehome(self, peer: str, to: str) -> None:
        self.upstream[peer] = to
        self.told.pop(peer, None)
        self.sights.setdefault(to, Sight(to)).lease(peer, (), self.now)

    def online(self) -> frozenset[str]:
        return self.sights[self.leader].online(self.now)

    def run(self) -> dict[str, object]:
        for peer in self.upstream:
            self.after(self.chance.uniform(0, LEASE_EVERY_S), functools.partial(self.lease, peer))
        seen_s = self.until(lambda: len(self.online()) == len(self.ids))
        times = sorted(self.spread().values())
        counts = dict.fromkeys(self.ids, 0)
        for upstream in self.upstream.values():
            counts[upstream] += 1
        relay = max((p for p in self.ids if p != self.leader), key=lambda p: (counts[p] > 0 and p not in self.voters, counts[p]))
        self.kill(relay)
        alive = len(self.ids) - 1
        rehomed_s = self.until(lambda: len(self.spread()) == alive)
        known_s = rehomed_s + self.until(lambda: relay not in self.online() and len(self.online()) == alive)
        before, began = self.messages, self.now
        self.until(lambda: self.now - began >= 10.0, 1.0)
        leases = (self.messages - before) / (self.now - began)
        return {
            "name": "tree", "simulated": True, "peers": len(self.ids), "depth": max(map(self.depth, set(self.ids) - self.dead)),
            "followers_max": max(counts.values()), "spread_p50_ms": 1000 * percentile(times, 50), "spread_p99_ms": 1000 * percentile(times, 99),
            "spread_max_ms": 1000 * times[-1], "messages_per_change": len(times) - 1, "seen_all_s": seen_s,
            "relay_kill_followers": counts[relay], "relay_kill_all_fed_s": rehomed_s, "relay_kill_all_known_s": known_s,
            "rest_messages_per_s": leases + (len(self.ids) - 1) / STATE_AT_REST_S,
        }  # fmt: skip


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench tree", description="The feed tree of many peers, simulated.")
    parser.add_argument("--peers", type=int, default=10_000)
    parser.add_argument("--network", choices=sorted(NETWORKS), default="site", help="delays of the network (default: %(default)s)")
    arguments.seed(parser, "delays, ids and times")
    arguments.output(parser, "")
    options = parser.parse_args(words)
    if not 3 <= options.peers <= 100_000:
        parser.error("--peers: 3 to 100000")
    found = {**Tree(options.peers, options.network, options.seed).run(), "network": options.network, "seed": options.seed}
    print(f"Simulated (no daemon runs): fan-out {FAN_OUT}, one-way delays {NETWORKS[options.network]} s.")
    report.show([["what", "found"], *([name, f"{value:.4g}" if isinstance(value, float) else str(value)] for name, value in found.items())])
    if options.json:
        print(json.dumps(found))
    return 0
