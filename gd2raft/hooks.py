"""The hook scripts of this peer: what runs before a command's changes and after its end, and what the pool is told about them.

`before` is a step of the command's transaction, with a deadline. What runs after is told by the state itself: the answer of a command that
ended well names its operation and the peers (core.hooks); each of them runs its scripts then, one operation after the other, and nobody waits
for it. A peer that is away, or whose daemon dies meanwhile, does not run them later; glusterd does neither.
It must not know commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from gd2raft.core import model, workdir
from gd2raft.core.hooks import OPERATIONS, VERSION, Hook, When, words
from gd2raft.core.kv import Event
from gd2raft.core.phases import Remembered
from gd2raft.process.hooks import Scripts
from gd2raft.process.inotify import FolderWatch

BEFORE_SCRIPT_S, BEFORE_ALL_S = 20.0, 45.0
"""A command waits for the scripts before it for no longer than that, on all its peers at the same time."""
AFTER_SCRIPT_S, AFTER_ALL_S = 120.0, 600.0
QUEUE_MAX = 200
LOOK_EVERY_S, LOOK_WATCHED_S = 5.0, 60.0
"""New scripts are seen at once where the kernel tells of them (process/inotify.py), after the first where it doesn't; the second is for what
it can't tell, such as another file system mounted over a folder."""
FRESH_NS = 2_000_000_000
"""A folder that has changed so short a time ago may change again without another time of its change."""
ENVIRONMENT = "GLUSTERD_WORKDIR"
VOLS = "vols"

log = structlog.get_logger("hooks")


class _Answer(msgspec.Struct, frozen=True):
    """The part of a Remembered that is of interest here: one is decoded for each command of the pool."""

    hook: Hook | None = None


class Hooks:
    """`folder`: HOOKSDIR. `state`: the daemon's folder, the scripts' --gd-workdir. `on_change`: `names` has changed."""

    def __init__(
        self,
        *,
        folder: Path,
        state: Path,
        peer_id: Callable[[], str],
        view: Callable[[], model.View],
        current: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._top = folder
        self._scripts = Scripts(folder / VERSION, log)
        self._state, self._peer_id, self._view, self._current, self._on_change = state, peer_id, view, current, on_change
        self._queue: asyncio.Queue[Hook] = asyncio.Queue(QUEUE_MAX)
        self._look = asyncio.Event()
        self._watched: list[Path] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.names: tuple[str, ...] = self._found()
        """Which scripts there are: start/pre and the like."""

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._run_queue(), name="hooks after commands"),
            asyncio.create_task(self._watch(), name="hooks are watched"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # which there are

    def _found(self) -> tuple[str, ...]:
        return tuple(f"{o}/{when}" for o in OPERATIONS for when in ("pre", "post") if self._scripts.has(f"{o}/{when}"))

    async def _watch(self) -> None:
        watch = FolderWatch(self._look.set)
        try:
            while True:
                told = self._watch_all(watch)
                seen = self._times()
                if (found := self._found()) != self.names:
                    self.names = found
                    log.info("hook scripts", folder=str(self._scripts.folder), found=list(found))
                    self._on_change()
                await self._until_look(LOOK_WATCHED_S if told else LOOK_EVERY_S, seen)
        finally:
            watch.close()

    async def _until_look(self, every_s: float, seen: dict[str, int] | None) -> None:
        """Until the kernel tells of a change, or one is seen by the folders' times, which is cheaper than to look into them."""
        while not self._look.is_set() and (seen is None or self._times() == seen):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._look.wait()
            if seen is None:
                break
        self._look.clear()

    def _watch_all(self, watch: FolderWatch) -> bool:
        """Again until no folder has come meanwhile: it would not be told of what is put into it. Whether the kernel tells of all."""
        told = False
        self._watched.clear()
        while (folders := self._folders()) != self._watched:
            told = watch.watch(folders) and bool(folders)
            self._watched = folders
        return told

    def _times(self) -> dict[str, int] | None:
        """When each of the folders changed last; None when that doesn't tell whether it will have changed."""
        times: dict[str, int] = {}
        for folder in map(str, self._watched):
            with contextlib.suppress(OSError):
                times[folder] = os.stat(folder).st_mtime_ns
        return times if time.time_ns() - max(times.values(), default=0) > FRESH_NS else None

    def _folders(self) -> list[Path]:
        version = self._scripts.folder
        operations = [version / operation for operation in OPERATIONS]
        inner = [folder / when for folder in operations for when in ("pre", "post")]
        wanted = (self._top, version, *operations, *inner) if self._top.is_dir() else ()
        return [folder for folder in (self._top.parent, *wanted) if folder.is_dir()]

    # running

    async def before(self, hook: Hook) -> None:
        await self._run(hook, "pre", BEFORE_SCRIPT_S, BEFORE_ALL_S)

    def on_events(self, events: Sequence[Event] | None) -> None:
        """What ended well just now. Not what an old state catches up with (nor None, anything may have changed): that was for then."""
        for event in events or ():
            if event.value is not None and b'"hook"' in event.value and event.key.startswith(model.RESULTS) and self._current():
                hook = msgspec.json.decode(event.value, type=_Answer).hook
                if hook is not None and self._peer_id() in hook.peers:
                    self._enqueue(hook)

    def _enqueue(self, hook: Hook) -> None:
        try:
            self._queue.put_nowait(hook)
        except asyncio.QueueFull:
            log.warning("hook scripts not run: too many wait already", hook=hook.name("post"), volume=hook.volume, waiting=QUEUE_MAX)

    async def _run_queue(self) -> None:
        while True:
            hook = await self._queue.get()
            try:
                await self._run(hook, "post", AFTER_SCRIPT_S, AFTER_ALL_S)
            except Exception:
                log.exception("running hook scripts broke", hook=hook.name("post"), volume=hook.volume)

    async def _run(self, hook: Hook, when: When, script_s: float, all_s: float) -> None:
        view = self._view()
        if not self._scripts.found(name := hook.name(when)):
            return
        try:
            await asyncio.to_thread(write_files, self._state / VOLS / hook.volume, files_of(view, hook.volume))
        except OSError as error:
            log.warning("the files that hook scripts read can't be written", folder=str(self._state / VOLS), cause=str(error))
        started = [v.name for v in view.volumes() if v.state is model.VolumeState.STARTED]
        environment = {**os.environ, ENVIRONMENT: str(self._state)}
        await self._scripts.run(name, words(hook, when, started, str(self._state)), environment, script_s=script_s, all_s=all_s)


def files_of(view: model.View, name: str) -> dict[str, str]:
    """What glusterd has in its folder of the volume, as the state is now; nothing when there is no such volume."""
    volume = view.volume(name)
    return workdir.files(volume, view.host) if volume is not None else {}


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Only what is in `texts` is in `folder` afterwards. It is made anew each time, so no care is taken that it survives a crash."""
    shutil.rmtree(folder, ignore_errors=True)
    if texts:
        (folder / "bricks").mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


assert set(_Answer.__struct_fields__) <= set(Remembered.__struct_fields__)
