"""Following: a learner takes frames from its upstream, a voter that doesn't lead takes the soft state from the leader.

One connection at a time. It holds a lease while it is open; when it breaks, the next candidate is tried, with jitter. The
upstream's verdict "removed" means that this peer was detached while it was away.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec
import structlog

from gd2raft import services
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import RpcError

LEASE_EVERY_S = 2.0
LEASE_LATE_S = 0.25
"""It goes as the answer to the upstream's news, which come at rest as often as leases: one wake-up for both. News that are so late are not waited for."""
SILENCE_MAX_S = 5.0
OPEN_TIMEOUT_S = 3.0
RETRY_S = (0.1, 0.5)
UNKNOWN_MAX_S = 60.0
"""An invited peer that no member knows for so long gives the invitation up."""

IGNORED_MAX_S = 1.0
"""A store that is about to vote, or has just ceased to, takes no frames; the upstream thinks that it has them, and sends them once."""

QUEUE_FRAMES_MAX = 64
DEPTH_MAX = 16
"""A tree of a thousand peers is three deep; what has come through so many learners goes round in a circle, and nothing new comes in."""

log = structlog.get_logger("follow")


class Upstream(msgspec.Struct, frozen=True):
    """A candidate to follow. `peer_id` "" when only the address is known."""

    peer_id: str
    address: str


class Sink(Protocol):
    """What frames go into: this peer's store."""

    @property
    def last_applied(self) -> tuple[int, int]: ...

    def take_frames(self, frames: Sequence[services.FrameMessage], /) -> bool: ...

    async def accept_frames(self, frames: Sequence[services.FrameMessage], /) -> None: ...


class Guide(Protocol):
    """What the follower asks the rest of the peer."""

    def leads(self) -> bool: ...

    def votes(self) -> bool: ...

    def member_since(self) -> int: ...

    def candidates(self) -> list[Upstream]: ...

    def below(self) -> frozenset[str]: ...

    def heard(self, state: services.PoolState | None) -> None: ...

    def removed(self) -> None: ...


class Follower:
    def __init__(
        self,
        sink: Sink,
        guide: Guide,
        dial: Callable[[str, str], Awaitable[Connection]],
        fetch_snapshot: Callable[[Connection], Awaitable[None]],
        *,
        chance: random.Random,
    ) -> None:
        self._sink, self._guide, self._dial, self._fetch_snapshot, self._chance = sink, guide, dial, fetch_snapshot, chance
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._queue: asyncio.Queue[list[services.FrameMessage]] = asyncio.Queue()
        self._heard_at = 0.0
        self._unknown_since: float | None = None
        self._leader_hint: Upstream | None = None
        self._poke = asyncio.Event()
        self._held = False
        self._given = 0  # index of the last frame that the sink was given
        self._ignored_since: float | None = None
        self._lost = ""  # the upstream that was followed last
        self._told: frozenset[str] | None = None  # below this peer, as the upstream was told; None: nothing yet
        self._leased_at = 0.0
        self._patience: asyncio.Timeout | None = None  # until something has to be looked at, while nothing comes
        self.upstream = ""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="follower")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def poke(self) -> None:
        """Something changed (role, leader, membership, a connection that broke): look again."""
        self._poke.set()
        self._look_again()

    def hurry(self) -> None:
        """This peer, or one that follows it, lacks something that is committed already: the upstream shall not gather it with more."""
        if self._connection is not None and not self._connection.closed:
            self._connection.notify(services.FOLLOW_HURRY, services.Empty())

    # handlers of what the upstream sends

    def on_frames(self, connection: Connection, message: services.Frames) -> None:
        if connection is self._connection and not self._take_at_once(message.frames):
            self._queue.put_nowait(message.frames)
            if self._queue.qsize() > QUEUE_FRAMES_MAX:
                log.warning("frames come faster than they can be applied, resuming later", upstream=self.upstream)
                self._spawn_close(connection, "slow follower")

    def _take_at_once(self, frames: Sequence[services.FrameMessage]) -> bool:
        """Where they came in, without the task, if it waits for nothing else: of a change that reaches a thousand idle peers, each turn of a loop is a part."""
        if self._patience is None or self._patience.expired() or not self._queue.empty():
            return False
        try:
            taken = self._sink.take_frames(frames)
        except Exception:
            return False  # the task meets the same, and knows what to do then
        if taken and frames:
            self._given = max(self._given, frames[-1].index)
        return taken

    def on_state(self, connection: Connection, state: services.PoolState) -> None:
        if connection is self._connection:
            self._heard_at = self._now()
            self._guide.heard(state)
            self._answer(connection)
            if state.depth > DEPTH_MAX and not connection.closed:
                log.warning("the upstream follows this peer in a circle, looking for another one", upstream=self.upstream)
                self._spawn_close(connection, "followed in a circle")

    def _answer(self, connection: Connection) -> None:
        """Renew the lease where the news came in, without the task: a thousand peers at rest do nothing else."""
        if self._patience is None or self._patience.expired() or self._sink.last_applied[0] < self._given:
            self._look_again()
        else:
            self._renew_lease(connection)
            self._patience.reschedule(self._next_look())

    def _look_again(self) -> None:
        if self._queue.empty():
            self._queue.put_nowait([])

    # the life of a follower

    async def _run(self) -> None:
        while True:
            if self._guide.leads():
                await self._pause(None)
                continue
            votes = self._guide.votes()
            for upstream in self._targets():
                if self._guide.leads() or self._guide.votes() != votes or await self._try(upstream):
                    break  # who is right to follow may have changed meanwhile
            self._guide.heard(None)
            await self._pause(self._chance.uniform(*RETRY_S))

    def _targets(self) -> list[Upstream]:
        hint, self._leader_hint = self._leader_hint, None
        found = self._guide.candidates()
        found = [hint, *found] if hint is not None else found
        return sorted(found, key=lambda upstream: upstream.peer_id == self._lost)  # (stable) the one that was lost comes last

    async def _pause(self, seconds: float | None) -> None:
        """Until something changes; `seconds` None: only then."""
        self._poke.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poke.wait()

    async def _try(self, upstream: Upstream) -> bool:
        """Whether it was followed for a while."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                connection = await self._dial(upstream.address, upstream.peer_id)
        except (RpcError, TimeoutError, OSError) as error:
            log.debug("can't follow", upstream=upstream.address, error=str(error))
            return False
        try:
            await self._follow(connection)
        except (RpcError, TimeoutError, OSError, ValueError) as error:  # also: no space for what it sent, or no sense in it
            log.info("lost the upstream", upstream=upstream.address, error=str(error))
        finally:
            held, self._held = self._held, False
            self._lost = self.upstream if held else self._lost
            self._connection, self.upstream = None, ""
            await connection.close("done following")
        return held

    async def _follow(self, connection: Connection) -> None:
        self._queue = asyncio.Queue()
        self._connection, self.upstream = connection, connection.peer.peer_id
        self._heard_at = self._now()
        index, term = self._sink.last_applied
        self._given, self._ignored_since = index, None
        request = services.FollowRequest(index, term, not self._guide.votes(), self._guide.member_since())
        reply = await connection.call(services.FOLLOW_OPEN, request, timeout_s=OPEN_TIMEOUT_S)
        if reply.verdict == "snapshot":
            await self._fetch_snapshot(connection)
            self._poke.set()  # open again at once, now from the snapshot's index
            return
        if reply.verdict != "ok":
            self._refused(reply)
            return
        self._unknown_since, self._held = None, True
        log.info("following", upstream=self.upstream, frames=request.frames, index=index)
        await self._hold(connection, votes=not request.frames)

    def _refused(self, reply: services.FollowReply) -> None:
        now = self._now()
        if reply.verdict == "removed":
            self._guide.removed()
        elif reply.verdict == "unknown":
            self._unknown_since = self._unknown_since or now
            if now - self._unknown_since > UNKNOWN_MAX_S and not self._guide.member_since():
                self._guide.removed()
        elif reply.verdict == "not-leader" and reply.leader_address:
            self._leader_hint = Upstream(reply.leader, reply.leader_address)

    async def _hold(self, connection: Connection, *, votes: bool) -> None:
        """Apply what comes and renew the lease, until the connection breaks or another upstream is right."""
        self._told = None
        while not connection.closed:
            now = self._now()
            if now - self._heard_at > SILENCE_MAX_S:
                log.info("the upstream is silent", upstream=self.upstream)
                return
            if not votes and self._ignored(now):
                log.info("frames were not taken, asking for them again", upstream=self.upstream, given=self._given)
                return
            if self._guide.leads() or self._guide.votes() != votes or self._misplaced(votes):
                return
            self._renew_lease(connection)
            await self._apply_next()

    def _renew_lease(self, connection: Connection) -> None:
        """If it is time, or there is something to tell."""
        now, below = self._now(), self._guide.below()
        if now - self._leased_at >= LEASE_EVERY_S - LEASE_LATE_S or below != self._told:
            lease = lease_message(self._sink.last_applied[0], self._told, below)
            if connection.notify(services.FOLLOW_LEASE, lease):
                self._told = below
            self._leased_at = now

    def _next_look(self) -> float:
        """When the lease is due though no news came, or they have been missing for too long."""
        return min(self._leased_at + LEASE_EVERY_S + LEASE_LATE_S, self._heard_at + SILENCE_MAX_S + 0.01)

    async def _apply_next(self) -> None:
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with a frame, and close() waits for ever.
            async with asyncio.timeout_at(self._next_look()) as self._patience:
                frames = await self._queue.get()
        except TimeoutError:
            return
        finally:
            self._patience = None
        if frames:
            await self._sink.accept_frames(frames)
            self._given = max([self._given, *(frame.index for frame in frames)])

    def _ignored(self, now: float) -> bool:
        """Whether the sink still lacks what it was given a while ago."""
        if self._sink.last_applied[0] >= self._given:
            self._ignored_since = None
            return False
        self._ignored_since = self._ignored_since or now
        return now - self._ignored_since > IGNORED_MAX_S

    def _misplaced(self, votes: bool) -> bool:
        """A voter follows the leader and nobody else."""
        if not votes:
            return False
        candidates = self._guide.candidates()
        return len(candidates) == 1 and candidates[0].peer_id != self.upstream

    def _spawn_close(self, connection: Connection, why: str) -> None:
        task = asyncio.create_task(connection.close(why))
        task.add_done_callback(lambda t: t.exception() if not t.cancelled() else None)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def lease_message(index: int, told: frozenset[str] | None, below: frozenset[str]) -> services.Lease:
    """The whole for an upstream that was told nothing yet, else what changed."""
    if told is None:
        return services.Lease(index, sorted(below))
    return services.Lease(index, None, sorted(below - told), sorted(told - below))
