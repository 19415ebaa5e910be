"""Start, stop, delete, edit, set and reset: what the state forbids, and what is planned when it doesn't."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pool_kit import Pool, World, broken, peer_id, unreachable

from gd2raft.core import model
from gd2raft.core.model import VolumeState
from gd2raft.core.plan import NotFound, Plan, Refused

pytestmark = pytest.mark.fast

BRICKS = ("node1:/b/1", "node2:/b/1", "node1:/b/2")


def pool_with_volume(state: VolumeState = VolumeState.CREATED, **fields: Any) -> Pool:
    pool = Pool()
    pool.volume("v", *BRICKS, **fields)
    if state is not VolumeState.CREATED:
        pool.do("volume-start", None, volume="v")
    if state is VolumeState.STOPPED:
        pool.do("volume-stop", None, volume="v")
    assert volume(pool).state is state
    return pool


def volume(pool: Pool, name: str = "v") -> model.Volume:
    found = pool.view().volume(name)
    assert found is not None
    return found


def refused(pool: Pool, command: str, **fields: Any) -> Refused:
    before = pool.state.revision
    with pytest.raises(Refused) as caught:
        pool.plan(command, **({"volume": "v"} | fields))
    assert pool.state.revision == before
    return caught.value


def steps(plan: Plan) -> list[tuple[str, str, bool]]:
    return [(s.kind, s.peer_id, s.must) for barriers in (plan.before, plan.after) for b in barriers for s in b]


# ---- start


@pytest.mark.parametrize("state", [VolumeState.CREATED, VolumeState.STOPPED])
def test_a_volume_that_is_not_started_starts(state: VolumeState) -> None:
    pool = pool_with_volume(state)
    plan = pool.plan("volume-start", volume="v")
    looks = [("brick.check", peer_id(n), False) for n in (1, 2, 1)]
    assert steps(plan) == [*looks, ("volume.follow", peer_id(1), False), ("volume.follow", peer_id(2), False)]
    assert pool.do("volume-start", None, volume="v").outcome == "done" and volume(pool).state is VolumeState.STARTED


def test_starting_twice_is_refused() -> None:
    error = refused(pool_with_volume(VolumeState.STARTED), "volume-start")
    assert "volume v is already started" in error.message and error.http == 400 and "force" in error.hint


def test_starting_by_force_can_be_done_again_and_again() -> None:
    pool = pool_with_volume(VolumeState.STARTED)
    for starts in (2, 3):
        assert pool.do("volume-start", None, volume="v", force_start_bricks=True).outcome == "done"
        assert (volume(pool).state, volume(pool).starts) == (VolumeState.STARTED, starts), "peers try failed bricks again"


def test_starting_by_force_looks_only_for_marks_of_other_volumes_first() -> None:
    plan = pool_with_volume(VolumeState.STARTED).plan("volume-start", volume="v", force_start_bricks=True)
    assert all(step.arguments["forced"] and not step.must for barrier in plan.before for step in barrier)
    assert {k for k, *_ in steps(plan)} == {"brick.check", "volume.follow"}


def test_a_start_whose_brick_has_vanished_fails_with_its_name_and_the_volume_stays_as_it_was() -> None:
    pool = pool_with_volume(VolumeState.STOPPED)
    before = pool.contents()
    fails = World(pool.state, lambda step, undo: broken(step) if step.arguments.get("path") == "/b/2" else None)
    finish = pool.do("volume-start", fails, volume="v")
    assert finish.outcome == "failed" and finish.problems[0].peer_id == peer_id(1) and pool.contents() == before


def test_a_start_does_not_wait_for_a_peer_that_is_down() -> None:
    pool = pool_with_volume()
    down = World(pool.state, lambda step, undo: unreachable(step) if step.peer_id == peer_id(2) else None)
    assert pool.do("volume-start", down, volume="v").outcome == "done" and volume(pool).state is VolumeState.STARTED


@pytest.mark.parametrize("command", ["volume-start", "volume-stop", "volume-delete", "volume-edit", "volume-set", "volume-reset"])
@pytest.mark.parametrize("name", ["nope", "", "V", "v" * 100_000, "../v", peer_id(7)])
def test_a_volume_that_is_not_there_is_not_found(command: str, name: str) -> None:
    more: dict[str, Any] = {"volume-edit": {"metadata": {}}, "volume-set": {"options": {"io-cache": "on"}}}.get(command, {})
    error = refused(pool_with_volume(), command, volume=name, **more)
    assert isinstance(error, NotFound) and error.http == 404 and "does not exist" in error.message and len(error.message) < 500


def test_a_volume_is_found_by_its_id_too() -> None:
    pool = pool_with_volume()
    assert pool.plan("volume-start", volume=volume(pool).id).result == {"volume": "v"}


# ---- stop


@pytest.mark.parametrize(("state", "says"), [(VolumeState.CREATED, "created"), (VolumeState.STOPPED, "stopped")])
def test_stopping_what_is_not_started_is_refused(state: VolumeState, says: str) -> None:
    error = refused(pool_with_volume(state), "volume-stop")
    assert f"volume v is not started (it is {says})" in error.message and error.http == 400


def test_a_stop_concerns_the_peers_with_bricks_only() -> None:
    plan = pool_with_volume(VolumeState.STARTED).plan("volume-stop", volume="v")
    assert plan.before == () and {p for _, p, _ in steps(plan)} == {peer_id(1), peer_id(2)}


# ---- delete


def test_deleting_a_started_volume_is_refused() -> None:
    error = refused(pool_with_volume(VolumeState.STARTED), "volume-delete")
    assert "volume v is started" in error.message and error.http == 400 and "stop" in error.hint


@pytest.mark.parametrize("state", [VolumeState.CREATED, VolumeState.STOPPED])
def test_a_deleted_volume_leaves_neither_record_nor_claim(state: VolumeState) -> None:
    pool = pool_with_volume(state)
    assert pool.do("volume-delete", None, volume="v").outcome == "done"
    assert pool.contents() == Pool().contents()


def test_deleting_while_a_peer_with_a_brick_is_down_is_refused_with_its_name() -> None:
    pool = pool_with_volume()
    pool.online.discard(peer_id(2))
    error = refused(pool, "volume-delete")
    assert f"node2 ({peer_id(2)})" in error.message and "force" in error.hint


def test_deleting_by_force_while_a_peer_is_down_is_completed_when_it_returns() -> None:
    pool = pool_with_volume()
    pool.online.discard(peer_id(2))
    down = World(pool.state, lambda step, undo: unreachable(step) if step.peer_id == peer_id(2) else None)
    assert pool.do("volume-delete", down, volume="v", force=True).outcome == "done"
    assert pool.view().volume("v") is None and not pool.view().brick_claims(peer_id(2))


def test_deleting_while_a_peer_without_bricks_is_down_is_no_matter() -> None:
    pool = pool_with_volume()
    pool.online.discard(peer_id(3))
    assert pool.do("volume-delete", None, volume="v").outcome == "done"


# ---- edit


def test_metadata_is_merged_and_can_be_taken_away() -> None:
    pool = pool_with_volume(metadata={"a": "1", "b": "2"})
    assert pool.do("volume-edit", None, volume="v", metadata={"b": "3", "c": "4"}).outcome == "done"
    assert volume(pool).metadata == {"a": "1", "b": "3", "c": "4"}
    assert pool.do("volume-edit", None, volume="v", metadata={"a": "", "nope": ""}, delete_metadata=True).outcome == "done"
    assert volume(pool).metadata == {"b": "3", "c": "4"}


@pytest.mark.parametrize("delete", [False, True])
def test_reserved_metadata_is_refused_in_an_edit_too(delete: bool) -> None:
    assert "reserved" in refused(pool_with_volume(), "volume-edit", metadata={"_x": "1"}, delete_metadata=delete).message


def test_metadata_that_grows_too_large_by_an_edit_is_refused() -> None:
    pool = pool_with_volume(metadata={"a": "x" * 3000})
    assert "at most 4096" in refused(pool, "volume-edit", metadata={"b": "x" * 2000}).message


def test_metadata_that_is_too_large_can_be_taken_away_whatever_comes_with_the_key() -> None:
    pool = pool_with_volume(metadata={"a": "x" * 4000})
    assert pool.do("volume-edit", None, volume="v", metadata={"a": "y" * 4000}, delete_metadata=True).outcome == "done"
    assert volume(pool).metadata == {}


# ---- set and reset


def options(pool: Pool) -> dict[str, str]:
    return volume(pool).options


def test_options_are_set_by_their_full_names() -> None:
    pool = pool_with_volume()
    assert pool.do("volume-set", None, volume="v", options={"io-cache": "off", "user.note": "mine"}).outcome == "done"
    assert options(pool)["performance.io-cache"] == "off" and options(pool)["user.note"] == "mine"


@pytest.mark.parametrize(
    "bad",
    [
        {"performance.io-cache": "maybe"},
        {"cluster.server-quorum-ratio": "60%"},
        {"no.such": "1"},
        {"eager-lock": "on"},
        {"performance.cache-size": ""},
        {"cluster.min-free-disk": "123%"},
        {"cluster.min-free-disk": "199.051"},
        {"user.xlator.mine": "nowhere"},
        {"user.xlator.mine": "server"},
        {"features.limit-usage": "/:1GB"},
    ],
)
def test_one_bad_option_leaves_all_as_they_were(bad: dict[str, str]) -> None:
    error = refused(pool_with_volume(), "volume-set", options={"performance.quick-read": "off", **bad})
    assert error.code == "bad-option" and error.http == 400 and next(iter(bad)) in error.message and error.hint


def test_no_options_at_all_are_refused() -> None:
    assert "no options are given" in refused(pool_with_volume(), "volume-set", options={}).message
    with pytest.raises(Refused, match="no options are given"):
        Pool().plan("cluster-set", options={})


def test_an_option_for_another_type_of_volume_is_refused() -> None:
    assert refused(pool_with_volume(), "volume-set", options={"cluster.metadata-self-heal": "on"}).code == "bad-option"


@pytest.mark.parametrize("name", ["features.quota", "features.bitrot"])
def test_options_that_have_a_command_of_their_own_are_refused_with_its_name(name: str) -> None:
    assert "gd2 volume" in (error := refused(pool_with_volume(), "volume-set", options={name: "on"})).message or "but by '" in error.message


def test_an_option_that_needs_quota_is_refused_before_quota_is_on() -> None:
    error = refused(pool_with_volume(), "volume-set", options={"features.quota-deem-statfs": "on"})
    assert "features.quota" in error.message and error.code == "bad-option"


def test_an_option_of_one_volume_is_refused_for_all() -> None:
    with pytest.raises(Refused, match=r"transport\.listen-backlog is not valid for all volumes"):
        Pool().plan("cluster-set", options={"transport.listen-backlog": "10"})


@pytest.mark.parametrize("ratio", ["0", "100", "0.0000005", "100%", "51"])
def test_a_quorum_ratio_is_a_percentage(ratio: str) -> None:
    pool = Pool()
    assert pool.do("cluster-set", None, options={"cluster.server-quorum-ratio": ratio}).outcome == "done"
    assert pool.view().global_options() == {"cluster.server-quorum-ratio": ratio}


@pytest.mark.parametrize("ratio", ["abc", "-1", "100.0000005", "", "101"])
def test_a_quorum_ratio_that_is_none_is_refused(ratio: str) -> None:
    with pytest.raises(Refused) as caught:
        Pool().plan("cluster-set", options={"cluster.server-quorum-ratio": ratio})
    assert caught.value.code == "bad-option"


def test_a_quorum_type_that_is_none_is_refused() -> None:
    assert refused(pool_with_volume(), "volume-set", options={"cluster.server-quorum-type": "abc"}).code == "bad-option"


def test_options_of_the_pool_are_reset_one_by_one_or_all() -> None:
    pool = Pool()
    pool.do("cluster-set", None, options={"cluster.server-quorum-ratio": "60", "cluster.localtime-logging": "enable"})
    assert pool.do("cluster-reset", None, options=["server-quorum-ratio"]).outcome == "done"
    assert pool.view().global_options() == {"cluster.localtime-logging": "enable"}
    with pytest.raises(Refused, match="not set on the pool"):
        pool.plan("cluster-reset", options=["cluster.server-quorum-ratio"])
    assert pool.do("cluster-reset", None, all=True).outcome == "done"
    assert pool.view().global_options() == {}


def test_global_options_are_kept_beside_those_that_are_there() -> None:
    pool = Pool()
    pool.do("cluster-set", None, options={"cluster.server-quorum-ratio": "60"})
    pool.do("cluster-set", None, options={"cluster.localtime-logging": "enable"})
    assert set(pool.view().global_options()) == {"cluster.server-quorum-ratio", "cluster.localtime-logging"}


def reset_pool() -> Pool:
    pool = pool_with_volume()
    kept = {"performance.io-cache": "off", "user.x": "1", "features.quota": "on", "features.bitrot": "on", "nfs.disable": "off"}
    pool.store("volumes/v", msgspec.structs.replace(volume(pool), options=options(pool) | kept | {"future.option": "7"}))
    return pool


def test_a_reset_of_all_keeps_what_is_never_reset_what_is_protected_and_what_a_newer_daemon_set() -> None:
    pool = reset_pool()
    assert pool.do("volume-reset", None, volume="v", all=True).outcome == "done"
    stored = {"transport.address-family": "inet", "nfs.disable": "on", "storage.fips-mode-rchecksum": "on"}
    assert options(pool) == stored | {"features.quota": "on", "features.bitrot": "on", "future.option": "7"}


def test_a_reset_by_force_takes_the_protected_ones_too_but_never_the_never_reset_ones() -> None:
    pool = reset_pool()
    assert pool.do("volume-reset", None, volume="v", all=True, force=True).outcome == "done"
    assert "features.bitrot" not in options(pool) and options(pool)["features.quota"] == "on"


def test_a_reset_of_bitrot_takes_the_scrubbers_state_with_it() -> None:
    pool = pool_with_volume(VolumeState.STARTED)
    assert pool.do("bitrot-enable", None, volume="v").outcome == "done" and options(pool)["features.scrub"] == "Active"
    assert pool.do("volume-reset", None, volume="v", options=["features.bitrot"], force=True).outcome == "done"
    assert not {"features.bitrot", "features.scrub"} & options(pool).keys()


def test_a_reset_of_one_option_leaves_the_others() -> None:
    pool = reset_pool()
    before = options(pool)
    assert pool.do("volume-reset", None, volume="v", options=["io-cache"]).outcome == "done"
    assert options(pool) == {k: v for k, v in before.items() if k != "performance.io-cache"}


@pytest.mark.parametrize("name", ["nfs.disable", "transport.address-family"])
def test_what_create_stored_comes_back(name: str) -> None:
    pool = reset_pool()
    assert pool.do("volume-reset", None, volume="v", options=[name]).outcome == "done"
    assert options(pool)[name] == {"nfs.disable": "on", "transport.address-family": "inet"}[name]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("performance.quick-read", "is not set"),
        ("features.quota", "can't be reset"),
        ("features.bitrot", "is protected"),
        ("no.such", "does not exist"),
        ("user.y", "is not set"),
        ("", "does not exist"),
    ],
)
def test_an_option_that_cant_be_reset_is_refused_with_the_reason(name: str, says: str) -> None:
    error = refused(reset_pool(), "volume-reset", options=[name])
    assert says in error.message and error.http == 400


@pytest.mark.parametrize("name", ["performance.quick-read", "io-cache", "features.bitrot", "features.barrier"])
def test_an_option_that_is_not_set_may_be_reset_when_the_request_says_so(name: str) -> None:
    pool = pool_with_volume()
    before = options(pool)
    assert pool.do("volume-reset", None, volume="v", options=[name], if_set=True).outcome == "done"
    assert options(pool) == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("features.quota", "can't be reset"),
        ("no.such", "does not exist"),
        ("user.y", "is not set"),
        ("cluster.brick-multiplex", "not valid for a single volume"),
        ("feature.simple-quota.use-backend", "needs op-version 110000, the pool has 100000"),
    ],
)
def test_what_glusterd_refuses_to_reset_is_refused_also_where_unset_options_may_be_named(name: str, says: str) -> None:
    assert says in refused(pool_with_volume(), "volume-reset", options=[name], if_set=True).message


def test_an_option_of_the_pool_that_is_not_set_may_be_reset_when_the_request_says_so() -> None:
    pool = Pool()
    pool.do("cluster-set", None, options={"cluster.server-quorum-ratio": "60"})
    assert pool.do("cluster-reset", None, options=["cluster.brick-multiplex"], if_set=True).outcome == "done"
    assert pool.view().global_options() == {"cluster.server-quorum-ratio": "60"}
    with pytest.raises(Refused, match="not valid for all volumes"):
        pool.plan("cluster-reset", options=["performance.io-cache"], if_set=True)


def test_options_of_users_and_of_newer_daemons_can_be_reset_by_name() -> None:
    pool = reset_pool()
    assert pool.do("volume-reset", None, volume="v", options=["user.x", "future.option"]).outcome == "done"
    assert not {"user.x", "future.option"} & options(pool).keys()


def test_options_and_all_at_once_are_refused() -> None:
    assert "both options and all" in refused(reset_pool(), "volume-reset", options=["io-cache"], all=True).message


def test_a_reset_that_names_nothing_is_refused_it_does_not_mean_everything() -> None:
    error = refused(reset_pool(), "volume-reset", force=True)
    assert (error.http, error.message) == (400, "no option is named") and '"all": true' in error.hint
    pool = Pool()
    pool.do("cluster-set", None, options={"cluster.server-quorum-ratio": "60"})
    with pytest.raises(Refused, match="no option is named"):
        pool.plan("cluster-reset")


def test_one_bad_name_resets_nothing() -> None:
    assert refused(reset_pool(), "volume-reset", options=["io-cache", "no.such"]).code == "bad-option"


@pytest.mark.parametrize(("reset", "kept"), [("nfs.disable", "on"), ("performance.io-cache", "on"), ("performance.read-ahead", "OFF")])
def test_a_reset_of_anything_that_is_set_turns_the_checksums_of_fips_on_again_as_in_glusterd(reset: str, kept: str) -> None:
    pool = reset_pool()
    pool.store("volumes/v", msgspec.structs.replace(volume(pool), options=options(pool) | {"storage.fips-mode-rchecksum": "OFF"}))
    assert pool.do("volume-reset", None, volume="v", options=[reset], if_set=True).outcome == "done"
    assert options(pool)["storage.fips-mode-rchecksum"] == kept


@pytest.mark.parametrize(("state", "kept"), [(VolumeState.CREATED, "on"), (VolumeState.STOPPED, "off"), (VolumeState.STARTED, "off")])
def test_a_reset_of_anything_that_is_set_turns_granular_heal_on_again_until_the_first_start_as_in_glusterd(
    state: VolumeState, kept: str
) -> None:
    pool = pool_with_volume(state, replica=len(BRICKS), force=True)
    pool.do("volume-set", None, volume="v", options={"cluster.granular-entry-heal": "off", "performance.io-cache": "on"})
    assert pool.do("volume-reset", None, volume="v", options=["io-cache"]).outcome == "done"
    assert options(pool)["cluster.granular-entry-heal"] == kept


@pytest.mark.parametrize(("name", "after"), [("performance.read-ahead", None), ("performance.io-cache", "on")])
def test_a_volume_that_became_replicated_gets_the_options_of_one_when_a_reset_takes_any_away(name: str, after: str | None) -> None:
    pool = pool_with_volume(replica=len(BRICKS), force=True)
    had = {k: v for k, v in options(pool).items() if k != "cluster.granular-entry-heal"}
    pool.store("volumes/v", msgspec.structs.replace(volume(pool), options=had | {"performance.io-cache": "on"}))
    assert pool.do("volume-reset", None, volume="v", options=[name], if_set=True).outcome == "done"
    assert options(pool).get("cluster.granular-entry-heal") == after
