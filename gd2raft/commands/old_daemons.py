"""Daemons that are older than others of their pool: what keeps them out of it, and what they keep it from. PURE.

Clones: their bricks have noted things of each other by the source's names (model.Volume.origin). A daemon from before there were clones would give
them, and clients, volfiles with other names: a replica would not find what the others note of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gd2raft.commands.step_kinds import COPY_STORAGE
from gd2raft.core import model
from gd2raft.core.phases import Transaction
from gd2raft.core.plan import Conflict, Refused, View

CLONE = "volume-clone"
CLONES_LOCK = "clones"
"""Held while a daemon joins that doesn't know clones: none is begun meanwhile."""
OP_VERSION_LOCK = "op-version"
"""Held while the pool's op-version rises, and while a daemon joins that keeps it from rising."""
HINT = "upgrade its daemon first"
NAMES_SHOWN = 5


def check_op_version(cluster: model.Cluster, hostname: str, low: int, high: int) -> None:
    """Raises Refused when a daemon that supports these op-versions can't be in the pool."""
    if high < cluster.op_version or low > cluster.op_version:
        raise Refused(
            f"peer {hostname} supports op-versions {low} to {high}, the pool runs at {cluster.op_version}",
            hint="upgrade the daemon of the older side first",
            code="incompatible-version",
        )


def check_peers_follow(peers: Sequence[model.Peer], op_version: int) -> None:
    """Raises Refused when the daemon of a peer can't go to this op-version."""
    behind = [peer for peer in peers if peer.op_version_max < op_version]
    if behind:
        raise Refused(
            f"op-version {op_version} is more than every peer can follow, {min(p.op_version_max for p in behind)}: {_shown(behind)}",
            hint="upgrade these daemons first",
            code="bad-option",
        )


def knows_clones(steps: Sequence[str]) -> bool:
    """Whether a daemon with these steps does. With none, nothing is known of it, and it may."""
    return not steps or COPY_STORAGE.name in steps


def check_knows_clones(view: View, hostname: str, steps: Sequence[str]) -> None:
    """Raises Refused when a daemon that wants to join doesn't know clones, and the pool has one, or is about to."""
    if knows_clones(steps):
        return
    says = f"peer {hostname} runs a daemon that doesn't know clones, and"
    if clones := [volume.name for volume in view.volumes() if volume.origin]:
        more = f" (one of {len(clones)})" if clones[1:] else ""
        raise Refused(f"{says} volume {clones[0]} of this pool is one{more}", hint=HINT, code="old-peer")
    for peer in view.glance.peers():
        view.reader.get(model.brick_prefix(peer.id).rstrip("/"))  # a guard key: a clone that begins before the join does touches one
    unfinished = (model.load(key, item.value, Transaction) for key, item in view.glance.reader.list(model.TRANSACTIONS))
    if any(transaction.command == CLONE for transaction in unfinished):
        raise Conflict(f"{says} a volume of this pool is being cloned", hint=HINT, code="old-peer")


def check_peers_know_clones(view: View) -> None:
    """Raises Refused when one doesn't, also one without a brick of the clone: any peer may give clients its volfile."""
    if view.lock(CLONES_LOCK) is not None:
        raise Conflict("a peer is joining whose daemon doesn't know clones", hint=f"{HINT}; `gd2 peer list` shows it soon", code="old-peer")
    old = [peer for peer in view.glance.peers() if not knows_clones(peer.steps)]
    if old:
        raise Refused(
            f"peer {old[0].hostname} runs a daemon that doesn't know clones" + (f", and so do {len(old) - 1} more" if old[1:] else ""),
            hint="upgrade all daemons of the pool first",
            code="old-peer",
        )


def locks(members: Iterable[model.Peer], newcomers: Sequence[model.Peer]) -> tuple[str, ...]:
    """What the joining of these holds because of their age."""
    held = []
    if not all(knows_clones(peer.steps) for peer in newcomers):
        held.append(CLONES_LOCK)
    lowest = min(peer.op_version_max for peer in members)
    if any(peer.op_version_max < lowest for peer in newcomers):
        held.append(OP_VERSION_LOCK)
    return tuple(held)


def _shown(peers: Sequence[model.Peer]) -> str:
    names = [f"peer {peer.hostname} goes to {peer.op_version_max}" for peer in peers]
    more = f", and {len(names) - NAMES_SHOWN} more are too old" if names[NAMES_SHOWN:] else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
