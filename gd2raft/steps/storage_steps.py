"""device.setup, device.measure, device.drop, storage.make, .freeze, .copy, .thaw, .free: devices of this peer and the bricks on them (provision/)."""

from __future__ import annotations

from gd2raft.commands.step_kinds import (
    COPY_STORAGE,
    DROP_DEVICE,
    FREE_STORAGE,
    FREEZE_STORAGE,
    MAKE_STORAGE,
    MEASURE_DEVICE,
    SET_UP_DEVICE,
    THAW_STORAGE,
    CloneStorage,
    DropDevice,
    FreeStorage,
    FreezeStorage,
    MakeStorage,
    MeasureDevice,
    SetUpDevice,
)
from gd2raft.core import devices
from gd2raft.steps import brick_paths
from gd2raft.steps.step import Facts, StepCode, StepContext, StepFailed
from gd2raft.steps.threads import in_thread


async def set_up(context: StepContext, arguments: SetUpDevice) -> Facts:
    view = context.view()
    others = [device.path for device in devices.of_peer(view, context.peer_id) if device.id != arguments.device]
    await in_thread(check_place, arguments.path, others, list(view.brick_claims(context.peer_id)))
    return await context.set_up_device(arguments)


def check_place(path: str, others: list[str], bricks: list[str]) -> None:
    """The device shares its bytes with no other device and no brick of this peer, by whatever name. Raises StepFailed."""
    if (other := brick_paths.overlapped(path, others)) is not None:
        raise StepFailed(
            f"{path} is in device {other} of this peer, contains it or is the same: its space would be counted twice",
            hint="use a folder outside of it, on another disk",
        )
    if (brick := brick_paths.overlapped(path, bricks)) is not None:
        raise StepFailed(f"{path} is in brick {brick} of this peer, contains it or is the same", hint="use a folder outside of it")


async def take_back(context: StepContext, arguments: SetUpDevice) -> Facts:
    await context.undo_set_up_device(arguments)
    return {}


async def measure(context: StepContext, arguments: MeasureDevice) -> Facts:
    return await context.measure_device(arguments)


async def nothing(context: StepContext, arguments: MeasureDevice) -> Facts:
    return {}


async def drop(context: StepContext, arguments: DropDevice) -> Facts:
    await context.drop_device(arguments)
    return {}


async def make(context: StepContext, arguments: MakeStorage) -> Facts:
    await context.make_storage(arguments)
    return {}


async def unmake(context: StepContext, arguments: MakeStorage) -> Facts:
    await context.undo_make_storage(arguments)
    return {}


async def freeze(context: StepContext, arguments: FreezeStorage) -> Facts:
    await context.freeze_storage(arguments)
    return {}


async def let_go(context: StepContext, arguments: FreezeStorage) -> Facts:
    await context.undo_freeze_storage(arguments)
    return {}


async def copy(context: StepContext, arguments: CloneStorage) -> Facts:
    await context.copy_storage(arguments)
    return {}


async def thaw(context: StepContext, arguments: CloneStorage) -> Facts:
    await context.thaw_storage(arguments)
    return {}


async def free(context: StepContext, arguments: FreeStorage) -> Facts:
    await context.free_storage(arguments.spaces)
    return {}


STEPS = (
    StepCode(SET_UP_DEVICE, set_up, take_back),
    StepCode(MEASURE_DEVICE, measure, nothing),
    StepCode(DROP_DEVICE, drop),
    StepCode(MAKE_STORAGE, make, unmake),
    StepCode(FREEZE_STORAGE, freeze, let_go),
    StepCode(COPY_STORAGE, copy, unmake),
    StepCode(THAW_STORAGE, thaw, unmake),
    StepCode(FREE_STORAGE, free),
)
