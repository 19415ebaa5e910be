"""The feed: what followers are told, and how often when there is much to tell."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gd2raft import services
from gd2raft.core.liveness import Sight
from gd2raft.peers.feed import RATE_FREE, STATE_OLD_S, Feed, Rate, state_message
from gd2raft.peers.follow import lease_message
from gd2raft.rpc import wire
from gd2raft.store.raft.log import Entry

pytestmark = pytest.mark.fast

STATE = ("leader", 3, True, ("leader",), 0)
DEADLINE_S = 10.0


class Line:
    """A connection to a follower: what it was sent, decoded."""

    def __init__(self, peer_id: str) -> None:
        self.peer, self.closed, self.pending_bytes = SimpleNamespace(peer_id=peer_id), False, 0
        self.frames: list[list[int]] = []
        self.states: list[services.PoolState] = []
        self.calls = 0

    def notify_encoded(self, *encoded: bytes) -> bool:
        self.calls += 1
        for frame in [wire.decode(data[4:]) for data in encoded]:
            assert isinstance(frame, wire.Notify)
            if frame.method == services.FOLLOW_FRAMES.number:
                self.frames.append([f.index for f in services.FOLLOW_FRAMES.decode_request(frame.body).frames])
            else:
                self.states.append(services.FOLLOW_STATE.decode_request(frame.body))
        return True

    async def close(self, why: str) -> None:
        self.closed = True


class Source:
    """A log whose entries are all committed."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self) -> list[Entry]:
        self.entries.append(Entry(b"\x01x", len(self.entries) + 1, 1))
        return self.entries[-1:]

    def frames_after(self, index: int, bytes_max: int) -> list[Entry]:
        return self.entries[index:]


def with_feed(test: Any) -> Any:
    def run() -> None:
        async def body() -> None:
            source, online = Source(), {"leader"}
            feed = Feed(source, Sight("leader"), state=lambda: STATE, online=lambda: frozenset(online))
            try:
                await test(feed, source, online)
            finally:
                await feed.close()

        asyncio.run(body())

    run.__name__ = test.__name__
    return run


async def live(feed: Feed, *names: str) -> list[Line]:
    lines = [Line(name) for name in names]
    for line in lines:
        feed.subscribe(line, line.peer.peer_id, 0, frames=True)  # type: ignore[arg-type]
    async with asyncio.timeout(DEADLINE_S):
        while not all(s.live for s in feed._subscribers.values()):  # noqa: ASYNC110
            await asyncio.sleep(0)
    return lines


@with_feed
async def test_a_change_now_and_then_goes_out_at_once(feed: Feed, source: Source, online: set[str]) -> None:
    (line,) = await live(feed, "a")
    for _ in range(RATE_FREE):
        feed.publish(source.add())
    assert line.frames == [[n] for n in range(1, RATE_FREE + 1)]


@with_feed
async def test_many_changes_in_a_second_go_out_together_and_none_is_lost_or_doubled(feed: Feed, source: Source, online: set[str]) -> None:
    early, _ = await live(feed, "a", "b")
    for _ in range(RATE_FREE + 30):
        feed.publish(source.add())
    (late,) = [line for line in await live(feed, "c") if line.peer.peer_id == "c"]
    async with asyncio.timeout(DEADLINE_S):
        while feed._timer is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    everything = list(range(1, RATE_FREE + 31))
    for line in (early, late):
        assert [n for message in line.frames for n in message] == everything
    assert len(early.frames) == RATE_FREE + 1, "the frames over the rate were not gathered"


@with_feed
async def test_after_a_pause_the_next_are_gathered_too_as_long_as_many_come(feed: Feed, source: Source, online: set[str]) -> None:
    """In a pool of a thousand the pause is a second: counting only what went out, ten would go out one by one after each."""
    clock = 100.0
    feed._now = lambda: clock  # type: ignore[method-assign]
    (line,) = await live(feed, "a")
    for number in range(60):  # 50 a second
        clock = 100.0 + number / 50
        feed.publish(source.add())
    assert len(line.frames) == RATE_FREE
    feed._publish_gathered()  # the pause is over
    for number in range(60, 65):
        clock = 100.0 + number / 50
        feed.publish(source.add())
    assert [len(frames) for frames in line.frames] == [1] * RATE_FREE + [60 - RATE_FREE]


@with_feed
async def test_that_nothing_is_new_is_told_with_frames_when_it_was_not_told_for_a_while(
    feed: Feed, source: Source, online: set[str]
) -> None:
    """One wake-up for both: a follower with frames every second isn't woken for the news as well."""
    (line,) = await live(feed, "a")
    (follower,) = feed._subscribers.values()
    feed.publish(source.add())
    assert (len(line.frames), len(line.states)) == (1, 1), "it was told when it came"
    follower.told_at -= STATE_OLD_S
    calls = line.calls
    feed.publish(source.add())
    assert (len(line.frames), len(line.states)) == (2, 2)
    assert line.calls == calls + 1, "in one piece"
    feed.tell_all()
    assert len(line.states) == 2, "the next beat has nothing to tell"


@with_feed
async def test_who_is_in_a_hurry_gets_what_was_gathered_and_the_next_at_once(feed: Feed, source: Source, online: set[str]) -> None:
    (line,) = await live(feed, "a")
    for _ in range(RATE_FREE + 5):
        feed.publish(source.add())
    assert len(line.frames) == RATE_FREE, "the frames over the rate were not gathered"
    feed.hurry()
    assert line.frames[RATE_FREE:] == [list(range(RATE_FREE + 1, RATE_FREE + 6))]
    for _ in range(3):
        feed.publish(source.add())
    assert line.frames[RATE_FREE + 1 :] == [[RATE_FREE + 6], [RATE_FREE + 7], [RATE_FREE + 8]]


@with_feed
async def test_a_follower_is_told_everybody_once_and_then_who_came_and_went(feed: Feed, source: Source, online: set[str]) -> None:
    online |= {"a", "b"}
    (line,) = await live(feed, "a")
    assert line.states[-1].online == ["a", "b", "leader"]
    online -= {"b"}
    online |= {"c"}
    feed.tell_all()
    assert (line.states[-1].online, line.states[-1].came, line.states[-1].went) == (None, ["c"], ["b"])
    told = len(line.states)
    feed.tell_all()
    assert len(line.states) == told, "nothing changed, and it was told a moment ago"


def test_what_changed_is_small_however_many_are_online() -> None:
    everybody = frozenset(f"{n:08x}-0000-4000-8000-000000000000" for n in range(1000))
    one_less = everybody - {min(everybody)}
    whole = wire.encode_notify(services.FOLLOW_STATE, state_message(STATE, None, everybody))
    change = wire.encode_notify(services.FOLLOW_STATE, state_message(STATE, everybody, one_less))
    assert len(whole) > 30_000 and len(change) < 200
    assert lease_message(7, everybody, one_less).went == [min(everybody)] and lease_message(7, None, one_less).below == sorted(one_less)


def test_a_rate_counts_the_last_second_only() -> None:
    rate = Rate()
    assert [rate.note(0.1 * n) for n in range(5)] == [1, 2, 3, 4, 5]
    assert rate.note(5.0) == 1


def test_changes_below_a_follower_are_added_to_what_it_said_before() -> None:
    sight = Sight("me")
    sight.lease("a", ["b", "c"], 0.0)
    sight.lease("a", None, 1.0, came=["d"], went=["b"])
    assert sight.online(1.0) == {"me", "a", "c", "d"}
    assert sight.online(100.0) == {"me"}
    sight.lease("a", None, 101.0)
    assert sight.online(101.0) == {"me", "a", "c", "d"}, "it had only slept: what it said before still holds"
