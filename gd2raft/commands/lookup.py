"""Finding what a request names, and refusing clearly when it isn't there. PURE."""

from __future__ import annotations

from gd2raft.core import devices, model
from gd2raft.core.model import Peer, View, Volume, VolumeState
from gd2raft.core.phases import Transaction
from gd2raft.core.plan import NotFound, Refused

KEY_MAX = 1000
"""Of what users name; no key of ours is longer."""


def volume(view: View, name: str) -> Volume:
    """A volume by name or id."""
    if (found := view.volume(name)) is not None:
        return found
    if len(name) == 36 and name.count("-") == 4:
        for candidate in view.volumes():
            if candidate.id == name:
                return candidate
    raise NotFound(f"volume {name[:300]} does not exist", hint="`gd2 volume list` shows the volumes", code="volume-not-found")


def op_version(view: View) -> int:
    """Of the pool; a pool that has no record of it yet has this daemon's."""
    cluster = view.cluster()
    return cluster.op_version if cluster else model.OP_VERSION


def started_volume(view: View, name: str) -> Volume:
    found = volume(view, name)
    if found.state is not VolumeState.STARTED:
        raise Refused(f"volume {found.name} is not started", hint=f"gd2 volume start {found.name}", code="not-started")
    return found


def peer(view: View, text: str) -> Peer:
    found = view.find_peers(text)
    if len(found) == 1:
        return found[0]
    if found:
        raise ambiguous(text, found)
    raise NotFound(f"peer {text[:300]} is not in the pool", hint="`gd2 peer list` shows the peers", code="peer-not-found")


def device(view: View, peer_text: str, text: str) -> devices.Device:
    """A device of a peer, by id or path."""
    owner = peer(view, peer_text)
    clean = text.rstrip("/") or text
    for found in devices.all_devices(view):
        if found.peer_id == owner.id and clean in (found.id, found.path):
            return found
    raise NotFound(f"peer {owner.hostname} has no device {text[:300]}", hint="`gd2 device list` shows the devices", code="device-not-found")


def ambiguous(text: str, found: list[Peer]) -> Refused:
    return Refused(
        f"{text[:300]} may mean {len(found)} peers: {', '.join(p.id for p in found[:5])}", hint="name it by its id", code="peer-ambiguous"
    )


def transaction(view: View, identity: str) -> Transaction:
    """A command that hasn't ended."""
    key = model.TRANSACTIONS + identity
    if len(key) < KEY_MAX and (item := view.reader.get(key)) is not None:
        return model.load(key, item.value, Transaction)
    raise NotFound(
        f"there is no unfinished transaction {identity[:100]}", hint="`gd2 transaction list` shows them", code="transaction-not-found"
    )


def leftover_keys(view: View, transaction: str) -> list[str]:
    """Of what a command that has ended left for peers to undo."""
    keys = [model.leftovers_prefix(peer.id) + transaction for peer in view.peers()]
    return [key for key in keys if len(key) < KEY_MAX and view.reader.get(key) is not None]
