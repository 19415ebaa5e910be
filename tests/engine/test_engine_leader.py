"""Commands on a leader's engine: locks, exactly once, leaders that change, callers that go away."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest
from engine_kit import DO, FOLLOW, EnginePool, Nothing, until
from pool_kit import broken, check_invariants, peer_id

from gd2raft.core import model
from gd2raft.core.kv import Commit, Put
from gd2raft.core.phases import Remembered
from gd2raft.core.plan import Change, Conflict, Failed, OutcomeUnknown, Plan, Refused, Unavailable
from gd2raft.engine import initiator, leader
from gd2raft.engine.calls import NotLeader, StepCall
from gd2raft.store.interface import NoLeader, NoQuorum

pytestmark = pytest.mark.fast

Scenario = Callable[[EnginePool], Coroutine[Any, Any, None]]


def scenario(test: Scenario) -> Callable[[], None]:
    """Runs a test with a pool in an event loop of its own."""

    @wraps(test)
    def run(**parameters: Any) -> None:
        async def body() -> None:
            pool = EnginePool()
            try:
                async with asyncio.timeout(60):
                    await test(pool, **parameters)
                pool.records.state.check()
            finally:
                await pool.close()

        asyncio.run(body())

    del run.__wrapped__
    names = list(inspect.signature(test).parameters.values())[1:]
    run.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    return run


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "LOCK_WAIT_S", 0.2)
    monkeypatch.setattr(leader, "PLAN_SHARE", leader.PLAN_SHARE)  # some tests set it
    monkeypatch.setattr(leader, "RETRY_S", 0.05)
    monkeypatch.setattr(initiator, "ELECTION_WAIT_S", 0.3)
    monkeypatch.setattr(initiator, "RETRY_EVERY_S", 0.01)


class Gate:
    """Holds steps until it is opened."""

    def __init__(self, pool: EnginePool, kind: str = "") -> None:
        self.waiting, self._open, self._kind = 0, asyncio.Event(), kind
        self._open_for: dict[str, asyncio.Event] = {}
        pool.before_step = self.hold

    async def hold(self, peer: str, call: StepCall) -> None:
        if not self._kind or call.kind == self._kind:
            self.waiting += 1
            opened = self._open_for.setdefault(peer, asyncio.Event())
            await asyncio.wait([asyncio.ensure_future(event.wait()) for event in (self._open, opened)], return_when="FIRST_COMPLETED")

    def open(self) -> None:
        self._open.set()

    def open_for(self, peer: str) -> None:
        self._open_for.setdefault(peer, asyncio.Event()).set()


CREATE: dict[str, Any] = {"name": "v", "bricks": ["node1:/b/1", "node2:/b/1"]}


def volume_there(pool: EnginePool) -> bool:
    return pool.records.view().volume("v") is not None


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


@scenario
async def test_a_request_of_the_wrong_form_is_refused_not_a_crash(pool: EnginePool) -> None:
    from gd2raft.engine.calls import CommandCall

    call = CommandCall("i", "volume-start", b'{"volume": 7}', peer_id(1), "r", "gd2", 5.0)
    with pytest.raises(Refused, match="malformed"):
        await pool.engines[0].run(call)
    with pytest.raises(Refused, match="not known to the leader"):
        await pool.engines[0].run(CommandCall("j", "volume-fly", b"{}", peer_id(1), "r", "gd2", 5.0))


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
    """Each takes 40 ms: the last one waits for longer than the 2 s that one command may hold the others up (much, for a busy machine)."""
    leader.LOCK_WAIT_S = 2.0
    await pool.run("volume-create", **CREATE)
    await pool.run("volume-start", volume="v")
    commits: list[Commit] = []

    async def slow(peer: str, call: StepCall) -> None:
        await asyncio.sleep(0.04)

    def count(commit: Commit) -> None:
        commits.append(commit)

    pool.before_step, pool.stores[0].fault = slow, count
    await asyncio.gather(*(pool.run("volume-start", n % 3 + 1, volume="v", force_start_bricks=True) for n in range(60)))
    assert pool.quiet() and len(commits) == 120, "each of them is two commits, none is tried in vain"


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


@pytest.mark.parametrize("error", [NoQuorum("no majority"), NoLeader("no leader")])
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


@scenario
async def test_a_leader_that_loses_quorum_in_the_middle_leaves_it_to_the_next(pool: EnginePool) -> None:
    def fault(commit: Commit) -> str | None:
        if pool.records.state.list(model.TRANSACTIONS):
            raise NoQuorum("gone")
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
