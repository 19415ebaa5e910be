"""volume expand (add-brick): more bricks: as further subvolumes (by size: placed on devices), or as further copies in every set (a raised
replica count).

The new bricks run before clients learn of them: the first commit has them as Volume.joining, the last one as subvolumes.
A copy that is new must never be taken for a good one: before anything else, the good ones are marked as knowing better
(step replica.mark), so that self-heal fills the new ones.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import brick_change, layout, lookup, quota, shrink, sizing
from gd2raft.commands import volume_create as create
from gd2raft.commands.hooked import around
from gd2raft.commands.job_start import follow
from gd2raft.commands.step_kinds import BRICK_ONLINE, FILL_REPLICA, MARK_REPLICA, BrickOnline, MarkReplica
from gd2raft.core import jobs, model, plan
from gd2raft.core.model import Brick, BrickType, Subvolume, SubvolumeType, Volume, VolumeState
from gd2raft.core.placement import Spot
from gd2raft.core.plan import Command, Conflict, Ids, Plan, Refused, Request, Route, View


class VolumeExpand(Request, frozen=True, kw_only=True):
    """`bricks`: PEER:/path, or GlusterD2's {peerid, path}. `replica`: the new count, 0 leaves it. `arbiter` 1: the last new copy of each set is an arbiter.
    `size`: bytes more, in further sets like those that are there, on devices; `distribute`: in so many sets, 0: in as few as brick sizes allow."""

    volume: str
    bricks: list[create.BrickRequest | str] = []
    replica: int = 0
    arbiter: int = 0
    force: bool = False
    flags: dict[str, bool] = {}
    size: int = 0
    distribute: int = 0


class Shape(msgspec.Struct, frozen=True):
    """`raised`: bricks that each set gets; 0: the bricks become further sets. `arbiter`: the last of them is one, in each set."""

    raised: int
    arbiter: bool


def plan_expand(view: View, request: VolumeExpand, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    check_quiet(view, volume)
    spots = spots_of(view, volume, request, ids)
    named = [layout.parse_brick(b) if isinstance(b, str) else layout.BrickPlace(b.peerid, b.path) for b in request.bricks]
    places = [sizing.place_of(spot) for spot in spots] or named
    shape = shape_of(volume, request, len(places))
    placed = [create.resolve(view, p) for p in places]
    like_create = create.VolumeCreate(name=volume.name, force=True, flags=request.flags)
    create.check_request(like_create)
    create.check_bricks(view, like_create, layout.Layout(type=SubvolumeType.DISTRIBUTE, set_size=1, bricks=tuple(places)), placed)
    sizing.relied_on(view, spots)
    fresh = new_bricks(volume, shape, placed, ids, spots)
    grown = msgspec.structs.replace(grow(volume, shape, fresh), capacity=volume.capacity + request.size)
    if not request.force:
        check_spread(grown, fresh)
    return steps_and_changes(view, request, volume, grown, fresh, shape, spots)


def spots_of(view: View, volume: Volume, request: VolumeExpand, ids: Ids) -> tuple[Spot, ...]:
    """Where bricks for so many bytes more go; () when bricks are named. Raises Refused, NoSpace."""
    if request.size == 0 and request.distribute == 0:
        return ()
    if request.bricks or request.replica or request.arbiter or request.size <= 0 or request.distribute < 0:
        raise Refused(
            "a size adds further sets like those that are there: without bricks and without a replica count",
            hint="a size, or bricks; both above 0",
            code="bad-layout",
        )
    return sizing.further(view, volume, request.size, request.distribute, ids)


def check_quiet(view: View, volume: Volume) -> None:
    if (job := jobs.under_way(view, volume)) is not None:
        raise Conflict(
            f"a {job.kind.value} of volume {volume.name} is in progress", hint="wait for its end, or stop it", code="job-under-way"
        )


def shape_of(volume: Volume, request: VolumeExpand, count: int) -> Shape:
    """What the bricks become. Raises Refused with glusterd's reasons."""
    if count == 0:
        raise Refused("no bricks are given", hint="name at least one brick, PEER:/path", code="no-bricks")
    total = count + sum(1 for _ in volume.bricks())
    if total > layout.BRICKS_MAX:
        raise Refused(f"{total} bricks, at most {layout.BRICKS_MAX} are possible in one volume", code="bad-layout")
    if volume.subvols[0].thin_arbiter is not None:
        raise Refused("a thin-arbiter volume can't get more bricks", hint="GlusterFS 10 fails there too", code="bad-layout")
    if request.replica or request.arbiter:
        return raise_of(volume, request, count)
    first = volume.subvols[0]
    size = 1 if volume.kind == "distribute" else len(first.bricks)
    if count % size:
        word = "replica" if volume.kind == "replicate" else "disperse"
        raise Refused(
            f"incorrect number of bricks supplied {count} with count {size}: not a multiple of the {word} count",
            hint=f"give {size} bricks for each new set" + (", or raise the replica count: replica N" if volume.kind == "replicate" else ""),
            code="bad-layout",
        )
    return Shape(0, False)


def raise_of(volume: Volume, request: VolumeExpand, count: int) -> Shape:
    now = volume.replicas or 1
    wanted = 3 if request.arbiter else request.replica
    if volume.kind == "disperse":
        raise Refused(f"volume {volume.name} is dispersed: it has no replica count", code="bad-layout")
    if request.arbiter:
        check_arbiter(volume, request, now)
    if wanted <= now:
        same = "is the same as" if wanted == now else "is less than"
        raise Refused(
            f"incorrect replica count {wanted} supplied: it {same} that of the volume ({now})",
            hint="leave it out to add further sets, or give a higher one",
            code="bad-layout",
        )
    if volume.subvols[0].arbiter_count:
        raise Refused("the replica count of an arbiter volume can't be raised", hint="remove the arbiters first", code="bad-layout")
    if volume.state is VolumeState.STOPPED:
        raise Refused(
            f"volume {volume.name} must not be stopped when its replica count is raised",
            hint=f"gd2 volume start {volume.name}",
            code="stopped",
        )
    if now == 1 and wanted > 2 and volume.state is VolumeState.STARTED:
        raise Refused(
            f"volume {volume.name} runs with one copy: it gets a second one first",
            hint="replica 2, wait until `heal info` is empty, then raise it again: a file with one copy of three can't be read until it is healed",
            code="copies-first",
        )
    if shrink.pending(volume):
        raise Conflict("bricks of it are being removed", hint="commit or stop that first", code="remove-brick-pending")
    sets = len(volume.subvols) if volume.kind == "replicate" else len(volume.subvols[0].bricks)
    if count != sets * (wanted - now):
        raise Refused(
            f"incorrect number of bricks supplied {count}: to go from {now} to {wanted} copies, {sets} sets need {sets * (wanted - now)}",
            hint=f"{wanted - now} for each set, in the order of the sets",
            code="bad-layout",
        )
    return Shape(wanted - now, bool(request.arbiter))


def check_arbiter(volume: Volume, request: VolumeExpand, now: int) -> None:
    """The count has the arbiter in it, as in glusterd; or, for two copies that are there, not (GlusterD2's words)."""
    if now > 2 or volume.subvols[0].arbiter_count:
        raise Refused(
            "an arbiter can be added to distributed bricks and to sets of two replicas only",
            hint="remove copies first: remove-brick replica 2" if now > 2 and not volume.subvols[0].arbiter_count else "",
            code="bad-layout",
        )
    if request.arbiter != 1 or (request.replica != 3 and not request.replica == now == 2):
        raise Refused(
            "with an arbiter, the replica count is 3 and the arbiter count 1: the third brick of each set is the arbiter",
            hint=f"replica 3 arbiter 1, with {3 - now} brick{'s' if now == 1 else ''} for each set",
            code="bad-layout",
        )


def new_bricks(volume: Volume, shape: Shape, placed: list[create.Placed], ids: Ids, spots: tuple[Spot, ...] = ()) -> list[Brick]:
    """Records of the bricks; their numbers go on from the highest that is in use."""
    first = volume.subvols[0]
    of_each = shape.raised or len(first.bricks)  # the last of so many is the arbiter, where there is one
    arbiter = shape.arbiter if shape.raised else bool(first.arbiter_count)
    return [
        Brick(
            id=spots[i].brick if spots else ids.uuid(),
            peer_id=place.peer.id,
            path=place.path,
            index=volume.brick_index_next + i,
            type=BrickType.ARBITER if arbiter and i % of_each == of_each - 1 else BrickType.BRICK,
            device=spots[i].device.id if spots else "",
            size=spots[i].size if spots else 0,
        )
        for i, place in enumerate(placed)
    ]


def grow(volume: Volume, shape: Shape, fresh: list[Brick]) -> Volume:
    """The volume as it is going to be."""
    first = volume.subvols[0]
    if shape.raised:
        sets = [s.bricks for s in volume.subvols] if volume.kind == "replicate" else [(b,) for b in first.bricks]
        by = shape.raised
        subvols = tuple(
            Subvolume(
                type=SubvolumeType.REPLICATE,
                bricks=(*old, *fresh[i * by : (i + 1) * by]),
                replica_count=len(old) + by,
                arbiter_count=int(shape.arbiter),
            )
            for i, old in enumerate(sets)
        )
    elif volume.kind == "distribute":
        subvols = (msgspec.structs.replace(first, bricks=(*first.bricks, *fresh)),)
    else:
        size = len(first.bricks)
        further = (tuple(fresh[i : i + size]) for i in range(0, len(fresh), size))
        subvols = (*volume.subvols, *(msgspec.structs.replace(first, bricks=bricks) for bricks in further))
    options = volume.options
    if subvols[0].type is SubvolumeType.REPLICATE and volume.kind != "replicate":
        options = {**options, shrink.CLIENT_IO_THREADS: "off"}
    return msgspec.structs.replace(volume, subvols=subvols, options=options)


def check_spread(grown: Volume, fresh: list[Brick]) -> None:
    """Bricks of one set belong on different peers, unless forced."""
    new = {b.id for b in fresh}
    for subvol in grown.subvols:
        peers = [b.peer_id for b in subvol.bricks]
        if subvol.type is not SubvolumeType.DISTRIBUTE and len(set(peers)) != len(peers) and any(b.id in new for b in subvol.bricks):
            raise Refused(
                f"multiple bricks of a {subvol.type.value} volume are present on the same peer",
                hint="this setup is not optimal: one machine down takes several copies; spread the bricks, or add force",
                code="same-peer",
            )


def steps_and_changes(
    view: View, request: VolumeExpand, volume: Volume, grown: Volume, fresh: list[Brick], shape: Shape, spots: tuple[Spot, ...]
) -> Plan:
    like_create = create.VolumeCreate(name=volume.name, force=request.force, flags=request.flags)
    prepare = tuple(create.prepare_step(like_create, volume, b) for b in fresh)
    good = good_copies(volume, grown, fresh) if shape.raised and volume.state is VolumeState.STARTED else []
    if good:
        shrink.check_online(view, volume.peer_ids(), f"bricks of volume {volume.name} are")
    healed = volume.kind == "replicate"  # of two copies that still differ, a third one makes files that only one of three has: unreadable
    looks = tuple(BRICK_ONLINE.at(b.peer_id, BrickOnline(volume=volume.name, path=b.path, healed=healed)) for b, _ in good)
    make = sizing.make(spots)
    facts = tuple(
        plan.put(view, model.brick_key(b.peer_id, b.path), model.BrickClaim(volume=volume.name, brick=b.id), facts_from=i)
        for i, b in enumerate(fresh, len(looks) + len(make))
    )
    first, after, last = in_order(view, volume, grown, fresh, good)
    return Plan(
        locks=(f"volume/{volume.name}",),
        claims=(*(create.claim(volume.name, b) for b in fresh), *sizing.claims(volume.name, spots)),
        before=tuple(barrier for barrier in (looks, make, prepare, tuple(MARK_REPLICA.at(b.peer_id, a) for b, a in good)) if barrier),
        changes=(first, *facts),
        after=(*quota.limit_roots(view, volume, fresh), *after),
        last=last,
        result={"volume": volume.name},
        hook=around("add-brick", grown),
    )


def good_copies(volume: Volume, grown: Volume, fresh: list[Brick]) -> list[tuple[Brick, MarkReplica]]:
    """The bricks that have the data, each with what it must know of the new ones of its set."""
    new = {b.id: volume.pending_name(b) for b in fresh}
    return [
        (b, MarkReplica(volume=volume.name, path=b.path, clients=[new[n.id] for n in subvol.bricks if n.id in new]))
        for subvol in grown.subvols
        for b in subvol.bricks
        if b.id not in new
    ]


def in_order(
    view: View, volume: Volume, grown: Volume, fresh: list[Brick], good: list[tuple[Brick, MarkReplica]]
) -> tuple[plan.Change, tuple[plan.Barrier, ...], tuple[plan.Change, ...]]:
    """First change, steps after, last changes. New copies are marked, so clients may see them at once, and self-heal must.

    But clients of a distribute volume have nothing that waits for bricks yet, so they learn of the copies last, once these run; self-heal
    begins with that graph, and finds the marks.
    """
    key = model.volume_key(volume.name)
    last = plan.put(view, key, grown)
    if volume.state is not VolumeState.STARTED:
        return last, (), ()
    joining = plan.put(view, key, msgspec.structs.replace(volume, joining=grown.subvols))
    if good and volume.kind == "distribute":
        return joining, (follow(grown, fresh), brick_change.heal(grown)), (last,)
    if good:
        return last, (follow(grown, fresh), tuple(FILL_REPLICA.at(b.peer_id, a, must=False) for b, a in good)), ()
    return joining, (follow(grown, fresh),), (last,)


COMMAND = Command(
    name="volume-expand",
    request=VolumeExpand,
    plan=plan_expand,
    route=Route("POST", "/v1/volumes/{volume}/expand", 200, "volume"),
    summary="Add bricks to a volume, as further subvolumes (named, or by size) or as further copies.",
)
