"""peer replace: a freshly installed daemon takes the place, and the bricks, of a peer whose state is lost.

It is another peer, with an id and a vote of its own: the lost one never comes back under the identity that it voted by. The new
one joins within the transaction (its record is a claim, taken back when a brick isn't as it must be); one commit then gives it the
bricks and removes the lost peer. With `force`, a brick that is not there any more is made anew, empty: first the good copies note that
it has nothing, as add-brick does it, so that nobody reads from it and self-heal fills it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gd2raft.commands import brick_change, lookup, old_daemons
from gd2raft.commands.peer_add import FoundPeer, check_found
from gd2raft.commands.step_kinds import (
    ADMIT_PEER,
    CHECK_BRICK,
    DISMISS_PEER,
    FILL_REPLICA,
    MARK_REPLICA,
    PREPARE_BRICK,
    CheckBrick,
    DismissPeer,
    InvitePeer,
    MarkReplica,
    PrepareBrick,
)
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class PeerReplace(Request, frozen=True, kw_only=True):
    """`peer`: the lost one; `addresses`: of the fresh daemon, may be those of the lost one. `force`: bricks that are gone are made anew.

    `found` is filled in by the daemon that took the request.
    """

    peer: str
    addresses: list[str]
    force: bool = False
    found: FoundPeer | None = None


def plan_replace(view: View, request: PeerReplace, ids: Ids) -> Plan:
    found = request.found
    assert found is not None, "the daemon asks the address before it asks for a plan"
    old = lookup.peer(view, request.peer)
    check_lost(view, old)
    check_found(view, view.peers(), found, replaces=old.id)
    new = found.record(old.zone, old.metadata)
    volumes = [v for v in view.volumes() if old.id in v.peer_ids() or has_thin_arbiter(v, old.id)]
    for volume in volumes:
        check_volume(view, volume, old, request.force)
    before, after = brick_steps(view, volumes, old, new, request.force)
    missing = {s.kind for b in before for s in b if s.peer_id == new.id} - set(found.steps)
    if found.steps and missing:
        raise Refused(
            f"peer {found.hostname} can't do {min(missing)} yet",
            hint="upgrade its daemon, or install there what brings it (a package of your own), and start it again",
            code="old-peer",
        )
    claims = view.brick_claims(old.id)
    held = old_daemons.locks(view.peers(), [new])
    looks = before[0] if before else ()
    made = {s.arguments["path"]: i for i, s in enumerate(looks, 1) if s.kind == PREPARE_BRICK.name}  # step 0 is the admission
    left = view.reader.list(model.leftovers_prefix(old.id))
    admit = ADMIT_PEER.at(view.initiator, InvitePeer(address=found.address, peer_id=new.id))
    return Plan(
        locks=tuple(sorted({*held, f"peer/{old.id}", f"peer/{new.id}", *(f"volume/{v.name}" for v in volumes)})),
        claims=(plan.put(view, model.peer_key(new.id), new),),
        before=((admit,), *before),
        changes=(
            *(plan.put(view, model.volume_key(v.name), handed_over(v, old, new)) for v in volumes),
            *(plan.put(view, model.brick_key(new.id, path), claim, facts_from=made.get(path, -1)) for path, claim in claims.items()),
            *(plan.delete(model.brick_key(old.id, path)) for path in claims),
            *(plan.delete(key) for key, _ in left),
            plan.delete(model.peer_key(old.id)),
        ),
        after=(
            *(brick_change.follow(v.peer_ids(), v) for v in (handed_over(v, old, new) for v in volumes) if is_started(v)),
            *after,
            (DISMISS_PEER.at(view.initiator, DismissPeer(address=old.addresses[0], peer_id=old.id), must=False),),
        ),
        result={"peer": new.id},
    )


def check_lost(view: View, old: model.Peer) -> None:
    if old.id == view.initiator:
        raise Refused("a peer can't replace itself", hint="ask another peer of the pool", code="is-self")
    if old.id in view.online:
        raise Refused(
            f"peer {old.hostname} ({old.id}) is online: only a lost one can be replaced",
            hint="stop its daemon first; to move single bricks: gd2 volume replace-brick",
            code="peer-online",
        )


def is_started(volume: model.Volume) -> bool:
    return volume.state is model.VolumeState.STARTED


def has_thin_arbiter(volume: model.Volume, peer_id: str) -> bool:
    return any(s.thin_arbiter is not None and s.thin_arbiter.peer_id == peer_id for s in volume.subvols)


def check_volume(view: View, volume: model.Volume, old: model.Peer, force: bool) -> None:
    if volume.joining:
        raise Refused(
            f"volume {volume.name} is being changed", hint="try again when that is over: gd2 transaction list", code="volume-changes"
        )
    for position in positions(volume, old):
        if position.brick.device:
            raise Refused(
                f"volume {volume.name} has bricks on devices of peer {old.hostname}, which can't be handed over",
                hint="gd2 device set DEVICE failed moves them to devices of other peers; gd2 device list shows the devices",
                code="has-devices",
            )
        if force and is_refillable(volume):
            brick_change.check_sources(view, volume, position)


def is_refillable(volume: model.Volume) -> bool:
    """Whether other bricks have the files of a lost one."""
    return volume.kind != "distribute"


def positions(volume: model.Volume, peer: model.Peer) -> Iterator[brick_change.Position]:
    for number, subvol in enumerate(volume.subvols):
        for brick in subvol.bricks:
            if brick.peer_id == peer.id:
                yield brick_change.Position(brick, subvol, number)


def brick_steps(
    view: View, volumes: list[model.Volume], old: model.Peer, new: model.Peer, force: bool
) -> tuple[tuple[plan.Barrier, ...], tuple[plan.Barrier, ...]]:
    """Steps before and after: the bricks are there and are ours, or are made anew and filled."""
    marks, looks, fills = [], [], []
    for volume in volumes:
        for position in positions(volume, old):
            brick = position.brick
            if brick.reset:
                continue  # its disk is away; reset-brick commit brings it
            if not (force and is_refillable(volume)):
                check = CheckBrick(volume=volume.name, volume_id=volume.id, path=brick.path)
                looks.append(CHECK_BRICK.at(new.id, check))
                continue
            looks.append(PREPARE_BRICK.at(new.id, made_anew(volume, brick)))
            for good, mark in good_copies(view, volume, position, old):
                marks.append(MARK_REPLICA.at(good.peer_id, mark))
                if is_started(volume):
                    fills.append(FILL_REPLICA.at(good.peer_id, mark, must=False))
    before = tuple(tuple(barrier) for barrier in (looks, marks) if barrier)
    return before, (tuple(fills),) if fills else ()


def made_anew(volume: model.Volume, brick: model.Brick) -> PrepareBrick:
    return PrepareBrick(
        volume=volume.name,
        volume_id=volume.id,
        path=brick.path,
        force=True,
        allow_root=True,
        allow_mount=True,
        empty=True,
        keep=True,
    )


def good_copies(
    view: View, volume: model.Volume, position: brick_change.Position, old: model.Peer
) -> Iterator[tuple[model.Brick, MarkReplica]]:
    """The replicas in sight that must know what the new brick lacks. (Versions tell it in erasure-coded sets.)"""
    if position.subvol.type is not model.SubvolumeType.REPLICATE:
        return
    client = volume.pending_name(position.brick)
    for good in position.others:
        if good.peer_id != old.id and good.peer_id in view.online and not good.reset:
            yield good, MarkReplica(volume=volume.name, path=good.path, clients=[client], lasting=True)


def handed_over(volume: model.Volume, old: model.Peer, new: model.Peer) -> model.Volume:
    return msgspec.structs.replace(volume, subvols=tuple(subvol_of(s, old, new) for s in volume.subvols))


def subvol_of(subvol: model.Subvolume, old: model.Peer, new: model.Peer) -> model.Subvolume:
    bricks = tuple(msgspec.structs.replace(b, peer_id=new.id) if b.peer_id == old.id else b for b in subvol.bricks)
    thin = subvol.thin_arbiter
    if thin is not None and thin.peer_id == old.id:
        thin = msgspec.structs.replace(thin, peer_id=new.id, host=new.hostname)
    return msgspec.structs.replace(subvol, bricks=bricks, thin_arbiter=thin)


COMMAND = Command(
    name="peer-replace",
    request=PeerReplace,
    plan=plan_replace,
    route=Route("POST", "/v1/peers/{peer}/replace", 200, "peer", internal=("found",)),
    summary="Let a fresh daemon take the place and the bricks of a lost peer.",
)
