"""A volfile is given, or waited for until it is another one; what can't be given is refused with the reason."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.append(str(Path(__file__).parents[1] / "commands"))  # the pool that is only a state
from pool_kit import Pool

from gd2raft import volfiles
from gd2raft.core import model
from gd2raft.core.kv import Commit
from gd2raft.rpc.errors import RpcRefusal
from gd2raft.rpc.fields import PAYLOAD_BYTES_MAX
from gd2raft.services import Volfile, VolfileQuery
from gd2raft.volfiles import Volfiles

pytestmark = pytest.mark.fast

WAIT_MS = 20_000


class World:
    """A volume `v` that is started; `text` stands for its volfile."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.pool.volume("v", "node1:/b/v", force=True)
        self.state(model.VolumeState.STARTED)
        self.text = "one"
        self.made = 0
        self.volfiles = Volfiles(self.pool.view, lambda: self.pool.state.revision, self.make)

    def make(self, volume: model.Volume) -> str:
        self.made += 1
        return self.text

    def state(self, state: model.VolumeState) -> None:
        volume = self.pool.view().volume("v")
        assert volume is not None
        self.pool.store(model.volume_key("v"), msgspec.structs.replace(volume, state=state))

    def ask(self, known: str = "", wait_ms: int = 0, volume: str = "v") -> Coroutine[Any, Any, Volfile]:
        return self.volfiles.on_query(None, VolfileQuery(volume, known, wait_ms))  # type: ignore[arg-type]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_volfile_is_given_with_its_digest_and_made_once_for_many() -> None:
    async def main() -> None:
        world = World()
        found = [await world.ask() for _ in range(3)]
        assert found == [Volfile(digest("one"), world.pool.state.revision, b"one")] * 3
        assert world.made == 1

    asyncio.run(main())


def test_one_that_is_known_comes_without_its_text_when_the_wait_is_over() -> None:
    async def main() -> None:
        world = World()
        assert (await world.ask(digest("one"))).volfile == b""
        same = await world.ask(digest("one"), 30)
        assert (same.digest, same.volfile) == (digest("one"), b"")

    asyncio.run(main())


def test_who_waits_is_given_the_next_one_and_not_woken_by_other_volumes() -> None:
    async def main() -> None:
        world = World()
        waiting = asyncio.create_task(world.ask(digest("one"), WAIT_MS))
        await asyncio.sleep(0)
        world.volfiles.changed(["other"])
        world.volfiles.changed(["v"])  # its volfile is the same
        await asyncio.sleep(0)
        assert not waiting.done()
        world.text = "two"
        world.volfiles.changed(None)
        assert (await waiting).volfile == b"two"

    asyncio.run(main())


def test_who_waits_for_a_volume_that_is_deleted_is_told_so() -> None:
    async def main() -> None:
        world = World()
        waiting = asyncio.create_task(world.ask(digest("one"), WAIT_MS))
        await asyncio.sleep(0)
        world.pool.commit(Commit(delete=(model.volume_key("v"),)))
        world.volfiles.changed(["v"])
        with pytest.raises(RpcRefusal) as error:
            await waiting
        assert error.value.code == volfiles.NOT_FOUND

    asyncio.run(main())


@pytest.mark.parametrize(("volume", "state", "code"), [("w", "Started", volfiles.NOT_FOUND), ("v", "Created", volfiles.NOT_STARTED)])
def test_a_volume_without_a_volfile_is_refused(volume: str, state: str, code: str) -> None:
    world = World()
    world.state(model.VolumeState(state))
    with pytest.raises(RpcRefusal) as error:
        asyncio.run(world.ask(volume=volume))
    assert error.value.code == code


def test_one_that_no_message_can_hold_is_refused() -> None:
    world = World()
    world.text = "x" * (PAYLOAD_BYTES_MAX + 1)
    with pytest.raises(RpcRefusal, match="too-large"):
        asyncio.run(world.ask())


def test_no_more_wait_than_there_is_room_for_and_who_goes_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volfiles, "WAITING_MAX", 2)

    async def main() -> None:
        world = World()
        waiting = [asyncio.create_task(world.ask(digest("one"), WAIT_MS)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RpcRefusal, match="busy"):
            await world.ask(digest("one"), WAIT_MS)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        third = asyncio.create_task(world.ask(digest("one"), WAIT_MS))
        await asyncio.sleep(0)
        world.text = "two"
        world.volfiles.changed(["v"])
        assert [(await task).volfile for task in (waiting[1], third)] == [b"two"] * 2

    asyncio.run(main())
