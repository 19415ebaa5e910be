"""Crawls of quota: which bricks are due, what is kept when the daemon dies meanwhile, and what is visited. A folder is the mounted brick."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gd2raft import crawls
from gd2raft.core import model, quotas
from gd2raft.crawls import Crawls
from gd2raft.process.mount import MountFailed

pytestmark = pytest.mark.fast

ME = "peer-1"
DEADLINE_S = 10.0


def volume(*, on: bool = True, version: int = 1) -> model.Volume:
    brick = model.Brick(id="b", peer_id=ME, path="/bricks/v", index=0)
    subvol = model.Subvolume(type=model.SubvolumeType.DISTRIBUTE, bricks=(brick, msgspec.structs.replace(brick, peer_id="other")))
    return model.Volume(
        id="i", name="v", state=model.VolumeState.STARTED, username="", password="", subvols=(subvol,),
        options={quotas.ON: "on" if on else "off"}, quota_version=version,
    )  # fmt: skip


class Mounts:
    """As a MountPlace whose mount is a folder. `fails`: so many times it can't be mounted."""

    def __init__(self, root: Path) -> None:
        self.root, self.mounted_ids, self.fails = root, list[str](), 0

    @contextlib.asynccontextmanager
    async def mounted(self, volume: str, *, client_pid: int, timeout_s: float, volfile_id: str) -> AsyncIterator[Path]:
        self.mounted_ids.append(volfile_id)
        if self.fails:
            self.fails -= 1
            raise MountFailed("the brick is down")
        yield self.root


class Peer:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.mounts = folder / "quota", Mounts(folder / "root")
        self.visited: list[bool] = []  # clean or not
        self.hold = threading.Event()
        self.hold.set()
        monkeypatch.setattr(crawls, "RETRY_FIRST_S", 0.01)
        monkeypatch.setattr(crawls, "_counts", lambda root, on: on)
        monkeypatch.setattr(crawls, "visit", self.visit)

    def visit(self, root: Path, stop: threading.Event, clean: bool) -> int:
        self.visited.append(clean)
        while not self.hold.wait(0.01):
            if stop.is_set():
                break
        return 1

    def daemon(self) -> Crawls:
        mounts: Any = self.mounts
        return Crawls(self.folder, mounts, lambda volume, brick: f"{volume.name}:{brick.path}")

    def follow(self, daemon: Crawls, *volumes: model.Volume, existing: frozenset[str] | None = None) -> None:
        daemon.follow(volumes, ME, existing=existing)

    async def idle(self, daemon: Crawls) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(running.task for running in daemon._running.values()))


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), DEADLINE_S))  # type: ignore[arg-type]


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    return Peer(tmp_path, monkeypatch)


def test_each_brick_of_this_peer_is_counted_once_and_cleaned_up_once(peer: Peer) -> None:
    async def test() -> None:
        daemon = peer.daemon()
        for wanted, visited in (
            (volume(), [False]),
            (volume(), [False]),
            (volume(on=False), [False, True]),
            (volume(on=False), [False, True]),
        ):
            peer.follow(daemon, wanted)
            await peer.idle(daemon)
            assert peer.visited == visited
            assert daemon.counted(wanted, next(wanted.bricks()))
        assert peer.mounts.mounted_ids == ["v:/bricks/v"] * 2
        assert list(peer.folder.iterdir()) == []

    run(test)


def test_quota_that_is_enabled_anew_counts_anew(peer: Peer) -> None:
    async def test() -> None:
        daemon = peer.daemon()
        for version in (1, 2):
            peer.follow(daemon, volume(version=version))
            await peer.idle(daemon)
        assert peer.visited == [False, False]

    run(test)


def test_a_crawl_that_a_dying_daemon_cut_short_is_done_again_by_the_next_one_and_a_finished_one_is_not(peer: Peer) -> None:
    async def test() -> None:
        peer.hold.clear()
        first = peer.daemon()
        assert not first.counted(volume(), next(volume().bricks()))
        peer.follow(first, volume())
        while not peer.visited:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await first.close()
        peer.hold.set()
        for _ in range(2):
            following = peer.daemon()
            peer.follow(following, volume())
            await peer.idle(following)
        assert peer.visited == [False, False]

    run(test)


def test_disabling_quota_in_the_middle_of_a_count_ends_it_and_cleans_up(peer: Peer) -> None:
    async def test() -> None:
        peer.hold.clear()
        daemon = peer.daemon()
        peer.follow(daemon, volume())
        while not peer.visited:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        peer.follow(daemon, volume(on=False))
        peer.hold.set()
        await peer.idle(daemon)
        assert peer.visited == [False, True]

    run(test)


def test_a_brick_that_is_down_is_tried_again(peer: Peer) -> None:
    async def test() -> None:
        peer.mounts.fails = 2
        daemon = peer.daemon()
        peer.follow(daemon, volume())
        await peer.idle(daemon)
        assert peer.visited == [False]
        assert len(peer.mounts.mounted_ids) == 3

    run(test)


def test_what_is_known_of_a_deleted_volume_is_forgotten_unless_the_state_may_be_old(peer: Peer) -> None:
    async def test() -> None:
        daemon = peer.daemon()
        peer.follow(daemon, volume())
        await peer.idle(daemon)
        peer.follow(daemon, existing=None)
        assert len(list(peer.folder.iterdir())) == 1
        peer.follow(daemon, existing=frozenset({"another"}))
        assert list(peer.folder.iterdir()) == []

    run(test)


def test_every_entry_is_visited_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f").touch()
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    assert crawls.visit(tmp_path, threading.Event(), False) == 5
    stopped = threading.Event()
    stopped.set()
    assert crawls.visit(tmp_path, stopped, False) == 0
