"""replace-brick, reset-brick, option groups and profile as plans: what is refused and why, the order of steps, and what is left."""

from __future__ import annotations

from typing import Any

import pytest
from pool_kit import Pool, host, peer_id

from gd2raft.core import model
from gd2raft.core.model import BrickType, Volume
from gd2raft.core.plan import Conflict, NotFound, Plan, Refused

pytestmark = pytest.mark.fast


def started(pool: Pool, *bricks: str, **fields: Any) -> Volume:
    pool.volume("v", *bricks, force=True, **fields)
    assert pool.do("volume-start", volume="v").outcome == "done"
    return now(pool)


def now(pool: Pool) -> Volume:
    found = pool.view().volume("v")
    assert found is not None
    return found


def replicated(peers: int = 4, **fields: Any) -> Pool:
    pool = Pool(peers)
    started(pool, *(f"{host(n)}:/b/{n}" for n in (1, 2, 3)), **({"replica": 3} | fields))
    return pool


def change(source: int, target: int, **more: Any) -> dict[str, Any]:
    place = {"dst_peerid": host(target), "dst_brickpath": "/new/1"}
    return {"volume": "v", "src_peerid": host(source), "src_brickpath": f"/b/{source}", **place, "force": True} | more


def names(plan: Plan) -> list[list[tuple[str, str]]]:
    return [[(s.kind, s.peer_id) for s in barrier] for barrier in plan.before]


def refusal(pool: Pool, command: str, **fields: Any) -> str:
    with pytest.raises(Refused) as caught:
        pool.plan(command, **fields)
    return caught.value.code


def test_the_new_brick_keeps_the_client_index_and_the_place_of_the_old_one() -> None:
    pool = replicated()
    assert pool.do("volume-replace-brick", None, **change(2, 4)).outcome == "done"
    bricks = list(now(pool).bricks())
    assert [(b.peer_id, b.path, b.index) for b in bricks] == [
        (peer_id(1), "/b/1", 0),
        (peer_id(4), "/new/1", 1),
        (peer_id(3), "/b/3", 2),
    ]
    assert "/b/2" not in pool.view().brick_claims(peer_id(2)), "the old path is still claimed"
    assert pool.view().brick_claims(peer_id(4))["/new/1"].brick == bricks[1].id


def test_the_old_brick_is_stopped_and_blamed_before_any_client_hears_of_the_new_one() -> None:
    plan = replicated().plan("volume-replace-brick", **change(2, 4))
    assert names(plan) == [[("brick.prepare", peer_id(4))], [("brick.hold", peer_id(2))], [("brick.blame", peer_id(4))]]
    [blame] = plan.before[2]
    assert (blame.arguments["index"], blame.arguments["others"], blame.arguments["others_min"]) == (1, [0, 2], 1)
    [prepare] = plan.before[0]
    assert prepare.arguments["empty"], "self-heal would trust what it finds on the new brick"


def test_a_dead_peers_brick_is_replaced_without_asking_it() -> None:
    pool = replicated()
    pool.online.discard(peer_id(3))
    plan = pool.plan("volume-replace-brick", **change(3, 4))
    assert [s.must for barrier in plan.before for s in barrier if s.peer_id == peer_id(3)] == [False]
    assert all(not s.must for barrier in plan.after for s in barrier)


def test_an_arbiter_is_replaced_by_an_arbiter_and_is_no_source() -> None:
    pool = replicated(replica=2, arbiter=1)
    plan = pool.plan("volume-replace-brick", **change(1, 4))
    assert plan.before[2][0].arguments["others"] == [1], "an arbiter has no data to fill a brick from"
    assert pool.do("volume-replace-brick", None, **change(3, 4)).outcome == "done"
    assert [b.type for b in now(pool).bricks()] == [BrickType.BRICK, BrickType.BRICK, BrickType.ARBITER]


def test_an_erasure_coded_brick_needs_as_many_others_as_make_the_data() -> None:
    pool = Pool(4)
    started(pool, *(f"{host(n)}:/b/{n}" for n in (1, 2, 3)), disperse=3, disperse_redundancy=1)
    assert pool.plan("volume-replace-brick", **change(3, 4)).before[2][0].arguments["others_min"] == 2
    pool.online.discard(peer_id(2))
    assert refusal(pool, "volume-replace-brick", **change(3, 4)) == "peer-offline"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (change(2, 4, dst_peerid=host(2), dst_brickpath="/b/2"), "same-brick"),
        (change(2, 4, dst_peerid=host(1), dst_brickpath="/b/1"), "brick-in-use"),
        (change(2, 4, dst_peerid=host(1), dst_brickpath="/b"), "brick-in-use"),
        (change(2, 1, force=False), "same-peer"),
        (change(2, 4, src_brickpath="/b/9"), "no-such-brick"),
        (change(2, 4, src_peerid="nobody"), "no-such-brick"),
        (change(2, 4, dst_brickpath="new"), "bad-brick"),
        (change(2, 4, flags={"magic": True}), "bad-flag"),
    ],
)
def test_replacements_that_make_no_sense_are_refused(fields: dict[str, Any], code: str) -> None:
    assert refusal(replicated(), "volume-replace-brick", **fields) == code


def test_nothing_is_replaced_in_a_volume_without_other_copies() -> None:
    pool = Pool(2)
    started(pool, f"{host(1)}:/b/1")
    assert refusal(pool, "volume-replace-brick", **change(1, 2)) == "not-redundant"
    assert refusal(pool, "volume-reset-brick-start", volume="v", peerid=host(1), path="/b/1") == "not-redundant"


def test_nothing_is_replaced_in_a_volume_that_is_not_started() -> None:
    pool = replicated()
    assert pool.do("volume-stop", volume="v").outcome == "done"
    assert refusal(pool, "volume-replace-brick", **change(2, 4)) == "not-started"


def test_a_new_brick_on_a_peer_that_is_down_is_refused() -> None:
    pool = replicated()
    pool.online.discard(peer_id(4))
    assert refusal(pool, "volume-replace-brick", **change(2, 4)) == "peer-offline"


def test_a_brick_is_reset_once_and_comes_back_as_it_was() -> None:
    pool = replicated()
    before = now(pool)
    brick = {"volume": "v", "peerid": host(2), "path": "/b/2"}
    with pytest.raises(Refused) as caught:
        pool.plan("volume-reset-brick-commit", **brick)
    assert caught.value.code == "not-reset" and f"gd2 volume reset-brick v {brick['peerid']}:{brick['path']} start" in caught.value.hint
    assert pool.do("volume-reset-brick-start", None, **brick).outcome == "done"
    assert [b.reset for b in now(pool).bricks()] == [False, True, False]
    assert refusal(pool, "volume-reset-brick-start", **brick) == "already-reset"
    assert pool.plan("volume-reset-brick-commit", **brick).before[0][0].arguments["empty"], "old data needs force"
    assert pool.do("volume-reset-brick-commit", None, **brick, force=True).outcome == "done"
    assert now(pool) == before


def test_the_last_copy_is_never_reset() -> None:
    pool = replicated()
    for number in (1, 2):
        assert pool.do("volume-reset-brick-start", None, volume="v", peerid=host(number), path=f"/b/{number}").outcome == "done"
    assert refusal(pool, "volume-reset-brick-start", volume="v", peerid=host(3), path="/b/3") == "not-redundant"


def test_nothing_is_replaced_or_reset_while_files_are_moved() -> None:
    """As with glusterd."""
    pool = Pool(4)
    started(pool, *(f"{host(n)}:/b/{n}" for n in (1, 2, 3, 4)), replica=2)
    assert pool.do("rebalance-start", volume="v").outcome == "done"
    for command, fields in (
        ("volume-replace-brick", change(2, 4, dst_brickpath="/b/new")),
        ("volume-reset-brick-start", {"volume": "v", "peerid": host(2), "path": "/b/2"}),
    ):
        with pytest.raises(Conflict) as caught:
            pool.plan(command, **fields)
        assert caught.value.code == "job-under-way"


def test_a_reset_brick_is_not_checked_when_the_volume_starts() -> None:
    pool = replicated()
    assert pool.do("volume-reset-brick-start", None, volume="v", peerid=host(2), path="/b/2").outcome == "done"
    assert pool.do("volume-stop", volume="v").outcome == "done"
    checked = [s.peer_id for s in pool.plan("volume-start", volume="v").before[0]]
    assert checked == [peer_id(1), peer_id(3)]


def test_a_group_sets_all_its_options_or_none() -> None:
    pool = replicated()
    assert pool.do("volume-set", None, volume="v", group="metadata-cache").outcome == "done"
    wanted = pool.view().options.groups["metadata-cache"]
    assert wanted.items() <= now(pool).options.items()
    before = now(pool).options
    own = [{"name": "io-cache", "onvalue": "on"}, {"name": "performance.cache-size", "onvalue": "a lot"}]
    assert pool.do("option-group-create", None, name="own", options=own).outcome == "done"
    assert refusal(pool, "volume-set", volume="v", group="own") == "bad-option"
    assert now(pool).options == before


def test_groups_are_found_made_and_forgotten_by_name() -> None:
    pool = replicated()
    with pytest.raises(NotFound):
        pool.plan("volume-set", volume="v", group="nonsense")
    own = {"name": "own", "options": [{"name": "io-cache", "onvalue": "on"}]}
    assert pool.do("option-group-create", None, **own).outcome == "done"
    with pytest.raises(Conflict):
        pool.plan("option-group-create", **own)
    assert pool.do("volume-set", None, volume="v", group="own", options={"performance.io-cache": "off"}).outcome == "done"
    assert now(pool).options["performance.io-cache"] == "off", "what is said goes before the group"
    assert pool.do("option-group-delete", None, group="own").outcome == "done"
    with pytest.raises(NotFound):
        pool.plan("option-group-delete", group="own")
    assert pool.state.get(model.option_group_key("own")) is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "virt", "options": [{"name": "io-cache", "onvalue": "on"}]}, "builtin-group"),
        ({"name": "../x", "options": [{"name": "io-cache", "onvalue": "on"}]}, "bad-name"),
        ({"name": "own", "options": []}, "bad-option"),
        ({"name": "own", "options": [{"name": "no-such-option", "onvalue": "on"}]}, "bad-option"),
        ({"name": "own", "options": [{"name": "cluster.server-quorum-ratio", "onvalue": "51"}]}, "bad-option"),
    ],
)
def test_groups_that_make_no_sense_are_refused(fields: dict[str, Any], code: str) -> None:
    assert refusal(replicated(), "option-group-create", **fields) == code
    assert refusal(replicated(), "option-group-delete", group="virt") == "builtin-group"


def test_profile_sets_its_options_and_takes_them_back() -> None:
    pool = replicated()
    before = now(pool).options
    assert refusal(pool, "volume-profile-stop", volume="v") == "profile-not-started"
    assert pool.do("volume-profile-start", None, volume="v").outcome == "done"
    assert refusal(pool, "volume-profile-start", volume="v") == "already-started"
    assert pool.do("volume-profile-stop", None, volume="v").outcome == "done"
    assert now(pool).options == before


def test_the_barrier_is_closed_and_opened_once() -> None:
    pool = replicated()
    assert refusal(pool, "volume-barrier", volume="v", enable=False) == "already-so"
    assert pool.do("volume-barrier", None, volume="v", enable=True).outcome == "done"
    assert now(pool).options["features.barrier"] == "enable"
    assert refusal(pool, "volume-barrier", volume="v", enable=True) == "already-so"
