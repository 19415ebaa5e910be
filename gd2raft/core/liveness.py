"""Who is in sight: soft state from leases, never in the log. PURE: `now` is seconds on any monotonic clock.

A peer's followers send leases with the peers below them; a relay adds its followers and reports all of them upwards, so
that the leader sees everybody and tells everybody.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

LEASE_S = 5.0
"""A follower that hasn't been heard for so long is down."""

LOST_GRACE_S = 1.5
"""A follower whose connection broke is still counted for so long: it may be on its way to another upstream."""


class _Lease(msgspec.Struct):
    until: float
    since: float
    below: frozenset[str] = frozenset()


class Sight:
    """What one peer knows of the peers below it."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._leases: dict[str, _Lease] = {}
        self._seen_since: dict[str, float] = {}
        self._gone_since: dict[str, float] = {}
        self._unbroken: set[str] = set()

    def lease(self, peer: str, below: Iterable[str] | None, now: float, *, came: Iterable[str] = (), went: Iterable[str] = ()) -> None:
        """A follower was heard. `below` None: the same peers below it as last time, but for those that came and went."""
        lease = self._leases.setdefault(peer, _Lease(until=now, since=now))
        lease.until = now + LEASE_S
        if below is not None:
            lease.below = frozenset(below)
        elif came or went:
            lease.below = (lease.below | frozenset(came)) - frozenset(went)

    def lost(self, peer: str, now: float) -> None:
        """The connection to a follower broke."""
        if (lease := self._leases.get(peer)) is not None:
            lease.until = min(lease.until, now + LOST_GRACE_S)

    def seed(self, peers: Iterable[str], now: float) -> None:
        """A new leader starts with what the last one saw; each of them has one lease to show up.

        A lease that ran out while this peer did not lead says nothing: nobody followed it then.
        """
        for peer in peers:
            if peer != self._me and (peer not in self._leases or self._leases[peer].until <= now):
                self._leases[peer] = _Lease(until=now + LEASE_S, since=now)
                if self._seen_since.get(peer, now) < now:  # nobody looked meanwhile
                    self._went(peer, now)

    def joined(self, peers: frozenset[str], now: float) -> None:
        """They have just joined the pool: each was there a moment ago, and has one lease to show up again."""
        self.seed(peers, now)
        self._unbroken |= peers

    def online(self, now: float) -> frozenset[str]:
        """This peer, its followers with a valid lease, and the peers below them."""
        seen = {self._me}
        for peer, lease in self._leases.items():
            if lease.until > now:  # one that ran out is kept: its follower may only have slept, and then says what changed since
                seen.add(peer)
                seen |= lease.below
        self._note(seen, now)
        return frozenset(seen)

    def _note(self, seen: set[str], now: float) -> None:
        for peer in seen:
            self._seen_since.setdefault(peer, now)
            self._gone_since.pop(peer, None)
        for peer in [p for p in self._seen_since if p not in seen]:
            self._went(peer, now)

    def _went(self, peer: str, now: float) -> None:
        del self._seen_since[peer]
        self._gone_since[peer] = now
        self._unbroken.discard(peer)

    def unbroken(self, peer: str) -> bool:
        """Whether it has been in sight ever since it joined, and this peer saw it join."""
        return peer in self._unbroken

    def seen_s(self, peer: str, now: float) -> float:
        """For how long the peer has been in sight; 0 when it isn't."""
        since = self._seen_since.get(peer)
        return 0.0 if since is None else now - since

    def gone_s(self, peer: str, now: float, known_since: float) -> float:
        """For how long it has been out of sight, counted from `known_since` when it was never seen; 0 when it is in sight."""
        if peer in self._seen_since:
            return 0.0
        return max(0.001, now - self._gone_since.get(peer, known_since))

    def forget(self, members: frozenset[str]) -> None:
        """Drop what is known of peers that are no members."""
        for table in (self._leases, self._seen_since, self._gone_since):
            for peer in [p for p in table if p not in members]:
                del table[peer]
        self._unbroken &= members


class Told:
    """Who is in sight, as the upstream tells it: everybody once, then who came and went.

    What this peer sees itself is kept elsewhere: while nothing is heard that counts, but the next difference is one to what was told last.
    """

    def __init__(self) -> None:
        self.online: frozenset[str] = frozenset()

    def hear(self, everybody: Iterable[str] | None, came: Iterable[str], went: Iterable[str]) -> None:
        """`everybody` None: only the differences."""
        came, went = frozenset(came), frozenset(went)
        if everybody is not None:
            self.online = frozenset(everybody)
        elif came or went:  # mostly nobody, and of a thousand peers no set is made anew for that
            self.online = (self.online | came) - went
