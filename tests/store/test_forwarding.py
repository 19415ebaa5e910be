"""A commit that travels to the leader keeps the deadline of the one who asked, however long it is on its way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gd2raft.core.kv import Commit, Operation, Put, Result
from gd2raft.store.interface import NoLeader, OutcomeUnknown
from gd2raft.store.raft import batch, forwarding
from gd2raft.store.raft.client import Answer, Request
from gd2raft.store.raft.forwarding import LeaderClock
from gd2raft.store.raft.node import RaftStore
from gd2raft.store.raft.proposer import Sink
from tests.store.pool import Pool

OPERATION = batch.encode_operation(Operation("s", 1, 0, Commit()))


class Leader:
    """What forwarding needs of a leader: its clock shows 1000, its term is 7; it keeps the deadlines that it is given."""

    term = 7

    def __init__(self) -> None:
        self.deadlines: list[float] = []

    def now(self) -> float:
        return 1000.0

    def leads(self) -> bool:
        return True

    def has_quorum(self) -> bool:
        return True

    def offer(self, operation: bytes, deadline: float, answer: Sink) -> None:
        self.deadlines.append(deadline)
        answer.set_result(Result("done", 1))

    async def read_index(self) -> int | None:
        return 1


def ask(leader: Leader, data: bytes, timeout_s: float = 60.0) -> Answer:
    replies: list[bytes] = []
    forwarding.answer_operations(leader, data, timeout_s, replies.append)
    (reply,) = replies
    (answer,) = forwarding.decode_answers(reply, 1)
    return answer


@pytest.mark.fast
def test_the_deadline_named_on_the_leaders_clock_is_never_later_than_meant() -> None:
    clock = LeaderClock()
    clock.note("l", Answer("ok", clock=1000.0, term=7), now=50.0)  # given at some time up to 50
    request = clock.request("l", OPERATION, 52.0, 50.5)
    assert request.term == 7 and request.latest is not None and 1001.9 < request.latest <= 1002.0


@pytest.mark.fast
def test_a_slow_answer_makes_the_known_clock_no_worse_and_another_term_begins_anew() -> None:
    clock = LeaderClock()
    clock.note("l", Answer("ok", clock=1000.0, term=7), now=50.0)
    clock.note("l", Answer("ok", clock=1001.0, term=7), now=53.0)  # two seconds on its way
    request = clock.request("l", OPERATION, 60.0, 53.0)
    assert request.latest is not None and request.latest > 1009.9
    clock.note("l", Answer("ok", clock=5.0, term=8), now=54.0)
    request = clock.request("l", OPERATION, 60.0, 54.0)
    assert request.term == 8 and request.latest is not None and request.latest <= 11.0


@pytest.mark.fast
def test_a_leader_keeps_the_earlier_of_both_deadlines() -> None:
    leader = Leader()
    answer = ask(leader, forwarding.encode_requests([Request(OPERATION, 30.0, 7, 1000.5)]))
    assert leader.deadlines == [1000.5] and (answer.status, answer.clock, answer.term) == ("ok", 1000.0, 7)


@pytest.mark.fast
def test_a_leader_of_another_term_does_not_trust_a_deadline_on_a_clock_that_may_not_be_its_own() -> None:
    leader = Leader()
    assert ask(leader, forwarding.encode_requests([Request(OPERATION, 30.0, 6, 1e9)])).status == "not-leader"
    assert leader.deadlines == []


@pytest.mark.fast
def test_operations_of_one_request_are_answered_together_each_for_itself() -> None:
    leader = Leader()
    good, late = Request(OPERATION, 30.0), Request(OPERATION, 30.0, 6, 1e9)
    replies: list[bytes] = []
    forwarding.answer_operations(leader, forwarding.encode_requests([good, Request(b"\xff", 30.0), late, good]), 60.0, replies.append)
    (reply,) = replies
    answers = forwarding.decode_answers(reply, 4)
    assert [answer.status for answer in answers] == ["ok", "bad", "not-leader", "ok"]
    assert (answers[0].clock, answers[0].term) == (1000.0, 7) and len(leader.deadlines) == 2


@pytest.mark.fast
@pytest.mark.parametrize("count", [0, forwarding.BUNCH_MAX + 1])
def test_a_request_without_operations_or_with_too_many_is_refused_as_a_whole(count: int) -> None:
    leader = Leader()
    replies: list[bytes] = []
    forwarding.answer_operations(leader, forwarding.encode_requests([Request(b"", 1.0)] * count), 60.0, replies.append)
    answers = forwarding.decode_answers(replies[0], 3)
    assert [answer.status for answer in answers] == ["bad"] * 3 and str(count) in answers[0].message


def test_commits_of_one_moment_travel_in_one_request(tmp_path: Path) -> None:
    async def body() -> None:
        pool = Pool(tmp_path)
        stores = await pool.form("a", "b", "c")
        leader = await pool.leader()
        follower = next(store for store in stores if store is not leader)
        await follower.commit(Commit(put=(Put("first", b"1"),)), timeout_s=20)  # opens the session, learns the clock
        carried: list[int] = []
        reach = follower._links.forward

        async def forward(peer: str, data: bytes, timeout_s: float) -> bytes:
            carried.append(len(data))
            return await reach(peer, data, timeout_s)

        follower._links.forward = forward
        results = await asyncio.gather(*(follower.commit(Commit(put=(Put(f"k{n}", b"1"),)), timeout_s=20) for n in range(50)))
        assert [result.outcome for result in results] == ["done"] * 50 and len(carried) == 1
        assert len({result.revision for result in results}) == 50
        await pool.close()

    asyncio.run(body())


def test_a_commit_that_the_network_holds_back_past_its_deadline_never_happens(tmp_path: Path) -> None:
    async def body() -> None:
        pool = Pool(tmp_path)
        stores = await pool.form("a", "b", "c")
        leader = await pool.leader()
        follower = next(store for store in stores if store is not leader)
        put = Commit(put=(Put("early", b"1"),))
        assert (await follower.commit(put, timeout_s=20)).outcome == "done"
        held = asyncio.Event()
        arrived: list[asyncio.Task[bytes]] = []
        _hold_back(follower, leader, held, arrived)
        with pytest.raises((OutcomeUnknown, NoLeader)):
            await follower.commit(Commit(put=(Put("late", b"1"),)), timeout_s=0.3)
        held.set()
        answers = [answer for task in arrived for answer in forwarding.decode_answers(await task, 1)]
        assert answers and all(answer.status == "not-leader" for answer in answers)
        await leader.linearizable(timeout_s=20)
        assert leader.get("early") is not None and leader.get("late") is None
        await pool.close()

    asyncio.run(body())


def _hold_back(follower: RaftStore, leader: RaftStore, until: asyncio.Event, arrived: list[asyncio.Task[bytes]]) -> None:
    async def deliver_late(data: bytes, timeout_s: float) -> bytes:
        await until.wait()
        return await leader.handle_forward(data, timeout_s)

    async def forward(_peer: str, data: bytes, timeout_s: float) -> bytes:
        arrived.append(asyncio.create_task(deliver_late(data, timeout_s)))
        return await asyncio.shield(arrived[-1])

    follower._links.forward = forward
