"""The shape of a volume: what glusterd's words (replica, arbiter, disperse, ...) mean for a list of bricks. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from gd2raft.core.model import Brick, Subvolume, SubvolumeType, ThinArbiter
from gd2raft.core.plan import Refused
from gd2raft.core.wording import counted

if TYPE_CHECKING:
    from gd2raft.commands.volume_create import SubvolRequest, VolumeCreate

DISPERSE_DATA_MAX = 16
BRICKS_MAX = 1024
SHOWN_MAX = 300


class BrickPlace(msgspec.Struct, frozen=True):
    peer: str
    path: str
    arbiter: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """`set_size` bricks make a subvolume; bricks are in order, set after set."""

    type: SubvolumeType
    set_size: int
    bricks: tuple[BrickPlace, ...]
    arbiter: int = 0
    redundancy: int = 0
    thin_arbiter: BrickPlace | None = None


def of_request(request: VolumeCreate) -> Layout:
    """The layout that a create asks for; raises Refused with glusterd's reasons."""
    if request.subvols and request.bricks:
        raise Refused("both subvols and bricks are given", hint="give one of them", code="bad-layout")
    if not request.subvols and not request.bricks:
        raise Refused("no bricks are given", hint="name at least one brick, PEER:/path", code="no-bricks")
    layout = of_subvols(request.subvols) if request.subvols else of_words(request)
    if len(layout.bricks) > BRICKS_MAX:
        raise Refused(f"{len(layout.bricks)} bricks, at most {BRICKS_MAX} are possible in one volume", code="bad-layout")
    return layout


def parse_brick(text: str) -> BrickPlace:
    """
    >>> parse_brick("node1:/b/1")
    BrickPlace(peer='node1', path='/b/1', arbiter=False)
    """
    peer, colon, path = text.partition(":/")
    if not colon or not peer:
        raise Refused(f"brick {shown(text)!r} is not PEER:/path", hint="for example node1:/bricks/b1", code="bad-brick")
    return BrickPlace(peer.strip("[]"), "/" + path)


def shown(text: str) -> str:
    """What a user gave, short enough for a message."""
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "..."


def check_host(host: str) -> None:
    """Refuse what is no name or address of a machine: volfiles carry it unquoted."""
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.:-]{0,253}[A-Za-z0-9_])?|[A-Fa-f0-9:]+", host):
        raise Refused(f"{shown(host)!r} is not a host name or address", hint="for example node1, or 10.0.0.1", code="bad-host")


def of_words(request: VolumeCreate) -> Layout:
    """glusterd's grammar: a flat list of bricks with counts."""
    bricks = tuple(parse_brick(b) for b in request.bricks)
    disperse_words = request.disperse or request.disperse_data or request.disperse_redundancy
    if disperse_words and (request.replica or request.arbiter or request.thin_arbiter):
        raise Refused("replica and disperse can't be combined", hint="choose one of them", code="bad-layout")
    if disperse_words:
        return _disperse(bricks, request.disperse, request.disperse_data, request.disperse_redundancy)
    if request.arbiter or request.thin_arbiter or request.replica:
        return _replicate(bricks, request)
    return Layout(type=SubvolumeType.DISTRIBUTE, set_size=1, bricks=bricks)


def _replicate(bricks: tuple[BrickPlace, ...], request: VolumeCreate) -> Layout:
    replica, arbiter, thin = request.replica, request.arbiter, request.thin_arbiter
    if replica == 0:
        raise Refused("arbiter needs a replica count", hint="replica 2 arbiter 1", code="bad-layout")
    if replica < 2:
        raise Refused(f"replica count must be greater than 1, not {replica}", code="bad-layout")
    if arbiter and thin:
        raise Refused("arbiter and thin-arbiter can't be combined", code="bad-layout")
    if thin:
        return _thin_arbiter(bricks, replica, thin)
    if arbiter:
        if arbiter != 1 or replica not in (2, 3):
            raise Refused(
                "for arbiter configuration, replica count must be 2 (or 3, counting the arbiter) and arbiter count 1",
                hint="replica 2 arbiter 1",
                code="bad-layout",
            )
        replica = 3
    check_multiple(len(bricks), replica, "replica")
    if arbiter:
        bricks = tuple(BrickPlace(b.peer, b.path, i % 3 == 2) for i, b in enumerate(bricks))
    return Layout(type=SubvolumeType.REPLICATE, set_size=replica, bricks=bricks, arbiter=arbiter)


def _thin_arbiter(bricks: tuple[BrickPlace, ...], replica: int, thin: int) -> Layout:
    if replica != 2 or thin != 1:
        raise Refused(
            "for thin-arbiter configuration, replica count must be 2 and thin-arbiter count 1",
            hint="replica 2 thin-arbiter 1",
            code="bad-layout",
        )
    if len(bricks) == 3:
        return Layout(type=SubvolumeType.REPLICATE, set_size=2, bricks=bricks[:2], thin_arbiter=bricks[2])
    if len(bricks) > 3 and len(bricks) % 2 == 1:
        raise Refused(
            "a distributed volume can't have a thin arbiter",
            hint="GlusterFS 10 fails there too: use 2 bricks and the thin arbiter, or replica 2 arbiter 1",
            code="bad-layout",
        )
    raise Refused(f"{counted(len(bricks), 'brick')}: a thin-arbiter volume has 2 bricks and the thin arbiter, 3 in all", code="bad-layout")


def check_multiple(bricks: int, size: int, word: str) -> None:
    if bricks % size:
        raise Refused(
            f"number of bricks is not a multiple of {word} count ({counted(bricks, 'brick')}, {word} {size})",
            hint=f"give {size} bricks for each set",
            code="bad-layout",
        )


def default_redundancy(disperse: int) -> int:
    """The largest redundancy-preserving power of two of data bricks, as GlusterD2 chooses it.

    >>> [default_redundancy(n) for n in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]
    [1, 1, 1, 2, 3, 1, 1, 2, 3, 4]
    """
    power = 1 << (disperse.bit_length() - 1)
    return 1 if power == disperse else disperse - power


def _disperse(bricks: tuple[BrickPlace, ...], count: int, data: int, redundancy: int) -> Layout:
    if min(count, data, redundancy) < 0:
        raise Refused("disperse counts can't be negative", code="bad-layout")
    count, data, redundancy = _disperse_counts(len(bricks), count, data, redundancy)
    if count < 3:
        raise Refused(f"disperse count must be at least 3, not {count}", code="bad-layout")
    if redundancy < 1 or 2 * redundancy >= count:
        raise Refused(
            f"redundancy {redundancy} is not possible with disperse {count}",
            hint=f"it can be {'1' if count < 5 else f'1 to {(count - 1) // 2}'}; data = disperse - redundancy",
            code="bad-layout",
        )
    if data > DISPERSE_DATA_MAX:
        raise Refused(f"disperse-data {data}, at most {DISPERSE_DATA_MAX} are possible", code="bad-layout")
    check_multiple(len(bricks), count, "disperse")
    return Layout(type=SubvolumeType.DISPERSE, set_size=count, bricks=bricks, redundancy=redundancy)


def _disperse_counts(bricks: int, count: int, data: int, redundancy: int) -> tuple[int, int, int]:
    """Fill in what isn't said: count = data + redundancy; alone, count is the number of bricks."""
    if data and redundancy and count and count != data + redundancy:
        raise Refused(f"disperse {count} is not disperse-data {data} + redundancy {redundancy}", code="bad-layout")
    if data and redundancy:
        count = data + redundancy
    count = count or bricks
    if data == 1:
        raise Refused("disperse-data must be greater than 1", code="bad-layout")
    if data and not redundancy:
        if data >= count or count - data >= data:
            raise Refused(
                f"disperse-data {data} is not possible with disperse {count}",
                hint="data must be more than half of it, and less than it",
                code="bad-layout",
            )
        redundancy = count - data
    if not redundancy:
        redundancy = default_redundancy(count) if count >= 3 else 1
    return count, count - redundancy, redundancy


def of_subvols(subvols: list[SubvolRequest]) -> Layout:
    """GlusterD2's form: each subvolume said in full; all of one shape."""
    layouts = [_of_subvol(s) for s in subvols]
    first = layouts[0]
    for number, layout in enumerate(layouts, 1):
        if (layout.type, layout.set_size, layout.arbiter, layout.redundancy) != (
            first.type,
            first.set_size,
            first.arbiter,
            first.redundancy,
        ):
            raise Refused(
                f"subvolume {number} has another shape than the first", hint="all subvolumes of a volume are alike", code="bad-layout"
            )
    bricks = tuple(b for layout in layouts for b in layout.bricks)
    return Layout(type=first.type, set_size=first.set_size, bricks=bricks, arbiter=first.arbiter, redundancy=first.redundancy)


def _of_subvol(subvol: SubvolRequest) -> Layout:
    kind = subvol.type.lower()
    for brick in subvol.bricks:
        if brick.type.lower() not in ("", "brick", "arbiter"):
            raise Refused(
                f"brick type {shown(brick.type)!r} of {shown(brick.peerid)}:{shown(brick.path)} is not known",
                hint="brick or arbiter",
                code="bad-layout",
            )
    bricks = tuple(BrickPlace(b.peerid, b.path, b.type.lower() == "arbiter") for b in subvol.bricks)
    arbiters = [i for i, b in enumerate(bricks) if b.arbiter]
    if not bricks:
        raise Refused("a subvolume has no bricks", code="no-bricks")
    check_counts(subvol, kind)
    if kind in ("", "distribute"):
        if arbiters or subvol.replica or subvol.arbiter:
            raise Refused("a distribute subvolume has no replicas and no arbiter", code="bad-layout")
        return Layout(type=SubvolumeType.DISTRIBUTE, set_size=1, bricks=bricks)
    if kind == "replicate":
        return _subvol_replicate(subvol, bricks, arbiters)
    if kind in ("disperse", "erasure"):
        if arbiters:
            raise Refused("a disperse subvolume has no arbiter", code="bad-layout")
        layout = _disperse(bricks, subvol.disperse_count, subvol.disperse_data, subvol.disperse_redundancy)
        if layout.set_size != len(bricks):
            raise Refused(f"a disperse subvolume of {counted(len(bricks), 'brick')}, wanted {layout.set_size}", code="bad-layout")
        return layout
    raise Refused(f"subvolume type {shown(subvol.type)!r} is not known", hint="distribute, replicate or disperse", code="bad-layout")


def check_counts(subvol: SubvolRequest, kind: str) -> None:
    """A count that has no meaning for the type is a mistake of the caller, not to be passed over."""
    disperse = subvol.disperse_count or subvol.disperse_data or subvol.disperse_redundancy
    if disperse and kind in ("", "distribute", "replicate"):
        raise Refused(f"a {kind or 'distribute'} subvolume has no disperse counts", code="bad-layout")
    if (subvol.replica or subvol.arbiter) and kind in ("disperse", "erasure"):
        raise Refused("a disperse subvolume has no replicas and no arbiter", code="bad-layout")


def _subvol_replicate(subvol: SubvolRequest, bricks: tuple[BrickPlace, ...], arbiters: list[int]) -> Layout:
    if subvol.arbiter or arbiters:
        if subvol.arbiter != 1 or subvol.replica not in (2, 3) or len(arbiters) != 1:
            raise Refused("an arbiter subvolume has replica 2, arbiter 1 and exactly one brick of type arbiter", code="bad-layout")
        if len(bricks) != 3:
            raise Refused(
                f"number of bricks is not a multiple of replica count ({counted(len(bricks), 'brick')}, replica 2 arbiter 1 wants 3)",
                code="bad-layout",
            )
        if arbiters[0] != 2:  # the arbiter is the last brick of its set for every client
            bricks = (*[b for b in bricks if not b.arbiter], bricks[arbiters[0]])
        return Layout(type=SubvolumeType.REPLICATE, set_size=3, bricks=bricks, arbiter=1)
    replica = subvol.replica or len(bricks)
    if replica < 2:
        raise Refused(f"replica count must be greater than 1, not {replica}", code="bad-layout")
    if replica != len(bricks):
        raise Refused(
            f"number of bricks is not a multiple of replica count ({counted(len(bricks), 'brick')} in a subvolume, replica {replica})",
            code="bad-layout",
        )
    return Layout(type=SubvolumeType.REPLICATE, set_size=replica, bricks=bricks)


def subvolumes(layout: Layout, bricks: list[Brick], thin_arbiter: ThinArbiter | None) -> tuple[Subvolume, ...]:
    """The records of the subvolumes. A distribute volume has one, with all bricks (each of them is a leaf of DHT)."""
    if layout.type is SubvolumeType.DISTRIBUTE:
        return (Subvolume(type=layout.type, bricks=tuple(bricks)),)
    size = layout.set_size
    replicate = layout.type is SubvolumeType.REPLICATE
    return tuple(
        Subvolume(
            type=layout.type,
            bricks=tuple(bricks[i : i + size]),
            replica_count=size if replicate else 0,
            arbiter_count=layout.arbiter,
            disperse_count=0 if replicate else size,
            redundancy_count=layout.redundancy,
            thin_arbiter=thin_arbiter,
        )
        for i in range(0, len(bricks), size)
    )
