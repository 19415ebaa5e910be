"""Commands on a leader's engine: locks, exactly once, limits."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from engine_kit import CREATE, DO, FOLLOW, EnginePool, Gate, Knobs, Nothing, scenario, volume_there
from pool_kit import broken, check_invariants, peer_id
from waiting import until

from gd2raft.core import model
from gd2raft.core.kv import Commit, Put
from gd2raft.core.phases import Remembered
from gd2raft.core.plan import Change, Conflict, Failed, Ids, OutcomeUnknown, Plan, Refused, Route, Unavailable, View
from gd2raft.engine import initiator, leader
from gd2raft.engine.calls import StepCall
from gd2raft.store.interface import StoreError

pytestmark = pytest.mark.fast

# ---- one command


@scenario
async def test_a_command_runs_from_any_peer_and_its_result_is_in_the_state(pool: EnginePool) -> None:
    done = await pool.run("volume-create", 2, **CREATE)
    assert done.result == {"volume": "v"} and volume_there(pool) and pool.quiet()
    assert pool.world.marks.keys() == {(peer_id(1), "/b/1"), (peer_id(2), "/b/1")}
    assert pool.records.view().brick_claims(peer_id(1))["/b/1"].fsid == 7
    check_invariants(pool.records)


@scenario
async def test_a_refusal_changes_nothing_and_can_be_asked_again(pool: EnginePool) -> None:
    before = pool.records.state.revision
    for _ in range(2):
        with pytest.raises(Refused, match="does not exist"):
            await pool.run("volume-start", key="k", volume="nope")
    assert pool.records.state.revision == before


@scenario
async def test_a_leader_whose_store_has_just_stopped_says_so_when_it_would_refuse(pool: EnginePool) -> None:
    async def stopped(*, timeout_s: float) -> int:
        raise StoreError("the log can't be written: Input/output error")

    pool.stores[0].linearizable = stopped  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="Input/output error") as caught:
        await pool.run("volume-start", 1, volume="none")
    assert caught.value.hint == "ask another peer"


@scenario
async def test_a_peer_with_a_full_disk_refuses_at_once_and_others_go_on(pool: EnginePool) -> None:
    pool.full.add(peer_id(3))
    with pytest.raises(Unavailable, match="full on this peer: nothing was changed") as caught:
        await pool.run("volume-create", 3, **CREATE)
    assert caught.value.code == "disk-full" and not volume_there(pool) and pool.command_runs == 0
    await pool.run("volume-create", 2, **CREATE)
    assert volume_there(pool)


@scenario
async def test_a_peer_whose_disk_fills_during_a_command_still_answers_soon(pool: EnginePool) -> None:
    pool.forwarding = lambda leader: pool.full.add(peer_id(3))
    async with asyncio.timeout(10):
        done = await pool.run("volume-create", 3, timeout_s=60, **CREATE)
    assert done.result == {"volume": "v"} and volume_there(pool)


@scenario
async def test_a_failed_step_is_told_with_peer_step_cause_and_hint(pool: EnginePool) -> None:
    pool.fails = lambda step, undo: broken(step) if step.peer_id == peer_id(2) and not undo else None
    with pytest.raises(Failed, match="the disk is on fire") as caught:
        await pool.run("volume-create", **CREATE)
    assert caught.value.hint == "water" and caught.value.http == 500
    assert caught.value.fields["peer-id"] == peer_id(2) and caught.value.fields["step"] == "brick.prepare"
    assert not volume_there(pool) and pool.quiet() and not pool.world.marks


@scenario
async def test_a_failed_undo_is_told_as_stuck_with_both_reasons_and_the_way_out(pool: EnginePool) -> None:
    pool.fails = lambda step, undo: broken(step) if undo or step.peer_id == peer_id(2) else None
    with pytest.raises(Failed, match=r"failed \(the disk is on fire\) and could not be undone") as caught:
        await pool.run("volume-create", **CREATE)
    assert caught.value.code == "stuck" and "gd2 transaction" in caught.value.hint
    assert not pool.quiet() and not volume_there(pool)
    leader.LOCK_WAIT_S = 0.0
    with pytest.raises(Conflict, match=r"could not obtain lock volume/v: .*, stuck for \d+ s") as locked:
        await pool.run("volume-create", name="v", bricks=["node1:/b/2", "node2:/b/2"])
    assert "then resume or abort it" in locked.value.hint, "trying again later never helps"


@scenario
async def test_a_request_of_the_wrong_form_is_refused_not_a_crash(pool: EnginePool) -> None:
    from gd2raft.engine.calls import CommandCall

    call = CommandCall("i", "volume-start", b'{"volume": 7}', peer_id(1), "r", "gd2", 5.0)
    with pytest.raises(Refused, match="malformed"):
        await pool.engines[0].run(call)
    with pytest.raises(Refused, match="not known to the leader"):
        await pool.engines[0].run(CommandCall("j", "volume-fly", b"{}", peer_id(1), "r", "gd2", 5.0))


@pytest.mark.parametrize("asked", [1, 2])
@pytest.mark.parametrize("error", [KeyError("x"), AssertionError("no guard key"), SystemExit(3), ValueError(chr(0xDCE9) * 5000)])
@scenario
async def test_a_plan_that_breaks_is_told_at_once_with_nothing_done_whoever_was_asked(
    pool: EnginePool, asked: int, error: BaseException
) -> None:
    def broken(view: View, request: Knobs, ids: Ids) -> Plan:
        raise error

    pool.plan_of, before = broken, pool.records.state.revision
    with pytest.raises(Failed, match=f"the plan of test broke, nothing was done: {type(error).__name__}") as caught:
        await pool.run("test", asked)
    assert caught.value.code == "internal" and len(caught.value.message.encode()) < 10_000
    assert pool.records.state.revision == before and pool.command_runs == 1
    pool.plan_of = lambda view, request, ids: Plan()
    await pool.run("test", asked)


@scenario
async def test_a_plan_that_does_not_name_what_its_route_replies_with_is_broken_before_it_is_done(pool: EnginePool) -> None:
    engine = pool.engines[0]
    engine._commands = {"test": msgspec.structs.replace(engine._commands["test"], route=Route("POST", "/v1/test", 200, "volume"))}
    pool.plan_of = lambda view, request, ids: Plan(result={"name": "v"})
    with pytest.raises(Failed, match="its result has to name the volume that the route replies with"):
        await pool.run("test")


@scenario
async def test_a_plan_that_does_before_its_changes_what_can_not_be_undone_is_broken_before_it_is_done(pool: EnginePool) -> None:
    pool.plan_of = lambda view, request, ids: Plan(before=((FOLLOW.at(peer_id(1), Nothing()),),))
    with pytest.raises(
        Failed, match=r"nothing was done: .*step test\.follow stands before the changes: it needs undoable=True and an undo"
    ):
        await pool.run("test")
    assert pool.quiet() and not pool.world.ran


@scenario
async def test_a_plan_for_a_peer_that_lacks_one_of_its_steps_is_refused(pool: EnginePool) -> None:
    from pool_kit import peer_record

    pool.records.store(model.peer_key(peer_id(2)), peer_record(2, steps=("brick.check",)))
    with pytest.raises(Refused, match=r"node2 can't do brick\.prepare yet"):
        await pool.run("volume-create", **CREATE)


# ---- locks


@scenario
async def test_a_held_lock_is_refused_after_the_wait_with_its_owner(pool: EnginePool) -> None:
    gate = Gate(pool)
    first = asyncio.create_task(pool.run("volume-create", **CREATE))
    await until(lambda: gate.waiting == 2)
    with pytest.raises(Conflict, match="could not obtain lock volume/v: another conflicting transaction") as caught:
        await pool.run("volume-create", name="v", bricks=["node3:/b/1"])
    assert caught.value.http == 409 and "volume-create of r1" in caught.value.message
    assert "gd2 transaction show" in caught.value.hint and caught.value.fields["lock"] == "volume/v"
    gate.open()
    await first


@scenario
async def test_a_command_that_waits_for_a_lock_goes_on_when_it_is_free(pool: EnginePool) -> None:
    leader.LOCK_WAIT_S = 15.0
    await pool.run("volume-create", **CREATE)
    gate = Gate(pool, "volume.follow")
    start = asyncio.create_task(pool.run("volume-start", volume="v"))
    await until(lambda: gate.waiting == 2)
    stop = asyncio.create_task(pool.run("volume-stop", volume="v"))
    await asyncio.sleep(0.02)
    assert not stop.done()
    gate.open()
    await start
    await stop
    assert pool.records.view().volume("v").state is model.VolumeState.STOPPED  # type: ignore[union-attr]


@scenario
async def test_commands_on_different_volumes_dont_wait_for_each_other(pool: EnginePool) -> None:
    gate = Gate(pool, "brick.prepare")
    first = asyncio.create_task(pool.run("volume-create", **CREATE))
    await until(lambda: gate.waiting == 2)
    gate_two = asyncio.create_task(pool.run("volume-create", name="w", bricks=["node3:/b/1"]))
    await until(lambda: gate.waiting == 3)
    gate.open()
    await first
    await gate_two
    assert {v.name for v in pool.records.view().volumes()} == {"v", "w"}


@scenario
async def test_conflicting_commits_are_planned_again_until_all_are_done(pool: EnginePool) -> None:
    names = [f"v{i}" for i in range(12)]
    await asyncio.gather(*(pool.run("volume-create", name=n, bricks=[f"node1:/b/{n}", f"node2:/b/{n}"]) for n in names))
    assert {v.name for v in pool.records.view().volumes()} == set(names) and pool.quiet()
    check_invariants(pool.records)


@scenario
async def test_sixty_commands_that_need_one_lock_take_turns_and_all_are_done(pool: EnginePool) -> None:
    """Each takes 40 ms in its two barriers: the last one waits for longer than the 2 s that one command may hold the others up (much, for a busy machine)."""
    leader.LOCK_WAIT_S = 2.0
    await pool.run("volume-create", **CREATE)
    await pool.run("volume-start", volume="v")
    commits: list[Commit] = []

    async def slow(peer: str, call: StepCall) -> None:
        await asyncio.sleep(0.02)

    def count(commit: Commit) -> None:
        commits.append(commit)

    pool.before_step, pool.stores[0].fault = slow, count
    await asyncio.gather(*(pool.run("volume-start", n % 3 + 1, volume="v", force_start_bricks=True) for n in range(60)))
    assert pool.quiet() and len(commits) == 180, "each of them is three commits, none is tried in vain"


@scenario
async def test_of_two_creates_that_want_one_brick_one_wins(pool: EnginePool) -> None:
    answers = await asyncio.gather(*(pool.run("volume-create", name=n, bricks=["node1:/b/x"]) for n in ("v", "w")), return_exceptions=True)
    assert [isinstance(a, Refused) and "already used by volume" in a.message for a in answers].count(True) == 1
    assert len(pool.records.view().volumes()) == 1


@scenario
async def test_a_state_that_never_stops_changing_ends_in_a_conflict(pool: EnginePool) -> None:
    def plan_of(view: Any, request: Any, ids: Any) -> Plan:
        view.global_options()
        pool.records.commit(Commit(put=(Put("options/global", b"{}"),)))
        return Plan(changes=(Change("options/x", {}),))

    pool.plan_of = plan_of
    leader.PLAN_SHARE = 0.02  # the caller waits for far longer, also on a busy machine
    with pytest.raises(Conflict, match="kept changing"):
        await pool.run("test")


# ---- exactly once


@scenario
async def test_the_same_key_gives_the_same_answer_and_runs_once(pool: EnginePool) -> None:
    pool.plan_of = lambda view, request, ids: Plan(changes=(Change("options/x", {}),), result={"n": pool.command_runs})
    first = await pool.run("test", key="k", name="a")
    for peer in (1, 2, 3):
        again = await pool.run("test", peer, key="k", name="a")
        assert again == first
    assert pool.command_runs == 1


@scenario
async def test_a_repetition_is_not_refused_for_what_it_did_the_first_time(pool: EnginePool) -> None:
    """A leader that has just begun learns of the first try, and of another reason to refuse, while it makes sure of the refusal."""

    def plan_of(view: Any, request: Any, ids: Any) -> Plan:
        key = model.RESULTS + initiator.transaction_id("gd2", "k")
        pool.records.commit(Commit(put=(Put(key, model.dump(Remembered(command="test", result={"n": 1}))),)))
        raise Conflict("not now")

    pool.plan_of = plan_of
    assert (await pool.run("test", key="k")).result == {"n": 1}


@scenario
async def test_two_requests_with_one_key_at_the_same_time_run_once(pool: EnginePool) -> None:
    gate = Gate(pool)
    both = [asyncio.create_task(pool.run("volume-create", peer, key="k", **CREATE)) for peer in (1, 2)]
    await until(lambda: gate.waiting == 2)
    gate.open()
    one, two = await asyncio.gather(*both)
    assert one == two and gate.waiting == 2


@scenario
async def test_a_key_that_was_used_for_another_request_is_refused(pool: EnginePool) -> None:
    await pool.run("volume-create", key="k", **CREATE)
    with pytest.raises(Refused, match="used for another request") as caught:
        await pool.run("volume-create", key="k", name="w", bricks=["node1:/b/w"])
    assert caught.value.http == 422 and pool.records.view().volume("w") is None


@scenario
async def test_a_key_that_is_in_use_for_another_request_is_refused_too(pool: EnginePool) -> None:
    gate = Gate(pool)
    first = asyncio.create_task(pool.run("volume-create", key="k", **CREATE))
    await until(lambda: gate.waiting == 2)
    with pytest.raises(Refused, match="used for another request"):
        await pool.run("volume-create", 2, key="k", name="w", bricks=["node1:/b/w"])
    gate.open()
    await first


@scenario
async def test_keys_of_different_users_are_different_keys(pool: EnginePool) -> None:
    assert initiator.transaction_id("gd2", "k") != initiator.transaction_id("glustercli", "k")
    assert initiator.transaction_id("gd2", "") != initiator.transaction_id("gd2", "")


@pytest.mark.parametrize("key", ["x" * 257, "a\nb", "\x00"])
def test_a_key_that_no_header_should_hold_is_refused(key: str) -> None:
    with pytest.raises(Refused, match="Idempotency-Key"):
        initiator.transaction_id("gd2", key)


@scenario
async def test_a_failure_is_remembered_and_told_again(pool: EnginePool) -> None:
    pool.fails = lambda step, undo: None if undo else broken(step)
    answers = []
    for peer in (1, 2):
        with pytest.raises(Failed) as caught:
            await pool.run("volume-create", peer, key="k", **CREATE)
        answers.append((caught.value.message, caught.value.hint, caught.value.fields))
    assert answers[0] == answers[1] and pool.quiet()


@scenario
async def test_a_change_whose_effect_is_not_complete_is_told_so_the_second_time_too(pool: EnginePool) -> None:
    await pool.run("volume-create", **CREATE)
    pool.fails = lambda step, undo: broken(step) if step.kind == "volume.follow" else None
    answers = []
    for _ in range(2):
        with pytest.raises(Failed, match="volume-start is committed, but its effect isn't complete yet: the disk is on fire") as caught:
            await pool.run("volume-start", key="k", volume="v")
        answers.append((caught.value.message, caught.value.hint, caught.value.fields))
    assert answers[0] == answers[1]
    assert pool.records.view().volume("v").starts == 1  # type: ignore[union-attr]


# ---- limits


@scenario
async def test_old_answers_are_forgotten_when_there_are_too_many(pool: EnginePool) -> None:
    leader_kept, leader.RESULTS_KEPT = leader.RESULTS_KEPT, 10
    try:
        pool.plan_of = lambda view, request, ids: Plan(changes=(Change("options/x", {}),))
        for number in range(250):
            await pool.run("test", key=str(number))
        kept = pool.records.state.list(model.RESULTS)
        assert 10 <= len(kept) <= 10 + 101
        ids = {initiator.transaction_id("gd2", str(n)) for n in range(240, 250)}
        assert ids <= {key.removeprefix(model.RESULTS) for key, _ in kept}, "the newest stay"
    finally:
        leader.RESULTS_KEPT = leader_kept


@scenario
async def test_too_many_commands_at_once_are_refused_not_queued(pool: EnginePool) -> None:
    running, leader.RUNNING_MAX = leader.RUNNING_MAX, 1
    try:
        gate = Gate(pool)
        first = asyncio.create_task(pool.run("volume-create", **CREATE))
        await until(lambda: gate.waiting == 2)
        with pytest.raises(Unavailable, match="running already") as caught:
            await pool.run("volume-create", name="w", bricks=["node3:/b/w"])
        assert caught.value.code == "busy"
        gate.open()
        await first
    finally:
        leader.RUNNING_MAX = running


@scenario
async def test_a_command_past_the_limits_of_the_store_is_refused(pool: EnginePool) -> None:
    pool.plan_of = lambda view, request, ids: Plan(changes=(Change("options/x", {"a": "x" * 300_000}),))
    with pytest.raises(Refused, match="at most") as caught:
        await pool.run("test")
    assert caught.value.code == "too-large"


@scenario
async def test_a_command_that_cannot_be_stored_any_more_after_it_was_begun_is_not_told_as_refused(pool: EnginePool) -> None:
    pool.plan_of = lambda view, request, ids: Plan(locks=("x",), before=((DO.at(peer_id(1), Nothing()),),))
    pool.fails = lambda step, undo: None if undo else msgspec.structs.replace(broken(step), error="x" * 300_000)
    with pytest.raises(OutcomeUnknown, match="the outcome of test is unknown"):
        await pool.run("test", timeout_s=1.0)
    await pool.engines[0].resume_all()
    await until(pool.quiet)


@scenario
async def test_steps_at_a_peer_that_goes_out_of_sight_are_not_waited_for(pool: EnginePool) -> None:
    gate = Gate(pool, FOLLOW.name)
    steps = (FOLLOW.at(peer_id(2), Nothing(), must=False),)
    pool.plan_of = lambda view, request, ids: Plan(locks=("x",), changes=(Change("options/x", {}),), after=(steps,))
    caller = asyncio.create_task(pool.run("test"))
    await until(lambda: gate.waiting == 1)
    pool.records.online.discard(peer_id(2))
    done = await caller
    assert "is down" in done.warnings[0] and pool.quiet()


@scenario
async def test_a_peer_that_is_out_of_sight_is_not_asked_for_what_need_not_be(pool: EnginePool) -> None:
    pool.records.online.discard(peer_id(2))
    steps = (DO.at(peer_id(2), Nothing(), must=False), DO.at(peer_id(3), Nothing()))
    pool.plan_of = lambda view, request, ids: Plan(locks=("x",), before=(steps,), changes=(Change("options/x", {}),))
    await pool.run("test")
    assert pool.world.ran == [(DO.name, peer_id(3), False)]


@scenario
async def test_a_peer_that_hangs_in_a_step_before_fails_the_command_and_keeps_no_lock(pool: EnginePool) -> None:
    gate = Gate(pool, "brick.prepare")
    caller = asyncio.create_task(pool.run("volume-create", **CREATE))
    await until(lambda: gate.waiting == 2)
    pool.records.online.discard(peer_id(2))
    gate.open_for(peer_id(1))
    with pytest.raises(Failed, match="the peer is down") as caught:
        await caller
    assert caught.value.fields["peer-id"] == peer_id(2) and pool.quiet()
    [left] = [key for key, _ in pool.records.state.list(model.LEFTOVERS) if key.count("/") == 2]
    assert left.startswith(model.leftovers_prefix(peer_id(2))), "what the hanging peer may have done is left to it"
    assert not pool.world.marks, "the peer that answers has undone its part"
    gate.open()
    await pool.run("volume-create", name="v", bricks=["node1:/b/1", "node3:/b/1"])


@scenario
async def test_a_peer_that_a_new_leader_has_not_seen_yet_is_asked_all_the_same(pool: EnginePool) -> None:
    steps = (DO.at(peer_id(2), Nothing()),)
    pool.plan_of = lambda view, request, ids: Plan(locks=("x",), before=(steps,), changes=(Change("options/x", {}),))
    pool.records.online.discard(peer_id(2))
    await pool.run("test")
    assert pool.world.ran == [(DO.name, peer_id(2), False)] and pool.quiet()
