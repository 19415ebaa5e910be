"""peer detach: a peer without bricks and devices leaves the pool. (That it doesn't vote any more is seen to before the plan is made.)"""

from __future__ import annotations

from gd2raft.commands import lookup
from gd2raft.commands.step_kinds import DISMISS_PEER, DismissPeer
from gd2raft.core import devices, model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View
from gd2raft.core.wording import counted


class PeerRemove(Request, frozen=True, kw_only=True):
    """`force`: also when the peer is down; it learns of it when it returns."""

    peer: str
    force: bool = False


def plan_remove(view: View, request: PeerRemove, ids: Ids) -> Plan:
    peer = lookup.peer(view, request.peer)
    check_removable(view, peer, request.force)
    dismiss = DISMISS_PEER.at(view.initiator, DismissPeer(address=peer.addresses[0], peer_id=peer.id), must=False)
    left = view.reader.list(model.leftovers_prefix(peer.id))  # what it had to undo for the pool is its own affair now
    return Plan(
        locks=(f"peer/{peer.id}",),
        changes=(plan.delete(model.peer_key(peer.id)), *(plan.delete(key) for key, _ in left), *devices.gone_with(view, peer.id)),
        after=((dismiss,),),
        result={"peer": peer.id},
    )


def check_removable(view: View, peer: model.Peer, force: bool) -> None:
    if peer.id == view.initiator:
        raise Refused(
            "a peer can't detach itself",
            hint="ask another peer of the pool: gd2 --endpoints ... peer detach " + peer.hostname,
            code="is-self",
        )
    if claims := view.brick_claims(peer.id):
        volumes = sorted({c.volume for c in claims.values()})
        raise Refused(
            f"peer {peer.hostname} has {counted(len(claims), 'brick')} of {'volume' if len(volumes) == 1 else 'volumes'} {', '.join(volumes[:5])}{', ...' if len(volumes) > 5 else ''}",
            hint="delete these volumes or replace the bricks first",
            code="has-bricks",
            http=403,
        )
    if not force and (found := devices.of_peer(view, peer.id)):
        raise Refused(
            f"peer {peer.hostname} has {len(found)} devices, such as {found[0].path}",
            hint="remove them first: gd2 device remove; or force: the pool forgets them with the peer",
            code="has-devices",
            http=403,
        )
    if peer.id not in view.online and not force:
        raise Refused(
            f"peer {peer.hostname} ({peer.id}) is down",
            hint="start its daemon, or detach it with force: it learns of it when it returns",
            code="peer-offline",
            http=500,
        )


COMMAND = Command(
    name="peer-remove",
    request=PeerRemove,
    plan=plan_remove,
    route=Route("DELETE", "/v1/peers/{peer}", 204, "none"),
    summary="Let a peer leave the pool.",
)
