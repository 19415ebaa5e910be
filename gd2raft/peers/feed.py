"""The feed: what this peer has applied, sent on to the peers that follow it, with the pool's soft state beside it.

Frames are encoded once for all subscribers. A subscriber resumes from its index; one that is too far behind is told to fetch
a snapshot; one that is too slow is dropped and comes back. Voters subscribe without frames, for the soft state and the lease.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from gd2raft import services
from gd2raft.core.liveness import Sight
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.wire import encode_notify

BATCH_BYTES = 512 * 1024
PENDING_BYTES_MAX = 4 * 1024 * 1024
STATE_EVERY_S, STATE_LATE_S = 1.0, 0.05
STATE_AT_REST_S = 2.0
"""So often a follower is told that nothing changed: it gives a silent upstream up after SILENCE_MAX_S (follow.py)."""
STATE_OLD_S = 0.5
"""With frames, which wake it up anyway, it is told what it was told so long ago, in one piece."""
RATE_FREE = 10
"""Up to so many publications in a second each goes out at once."""
PAUSE_EACH_S, PAUSE_OF_POOL_S, PAUSE_MAX_S = 0.01, 0.001, 1.0
"""Above that the frames of so much time for each follower, or for each peer in sight, go out together: a thousand peers then wake up once a
second, whoever feeds them, and are not far behind."""
CATCH_UP_PAUSE_S = 0.02
HURRY_S = 1.0
"""For so long after a follower was in a hurry nothing is gathered: what it waits for may not have come here yet."""

State = tuple[str, int, bool, Sequence[str], int]
"""Leader, term, quorum, voters, depth: see services.PoolState."""

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


class News(msgspec.Struct, frozen=True):
    """The pool's soft state at a moment, `messages`: as it is said to each follower who has to be told."""

    now: float
    told: tuple[object, ...]
    online: frozenset[str]
    messages: dict[Connection, bytes] = {}


class Subscriber(msgspec.Struct, kw_only=True, eq=False):
    connection: Connection
    peer_id: str
    frames: bool
    index: int = 0
    live: bool = False
    told_online: frozenset[str] | None = None
    told: tuple[object, ...] = ()
    told_at: float = 0.0

    def was_told(self, news: News) -> None:
        self.told_online, self.told, self.told_at = news.online, news.told, news.now


class Feed:
    """One per pool that the peer is in. `state` is the pool's as this peer knows it, `online` who is in sight."""

    def __init__(
        self,
        source: Source,
        sight: Sight,
        *,
        state: Callable[[], State],
        online: Callable[[], frozenset[str]],
    ) -> None:
        self._source, self._sight, self._state, self._online = source, sight, state, online
        self._subscribers: dict[Connection, Subscriber] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heart: asyncio.Task[None] | None = None
        self._followed = asyncio.Event()
        self._rate = Rate()
        self._gathered: list[Frame] = []
        self._timer: asyncio.TimerHandle | None = None
        self._hurry_until = 0.0

    def start(self) -> None:
        self._heart = asyncio.create_task(self._beat(), name="feed heart")

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
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
        self._followed.set()
        self._sight.lease(peer_id, (), self._now())
        self.tell_all()
        if frames:
            self._spawn(self._catch_up(subscriber))

    def unsubscribe(self, connection: Connection) -> None:
        subscriber = self._subscribers.pop(connection, None)
        if subscriber is not None and all(s.peer_id != subscriber.peer_id for s in self._subscribers.values()):
            self._sight.lost(subscriber.peer_id, self._now())

    def lease(self, connection: Connection, lease: services.Lease) -> None:
        if (subscriber := self._subscribers.get(connection)) is not None:
            self._sight.lease(subscriber.peer_id, lease.below, self._now(), came=lease.came, went=lease.went)

    def drop(self, peer_id: str) -> None:
        """The peer is no member any more."""
        for connection, subscriber in list(self._subscribers.items()):
            if subscriber.peer_id == peer_id:
                self.unsubscribe(connection)
                self._spawn(connection.close("not a member of the pool any more"))

    # frames

    def publish(self, frames: Sequence[Frame]) -> None:
        """New entries were applied here: on to everyone who is up to date. (Others get them when they catch up.)"""
        if not self._subscribers or not frames or not (live := sum([s.live for s in self._subscribers.values()])):
            return
        self._gathered += frames
        now = self._now()
        rate = self._rate.note(now)  # also of what is gathered: else ten would go out at once after each pause
        if self._timer is None:
            if rate <= RATE_FREE or now < self._hurry_until:
                self._publish_gathered()
            else:
                pause_s = min(PAUSE_MAX_S, max(live * PAUSE_EACH_S, len(self._online()) * PAUSE_OF_POOL_S))
                self._timer = asyncio.get_running_loop().call_later(pause_s, self._publish_gathered)

    def hurry(self) -> None:
        """A follower, or one of its own, has a step to do and lacks the state for it: what was gathered goes out, and the next at once."""
        self._hurry_until = self._now() + HURRY_S
        if self._timer is not None:
            self._timer.cancel()
            self._publish_gathered()

    def _publish_gathered(self) -> None:
        """In messages of a size that their readers take; a subscriber that came meanwhile has some of it already."""
        self._timer = None
        gathered, self._gathered = self._gathered, []
        while gathered:
            size = count = 0
            while count < len(gathered) and (not count or size + len(gathered[count].command) <= BATCH_BYTES):
                size += len(gathered[count].command)
                count += 1
            frames, gathered = gathered[:count], gathered[count:]
            encoded = encode_notify(services.FOLLOW_FRAMES, message_of(frames))
            live = {c: s for c, s in self._subscribers.items() if s.live and s.index < frames[-1].index}
            news = self._news({} if gathered else live, STATE_OLD_S)  # with the last of them
            for connection, subscriber in live.items():
                message = news.messages.get(connection)
                if self._send(subscriber, frames[-1].index, encoded, *([message] if message else [])) and message:
                    subscriber.was_told(news)

    def _send(self, subscriber: Subscriber, index: int, *encoded: bytes) -> bool:
        """Frames up to `index`, and what is to go with them: in one piece, for one wake-up."""
        if subscriber.connection.notify_encoded(*encoded):
            subscriber.index = index
            return True
        log.warning("a follower is too slow, dropping it", peer=subscriber.peer_id, pending=subscriber.connection.pending_bytes)
        self.unsubscribe(subscriber.connection)
        self._spawn(subscriber.connection.close("too slow for the feed; resume"))
        return False

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
            self._send(subscriber, frames[-1].index, encode_notify(services.FOLLOW_FRAMES, message_of(frames)))
            await asyncio.sleep(0)

    # soft state

    async def _beat(self) -> None:
        """Stands still while nobody follows."""
        while True:
            await self._followed.wait()
            await asyncio.sleep(STATE_EVERY_S)
            self.tell_all()
            if not self._subscribers:
                self._followed.clear()

    def tell_all(self) -> None:
        """What is news to a follower, and to whom nothing was said for so long that nothing is new."""
        if self._subscribers:
            news = self._news(self._subscribers, STATE_AT_REST_S - STATE_LATE_S)
            for connection, message in news.messages.items():
                if connection.notify_encoded(message):
                    self._subscribers[connection].was_told(news)

    def _news(self, followers: Mapping[Connection, Subscriber], older_s: float) -> News:
        """What is to be said to whom of them: if there is news, or when what it knows is so old."""
        now, online, state = self._now(), self._online(), self._state()
        news = News(now, (*state, online), online)
        encoded: dict[frozenset[str] | None, bytes] = {}  # by what was told before: mostly one for all
        for connection, subscriber in followers.items():
            if subscriber.told != news.told or now - subscriber.told_at >= older_s:
                told = subscriber.told_online
                if told not in encoded:
                    encoded[told] = encode_notify(services.FOLLOW_STATE, state_message(state, told, online))
                news.messages[connection] = encoded[told]
        return news

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class Rate:
    """How many times something happened in the last second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=RATE_FREE + 1)

    def note(self, now: float) -> int:
        """It happens now: how often in the last second, this time included (at most RATE_FREE + 1)."""
        self._times.append(now)
        while self._times[0] < now - 1.0:
            self._times.popleft()
        return len(self._times)


def state_message(state: State, told: frozenset[str] | None, online: frozenset[str]) -> services.PoolState:
    """The whole for one who was told nothing yet, else what changed."""
    leader, term, quorum, voters, depth = state
    if told is None:
        return services.PoolState(leader, term, quorum, list(voters), sorted(online), depth=depth)
    return services.PoolState(leader, term, quorum, list(voters), None, sorted(online - told), sorted(told - online), depth)


def message_of(frames: Sequence[Frame]) -> services.Frames:
    return services.Frames([services.FrameMessage(f.command, f.index, f.term) for f in frames])
