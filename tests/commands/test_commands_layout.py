"""Shapes of volumes: which counts of copies, arbiters and fragments are refused, and why; and what the others become."""

from __future__ import annotations

from typing import Any

import pytest
from create_kit import created, refused, shape, spread
from pool_kit import Pool, host, peer_id

from gd2raft.core import model
from gd2raft.core.model import BrickType
from gd2raft.core.plan import Refused

pytestmark = pytest.mark.fast


# ---- replica, arbiter, thin arbiter


@pytest.mark.parametrize("replica", [1, -1])
def test_a_replica_count_below_two_is_refused(replica: int) -> None:
    assert "replica count must be greater than 1" in refused(replica=replica, bricks=spread(2)).message


@pytest.mark.parametrize(("replica", "bricks"), [(3, 4), (2, 3), (3, 1), (2, 1), (4, 6)])
def test_a_number_of_bricks_that_is_no_multiple_of_replica_is_refused(replica: int, bricks: int) -> None:
    error = refused(replica=replica, bricks=spread(bricks))
    assert f"number of bricks is not a multiple of replica count ({bricks} brick{'s' * (bricks != 1)}, replica {replica})" in error.message


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
