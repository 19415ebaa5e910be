"""Asks that only a client of the volume can answer: they mount it for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gd2raft.asks.ask import Answer, AskFailed, Here
from gd2raft.core import model
from gd2raft.process.mount import MountFailed

MOUNT_S = 12.0


async def through_mount(here: Here, volume: model.Volume, client_pid: int, look: Callable[[Path], Answer]) -> Answer:
    """What `look` finds below the volume's root; it may block. Raises AskFailed. `client_pid`: tells GlusterFS's xlators what it may do."""
    try:
        async with here.mounts.mounted(volume.name, client_pid=client_pid, timeout_s=MOUNT_S) as root:
            return await asyncio.to_thread(look, root)
    except MountFailed as error:
        raise AskFailed(str(error)) from error
    except OSError as error:
        raise AskFailed(f"volume {volume.name} does not answer: {error.strerror}") from error
