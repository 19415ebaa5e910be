"""What can go wrong below the store, beside the refusals of interface.py.

StorageError: the world did it (disk); the daemon must stop, because memory and disk may differ now.
  WalCorrupt, SnapshotCorrupt: what is on disk is not what was written; never repaired silently.
BadMessage: what a peer sent is not a message of ours; it is dropped.
"""

from __future__ import annotations

WAY_OUT = (
    "The other peers hold the same data: stop the daemon, move the folder away that holds all its state (localstatedir), "
    "start the daemon again, and on another peer let it take the lost one's place, bricks included: gd2 peer replace PEER ADDRESS "
    "(PEER: the id, name or address that it had; ADDRESS: of this daemon). A pool of one has no other peers: there, once the folder is moved away, "
    "gd2 cluster restore FILE brings back what gd2 cluster export saved."
)


class StorageError(Exception):
    """The disk failed this peer; nothing was acknowledged that is not safe, and nothing will be until a restart."""


class WalCorrupt(StorageError):
    """The log on disk is damaged: says where, and what to do."""

    def __init__(self, path: str, offset: int, why: str) -> None:
        super().__init__(f"the log {path} {_trouble(offset, why)}. Nothing was changed. {WAY_OUT}")
        self.path, self.offset = path, offset


class SnapshotCorrupt(StorageError):
    """The log snapshot on disk is damaged: says where, and what to do."""

    def __init__(self, path: str, offset: int, why: str) -> None:
        super().__init__(f"the log snapshot {path} {_trouble(offset, why)}. Nothing was changed. {WAY_OUT}")
        self.path, self.offset, self.trouble = path, offset, _trouble(offset, why)


def _trouble(offset: int, why: str) -> str:
    """
    >>> _trouble(7, "a broken record"), _trouble(0, "it is missing")
    ('is damaged at byte 7: a broken record', "can't be used: it is missing")
    """
    return f"can't be used: {why}" if why.startswith("it is missing") else f"is damaged at byte {offset}: {why}"


class BadMessage(ValueError):
    """A message that is not of this protocol, or past its limits."""
