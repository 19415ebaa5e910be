"""Which bricks of a volume may go, and what is left then: for the remove-brick commands. PURE."""

from __future__ import annotations

import msgspec

from gd2raft.commands import layout
from gd2raft.commands.volume_create import normalise
from gd2raft.core import jobs, model
from gd2raft.core.model import Brick, BrickType, Subvolume, SubvolumeType, Volume
from gd2raft.core.plan import Conflict, Refused, View
from gd2raft.core.wording import counted

CLIENT_IO_THREADS = "performance.client-io-threads"


def chosen(view: View, volume: Volume, bricks: list[str]) -> list[Brick]:
    """The bricks that PEER:/path texts name. Raises Refused."""
    if not bricks:
        raise Refused("no bricks are given", hint="name those that are to go, PEER:/path", code="no-bricks")
    found = [_find(view, volume, text) for text in bricks]
    twice = [text for text, brick in zip(bricks, found, strict=True) if found.count(brick) > 1]
    if twice:
        raise Refused(f"duplicate brick entry {twice[0]}", hint="name each brick once", code="bad-brick")
    return found


def _find(view: View, volume: Volume, text: str) -> Brick:
    place = layout.parse_brick(text)
    peer, path = view.find_owner(place.peer), normalise(place.path)
    for brick in volume.bricks():
        if peer is not None and (brick.peer_id, brick.path) == (peer.id, path):
            return brick
    raise Refused(f"incorrect brick {text[:300]} for volume {volume.name}", hint=f"gd2 volume info {volume.name}", code="no-such-brick")


def without(volume: Volume, leaving: list[Brick], replica: int) -> tuple[Subvolume, ...]:
    """What is left of the volume; `replica` 0: whole sets go, else each set shrinks to so many. Raises Refused."""
    if len(leaving) == sum(1 for _ in volume.bricks()):
        raise Refused("deleting all the bricks of the volume is not possible", hint="delete the volume", code="last-bricks")
    if volume.subvols[0].thin_arbiter is not None:
        raise Refused("bricks of a thin-arbiter volume can't be removed", code="bad-layout")
    ids = {b.id for b in leaving}
    if replica:
        return _smaller_sets(volume, ids, replica)
    if volume.kind == "distribute":
        only = volume.subvols[0]
        return (msgspec.structs.replace(only, bricks=tuple(b for b in only.bricks if b.id not in ids)),)
    for number, subvol in enumerate(volume.subvols, 1):
        gone = sum(b.id in ids for b in subvol.bricks)
        if gone not in (0, len(subvol.bricks)):
            raise Refused(
                f"{gone} of the {len(subvol.bricks)} bricks of set {number} are named: a set goes as a whole",
                hint="name all its bricks" + (", or reduce the replica count: replica N ... force" if volume.kind == "replicate" else ""),
                code="bad-layout",
            )
    return tuple(s for s in volume.subvols if s.bricks[0].id not in ids)


def _smaller_sets(volume: Volume, ids: set[str], replica: int) -> tuple[Subvolume, ...]:
    if volume.kind != "replicate":
        raise Refused(f"volume {volume.name} has no replicas to reduce", hint="leave the replica count out", code="bad-layout")
    if replica >= volume.replicas:
        raise Refused(
            f"replica count {replica} should be less than that of the volume, {volume.replicas}",
            hint="leave it out to remove whole sets",
            code="bad-layout",
        )
    kept = []
    for number, subvol in enumerate(volume.subvols, 1):
        bricks = tuple(b for b in subvol.bricks if b.id not in ids)
        if len(bricks) != replica:
            raise Refused(
                f"set {number} would have {counted(len(bricks), 'brick')}, not {replica}",
                hint=f"name {counted(volume.replicas - replica, 'brick')} of each set",
                code="bad-layout",
            )
        if subvol.arbiter_count and any(b.type is BrickType.ARBITER for b in bricks):
            raise Refused(
                f"the arbiter of set {number} would stay without a third brick", hint="remove the arbiter brick first", code="bad-layout"
            )
        kept.append(bricks)
    if replica == 1:
        return (Subvolume(type=SubvolumeType.DISTRIBUTE, bricks=tuple(b for bricks in kept for b in bricks)),)
    return tuple(
        msgspec.structs.replace(s, bricks=bricks, replica_count=replica, arbiter_count=0)
        for s, bricks in zip(volume.subvols, kept, strict=True)
    )


def pending(volume: Volume) -> list[Brick]:
    """The bricks that are being emptied, until commit or stop."""
    return [b for b in volume.bricks() if b.decommissioned]


def marked(volume: Volume, ids: set[str], *, decommissioned: bool) -> tuple[Subvolume, ...]:
    return tuple(
        msgspec.structs.replace(
            s, bricks=tuple(msgspec.structs.replace(b, decommissioned=decommissioned) if b.id in ids else b for b in s.bricks)
        )
        for s in volume.subvols
    )


def options_for(volume: Volume, kind: model.VolumeType) -> dict[str, str]:
    """glusterd stores this option anew when bricks are removed from a volume without replicas, or with the last of them (seen)."""
    return volume.options if kind == "replicate" else {**volume.options, CLIENT_IO_THREADS: "on"}


def check_nothing_pending(view: View, volume: Volume) -> None:
    """No remove-brick before its commit or stop, no rebalance under way. Raises Conflict."""
    if pending(volume):
        raise still_pending(volume)
    _check_no_job(view, volume)


def check_not_migrating(view: View, volume: Volume, brick: Brick) -> None:
    """No files are on the move, and `brick` is not of a set that is being emptied; another set may have been. Raises Conflict."""
    leaving = next(s for s in volume.subvols if any(b.id == brick.id for b in s.bricks))
    if any(b.decommissioned for b in leaving.bricks):
        raise still_pending(volume)
    _check_no_job(view, volume)


def still_pending(volume: Volume) -> Conflict:
    return Conflict(
        f"a remove-brick of volume {volume.name} is neither committed nor stopped",
        hint=f"commit or stop it first: gd2 volume remove-brick {volume.name} BRICK... commit|stop",
        code="remove-brick-pending",
    )


def _check_no_job(view: View, volume: Volume) -> None:
    if (job := jobs.under_way(view, volume)) is not None:
        raise Conflict(
            f"a {job.kind.value} of volume {volume.name} is in progress",
            hint=f"wait for its end, or stop it: gd2 volume rebalance {volume.name} status|stop",
            code="job-under-way",
        )


def check_pending(volume: Volume, leaving: list[Brick]) -> None:
    """Exactly these bricks are being emptied. Raises Refused."""
    waiting = {b.id for b in pending(volume)}
    for brick in leaving:
        if brick.id not in waiting:
            raise Refused(
                f"brick {brick.path} is not decommissioned: no remove-brick was started for it",
                hint="use start (its files are moved away), or force (its files are lost to the volume)",
                code="not-decommissioned",
            )
    if len(waiting) != len(leaving):
        raise Refused(
            f"remove-brick was started for {counted(len(waiting), 'brick')}, the request names {len(leaving)}",
            hint="name all of them",
            code="not-decommissioned",
        )


def check_online(view: View, peer_ids: list[str] | tuple[str, ...], what: str) -> None:
    """Raises Refused with the names of those that are down."""
    down = [p for p in dict.fromkeys(peer_ids) if p not in view.online]
    if down:
        names = ", ".join(f"{peer.hostname} ({p})" if (peer := view.peer(p)) else p for p in down)
        raise Refused(f"{what} on peers that are down: {names}", hint="start their daemons first", code="peer-offline")
