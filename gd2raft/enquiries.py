"""What has to be asked of the world before a command can be planned: who answers at an address, which directory a path is.

A plan is pure. What it needs beyond the state comes into its request here, on the peer that was asked, once. Most commands need nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from gd2raft.commands import quota
from gd2raft.commands.peer_add import FoundPeer, PeerAdd
from gd2raft.commands.peer_edit import PeerEdit
from gd2raft.commands.peer_replace import PeerReplace
from gd2raft.commands.peers_add import Newcomer, PeersAdd, all_of
from gd2raft.commands.quota_limit import QuotaSetLimit
from gd2raft.commands.quota_remove import QuotaRemove
from gd2raft.core import model
from gd2raft.core.kv import ABSENT, Commit, Expect, Put
from gd2raft.core.plan import CommandError, Failed, NotFound, Request, Unavailable, View
from gd2raft.peers.moving import local_address_towards
from gd2raft.store.interface import StoreError

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon

ASKED_AT_ONCE = 16
"""Of the addresses of many newcomers: one that doesn't answer takes its time, and each is a handshake."""


async def enquire(daemon: Daemon, request: Request) -> Request:
    """The request with what was found. Raises CommandError."""
    ask = ENQUIRIES.get(type(request))
    return request if ask is None else await ask(daemon, request)


async def found(daemon: Daemon, request: PeerAdd | PeerReplace) -> Request:
    """Ask the address who answers there."""
    _check_quorum(daemon)
    answered = await daemon.prober.find(request.addresses)
    if answered.id != daemon.identity.peer_id:
        await _know_own_address(daemon, answered.address)
    return msgspec.structs.replace(request, found=answered)


async def all_found(daemon: Daemon, request: PeersAdd) -> Request:
    """Ask all addresses, some at a time."""
    _check_quorum(daemon)
    turns = asyncio.Semaphore(ASKED_AT_ONCE)

    async def ask(newcomer: Newcomer) -> FoundPeer | CommandError:
        async with turns:
            try:
                return await daemon.prober.find(newcomer.addresses)
            except CommandError as error:
                return error

    answers = await asyncio.gather(*(ask(newcomer) for newcomer in request.peers))
    if problems := [answer for answer in answers if isinstance(answer, CommandError)]:
        raise all_of(problems, len(request.peers))
    answered = [answer for answer in answers if isinstance(answer, FoundPeer)]
    if others := [found for found in answered if found.id != daemon.identity.peer_id]:
        await _know_own_address(daemon, others[0].address)
    return msgspec.structs.replace(request, found=answered)


def _check_quorum(daemon: Daemon) -> None:
    if not daemon.member.store.status().quorum:
        raise Unavailable("no quorum: no peer can join now, nothing was changed", hint="bring the other voters back")


async def placed(daemon: Daemon, request: PeerEdit) -> Request:
    """Ask the peer itself at its new address."""
    return await daemon.movers.placed(request) if request.address else request


async def looked_up(daemon: Daemon, request: QuotaSetLimit | QuotaRemove) -> Request:
    """Ask the volume which directory the path is."""
    volume = quota.quota_volume(View(daemon.view().reader), request.volume)
    path = quota.check_path(request.path)
    answered = await daemon.asked(volume.name, "quota-resolve", {"path": path})
    if answered.error:
        raise Failed(answered.error, hint=f"gd2 volume status {volume.name}", code="not-mounted")
    gfid = str(answered.value["gfid"])
    if not gfid and isinstance(request, QuotaSetLimit):
        raise NotFound(
            f"there is no directory {path} in volume {volume.name}",
            hint="the path in the volume, not that of a mount",
            code="no-directory",
        )
    return msgspec.structs.replace(request, gfid=gfid)


async def _know_own_address(daemon: Daemon, other: str) -> None:
    """A peer that listens everywhere is known by its host name until it meets another one: then by the address used for that."""
    if daemon.peer_host:
        return
    key = model.peer_key(daemon.identity.peer_id)
    item, peer = daemon.member.store.get(key), daemon.view().peer(daemon.identity.peer_id)
    if item is None or peer is None or len(daemon.view().peers()) > 1:
        return
    host = await asyncio.to_thread(local_address_towards, other)
    addresses = (f"{host}:{daemon.peer_port}",)
    if peer.addresses != addresses:
        known = msgspec.structs.replace(
            peer, hostname=host, addresses=addresses, client_addresses=(f"{daemon.client_host or host}:{daemon.client_port}",)
        )
        put = (Put(key, model.dump(known, item.value)), Put("peers", b"1"))
        try:
            await daemon.member.store.commit(Commit((Expect(key, item.modified if item else ABSENT),), put), timeout_s=5.0)
        except StoreError as error:
            raise Unavailable(f"this peer's own address could not be written down: {error}", hint="try again") from error


ENQUIRIES: Mapping[type[Request], Callable[[Daemon, Any], Awaitable[Request]]] = {
    PeerAdd: found,
    PeersAdd: all_found,
    PeerReplace: found,
    PeerEdit: placed,
    QuotaSetLimit: looked_up,
    QuotaRemove: looked_up,
}
