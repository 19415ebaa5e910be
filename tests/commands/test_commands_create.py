"""Creating volumes: every rule that refuses, and the plans of what is allowed (shapes: test_commands_layout.py)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from create_kit import created, refused, spread
from pool_kit import Pool, World, broken, peer_id, peer_record

from gd2raft.commands.layout import BRICKS_MAX
from gd2raft.core import model
from gd2raft.core.plan import Plan

pytestmark = pytest.mark.fast


# ---- names


@pytest.mark.parametrize("name", ["##@@#@!", "", "a/b", "a b", "a.b", "ünï", "v\n", "-v", "v\0", "v:1", "../v", "%73"])
def test_a_name_with_other_than_letters_digits_dash_and_underscore_is_refused(name: str) -> None:
    error = refused(name=name)
    assert "invalid volume name" in error.message and error.http == 400 and error.hint


@pytest.mark.parametrize("length", [256, 300, 100_000])
def test_a_name_of_more_than_255_characters_is_refused(length: int) -> None:
    assert f"{length} characters, at most 255" in refused(name="v" * length).message


def test_a_name_of_200_characters_is_possible_when_its_volfile_names_fit() -> None:
    assert created(name="v" * 200, bricks=["node1:/b"]).name == "v" * 200


RESERVED = [
    "volume",
    "type",
    "help",
    "subvolumes",
    "option",
    "end-volume",
    "all",
    "volume_not_in_ring",
    "description",
    "force",
    "snap-max-hard-limit",
    "snap-max-soft-limit",
    "auto-delete",
    "activate-on-create",
]


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_word_is_no_name(name: str) -> None:
    assert "reserved word" in refused(name=name).message


@pytest.mark.parametrize("name", ["Volume", "ALL", "v-1_2", "_v", "0", "volume1"])
def test_other_words_are_names(name: str) -> None:
    assert created(name=name, bricks=["node1:/b"]).name == name


def test_a_name_that_exists_is_refused_even_with_force() -> None:
    pool = Pool()
    pool.volume("v", "node1:/b/1")
    error = refused(pool, bricks=["node2:/b/2"], force=True)
    assert "volume v already exists" in error.message and error.http == 409


# ---- bricks


@pytest.mark.parametrize("force", [False, True])
def test_a_brick_of_another_volume_is_refused_even_with_force(force: bool) -> None:
    pool = Pool()
    pool.volume("a", "node1:/b/1")
    error = refused(pool, name="b", bricks=["node2:/b/1", "node1:/b/1"], force=force)
    assert "brick node1:/b/1 is already used by volume a" in error.message and pool.view().volume("b") is None


def test_the_same_path_on_another_peer_is_another_brick() -> None:
    pool = Pool()
    pool.volume("a", "node1:/b/1")
    assert created(pool, name="b", bricks=["node2:/b/1"])


@pytest.mark.parametrize("second", ["node1:/b/1", "node1:/b/1/", "node1:/b//1", "node1://b/1", "10.0.0.1:/b/1", f"{peer_id(1)}:/b/1"])
def test_a_brick_twice_in_one_request_is_refused_however_it_is_written(second: str) -> None:
    error = refused(bricks=["node1:/b/1", second], force=True)
    assert "duplicate brick entry node1:/b/1" in error.message and error.http == 400


@pytest.mark.parametrize("inner", ["/b/1/sub", "/b/1/sub/deeper"])
@pytest.mark.parametrize("force", [False, True])
def test_a_brick_within_a_brick_of_another_volume_is_refused_both_ways(inner: str, force: bool) -> None:
    for first, second in ((inner, "/b/1"), ("/b/1", inner)):
        pool = Pool()
        pool.volume("a", f"node1:{first}")
        error = refused(pool, name="b", bricks=[f"node1:{second}"], force=force)
        assert f"node1:{second} may be containing or be contained by an existing brick, {first} of volume a" in error.message


@pytest.mark.parametrize("order", list(itertools.permutations(["/b/1", "/b/1/sub"])))
def test_a_brick_within_another_brick_of_the_request_is_refused_in_any_order(order: tuple[str, ...]) -> None:
    assert "is contained by another brick of this request" in refused(bricks=[f"node1:{p}" for p in order], force=True).message


def test_paths_are_compared_by_components_not_by_letters() -> None:
    pool = Pool()
    pool.volume("a", "node1:/b/1")
    created(pool, name="b", bricks=["node1:/b/11", "node1:/b/10/x"])


@pytest.mark.parametrize("brick", ["", "node1", "node1:", "node1:b", ":/b", "/b", "node1 /b", "node1:~/b"])
def test_what_is_no_peer_and_path_is_no_brick(brick: str) -> None:
    assert "is not PEER:/path" in refused(bricks=[brick]).message


@pytest.mark.parametrize("path", ["", "b/1", "./b"])
def test_a_path_that_is_not_absolute_is_refused(path: str) -> None:
    bricks = [{"peerid": peer_id(1), "path": path}]
    assert "is not absolute" in refused(bricks=[], subvols=[{"type": "distribute", "bricks": bricks}]).message


@pytest.mark.parametrize("path", ["/b/../c", "/b/./c", "/..", "/b c", "/b\tc", "/b\nc", "/b`reboot`", '/b"c', "/b\\c", "/b\x01"])
def test_a_path_that_a_volfile_or_a_reader_would_take_for_another_is_refused(path: str) -> None:
    assert "volfiles can't carry" in refused(bricks=[f"node1:{path}"]).message


def test_the_root_folder_is_no_brick() -> None:
    assert "brick path / is not possible" in refused(bricks=["node1:/"]).message


@pytest.mark.parametrize("component", ["x" * 256, "ü" * 128])
def test_a_component_of_more_than_255_bytes_is_refused(component: str) -> None:
    assert "a component of more than 255 bytes" in refused(bricks=[f"node1:/b/{component}"]).message


@pytest.mark.parametrize("length", [4110, 10_000, 500_000])
def test_a_path_of_more_than_4095_bytes_is_refused_in_few_words(length: int) -> None:
    path = "/" + "/".join(["abcdefghi"] * (length // 10))
    error = refused(bricks=[f"node1:{path}"])
    assert "at most 4095 are possible" in error.message or "too long together" in error.message


def test_volume_host_and_path_must_fit_into_the_name_of_a_volfile() -> None:
    error = refused(name="v" * 128, bricks=["node1:/" + "b" * 128])
    assert "too long together" in error.message
    assert created(name="v" * 128, bricks=["node1:/" + "b" * 100])


def test_a_brick_is_stored_without_double_and_trailing_slashes() -> None:
    assert [b.path for b in created(bricks=["node1://b///1/"]).bricks()] == ["/b/1"]


def test_more_bricks_than_a_volume_can_have_are_refused() -> None:
    assert f"at most {BRICKS_MAX} are possible" in refused(bricks=spread(BRICKS_MAX + 1)).message


@pytest.mark.parametrize("bricks", [[], None])
def test_a_volume_without_bricks_is_refused(bricks: Any) -> None:
    assert "no bricks are given" in refused(bricks=[], subvols=[]).message
    assert "a subvolume has no bricks" in refused(bricks=[], subvols=[{"type": "replicate", "bricks": []}]).message


def test_bricks_and_subvols_at_once_are_refused() -> None:
    subvols = [{"type": "distribute", "bricks": [{"peerid": "node1", "path": "/b"}]}]
    assert "both subvols and bricks" in refused(subvols=subvols).message


# ---- peers


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.255.255.255", "::1"])
def test_a_loopback_address_is_refused(name: str) -> None:
    assert "is not an address that other peers can reach" in refused(bricks=[f"{name}:/b/1"]).message


def test_a_loopback_address_is_possible_when_the_peer_is_known_by_it() -> None:
    pool = Pool(0)
    pool.store(model.peer_key(peer_id(1)), peer_record(1, addresses=("127.5.0.1:24008",), client_addresses=("127.5.0.1:24007",)))
    pool.online.add(peer_id(1))
    assert created(pool, bricks=["127.5.0.1:/b/1"])


def test_a_peer_that_is_not_in_the_pool_is_named() -> None:
    error = refused(bricks=["node1:/b/1", "stranger:/b/1"])
    assert "there is no peer 'stranger' in the pool" in error.message and error.http == 400 and "gd2 peer" in error.hint


def test_a_host_that_two_peers_share_is_not_guessed() -> None:
    pool = Pool(2)
    pool.store(model.peer_key(peer_id(2)), peer_record(2, addresses=("10.0.0.1:24009",)))
    error = refused(pool, bricks=["10.0.0.1:/b/1"])
    assert "may mean 2 peers" in error.message and error.code == "peer-ambiguous"
    assert created(pool, bricks=["node2:/b/1"])


@pytest.mark.parametrize("force", [False, True])
def test_a_peer_that_is_down_is_refused_by_name_and_nothing_is_prepared_elsewhere(force: bool) -> None:
    pool = Pool()
    pool.online.discard(peer_id(2))
    error = refused(pool, bricks=["node1:/b/1", "node2:/b/1"], force=force)
    assert f"peer node2 ({peer_id(2)}) is not online" in error.message and error.code == "peer-offline"


def test_a_peer_without_bricks_may_be_down() -> None:
    pool = Pool()
    pool.online.discard(peer_id(3))
    assert created(pool, bricks=["node1:/b/1", "node2:/b/1"])


# ---- flags, metadata, options, transport


def test_an_unknown_flag_is_refused_with_those_that_are_known() -> None:
    error = refused(flags={"create-brick-dir": True, "nonsense": True})
    assert "unknown flag 'nonsense'" in error.message and "create-brick-dir" in error.hint and error.http == 400


def test_more_than_four_flags_are_refused() -> None:
    assert refused(flags={f"f{i}": True for i in range(5)}).code == "bad-flag"


def steps(plan: Plan) -> list[dict[str, Any]]:
    return [step.arguments for step in plan.before[0]]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, {"create_folder": False, "allow_root": False, "allow_mount": False, "reuse": False, "force": False}),
        ({"flags": {"create-brick-dir": True}}, {"create_folder": True, "allow_root": False}),
        ({"flags": {"allow-root-dir": True}}, {"create_folder": False, "allow_root": True}),
        ({"flags": {"allow-mount-as-brick": True}}, {"allow_mount": True, "reuse": False}),
        ({"flags": {"reuse-bricks": True}}, {"reuse": True, "allow_root": False}),
        ({"flags": {"reuse-bricks": False}}, {"reuse": False}),
        ({"force": True}, {"create_folder": True, "allow_root": True, "allow_mount": True, "force": True}),
    ],
)
def test_flags_and_force_reach_the_check_of_each_brick(fields: dict[str, Any], says: dict[str, bool]) -> None:
    for arguments in steps(Pool().plan("volume-create", name="v", bricks=["node1:/b/1", "node2:/b/1"], **fields)):
        assert says.items() <= arguments.items()


def test_metadata_is_kept() -> None:
    assert created(bricks=["node1:/b"], metadata={"owner": "me", "": "x"}).metadata == {"owner": "me", "": "x"}


def test_metadata_keys_with_an_underscore_in_front_are_refused() -> None:
    error = refused(metadata={"ok": "1", "_x": "1"})
    assert "metadata key '_x' is reserved" in error.message and error.http == 400


@pytest.mark.parametrize("metadata", [{"k": "v" * 4096}, {f"k{i:04}": "v" * 5 for i in range(500)}, {"k": "ü" * 2048}])
def test_metadata_of_more_than_4096_bytes_is_refused(metadata: dict[str, str]) -> None:
    assert "at most 4096 are possible" in refused(metadata=metadata).message


def test_metadata_of_exactly_4096_bytes_is_possible() -> None:
    assert created(bricks=["node1:/b"], metadata={"k": "v" * 4095})


@pytest.mark.parametrize("name", ["..eager-lock", "a.b.afr.eager-lock", "afr.non-existent", "eager-lock"])
def test_an_invalid_option_fails_the_create(name: str) -> None:
    pool = Pool()
    error = refused(pool, options={name: "on"})
    assert error.code == "bad-option" and name in error.message and pool.view().volume("v") is None


def test_options_of_the_request_come_on_top_of_what_create_stores() -> None:
    options = created(replica=3, bricks=spread(3), options={"nfs.disable": "off", "io-cache": "on"}).options
    assert options["nfs.disable"] == "off" and options["performance.io-cache"] == "on"
    assert options["transport.address-family"] == "inet" and options["cluster.granular-entry-heal"] == "on"


@pytest.mark.parametrize("transport", ["rdma", "tcp,rdma", "", "TCP"])
def test_another_transport_than_tcp_is_refused(transport: str) -> None:
    assert "is not supported" in refused(transport=transport).message


# ---- the plan


def test_the_plan_prepares_each_brick_where_it_is_and_nowhere_else() -> None:
    plan = Pool(20).plan("volume-create", name="v", replica=3, bricks=spread(3))
    assert [(s.kind, s.peer_id, s.must) for b in plan.before for s in b] == [("brick.prepare", peer_id(n), True) for n in (1, 2, 3)]
    assert plan.after == () and plan.locks == ("volume/v",)
    assert {c.key for c in plan.claims} == {f"bricks/{peer_id(n)}//b/1-{n - 1}" for n in (1, 2, 3)}


def test_bricks_get_numbers_that_stay_with_them() -> None:
    volume = created(replica=2, bricks=spread(4))
    assert [b.index for b in volume.bricks()] == [0, 1, 2, 3] and volume.brick_index_next == 4
    assert len({b.id for b in volume.bricks()} | {volume.id, volume.username, volume.password}) == 7


def test_a_failed_brick_leaves_no_volume_and_no_claim() -> None:
    pool = Pool()
    world = World(pool.state, lambda step, undo: broken(step) if step.peer_id == peer_id(2) and not undo else None)
    before = pool.contents()
    assert pool.do("volume-create", world, name="v", bricks=["node1:/b/1", "node2:/b/1"]).outcome == "failed"
    assert pool.contents() == before and not world.marks


def test_a_deleted_volumes_bricks_can_be_named_again() -> None:
    pool = Pool()
    pool.volume("v", "node1:/b/1")
    assert pool.do("volume-delete", None, volume="v").outcome == "done"
    assert created(pool, bricks=["node1:/b/1"])


def largest(pool: Pool, path: str) -> list[str]:
    return spread(BRICKS_MAX - BRICKS_MAX % 3, path=path)


@pytest.mark.parametrize("command", ["volume-start", "volume-stop", "volume-delete"])
def test_the_largest_volume_can_be_created_and_all_else(command: str) -> None:
    from gd2raft.core.kv import check_limits

    pool = Pool(30)
    sizes: list[int] = []

    def commit(commit: Any) -> Any:
        check_limits(commit)
        sizes.append(sum(len(p.value) for p in commit.put))
        return Pool.commit(pool, commit)

    pool.commit = commit  # type: ignore[method-assign]
    created(pool, name="v" * 60, bricks=largest(pool, "/bricks/some/longer/path"), replica=3)
    if command == "volume-stop":
        pool.do("volume-start", None, volume="v" * 60)
    assert pool.do(command, None, volume="v" * 60).outcome == "done"
    assert max(sizes) > 256 * 1024, "larger than any single value may be"


def test_too_many_bricks_with_too_long_paths_are_refused_in_plain_words() -> None:
    pool = Pool(20)
    error = refused(pool, bricks=largest(pool, "/" + "x" * 190), replica=3)
    assert "record of volume v has" in error.message and "shorter paths" in error.hint
