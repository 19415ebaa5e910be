"""peer edit: zone and metadata of a peer, and the address at which it is now.

A peer is known by its UUID, so nothing but its record changes: bricks stay its own, and volfiles have the new name from then on. Who
answers at the new address is asked by the daemon that took the request; the plan decides from the answer.
Two peers never have one address, not for a moment: clients would take the brick of one for that of the other. Two that have traded
theirs are changed in one commit.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.device_tags import check_tags
from gd2raft.commands.layout import check_host
from gd2raft.commands.peer_add import FoundPeer
from gd2raft.commands.volume_create import check_metadata
from gd2raft.core import model, plan
from gd2raft.core.devices import State
from gd2raft.core.plan import Command, Conflict, Ids, Plan, Request, Route, View

FORMER_MAX = 8


class PeerEdit(Request, frozen=True, kw_only=True):
    """`zone` "" leaves the zone as it is; `metadata` is merged. `address`: HOST or HOST:PORT at which the peer is now, "" when it hasn't
    moved; `force`: also when it doesn't answer there. `state`: offline, failed: its devices get no new bricks; None leaves it. `tags`: those
    of all its devices (a device's own go before them), in place of what it had; None leaves them.

    Filled in by the daemon that took the request: `found`, what the peer says of itself at the address; `trades`, what the peer that
    is known by that address says at the address that this one had.
    """

    peer: str
    zone: str = ""
    metadata: dict[str, str] = {}
    address: str = ""
    force: bool = False
    state: State | None = None
    tags: dict[str, str] | None = None
    found: FoundPeer | None = None
    trades: FoundPeer | None = None

    def check_body(self) -> None:
        check_metadata(self.metadata)
        check_tags(self.tags or {})


def plan_edit(view: View, request: PeerEdit, ids: Ids) -> Plan:
    peer = lookup.peer(view, request.peer)
    metadata = {**peer.metadata, **request.metadata}
    check_metadata(metadata)
    tags = peer.tags if request.tags is None else request.tags
    check_tags(tags)
    state = peer.state if request.state is None else request.state.value
    edited = {peer.id: msgspec.structs.replace(peer, zone=request.zone or peer.zone, metadata=metadata, state=state, tags=tags)}
    if request.address:
        edited |= moves(view, edited[peer.id], request)
    return Plan(
        locks=tuple(sorted(f"peer/{p}" for p in edited)),
        changes=tuple(plan.put(view, model.peer_key(p), record) for p, record in sorted(edited.items())),
        result={"peer": peer.id},
    )


def moves(view: View, peer: model.Peer, request: PeerEdit) -> dict[str, model.Peer]:
    """The records of the peer, and of the one that it has traded addresses with."""
    found, trades = request.found, request.trades
    assert found is not None and found.id == peer.id, "the daemon asks the address before it asks for a plan"
    edited = {peer.id: moved(peer, found)}
    other = view.peer(trades.id) if trades is not None else None
    if other is not None and trades is not None:
        edited[other.id] = moved(other, trades)
    for record in edited.values():
        check_free(view, record, edited)
    return edited


def moved(peer: model.Peer, found: FoundPeer) -> model.Peer:
    for host in (found.hostname, model.host_of(found.client_address)):
        check_host(host)
    former = [peer.hostname, *peer.former] if peer.hostname != found.hostname else list(peer.former)
    kept = [name for name in dict.fromkeys(former) if name != found.hostname]
    return msgspec.structs.replace(
        peer,
        name=found.hostname if peer.name == peer.hostname else peer.name,
        hostname=found.hostname,
        addresses=(found.address,),
        client_addresses=(found.client_address,),
        former=tuple(kept[:FORMER_MAX]),
    )


def check_free(view: View, peer: model.Peer, edited: dict[str, model.Peer]) -> None:
    """Raises Conflict when another peer is known by a name or address that this one did not have before."""
    before = view.peer(peer.id)
    gained = names_of(peer) - (names_of(before) if before is not None else set())
    for record in view.peers():
        other = edited.get(record.id, record)
        clash = sorted(names_of(other) & gained)
        if other.id != peer.id and clash:
            raise Conflict(
                f"address {clash[0]} belongs to peer {other.id} of this pool",
                hint="has that one moved too? Change its address first; two that have traded theirs are changed at once when both answer",
                code="address-taken",
            )


def names_of(peer: model.Peer) -> set[str]:
    return {peer.name, peer.hostname, *peer.addresses, *peer.client_addresses}


COMMAND = Command(
    name="peer-edit",
    request=PeerEdit,
    plan=plan_edit,
    route=Route("POST", "/v1/peers/{peer}", 200, "peer", internal=("found", "trades")),
    summary="Change zone, metadata, address, or state and tags (of all its devices) of a peer.",
)
