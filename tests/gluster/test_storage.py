"""Bricks on devices follow the state: mounted before bricks start, taken apart when they are gone. No disk: a state and a provisioner that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from waiting import until

from gd2raft import storage
from gd2raft.commands.step_kinds import MakeStorage, MeasureDevice
from gd2raft.core import devices, model
from gd2raft.core.devices import Device, Space
from gd2raft.core.kv import Commit, Event
from gd2raft.core.plan import delete, make_commit, put
from gd2raft.provision.run import DeviceAway, ProvisionFailed
from gd2raft.storage import Storage
from gd2raft.store.memory import MemoryStore

pytestmark = pytest.mark.fast

ME, OTHER = "me", "other"
GIB = 1 << 30
DEADLINE_S = 20.0


class Disk:
    """Stands for a provisioner. `busy`: bricks that somebody uses; `broken`: those that can't be mounted."""

    def __init__(self) -> None:
        self.mounted: set[str] = set()
        self.gone: list[str] = []
        self.busy: set[str] = set()
        self.broken: set[str] = set()
        self.away = False
        self.there = 9

    async def mount(self, part: MakeStorage) -> None:
        if part.brick in self.broken:
            raise ProvisionFailed("no such disk")
        self.mounted.add(part.brick)

    async def measure(self, wanted: MeasureDevice) -> int:
        return self.there

    async def undo_make(self, part: MakeStorage) -> None:
        if self.away:
            raise DeviceAway("input/output error")

    async def unmake(self, part: MakeStorage) -> None:
        if part.brick in self.busy:
            raise ProvisionFailed("target is busy")
        self.mounted.discard(part.brick)
        self.gone.append(part.brick)


class World:
    def __init__(self) -> None:
        self.store, self.disk = MemoryStore(), Disk()
        self.current, self.told = True, 0
        self.storage = Storage(
            store=lambda: self.store,
            peer_id=lambda: ME,
            current=lambda: self.current,
            folder=Path("/m"),
            forbidden=(),
            on_mounted=self.on_mounted,
        )
        self.storage._provisioner = lambda name: self.disk  # type: ignore[assignment, method-assign, return-value]

    def on_mounted(self) -> None:
        self.told += 1

    async def commit(self, commit: Commit) -> None:
        result = await self.store.commit(commit, timeout_s=1)
        items = [(p.key, p.value) for p in commit.put] + [(key, None) for key in commit.delete]
        self.storage.on_events([Event(result.revision, key, value) for key, value in items])

    async def put(self, key: str, record: model.Record) -> None:
        await self.commit(make_commit(self.store, (), (put(model.View(self.store), key, record),)))

    async def device(self, identity: str, peer: str = ME) -> None:
        await self.put(devices.device_key(identity), Device(id=identity, peer_id=peer, path="/d", provisioner="loop", size=9, mounts="/m"))

    async def brick(self, device: str, brick: str, *, leaving: bool = False, claimed: bool = True, peer: str = ME) -> None:
        path = f"/m/{brick}/brick"
        if claimed:
            await self.put(model.brick_key(peer, path), model.BrickClaim(volume="v", brick=brick, fsid=7))
        elif self.store.get(model.brick_key(peer, path)) is not None:
            await self.commit(make_commit(self.store, (), (delete(model.brick_key(peer, path)),)))
        await self.put(devices.space_key(device, brick), Space(brick=brick, volume="v", path=path, size=1, pool=1, leaving=leaving))

    def held(self) -> set[str]:
        return {key.split("/")[2] for key, _ in self.store.list(model.SPACES) if key.count("/") == 2}


def with_world(test: Callable[[World], Awaitable[None]]) -> Callable[[pytest.MonkeyPatch], None]:
    def run(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(storage, "GATHER_S", 0.01)
        monkeypatch.setattr(storage, "RETRY_S", 0.01)
        monkeypatch.setattr(storage, "LOOK_S", 0.01)

        async def body() -> None:
            world = World()
            try:
                await test(world)
            finally:
                await world.storage.close()

        asyncio.run(body())

    run.__name__ = test.__name__
    return run


@with_world
async def test_a_start_mounts_this_peers_bricks_and_no_others_before_it_returns(world: World) -> None:
    await world.device("d1")
    await world.device("d2", OTHER)
    await world.brick("d1", "a")
    await world.brick("d2", "b", peer=OTHER)
    await world.brick("d1", "half-made", claimed=False)
    await world.brick("d1", "gone", leaving=True, claimed=False)
    await world.storage.start()
    assert world.disk.mounted == {"a"} and world.told == 1


@with_world
async def test_a_brick_that_can_not_be_mounted_holds_nothing_up_and_is_tried_again(world: World) -> None:
    await world.device("d1")
    await world.brick("d1", "a")
    await world.brick("d1", "b")
    world.disk.broken = {"a"}
    await world.storage.start()
    assert world.disk.mounted == {"b"}
    world.disk.broken = set()
    await until(lambda: world.disk.mounted == {"a", "b"} and world.told == 2)


@with_world
async def test_what_has_left_is_taken_apart_and_then_forgotten(world: World) -> None:
    await world.device("d1")
    await world.brick("d1", "a")
    await world.brick("d1", "b")
    await world.storage.start()
    await world.brick("d1", "a", leaving=True, claimed=False)
    await until(lambda: world.held() == {"b"})
    assert world.disk.gone == ["a"] and world.disk.mounted == {"b"}


@with_world
async def test_what_is_in_use_stays_in_the_books_until_it_is_free(world: World) -> None:
    await world.device("d1")
    await world.brick("d1", "a", leaving=True, claimed=False)
    world.disk.busy = {"a"}
    await world.storage.start()
    with pytest.raises(ProvisionFailed, match="target is busy"):
        await world.storage.free([devices.space_key("d1", "a")])
    assert world.held() == {"a"}
    world.disk.busy = set()
    await until(lambda: world.held() == set())


@with_world
async def test_nothing_is_taken_apart_on_the_word_of_an_old_state_or_while_its_brick_is_claimed(world: World) -> None:
    world.current = False
    await world.device("d1")
    await world.brick("d1", "old", leaving=True, claimed=False)
    await world.storage.start()
    await asyncio.sleep(0.05)  # several rounds
    assert world.disk.gone == []
    await world.brick("d1", "claimed", leaving=True)
    world.current = True
    await until(lambda: world.held() == {"claimed"})
    assert world.disk.gone == ["old"]


@with_world
async def test_what_a_device_lacks_of_its_size_is_told_once_it_is_more_than_a_little(world: World) -> None:
    def short() -> int:
        found = devices.find(model.View(world.store), "d1")
        assert found is not None
        return found.short

    await world.put(devices.device_key("d1"), Device(id="d1", peer_id=ME, path="/d", provisioner="loop", size=10 * GIB, tags={"a": "b"}))
    world.disk.there = 10 * GIB - storage.SHORT_BYTES_MIN
    await world.storage.start()
    revision = world.store.revision
    await asyncio.sleep(0.05)  # several looks
    assert world.store.revision == revision, "a little less is not worth a word"
    world.disk.there = 7 * GIB
    await until(lambda: short() == 3 * GIB)
    world.storage.on_events(None)  # as the store does
    revision = world.store.revision
    await asyncio.sleep(0.05)
    assert world.store.revision == revision, "it is told once"
    world.disk.there = 12 * GIB
    await until(lambda: short() == 0)
    found = devices.find(model.View(world.store), "d1")
    assert found is not None and found.tags == {"a": "b"} and found.size == 10 * GIB


@with_world
async def test_an_undo_waits_for_a_disk_that_is_away_as_long_as_its_device_is_in_the_pool(world: World) -> None:
    part = MakeStorage(provisioner="loop", device="d1", device_path="/d", brick="a", mount="/m/a", size=1, pool=1)
    await world.device("d1")
    world.disk.away = True
    with pytest.raises(DeviceAway):
        await world.storage.undo_make(part)
    await world.commit(make_commit(world.store, (), (delete(devices.device_key("d1")),)))
    await world.storage.undo_make(part)


@with_world
async def test_a_command_frees_what_it_names_and_twice_does_nothing(world: World) -> None:
    await world.device("d1")
    await world.brick("d1", "a", leaving=True, claimed=False)
    await world.brick("d1", "b")
    world.storage.on_events(None)
    keys = [devices.space_key("d1", name) for name in ("a", "b")]
    await world.storage.free(keys)
    await world.storage.free(keys)
    assert world.disk.gone == ["a"] and world.held() == {"b"}
