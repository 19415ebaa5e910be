"""What stands for the log where there is none: in a pool whose state is kept in etcd, where every peer reads it for itself.

Nothing is forwarded, followed or voted for among such peers. A daemon that tries (it was configured otherwise) is told why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from gd2raft.store.interface import StoreError

WHY = "this peer keeps no log: its pool's state is in etcd. Is `store` the same in the configuration of all peers?"


class NoLog:
    """The parts of the Raft store that are about its log."""

    def frames_after(self, index: int, bytes_max: int) -> None:
        return None

    def take_frames(self, frames: Sequence[object]) -> bool:
        raise StoreError(WHY)

    async def accept_frames(self, frames: Sequence[object]) -> None:
        raise StoreError(WHY)

    async def snapshot_for_learner(self) -> tuple[bytes, AsyncIterator[bytes]]:
        raise StoreError(WHY)

    async def install_snapshot(self, meta: bytes, chunks: AsyncIterator[bytes]) -> None:
        raise StoreError(WHY)

    def take_forward(self, data: bytes, timeout_s: float, reply: Callable[[bytes], None]) -> None:
        raise StoreError(WHY)

    async def handle_forward_read(self, data: bytes, timeout_s: float) -> bytes:
        raise StoreError(WHY)

    def receive(self, peer: str, data: bytes) -> None:
        """A voter's message to nobody."""

    def lost(self, peer: str) -> None:
        """Nobody counts on a connection."""

    def note_leader(self, leader: str, term: int, quorum: bool) -> None:
        """etcd says who leads."""

    async def add_voter(self, peer_id: str, *, timeout_s: float) -> None:
        raise StoreError(WHY)

    async def remove_voter(self, peer_id: str, *, timeout_s: float) -> None:
        """It has no vote to lose."""
