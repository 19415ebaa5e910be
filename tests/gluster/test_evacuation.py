"""Bricks leave failed devices: who moves them, what stands in the note, and when a new brick counts as filled. No daemon: a state and functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest
from waiting import until

from gd2raft import evacuation
from gd2raft.commands.volume_replace_brick import VolumeReplaceBrick
from gd2raft.core import devices, model
from gd2raft.core.devices import Device, Space, State
from gd2raft.core.kv import Commit, Event
from gd2raft.core.model import Brick, Subvolume, SubvolumeType, Volume, VolumeState
from gd2raft.core.plan import Refused, delete, make_commit, put
from gd2raft.evacuation import Evacuation, is_whole
from gd2raft.store.memory import MemoryStore

pytestmark = pytest.mark.fast

DEVICE, OTHER = "1" * 32, "2" * 32
DEADLINE_S = 20.0


class World:
    """`waiting`: entries by brick; `refuse`: why nothing can be moved."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.leads, self.refuse = True, ""
        self.moved: list[str] = []
        self.healed: list[tuple[int, tuple[str, ...]]] = []
        self.waiting: dict[str, int] = {}
        self.evacuation = Evacuation(store=lambda: self.store, leads=lambda: self.leads, run=self.run, pending=self.pending, heal=self.heal)

    async def run(self, request: VolumeReplaceBrick) -> None:
        if self.refuse:
            raise Refused(self.refuse)
        self.moved.append(request.src_brickpath)
        key = next(k for k, i in self.store.list(model.SPACES) if k.count("/") == 2 and request.src_brickpath.encode() in i.value)
        await self.commit(make_commit(self.store, (), (delete(key),)))

    async def pending(self, volume: Volume, peers: Sequence[str]) -> dict[str, int]:
        return self.waiting

    async def heal(self, volume: Volume, number: int, peers: Sequence[str]) -> None:
        self.healed.append((number, tuple(peers)))

    async def commit(self, commit: Commit) -> None:
        result = await self.store.commit(commit, timeout_s=1)
        items = [(p.key, p.value) for p in commit.put] + [(key, None) for key in commit.delete]
        self.evacuation.on_events([Event(result.revision, key, value) for key, value in items])

    async def store_record(self, key: str, record: model.Record) -> None:
        await self.commit(make_commit(self.store, (), (put(model.View(self.store), key, record),)))

    async def device(self, state: State, *paths: str) -> None:
        for path in paths:
            await self.store_record(devices.space_key(DEVICE, path[1:]), Space(brick=path[1:], volume="v", path=path, size=1, pool=1))
        await self.store_record(
            devices.device_key(DEVICE), Device(id=DEVICE, peer_id="p1", path="/d", provisioner="loop", size=9, state=state)
        )

    def note(self) -> str:
        found = devices.find(model.View(self.store), DEVICE)
        assert found is not None
        return found.note


def with_world(test: Callable[[World], Awaitable[None]]) -> Callable[[pytest.MonkeyPatch], None]:
    def run(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(evacuation, "EVERY_S", 0.01)
        monkeypatch.setattr(evacuation, "TELL_EVERY_S", 0.02)

        async def body() -> None:
            world = World()
            world.evacuation.start()
            try:
                await test(world)
            finally:
                await world.evacuation.close()

        asyncio.run(body())

    run.__name__ = test.__name__
    return run


@with_world
async def test_the_bricks_of_a_failed_device_are_moved_and_those_of_others_are_not(world: World) -> None:
    await world.device(State.ONLINE, "/a", "/b")
    await world.store_record(devices.space_key(OTHER, "c"), Space(brick="c", volume="v", path="/c", size=1, pool=1))
    await asyncio.sleep(0)
    assert world.moved == []
    await world.device(State.FAILED)
    await until(lambda: len(world.moved) == 2)
    assert sorted(world.moved) == ["/a", "/b"]


@with_world
async def test_only_the_peer_that_leads_moves_bricks_and_it_begins_when_it_leads(world: World) -> None:
    world.leads = False
    await world.device(State.FAILED, "/a")
    await asyncio.sleep(0.05)  # several rounds
    assert world.moved == []
    world.leads = True
    await until(lambda: world.moved == ["/a"])


@with_world
async def test_what_can_not_be_moved_is_noted_and_tried_again(world: World) -> None:
    world.refuse = "no room"
    await world.device(State.FAILED, "/a")
    await until(lambda: world.note() == "brick a of v: no room")
    world.refuse = ""
    await until(lambda: world.moved == ["/a"] and world.note() == "")


@with_world
async def test_a_device_that_is_well_again_keeps_what_it_has(world: World) -> None:
    world.refuse = "not yet"
    await world.device(State.FAILED, "/a")
    await until(world.note)
    await world.device(State.OFFLINE)
    world.refuse = ""
    await asyncio.sleep(0.05)
    assert world.moved == []


def replicated(*bricks: str) -> Subvolume:
    made = tuple(Brick(id=b, peer_id=f"p-{b}", path=f"/{b}", index=i) for i, b in enumerate(bricks))
    return Subvolume(type=SubvolumeType.REPLICATE, bricks=made, replica_count=len(bricks))


@with_world
async def test_a_new_brick_is_filled_once_nothing_waits_and_self_heal_is_told_until_then(world: World) -> None:
    volume = Volume(id="i", name="v", state=VolumeState.STARTED, username="", password="", subvols=(replicated("a", "b"),))
    key = devices.space_key(DEVICE, "a")
    world.waiting = {"a": 0, "b": 5}
    await world.store_record(model.volume_key("v"), volume)
    await world.store_record(key, Space(brick="a", volume="v", path="/a", size=1, pool=1, filling=True))
    await until(lambda: len(world.healed) > 1)
    assert set(world.healed) == {(0, ("p-a", "p-b"))}
    world.waiting = {"a": 0}
    await asyncio.sleep(0.03)
    item = world.store.get(key)
    assert item is not None and msgspec.json.decode(item.value)["filling"], "the other brick could not be asked"
    world.waiting = {"a": 0, "b": 0}
    await until(lambda: not model.load(key, world.store.get(key).value, Space).filling)  # type: ignore[union-attr]


def test_a_brick_of_a_disperse_set_is_whole_when_enough_others_say_so() -> None:
    made = msgspec.structs.replace(
        replicated("a", "b", "c", "d", "e", "f"), type=SubvolumeType.DISPERSE, replica_count=0, disperse_count=6, redundancy_count=2
    )
    assert is_whole(made, "a", {"a": 0, "b": 0, "c": 0, "d": 0, "e": 0})
    assert not is_whole(made, "a", {"a": 0, "b": 0, "c": 0, "d": 0}), "three others are too few to fill it"
    assert not is_whole(made, "a", {"b": 0, "c": 0, "d": 0, "e": 0, "f": 0}), "it was not asked itself"
    assert not is_whole(made, "a", {"a": 0, "b": 0, "c": 0, "d": 0, "e": 1})
