"""A volume as glusterd has it in its folder, as far as hook scripts read it there: vols/NAME/info and vols/NAME/bricks/*. PURE: text.

Scripts (those of the Debian package among them) look up options, the state and the paths of bricks in these files with grep. No credentials
are in them, and nothing of ours reads them. It must not know where they are written, or when.
"""

from __future__ import annotations

from collections.abc import Callable

from gd2raft.core import model

_TYPES = {"distribute": 0, "replicate": 2, "disperse": 4}
_STATES = {model.VolumeState.CREATED: 0, model.VolumeState.STARTED: 1, model.VolumeState.STOPPED: 2}
_NAME_BYTES_MAX = 255


def files(volume: model.Volume, host: Callable[[str], str]) -> dict[str, str]:
    """Path below vols/NAME -> text. `host`: of a peer by its id. A brick whose path is too long for a file's name has none there."""
    found = {"info": info(volume, host)}
    for brick in volume.bricks():
        if len((name := brick_name(brick, host)).encode()) <= _NAME_BYTES_MAX:
            found[f"bricks/{name}"] = brick_text(volume, brick, host)
    return found


def info(volume: model.Volume, host: Callable[[str], str]) -> str:
    first = volume.subvols[0]
    bricks = list(volume.bricks())
    lines = {
        "type": _TYPES[volume.kind],
        "count": len(bricks),
        "status": _STATES[volume.state],
        "sub_count": len(first.bricks) if volume.kind != "distribute" else 1,
        "replica_count": first.replica_count or 1,
        "arbiter_count": first.arbiter_count,
        "disperse_count": first.disperse_count,
        "redundancy_count": first.redundancy_count,
        "transport-type": 0,
        "volume-id": volume.id,
        "quota-version": volume.quota_version,
        **volume.options,
        **{f"brick-{i}": brick_name(brick, host) for i, brick in enumerate(bricks)},
    }
    return _text(lines)


def brick_text(volume: model.Volume, brick: model.Brick, host: Callable[[str], str]) -> str:
    return _text(
        {
            "uuid": brick.peer_id,
            "hostname": host(brick.peer_id),
            "path": brick.path,
            "real_path": brick.path,
            "decommissioned": int(brick.decommissioned),
            "brick-id": volume.pending_name(brick),
        }
    )


def brick_name(brick: model.Brick, host: Callable[[str], str]) -> str:
    """
    >>> brick_name(model.Brick(id="b", peer_id="p", path="/bricks/v1", index=0), lambda peer: "10.0.0.1")
    '10.0.0.1:-bricks-v1'
    """
    return f"{host(brick.peer_id)}:{brick.path.replace('/', '-')}"


def _text(lines: dict[str, object]) -> str:
    """KEY=VALUE a line; a value can't bring a line of its own."""
    return "".join(f"{key}={str(value).splitlines()[0] if value != '' else ''}\n" for key, value in lines.items())
