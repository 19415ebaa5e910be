"""gd2 peer ...: who is in the pool."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gd2cli.spec import Spec
from gd2cli.tables import Cell, Paint, table
from gd2cli.words import Grammar, Parsed, Word, WordError

if TYPE_CHECKING:
    from gd2cli.session import Session

AT_ONCE = 100
"""As many peers may join by one request."""
SHOWN_MAX = 30
"""`peer status` fits a screen: those who are down come first."""


def probe(session: Session, words: Parsed) -> None:
    if words.rest:
        probe_many(session, (*words.names, *words.rest))
        return
    answer = session.write("POST", "peers", body={"addresses": [words.name(0)]})
    session.show(answer, lambda peer: f"peer probe: success: {peer['name']} ({peer['id']}) is in the pool")


def probe_many(session: Session, hosts: Sequence[str]) -> None:
    """As many at once as can be; of those, all join or none does."""
    joined: list[dict[str, Any]] = []
    for first in range(0, len(hosts), AT_ONCE):
        if joined:
            print(f"gd2: {len(joined)} of {len(hosts)} are in the pool", file=sys.stderr, flush=True)  # should the next ones be refused
        newcomers = [{"addresses": [host]} for host in hosts[first : first + AT_ONCE]]
        joined += session.write("POST", "cluster", "peers", body={"peers": newcomers}).data
    session.show_data(joined, lambda peers: "\n".join(f"peer probe: success: {p['name']} ({p['id']}) is in the pool" for p in peers))


def detach(session: Session, words: Parsed) -> None:
    peer = words.name(0)
    session.confirm(f"Peer {peer} will leave the pool and forget its volumes.")
    answer = session.write("DELETE", "peers", peer, body={"force": words.flag("force")})
    session.show(answer, lambda _: f"peer detach: success: {peer} is no longer in the pool")


def replace(session: Session, words: Parsed) -> None:
    old, address = words.name(0), words.name(1)
    session.confirm(f"The daemon at {address} will take the place and the bricks of peer {old}, which can never come back.")
    answer = session.write("POST", "peers", old, "replace", body={"addresses": [address], "force": words.flag("force")})
    session.show(answer, lambda peer: f"peer replace: success: {peer['name']} ({peer['id']}) has the place of {old}")


def edit(session: Session, words: Parsed) -> None:
    body = {name: words.text(name) for name in ("address", "zone") if words.text(name)}
    if not body:
        raise WordError("nothing is to be changed", "gd2 peer edit PEER address HOST[:PORT], or zone ZONE")
    answer = session.write("POST", "peers", words.name(0), body={**body, **({"force": True} if words.flag("force") else {})})
    session.show(answer, edited_text)


def edited_text(peer: dict[str, Any]) -> str:
    return f"peer edit: success: {peer['name']} ({peer['id']}) is at {','.join(peer['peer-addresses'])}, zone {zone_of(peer)}"


def status(session: Session, words: Parsed) -> None:
    session.show(session.get("peers"), lambda peers: status_text(peers, session.paint))


def list_peers(session: Session, words: Parsed) -> None:
    session.show(session.get("peers"), lambda peers: peer_table(peers, session.paint))


def status_text(peers: list[dict[str, Any]], paint: Paint) -> str:
    """Summary first, then who is down, then the others if they fit."""
    down = [p for p in peers if not p["online"]]
    up = [p for p in peers if p["online"]]
    lines = [f"Number of peers: {len(peers)}, online: {len(up)}, " + paint("bad" if down else "good", f"offline: {len(down)}")]
    lines += ["", peer_table([*down, *up][:SHOWN_MAX], paint)] if peers else []
    lines += [f"... and {len(peers) - SHOWN_MAX} more: gd2 peer list"] if len(peers) > SHOWN_MAX else []
    return "\n".join(lines)


def peer_table(peers: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[p["id"], p["name"], ",".join(p["peer-addresses"]), online_cell(p["online"]), zone_of(p)] for p in peers]
    return table(["UUID", "Name", "Address", "State", "Zone"], rows, paint)


def online_cell(online: bool) -> Cell:
    return Cell("Online", "good") if online else Cell("Offline", "bad")


def zone_of(peer: dict[str, Any]) -> str:
    """ "-": a zone of its own."""
    zone = str(peer.get("metadata", {}).get("_zone", ""))
    return "-" if zone in ("", peer["id"]) else zone


PROBE = Spec(
    Grammar("HOST[:PORT] ...", names=("HOST",), rest="HOST"),
    "Let the daemon at HOST join the pool. It must have no volumes and no other pool. Of several, a hundred at a time join together, or none of them.",
    probe,
)
DETACH = Spec(
    Grammar("PEER [force]", names=("PEER",), words=(Word("force"),)),
    "Let a peer leave the pool. PEER: id, name or address. It must have no bricks; force: also when it is down, it learns of it when it returns.",
    detach,
)
REPLACE = Spec(
    Grammar("OLD HOST[:PORT] [force]", names=("OLD", "HOST"), words=(Word("force"),)),
    "Let the freshly installed daemon at HOST take the place of a lost peer, bricks included. force: bricks that are gone are made anew and healed.",
    replace,
)
EDIT = Spec(
    Grammar(
        "PEER [address HOST[:PORT]] [zone ZONE] [force]",
        names=("PEER",),
        words=(Word("address", "text"), Word("zone", "text"), Word("force")),
    ),
    "Change what the pool knows of a peer. address: where it is now, it must answer there; force: also when it doesn't. zone: what it fails together with.",
    edit,
)
STATUS = Spec(Grammar(""), "How many peers are online, and which are not.", status)
LIST = Spec(Grammar(""), "All peers of the pool.", list_peers)

COMMANDS = {"probe": PROBE, "detach": DETACH, "replace": REPLACE, "edit": EDIT, "status": STATUS, "list": LIST}
