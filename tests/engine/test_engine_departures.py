"""Commands whose caller, leader or answer goes away in the middle: they end done or undone, and are told once."""

from __future__ import annotations

import asyncio

import pytest
from engine_kit import CREATE, EnginePool, Gate, scenario, volume_there
from pool_kit import check_invariants, peer_id
from waiting import until

from gd2raft.core import model
from gd2raft.core.kv import Commit
from gd2raft.core.plan import Change, Failed, OutcomeUnknown, Plan, Unavailable
from gd2raft.engine import initiator
from gd2raft.engine.calls import NotLeader
from gd2raft.store.interface import NoLeader, NoQuorum, StoreError

pytestmark = pytest.mark.fast

# ---- callers and leaders that go away


@scenario
async def test_a_transaction_ends_although_its_caller_has_gone(pool: EnginePool) -> None:
    gate = Gate(pool)
    caller = asyncio.create_task(pool.run("volume-create", **CREATE))
    await until(lambda: gate.waiting == 2)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    gate.open()
    await until(lambda: volume_there(pool) and pool.quiet())


@scenario
async def test_a_caller_whose_time_is_up_is_told_that_the_outcome_is_unknown(pool: EnginePool) -> None:
    gate = Gate(pool)
    with pytest.raises(OutcomeUnknown, match="outcome of volume-create is unknown"):
        await pool.run("volume-create", 2, timeout_s=0.1, key="k", **CREATE)
    gate.open()
    done = await pool.run("volume-create", 2, key="k", **CREATE)
    assert done.result == {"volume": "v"} and gate.waiting == 2


@scenario
async def test_a_leader_change_in_the_middle_undoes_and_the_initiator_is_told_once(pool: EnginePool) -> None:
    gate = Gate(pool, "brick.prepare")
    caller = asyncio.create_task(pool.run("volume-create", 3, **CREATE))
    await until(lambda: gate.waiting == 2)
    gate.open()
    pool.before_step = pool._nothing
    await pool.lead(2)
    with pytest.raises(Failed, match="interrupted before its changes"):
        await caller
    assert not volume_there(pool) and pool.quiet() and not pool.world.marks
    check_invariants(pool.records)


@scenario
async def test_a_leader_change_after_the_commit_completes_and_the_initiator_gets_the_answer(pool: EnginePool) -> None:
    await pool.run("volume-create", **CREATE)
    gate = Gate(pool, "volume.follow")
    caller = asyncio.create_task(pool.run("volume-start", 3, volume="v"))
    await until(lambda: gate.waiting == 2)
    pool.before_step = pool._nothing
    await pool.lead(2)
    done = await caller
    assert done.result == {"volume": "v"} and pool.quiet()
    assert pool.records.view().volume("v").starts == 1  # type: ignore[union-attr]


@scenario
async def test_a_command_waits_for_an_election(pool: EnginePool) -> None:
    pool.leader = ""
    initiator.ELECTION_WAIT_S = 15.0
    caller = asyncio.create_task(pool.run("volume-create", 2, **CREATE))
    await asyncio.sleep(0.02)
    assert not caller.done()
    await pool.lead(3)
    await caller
    assert volume_there(pool)


@scenario
async def test_without_a_leader_in_time_nothing_was_changed(pool: EnginePool) -> None:
    pool.leader = ""
    with pytest.raises(Unavailable, match="no leader was elected in time, nothing was changed") as caught:
        await pool.run("volume-create", **CREATE)
    assert (caught.value.http, caught.value.code) == (503, "no-leader")


@scenario
async def test_without_a_quorum_the_refusal_comes_at_once(pool: EnginePool) -> None:
    initiator.ELECTION_WAIT_S = 1000.0
    pool.leader, pool.quorum = "", False
    with pytest.raises(Unavailable, match="no quorum") as caught:
        await pool.run("volume-create", **CREATE)
    assert (caught.value.http, caught.value.code) == (503, "no-quorum") and caught.value.hint


@pytest.mark.parametrize("error", [NoQuorum("no majority"), NoLeader("no leader"), StoreError("fsync failed: the disk is broken")])
@scenario
async def test_a_store_that_refuses_the_first_commit_means_unavailable(pool: EnginePool, error: Exception) -> None:
    def fault(commit: Commit) -> str | None:
        raise error

    pool.stores[0].fault = fault
    with pytest.raises(Unavailable, match=str(error)):
        await pool.run("volume-create", **CREATE)
    assert pool.quiet() and not volume_there(pool)


@scenario
async def test_what_may_have_begun_is_never_called_unchanged(pool: EnginePool) -> None:
    """The leader dies with the request, then there is no quorum any more: 503 would say that nothing was done."""

    def forwarding(leader: str) -> None:
        pool.leader, pool.quorum = "", False
        raise ConnectionError("the leader died")

    pool.forwarding = forwarding
    with pytest.raises(OutcomeUnknown, match="unknown"):
        await pool.run("volume-create", 2, timeout_s=0.3, **CREATE)


@scenario
async def test_a_leader_that_cant_be_reached_is_asked_again_until_there_is_another(pool: EnginePool) -> None:
    def forwarding(leader: str) -> None:
        if leader == peer_id(1):
            pool.leader = peer_id(3)
            raise NotLeader("connection refused")

    pool.forwarding = forwarding
    await pool.run("volume-create", 2, **CREATE)
    assert volume_there(pool)


# ---- lost answers of the store


@pytest.mark.parametrize("lost", [1, 2])
@scenario
async def test_a_commit_whose_answer_is_lost_ends_done_or_undone_and_is_told_once(pool: EnginePool, lost: int) -> None:
    commits: list[Commit] = []

    def fault(commit: Commit) -> str | None:
        commits.append(commit)
        return "lost" if len(commits) == lost else None

    pool.stores[0].fault = fault
    caller = asyncio.create_task(pool.run("volume-create", **CREATE))
    while not caller.done():
        await pool.engines[0].resume_all()
        await asyncio.sleep(0.01)
    if lost == 1:
        assert isinstance(caller.exception(), Failed)
    else:
        assert caller.result().result == {"volume": "v"}
    assert pool.quiet() and volume_there(pool) == (lost == 2) == bool(pool.world.marks)
    check_invariants(pool.records)


@pytest.mark.parametrize("error", [NoQuorum("gone"), StoreError("fsync failed: the disk is broken")])
@scenario
async def test_a_leader_that_loses_quorum_or_disk_in_the_middle_leaves_it_to_the_next(pool: EnginePool, error: Exception) -> None:
    def fault(commit: Commit) -> str | None:
        if pool.records.state.list(model.TRANSACTIONS):
            raise error
        return None

    pool.stores[0].fault = fault
    caller = asyncio.create_task(pool.run("volume-create", 3, **CREATE))
    await until(lambda: bool(pool.world.marks))
    await pool.lead(2)
    with pytest.raises(Failed, match="interrupted"):
        await caller
    assert pool.quiet() and not pool.world.marks


@scenario
async def test_a_deposed_leader_that_goes_on_changes_nothing(pool: EnginePool) -> None:
    gate = Gate(pool, "brick.prepare")
    caller = asyncio.create_task(pool.run("volume-create", **CREATE))
    await until(lambda: gate.waiting == 2)
    pool.before_step = pool._nothing
    pool.leader = peer_id(2)
    await pool.engines[1].resume_all()  # the old one still runs
    gate.open()
    with pytest.raises(Failed, match="interrupted"):
        await caller
    await until(pool.quiet)
    assert not volume_there(pool) and not pool.world.marks


@scenario
async def test_a_transaction_of_a_newer_daemon_is_resumed_although_its_step_is_unknown_here(pool: EnginePool) -> None:
    from pool_kit import Step

    plan = Plan(locks=("x",), before=((Step("future.step", peer_id(2), {"a": 1}),),), changes=(Change("options/x", {}),))
    import msgspec

    from gd2raft.core.phases import Phase, Transaction

    record = Transaction(id="f", command="future", phase=Phase.PREPARING, plan=msgspec.to_builtins(plan), initiator=peer_id(1), started=1.0)
    pool.records.store("txn/f", record)
    pool.records.store("locks/x", model.Lock(transaction="f", owner="o", command="future", since=1.0))
    await pool.engines[0].resume_all()
    await until(pool.quiet)
    assert ("future.step", peer_id(2), True) in pool.world.ran
