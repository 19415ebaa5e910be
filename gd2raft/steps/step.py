"""What a step file offers, and what it is handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from gd2raft.commands.step_kinds import CloneStorage, DropDevice, FreezeStorage, MakeStorage, MeasureDevice, SetUpDevice
from gd2raft.core import model
from gd2raft.core.hooks import Hook
from gd2raft.core.plan import Arguments, StepKind

Facts = dict[str, Any]


class RunningBrick(msgspec.Struct, frozen=True):
    """A glusterfsd of this machine, whosever it is: the folder that it serves, by its own name for it."""

    pid: int
    brick: str
    volfile_id: str


class StepFailed(Exception):
    """The world did it: what happened, where, and what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DiskAway(StepFailed):
    """An undo can't be done, since the disk that it is to be done on isn't there. The command ends without it, and this peer does it when
    the disk is back."""


class StepContext(Protocol):
    """What the daemon hands to a step. `transaction`: id of the transaction that the step is part of."""

    peer_id: str
    transaction: str
    localstatedir: Path
    rundir: Path

    def view(self) -> model.View: ...

    async def follow_volume(self, volume: str, timeout_s: float, bricks: list[str] | None = None) -> list[str]:
        """Make the processes of this peer as the state says; what doesn't run after `timeout_s`, and why.

        `bricks`: paths of those that are waited for; None: all.
        """
        ...

    async def hold_brick(self, path: str, timeout_s: float) -> list[str]:
        """End the brick's process and keep it ended while the transaction lives; why it still runs, [] when it doesn't."""
        ...

    async def unhold_brick(self, path: str) -> None:
        """What runs is again what the state says."""
        ...

    def keep_healing(self, volume: str) -> None:
        """Let this peer's self-heal daemon go on until what its bricks have noted is healed; returns at once."""
        ...

    def mounted(self, volume: str, client_pid: int, timeout_s: float) -> AbstractAsyncContextManager[Path]:
        """The volume, mounted on this peer as a client with that pid; StepFailed when it can't be."""
        ...

    def running_bricks(self) -> list[RunningBrick]:
        """Blocks shortly: call it in a thread."""
        ...

    async def brick_online(self, path: str, timeout_s: float) -> bool:
        """Whether the brick serves, or does so within `timeout_s`."""
        ...

    async def release_brick(self, volume: str, path: str, timeout_s: float) -> None:
        """End a brick that has left its volume, once its clients are gone or enough time has passed."""
        ...

    async def heal(self, volume: str) -> None:
        """Let self-heal of this peer look at the volume now. Raises StepFailed."""
        ...

    async def run_hooks(self, hook: Hook) -> None:
        """Run the scripts before it; returns when they have ended, or have had their time."""
        ...

    async def job_ended(self, volume: str, job: str, timeout_s: float) -> bool: ...

    async def set_up_device(self, wanted: SetUpDevice) -> Facts:
        """Facts of the device: see SetUpDevice. Again does nothing. Raises StepFailed, as all of the next do."""
        ...

    async def undo_set_up_device(self, wanted: SetUpDevice) -> None:
        """The disk or folder is what it was. Where nothing was set up, nothing is done."""
        ...

    async def measure_device(self, wanted: MeasureDevice) -> Facts:
        """Facts of the device: see MeasureDevice."""
        ...

    async def drop_device(self, gone: DropDevice) -> None: ...

    async def make_storage(self, part: MakeStorage) -> None:
        """Its file system is mounted. Again does nothing."""
        ...

    async def undo_make_storage(self, part: MakeStorage) -> None:
        """What was made of it is gone. Raises DiskAway too."""
        ...

    async def freeze_storage(self, wanted: FreezeStorage) -> None:
        """It stands still from now on, for some seconds at most. Again does nothing while it does."""
        ...

    async def undo_freeze_storage(self, wanted: FreezeStorage) -> None: ...

    async def copy_storage(self, part: CloneStorage) -> None:
        """The brick's file system is copied as it stands still."""
        ...

    async def thaw_storage(self, part: CloneStorage) -> None:
        """The source is let go, after it is sure that it has stood still since before the copy; the copy is mounted."""
        ...

    async def free_storage(self, spaces: list[str]) -> None:
        """What these records hold is taken apart, and they are deleted."""
        ...

    async def invite(self, address: str, peer_id: str) -> None: ...

    async def uninvite(self, address: str, peer_id: str) -> None: ...

    async def welcome(self, address: str, peer_id: str, timeout_s: float) -> None: ...

    async def dismiss(self, address: str, peer_id: str) -> None: ...


A = TypeVar("A", bound=Arguments)


class StepCode(msgspec.Struct, Generic[A], frozen=True):
    """A step kind with its code. `undo` is None for steps that stand after the changes only."""

    kind: StepKind[A]
    do: Callable[[StepContext, Any], Awaitable[Facts]]
    undo: Callable[[StepContext, Any], Awaitable[Facts]] | None = None
