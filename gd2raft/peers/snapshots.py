"""Log snapshots for learners that are too far behind for frames: pulled in chunks over the connection that asked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import structlog

from gd2raft import services
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import RpcRefusal

CHUNK_TIMEOUT_S = 20.0
AT_ONCE_MAX = 8

log = structlog.get_logger("snapshots")


class SnapshotSource(Protocol):
    async def snapshot_for_learner(self) -> tuple[bytes, AsyncIterator[bytes]]: ...


class SnapshotSink(Protocol):
    async def install_snapshot(self, meta: bytes, chunks: AsyncIterator[bytes]) -> None: ...


class SnapshotServer:
    """Serves at most AT_ONCE_MAX snapshots at a time, one per connection, chunk after chunk."""

    def __init__(self, source: SnapshotSource) -> None:
        self._source = source
        self._open: dict[Connection, tuple[int, bytes, AsyncIterator[bytes]]] = {}

    async def on_request(self, connection: Connection, request: services.SnapshotRequest) -> services.SnapshotChunk:
        if request.number == 0:
            if len(self._open) >= AT_ONCE_MAX and connection not in self._open:
                raise RpcRefusal("busy", "too many snapshots are being fetched here: try another peer")
            meta, chunks = await self._source.snapshot_for_learner()
            self._open[connection] = (0, meta, chunks)
        number, meta, chunks = self._open.get(connection, (-1, b"", _nothing()))
        if number != request.number:
            raise RpcRefusal("out-of-order", f"chunk {request.number} was asked for, {number} is next")
        data = await anext(chunks, b"")
        self._open[connection] = (number + 1, b"", chunks)
        if not data:
            self.forget(connection)
        return services.SnapshotChunk(data, not data, meta)

    def forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def fetch_snapshot(connection: Connection, sink: SnapshotSink) -> None:
    """Pull a snapshot from the other end and install it. Raises RpcError, or what the store finds wrong with it."""
    first = await connection.call(services.FOLLOW_SNAPSHOT, services.SnapshotRequest(0), timeout_s=CHUNK_TIMEOUT_S)

    async def chunks() -> AsyncIterator[bytes]:
        chunk, number = first, 0
        while not chunk.last:
            yield chunk.data
            number += 1
            chunk = await connection.call(services.FOLLOW_SNAPSHOT, services.SnapshotRequest(number), timeout_s=CHUNK_TIMEOUT_S)

    log.info("fetching a snapshot", upstream=connection.peer.peer_id)
    await sink.install_snapshot(first.meta, chunks())
