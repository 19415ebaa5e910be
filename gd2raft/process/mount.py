"""A volume mounted for a moment, by a glusterfs process of our own: for what only a client of the volume can do.

The mount lives in mounts/ of the run folder; what an earlier daemon left there when it was killed is taken away by `forget_mounts`.
It must not know why somebody wants a mount.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

FOLDER = "mounts"
POLL_S = 0.05
END_BY_ITSELF_S, END_S = 1.0, 10.0
LOG_TAIL_BYTES = 4000


class MountFailed(Exception):
    """The volume could not be mounted; the text has the last error of the client's log."""


class MountPlace:
    """Where volfiles come from, and where mounts and logs go. `host`, `port`: of the daemon that gives the volfile."""

    def __init__(self, *, host: str, port: int, rundir: Path, logdir: Path) -> None:
        self.host, self.port, self.rundir, self.logdir = host, port, rundir, logdir

    @contextlib.asynccontextmanager
    async def mounted(self, volume: str, *, client_pid: int, timeout_s: float, volfile_id: str = "") -> AsyncIterator[Path]:
        """The volume's root, mounted; below .gfid/ everything by its gfid. Raises MountFailed.

        `client_pid`: negative, tells GlusterFS's xlators what this client may do. `volfile_id`: of another graph than that of clients.
        """
        (self.rundir / FOLDER).mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{volume[:40]}-", dir=self.rundir / FOLDER))
        log = self.logdir / f"{volume}-mount.log"
        process = await self._start(volfile_id or volume, client_pid, folder, log)
        try:
            await _until_mounted(process, folder, volume, log, timeout_s)
            yield folder
        finally:
            await asyncio.shield(_end(process, folder))

    async def _start(self, volfile_id: str, client_pid: int, folder: Path, log: Path) -> asyncio.subprocess.Process:
        server = ("-s", self.host, "--volfile-server-port", str(self.port), "--volfile-id", volfile_id)
        words = (*server, f"--client-pid={client_pid}", "--aux-gfid-mount", "-l", str(log), "-N", str(folder))
        nothing = asyncio.subprocess.DEVNULL
        try:
            return await asyncio.create_subprocess_exec(
                "glusterfs", *words, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )
        except OSError as error:
            folder.rmdir()
            raise MountFailed(f"glusterfs can't be started: {error.strerror}") from error


async def _until_mounted(process: asyncio.subprocess.Process, folder: Path, volume: str, log: Path, timeout_s: float) -> None:
    """A mount counts when its root can be looked up: then the volume serves."""
    last = "it is not mounted"
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                if process.returncode is not None:
                    raise MountFailed(f"volume {volume} can't be mounted: {_last_error(log)}")
                if folder_is_mounted(folder):
                    try:
                        await asyncio.to_thread(os.stat, folder)
                        return
                    except OSError as error:
                        last = error.strerror or str(error)
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise MountFailed(f"volume {volume} is not there within {timeout_s:g} s: {last}") from None


def folder_is_mounted(folder: Path) -> bool:
    """Told by the kernel's table: asking the file system could hang."""
    return any(line.split()[4] == str(folder) for line in Path("/proc/self/mountinfo").read_text().splitlines())


async def _end(process: asyncio.subprocess.Process, folder: Path) -> None:
    """It ends with its mount. To signal it at once would race with that: asyncio loses the exit code then, and complains in the log."""
    await _unmount(folder)
    for end, wait_s in ((None, END_BY_ITSELF_S), (process.terminate, END_S), (process.kill, END_S)):
        if process.returncode is not None:
            break
        if end is not None:
            with contextlib.suppress(ProcessLookupError):
                end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await process.wait()
    with contextlib.suppress(OSError):
        folder.rmdir()


async def _unmount(folder: Path) -> None:
    nothing = asyncio.subprocess.DEVNULL
    with contextlib.suppress(OSError, TimeoutError):
        umount = await asyncio.create_subprocess_exec("umount", "-l", str(folder), stdin=nothing, stdout=nothing, stderr=nothing)
        async with asyncio.timeout(END_S):
            await umount.wait()


async def forget_mounts(rundir: Path) -> None:
    """Unmount what a daemon that was killed left; its glusterfs ends with the mount."""
    for folder in sorted((rundir / FOLDER).glob("*")):
        await _unmount(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _last_error(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return "its client ended"
    errors = [line for line in lines if "] E [" in line or "] C [" in line]
    return (errors or lines or ["its client ended"])[-1][:500]
