"""Crawls of quota: every entry of this peer's bricks is looked at once quota is on (that makes the brick count it), and freed of quota's
marks once it is off.

Level-triggered: what was done of each brick is noted on disk, so a crawl that a dying daemon cut short is begun anew by the next one. Each
brick is crawled through a mount of it alone (glusterd does the same with find and stat, once, and never again when that is killed).
It must not know what limits there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import structlog

from gd2raft.asks.quota_dirs import CLIENT_PID, used_of
from gd2raft.core import model, quotas
from gd2raft.process.mount import MountFailed, MountPlace
from gd2raft.steps.durable import write_durably

AT_ONCE = 2
MOUNT_S = 30.0
POLL_S = 0.1
LOOKED_UP_AGAIN_S = 1.1
"""A mount remembers what it has looked up for a second."""
RETRY_FIRST_S, RETRY_MOST_S = 2.0, 60.0
CLEANUP = "glusterfs.quota-xattr-cleanup"
"""Setting it makes the marker xlator remove its marks from that entry."""

log = structlog.get_logger("crawls")


class Note(msgspec.Struct, frozen=True):
    """What was done on a brick: all counted under this quota version, or (`done` False) maybe a part of it."""

    volume_id: str
    path: str
    version: int
    done: bool = False


class _Running(msgspec.Struct):
    version: int  # 0: cleaning up
    task: asyncio.Task[None]
    stop: threading.Event


class Crawls:
    """`volfile_id`: key of the graph that is a client of this brick alone."""

    def __init__(self, folder: Path, mounts: MountPlace, volfile_id: Callable[[model.Volume, model.Brick], str]) -> None:
        self._folder, self._mounts, self._volfile_id = folder, mounts, volfile_id
        self._notes: dict[tuple[str, str], Note] | None = None
        self._running: dict[tuple[str, str], _Running] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    def follow(self, volumes: Iterable[model.Volume], peer_id: str, *, existing: frozenset[str] | None) -> None:
        """`volumes`: the started ones with bricks here. `existing`: ids of all volumes; None: the state may be old."""
        wanted: dict[tuple[str, str], tuple[model.Volume, model.Brick, int]] = {}
        for volume in volumes:
            for brick in volume.bricks():
                if brick.peer_id == peer_id and (version := self._version_due(volume, brick)) is not None:
                    wanted[volume.id, brick.path] = volume, brick, version
        for key, running in list(self._running.items()):
            if key not in wanted or wanted[key][2] != running.version:
                self._stop(key)
        for key, (volume, brick, version) in wanted.items():
            if key not in self._running:
                self._start(key, volume, brick, version)
        if existing is not None:
            self._forget(existing)

    def counted(self, volume: model.Volume, brick: model.Brick) -> bool:
        """Whether nothing is left to do on this peer's brick, as far as the volume's options go."""
        return self._version_due(volume, brick) is None

    async def close(self) -> None:
        tasks = [running.task for running in self._running.values()]
        for key in list(self._running):
            self._stop(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _version_due(self, volume: model.Volume, brick: model.Brick) -> int | None:
        """The quota version that the brick is to be crawled for, 0 for a clean-up, None for nothing."""
        note = self._known().get((volume.id, brick.path))
        if quotas.is_on(volume):
            return None if note is not None and note.done and note.version >= volume.quota_version else volume.quota_version
        return 0 if note is not None else None

    def _start(self, key: tuple[str, str], volume: model.Volume, brick: model.Brick, version: int) -> None:
        stop = threading.Event()
        task = asyncio.create_task(self._crawl(key, volume, brick, version, stop), name=f"quota crawl of {brick.path}")
        self._running[key] = _Running(version, task, stop)

        def ended(task: asyncio.Task[None]) -> None:
            if (running := self._running.get(key)) is not None and running.task is task:
                del self._running[key]
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("a crawl broke", brick=brick.path, exc_info=error)

        task.add_done_callback(ended)

    def _stop(self, key: tuple[str, str]) -> None:
        running = self._running.pop(key)
        running.stop.set()
        running.task.cancel()

    async def _crawl(self, key: tuple[str, str], volume: model.Volume, brick: model.Brick, version: int, stop: threading.Event) -> None:
        note = Note(volume.id, brick.path, version or self._known()[key].version)
        await asyncio.to_thread(self._write, note)  # before the brick has any marks: they must be cleaned up again
        wait_s = RETRY_FIRST_S
        while not stop.is_set():
            try:
                async with self._gate:
                    entries = await self._once(volume, brick, stop, clean=version == 0)
                break
            except (MountFailed, OSError) as error:
                log.info("crawl failed, it is tried again", brick=brick.path, why=str(error), in_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(RETRY_MOST_S, wait_s * 2)
        if version == 0:
            await asyncio.to_thread(self._remove, key)
        else:
            await asyncio.to_thread(self._write, msgspec.structs.replace(note, done=True))
        log.info("quota's marks removed" if version == 0 else "counted for quota", volume=volume.name, brick=brick.path, entries=entries)

    async def _once(self, volume: model.Volume, brick: model.Brick, stop: threading.Event, *, clean: bool) -> int:
        """Entries seen. Raises MountFailed, OSError."""
        volfile_id = self._volfile_id(volume, brick)
        async with self._mounts.mounted(volume.name, client_pid=CLIENT_PID, timeout_s=MOUNT_S, volfile_id=volfile_id) as root:
            await _until_brick_knows(root, on=not clean)
            return await asyncio.to_thread(visit, root, stop, clean)

    # notes

    def _known(self) -> dict[tuple[str, str], Note]:
        if self._notes is None:
            self._notes = {}
            for path in self._folder.glob("*.json"):
                with contextlib.suppress(OSError, msgspec.MsgspecError):
                    note = msgspec.json.decode(path.read_bytes(), type=Note)
                    self._notes[note.volume_id, note.path] = note
        return self._notes

    def _write(self, note: Note) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_durably(self._file(note.volume_id, note.path), msgspec.json.encode(note))
        self._known()[note.volume_id, note.path] = note

    def _remove(self, key: tuple[str, str]) -> None:
        self._file(*key).unlink(missing_ok=True)
        self._known().pop(key, None)

    def _forget(self, existing: frozenset[str]) -> None:
        for volume_id, path in [key for key in self._known() if key[0] not in existing]:
            self._remove((volume_id, path))

    def _file(self, volume_id: str, path: str) -> Path:
        return self._folder / f"{volume_id}-{hashlib.sha256(path.encode()).hexdigest()[:16]}.json"


async def _until_brick_knows(root: Path, *, on: bool) -> None:
    """The brick learns of its new options about when the crawl begins, and counts (or stops counting) only then. Raises OSError."""
    try:
        async with asyncio.timeout(MOUNT_S):
            while (await asyncio.to_thread(_counts, root, on)) is not on:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise OSError(f"the brick has not switched quota {'on' if on else 'off'} within {MOUNT_S:g} s") from None


def _counts(root: Path, on: bool) -> bool:
    """Whether the brick counts, told by its root: one that counts makes the mark of a root that has none when it is looked up. So a brick
    that should not is tried by taking the mark away."""
    if not on:
        os.setxattr(root, CLEANUP, b"1")
        time.sleep(LOOKED_UP_AGAIN_S)
    os.stat(root)
    return used_of(root) is not None


def visit(root: Path, stop: threading.Event, clean: bool) -> int:
    """Look every entry up, or take quota's marks off it. Entries that go meanwhile are no trouble. Raises OSError when the brick goes."""
    seen = 0
    waiting = [str(root)]
    while waiting and not stop.is_set():
        folder = waiting.pop()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            seen += touch(folder, clean)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if stop.is_set():
                        break
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        seen += touch(entry.path, clean)
    return seen


def touch(path: str, clean: bool) -> int:
    with contextlib.suppress(FileNotFoundError):
        os.lstat(path)
        if clean:
            os.setxattr(path, CLEANUP, b"1", follow_symlinks=False)
        return 1
    return 0
