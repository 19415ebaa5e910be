"""Who of the pool is in sight, as one peer knows it: from its own followers' leases while it leads, else as its upstream tells.

Soft state: nothing of it is in the log, and an upstream that was silent for long counts no more. `now` is seconds on any monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from gd2raft import services
from gd2raft.core.liveness import Sight, Told

STATE_VALID_S = 5.0
TRANSITIONS_LOGGED = 3
"""So many at once get a line each on a peer that doesn't lead; a thousand peers would write a million when they are formed."""

log = structlog.get_logger("member")


class Outlook:
    """`sight`: the peers below this one."""

    def __init__(self, me: str) -> None:
        self.sight = Sight(me)
        self._me = me
        self._told = Told()
        self._state: services.PoolState | None = None
        self._heard_at = 0.0
        self._last: frozenset[str] = frozenset({me})

    def hear(self, state: services.PoolState, now: float) -> None:
        """What the upstream says."""
        self._state, self._heard_at = state, now
        self._told.hear(state.online, state.came, state.went)

    def is_old(self, now: float) -> bool:
        """Whether what the upstream said counts no more."""
        return now - self._heard_at > STATE_VALID_S

    @property
    def told(self) -> frozenset[str]:
        """Who was in sight when the upstream was heard last, however long ago."""
        return self._told.online

    @property
    def told_voters(self) -> Sequence[str]:
        return self._state.voters if self._state is not None else ()

    @property
    def depth(self) -> int:
        """How many learners what this peer passes on has come through, when it is one itself."""
        return 1 + (self._state.depth if self._state is not None else 0)

    def online(self, now: float, *, leads: bool, members: Callable[[], frozenset[str]]) -> frozenset[str]:
        """The peers in sight, as the leader sees them; this peer always is. The same object as long as nothing changes."""
        if leads:
            seen = self.sight.online(now) & members()
        elif self.is_old(now):
            seen = self.sight.online(now)
        else:
            seen = self.told
        online = seen if self._me in seen else seen | {self._me}
        if online is not self._last and online != self._last:
            _log_transitions(self._last, online, leads=leads)
            self._last = online
        return self._last


def _log_transitions(before: frozenset[str], online: frozenset[str], *, leads: bool) -> None:
    """Transitions that matter to an operator become log lines: who leads sees each, the others count what they are told."""
    came, went = sorted(online - before), sorted(before - online)
    if not leads and len(came) + len(went) > TRANSITIONS_LOGGED:
        log.info("peers came up or went down", up=len(came), down=len(went), online=len(online))
        return
    for peer_id in came:
        log.info("peer is up", peer=peer_id)
    for peer_id in went:
        log.warning("peer is down", peer=peer_id)
