"""After a recovery: the leader tells members out of sight, which may still take themselves for the old pool, that it has gone on.

They are talked to as the old pool's peers, with its key; what they are told ends their daemon (peers of the old pool could be a
majority of it, and would decide what the recovered one never hears of). It must not know how a recovery is done.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import structlog

from gd2raft import services
from gd2raft.peers.identity import Former, Identity
from gd2raft.rpc.errors import RpcError
from gd2raft.rpc.hello import HelloPolicy, key_id_of
from gd2raft.rpc.pool import ConnectionPool
from gd2raft.steps.durable import write_durably

EVERY_S = 2.0
AT_ONCE = 16
TIMEOUT_S = 2.0
TOLD = "recovered-elsewhere.json"
"""In the state folder of a peer that was told: what it was told."""

log = structlog.get_logger("herald")


class Herald:
    """`missing`: address by id of the members out of sight, empty unless this peer leads."""

    def __init__(
        self,
        identity: Callable[[], Identity],
        missing: Callable[[], Mapping[str, str]],
        policy: HelloPolicy,
        local_address: str | None,
    ) -> None:
        self._identity, self._missing, self._policy, self._local_address = identity, missing, policy, local_address

    async def run(self) -> None:
        """As long as there is an old pool to tell of; a daemon that runs never gets one (a recovery is done on a stopped one)."""
        while (identity := self._identity()).former:
            await asyncio.sleep(EVERY_S)
            if identity.former and (missing := self._missing()):
                for former in identity.former:
                    await self._tell_all(former, identity, missing.items())

    async def _tell_all(self, former: Former, identity: Identity, missing: Iterable[tuple[str, str]]) -> None:
        connections = ConnectionPool(self._as_member_of(former), {}, local_address=self._local_address)
        news = services.Recovered(former.pool_id, identity.pool_id, identity.peer_id)
        seats = asyncio.Semaphore(AT_ONCE)

        async def tell(peer_id: str, address: str) -> None:
            async with seats:
                try:
                    await connections.call(address, services.PEER_RECOVERED, news, TIMEOUT_S, expect_peer_id=peer_id)
                except (RpcError, OSError, TimeoutError):
                    return  # it is down, or of our pool already
                log.warning("told a peer of the old pool that it was recovered: its daemon ends", peer=peer_id, pool=former.pool_id)

        try:
            await asyncio.gather(*(tell(peer_id, address) for peer_id, address in missing))
        finally:
            await connections.close()

    def _as_member_of(self, former: Former) -> HelloPolicy:
        key, key_id = bytes.fromhex(former.pool_key), key_id_of(former.pool_id)
        own = self._policy.own_info
        return dataclasses.replace(
            self._policy,
            own_info=lambda: msgspec.structs.replace(own(), pool_id=former.pool_id),
            key_for=lambda wanted: key if wanted == key_id else None,
        )


def told(news: services.Recovered) -> str:
    """What the daemon that is told says when it ends."""
    return (
        f"this peer's pool was recovered from a loss of quorum: it goes on as pool {news.pool_id}, begun by peer {news.by}, and this daemon "
        "must not decide anything for the old one. Bricks run on. Copy recovered-pool.json from that peer's state folder to here, run "
        "`gd2 cluster recover follow FILE`, and start this daemon again"
    )


class GoneOn(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer was told: its pool `former` goes on as `pool`, begun by the peer `by`."""

    former: str
    pool: str
    by: str


def remember(state: Path, news: services.Recovered) -> None:
    """So that `recover begin` on this peer doesn't make a second pool of the old one. Raises OSError."""
    gone_on = GoneOn(former=news.former, pool=news.pool_id, by=news.by)
    write_durably(state / TOLD, msgspec.json.format(msgspec.json.encode(gone_on), indent=1) + b"\n")


def remembered(state: Path, pool_id: str) -> GoneOn | None:
    """What this peer was told of the pool that it is in; None: nothing. Raises OSError, MsgspecError for a file that is none of ours."""
    try:
        news = msgspec.json.decode((state / TOLD).read_bytes(), type=GoneOn)
    except FileNotFoundError:
        return None
    return news if news.former == pool_id else None
