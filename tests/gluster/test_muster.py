"""When a job may begin: all bricks of its volume are found, or have been waited for."""

from __future__ import annotations

import asyncio

import pytest
from waiting import until

from gd2raft import muster
from gd2raft.muster import Muster

pytestmark = pytest.mark.fast

BRICKS = [("one", "/b"), ("two", "/b")]


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Of the bricks, by host."""
    found = {"one": 49152}

    async def port_of_brick(host: str, path: str, timeout_s: float) -> int:
        return found.get(host, 0)

    monkeypatch.setattr(muster, "port_of_brick", port_of_brick)
    monkeypatch.setattr(muster, "AGAIN_S", 0.01)
    return found


def test_a_job_begins_when_the_last_brick_is_found(ports: dict[str, int]) -> None:
    async def main() -> None:
        begun: list[str] = []
        made = Muster(begun.append)
        assert not made.complete("v", "job", BRICKS)
        await until(lambda: made.missing("v") == [("two", "/b")])
        assert not made.complete("v", "job", BRICKS) and not begun
        ports["two"] = 49153
        await until(lambda: begun == ["v"])
        assert made.complete("v", "job", BRICKS) and made.missing("v") == []
        assert not made.complete("v", "another job", BRICKS), "its bricks are asked for anew"
        await until(lambda: begun == ["v", "v"])
        await made.close()

    asyncio.run(main())


def test_a_brick_that_stays_away_is_waited_for_only_so_long(ports: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muster, "WAIT_S", 0.05)

    async def main() -> None:
        begun: list[str] = []
        made = Muster(begun.append)
        assert not made.complete("v", "job", BRICKS)
        await until(lambda: begun == ["v"])
        assert made.complete("v", "job", BRICKS)
        made.forget("v")
        assert not made.complete("v", "job", BRICKS)
        await made.close()
        assert begun == ["v"], "a closed one tells nothing"

    asyncio.run(main())


def test_a_volume_without_bricks_waits_for_none() -> None:
    assert Muster(lambda volume: None).complete("v", "job", [])
