"""add-brick and rebalance as plans: what is refused and why, what becomes of a volume, in which order; and all of them, with remove-brick, interrupted."""

from __future__ import annotations

from typing import Any

import pytest
from moves_kit import bricks, ended, expand, job, kinds, now, started
from pool_kit import Pool, World, answer, broken, drive, peer_id

from gd2raft.core import jobs, model
from gd2raft.core.model import BrickType, SubvolumeType, VolumeState
from gd2raft.core.plan import Conflict, Refused
from gd2raft.core.transaction import Finish, Propose, Run

pytestmark = pytest.mark.fast


@pytest.fixture
def pool() -> Pool:
    return Pool(9)


# add-brick


def test_bricks_added_to_a_distribute_volume_take_the_next_numbers(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    grown = expand(pool, bricks(3, 4))
    assert [(b.path, b.index) for b in grown.bricks()] == [("/b/1", 0), ("/b/2", 1), ("/b/3", 2), ("/b/4", 3)]
    assert (len(grown.subvols), grown.joining, grown.state) == (1, (), VolumeState.STARTED)


def test_a_new_brick_gets_the_number_past_the_highest_in_use_as_with_glusterd(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(3), force=True).outcome == "done"
    assert [b.index for b in expand(pool, bricks(4)).bricks()] == [0, 1, 2], "that of the last brick, which is gone, comes again"


def test_clients_learn_of_new_bricks_only_when_these_run(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    plan = pool.plan("volume-expand", volume="v", bricks=bricks(3))
    assert kinds(plan) == ["brick.prepare", "!", "volume.follow", "."]
    key = model.volume_key("v")
    (first,) = [c.record for c in plan.changes if c.key == key]
    (last,) = [c.record for c in plan.last if c.key == key]
    assert first is not None and last is not None
    assert len(first["subvols"][0]["bricks"]) == 2 and len(first["joining"][0]["bricks"]) == 3
    assert len(last["subvols"][0]["bricks"]) == 3 and "joining" not in last
    assert peer_id(3) in {s.peer_id for s in plan.after[0]}


def test_four_bricks_make_two_more_sets_of_a_replica_2_volume(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4), replica=2)
    grown = expand(pool, bricks(5, 6, 7, 8))
    assert [[b.path for b in s.bricks] for s in grown.subvols] == [
        ["/b/1", "/b/2"], ["/b/3", "/b/4"], ["/b/5", "/b/6"], ["/b/7", "/b/8"],
    ]  # fmt: skip
    assert {s.replica_count for s in grown.subvols} == {2}


def test_the_third_brick_of_a_set_that_is_added_to_an_arbiter_volume_is_an_arbiter(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4, 5, 6), replica=2, arbiter=1)
    grown = expand(pool, bricks(7, 8, 9))
    assert [b.type for b in grown.subvols[2].bricks] == [BrickType.BRICK, BrickType.BRICK, BrickType.ARBITER]


def test_a_disperse_volume_grows_by_whole_sets(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3), disperse=3)
    grown = expand(pool, bricks(4, 5, 6))
    assert [(s.disperse_count, s.redundancy_count, len(s.bricks)) for s in grown.subvols] == [(3, 1, 3), (3, 1, 3)]
    with pytest.raises(Refused, match="not a multiple of the disperse count"):
        pool.plan("volume-expand", volume="v", bricks=bricks(7))


def test_a_number_of_bricks_that_is_no_multiple_of_the_replica_count_is_refused(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    with pytest.raises(Refused, match="incorrect number of bricks supplied 1 with count 2"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3))


@pytest.mark.parametrize(("replica", "words"), [(3, "is the same as"), (2, "is less than")])
def test_a_replica_count_that_is_not_higher_is_refused(pool: Pool, replica: int, words: str) -> None:
    started(pool, *bricks(1, 2, 3), replica=3)
    with pytest.raises(Refused, match=words):
        pool.plan("volume-expand", volume="v", bricks=bricks(4), replica=replica)


def test_a_raised_replica_count_needs_a_brick_for_every_set(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4), replica=2)
    with pytest.raises(Refused, match="2 sets need 2"):
        pool.plan("volume-expand", volume="v", bricks=bricks(5), replica=3)


def test_each_set_gets_its_new_copies_in_the_order_of_the_bricks(pool: Pool) -> None:
    pool.volume("v", *bricks(1, 2))
    grown = expand(pool, bricks(3, 4, 5, 6), replica=3)
    assert [[b.path for b in s.bricks] for s in grown.subvols] == [["/b/1", "/b/3", "/b/4"], ["/b/2", "/b/5", "/b/6"]]


def test_a_distribute_volume_becomes_a_replicate_one(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    grown = expand(pool, bricks(3, 4), replica=2)
    assert [(s.type, s.replica_count, [b.path for b in s.bricks]) for s in grown.subvols] == [
        (SubvolumeType.REPLICATE, 2, ["/b/1", "/b/3"]),
        (SubvolumeType.REPLICATE, 2, ["/b/2", "/b/4"]),
    ]
    assert grown.options["performance.client-io-threads"] == "off"


def test_new_copies_are_marked_as_empty_before_anybody_sees_them_and_filled_after(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    plan = pool.plan("volume-expand", volume="v", bricks=bricks(3), replica=3)
    assert kinds(plan) == ["brick.online", "brick.prepare", "replica.mark", "!", "volume.follow", "replica.fill"]
    marks = [(s.peer_id, s.arguments["path"], tuple(s.arguments["clients"])) for s in plan.before[2]]
    assert marks == [(peer_id(1), "/b/1", ("v-client-2",)), (peer_id(2), "/b/2", ("v-client-2",))]


def test_an_arbiter_is_added_to_sets_of_two(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    with pytest.raises(Refused, match="arbiter"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3, 4), replica=4, arbiter=1)
    grown = expand(pool, bricks(3), replica=3, arbiter=1)
    (subvol,) = grown.subvols
    assert (subvol.replica_count, subvol.arbiter_count, subvol.bricks[2].type) == (3, 1, BrickType.ARBITER)


@pytest.mark.parametrize("arbiter", [0, 1])
def test_a_distribute_volume_that_runs_gets_its_second_copy_first(pool: Pool, arbiter: int) -> None:
    started(pool, *bricks(1, 2))
    with pytest.raises(Refused, match="a second one first"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3, 4, 5, 6), replica=3, arbiter=arbiter)
    plan = pool.plan("volume-expand", volume="v", bricks=bricks(3, 4), replica=2)
    assert kinds(plan) == ["brick.online", "brick.prepare", "replica.mark", "!", "volume.follow", "volume.heal", "."]
    marks = [(s.arguments["path"], tuple(s.arguments["clients"])) for s in plan.before[2]]
    assert marks == [("/b/1", ("v-client-2",)), ("/b/2", ("v-client-3",))]


def test_a_distribute_volume_that_was_never_started_is_arbitrated_in_one_step(pool: Pool) -> None:
    pool.volume("v", *bricks(1, 2))
    grown = expand(pool, bricks(3, 4, 5, 6), replica=3, arbiter=1)
    assert [(s.replica_count, s.arbiter_count) for s in grown.subvols] == [(3, 1)] * 2
    data, arbiter = BrickType.BRICK, BrickType.ARBITER
    assert [[(b.path, b.index, b.type) for b in s.bricks] for s in grown.subvols] == [
        [("/b/1", 0, data), ("/b/3", 2, data), ("/b/4", 3, arbiter)],
        [("/b/2", 1, data), ("/b/5", 4, data), ("/b/6", 5, arbiter)],
    ]
    assert grown.options["performance.client-io-threads"] == "off"


@pytest.mark.parametrize(
    ("counts", "more"),
    [
        ({"replica": 2, "arbiter": 1}, bricks(3, 4)),
        ({"replica": 4, "arbiter": 1}, bricks(3, 4, 5)),
        ({"replica": 3, "arbiter": 2}, bricks(3, 4)),
        ({"arbiter": 1}, bricks(3, 4)),
    ],
)
def test_a_distribute_volume_is_arbitrated_as_replica_3_arbiter_1_only(pool: Pool, counts: dict[str, int], more: list[str]) -> None:
    started(pool, *bricks(1))
    with pytest.raises(Refused, match="replica count is 3 and the arbiter count 1"):
        pool.plan("volume-expand", volume="v", bricks=more, **counts)


def test_a_distribute_volume_is_arbitrated_with_two_bricks_for_each_of_its_own(pool: Pool) -> None:
    pool.volume("v", *bricks(1, 2))
    with pytest.raises(Refused, match="2 sets need 4"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3, 4), replica=3, arbiter=1)


def test_a_third_copy_does_not_become_an_arbiter(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3), replica=3)
    with pytest.raises(Refused, match="sets of two replicas only"):
        pool.plan("volume-expand", volume="v", bricks=bricks(4), replica=3, arbiter=1)


def test_the_replica_count_is_raised_only_with_all_bricks_up(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)

    def down(step: Any, undo: bool) -> Any:
        return broken(step) if step.kind == "brick.online" and not undo else None

    before = pool.contents()
    world = World(pool.state, down)
    finish = pool.do("volume-expand", world, volume="v", bricks=bricks(3), replica=3)
    assert finish.outcome == "failed"
    assert pool.contents() == before
    assert not [ran for ran in world.ran if ran[0] == "replica.mark"]


def test_the_replica_count_of_a_volume_with_a_peer_down_is_not_raised(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    pool.online.discard(peer_id(2))
    with pytest.raises(Refused, match=r"down: node2"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3), replica=3)


def test_the_replica_count_of_a_stopped_volume_is_not_raised(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    pool.do("volume-stop", volume="v")
    with pytest.raises(Refused, match="must not be stopped"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3), replica=3)


def test_a_volume_that_was_never_started_grows_without_ceremony(pool: Pool) -> None:
    pool.volume("v", *bricks(1, 2), replica=2)
    assert kinds(pool.plan("volume-expand", volume="v", bricks=bricks(3), replica=3)) == ["brick.prepare", "!"]
    assert now(pool).state is VolumeState.CREATED


def test_two_copies_on_one_peer_need_force(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    with pytest.raises(Refused, match="same peer"):
        pool.plan("volume-expand", volume="v", bricks=["node1:/other"], replica=3)
    expand(pool, ["node1:/other"], replica=3, force=True)


def test_a_brick_of_another_volume_is_refused_even_with_force(pool: Pool) -> None:
    pool.volume("other", "node3:/b/3")
    started(pool, *bricks(1, 2))
    with pytest.raises(Refused, match="already used by volume other"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3), force=True)


def test_a_thin_arbiter_volume_gets_no_bricks(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3), replica=2, thin_arbiter=1)
    with pytest.raises(Refused, match="thin-arbiter"):
        pool.plan("volume-expand", volume="v", bricks=bricks(4, 5))


# rebalance


def test_a_volume_that_is_not_distributed_is_not_rebalanced(pool: Pool) -> None:
    started(pool, *bricks(1, 2), replica=2)
    with pytest.raises(Refused, match="not distributed"):
        pool.plan("rebalance-start", volume="v")


def test_a_stopped_volume_is_not_rebalanced(pool: Pool) -> None:
    pool.volume("v", *bricks(1, 2))
    with pytest.raises(Refused, match="not started"):
        pool.plan("rebalance-start", volume="v")


def test_every_peer_with_bricks_works_at_a_rebalance(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    pool.do("rebalance-start", volume="v", option="fix-layout")
    assert (job(pool).peers, job(pool).how) == (tuple(peer_id(n) for n in (1, 2, 3)), jobs.How.FIX_LAYOUT)


def test_a_second_rebalance_is_refused_while_one_is_in_progress(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    pool.do("rebalance-start", volume="v")
    with pytest.raises(Conflict, match="in progress"):
        pool.plan("rebalance-start", volume="v")
    first = job(pool)
    ended(pool)
    assert pool.do("rebalance-start", volume="v").outcome == "done"
    assert job(pool).id != first.id and job(pool).commit_hash != first.commit_hash
    assert jobs.find(pool.view(), first.id) is None, "a volume keeps its latest job only"


def test_a_rebalance_is_in_progress_until_the_last_peer_has_ended(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    pool.do("rebalance-start", volume="v")
    pool.store(jobs.result_key(job(pool).id, peer_id(1)), jobs.Progress(status=jobs.Status.COMPLETED))
    assert jobs.overall(job(pool), jobs.results(pool.view(), job(pool))) is jobs.Status.RUNNING
    pool.store(jobs.result_key(job(pool).id, peer_id(2)), jobs.Progress(status=jobs.Status.FAILED))
    assert jobs.overall(job(pool), jobs.results(pool.view(), job(pool))) is jobs.Status.FAILED


def test_a_rebalance_that_is_over_or_never_was_is_not_stopped(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    with pytest.raises(Refused, match="no rebalance"):
        pool.plan("rebalance-stop", volume="v")
    pool.do("rebalance-start", volume="v")
    ended(pool)
    with pytest.raises(Refused, match="no rebalance"):
        pool.plan("rebalance-stop", volume="v")


def test_bricks_are_not_added_during_a_rebalance_and_the_volume_is_not_stopped(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    pool.do("rebalance-start", volume="v")
    with pytest.raises(Conflict, match="in progress"):
        pool.plan("volume-expand", volume="v", bricks=bricks(3))
    with pytest.raises(Refused, match="in progress"):
        pool.plan("volume-stop", volume="v")
    assert pool.do("rebalance-stop", volume="v").outcome == "done"
    assert pool.do("volume-stop", volume="v").outcome == "done"


def test_a_deleted_volume_leaves_no_job(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    pool.do("rebalance-start", volume="v")
    ended(pool)
    pool.do("volume-stop", volume="v")
    assert pool.do("volume-delete", volume="v").outcome == "done"
    assert not pool.state.list(jobs.JOBS) and not pool.state.list(jobs.RESULTS)


# interrupted anywhere


def prepared(command: str) -> tuple[Pool, dict[str, Any]]:
    pool = Pool(6)
    if command == "raise":
        started(pool, *bricks(1, 2), replica=2)
        return pool, {"volume": "v", "bricks": bricks(3), "replica": 3}
    started(pool, *bricks(1, 2, 3))
    if command == "remove-brick-commit":
        pool.do("remove-brick-start", volume="v", bricks=bricks(2))
        ended(pool)
    if command in ("rebalance-stop", "remove-brick-stop"):
        fields = {} if command == "rebalance-stop" else {"bricks": bricks(2)}
        pool.do(command.replace("stop", "start"), volume="v", **fields)
    more = {"volume-expand": bricks(4, 5), "remove-brick-start": bricks(2), "remove-brick-commit": bricks(2)}
    return pool, {"volume": "v"} | ({"bricks": more[command]} if command in more else {})


COMMANDS = ("volume-expand", "raise", "rebalance-start", "rebalance-stop", "remove-brick-start", "remove-brick-stop", "remove-brick-commit")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_leader_that_dies_at_any_point_leaves_it_done_or_undone(command: str) -> None:
    name = "volume-expand" if command == "raise" else command
    pool, fields = prepared(command)
    before = pool.contents()
    world = World(pool.state)
    life = pool.life(name, "t", **fields)
    drive(pool, life, life.start(), world)
    after = pool.contents()
    outcomes = set()
    for stop_after in range(20):
        pool, fields = prepared(command)
        world = World(pool.state)
        life = pool.life(name, "t", **fields)
        instruction: Any = life.start()
        for _ in range(stop_after):
            if isinstance(instruction, Finish):
                break
            instruction = step_on(pool, life, instruction, world)
        if isinstance(instruction, Finish):
            break
        if (found := pool.resumed()) is not None:
            drive(pool, *found, world)
        assert not pool.state.list(model.LOCKS) and not pool.state.list(model.TRANSACTIONS)
        assert pool.contents() in (before, after), f"half done when the leader died after {stop_after} instructions"
        outcomes.add("after" if pool.contents() == after else "before")
    assert outcomes == {"before", "after"}, outcomes


def step_on(pool: Pool, life: Any, instruction: Propose | Run, world: World) -> Any:

    return answer(pool, life, instruction, world)
