"""File systems that stand still for some seconds, so that several of them can be copied as they were at one moment.

Nothing may be written there meanwhile, and nobody but us would let it go again. So that no death of the daemon leaves a file system frozen,
a process of its own freezes it, waits for the end of its input (ours to close, or the daemon's end) or of its time, and thaws it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

from gd2raft.provision import mounts
from gd2raft.provision.run import SYSTEM_PATH, ProvisionFailed, Words

HOLD_S = 10
"""glusterfsd ends itself when a file of its health check can't be written for 20 s."""
FLUSH_S = 20.0
THAW_S = 5.0
SAID_CHARS_MAX = 400
FROZEN = b"frozen\n"

SCRIPT = """trap '' HUP INT TERM PIPE
fsfreeze -f "$1" || exit 1
echo frozen
timeout -s KILL "$2" cat > /dev/null
fsfreeze -u "$1"
"""
"""$1: the mounted folder, by a descriptor, so that nothing else is ever frozen; $2: seconds."""


class Hold:
    """A file system that is frozen until release(), or until its time is over."""

    def __init__(self, mount: str, process: asyncio.subprocess.Process, until: float) -> None:
        self.mount, self._process, self._until = mount, process, until

    def left_s(self) -> float:
        """How long it surely stands still yet. Raises ProvisionFailed when that is not sure any more."""
        left = self._until - time.monotonic()
        if left <= 0 or self._process.returncode is not None:
            raise ProvisionFailed(
                f"{self.mount} could be kept still for {HOLD_S} s only, and that was not enough",
                hint="where cp --reflink doesn't work (ext4), all that is in the brick has to be copied in that time; try when less is going on",
            )
        return left

    async def release(self) -> None:
        """It is thawed. Raises ProvisionFailed when that isn't seen to happen in time (it will happen then)."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(THAW_S):
                await self._process.wait()
        except TimeoutError:
            raise ProvisionFailed(f"{self.mount} is not thawed yet", hint="is its disk well? dmesg may say more") from None


async def freeze(mount: str) -> Hold:
    """Raises ProvisionFailed. A process that is late thaws at once what it froze."""
    descriptor = await asyncio.to_thread(_opened, mount)
    try:
        await _flush(descriptor, mount)
        until = time.monotonic() + HOLD_S  # the process counts from later on
        process = await _start(descriptor)
    finally:
        os.close(descriptor)
    try:
        async with asyncio.timeout(HOLD_S / 2):
            assert process.stdout is not None and process.stderr is not None
            if await process.stdout.readline() == FROZEN:
                return Hold(mount, process, until)
            said = (await process.stderr.read(SAID_CHARS_MAX)).decode(errors="replace").strip()
    except BaseException as error:
        assert process.stdin is not None
        process.stdin.close()
        if isinstance(error, TimeoutError):
            raise ProvisionFailed(
                f"{mount} did not come to a standstill within {HOLD_S / 2:g} s", hint="try when less is going on"
            ) from None
        raise
    raise ProvisionFailed(
        f"{mount} can't be frozen: {said or 'fsfreeze said nothing'}", hint="was it frozen by somebody? fsfreeze -u thaws it"
    )


def words(descriptor: int) -> Words:
    return ("sh", "-c", SCRIPT, "freeze", f"/proc/self/fd/{descriptor}", str(HOLD_S))


async def _start(descriptor: int) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}", "LC_ALL": "C"}
    return await asyncio.create_subprocess_exec(
        *words(descriptor), stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True, pass_fds=(descriptor,)
    )


def _opened(mount: str) -> int:
    """A descriptor of what is mounted there. Raises ProvisionFailed when nothing is: the file system around it is not ours to freeze."""
    try:
        descriptor = os.open(mount, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ProvisionFailed(f"{mount} can't be opened: {error.strerror}") from error
    with contextlib.suppress(OSError):
        if mounts.is_mounted(mount) and os.fstat(descriptor).st_dev != os.stat(os.path.dirname(mount)).st_dev:
            return descriptor
    os.close(descriptor)
    raise ProvisionFailed(
        f"nothing is mounted at {mount}", hint="is the device's disk there? The daemon's log says why a brick can't be mounted"
    )


async def _flush(descriptor: int, mount: str) -> None:
    """What waits to be written goes to the disk before anything stands still."""
    try:
        async with asyncio.timeout(FLUSH_S):
            await asyncio.to_thread(os.fsync, descriptor)
            process = await asyncio.create_subprocess_exec("sync", "-f", f"/proc/self/fd/{descriptor}", pass_fds=(descriptor,))
            if await process.wait():
                raise ProvisionFailed(f"sync -f of {mount} failed with {process.returncode}")
    except TimeoutError:
        raise ProvisionFailed(f"what waits to be written to {mount} was not on its disk within {FLUSH_S:g} s", hint="try later") from None
    except OSError as error:
        raise ProvisionFailed(f"{mount} can't be written to its disk: {error.strerror}") from error
