"""Asks about locks: give up those that clients hold on a path. For a client that hangs on a lock whose holder will never return."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.asks.mounted import through_mount
from gd2raft.core import model

CLIENT_PID = -4
"""What glusterfs calls a client whose root is root whatever server.root-squash says."""


async def clear(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"lines": what the bricks say was cleared}, or {"missing": true}. `path`: in the volume; `key`: the attribute that is the command."""
    return await through_mount(here, volume, CLIENT_PID, lambda root: _clear(root, str(arguments["path"]), str(arguments["key"])))


def _clear(root: Path, path: str, key: str) -> Answer:
    try:
        said = os.getxattr(root / path.lstrip("/"), key, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return {"missing": True}
    return {"lines": [line.strip() for line in said.decode(errors="replace").rstrip("\0").splitlines() if line.strip()]}
