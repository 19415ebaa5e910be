"""What the daemon hands to a RaftStore: how to reach other peers, and whom to tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from gd2raft.store.raft.errors import StorageError
from gd2raft.store.raft.log import Entry as Frame

Forward = Callable[[str, bytes, float], Awaitable[bytes]]


class Links(msgspec.Struct):
    """What the daemon hands in. send: fire and forget. forward, forward_read: peer RPC to the leader, (peer, request, timeout_s).

    on_durable: more of the log is on our own disk.
    on_forgetful: a voter has lost entries of its log that it had acknowledged to us, its leader: it had and has entries up to these.
    """

    send: Callable[[str, bytes], None]
    forward: Forward
    forward_read: Forward
    on_committed: Callable[[Sequence[Frame]], None] = lambda _frames: None
    on_fatal: Callable[[StorageError], None] = lambda _error: None
    on_change: Callable[[], None] = lambda: None
    on_forgetful: Callable[[str, int, int], None] = lambda _peer, _had, _has: None
    on_durable: Callable[[], None] = lambda: None
