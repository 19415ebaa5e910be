"""Moves bricks off failed devices, one after the other, by replace-brick; the peer that leads does it.

Nothing of it is remembered but in the state: a device is `failed`, a new brick is `filling` until self-heal has nothing left to do for it. So the next
leader goes on where the last one died. A brick is moved only while enough others of its set are whole (commands/volume_replace_brick.py):
what can't be moved yet stays, its reason stands in the device's note, and it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog

from gd2raft.api import DaemonApi
from gd2raft.commands.volume_replace_brick import VolumeReplaceBrick
from gd2raft.core import devices, model
from gd2raft.core.devices import Device, Space, State
from gd2raft.core.kv import Event, Expect
from gd2raft.core.plan import CommandError, make_commit, put
from gd2raft.store.interface import Store, StoreError

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon

EVERY_S = 5.0
TELL_EVERY_S = 30.0
"""Self-heal is told again so often while a new brick isn't filled: a daemon that was restarted doesn't do it by itself (healing.py)."""
MOVE_S, ASK_S = 180.0, 10.0
COMMIT_S = 10.0
NOTED_MAX = 3

Run = Callable[[VolumeReplaceBrick], Awaitable[object]]
"""Raises CommandError."""
Pending = Callable[[model.Volume, Sequence[str]], Awaitable[dict[str, int]]]
"""(volume, peer ids) -> entries that wait for self-heal, by brick id; without those that can't be asked."""
Heal = Callable[[model.Volume, int, Sequence[str]], Awaitable[None]]
"""(volume, number of a set, peer ids): let their self-heal daemons look at the set now."""
R = TypeVar("R", bound=model.Record)

log = structlog.get_logger("evacuation")


class Evacuation:
    def __init__(self, *, store: Callable[[], Store], leads: Callable[[], bool], run: Run, pending: Pending, heal: Heal) -> None:
        self._store, self._leads, self._replace, self._pending, self._heal = store, leads, run, pending, heal
        self._told: dict[str, float] = {}  # key of a space -> when self-heal was told
        self._failed: set[str] = set()  # ids of devices
        self._filling: set[str] = set()  # keys of spaces
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.on_events(None)
        self._task = asyncio.create_task(self._run(), name="evacuation")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def on_events(self, events: Sequence[Event] | None) -> None:
        """The state changed (None: anything may have). Costs a pool without failed devices nothing."""
        if events is None:
            view = model.View(self._store())
            self._failed.clear()
            self._filling.clear()
            changed = [(key, item.value) for prefix in (model.DEVICES, model.SPACES) for key, item in view.reader.list(prefix)]
        else:
            changed = [(e.key, e.value or b"") for e in events if e.key.startswith((model.DEVICES, model.SPACES))]
        for key, value in changed:
            self._learn(key, value)
        if changed and (self._failed or self._filling):
            self._wake.set()

    def _learn(self, key: str, value: bytes) -> None:
        if key.startswith(model.DEVICES):
            identity = key.removeprefix(model.DEVICES)
            failed = bool(value) and model.load(key, value, Device).state is State.FAILED
            (self._failed.add if failed else self._failed.discard)(identity)
        elif key.count("/") == 2:
            filling = b'"filling"' in value and model.load(key, value, Space).filling
            (self._filling.add if filling else self._filling.discard)(key)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S if self._failed or self._filling else None):
                    await self._wake.wait()
            self._wake.clear()
            if not self._leads():
                continue
            try:
                for key in sorted(self._filling):
                    await self._look_at(key)
                for identity in sorted(self._failed):
                    await self._empty(identity)
            except StoreError as error:
                log.info("not now", why=str(error))
            except Exception:
                log.exception("moving bricks off failed devices broke; trying again")
            await asyncio.sleep(EVERY_S if self._failed or self._filling else 0)

    # new bricks

    async def _look_at(self, key: str) -> None:
        """Is it filled? When nothing waits on any brick of its set, and those that it is filled from can be asked."""
        view = model.View(self._store())
        if (item := view.reader.get(key)) is None:
            return
        space = model.load(key, item.value, Space)
        volume = view.volume(space.volume)
        if volume is None or volume.state is not model.VolumeState.STARTED:
            return
        found = [(n, s) for n, s in enumerate(volume.subvols) if any(b.id == space.brick for b in s.bricks)]
        for number, subvol in found:
            peers = tuple(dict.fromkeys(b.peer_id for b in subvol.bricks))
            if is_whole(subvol, space.brick, await self._pending(volume, peers)):
                await self._commit(view, key, space, msgspec.structs.replace(space, filling=False))
                log.info("a moved brick is filled", volume=volume.name, brick=space.brick)
            else:
                await self._tell(key, volume, number, peers)

    async def _tell(self, key: str, volume: model.Volume, number: int, peers: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told.setdefault(key, now) >= TELL_EVERY_S:
            self._told = {k: at for k, at in self._told.items() if k in self._filling} | {key: now}
            await self._heal(volume, number, peers)

    # failed devices

    async def _empty(self, identity: str) -> None:
        problems = []
        for space in devices.spaces(model.View(self._store()), identity):
            device = devices.find(model.View(self._store()), identity)
            if device is None or device.state is not State.FAILED or not self._leads():
                return
            if not space.leaving and (problem := await self._move(device, space)):
                problems.append(problem)
        await self._note(identity, problems)

    async def _move(self, device: Device, space: Space) -> str:
        """Why not, "" when it was."""
        try:
            await self._replace(VolumeReplaceBrick(volume=space.volume, src_peerid=device.peer_id, src_brickpath=space.path))
        except CommandError as error:
            log.info("a brick can't be moved yet", device=device.id, volume=space.volume, why=error.message)
            return f"brick {space.brick} of {space.volume}: {error.message}"
        log.info("a brick was moved", device=device.id, volume=space.volume, brick=space.brick)
        return ""

    async def _note(self, identity: str, problems: Iterable[str]) -> None:
        view = model.View(self._store())
        device, note = devices.find(view, identity), "; ".join(list(problems)[:NOTED_MAX])
        if device is not None and device.note != note:
            await self._commit(view, devices.device_key(identity), device, msgspec.structs.replace(device, note=note))

    async def _commit(self, view: model.View, key: str, before: R, after: R) -> None:
        """Put a record that is still as it was; a conflict means that it will be looked at again. Raises StoreError."""
        item = view.reader.get(key)
        assert item is not None and before != after
        await self._store().commit(make_commit(view.reader, (Expect(key, item.modified),), (put(view, key, after),)), timeout_s=COMMIT_S)


def is_whole(subvol: model.Subvolume, brick_id: str, waiting: Mapping[str, int]) -> bool:
    """Whether the brick has all that the others of its set have. `waiting`: entries by brick, of those that could be asked."""
    others = [b.id for b in subvol.bricks if b.id != brick_id]
    enough = subvol.disperse_count - subvol.redundancy_count if subvol.disperse_count else 1
    known = brick_id in waiting and sum(b in waiting for b in others) >= enough
    return known and not any(waiting.get(b.id) for b in subvol.bricks)


def evacuation_of(daemon: Daemon) -> Evacuation:
    async def run(request: VolumeReplaceBrick) -> None:
        """A change that no user asked for. Raises CommandError."""
        await daemon.member.initiator.run("volume-replace-brick", request, request_id=str(uuid.uuid4()), user="", timeout_s=MOVE_S)

    async def pending(volume: model.Volume, peers: Sequence[str]) -> dict[str, int]:
        answers = await DaemonApi(daemon).ask(volume, "heal-count", {}, peers=peers, timeout_s=ASK_S)
        counts = {brick: told.get("entries") for answered in answers.values() for brick, told in answered.value.items()}
        return {brick: int(count) for brick, count in counts.items() if count is not None}

    async def heal(volume: model.Volume, number: int, peers: Sequence[str]) -> None:
        arguments = {"type": "index", "sets": {peer: [number] for peer in peers}}
        await DaemonApi(daemon).ask(volume, "heal-launch", arguments, peers=peers, timeout_s=ASK_S)

    return Evacuation(store=lambda: daemon.member.store, leads=lambda: daemon.member.leads(), run=run, pending=pending, heal=heal)
