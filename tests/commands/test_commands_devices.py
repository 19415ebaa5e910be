"""Devices in the state: added, given out by size, claimed by one command at a time, given back."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import msgspec
import pytest
from pool_kit import Pool, World, broken, drive, host, peer_id, peer_record

from gd2raft.core import devices, model
from gd2raft.core.devices import Device, State
from gd2raft.core.plan import Change, Conflict, NotFound, Plan, Refused, make_commit
from gd2raft.core.transaction import Propose
from gd2raft.rest.devices import volume_of

pytestmark = pytest.mark.fast

GIB = 1 << 30


def device(number: int, **more: Any) -> Device:
    """Of peer `number`."""
    fields: dict[str, Any] = {"provisioner": "loop", "size": 10 * GIB, "mounts": "/m"}
    return Device(id=f"{number:032x}", peer_id=peer_id(number), path="/disk", **(fields | more))


def equipped(peers: int = 3, **more: Any) -> Pool:
    pool = Pool(peers)
    for number in range(1, peers + 1):
        pool.store(devices.device_key(device(number).id), device(number, **more))
    return pool


def free(pool: Pool) -> list[int]:
    """GiB of each device."""
    view = pool.view()
    return [devices.free(d, devices.spaces(view, d.id)) // GIB for d in devices.all_devices(view)]


def spaces(pool: Pool) -> list[devices.Space]:
    view = pool.view()
    return [space for d in devices.all_devices(view) for space in devices.spaces(view, d.id)]


def refused(pool: Pool, command: str, /, **fields: Any) -> Refused:
    before = pool.state.revision
    with pytest.raises(Refused) as caught:
        pool.plan(command, **fields)
    assert pool.state.revision == before
    return caught.value


def sized(name: str = "v", size: int = 2 * GIB, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": size, **more}


def test_a_device_is_what_its_peer_found() -> None:
    pool = Pool(3)

    class Found(World):
        def effect(self, step: Any, undo: bool) -> dict[str, Any]:
            return {**super().effect(step, undo), "size": 5 * GIB, "extent": 4096, "mounts": "/state/mounts"}

    assert pool.do("device-add", Found(pool.state), peer=host(2), device="/srv//bricks/", provisioner="loop").outcome == "done"
    (found,) = devices.all_devices(pool.view())
    assert (found.peer_id, found.path, found.size, found.mounts) == (peer_id(2), "/srv/bricks", 5 * GIB, "/state/mounts")
    assert len(found.id) == 32 and found.state is State.ONLINE
    assert isinstance(refused(pool, "device-add", peer=host(2), device="/srv/bricks", provisioner="loop"), Conflict)


@pytest.mark.parametrize("path", ["sdb", "/", "//", "/dev/../etc", "/a b", "/a\n", "/" + "x" * 2000])
def test_a_path_that_is_no_device_is_refused(path: str) -> None:
    assert refused(Pool(1), "device-add", peer=host(1), device=path).code == "bad-device"


@pytest.mark.parametrize("path", ["/disk/sub", "/disk/a/b", "/a", "/a/b", "/bricks", "/bricks/b1", "/bricks/b1/x"])
def test_a_device_inside_or_around_another_one_or_a_brick_is_refused(path: str) -> None:
    pool = equipped(2)
    pool.store(devices.device_key("d" * 32), msgspec.structs.replace(device(1), id="d" * 32, path="/a/b/c"))
    pool.volume("w", "node1:/bricks/b1")
    why = refused(pool, "device-add", peer=host(1), device=path, provisioner="loop")
    assert why.code == ("brick-in-use" if "bricks" in path else "device-in-use") and "node1" in why.message
    for fine in ("/disk2", "/a/b/c2", "/bricks/b2"):
        pool.plan("device-add", peer=host(1), device=fine, provisioner="loop")
    pool.plan("device-add", peer=host(2), device="/a/b", provisioner="loop")


@pytest.mark.parametrize("path", ["/disk", "/disk/sub/b1", "/srv"])
def test_a_brick_in_or_around_a_device_is_refused_even_with_force(path: str) -> None:
    pool = equipped(2)
    pool.store(devices.device_key(device(2).id), msgspec.structs.replace(device(2), path="/srv/disk"))
    peer = host(2 if path == "/srv" else 1)
    why = refused(pool, "volume-create", name="w", bricks=[f"{peer}:{path}"], force=True)
    assert why.code == "device-in-use" and "let the brick be placed there" in why.hint
    pool.volume("v", "node1:/b", "node2:/b", replica=2)
    pool.do("volume-start", None, volume="v")
    fields = {"volume": "v", "src_peerid": peer_id(1), "src_brickpath": "/b", "dst_peerid": peer, "dst_brickpath": path}
    assert refused(pool, "volume-replace-brick", **fields, force=True).code == "device-in-use"
    assert refused(pool, "volume-expand", volume="v", bricks=[f"node1:{path}", "node2:/srv"], force=True).code == "device-in-use"


def test_the_root_of_all_is_told_to_be_no_device() -> None:
    assert "the root of all is no device" in refused(Pool(1), "device-add", peer=host(1), device="/").hint
    assert "an absolute path" in refused(Pool(1), "device-add", peer=host(1), device="sdb").hint


def test_a_create_takes_the_places_that_were_shown_before_it() -> None:
    """Whatever ids come in between; and names begin at different devices."""
    pool = equipped(8, size=100 * GIB)
    places = {}
    for number in range(8):
        fields = sized(f"v{number}", replica=3, distribute=2)
        volumes = [volume_of(pool.plan("volume-create", **fields), f"v{number}") for _ in range(2)]
        shown, again = ([brick.device for brick in volume.bricks()] for volume in volumes)
        assert shown == again == [brick.device for brick in pool_after(pool, fields).bricks()]
        assert not {b.id for b in volumes[0].bricks()} & {b.id for b in volumes[1].bricks()}
        places[number] = tuple(shown)
    assert len({place[0] for place in places.values()}) > 3, "not all begin at the same device"


def test_a_disk_has_no_other_size_than_its_own() -> None:
    assert refused(Pool(1), "device-add", peer=host(1), device="/dev/sdb", size=5).code == "bad-size"


def test_bricks_are_made_and_claimed_with_their_space() -> None:
    pool = equipped()
    plan = pool.plan("volume-create", **sized(replica=3))
    kinds = [[step.kind for step in barrier] for barrier in plan.before]
    assert kinds == [["storage.make"] * 3, ["brick.prepare"] * 3]
    volume = pool_after(pool, sized(replica=3))
    assert volume.capacity == 2 * GIB and volume.replicas == 3 and free(pool) == [8, 8, 8]
    for brick in volume.bricks():
        (space,) = [s for s in spaces(pool) if s.brick == brick.id]
        assert (space.path, space.volume, brick.size) == (brick.path, "v", 2 * GIB)
        assert brick.path == f"/m/{devices.hex_of(brick.id)}/brick" and brick.device
        claim = pool.view().brick_claims(brick.peer_id)[brick.path]
        assert claim.fsid == 7, "what brick.prepare found is in its claim"


def pool_after(pool: Pool, fields: dict[str, Any]) -> model.Volume:
    assert pool.do("volume-create", None, **fields).outcome == "done"
    volume = pool.view().volume(str(fields["name"]))
    assert volume is not None
    return volume


@pytest.mark.parametrize(
    ("words", "bricks", "size"),
    [
        ({}, 1, 2),
        ({"replica": 2}, 2, 2),
        ({"disperse": 3}, 3, 1),
        ({"disperse_data": 2, "disperse_redundancy": 1}, 3, 1),
        ({"replica": 3, "distribute": 2}, 6, 1),
        ({"max_brick_size": GIB}, 2, 1),
    ],
)
def test_the_words_of_a_create_say_how_many_bricks_of_which_size(words: dict[str, int], bricks: int, size: int) -> None:
    volume = pool_after(equipped(), sized(**words))
    assert [b.size // GIB for b in volume.bricks()] == [size] * bricks


def test_an_arbiter_is_the_last_of_its_set_and_small() -> None:
    volume = pool_after(equipped(), sized(replica=2, arbiter=1))
    assert [b.type.value for b in volume.bricks()] == ["Brick", "Brick", "Arbiter"]
    assert [b.size >> 20 for b in volume.bricks()] == [2048, 2048, 320]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"bricks": ["node1:/b"]}, "bad-layout"),
        ({"size": -1}, "bad-size"),
        ({"replica": 2, "thin_arbiter": 1}, "bad-layout"),
        ({"disperse_data": 2}, "bad-layout"),
        ({"replica": 1000000}, "bad-layout"),
        ({"snapshot_reserve_factor": 0.5}, "bad-size"),
        ({"provisioner": "zfs"}, "bad-provisioner"),
        ({"distribute": -3}, "bad-size"),
        ({"limit_peers": ["nobody"]}, "peer-not-found"),
        ({"size": 5}, "too-small"),
        ({"size": 100 * GIB}, "no-space"),
        ({"replica": 3, "exclude_peers": ["node1"]}, "no-space"),
        ({"device_tags": {"tier": "gold"}}, "no-space"),
        ({"snapshot": True, "snapshot_reserve_factor": 1.5}, "no-space"),
        ({"replica": 3, "subvolume_zones_overlap": False}, "no-space"),
    ],
)
def test_what_can_not_be_placed_is_refused(fields: dict[str, Any], code: str) -> None:
    pool = equipped()
    for number in (1, 2):
        pool.store(model.peer_key(peer_id(number)), peer_record(number, zone="same"))
    assert refused(pool, "volume-create", **(sized() | fields)).code == code


def test_every_device_is_told_with_its_reason() -> None:
    pool = equipped(4)
    pool.online.discard(peer_id(1))
    pool.do("device-edit", None, peer=host(2), device="/disk", state="offline")
    pool.store(devices.device_key(device(3).id), device(3, size=GIB))
    why = refused(pool, "volume-create", **sized(replica=2, distribute=1))
    assert why.message.startswith("No space: ") and why.code == "no-space"
    assert list(why.fields["devices"].values())[:2] == ["its peer is not online", "it is offline"]
    assert "node3:/disk rejected because 1 GiB are free" in why.message


def test_of_two_commands_that_want_the_last_space_one_is_refused() -> None:
    """Both are planned on the same state; what the second rests on has moved when it begins."""
    pool = equipped(1)
    first, second = pool.life("volume-create", "t1", **sized("v1", 6 * GIB)), pool.life("volume-create", "t2", **sized("v2", 6 * GIB))
    begin, also = first.start(), second.start()
    assert isinstance(begin, Propose) and isinstance(also, Propose)
    assert pool.commit(begin.commit).outcome == "done"
    result = pool.commit(also.commit)
    assert result.outcome == "conflict" and f"space/{device(1).id}" in result.moved
    assert refused(pool, "volume-create", **sized("v2", 6 * GIB)).code == "no-space"


def test_two_commands_on_different_devices_do_not_conflict() -> None:
    pool = equipped(2)
    lives = [pool.life("volume-create", f"t{n}", **sized(f"v{n}", limit_peers=[host(n)])) for n in (1, 2)]
    for life in lives:
        begin = life.start()
        assert isinstance(begin, Propose) and pool.commit(begin.commit).outcome == "done"


def test_a_create_that_fails_gives_its_space_back() -> None:
    pool = equipped()
    world = World(pool.state, lambda step, undo: broken(step) if step.kind == "brick.prepare" and not undo else None)
    life = pool.life("volume-create", "t", **sized(replica=3))
    assert drive(pool, life, life.start(), world).outcome == "failed"
    assert free(pool) == [10, 10, 10] and spaces(pool) == []
    assert ("storage.make", peer_id(1), True) in world.ran


def test_a_deleted_volume_keeps_its_space_until_the_disk_has_it_back() -> None:
    pool = equipped()
    pool_after(pool, sized(replica=3))
    plan = pool.plan("volume-delete", volume="v")
    assert [[step.kind for step in barrier] for barrier in plan.after] == [["volume.follow"] * 3, ["storage.free"] * 3]
    assert pool.do("volume-delete", None, volume="v").outcome == "done"
    assert [s.leaving for s in spaces(pool)] == [True] * 3 and free(pool) == [8, 8, 8]


def test_a_device_with_bricks_is_not_removed() -> None:
    pool = equipped()
    volume = pool_after(pool, sized(replica=3))
    why = refused(pool, "device-remove", peer=host(1), device="/disk", force=True)
    assert why.code == "has-bricks" and "1 brick, of v" in why.message
    assert pool.do("volume-delete", None, volume=volume.name).outcome == "done"
    assert "still being taken off" in refused(pool, "device-remove", peer=host(1), device=device(1).id).message
    assert pool.do("device-remove", None, peer=host(1), device="/disk", force=True).outcome == "done"
    assert len(devices.all_devices(pool.view())) == 2 and len(spaces(pool)) == 2


def test_a_peer_with_devices_is_not_detached_but_by_force() -> None:
    pool = equipped()
    assert refused(pool, "peer-remove", peer=host(2)).code == "has-devices"
    assert pool.do("peer-remove", None, peer=host(2), force=True).outcome == "done"
    assert [d.peer_id for d in devices.all_devices(pool.view())] == [peer_id(1), peer_id(3)]


def test_a_brick_on_a_device_goes_to_another_device_by_itself() -> None:
    pool = equipped(4)
    volume = pool_after(pool, sized(replica=3))
    assert pool.do("volume-start", None, volume="v").outcome == "done"
    old = next(volume.bricks())
    fields = {"volume": "v", "src_peerid": old.peer_id, "src_brickpath": old.path}
    plan: Plan = pool.plan("volume-replace-brick", **fields)
    assert [barrier[0].kind for barrier in plan.before] == ["storage.make", "brick.prepare", "brick.hold", "brick.blame"]
    assert plan.after[-1][0].kind == "storage.free"
    assert pool.do("volume-replace-brick", None, **fields).outcome == "done"
    after = pool.view().volume("v")
    assert after is not None
    new = next(after.bricks())
    assert new.device not in {b.device for b in volume.bricks()} and new.size == old.size and new.index == old.index
    assert [(s.brick, s.leaving) for s in spaces(pool) if s.brick in (old.id, new.id)].count((old.id, True)) == 1


def test_a_moved_brick_fills_no_other_one_until_it_is_filled_itself() -> None:
    pool = equipped(4)
    volume = pool_after(pool, sized(replica=2, exclude_peers=["node3", "node4"]))
    pool.do("volume-start", None, volume="v")
    first, second = volume.bricks()
    assert pool.do("volume-replace-brick", None, volume="v", src_peerid=first.peer_id, src_brickpath=first.path).outcome == "done"
    other = {"volume": "v", "src_peerid": second.peer_id, "src_brickpath": second.path}
    why = refused(pool, "volume-replace-brick", **other)
    assert why.code == "not-filled" and "0 other bricks of its set are whole" in why.message
    (filling,) = [(d, s) for d in devices.all_devices(pool.view()) for s in devices.spaces(pool.view(), d.id) if s.filling]
    pool.store(devices.space_key(filling[0].id, filling[1].brick), msgspec.structs.replace(filling[1], filling=False))
    assert pool.do("volume-replace-brick", None, **other).outcome == "done"


def test_a_volume_grows_by_sets_like_those_it_has() -> None:
    pool = equipped(3)
    before = pool_after(pool, sized(replica=2, arbiter=1, max_brick_size=GIB, size=GIB))
    assert pool.do("volume-expand", None, volume="v", size=2 * GIB).outcome == "done"
    after = pool.view().volume("v")
    assert after is not None and after.subvols[0] == before.subvols[0] and len(after.subvols) == 3
    assert after.capacity == 3 * GIB and [s.bricks[2].type.value for s in after.subvols] == ["Arbiter"] * 3
    assert [b.index for b in after.bricks()] == list(range(9))
    assert len(spaces(pool)) == 9 and all(pool.view().brick_claims(b.peer_id)[b.path].fsid == 7 for b in after.bricks())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size": GIB, "bricks": ["node1:/b"]}, "bad-layout"),
        ({"size": GIB, "replica": 3}, "bad-layout"),
        ({"size": -1}, "bad-layout"),
        ({"distribute": 2}, "bad-layout"),
        ({}, "no-bricks"),
        ({"size": 9 * GIB}, "no-space"),
        ({"size": 5}, "too-small"),
        ({"size": 40 * GIB, "distribute": 40}, "bad-size"),
    ],
)
def test_an_expand_that_can_not_be_placed_is_refused(fields: dict[str, Any], code: str) -> None:
    pool = equipped(2)
    pool_after(pool, sized(replica=2))
    assert refused(pool, "volume-expand", volume="v", **fields).code == code


@pytest.mark.parametrize(
    ("words", "leaving", "replica", "after"),
    [
        ({}, slice(1, 2), 0, 1),
        ({"replica": 2}, slice(2, 4), 0, 1),
        ({"replica": 3}, slice(2, 3), 2, 1),
        ({"disperse": 3}, slice(3, 6), 0, 2),
    ],
)
def test_bricks_that_are_removed_take_their_share_of_the_size_with_them_and_give_their_space_back(
    words: dict[str, int], leaving: slice, replica: int, after: int
) -> None:
    pool = equipped()
    size = after * GIB * (1 if replica else 2)
    volume = pool_after(pool, sized(size=size, distribute=1 if replica else 2, **words))
    bricks = list(volume.bricks())[leaving]
    fields = {"volume": "v", "bricks": [f"{b.peer_id}:{b.path}" for b in bricks], "replica": replica, "force": True}
    plan = pool.plan("remove-brick-commit", **fields)
    assert plan.after[-1][0].kind == "storage.free"
    assert pool.do("remove-brick-commit", None, **fields).outcome == "done"
    smaller = pool.view().volume("v")
    assert smaller is not None and smaller.capacity == after * GIB
    assert {s.brick for s in spaces(pool) if s.leaving} == {b.id for b in bricks}


@pytest.mark.parametrize("seed", range(3))
def test_after_any_commands_that_end_well_or_badly_the_books_are_right_and_all_space_comes_back(seed: int) -> None:
    """What must hold (devices.check) is checked after every commit. Peers take leaving bricks apart at times."""
    chance = random.Random(seed)
    pool = equipped(5, size=6 * GIB)
    world = World(pool.state, lambda step, undo: broken(step) if not undo and chance.random() < 0.03 else None)
    done = dict.fromkeys(("volume-create", "volume-expand", "volume-start", "volume-replace-brick", "volume-stop", "volume-delete"), 0)
    for number in range(200):
        volumes = pool.view().volumes()
        command = chance.choice([*done, "volume-create", "volume-create"]) if volumes else "volume-create"
        if chance.random() < 0.2:
            taken_apart(pool)
        fields = a_request(chance, command, number, volumes)
        with contextlib.suppress(Refused):
            life = pool.life(command, f"t{number}", **fields)
            done[command] += drive(pool, life, life.start(), world).outcome == "done"
    assert all(done.values()), f"not everything was reached: {done}"
    for volume in pool.view().volumes():
        if volume.state is model.VolumeState.STARTED:
            assert pool.do("volume-stop", None, volume=volume.name).outcome == "done"
        assert pool.do("volume-delete", None, volume=volume.name).outcome == "done"
    taken_apart(pool)
    assert free(pool) == [6] * 5


def a_request(chance: random.Random, command: str, number: int, volumes: list[model.Volume]) -> dict[str, Any]:
    if command == "volume-create":
        shape = chance.choice([{}, {"replica": 2}, {"replica": 3}, {"replica": 2, "arbiter": 1}, {"disperse": 3}])
        return {**sized(f"v{number}", chance.randint(1, 4) * GIB), **shape}
    volume = chance.choice(volumes)
    if command == "volume-expand":
        return {"volume": volume.name, "size": 2 * GIB}
    if command == "volume-replace-brick":
        brick = chance.choice(list(volume.bricks()))
        return {"volume": volume.name, "src_peerid": brick.peer_id, "src_brickpath": brick.path}
    return {"volume": volume.name}


def taken_apart(pool: Pool) -> None:
    """What peers do about spaces that are leaving (storage.py); and new bricks are filled."""
    view = pool.view()
    for found in devices.all_devices(view):
        for space in devices.spaces(view, found.id):
            key = devices.space_key(found.id, space.brick)
            if space.leaving:
                pool.commit(make_commit(pool.state, (), (Change(key),)))
            elif space.filling:
                pool.store(key, msgspec.structs.replace(space, filling=False))


def test_where_a_brick_goes_that_nobody_placed_must_be_said() -> None:
    pool = equipped()
    pool.volume("v", "node1:/b", "node2:/b", replica=2, force=True)
    pool.do("volume-start", None, volume="v")
    why = refused(pool, "volume-replace-brick", volume="v", src_peerid=host(1), src_brickpath="/b")
    assert "where the new brick is to be is not said" in why.message


@pytest.mark.parametrize(
    ("change", "tags", "after"),
    [
        ("set", {"a": "1"}, {"a": "1"}),
        ("update", {"a": "1"}, {"tier": "gold", "a": "1"}),
        ("delete", {"tier": ""}, {}),
    ],
)
def test_tags_are_set_updated_and_deleted(change: str, tags: dict[str, str], after: dict[str, str]) -> None:
    pool = equipped(1, tags={"tier": "gold"})
    assert pool.do("device-tags", None, peer=host(1), device="/disk", change_type=change, tags=tags).outcome == "done"
    assert devices.all_devices(pool.view())[0].tags == after


@pytest.mark.parametrize("tags", [{"a b": "x"}, {"": "x"}, {"a": "x" * 65}, {f"t{i}": "" for i in range(33)}])
def test_tags_that_heketi_refuses_are_refused(tags: dict[str, str]) -> None:
    assert refused(equipped(1), "device-tags", peer=host(1), device="/disk", change_type="set", tags=tags).code == "bad-tag"


def test_no_brick_is_placed_on_space_that_is_not_there_until_a_resync_has_measured_it() -> None:
    pool = equipped(1)
    pool.store(devices.device_key(device(1).id), device(1, short=9 * GIB))
    assert "1 GiB are free, a brick of 2 GiB" in refused(pool, "volume-create", **sized(distribute=1)).message
    world = World(pool.state)
    world.found["device.measure"] = {"size": 4 * GIB}
    assert pool.do("device-resync", world, peer=host(1), device="/disk").outcome == "done"
    assert devices.find(pool.view(), device(1).id) == device(1, size=4 * GIB)
    pool.plan("volume-create", **sized(distribute=1))


def test_a_device_is_measured_by_its_peer_which_is_told_what_bricks_have() -> None:
    pool = equipped(3)
    pool.store(devices.device_key(device(2).id), device(2, asked=5 * GIB))
    pool.do("volume-create", None, **sized(replica=3))
    ((step,),) = pool.plan("device-resync", peer=host(2), device="/disk").before
    held = devices.used(devices.spaces(pool.view(), device(2).id))
    assert (step.peer_id, step.arguments["asked"], step.arguments["held"]) == (peer_id(2), 5 * GIB, held) and held > 0
    world = World(pool.state)
    world.found["device.measure"] = {"size": 7 * GIB}
    assert pool.do("device-resync", world, peer=host(2), device="/disk").outcome == "done"
    assert devices.find(pool.view(), device(2).id) == device(2, asked=5 * GIB, size=7 * GIB)
    pool.online.discard(peer_id(2))
    assert refused(pool, "device-resync", peer=host(2), device="/disk").code == "peer-offline"


def test_an_unknown_device_is_not_found() -> None:
    with pytest.raises(NotFound, match="has no device /dev/sdz"):
        equipped().plan("device-edit", peer=host(1), device="/dev/sdz", state="offline")
