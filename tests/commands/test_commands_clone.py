"""volume clone: what is planned, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pool_kit import Pool, World, broken, drive, host, peer_id, peer_record
from test_commands_devices import GIB, device, equipped, free, refused, sized, spaces
from test_commands_peers import found

from gd2raft.core import devices, model
from gd2raft.core.devices import State
from gd2raft.core.plan import Plan
from gd2raft.core.transaction import Life, Propose

pytestmark = pytest.mark.fast


def given(*, started: bool = True, peers: int = 3, **more: Any) -> tuple[Pool, model.Volume]:
    pool = equipped(peers)
    assert pool.do("volume-create", None, **sized(**{"replica": 3, **more})).outcome == "done"
    if started:
        assert pool.do("volume-start", None, volume="v").outcome == "done"
    return pool, volume_of(pool, "v")


def volume_of(pool: Pool, name: str) -> model.Volume:
    volume = pool.view().volume(name)
    assert volume is not None
    return volume


def changed(pool: Pool, volume: model.Volume, **fields: Any) -> None:
    pool.store(model.volume_key(volume.name), msgspec.structs.replace(volume, **fields))


def test_all_bricks_stand_still_before_the_first_is_copied_and_until_the_last_is() -> None:
    pool, source = given()
    plan: Plan = pool.plan("volume-clone", volume="v", name="c")
    kinds = ("storage.freeze", "storage.copy", "storage.thaw", "brick.prepare")
    assert [[step.kind for step in barrier] for barrier in plan.before] == [[kind] * 3 for kind in kinds]
    assert plan.locks == ("volume/c", "volume/v") and plan.after == ()
    first = next(source.bricks())
    frozen, copied, thawed, prepared = (barrier[0] for barrier in plan.before)
    assert frozen.arguments == {"brick": devices.hex_of(first.id), "mount": first.path.removesuffix("/brick")}
    assert copied.arguments == thawed.arguments and copied.arguments["source"] == devices.hex_of(first.id)
    assert prepared.arguments["reuse"] and prepared.arguments["path"] == f"{copied.arguments['mount']}/brick"


def test_a_clone_is_like_its_source_on_the_same_devices_with_space_of_its_own() -> None:
    pool, source = given(distribute=2, gid=7)
    assert pool.do("volume-set", None, volume="v", options={"performance.io-cache": "on"}).outcome == "done"
    assert pool.do("volume-barrier", None, volume="v", enable=True).outcome == "done"
    assert pool.do("volume-clone", None, volume="v", name="c").outcome == "done"
    source, clone = volume_of(pool, "v"), volume_of(pool, "c")
    assert clone.state is model.VolumeState.CREATED and clone.starts == 0 and clone.id != source.id and clone.password != source.password
    assert (clone.type_name, clone.capacity, clone.sizing) == (source.type_name, source.capacity, source.sizing)
    assert clone.options == {key: value for key, value in source.options.items() if key != "features.barrier"}
    pairs = list(zip(source.bricks(), clone.bricks(), strict=True))
    assert all((a.device, a.size, a.index, a.type) == (b.device, b.size, b.index, b.type) and a.id != b.id for a, b in pairs)
    assert free(pool) == [6, 6, 6] and len(spaces(pool)) == 12
    devices.check(model.View(pool.state))
    claims = pool.view().brick_claims(peer_id(1))
    assert {claims[b.path].volume for b in clone.bricks() if b.peer_id == peer_id(1)} == {"c"}


def test_what_bricks_have_noted_of_each_other_holds_in_the_clone_of_a_clone_too() -> None:
    pool, source = given()
    for one, other in (("v", "c"), ("c", "d")):
        assert pool.do("volume-clone", None, volume=one, name=other).outcome == "done"
    assert pool.do("volume-expand", None, volume="d", size=2 * GIB).outcome == "done"
    clone = volume_of(pool, "d")
    assert source.origin == "" and clone.origin == "v"
    assert [clone.pending_name(brick) for brick in clone.bricks()] == [f"v-client-{n}" for n in range(6)]


def test_a_clone_that_fails_leaves_nothing_and_lets_go_what_stood_still() -> None:
    pool, _ = given()
    world = World(pool.state, lambda step, undo: broken(step) if step.kind == "storage.copy" and not undo else None)
    life = pool.life("volume-clone", "t", volume="v", name="c")
    assert drive(pool, life, life.start(), world).outcome == "failed"
    assert free(pool) == [8, 8, 8] and pool.view().volume("c") is None
    assert {("storage.freeze", peer_id(n), True) for n in (1, 2, 3)} <= set(world.ran)


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"name": "v"}, "volume-exists", "volume v already exists"),
        ({"name": "a b"}, "bad-name", "invalid volume name"),
        ({"volume": "w"}, "volume-not-found", "volume w does not exist"),
    ],
)
def test_names_that_can_not_be_are_refused(fields: dict[str, str], code: str, said: str) -> None:
    pool, _ = given()
    why = refused(pool, "volume-clone", **{"volume": "v", "name": "c", **fields})
    assert why.code == code and said in why.message


def test_a_brick_that_is_on_no_device_is_named() -> None:
    pool = Pool(2)
    assert pool.do("volume-create", None, name="v", bricks=["node1:/b/1", "node2:/b/1"], force=True).outcome == "done"
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "not-on-device" and "brick node1:/b/1 of volume v is not on a device" in why.message


def test_a_peer_that_would_give_clients_the_wrong_names_of_bricks_has_to_be_upgraded_first() -> None:
    """It has no brick of the volume."""
    pool, source = given(peers=4)
    (number,) = (n for n in (1, 2, 3, 4) if peer_id(n) not in source.peer_ids())
    pool.store(model.peer_key(peer_id(number)), peer_record(number, steps=("storage.make", "brick.prepare")))
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "old-peer" and f"peer node{number} runs a daemon that doesn't know clones" in why.message
    pool.store(model.peer_key(peer_id(number)), peer_record(number, steps=("storage.copy",)))
    assert pool.do("volume-clone", None, volume="v", name="c").outcome == "done"


def begun(pool: Pool, life: Life) -> bool:
    """Whether what was planned then can begin now."""
    first = life.start()
    assert isinstance(first, Propose)
    return pool.commit(first.commit).outcome == "done"


def test_no_clone_begins_while_a_peer_that_does_not_know_clones_joins_and_the_other_way_round() -> None:
    joining = {"addresses": ["node9"], "found": found(9, steps=("storage.make", "brick.prepare"))}
    cloning = {"volume": "v", "name": "c"}
    pool, _ = given()
    clone, join = pool.life("volume-clone", "c", **cloning), pool.life("peer-add", "j", **joining)
    assert begun(pool, clone) and not begun(pool, join)
    why = refused(pool, "peer-add", **joining)
    assert why.code == "old-peer" and "doesn't know clones, and a volume of this pool is being cloned" in why.message

    pool, _ = given()
    clone, join = pool.life("volume-clone", "c", **cloning), pool.life("peer-add", "j", **joining)
    assert begun(pool, join) and not begun(pool, clone)
    why = refused(pool, "volume-clone", **cloning)
    assert why.code == "old-peer" and "a peer is joining whose daemon doesn't know clones" in why.message


def test_bricks_in_thin_volumes_are_not_cloned() -> None:
    pool = equipped(1, provisioner="lvm", extent=4 << 20)
    assert pool.do("volume-create", None, **sized()).outcome == "done"
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "not-clonable" and "device node1:/disk has provisioner lvm" in why.message


def test_a_peer_that_is_down_or_a_device_that_takes_no_bricks_is_named() -> None:
    pool, _ = given()
    pool.online.discard(peer_id(2))
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "peer-offline" and "node2:/disk gets no bricks: its peer is not online" in why.message
    pool.online.add(peer_id(2))
    pool.store(devices.device_key(device(3).id), device(3, state=State.OFFLINE))
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "device-offline" and "node3:/disk gets no bricks: it is offline" in why.message


def test_where_a_device_has_no_room_it_is_named_with_what_it_needs() -> None:
    pool, _ = given(size=6 * GIB)
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "no-space" and "node2:/disk: 4 GiB are free, 6 GiB are needed" in why.message
    assert set(why.fields["devices"]) == {f"{host(n)}:/disk" for n in (1, 2, 3)}
    assert free(pool) == [4, 4, 4]


def test_space_that_is_missing_on_the_disk_is_not_given_away() -> None:
    pool, _ = given()
    pool.store(devices.device_key(device(1).id), device(1, short=7 * GIB))
    assert list(refused(pool, "volume-clone", volume="v", name="c").fields["devices"]) == ["node1:/disk"]


def test_a_volume_whose_files_are_on_the_move_is_not_cloned() -> None:
    pool, source = given(distribute=2)
    assert pool.do("rebalance-start", None, volume="v").outcome == "done"
    assert refused(pool, "volume-clone", volume="v", name="c").code == "job-under-way"
    changed(pool, source, subvols=tuple(msgspec.structs.replace(s, bricks=tuple(decommissioned(s.bricks))) for s in source.subvols[1:]))
    assert refused(pool, "volume-clone", volume="v", name="c").code == "remove-brick-pending"


def decommissioned(bricks: tuple[model.Brick, ...]) -> list[model.Brick]:
    return [msgspec.structs.replace(brick, decommissioned=True) for brick in bricks]


def test_a_brick_that_is_being_reset_or_filled_is_waited_for() -> None:
    pool, source = given()
    first, *others = source.subvols[0].bricks
    reset = msgspec.structs.replace(source.subvols[0], bricks=(msgspec.structs.replace(first, reset=True), *others))
    changed(pool, source, subvols=(reset,))
    assert refused(pool, "volume-clone", volume="v", name="c").code == "brick-reset"
    changed(pool, source)
    space = next(s for s in spaces(pool) if s.brick == first.id)
    pool.store(devices.space_key(first.device, first.id), msgspec.structs.replace(space, filling=True))
    assert refused(pool, "volume-clone", volume="v", name="c").code == "filling"


def test_a_volume_with_quota_is_not_cloned() -> None:
    pool, _ = given()
    assert pool.do("quota-enable", None, volume="v").outcome == "done"
    why = refused(pool, "volume-clone", volume="v", name="c")
    assert why.code == "quota" and "gd2 volume quota v disable" in why.hint


def test_of_two_clones_that_want_the_last_space_one_is_refused() -> None:
    pool, _ = given(size=5 * GIB)
    life = pool.life("volume-clone", "t1", volume="v", name="c")
    other = pool.life("volume-create", "t2", **sized("w", 5 * GIB))
    begin, also = life.start(), other.start()
    assert pool.commit(begin.commit).outcome == "done"  # type: ignore[union-attr]
    assert pool.commit(also.commit).outcome == "conflict"  # type: ignore[union-attr]


def test_a_source_that_changes_meanwhile_is_planned_anew() -> None:
    pool, source = given()
    life = pool.life("volume-clone", "t1", volume="v", name="c")
    begin = life.start()
    changed(pool, source, metadata={"a": "b"})
    assert pool.commit(begin.commit).outcome == "conflict"  # type: ignore[union-attr]
