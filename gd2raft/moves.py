"""Both sides of a move of a peer to another address (peers/moving.py), with what they need of the daemon."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING

from gd2raft.commands.peer_edit import PeerEdit
from gd2raft.peers.moving import Mover, Movers

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon


def movers(daemon: Daemon) -> Movers:
    """The side that is asked by a peer that has moved, or told by an administrator."""

    async def run(request: PeerEdit) -> None:
        """A change that no user asked for. Raises CommandError."""
        await daemon.member.initiator.run("peer-edit", request, request_id=str(uuid.uuid4()), user="", timeout_s=10.0)

    return Movers(daemon.connections, daemon.view, run, daemon.config.store)


def mover(daemon: Daemon) -> Mover:
    """The side that may have moved: this peer."""
    return Mover(
        lambda: daemon.view().peer(daemon.identity.peer_id),
        lambda: daemon.member.others(),
        daemon.connections,
        lambda address: daemon.movers.record(daemon.identity.peer_id, daemon.instance, address),
        daemon.refused,
        lambda: daemon.gluster.changed(None),
        host=daemon.peer_host,
        port=daemon.peer_port,
        client_port=daemon.client_port,
        chance=random.Random(),
    )
