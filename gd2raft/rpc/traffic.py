"""Counters of frames and bytes, per method and per peer: plain dicts, read by the metrics and the benches.

This file must not know connections or frames.
"""

from __future__ import annotations

PEERS_MAX = 8192
OTHER = "(others)"


class Tally:
    """Frames and bytes (with their length prefix) since the daemon started."""

    __slots__ = ("bytes_in", "bytes_out", "frames_in", "frames_out")

    def __init__(self) -> None:
        self.frames_in = self.bytes_in = self.frames_out = self.bytes_out = 0

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


class Traffic:
    """by_method: method name, or 'ping', 'cancel', 'unknown'. by_peer: peer id. dropped: notifications per method."""

    def __init__(self) -> None:
        self.by_method: dict[str, Tally] = {}
        self.by_peer: dict[str, Tally] = {}
        self.dropped: dict[str, int] = {}

    def peer(self, peer_id: str) -> Tally:
        if peer_id not in self.by_peer and len(self.by_peer) >= PEERS_MAX:
            peer_id = OTHER
        return self.by_peer.setdefault(peer_id, Tally())

    def received(self, peer: Tally, method: str, size_bytes: int) -> None:
        for tally in (peer, self._method(method)):
            tally.frames_in += 1
            tally.bytes_in += size_bytes

    def sent(self, peer: Tally, method: str, size_bytes: int) -> None:
        for tally in (peer, self._method(method)):
            tally.frames_out += 1
            tally.bytes_out += size_bytes

    def drop(self, method: str) -> None:
        self.dropped[method] = self.dropped.get(method, 0) + 1

    def _method(self, name: str) -> Tally:
        tally = self.by_method.get(name)
        if tally is None:
            tally = self.by_method[name] = Tally()
        return tally
