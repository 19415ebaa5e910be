"""What this peer can say of its bricks: processes, and the file systems below them. Blocking calls run in a thread."""

from __future__ import annotations

import asyncio
import os

from gd2raft.core import model
from gd2raft.process import ProcessManager
from gd2raft.rest.api import BrickFacts, SizeInfo

DISK_TIMEOUT_S = 2.0


async def brick_facts(volume: model.Volume, peer_id: str, processes: ProcessManager) -> dict[str, BrickFacts]:
    """Brick id -> facts, of the volume's bricks on this peer."""
    mine = [b for b in volume.bricks() if b.peer_id == peer_id]
    try:
        disks = await asyncio.wait_for(asyncio.to_thread(lambda: {b.id: disk_of(b.path) for b in mine}), DISK_TIMEOUT_S)
    except TimeoutError:  # a dead disk must not make the processes invisible
        disks = {}
    return {b.id: _facts(b, processes, disks.get(b.id, BrickFacts())) for b in mine}


def _facts(brick: model.Brick, processes: ProcessManager, disk: BrickFacts) -> BrickFacts:
    status = processes.status(brick.path)
    return BrickFacts(
        online=status.online,
        pid=status.pid if status.online else 0,
        port=status.port if status.online else 0,
        fs_type=disk.fs_type,
        mount_opts=disk.mount_opts,
        device=disk.device,
        size=disk.size,
        error="" if status.online else status.last_error,
    )


def disk_of(path: str) -> BrickFacts:
    """Size and file system of a path; empty when it isn't there."""
    import psutil  # here: a daemon that starts need not wait for it

    try:
        found = os.statvfs(path)
    except OSError:
        return BrickFacts()
    size = SizeInfo(
        capacity=found.f_blocks * found.f_frsize,
        used=(found.f_blocks - found.f_bfree) * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
    )
    mounts = [p for p in psutil.disk_partitions(all=True) if path == p.mountpoint or path.startswith(p.mountpoint.rstrip("/") + "/")]
    if not mounts:
        return BrickFacts(size=size)
    best = max(mounts, key=lambda p: len(p.mountpoint))
    return BrickFacts(size=size, fs_type=best.fstype, device=best.device, mount_opts=best.opts)


def volume_size(volume: model.Volume, facts: dict[str, BrickFacts]) -> SizeInfo:
    """What a client would see with df: the smallest brick of a set times its data bricks, the sets added up."""
    total = SizeInfo()
    for subvol in volume.subvols:
        sets = [(b,) for b in subvol.bricks] if subvol.type is model.SubvolumeType.DISTRIBUTE else [subvol.bricks]
        data = subvol.disperse_count - subvol.redundancy_count if subvol.disperse_count else 1
        for bricks in sets:
            sizes = [facts[b.id].size for b in bricks if b.type is model.BrickType.BRICK and b.id in facts and facts[b.id].size.capacity]
            if sizes:
                total = SizeInfo(
                    capacity=total.capacity + data * min(s.capacity for s in sizes),
                    used=total.used + data * max(s.used for s in sizes),
                    free=total.free + data * min(s.free for s in sizes),
                )
    return total
