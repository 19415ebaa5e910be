"""peer probe: a daemon that answered at an address joins the pool.

The daemon asks the address first (who are you, what do you have) and puts the answer into the request as `found`; the plan
decides. So the decision is made from data, by the leader, and can be tested without a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gd2raft.commands import old_daemons
from gd2raft.commands.layout import check_host
from gd2raft.commands.step_kinds import INVITE_PEER, WELCOME_PEER, InvitePeer
from gd2raft.commands.volume_create import check_metadata
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Conflict, Ids, Plan, Refused, Request, Route, View

PEERS_MAX = 10_000
ADDRESSES_MAX = 16


class FoundPeer(msgspec.Struct, frozen=True, kw_only=True):
    """What the probed daemon says of itself. `refusal`: why it doesn't want to join ("" when it does)."""

    id: str
    pool: str
    address: str
    hostname: str
    client_address: str
    zone: str = ""
    op_version_min: int = 0
    op_version_max: int = 0
    steps: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    refusal: str = ""

    def record(self, zone: str, metadata: dict[str, str]) -> model.Peer:
        """As the pool will know it. `zone` "": the one that it names itself."""
        return model.Peer(
            id=self.id,
            name=self.hostname,
            hostname=self.hostname,
            addresses=(self.address,),
            client_addresses=(self.client_address,),
            zone=zone or self.zone,
            metadata=metadata,
            op_version_max=self.op_version_max,
            op_version_min=self.op_version_min,
            steps=self.steps,
            hooks=self.hooks,
        )


class PeerAdd(Request, frozen=True, kw_only=True):
    """`addresses`: HOST or HOST:PORT, tried in turn. `found` is filled in by the daemon that took the request."""

    addresses: list[str]
    zone: str = ""
    metadata: dict[str, str] = {}
    found: FoundPeer | None = None

    def check_body(self) -> None:
        check_metadata(self.metadata)
        check_addresses(self.addresses)


def check_addresses(addresses: Sequence[str]) -> None:
    if not addresses:
        raise Refused("no address is given", hint="name the peer: HOST or HOST:PORT", code="no-address")
    if len(addresses) > ADDRESSES_MAX:
        raise Refused(f"{len(addresses)} addresses, at most {ADDRESSES_MAX} are possible", code="too-many-addresses")


def plan_add(view: View, request: PeerAdd, ids: Ids) -> Plan:
    found = request.found
    assert found is not None, "the daemon asks the address before it asks for a plan"
    request.check_body()
    check_found(view, view.peers(), found)
    return plan_join(view, [found.record(request.zone, request.metadata)], {"peer": found.id})


def plan_join(view: View, newcomers: Sequence[model.Peer], result: dict[str, Any]) -> Plan:
    """All of them join, or none."""
    invitations = [InvitePeer(address=peer.addresses[0], peer_id=peer.id) for peer in newcomers]
    return Plan(
        locks=(*old_daemons.locks(view.peers(), newcomers), *(f"peer/{peer.id}" for peer in newcomers)),
        before=(tuple(INVITE_PEER.at(view.initiator, invitation) for invitation in invitations),),
        changes=tuple(plan.put(view, model.peer_key(peer.id), peer) for peer in newcomers),
        after=(tuple(WELCOME_PEER.at(view.initiator, invitation, must=False) for invitation in invitations),),
        result=result,
    )


def check_found(view: View, peers: Sequence[model.Peer], found: FoundPeer, *, replaces: str = "") -> None:
    """Raises Refused when it can't be in this pool of `peers`. `replaces`: id of the peer whose place, and address, it may take."""
    if found.id == view.initiator:
        raise Refused(
            f"probing {found.hostname} is not needed: it is this peer itself", hint="a peer is always in its own pool", code="is-self"
        )
    if view.peer(found.id) is not None:
        raise Conflict(f"peer {found.hostname} ({found.id}) is already in the pool", hint="`gd2 peer list` shows it", code="already-member")
    cluster = view.cluster()
    assert cluster is not None, "a pool without a cluster record"
    old_daemons.check_op_version(cluster, found.hostname, found.op_version_min, found.op_version_max)
    old_daemons.check_knows_clones(view, found.hostname, found.steps)
    if found.refusal:
        raise Conflict(
            f"peer {found.hostname} does not join: {found.refusal}",
            hint="only a peer without volumes and without another pool can join",
            code="peer-refuses",
        )
    for peer in peers:
        if found.address in peer.addresses and peer.id != replaces:
            raise Conflict(
                f"address {found.address} belongs to peer {peer.id} of this pool, but another daemon ({found.id}) answers there",
                hint=f"was the machine reinstalled? Let it take the old one's place: gd2 peer replace {peer.id} {found.address}",
                code="address-taken",
            )
    if len(peers) >= PEERS_MAX:
        raise Refused(f"the pool has {PEERS_MAX} peers, no more are possible", code="too-many-peers")
    for host in (found.hostname, model.host_of(found.client_address)):
        check_host(host)


COMMAND = Command(
    name="peer-add",
    request=PeerAdd,
    plan=plan_add,
    route=Route("POST", "/v1/peers", 201, "peer", internal=("found",)),
    summary="Let a peer join the pool.",
)
