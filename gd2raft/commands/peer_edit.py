"""peer edit: zone and metadata of a peer."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_create import check_metadata
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View


class PeerEdit(Request, frozen=True, kw_only=True):
    """`zone` "" leaves the zone as it is; `metadata` is merged."""

    peer: str
    zone: str = ""
    metadata: dict[str, str] = {}


def plan_edit(view: View, request: PeerEdit, ids: Ids) -> Plan:
    peer = lookup.peer(view, request.peer)
    metadata = {**peer.metadata, **request.metadata}
    check_metadata(metadata)
    edited = msgspec.structs.replace(peer, zone=request.zone or peer.zone, metadata=metadata)
    return Plan(locks=(f"peer/{peer.id}",), changes=(plan.put(view, model.peer_key(peer.id), edited),), result={"peer": peer.id})


COMMAND = Command(
    name="peer-edit",
    request=PeerEdit,
    plan=plan_edit,
    route=Route("POST", "/v1/peers/{peer}", 200, "peer"),
    summary="Change zone or metadata of a peer.",
)
