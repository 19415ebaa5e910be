"""remove-brick as plans: what is refused and why, what becomes of a volume, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from moves_kit import bricks, ended, job, kinds, now, paths, started
from pool_kit import Pool, World, broken, host, peer_id

from gd2raft.commands import shrink
from gd2raft.core import jobs, model
from gd2raft.core.model import SubvolumeType
from gd2raft.core.plan import Conflict, Refused

pytestmark = pytest.mark.fast


@pytest.fixture
def pool() -> Pool:
    return Pool(9)


# remove-brick


def test_only_the_peers_of_the_bricks_that_go_empty_them(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    plan = pool.plan("remove-brick-start", volume="v", bricks=bricks(2))
    assert kinds(plan) == ["brick.online", "!", "volume.follow"]
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    assert (job(pool).kind, job(pool).how, job(pool).peers) == (jobs.Kind.REMOVE_BRICK, jobs.How.FORCE, (peer_id(2),))
    assert [b.path for b in shrink.pending(now(pool))] == ["/b/2"]
    assert now(pool).options["performance.client-io-threads"] == "on", "as glusterd stores it"


def test_a_brick_that_is_down_is_not_emptied(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    before = pool.contents()
    finish = pool.do("remove-brick-start", World(pool.state, lambda s, u: broken(s) if s.kind == "brick.online" and not u else None),
                     volume="v", bricks=bricks(2))  # fmt: skip
    assert finish.outcome == "failed" and pool.contents() == before


@pytest.mark.parametrize("command", ["remove-brick-start", "remove-brick-commit"])
def test_bricks_of_a_peer_that_is_down_are_not_removed(pool: Pool, command: str) -> None:
    started(pool, *bricks(1, 2, 3))
    if command == "remove-brick-commit":
        pool.do("remove-brick-start", volume="v", bricks=bricks(2))
        ended(pool)
    pool.online.discard(peer_id(2))
    with pytest.raises(Refused, match="down: node2"):
        pool.plan(command, volume="v", bricks=bricks(2))


@pytest.mark.parametrize("command", ["remove-brick-start", "remove-brick-stop", "remove-brick-commit"])
def test_a_brick_that_is_not_in_the_volume_is_refused(pool: Pool, command: str) -> None:
    started(pool, *bricks(1, 2))
    for text in ("node3:/b/3", "node1:/b/2", "nobody:/b/1"):
        with pytest.raises(Refused, match="incorrect brick"):
            pool.plan(command, volume="v", bricks=[text])


def test_a_commit_without_a_start_is_refused(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    with pytest.raises(Refused, match="not decommissioned") as refused:
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(2))
    assert "start" in refused.value.hint and "force" in refused.value.hint


@pytest.mark.parametrize("command", ["remove-brick-start", "rebalance-start"])
def test_nothing_else_is_started_while_a_removal_is_pending_even_when_its_files_have_moved(pool: Pool, command: str) -> None:
    started(pool, *bricks(1, 2, 3))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    fields = {"bricks": bricks(3)} if command == "remove-brick-start" else {}
    for end in (lambda: None, lambda: ended(pool)):
        end()
        with pytest.raises(Conflict, match="neither committed nor stopped"):
            pool.plan(command, volume="v", **fields)
    pool.do("remove-brick-stop", volume="v")
    assert pool.do(command, volume="v", **fields).outcome == "done"


def test_a_brick_is_replaced_while_another_set_waits_for_its_commit_and_none_of_that_set(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4), replica=2)
    pool.do("remove-brick-start", volume="v", bricks=bricks(3, 4))

    def replace(number: int) -> dict[str, Any]:
        source = {"src_peerid": host(number), "src_brickpath": f"/b/{number}"}
        return {"volume": "v", **source, "dst_peerid": host(5), "dst_brickpath": "/new/5", "force": True}

    with pytest.raises(Conflict, match="in progress"):
        pool.plan("volume-replace-brick", **replace(1))
    ended(pool)
    with pytest.raises(Conflict, match="neither committed nor stopped"):
        pool.plan("volume-replace-brick", **replace(3))
    assert pool.do("volume-replace-brick", None, **replace(1)).outcome == "done"
    assert paths(now(pool)) == ["/new/5", "/b/2", "/b/3", "/b/4"]


def test_a_commit_is_refused_until_the_files_have_moved(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    with pytest.raises(Refused, match="in progress"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(2))
    ended(pool, jobs.Status.FAILED)
    with pytest.raises(Refused, match="has failed"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(2))
    ended(pool)
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(2)).outcome == "done"
    assert paths(now(pool)) == ["/b/1", "/b/3"]
    assert jobs.overall(job(pool), {}) is jobs.Status.COMMITTED


@pytest.mark.parametrize("counts", [{"failures": 2}, {"skipped": 2}])
def test_a_commit_is_refused_while_files_failed_to_move(pool: Pool, counts: dict[str, int]) -> None:
    started(pool, *bricks(1, 2, 3))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    ended(pool, **counts)
    with pytest.raises(Refused, match="2 files failed to move or were skipped on node2"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(2))


def test_a_commit_is_refused_while_files_are_found_on_the_brick(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    ended(pool)
    before = pool.contents()
    world = World(pool.state, lambda s, u: broken(s) if s.kind == "brick.emptied" and not u else None)
    assert pool.do("remove-brick-commit", world, volume="v", bricks=bricks(2)).outcome == "failed"
    assert pool.contents() == before


def test_clients_are_told_before_a_brick_ends_and_its_path_is_free_after(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    ended(pool)
    plan = pool.plan("remove-brick-commit", volume="v", bricks=bricks(2))
    assert kinds(plan) == ["brick.emptied", "!", "volume.follow", "brick.leave", "."]
    claim = next(c.record for c in plan.changes if c.key == model.brick_key(peer_id(2), "/b/2"))
    assert claim is not None and claim["leaving"] is True
    pool.do("remove-brick-commit", volume="v", bricks=bricks(2))
    assert pool.view().brick_claims(peer_id(2)) == {}


def test_all_bricks_that_were_started_must_be_committed_together(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2, 3))
    ended(pool)
    with pytest.raises(Refused, match="started for 2 bricks, the request names 1"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(2))


def test_beside_a_pending_removal_no_other_brick_goes_even_with_force(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    ended(pool)
    for others in (bricks(3), bricks(2, 3)):
        with pytest.raises(Conflict, match="neither committed nor stopped") as refused:
            pool.plan("remove-brick-commit", volume="v", bricks=others, force=True)
        assert "commit or stop it first" in refused.value.hint
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(2), force=True).outcome == "done"
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(3), force=True).outcome == "done"


def test_all_bricks_of_a_volume_are_not_removed(pool: Pool) -> None:
    started(pool, *bricks(1, 2))
    with pytest.raises(Refused, match="all the bricks"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(1, 2), force=True)


def test_the_same_brick_twice_is_refused(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3))
    with pytest.raises(Refused, match="duplicate"):
        pool.plan("remove-brick-start", volume="v", bricks=["node2:/b/2", "node2:/b//2/"])


def test_a_set_goes_as_a_whole(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4), replica=2)
    with pytest.raises(Refused, match="1 of the 2 bricks of set 2"):
        pool.plan("remove-brick-start", volume="v", bricks=bricks(3))
    assert pool.do("remove-brick-start", volume="v", bricks=bricks(3, 4)).outcome == "done"
    assert job(pool).peers == (peer_id(3), peer_id(4))


def test_a_replica_count_is_reduced_by_force_and_without_migration(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4, 5, 6), replica=3)
    with pytest.raises(Refused, match="migration of data is not needed"):
        pool.plan("remove-brick-start", volume="v", bricks=bricks(3, 6), replica=2)
    with pytest.raises(Refused, match="set 2 would have 3 bricks, not 2"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(3), replica=2, force=True)
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(3, 6), replica=2, force=True).outcome == "done"
    assert [(s.replica_count, [b.path for b in s.bricks]) for s in now(pool).subvols] == [(2, ["/b/1", "/b/2"]), (2, ["/b/4", "/b/5"])]


def test_a_replicate_volume_becomes_a_distribute_one(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3, 4), replica=2)
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(2, 4), replica=1, force=True).outcome == "done"
    (subvol,) = now(pool).subvols
    assert (subvol.type, subvol.replica_count, [b.index for b in subvol.bricks]) == (SubvolumeType.DISTRIBUTE, 0, [0, 2])
    assert now(pool).options["performance.client-io-threads"] == "on"


def test_arbiters_go_before_data_bricks(pool: Pool) -> None:
    started(pool, *bricks(1, 2, 3), replica=2, arbiter=1)
    with pytest.raises(Refused, match="arbiter"):
        pool.plan("remove-brick-commit", volume="v", bricks=bricks(2), replica=2, force=True)
    assert pool.do("remove-brick-commit", volume="v", bricks=bricks(3), replica=2, force=True).outcome == "done"
    assert (now(pool).subvols[0].arbiter_count, now(pool).replicas) == (0, 2)


def test_a_stopped_removal_leaves_the_volume_as_it_was(pool: Pool) -> None:
    before = started(pool, *bricks(1, 2, 3))
    pool.do("remove-brick-start", volume="v", bricks=bricks(2))
    assert pool.do("remove-brick-stop", volume="v", bricks=bricks(2)).outcome == "done"
    assert now(pool).subvols == before.subvols
    with pytest.raises(Refused, match="not started"):
        pool.plan("remove-brick-stop", volume="v")
