"""device.setup, device.measure, device.drop, storage.make, storage.free: devices of this peer and the bricks on them (provision/)."""

from __future__ import annotations

from gd2raft.commands.step_kinds import (
    DROP_DEVICE,
    FREE_STORAGE,
    MAKE_STORAGE,
    MEASURE_DEVICE,
    SET_UP_DEVICE,
    DropDevice,
    FreeStorage,
    MakeStorage,
    MeasureDevice,
    SetUpDevice,
)
from gd2raft.steps.step import Facts, StepCode, StepContext


async def set_up(context: StepContext, arguments: SetUpDevice) -> Facts:
    return await context.set_up_device(arguments)


async def take_back(context: StepContext, arguments: SetUpDevice) -> Facts:
    await context.drop_device(DropDevice(provisioner=arguments.provisioner, device=arguments.device, path=arguments.path))
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
    await context.unmake_storage(arguments)
    return {}


async def free(context: StepContext, arguments: FreeStorage) -> Facts:
    await context.free_storage(arguments.spaces)
    return {}


STEPS = (
    StepCode(SET_UP_DEVICE, set_up, take_back),
    StepCode(MEASURE_DEVICE, measure, nothing),
    StepCode(DROP_DEVICE, drop),
    StepCode(MAKE_STORAGE, make, unmake),
    StepCode(FREE_STORAGE, free),
)
