"""The feed: what this peer has applied, sent on to the peers that follow it, with the pool's soft state beside it.

Frames are encoded once for all subscribers. A subscriber resumes from its index; one that is too far behind is told to fetch
a snapshot; one that is too slow is dropped and comes back. Voters subscribe without frames, for the soft state and the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from gd2raft import services
from gd2raft.core.liveness import Sight
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.wire import encode_notify

BATCH_BYTES = 512 * 1024
PENDING_BYTES_MAX = 4 * 1024 * 1024
STATE_EVERY_S = 1.0
CATCH_UP_PAUSE_S = 0.02

log = structlog.get_logger("feed")


class Frame(Protocol):
    """A committed entry of the log."""

    @property
    def command(self) -> bytes: ...

    @property
    def index(self) -> int: ...

    @property
    def term(self) -> int: ...


class Source(Protocol):
    """Where frames come from."""

    def frames_after(self, index: int, bytes_max: int, /) -> Sequence[Frame] | None: ...


class Subscriber(msgspec.Struct, kw_only=True, eq=False):
    connection: Connection
    peer_id: str
    frames: bool
    index: int = 0
    live: bool = False
    told_online: frozenset[str] | None = None


class Feed:
    """One per pool that the peer is in. `state` gives (leader, term, quorum, voters) as this peer knows them, `online` who is in sight."""

    def __init__(
        self,
        source: Source,
        sight: Sight,
        *,
        state: Callable[[], tuple[str, int, bool, Sequence[str]]],
        online: Callable[[], frozenset[str]],
    ) -> None:
        self._source, self._sight, self._state, self._online = source, sight, state, online
        self._subscribers: dict[Connection, Subscriber] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heart: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._heart = asyncio.create_task(self._beat(), name="feed heart")

    async def close(self) -> None:
        tasks = [*self._tasks, *([self._heart] if self._heart else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for subscriber in list(self._subscribers.values()):
            await subscriber.connection.close("this peer leaves the pool or stops")
        self._subscribers.clear()

    @property
    def followers(self) -> list[str]:
        return sorted({s.peer_id for s in self._subscribers.values()})

    def subscribe(self, connection: Connection, peer_id: str, index: int, *, frames: bool) -> None:
        """Take a follower on; frames after `index` follow."""
        subscriber = Subscriber(connection=connection, peer_id=peer_id, frames=frames, index=index)
        self._subscribers[connection] = subscriber
        self._sight.lease(peer_id, (), self._now())
        self._tell(subscriber)
        if frames:
            self._spawn(self._catch_up(subscriber))

    def unsubscribe(self, connection: Connection) -> None:
        subscriber = self._subscribers.pop(connection, None)
        if subscriber is not None and all(s.peer_id != subscriber.peer_id for s in self._subscribers.values()):
            self._sight.lost(subscriber.peer_id, self._now())

    def lease(self, connection: Connection, lease: services.Lease) -> None:
        if (subscriber := self._subscribers.get(connection)) is not None:
            self._sight.lease(subscriber.peer_id, lease.below, self._now())

    def drop(self, peer_id: str) -> None:
        """The peer is no member any more."""
        for connection, subscriber in list(self._subscribers.items()):
            if subscriber.peer_id == peer_id:
                self.unsubscribe(connection)
                self._spawn(connection.close("not a member of the pool any more"))

    # frames

    def publish(self, frames: Sequence[Frame]) -> None:
        """New entries were applied here: on to everyone who is up to date. (Others get them when they catch up.)"""
        live = [s for s in self._subscribers.values() if s.live]
        if not live or not frames:
            return
        encoded = encode_notify(services.FOLLOW_FRAMES, message_of(frames))
        for subscriber in live:
            self._send(subscriber, encoded, frames[-1].index)

    def _send(self, subscriber: Subscriber, encoded: bytes, index: int) -> None:
        if subscriber.connection.notify_encoded(encoded):
            subscriber.index = index
            return
        log.warning("a follower is too slow, dropping it", peer=subscriber.peer_id, pending=subscriber.connection.pending_bytes)
        self.unsubscribe(subscriber.connection)
        self._spawn(subscriber.connection.close("too slow for the feed; resume"))

    async def _catch_up(self, subscriber: Subscriber) -> None:
        while not subscriber.connection.closed and subscriber.connection in self._subscribers:
            if subscriber.connection.pending_bytes > BATCH_BYTES:
                await asyncio.sleep(CATCH_UP_PAUSE_S)
                continue
            frames = self._source.frames_after(subscriber.index, BATCH_BYTES)
            if frames is None:  # compacted while it was catching up
                self.unsubscribe(subscriber.connection)
                await subscriber.connection.close("too far behind: fetch a snapshot")
                return
            if not frames:
                subscriber.live = True  # no await since frames_after: nothing was applied in between
                return
            self._send(subscriber, encode_notify(services.FOLLOW_FRAMES, message_of(frames)), frames[-1].index)
            await asyncio.sleep(0)

    # soft state

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(STATE_EVERY_S)
            self.tell_all()

    def tell_all(self) -> None:
        for subscriber in list(self._subscribers.values()):
            self._tell(subscriber)

    def _tell(self, subscriber: Subscriber) -> None:
        leader, term, quorum, voters = self._state()
        online = self._online()
        changed = online if online != subscriber.told_online else None
        message = services.PoolState(leader, term, quorum, list(voters), None if changed is None else sorted(changed))
        if subscriber.connection.notify(services.FOLLOW_STATE, message):
            subscriber.told_online = online

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def message_of(frames: Sequence[Frame]) -> services.Frames:
    return services.Frames([services.FrameMessage(f.command, f.index, f.term) for f in frames])
