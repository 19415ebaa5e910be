"""Whom a learner follows when what it follows breaks, or goes round in a circle. The connections are stand-ins: nothing is sent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import until

from gd2raft import services
from gd2raft.peers import follow
from gd2raft.peers.feed import state_message
from gd2raft.peers.follow import DEPTH_MAX, Follower, Upstream

pytestmark = pytest.mark.fast
DEADLINE_S = 10.0


class Line:
    """A connection to an upstream that takes everybody on."""

    def __init__(self, peer_id: str) -> None:
        self.peer, self.closed, self.remote = SimpleNamespace(peer_id=peer_id), False, peer_id
        self.leases = 0

    async def call(self, method: object, request: object, timeout_s: float) -> services.FollowReply:
        return services.FollowReply("ok", "v1", "")

    def notify(self, method: object, message: object) -> bool:
        self.leases += method is services.FOLLOW_LEASE
        return True

    async def close(self, why: str) -> None:
        self.closed = True


class Peer:
    """A learner: what its follower asks, and the connections that it made."""

    last_applied = (0, 0)

    def __init__(self, *candidates: str) -> None:
        self.wanted = candidates
        self.at_once = self.breaks = False  # what the store does with frames
        self.offered = self.accepted = 0
        self.lines: list[Line] = []
        self.states: list[services.PoolState] = []
        self.follower = Follower(self, self, self.dial, self.fetch, chance=random.Random(1))

    async def dial(self, address: str, peer_id: str) -> Any:
        self.lines.append(Line(peer_id))
        return self.lines[-1]

    async def fetch(self, connection: object) -> None:
        raise AssertionError("no snapshot is needed")

    def take_frames(self, frames: Sequence[services.FrameMessage]) -> bool:
        self.offered += len(frames)
        if self.breaks:
            raise ValueError("the feed skips")
        return self.at_once

    async def accept_frames(self, frames: Sequence[services.FrameMessage]) -> None:
        self.accepted += len(frames)
        if self.breaks:
            raise ValueError("the feed skips")

    def leads(self) -> bool:
        return False

    def votes(self) -> bool:
        return False

    def member_since(self) -> int:
        return 1

    def candidates(self) -> list[Upstream]:
        return [Upstream(name, name) for name in self.wanted]

    def below(self) -> frozenset[str]:
        return frozenset()

    def heard(self, state: services.PoolState | None) -> None:
        if state is not None:
            self.states.append(state)

    def removed(self) -> None:
        raise AssertionError("nobody removed it")

    async def follows(self, name: str, count: int) -> Any:
        """Wait for the connection with this number, to this upstream."""
        await until(lambda: len(self.lines) >= count and self.follower.upstream == name)
        return self.lines[-1]


def scene(body: Callable[[Peer], Any], *candidates: str) -> None:
    play(Peer(*candidates), body)


def play(peer: Peer, body: Callable[[Peer], Any]) -> None:
    async def run() -> None:
        peer.follower.start()
        try:
            await body(peer)
        finally:
            await peer.follower.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LEASE_EVERY_S", 0.05)
    monkeypatch.setattr(follow, "LEASE_LATE_S", 0.01)
    monkeypatch.setattr(follow, "IGNORED_MAX_S", 0.2)


def state(depth: int) -> services.PoolState:
    return state_message(("v1", 1, True, ("v1",), depth), None, frozenset())


def test_when_its_upstream_is_lost_a_peer_asks_anew_whom_to_follow() -> None:
    """Those whom it would have followed when it chose that one may be learners now, and follow it."""

    async def body(peer: Peer) -> None:
        first = await peer.follows("v1", 1)
        peer.wanted = ("v1", "v3")
        first.closed = True
        await peer.follows("v3", 2)

    scene(body, "v1", "v2")


def test_a_lease_goes_as_the_answer_to_the_upstreams_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a peer at rest wakes up once for both."""
    monkeypatch.setattr(follow, "LEASE_EVERY_S", 60.0)

    async def body(peer: Peer) -> None:
        line = await peer.follows("v1", 1)
        await until(lambda: line.leases == 1)
        peer.follower.on_state(line, state(0))
        peer.follower.on_state(line, state(0))
        await until(lambda: len(peer.states) == 2)
        assert line.leases == 1, "the last one was sent a moment ago"
        monkeypatch.setattr(follow, "LEASE_LATE_S", 60.0)
        peer.follower.on_state(line, state(0))
        await until(lambda: line.leases == 2)

    scene(body, "v1", "v2")


def test_a_peer_that_is_told_that_its_upstream_is_lost_does_not_wait_for_its_next_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LEASE_EVERY_S", 60.0)
    monkeypatch.setattr(follow, "SILENCE_MAX_S", 60.0)

    async def body(peer: Peer) -> None:
        first = await peer.follows("v1", 1)
        await until(lambda: first.leases == 1)
        first.closed = True
        peer.follower.poke()
        await peer.follows("v2", 2)

    scene(body, "v1", "v2")


def test_frames_that_the_store_did_not_take_are_asked_for_again() -> None:
    """Nothing else would bring them: in a pool at rest the next frame, whose number shows the gap, never comes."""

    async def body(peer: Peer) -> None:
        line = await peer.follows("v1", 1)
        peer.follower.on_frames(line, services.Frames([services.FrameMessage(b"", 1, 1)]))
        await peer.follows("v1", 2)
        peer.last_applied = (1, 1)
        await until(lambda: not peer.lines[-1].closed and peer.follower.upstream == "v1")
        count = len(peer.lines)
        peer.follower.on_frames(peer.lines[-1], services.Frames([services.FrameMessage(b"", 1, 1)]))
        await asyncio.sleep(0.5)
        assert len(peer.lines) == count, "what was taken is not asked for again"

    scene(body, "v1")


def frames_of(*numbers: int) -> services.Frames:
    return services.Frames([services.FrameMessage(b"", n, 1) for n in numbers])


def test_frames_that_the_store_takes_at_once_do_not_wait_for_the_task() -> None:
    async def body(peer: Peer) -> None:
        line = await peer.follows("v1", 1)
        await until(lambda: line.leases == 1 and peer.follower._patience is not None)
        peer.follower.on_frames(line, frames_of(1, 2))
        assert (peer.offered, peer.accepted) == (2, 0)
        await until(lambda: peer.accepted == 2)  # what has to be waited for goes the long way
        peer.last_applied, peer.at_once = (2, 1), True
        await until(lambda: peer.follower._patience is not None)
        peer.follower.on_frames(line, frames_of(3))
        peer.follower.on_frames(line, frames_of(4))
        peer.last_applied = (4, 1)
        await asyncio.sleep(0.5)
        assert (peer.offered, peer.accepted, len(peer.lines)) == (4, 2, 1)

    scene(body, "v1")


def test_frames_that_come_behind_waiting_ones_wait_too() -> None:
    async def body(peer: Peer) -> None:
        line = await peer.follows("v1", 1)
        await until(lambda: peer.follower._patience is not None)
        peer.follower.on_frames(line, frames_of(1))  # not at once
        peer.at_once = True
        peer.follower.on_frames(line, frames_of(2))
        assert peer.offered == 1, "the second overtook the first"
        await until(lambda: peer.accepted == 2)

    scene(body, "v1")


def test_an_upstream_whose_frames_make_no_sense_is_left() -> None:
    async def body(peer: Peer) -> None:
        line = await peer.follows("v1", 1)
        await until(lambda: peer.follower._patience is not None)
        peer.breaks = True
        peer.follower.on_frames(line, frames_of(5))
        await peer.follows("v1", 2)
        assert line.closed

    scene(body, "v1")


def test_a_list_made_as_a_voter_is_not_used_as_a_learner() -> None:
    async def body(peer: Peer) -> None:
        peer.follower.poke()
        await peer.follows("v9", 2)

    peer = Peer("v1", "v2")
    voting = [True]

    async def refuse(address: str, peer_id: str) -> Any:
        peer.lines.append(Line(peer_id))
        if peer_id == "v1" and voting[0]:
            voting[0], peer.wanted = False, ("v9",)
            raise OSError("it does not answer")
        return peer.lines[-1]

    peer.votes = lambda: voting[0]  # type: ignore[method-assign]
    peer.follower._dial = refuse
    play(peer, body)


def test_the_only_one_to_follow_is_tried_again_after_it_was_lost() -> None:
    async def body(peer: Peer) -> None:
        (await peer.follows("v1", 1)).closed = True
        await peer.follows("v1", 2)

    scene(body, "v1")


def test_an_upstream_that_follows_in_a_circle_is_left() -> None:
    async def body(peer: Peer) -> None:
        line = await peer.follows("l2", 1)
        peer.follower.on_state(line, state(DEPTH_MAX))
        assert not line.closed and peer.states[-1].depth == DEPTH_MAX
        peer.follower.on_state(line, state(DEPTH_MAX + 1))
        await peer.follows("v1", 2)
        assert line.closed

    scene(body, "l2", "v1")


def test_what_changed_is_told_with_its_depth_too() -> None:
    told = state_message(("v1", 1, True, ("v1",), 3), frozenset("a"), frozenset("b"))
    assert (told.depth, told.online, told.came, told.went) == (3, None, ["b"], ["a"])
