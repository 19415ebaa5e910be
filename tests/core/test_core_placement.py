"""The planner of bricks: what it places may be placed, what it refuses it explains, and it gives up only where there is no way."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gd2raft.core import placement
from gd2raft.core.devices import Device
from gd2raft.core.placement import GIB, MIB, TIB, Candidate, NoSpace, Wanted, place, place_one
from gd2raft.core.plan import Refused

pytestmark = pytest.mark.fast


def ids(seed: int = 0) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}-{next(numbers)}"))


def candidate(number: int, peer: int, zone: int, free: int, **more: object) -> Candidate:
    device = Device(id=f"{number:032x}", peer_id=f"p{peer}", path=f"/d{number}", provisioner="loop", size=free, **more)  # type: ignore[arg-type]
    return Candidate(device=device, host=f"node{peer}", zone=f"z{zone}", free=free)


def spread(*free: int) -> list[Candidate]:
    """A device on each peer, each peer a zone of its own."""
    return [candidate(i, i, i, size) for i, size in enumerate(free)]


def checked(candidates: list[Candidate], wanted: Wanted, seed: int = 0) -> placement.Sets:
    """Placed, with everything that must hold of it."""
    sets = place(candidates, wanted, ids(seed))
    zones = {c.device.id: c.zone for c in candidates}
    taken: dict[str, int] = {}
    for spots in sets:
        assert len(spots) == wanted.set_size
        peers = [s.device.peer_id for s in spots]
        assert len(set(peers)) == len(peers), "two bricks of a set on one peer"
        if wanted.strict_zones:
            assert len({zones[s.device.id] for s in spots}) == len(spots), "two bricks of a set in one zone"
        assert [s.arbiter for s in spots] == [wanted.arbiter and i == wanted.set_size - 1 for i in range(wanted.set_size)]
        for spot in spots:
            taken[spot.device.id] = taken.get(spot.device.id, 0) + spot.taken
            assert placement.ARBITER_BYTES_MIN <= spot.size <= wanted.brick_bytes_max
    for c in candidates:
        assert taken.get(c.device.id, 0) <= c.free, "more than a device has"
        assert not c.rejected or c.device.id not in taken, "a device that was rejected"
    assert sum(spots[0].size * wanted.data for spots in sets) >= wanted.size, "less than was asked for"
    assert len(sets) * wanted.set_size <= wanted.bricks_max
    ids_ = [s.brick for spots in sets for s in spots]
    assert len(set(ids_)) == len(ids_)
    return sets


POOLS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 12), st.booleans()), max_size=7).map(
    lambda found: [
        candidate(
            i, peer, zone if zone < 2 else 10 + peer, free * 512 * MIB, state=placement.State.OFFLINE if away else placement.State.ONLINE
        )
        for i, (peer, zone, free, away) in enumerate(found)
    ]
)
SHAPES = st.sampled_from([(1, 1, False), (2, 1, False), (3, 1, False), (3, 1, True), (3, 2, False), (4, 2, False)])


@settings(max_examples=100, deadline=None)
@given(POOLS, SHAPES, st.integers(2, 20), st.booleans(), st.integers(0, 5))
def test_what_is_placed_keeps_every_rule_and_what_is_refused_is_explained(
    pool: list[Candidate], shape: tuple[int, int, bool], size: int, strict: bool, seed: int
) -> None:
    pool = [Candidate(c.device, c.host, c.zone, c.free, placement.usable(c.device, True)) for c in pool]
    wanted = Wanted(size=size * 512 * MIB, set_size=shape[0], data=shape[1], arbiter=shape[2], strict_zones=strict)
    try:
        sets = checked(pool, wanted, seed)
    except Refused as refused:
        if refused.code in ("bad-size", "too-small"):
            return  # no bricks have that size, whatever the devices are
        reasons = refused.fields["devices"]
        assert refused.message.startswith("No space")
        assert set(reasons) == {c.name for c in pool} and all(reasons.values()), "a device without a reason"
        assert all(f"{c.name} rejected because" in refused.message for c in pool)
    else:
        assert place(pool, wanted, ids(seed)) == sets, "the same again is another"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(1, 3), st.integers(1, 4))
def test_bricks_of_one_size_are_refused_only_when_no_way_exists(rooms: list[int], set_size: int, sets: int) -> None:
    """`rooms`: for how many bricks each peer has room. K sets of n different peers exist just if min(room, K) sum up to K x n."""
    possible = sum(min(room, sets) for room in rooms) >= sets * set_size
    wanted = Wanted(size=sets * GIB, set_size=set_size, sets=sets)
    try:
        checked(spread(*(room * GIB for room in rooms)), wanted)
    except NoSpace:
        assert not possible
    else:
        assert possible


def test_a_set_is_in_different_zones_where_that_is_possible_and_elsewhere_where_it_is_not() -> None:
    two_zones = [candidate(i, i, i % 2, 9 * GIB) for i in range(4)]
    for seed in range(8):
        (spots,) = checked(two_zones, Wanted(size=GIB, set_size=2), seed)
        assert len({int(s.device.path[2:]) % 2 for s in spots}) == 2
    assert checked(two_zones, Wanted(size=GIB, set_size=3))
    with pytest.raises(NoSpace, match="is in its zone z") as refused:
        place(two_zones, Wanted(size=GIB, set_size=3, strict_zones=True), ids())
    assert "devices in 3 zones, 2 have" in refused.value.hint


def test_bricks_are_spread_over_devices_by_their_ids() -> None:
    used = {s.device.id for seed in range(40) for (s,) in place(spread(*[9 * GIB] * 5), Wanted(size=GIB), ids(seed))}
    assert len(used) == 5


def test_a_size_is_cut_into_sets_until_bricks_fit() -> None:
    assert [len(s) for s in checked(spread(*[10 * GIB] * 3), Wanted(size=10 * GIB, set_size=3, sets=2))] == [3, 3]
    assert len(checked(spread(*[8 * GIB] * 4), Wanted(size=10 * GIB, set_size=2))) == 2
    assert list(placement.sizes(Wanted(size=20 * TIB))) == [(8, 2560 * GIB), (16, 1280 * GIB), (32, 640 * GIB)]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted(size=GIB - 1), "too-small"),
        (Wanted(size=GIB, set_size=3, data=2), "bad-size"),
        (Wanted(size=200 * TIB), "bad-size"),
        (Wanted(size=3 * GIB, sets=7), "bad-size"),
        (Wanted(size=GIB, set_size=3, bricks_max=2), "bad-size"),
    ],
)
def test_a_size_for_which_there_are_no_bricks_is_refused_with_what_is_possible(wanted: Wanted, code: str) -> None:
    with pytest.raises(Refused) as refused:
        place(spread(*[300 * TIB] * 40), wanted, ids())
    assert refused.value.code == code and refused.value.hint


def test_ten_thousand_devices_are_planned_with_in_a_moment_also_when_nothing_fits() -> None:
    """On the event loop of the leader: bricks of 32 sets, by the ring and by a refusal that tries every size."""
    pool = [candidate(i, i // 10, i // 100, 3 * GIB) for i in range(10_000)]
    began = time.process_time()
    assert len(checked(pool, Wanted(size=20 * GIB, sets=10, set_size=3))) == 10
    with pytest.raises(NoSpace) as refused:
        place(pool, Wanted(size=3100 * GIB, set_size=1), ids())
    assert time.process_time() - began < 10
    assert len(refused.value.message) < 4000 and len(refused.value.fields["devices"]) == placement.REASONS_MAX


def test_too_few_peers_is_said_as_that() -> None:
    pool = [candidate(1, 1, 1, 9 * GIB), candidate(2, 1, 1, 9 * GIB), candidate(3, 2, 2, 9 * GIB)]
    with pytest.raises(NoSpace) as refused:
        place(pool, Wanted(size=2 * GIB, set_size=3), ids())
    assert "a set needs devices on 3 peers, 2 have a usable one" in refused.value.hint
    assert "node1:/d1 rejected because a brick of the same set is on its peer node1" in refused.value.message


def test_an_arbiter_is_small_and_goes_where_tags_let_it() -> None:
    tagged = [
        *spread(9 * GIB, 9 * GIB, 9 * GIB),
        candidate(7, 7, 7, GIB, tags={"arbiter": "required"}),
    ]
    tagged[:3] = [candidate(i, i, i, 9 * GIB, tags={"arbiter": "disabled"}) for i in range(3)]
    for seed in range(5):
        ((one, two, arbiter),) = checked(tagged, Wanted(size=8 * GIB, set_size=3, arbiter=True), seed)
        assert arbiter.device.path == "/d7" and arbiter.size == 320 * MIB and one.size == two.size == 8 * GIB
    assert placement.arbiter_bytes(4 * TIB, 64 * 1024) == 64 * GIB


def test_a_thin_pool_takes_its_factor_and_its_metadata_in_whole_extents() -> None:
    lvm = Device(id="1" * 32, peer_id="p", path="/dev/sdb", provisioner="lvm", size=100 * GIB, extent=4 * MIB)
    assert placement.cost(lvm, 10 * GIB, 1.5) == (15 * GIB, 80 * MIB)  # 0.5 % are 76.8 MiB
    assert placement.cost(lvm, 4 * TIB, 1.0)[1] == 16 * GIB
    assert placement.cost(lvm, GIB + 1, 1.0)[0] == GIB + 4 * MIB


def test_a_brick_that_takes_anothers_place_avoids_the_others_of_its_set() -> None:
    pool = [candidate(i, i, i % 2, 9 * GIB) for i in range(4)]
    wanted = Wanted(size=GIB)
    for seed in range(5):
        assert place_one(pool, wanted, 2 * GIB, [("p0", "z0"), ("p2", "z0")], False, ids(seed)).device.path in ("/d1", "/d3")
    with pytest.raises(NoSpace, match="a brick beside the others of its set can't be placed"):
        place_one(pool[:2], wanted, 2 * GIB, [("p0", "z0"), ("p1", "z1")], False, ids())
