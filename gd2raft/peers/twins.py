"""One identity, two processes: a state folder that was copied and runs beside the original. It must not know of sockets.

Each daemon process draws an instance name when it starts and says it in its hello. While a connection of one instance of a peer is open, another
instance is refused: after a restart the old connections are gone (at once when a process ends, within dead_after_s when a machine does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gd2raft.rpc.hello import HelloInfo, Refusal

RUNS_TWICE = "runs-twice"
PATIENCE_S = 20.0
"""Longer than a connection of a dead machine stays open: who is refused for so long has a living twin."""
PAUSE_S_MAX = 10.0
MUTE_S = 3.0
"""So long after a refusal this peer has no voice. Voters are dialled at least once a second meanwhile, so a twin is refused again before it ends."""


class Twins:
    """`known`: (hello, where from) of the open connections; `own`: this daemon's hello."""

    def __init__(self, own: Callable[[], HelloInfo], known: Callable[[], Iterable[tuple[HelloInfo, str]]]) -> None:
        self._own, self._known = own, known
        self._refused_since = self._refused_at = float("-inf")

    def verdict(self, hello: HelloInfo) -> Refusal | None:
        """Whether a peer may talk to us."""
        others = ((self._own(), "here"), *self._known())
        for other, where in others:
            if other.peer_id == hello.peer_id and hello.instance and other.instance and hello.instance != other.instance:
                return Refusal(RUNS_TWICE, message(hello.peer_id, where))
        return None

    def refused(self, now: float) -> bool:
        """This daemon was refused as a twin: whether that has gone on for too long for an old connection to be the reason."""
        if now - self._refused_at > PAUSE_S_MAX:
            self._refused_since = now
        self._refused_at = now
        return now - self._refused_since >= PATIENCE_S

    def muted(self, now: float) -> bool:
        """Whether this daemon must not vote, lead or acknowledge: two processes with one vote would be counted twice."""
        return now - self._refused_at <= MUTE_S

    def suspected(self, now: float) -> bool:
        """Refused a moment ago; by an old connection of this peer's, or because of a twin."""
        return now - self._refused_at <= PAUSE_S_MAX


def message(peer_id: str, where: str) -> str:
    return (
        f"the peer {peer_id} runs already ({where}), and one peer must not run twice: was its state folder copied? Stop one of the two. The "
        "copy must never run: move its folder away and let that machine join as a new peer"
    )
