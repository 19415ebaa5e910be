"""What steps can do to the world of this peer: the daemon's side of StepContext."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gd2raft import services
from gd2raft.commands.step_kinds import CloneStorage, DropDevice, FreezeStorage, MakeStorage, MeasureDevice, SetUpDevice
from gd2raft.core import model
from gd2raft.core.hooks import Hook
from gd2raft.engine.step_runner import StepError
from gd2raft.process import procfs
from gd2raft.process.mount import MountFailed
from gd2raft.provision.run import DeviceAway, ProvisionFailed
from gd2raft.steps import calling
from gd2raft.steps.registry import steps
from gd2raft.steps.step import DiskAway, RunningBrick, StepFailed
from gd2raft.sunrpc.brickop import BrickOpFailed

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon


class StepWorld:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    async def do(self, name: str, transaction: str, arguments: Any, undo: bool) -> dict[str, Any]:
        """Run the code of a step. Raises StepError."""
        try:
            return await calling.call(steps()[name], Context(self._daemon, transaction), arguments, undo=undo)
        except StepFailed as error:
            raise StepError(str(error), error.hint, away=isinstance(error, DiskAway)) from error


class Context:
    """Implements StepContext for one run of one step."""

    def __init__(self, daemon: Daemon, transaction: str) -> None:
        self._daemon, self.transaction = daemon, transaction
        self.peer_id = daemon.identity.peer_id
        self.localstatedir: Path = daemon.state
        self.rundir: Path = daemon.rundir

    def view(self) -> model.View:
        return self._daemon.view()

    async def follow_volume(self, volume: str, timeout_s: float, bricks: list[str] | None = None) -> list[str]:
        return await self._daemon.gluster.follow_volume(volume, timeout_s, bricks)

    async def hold_brick(self, path: str, timeout_s: float) -> list[str]:
        return await self._daemon.gluster.hold(path, self.transaction, timeout_s)

    async def unhold_brick(self, path: str) -> None:
        await self._daemon.gluster.unhold(path)

    def keep_healing(self, volume: str) -> None:
        self._daemon.healing.begin(volume)

    @contextlib.asynccontextmanager
    async def mounted(self, volume: str, client_pid: int, timeout_s: float) -> AsyncIterator[Path]:
        try:
            async with self._daemon.mounts.mounted(volume, client_pid=client_pid, timeout_s=timeout_s) as root:
                yield root
        except MountFailed as error:
            raise StepFailed(str(error), hint=f"gd2 volume status {volume}") from error

    def running_bricks(self) -> list[RunningBrick]:
        return [RunningBrick(pid, line.brick_name, line.volfile_id) for pid, line in procfs.bricks()]

    async def brick_online(self, path: str, timeout_s: float) -> bool:
        return await self._daemon.gluster.brick_online(path, timeout_s)

    async def release_brick(self, volume: str, path: str, timeout_s: float) -> None:
        await self._daemon.gluster.release_brick(volume, path, timeout_s)

    async def heal(self, volume: str) -> None:
        try:
            await self._daemon.gluster.heal(volume)
        except BrickOpFailed as error:
            raise StepFailed(str(error), hint=f"gd2 volume status {volume} shows whether self-heal runs") from error

    async def run_hooks(self, hook: Hook) -> None:
        await self._daemon.hooks.before(hook)

    async def job_ended(self, volume: str, job: str, timeout_s: float) -> bool:
        return await self._daemon.gluster.rebalances.ended(job, timeout_s)

    async def set_up_device(self, wanted: SetUpDevice) -> dict[str, Any]:
        with in_words():
            return await self._daemon.storage.set_up(wanted)

    async def undo_set_up_device(self, wanted: SetUpDevice) -> None:
        with in_words():
            await self._daemon.storage.undo_set_up(wanted)

    async def measure_device(self, wanted: MeasureDevice) -> dict[str, Any]:
        with in_words():
            return await self._daemon.storage.measure(wanted)

    async def drop_device(self, gone: DropDevice) -> None:
        with in_words():
            await self._daemon.storage.drop(gone)

    async def make_storage(self, part: MakeStorage) -> None:
        with in_words():
            await self._daemon.storage.make(part)

    async def undo_make_storage(self, part: MakeStorage) -> None:
        with in_words():
            await self._daemon.storage.undo_make(part)

    async def freeze_storage(self, wanted: FreezeStorage) -> None:
        with in_words():
            await self._daemon.storage.freeze(wanted)

    async def undo_freeze_storage(self, wanted: FreezeStorage) -> None:
        with in_words():
            await self._daemon.storage.undo_freeze(wanted)

    async def copy_storage(self, part: CloneStorage) -> None:
        with in_words():
            await self._daemon.storage.copy(part)

    async def thaw_storage(self, part: CloneStorage) -> None:
        with in_words():
            await self._daemon.storage.thaw(part)

    async def free_storage(self, spaces: list[str]) -> None:
        with in_words():
            await self._daemon.storage.free(spaces)

    async def invite(self, address: str, peer_id: str) -> None:
        daemon = self._daemon
        online, voters = daemon.online(), daemon.member.voters()
        members = [p for p in daemon.view().peers() if p.id in online]
        members.sort(key=lambda p: (p.id != daemon.identity.peer_id, p.id not in voters))
        invitation = services.Invitation(
            pool_id=daemon.identity.pool_id,
            pool_key=daemon.identity.key(),
            secret=daemon.secret.encode(),
            seeds=[p.addresses[0] for p in members[:8]],
            address=address,
            peer_id=peer_id,
            store=daemon.config.store,
        )
        await daemon.prober.invite(address, invitation)

    async def uninvite(self, address: str, peer_id: str) -> None:
        await self._daemon.prober.revoke(address, peer_id, self._daemon.identity.pool_id)

    async def welcome(self, address: str, peer_id: str, timeout_s: float) -> None:
        await self._daemon.prober.wait_for(address, peer_id, self._daemon.member.store.revision, timeout_s)

    async def dismiss(self, address: str, peer_id: str) -> None:
        await self._daemon.prober.dismiss(address, peer_id, self._daemon.identity.pool_id)


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """A failure of the storage as one of the step."""
    try:
        yield
    except DeviceAway as error:
        raise DiskAway(str(error), hint=error.hint) from error
    except ProvisionFailed as error:
        raise StepFailed(str(error), hint=error.hint) from error
