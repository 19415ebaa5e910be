"""A log folder without a running daemon: what is in it, and making a new one for a pool of one. It must not know of identities.

What a folder holds is its whole log, applied: entries that were not known to be committed too, since the one who knew may be lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gd2raft.core.kv import Frozen, KeyValueState, Operation
from gd2raft.store.raft import snapshot, wal
from gd2raft.store.raft.disk import RealDisk
from gd2raft.store.raft.errors import StorageError
from gd2raft.store.raft.hint import CommitHint
from gd2raft.store.raft.log import Config, HardState, Log
from gd2raft.store.raft.replica import Replica
from gd2raft.store.raft.settings import Settings
from gd2raft.store.raft.storage import SNAPSHOT, WAL, load

CREATED, HINT, UNFINISHED = "created", "committed", "unfinished"
"""Beside the log: that there is one, how far it was known to be committed, and that it was planted for a peer that has not gone over to it."""

REVISION_LEAP = 1_000_000
"""By so much the revision of a recovered or restored pool is ahead: no revision of the lost future is used for something else."""


class Salvaged(NamedTuple):
    """`index`, `term`: of the last entry. `committed`: how far it was known to be committed. `voters`: ids, by its last configuration."""

    pool: str
    index: int  # type: ignore[assignment]
    term: int
    committed: int
    voters: tuple[str, ...]
    frozen: Frozen


def read_folder(folder: Path, peer: str) -> Salvaged:
    """Raises StorageError (WalCorrupt, SnapshotCorrupt), also when a daemon uses the folder or there is no log in it."""
    if not (folder / WAL).exists():
        raise StorageError(f"{folder} holds no log of a pool")
    disk = RealDisk(folder)
    try:
        loaded = load(disk, peer)
        assert loaded is not None
    finally:
        disk.close()
    meta, log = loaded.meta, loaded.log
    replica = Replica(Settings(), loaded.frozen, (meta.index, meta.term) if meta else (0, 0))
    replica.apply(log.after(replica.applied[0], 1 << 62), None)
    hint = CommitHint(folder / HINT)
    committed = max(hint.read(loaded.identity.pool)[0], meta.index if meta else 0)
    hint.close()
    index, term = replica.applied
    return Salvaged(loaded.identity.pool, index, term, committed, log.config.voters, replica.state.freeze())


def read_file(path: Path) -> Salvaged:
    """An exported log snapshot. Raises OSError, SnapshotCorrupt (file and offset)."""
    meta, frozen = snapshot.decode(str(path), path.read_bytes())
    return Salvaged(meta.pool, meta.index, meta.term, meta.index, meta.config.voters, frozen)


def changed(frozen: Frozen, change: Callable[[KeyValueState], Operation]) -> Frozen:
    """The state with one more operation, at a revision far ahead."""
    state = KeyValueState.thaw(frozen)
    operation = change(state)
    state.revision += REVISION_LEAP
    state.apply(operation)
    return state.freeze()


async def plant(folder: Path, pool: str, peer: str, index: int, term: int, frozen: Frozen) -> None:
    """Make the log of a pool whose only voter is `peer`, with this state. Durable when it returns. Raises OSError, DiskFull, StorageError.

    It is marked UNFINISHED, so that what a crash leaves is told from a log that counts; the caller removes the mark.
    """
    if folder.exists() and any(folder.iterdir()):
        raise StorageError(f"{folder} is not empty: nothing is overwritten")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / UNFINISHED).touch(mode=0o600)
    disk = RealDisk(folder)
    try:
        config = Config(0, (peer,))
        log = Log(index, term, config, HardState(term, ""))
        content, _ = wal.encode_file(wal.Identity(pool, peer), os.urandom(8), log)
        await disk.replace(SNAPSHOT, snapshot.encode(snapshot.make_meta(pool, index, term, config, frozen), frozen))
        await disk.replace(WAL, [content])
        await disk.replace(CREATED, [b""])
    finally:
        disk.close()
