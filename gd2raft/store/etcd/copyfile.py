"""The copy on this peer's disk, for a start while etcd can't be reached: reads, volfiles and bricks go on with it. Never newer than etcd.

Replaced as a whole every few seconds when something has changed, so it may be a little old: exactly what a copy without a quorum may be.
A missing, damaged or foreign one is none.
"""

from __future__ import annotations

import zlib

import msgspec
import structlog

from gd2raft.core.kv import Versioned
from gd2raft.store.raft.disk import Disk, DiskFull
from gd2raft.store.raft.errors import StorageError

NAME = "copy"
CRC_BYTES = 4

log = structlog.get_logger("etcd")


class Copy(msgspec.Struct, frozen=True, array_like=True):
    """`seen`: etcd's revision up to which it is complete; `head`: the head's."""

    pool: str
    revision: int
    seen: int
    head: int
    items: dict[str, Versioned]


class CopyFile:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.revision = 0  # of what is on the disk

    def load(self, pool: str) -> Copy | None:
        try:
            data = self._disk.read(NAME) or b""
            if zlib.crc32(data[CRC_BYTES:]).to_bytes(CRC_BYTES, "big") != data[:CRC_BYTES]:
                return None
            copy = msgspec.msgpack.decode(data[CRC_BYTES:], type=Copy)
        except (OSError, StorageError, msgspec.MsgspecError):
            return None
        return copy if copy.pool == pool else None

    async def save(self, copy: Copy) -> None:
        """A disk that is full or broken is no reason to stop: etcd has everything."""
        try:
            await self._disk.replace(NAME, await self._disk.compute(lambda: encode(copy)))
            self.revision = copy.revision
        except (OSError, StorageError, DiskFull) as error:
            log.warning("the copy of the pool's state could not be written", why=str(error))

    def close(self) -> None:
        self._disk.close()


def encode(copy: Copy) -> list[bytes]:
    data = msgspec.msgpack.encode(copy)
    return [zlib.crc32(data).to_bytes(CRC_BYTES, "big"), data]
