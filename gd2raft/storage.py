"""The bricks on this peer's devices: mounted when the daemon starts, taken apart when their volume is without them.

Level-triggered, like everything that follows the state: what is to be mounted and what is to go stands in the records (core.devices.Space). A space
that is leaving is deleted by this peer once its file or logical volume is gone, so a daemon that dies in between goes on at its next start.
Nothing is taken apart on the word of a state that may be old.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

import msgspec
import structlog

from gd2raft.commands.sizing import storage_of_space
from gd2raft.commands.step_kinds import CloneStorage, DropDevice, FreezeStorage, MakeStorage, MeasureDevice, SetUpDevice
from gd2raft.core import devices, model
from gd2raft.core.devices import Device, Space
from gd2raft.core.kv import Event, Expect
from gd2raft.core.plan import Change, make_commit
from gd2raft.provision import mounts
from gd2raft.provision.freeze import Hold, freeze
from gd2raft.provision.loop import Loop
from gd2raft.provision.lvm import Lvm
from gd2raft.provision.run import DeviceAway, ProvisionFailed
from gd2raft.store.interface import Store, StoreError

MOUNTS = "mounts"
START_S = 60.0
"""The start waits so long for mounts; bricks whose file system comes later are started later."""
GATHER_S = 3.0
"""So long a command has to free what it has taken out of the state, before the keeper does it."""
RETRY_S = 10.0
COMMIT_S = 10.0
AT_ONCE_MAX = 4
LOOK_S = 60.0
"""So often a peer looks whether the folders of its devices still have what the book says."""
SHORT_BYTES_MIN, SHORT_SHARE = 64 << 20, 50
"""What may be missing without a word: a fiftieth of the device, at least so much."""

log = structlog.get_logger("storage")


class Provisioner(Protocol):
    """Each can be repeated. Raise ProvisionFailed."""

    async def set_up(self, wanted: SetUpDevice) -> dict[str, int]: ...

    async def undo_set_up(self, wanted: SetUpDevice) -> None:
        """Where nothing was set up it has nothing to do, and needs nothing."""
        ...

    async def measure(self, wanted: MeasureDevice) -> int:
        """Bytes that bricks may have of the device, those that they have included."""
        ...

    async def drop(self, gone: DropDevice) -> None: ...

    async def make(self, part: MakeStorage) -> None: ...

    async def mount(self, part: MakeStorage) -> None: ...

    async def unmake(self, part: MakeStorage) -> None: ...

    async def undo_make(self, part: MakeStorage) -> None:
        """As unmake, of what may never have been made: then it has nothing to do, and needs nothing. DeviceAway where that can't be known."""
        ...


class Still(msgspec.Struct):
    """A brick's file system that stands still, and the brick that it was copied for meanwhile."""

    hold: Hold
    copy: str = ""


class Storage:
    """`folder`: where bricks are mounted; `forbidden`: the daemon's own folders; `on_mounted`: bricks may be startable now."""

    def __init__(
        self,
        *,
        store: Callable[[], Store],
        peer_id: Callable[[], str],
        current: Callable[[], bool],
        folder: Path,
        forbidden: Iterable[Path],
        on_mounted: Callable[[], None],
    ) -> None:
        self._store, self._peer_id, self._current = store, peer_id, current
        self._folder, self._forbidden, self._on_mounted = folder, tuple(forbidden), on_mounted
        self._mine: dict[str, Device] = {}
        self._mounted: set[str] = set()  # keys of spaces
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # of a brick
        self._few = asyncio.Semaphore(AT_ONCE_MAX)
        self._still: dict[str, Still] = {}  # by brick
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None

    # life

    async def start(self) -> None:
        """Mount what the state has for this peer, then go on following it."""
        self._learn()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                await self._mount_missing()
        self._task = asyncio.create_task(self._run(), name="storage follows the state")
        self._watcher = asyncio.create_task(self._watch(), name="storage looks at its devices")
        self._wake.set()

    async def close(self) -> None:
        tasks = [task for task in (self._task, self._watcher) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def on_events(self, events: Sequence[Event] | None) -> None:
        """The state changed (None: anything may have). A pool of a thousand has many devices: only our own are looked at."""
        if events is None:
            self._learn()
            self._wake.set()
            return
        for event in events:
            if event.key.startswith(model.DEVICES):
                self._learn_one(event.key, event.value)
            elif event.key.startswith(model.SPACES) and event.key.split("/")[1] in self._mine:
                self._wake.set()

    def _learn(self) -> None:
        me = self._peer_id()
        self._mine = {device.id: device for device in devices.of_peer(model.View(self._store()), me)}

    def _learn_one(self, key: str, value: bytes | None) -> None:
        identity = key.removeprefix(model.DEVICES)
        device = None if value is None else model.load(key, value, Device)
        if device is not None and device.peer_id == self._peer_id():
            self._mine[identity] = device
        else:
            self._mine.pop(identity, None)

    async def _run(self) -> None:
        pause: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()
            try:
                missing = await self._mount_missing()
                if self._leaving():
                    await asyncio.sleep(GATHER_S)
                problems = await self._free(self._leaving()) if self._current() else []
            except Exception:
                log.exception("following the state broke; trying again later")
                pause = RETRY_S
                continue
            for problem in problems:
                log.warning("the space of a brick can't be freed yet", cause=problem)
            pause = RETRY_S if missing or problems or self._leaving() else None

    # what steps do

    async def set_up(self, wanted: SetUpDevice) -> dict[str, Any]:
        return {**await self._provisioner(wanted.provisioner).set_up(wanted), "mounts": str(self._folder)}

    async def undo_set_up(self, wanted: SetUpDevice) -> None:
        await self._provisioner(wanted.provisioner).undo_set_up(wanted)

    async def measure(self, wanted: MeasureDevice) -> dict[str, Any]:
        size = await self._provisioner(wanted.provisioner).measure(wanted)
        if size < wanted.held:
            raise ProvisionFailed(
                f"device {wanted.path} has {size} bytes now, and bricks have {wanted.held} of it",
                hint="enlarge it, or set it failed, so that its bricks are moved away",
            )
        return {"size": size}

    async def drop(self, gone: DropDevice) -> None:
        await self._provisioner(gone.provisioner).drop(gone)

    async def make(self, part: MakeStorage) -> None:
        async with self._turn(part):
            await self._provisioner(part.provisioner).make(part)

    async def freeze(self, wanted: FreezeStorage) -> None:
        """It stands still until thaw or undo_freeze, or for a few seconds. Then a copy of it is of the same moment as those of others that do."""
        if wanted.brick in self._still:
            with contextlib.suppress(ProvisionFailed):
                self._still[wanted.brick].hold.left_s()
                return
            await self.undo_freeze(wanted)
        self._still[wanted.brick] = Still(await freeze(wanted.mount))

    async def undo_freeze(self, wanted: FreezeStorage) -> None:
        if (still := self._still.pop(wanted.brick, None)) is not None:
            await still.hold.release()

    async def copy(self, part: CloneStorage) -> None:
        if (still := self._still.get(part.source)) is None:
            raise not_still(part)
        async with self._turn(part):
            await self._loop(part).copy(part, still.hold.left_s())
        still.hold.left_s()
        still.copy = part.brick

    async def thaw(self, part: CloneStorage) -> None:
        """All of them have been copied. Each that has stood still from before its copy until now shows the moment at which all did."""
        if (still := self._still.pop(part.source, None)) is not None:
            try:
                still.hold.left_s()
                if still.copy != part.brick:
                    raise ProvisionFailed(f"brick {part.source} was let go in between", hint="try again")
            finally:
                await still.hold.release()
        async with self._turn(part):
            if mounts.is_mounted(part.mount):
                return  # it was done before
            if still is None:
                raise not_still(part)
            await self._loop(part).adopt(part)

    async def unmake(self, part: MakeStorage) -> None:
        async with self._turn(part):
            await self._provisioner(part.provisioner).unmake(part)

    async def undo_make(self, part: MakeStorage) -> None:
        async with self._turn(part):
            try:
                await self._provisioner(part.provisioner).undo_make(part)
            except DeviceAway:
                if devices.find(model.View(self._store()), part.device) is not None:
                    raise
                log.warning("what was made on a lost device stays there: the device has left the pool", device=part.device_path)

    async def free(self, spaces: Sequence[str]) -> None:
        """Raises ProvisionFailed, with what is not free yet."""
        leaving = self._leaving()
        if problems := await self._free({key: leaving[key] for key in spaces if key in leaving}):
            raise ProvisionFailed("; ".join(problems[:5]), hint="the daemon tries again by itself; gd2 device info shows what is left")

    # following the state

    def _spaces(self) -> dict[str, tuple[Device, Space]]:
        """key -> what this peer's devices hold, as the state is now."""
        store = self._store()
        return {
            key: (device, model.load(key, item.value, Space))
            for device in self._mine.values()
            for key, item in store.list(devices.space_prefix(device.id))
        }

    def _leaving(self) -> dict[str, tuple[Device, Space]]:
        """Those whose brick has no claim on its path any more: until then its process may run."""
        claims = model.View(self._store()).brick_claims(self._peer_id()) if self._mine else {}
        return {
            key: (device, space)
            for key, (device, space) in self._spaces().items()
            if space.leaving and (space.path not in claims or claims[space.path].leaving)
        }

    async def _mount_missing(self) -> int:
        """How many are still not mounted."""
        claims = model.View(self._store()).brick_claims(self._peer_id()) if self._mine else {}
        wanted = {
            key: storage_of_space(device, space)
            for key, (device, space) in self._spaces().items()
            if not space.leaving and space.path in claims and claims[space.path].fsid  # else its transaction still makes it
        }
        self._mounted &= wanted.keys()
        todo = [key for key in wanted if key not in self._mounted]
        done = await asyncio.gather(*(self._mount(wanted[key]) for key in todo))
        self._mounted |= {key for key, good in zip(todo, done, strict=True) if good}
        if any(done):
            self._on_mounted()
        return done.count(False)

    async def _mount(self, part: MakeStorage) -> bool:
        try:
            async with self._turn(part):
                await self._provisioner(part.provisioner).mount(part)
        except ProvisionFailed as error:
            log.warning("a brick can't be mounted; trying again", mount=part.mount, cause=str(error), hint=error.hint)
            return False
        return True

    async def _free(self, leaving: dict[str, tuple[Device, Space]]) -> list[str]:
        """Take apart, then tell the pool; what could not be done."""
        found = await asyncio.gather(*(self._unmake(storage_of_space(device, space)) for device, space in leaving.values()))
        if gone := [key for key, problem in zip(leaving, found, strict=True) if not problem]:
            await self._forget(gone)
        return [problem for problem in found if problem]

    async def _unmake(self, part: MakeStorage) -> str:
        try:
            await self.unmake(part)
        except ProvisionFailed as error:
            return f"brick {part.mount}: {error}"
        return ""

    # what there really is

    async def _watch(self) -> None:
        """One device after the other: a disk that hangs holds up nothing but this."""
        while True:
            await asyncio.sleep(LOOK_S)
            for device in [device for device in self._mine.values() if device.provisioner == "loop"]:
                try:
                    await self._look(device)
                except (ProvisionFailed, StoreError) as error:
                    log.info("a device can't be looked at now", device=device.path, cause=str(error))
                except Exception:
                    log.exception("looking at a device broke; trying again later", device=device.path)

    async def _look(self, device: Device) -> None:
        """Tell the pool how much of the device's size isn't there, when that has changed by more than a little."""
        wanted = MeasureDevice(provisioner=device.provisioner, device=device.id, path=device.path)
        missing = device.size - await self._provisioner(device.provisioner).measure(wanted)
        little = max(SHORT_BYTES_MIN, device.size // SHORT_SHARE)
        short = missing if missing > little else 0
        if not self._current() or (bool(short) == bool(device.short) and abs(short - device.short) <= little):
            return
        store, key = self._store(), devices.device_key(device.id)
        item = store.get(key)
        if item is None or model.load(key, item.value, Device) != device:
            return  # it has just been changed: next time
        changed = Change(key, {**msgspec.json.decode(item.value), "short": short})
        await store.commit(make_commit(store, (Expect(key, item.modified),), (changed,)), timeout_s=COMMIT_S)
        log.warning("a device has other space than the book says", device=device.path, short=short, size=device.size)

    async def _forget(self, keys: Sequence[str]) -> None:
        store = self._store()
        items = [(key, item) for key in keys if (item := store.get(key)) is not None]
        if not items:
            return
        commit = make_commit(store, tuple(Expect(key, item.modified) for key, item in items), tuple(Change(key) for key, _ in items))
        try:
            await store.commit(commit, timeout_s=COMMIT_S)
        except StoreError as error:
            raise ProvisionFailed(f"what was freed can't be told to the pool yet: {error}") from error

    def _loop(self, part: CloneStorage) -> Loop:
        if part.provisioner != "loop":
            raise ProvisionFailed(f"this peer's daemon clones no bricks of provisioner {part.provisioner}")
        return Loop(self._peer_id(), self._mine, self._forbidden)

    def _provisioner(self, name: str) -> Provisioner:
        if name == "loop":
            return Loop(self._peer_id(), self._mine, self._forbidden)
        if name == "lvm":
            return Lvm()
        raise ProvisionFailed(f"this peer's daemon knows no provisioner {name!r}", hint="upgrade it")

    @contextlib.asynccontextmanager
    async def _turn(self, part: MakeStorage) -> AsyncIterator[None]:
        """One at a time for a brick, a few for a peer."""
        lock = self._busy.setdefault(part.brick, asyncio.Lock())
        async with lock, self._few:
            yield


def not_still(part: CloneStorage) -> ProvisionFailed:
    return ProvisionFailed(f"brick {part.source} does not stand still any more", hint="was the daemon started anew? Try again")
