"""External commands, each with a deadline: what was run, and what it said when it failed. It must not know what for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Iterable, Sequence

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = {"mkfs.xfs": "xfsprogs", "mount": "mount", "umount": "mount", "lvm": "lvm2"}
"""Debian's."""
COMMAND_S = 25.0
OUTPUT_CHARS_MAX = 64 * 1024
SHOWN_CHARS_MAX = 400
END_S = 5.0

Words = tuple[str, ...]


class ProvisionFailed(Exception):
    """What happened to which command or file; `hint`: what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotInstalled(ProvisionFailed):
    """The program isn't there: whatever it was to do was surely not done by it."""


class DeviceAway(ProvisionFailed):
    """The device's disk isn't there, or answers nothing but errors."""


async def run_all(commands: Iterable[Words], timeout_s: float = COMMAND_S) -> None:
    """One after the other, until one fails."""
    for words in commands:
        await run(words, timeout_s)


async def run(words: Sequence[str], timeout_s: float = COMMAND_S) -> str:
    """What it printed. Raises ProvisionFailed: it is not there, it failed, it did not end (then it is killed)."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}", "LC_ALL": "C"}
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
    except FileNotFoundError:
        package = PACKAGES.get(words[0])
        raise NotInstalled(f"{words[0]} is not installed", hint=f"apt-get install {package}" if package else "") from None
    except OSError as error:
        raise ProvisionFailed(f"{words[0]} can't be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        raise ProvisionFailed(f"{shown(words)} did not end within {timeout_s:g} s", hint="is the disk well? dmesg may say more") from None
    finally:
        if process.returncode is None:
            await _kill(process)
    if process.returncode:
        said = (err or out).decode(errors="replace").strip()[-SHOWN_CHARS_MAX:]
        raise ProvisionFailed(f"{shown(words)} failed with {process.returncode}: {said or 'it said nothing'}")
    return out[:OUTPUT_CHARS_MAX].decode(errors="replace")


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):  # one that hangs in a dead disk ends when the disk lets it
        async with asyncio.timeout(END_S):
            await process.wait()


def shown(words: Sequence[str]) -> str:
    return shlex.join(words)[:SHOWN_CHARS_MAX]
