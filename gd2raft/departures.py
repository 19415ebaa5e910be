"""Commands as the leader runs them: those by which a peer leaves take its vote first, which the transaction can't do by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gd2raft.commands.peer_remove import PeerRemove, check_removable
from gd2raft.commands.peer_replace import PeerReplace, check_lost
from gd2raft.core import model
from gd2raft.core.plan import NotFound, Refused, View
from gd2raft.engine.calls import CommandCall, Done, NotLeader
from gd2raft.remote import Remote
from gd2raft.store.interface import StoreError

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon


async def run(daemon: Daemon, call: CommandCall) -> Done:
    """Raises CommandError."""
    if call.command == "peer-remove":
        return await _remove(daemon, call)
    if call.command == "peer-replace":
        return await _replace(daemon, call)
    return await daemon.member.engine.run(call)


async def _remove(daemon: Daemon, call: CommandCall) -> Done:
    member = daemon.member
    request = msgspec.json.decode(call.request, type=PeerRemove)
    view = View(member.store, online=member.online(), initiator=call.initiator)
    peer = view.find_peer(request.peer)
    if peer is None:
        return await member.engine.run(call)  # says so, or knows how it ended
    if not request.force and peer.id in view.online and not await _answers(daemon, peer):
        view.online -= {peer.id}  # its lease runs on for some seconds
    check_removable(view, peer, request.force)
    if peer.id == daemon.identity.peer_id:
        await _hand_over(daemon)
        raise NotLeader("the leader is being detached: it has handed over")
    return await _without_vote(daemon, peer, call)


async def _answers(daemon: Daemon, peer: model.Peer) -> bool:
    return peer.id == daemon.identity.peer_id or await Remote(daemon).answers(peer)


async def _replace(daemon: Daemon, call: CommandCall) -> Done:
    """A lost peer loses its vote before another one takes its place."""
    member = daemon.member
    view = View(member.store, online=member.online(), initiator=call.initiator)
    peer = view.find_peer(msgspec.json.decode(call.request, type=PeerReplace).peer)
    if peer is None:
        return await member.engine.run(call)
    if peer.id in view.online and not await _answers(daemon, peer):
        await member.lose_sight(peer.id)  # the lease of one that has just died runs on for some seconds
        view.online = member.online()
    check_lost(view, peer)
    return await _without_vote(daemon, peer, call)


async def _without_vote(daemon: Daemon, peer: model.Peer, call: CommandCall) -> Done:
    member = daemon.member
    try:
        await member.autopilot.retire(peer.id)
    except StoreError as error:
        raise Refused(f"peer {peer.hostname} votes and could not be relieved of it: {error}", hint="try again", http=503) from error
    try:
        return await member.engine.run(call)
    finally:
        member.autopilot.stays(peer.id)


async def _hand_over(daemon: Daemon) -> None:
    successor = await daemon.member.autopilot.successor()
    if not successor:
        raise NotFound("this peer leads, and no other one can take over", hint="bring another peer of the pool back first", http=503)
    await daemon.member.store.transfer_leadership(successor)
