"""Creating volumes: every rule that refuses, and the plans of what is allowed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pool_kit import Pool, World, broken, host, peer_id, peer_record

from gd2raft.commands.layout import BRICKS_MAX
from gd2raft.core import model
from gd2raft.core.model import BrickType
from gd2raft.core.plan import Plan, Refused

pytestmark = pytest.mark.fast


def spread(count: int, peers: int = 20, path: str = "/b/1") -> list[str]:
    """Bricks on peer after peer."""
    return [f"{host(i % peers + 1)}:{path}-{i}" for i in range(count)]


def refused(pool: Pool | None = None, **fields: Any) -> Refused:
    """What a create is refused with: the message says where, and the state is as it was."""
    pool = pool or Pool(20)
    before = pool.state.revision
    with pytest.raises(Refused) as caught:
        pool.plan("volume-create", **({"name": "v", "bricks": ["node1:/b/1"]} | fields))
    assert pool.state.revision == before and len(caught.value.message) < 1500
    return caught.value


def created(pool: Pool | None = None, **fields: Any) -> model.Volume:
    pool = pool or Pool(20)
    assert pool.do("volume-create", None, **({"name": "v"} | fields)).outcome == "done"
    volume = pool.view().volume(str(fields.get("name", "v")))
    assert volume is not None
    return volume


def shape(volume: model.Volume) -> str:
    """As `volume info` says it: 1 x (2 + 1) = 3."""
    first, count = volume.subvols[0], sum(1 for _ in volume.bricks())
    if volume.kind == "distribute":
        return str(count)
    second = first.arbiter_count or first.redundancy_count
    inner = f"({len(first.bricks) - second} + {second})" if second else str(len(first.bricks))
    return f"{len(volume.subvols)} x {inner} = {count}"


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


# ---- replica, arbiter, thin arbiter


@pytest.mark.parametrize("replica", [1, -1])
def test_a_replica_count_below_two_is_refused(replica: int) -> None:
    assert "replica count must be greater than 1" in refused(replica=replica, bricks=spread(2)).message


@pytest.mark.parametrize(("replica", "bricks"), [(3, 4), (2, 3), (3, 1), (2, 1), (4, 6)])
def test_a_number_of_bricks_that_is_no_multiple_of_replica_is_refused(replica: int, bricks: int) -> None:
    error = refused(replica=replica, bricks=spread(bricks))
    assert f"number of bricks is not a multiple of replica count ({bricks} bricks, replica {replica})" in error.message


def test_two_copies_on_one_peer_are_refused_without_force() -> None:
    bricks = ["node1:/b/1", "node1:/b/2"]
    error = refused(replica=2, bricks=bricks)
    assert "multiple bricks of a replicate volume are present on the same peer" in error.message and "force" in error.hint
    assert created(replica=2, bricks=bricks, force=True)


def test_two_copies_on_one_peer_are_seen_in_every_set_but_not_across_sets() -> None:
    fine = ["node1:/b/1", "node2:/b/1", "node1:/b/2", "node2:/b/2"]
    assert shape(created(replica=2, bricks=fine)) == "2 x 2 = 4"
    assert refused(replica=2, bricks=[fine[0], fine[1], fine[2], "node1:/b/3"]).code == "same-peer"


def test_parts_of_a_disperse_set_on_one_peer_are_refused_without_force() -> None:
    error = refused(disperse=3, bricks=["node1:/b/1", "node2:/b/1", "node1:/b/2"])
    assert "multiple bricks of a disperse volume" in error.message


def test_distribute_may_have_many_bricks_on_one_peer() -> None:
    assert shape(created(bricks=["node1:/b/1", "node1:/b/2"])) == "2"


@pytest.mark.parametrize("replica", [2, 3])
def test_an_arbiter_is_every_third_brick(replica: int) -> None:
    volume = created(replica=replica, arbiter=1, bricks=spread(6))
    assert shape(volume) == "2 x (2 + 1) = 6"
    assert [b.type is BrickType.ARBITER for b in volume.bricks()] == [False, False, True] * 2


@pytest.mark.parametrize(("replica", "arbiter"), [(0, 1), (4, 1), (2, 2), (3, 2), (2, -1)])
def test_an_arbiter_needs_replica_2_and_count_1(replica: int, arbiter: int) -> None:
    error = refused(replica=replica, arbiter=arbiter, bricks=spread(3))
    assert "arbiter" in error.message and error.hint == "replica 2 arbiter 1"


@pytest.mark.parametrize("bricks", [2, 4, 5])
def test_an_arbiter_volume_needs_three_bricks_a_set(bricks: int) -> None:
    assert "not a multiple of replica count" in refused(replica=2, arbiter=1, bricks=spread(bricks)).message


def subvol(bricks: list[str], **more: Any) -> dict[str, Any]:
    """GlusterD2's form: BRICK or BRICK/TYPE."""
    return {
        "type": "replicate",
        "bricks": [{"peerid": host(i), "path": "/b/1", "type": kind} for i, kind in enumerate(bricks, 1)],
        **more,
    }


@pytest.mark.parametrize(
    "types", [["", "", ""], ["", "arbiter", "arbiter"], ["arbiter", "arbiter", "arbiter"], ["", "", "replicate"], ["", "", "thin"]]
)
def test_an_arbiter_subvolume_without_exactly_one_brick_of_type_arbiter_is_refused(types: list[str]) -> None:
    error = refused(bricks=[], subvols=[subvol(types, replica=2, arbiter=1)])
    assert error.http == 400 and ("exactly one brick of type arbiter" in error.message or "is not known" in error.message)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_arbiter_is_the_last_brick_of_its_set_wherever_it_was_named(place: int) -> None:
    types = ["brick", "Brick", ""]
    types[place] = "Arbiter"
    volume = created(subvols=[subvol(types, replica=2, arbiter=1)])
    assert [b.type for b in volume.bricks()] == [BrickType.BRICK, BrickType.BRICK, BrickType.ARBITER]
    assert shape(volume) == "1 x (2 + 1) = 3"


@pytest.mark.parametrize("counts", [{"replica": 2}, {"replica": 3}, {}, {"arbiter": 1}])
def test_a_brick_of_type_arbiter_needs_the_arbiter_count(counts: dict[str, int]) -> None:
    assert refused(bricks=[], subvols=[subvol(["", "", "arbiter"], **counts)]).code == "bad-layout"


def test_subvolumes_of_different_shapes_are_refused() -> None:
    one = {"type": "replicate", "bricks": [{"peerid": host(n), "path": "/b/1"} for n in (1, 2)]}
    other = {"type": "replicate", "bricks": [{"peerid": host(n), "path": "/b/2"} for n in (1, 2, 3)]}
    assert "subvolume 2 has another shape than the first" in refused(bricks=[], subvols=[one, other]).message


def test_subvolumes_of_one_shape_make_a_distributed_volume() -> None:
    subvols = [{"type": "replicate", "replica": 2, "bricks": [{"peerid": host(n), "path": f"/b/{s}"} for n in (1, 2)]} for s in (1, 2)]
    assert shape(created(subvols=subvols)) == "2 x 2 = 4"


@pytest.mark.parametrize("more", [{"replica": 2}, {"arbiter": 1}, {"disperse-count": 3}])
def test_counts_that_a_subvolume_of_its_type_cant_have_are_refused(more: dict[str, int]) -> None:
    assert refused(bricks=[], subvols=[{**subvol(["", "", ""]), "type": "distribute"} | more]).code == "bad-layout"


@pytest.mark.parametrize("more", [{"disperse-count": 3}, {"disperse-redundancy": 1}, {"replica": -1}, {"replica": 2}])
def test_counts_that_a_replicate_subvolume_cant_have_are_refused(more: dict[str, int]) -> None:
    assert refused(bricks=[], subvols=[subvol(["", "", ""], **more)]).code == "bad-layout"


@pytest.mark.parametrize("more", [{"replica": 3}, {"arbiter": 1}])
def test_counts_that_a_disperse_subvolume_cant_have_are_refused(more: dict[str, int]) -> None:
    assert refused(bricks=[], subvols=[{**subvol(["", "", ""]), "type": "disperse"} | more]).code == "bad-layout"


@pytest.mark.parametrize("kind", ["mirror", "replicate2", "thin-arbiter"])
def test_a_subvolume_of_an_unknown_type_is_refused(kind: str) -> None:
    assert "is not known" in refused(bricks=[], subvols=[{**subvol(["", ""]), "type": kind}]).message


def test_a_brick_is_not_its_own_thin_arbiter() -> None:
    with pytest.raises(Refused, match="can't be the thin arbiter too"):
        created(replica=2, thin_arbiter=1, bricks=[*spread(2), spread(2)[0]])


def test_a_thin_arbiter_volume_has_two_bricks_and_a_host_that_needs_no_daemon() -> None:
    volume = created(replica=2, thin_arbiter=1, bricks=[*spread(2), "elsewhere:/ta"])
    assert shape(volume) == "1 x 2 = 2" and volume.subvols[0].thin_arbiter == model.ThinArbiter(host="elsewhere", path="/ta")
    inside = created(replica=2, thin_arbiter=1, bricks=[*spread(2), "node3:/ta/"])
    assert inside.subvols[0].thin_arbiter == model.ThinArbiter(host="node3", path="/ta", peer_id=peer_id(3))


@pytest.mark.parametrize("bricks", [5, 7])
def test_a_distributed_thin_arbiter_volume_is_refused_clearly(bricks: int) -> None:
    assert "distributed volume can't have a thin arbiter" in refused(replica=2, thin_arbiter=1, bricks=spread(bricks)).message


@pytest.mark.parametrize(("replica", "thin", "bricks"), [(3, 1, 4), (2, 2, 4), (2, 1, 2), (2, 1, 4), (0, 1, 3), (2, -1, 3)])
def test_other_shapes_of_thin_arbiter_are_refused(replica: int, thin: int, bricks: int) -> None:
    assert refused(replica=replica, thin_arbiter=thin, bricks=spread(bricks)).code == "bad-layout"


@pytest.mark.parametrize("name", ["a`reboot`", "a b", '"', "a\nb", "-", "a/b", "h" * 300, "localhost", "127.0.0.1"])
def test_the_host_of_a_thin_arbiter_is_one_that_clients_can_reach_and_a_volfile_can_carry(name: str) -> None:
    assert refused(replica=2, thin_arbiter=1, bricks=[*spread(2), f"{name}:/ta"]).code in ("bad-host", "bad-brick")


def test_arbiter_and_thin_arbiter_exclude_each_other() -> None:
    assert "can't be combined" in refused(replica=2, arbiter=1, thin_arbiter=1, bricks=spread(3)).message


# ---- disperse

NINE = [
    {"disperse": 3},
    {"redundancy": 1},
    {"disperse": 3, "redundancy": 1},
    {"data": 2},
    {"disperse": 3, "data": 2},
    {"data": 2, "redundancy": 1},
    {"disperse": 3, "data": 2, "redundancy": 1},
]


@pytest.mark.parametrize("words", NINE)
def test_every_spelling_of_disperse_gives_the_same_volume(words: dict[str, int]) -> None:
    fields = {k if k == "disperse" else f"disperse_{k}": v for k, v in words.items()}
    assert shape(created(bricks=spread(3), **fields)) == "1 x (2 + 1) = 3"
    inner = {f"disperse-{'count' if k == 'disperse' else k}": v for k, v in words.items()}
    assert shape(created(subvols=[{**subvol(["", "", ""]), "type": "disperse"} | inner])) == "1 x (2 + 1) = 3"


@pytest.mark.parametrize(
    ("count", "redundancy"), [(3, 1), (4, 1), (5, 1), (6, 2), (7, 3), (8, 1), (9, 1), (10, 2), (11, 3), (12, 4), (16, 1), (17, 1)]
)
def test_the_redundancy_that_nobody_named_keeps_a_power_of_two_of_data(count: int, redundancy: int) -> None:
    assert shape(created(disperse=count, bricks=spread(count))) == f"1 x ({count - redundancy} + {redundancy}) = {count}"


def allowed(count: int, data: int, redundancy: int) -> bool:
    return count >= 3 and data + redundancy == count and 1 < data <= 16 and redundancy >= 1 and 2 * redundancy < count


@pytest.mark.parametrize("count", range(1, 22))
def test_exactly_the_allowed_disperse_counts_are_possible(count: int) -> None:
    pool = Pool(22)
    for data in range(1, count + 1):
        for redundancy in range(1, count + 1):
            fields = {"disperse": count, "disperse_data": data, "disperse_redundancy": redundancy, "bricks": spread(count, 22)}
            try:
                pool.plan("volume-create", name="v", **fields)
                possible = True
            except Refused as error:
                assert error.code == "bad-layout"
                possible = False
            assert possible == allowed(count, data, redundancy), fields


@pytest.mark.parametrize(("count", "data"), [(4, 2), (5, 2), (6, 3), (3, 3), (3, 4), (3, 1)])
def test_data_alone_must_be_more_than_half(count: int, data: int) -> None:
    assert refused(disperse=count, disperse_data=data, bricks=spread(count)).code == "bad-layout"


@pytest.mark.parametrize("words", [{"disperse": -3}, {"disperse_data": -2}, {"disperse_redundancy": -1}])
def test_negative_disperse_counts_are_refused(words: dict[str, int]) -> None:
    assert "can't be negative" in refused(bricks=spread(3), **words).message


@pytest.mark.parametrize(("disperse", "bricks"), [(3, 4), (3, 5), (6, 3)])
def test_a_number_of_bricks_that_is_no_multiple_of_disperse_is_refused(disperse: int, bricks: int) -> None:
    assert "not a multiple of disperse count" in refused(disperse=disperse, bricks=spread(bricks)).message


def test_a_distributed_disperse_volume() -> None:
    assert shape(created(disperse=3, bricks=spread(6))) == "2 x (2 + 1) = 6"
    assert shape(created(disperse_data=4, disperse_redundancy=2, bricks=spread(12))) == "2 x (4 + 2) = 12"


@pytest.mark.parametrize("word", ["replica", "arbiter", "thin_arbiter"])
def test_disperse_and_replica_exclude_each_other(word: str) -> None:
    assert "replica and disperse can't be combined" in refused(disperse=3, bricks=spread(3), **{word: 3}).message


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
