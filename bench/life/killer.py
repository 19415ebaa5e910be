"""kill -9 of daemons, every few seconds, as dice say: one, two or all of them; started again after a while.

Only daemons: bricks, self-heal daemons, rebalance processes and mounts are GlusterFS's own and go on. This file must not know what else happens.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable, Sequence

from bench.ours import Peer
from bench.sides import NotDone, wait_for

AWAY_S = (0.1, 2.0)
BACK_S = 90.0
ALL, TWO = 0.1, 0.2
"""How often all are killed, and two."""


class Killer(threading.Thread):
    """`kills`: so far. `violations`: daemons that ended by themselves, or did not come back."""

    def __init__(self, peers: Sequence[Peer], seed: str, every_s: float, say: Callable[[str], None]) -> None:
        super().__init__(name="killer", daemon=True)
        self._peers, self._every_s, self._say = list(peers), every_s, say
        self._dice = random.Random(seed)
        self._end = threading.Event()
        self._at_it = threading.Lock()
        self.kills = 0
        self.violations: list[str] = []

    def run(self) -> None:
        while not self._end.wait(self._every_s * self._dice.uniform(0.5, 1.5)):
            with self._at_it:
                try:
                    self._once()
                except (NotDone, OSError, http.client.HTTPException) as error:
                    self._violate(str(error))

    def _once(self) -> None:
        for peer in self._peers:
            if not peer.running():
                self._violate(f"{peer.host.name} ended by itself ({peer.process.returncode}): {peer.log_tail()}")
                peer.start()
        victims = self._choose()
        self._say(f"kill -9 of {', '.join(peer.host.name for peer in victims)}")
        for peer in victims:
            peer.kill()
            self.kills += 1
        self._end.wait(self._dice.uniform(*AWAY_S))
        for peer in victims:
            peer.start()
        for peer in victims:
            wait_for(f"{peer.host.name} answers again after kill -9", peer.ping, BACK_S, every=0.1)

    def _choose(self) -> list[Peer]:
        thrown = self._dice.random()
        count = len(self._peers) if thrown < ALL else 2 if thrown < ALL + TWO else 1
        return self._dice.sample(self._peers, count)

    def _violate(self, text: str) -> None:
        self.violations.append(text)
        self._say(f"VIOLATION: {text}")

    def leave_alone(self, peer: Peer) -> None:
        """It runs when this returns, and is not touched any more."""
        with self._at_it:
            self._peers.remove(peer)

    def end(self) -> None:
        """All that it killed run again when this returns."""
        self._end.set()
        if self.is_alive():
            self.join()
