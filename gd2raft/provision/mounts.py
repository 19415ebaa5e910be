"""What is mounted on this peer, told by the kernel's table: asking a file system could hang."""

from __future__ import annotations

import os
from pathlib import Path

from gd2raft.provision import lines
from gd2raft.provision.run import ProvisionFailed, Words, run

UMOUNT_S = 20.0


def is_mounted(mount: str) -> bool:
    return any(line.split()[4] == mount for line in Path("/proc/self/mountinfo").read_text().splitlines())


async def mount(words: Words, folder: str) -> None:
    """Raises ProvisionFailed."""
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
    except OSError as error:
        raise ProvisionFailed(f"{folder} can't be made: {error.strerror}") from error
    await run(words)


async def unmount(folder: str) -> None:
    """Raises ProvisionFailed, while somebody uses it."""
    if is_mounted(folder):
        await run(lines.umount(folder), UMOUNT_S)
    try:
        if os.path.lexists(folder):  # a file system that is read-only refuses to remove even what isn't there
            os.rmdir(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ProvisionFailed(
            f"{folder} can't be removed: {error.strerror}", hint="something was written there while nothing was mounted"
        ) from error
