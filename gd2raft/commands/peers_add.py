"""peer probe of several: daemons that answered at their addresses join the pool in one transaction.

A join by itself is three commits, and every peer of the pool applies each of them; so a thousand joins, one by one, are work that
grows with the square of the pool. A hundred in one are three commits, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gd2raft.commands.peer_add import PEERS_MAX, FoundPeer, check_addresses, check_found, plan_join
from gd2raft.commands.volume_create import check_metadata
from gd2raft.core import model
from gd2raft.core.plan import Command, CommandError, Ids, Plan, Refused, Request, Route, View

AT_ONCE_MAX = 100
PROBLEMS_SHOWN = 10


class Newcomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As in a PeerAdd. `addresses`: HOST or HOST:PORT of one daemon, tried in turn."""

    addresses: list[str]
    zone: str = ""
    metadata: dict[str, str] = {}


class PeersAdd(Request, frozen=True, kw_only=True):
    """All join or none does; who is in the pool already is passed over. `found`: who answered, in the order of `peers`; filled in by
    the daemon that took the request."""

    peers: list[Newcomer]
    found: list[FoundPeer] = []

    def check_body(self) -> None:
        if not self.peers:
            raise Refused("no peer is given", hint="name them: HOST or HOST:PORT", code="no-address")
        if len(self.peers) > AT_ONCE_MAX:
            raise Refused(
                f"{len(self.peers)} peers, at most {AT_ONCE_MAX} can join at once",
                hint="the next ones in another request",
                code="too-many-peers",
            )
        for newcomer in self.peers:
            check_metadata(newcomer.metadata)
            check_addresses(newcomer.addresses)


def plan_add(view: View, request: PeersAdd, ids: Ids) -> Plan:
    assert len(request.found) == len(request.peers), "the daemon asks the addresses before it asks for a plan"
    request.check_body()
    peers = view.peers()
    members = {peer.id for peer in peers}
    problems: list[CommandError] = []
    joining: dict[str, model.Peer] = {}
    at: dict[str, str] = {}  # address -> who was found there
    for newcomer, found in zip(request.peers, request.found, strict=True):
        if found.id in members:
            continue
        try:
            check_found(view, peers, found)
            if (other := at.setdefault(found.address, found.id)) != found.id:
                raise Refused(f"two daemons ({other}, {found.id}) answered at {found.address}", code="address-taken")
        except Refused as error:
            problems.append(error)
        joining.setdefault(found.id, found.record(newcomer.zone, newcomer.metadata))
    if problems:
        raise all_of(problems, len(request.peers))
    if len(peers) + len(joining) > PEERS_MAX:
        raise Refused(f"with these, the pool would have more than {PEERS_MAX} peers", code="too-many-peers")
    return plan_join(view, list(joining.values()), {"peers": list(dict.fromkeys(found.id for found in request.found))})


def all_of(problems: Sequence[CommandError], count: int) -> CommandError:
    """One error that says all that is wrong, of the first one's kind."""
    first = problems[0]
    more = f"; and {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
    return type(first)(
        f"{len(problems)} of {count} peers can't join, so none did: " + "; ".join(p.message for p in problems[:PROBLEMS_SHOWN]) + more,
        hint="mend these, or leave them out" + (f". {first.hint}" if first.hint else ""),
        code=first.code,
        http=first.http,
    )


COMMAND = Command(
    name="peers-add",
    request=PeersAdd,
    plan=plan_add,
    route=Route("POST", "/v1/cluster/peers", 200, "peers", internal=("found",)),
    summary="Let many peers join the pool at once: all of them, or none.",
)
