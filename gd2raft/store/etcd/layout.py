"""Where a pool's keys are in etcd. Changing it needs a new FORMAT.

    <prefix>/<pool>/state/data/<key>         what the Store holds, key by key
    <prefix>/<pool>/state/head               touched by every commit: its mod_revision is the Store's revision
    <prefix>/<pool>/state/leader             who leads: a peer's id, held by a lease; its create_revision is the term
    <prefix>/<pool>/session/<id>             an open session: up to which sequence its answers are forgotten
    <prefix>/<pool>/answer/<id>/<sequence>   this commit of the session has happened, at the key's mod_revision

Every peer watches what is below state/; sessions and answers concern only the one that wrote them, and go with its lease.
"""

from __future__ import annotations

from gd2raft.store.etcd.messages import prefix_end

FORMAT = b"1"
"""Value of `head`: a daemon that doesn't know it keeps its hands off."""

PREFIX = "/gd2raft"


class Layout:
    """
    >>> Layout("p1").data("volumes/v")
    b'/gd2raft/p1/state/data/volumes/v'
    """

    def __init__(self, pool: str, prefix: str = PREFIX) -> None:
        self.pool = f"{prefix.rstrip('/')}/{pool}/".encode()
        self.state = self.pool + b"state/"
        self.all_data = self.state + b"data/"
        self.head = self.state + b"head"
        self.leader = self.state + b"leader"
        self.state_end = prefix_end(self.state)
        self.data_end = prefix_end(self.all_data)

    def data(self, key: str) -> bytes:
        return self.all_data + key.encode()

    def key_of(self, data: bytes) -> str | None:
        """The Store's key, None when it is no data. UnicodeDecodeError: not written by us."""
        return data[len(self.all_data) :].decode() if data.startswith(self.all_data) else None

    def session(self, session: str) -> bytes:
        return self.pool + b"session/" + session.encode()

    def answer(self, session: str, sequence: int) -> bytes:
        return self.pool + b"answer/" + session.encode() + b"/" + number(sequence)


def number(value: int) -> bytes:
    """Of fixed width, so that bytes compare as numbers do.

    >>> number(9) < number(10)
    True
    """
    return b"%020d" % value
