"""Server quorum: whether enough peers are in sight for a volume that asks for it. PURE: `now` is seconds on any monotonic clock.

A volume asks by `cluster.server-quorum-type server`. Too few peers in sight: its bricks on this peer are stopped, so that nobody writes to a
part of the pool that was cut off, and commands that change it are refused. No other volume is touched. How many are needed is glusterd's
rule: more than half of all peers, or the share `cluster.server-quorum-ratio` of the pool, rounded up.

Peers are counted by the leader's leases; who sees no leader with a quorum of the voters can count on nobody but itself.
"""

from __future__ import annotations

import enum
import math

from gd2raft.core import model
from gd2raft.core.option_values import percentage
from gd2raft.core.plan import Plan, Refused, View

TYPE, RATIO = "cluster.server-quorum-type", "cluster.server-quorum-ratio"
GRACE_S = 15.0
"""Too few peers for so long, and bricks are stopped. (glusterd does it at once.) An election, with all leases anew, takes some seconds."""


class Standing(enum.Enum):
    """What holds for the bricks of a volume that asks. UNKNOWN: the daemon has just begun and seen nobody yet: what runs is left alone,
    nothing is started."""

    HELD = "held"
    UNKNOWN = "unknown"
    LOST = "lost"


def asks(volume: model.Volume) -> bool:
    return volume.options.get(TYPE) == "server"


def needed(peers: int, ratio: str | None = None) -> int:
    """Of so many peers. `ratio`: the option as it is stored, None when it isn't set.

    >>> needed(3), needed(4), needed(3, "80%"), needed(10, "51"), needed(3, "0")
    (2, 3, 3, 6, 0)
    """
    if ratio is None:
        return peers * 50 // 100 + 1
    return math.ceil(peers * percentage(ratio) / 100)


class Judge:
    """Follows one peer's view of the pool. `note` says how it stands now; it may be called as often as one likes."""

    def __init__(self) -> None:
        self._held = False  # since it was last lost, or since the start
        self._missing_since: float | None = None

    def note(self, met: bool, now: float) -> Standing:
        if met:
            self._held, self._missing_since = True, None
            return Standing.HELD
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < GRACE_S:
            return Standing.HELD if self._held else Standing.UNKNOWN
        self._held = False
        return Standing.LOST


def check(view: View, plan: Plan) -> None:
    """Refuse what changes a volume that asks for quorum and hasn't got it. A plan that only changes whether it asks is allowed, and one about
    peers: with it an administrator gets out. `view.online`: as the leader sees it."""
    if any(not lock.startswith("volume/") for lock in plan.locks):
        return
    for lock in plan.locks:
        volume = view.volume(lock.removeprefix("volume/"))
        if volume is None or not asks(volume) or only_asks_otherwise(volume, plan):
            continue
        members = {peer.id for peer in view.peers()}
        live, least = len(members & view.online), needed(len(members), view.global_options().get(RATIO))
        if live < least:
            raise Refused(
                f"quorum not met, volume operation not allowed: {live} of {len(members)} peers are in sight, volume {volume.name} needs {least}",
                hint=f"start the daemons of the others (`gd2 peer list`), or give it up: gd2 volume set {volume.name} {TYPE} none",
                code="no-server-quorum",
                http=503,
            )


def only_asks_otherwise(volume: model.Volume, plan: Plan) -> bool:
    key = model.volume_key(volume.name)
    if plan.before or plan.after or [c.key for c in plan.changes] != [key] or (record := plan.changes[0].record) is None:
        return False
    old, new = dict(volume.options), dict(record.get("options", {}))
    return old.pop(TYPE, "") != new.pop(TYPE, "") and old == new
