"""Asks about locks: give up those that clients hold on a path. For a client that hangs on a lock whose holder will never return."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gd2raft.asks.ask import Answer, AskFailed, Here
from gd2raft.core import model
from gd2raft.process.mount import MountFailed

CLIENT_PID = -4
"""What glusterfs calls a client whose root is root whatever server.root-squash says."""
MOUNT_S = 12.0


async def clear(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"lines": what the bricks say was cleared}, or {"missing": true}. `path`: in the volume; `key`: the attribute that is the command."""
    try:
        async with here.mounts.mounted(volume.name, client_pid=CLIENT_PID, timeout_s=MOUNT_S) as root:
            return await asyncio.to_thread(_clear, root, str(arguments["path"]), str(arguments["key"]))
    except MountFailed as error:
        raise AskFailed(str(error)) from error
    except (FileNotFoundError, NotADirectoryError):
        return {"missing": True}
    except OSError as error:
        raise AskFailed(f"volume {volume.name} does not clear locks of {arguments['path']}: {error.strerror}") from error


def _clear(root: Path, path: str, key: str) -> Answer:
    said = os.getxattr(root / path.lstrip("/"), key, follow_symlinks=False)
    return {"lines": [line.strip() for line in said.decode(errors="replace").rstrip("\0").splitlines() if line.strip()]}
