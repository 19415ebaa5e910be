"""The methods of the peer RPC: numbers, names and messages. Numbers are never reused; fields are only ever appended."""

from __future__ import annotations

import msgspec

from gd2raft.rpc.service import Empty as Empty
from gd2raft.rpc.service import Method, notification


class Message(msgspec.Struct, frozen=True, array_like=True):
    pass


class RaftMessage(Message, frozen=True, array_like=True):
    payload: bytes


class Forwarded(Message, frozen=True, array_like=True):
    """Store operations for the leader, or (empty) a read index."""

    payload: bytes
    timeout_ms: int


class Answer(Message, frozen=True, array_like=True):
    payload: bytes


class FollowRequest(Message, frozen=True, array_like=True):
    """`index`, `term`: the last entry that the follower has applied. `frames` False: soft state only (a voter).

    `member_since`: index of an entry after which it has seen itself in the pool, 0 when it hasn't yet. Only a peer whose
    state is at least that new, and doesn't have the follower, can know that it was removed.
    """

    index: int
    term: int
    frames: bool
    member_since: int


class FollowReply(Message, frozen=True, array_like=True):
    """`verdict`: ok, snapshot (too far behind: fetch one first), not-leader, removed, unknown."""

    verdict: str
    leader: str = ""
    leader_address: str = ""


class FrameMessage(Message, frozen=True, array_like=True):
    """A committed entry of the log, as the store keeps it."""

    command: bytes
    index: int
    term: int


class Frames(Message, frozen=True, array_like=True):
    """Committed entries of the log, in order."""

    frames: list[FrameMessage]


class SnapshotRequest(Message, frozen=True, array_like=True):
    """The next chunk of the snapshot that this connection fetches; `number` counts from 0."""

    number: int


class SnapshotChunk(Message, frozen=True, array_like=True):
    """`meta` comes with the first chunk, `last` with the last one."""

    data: bytes
    last: bool
    meta: bytes = b""


class PoolState(Message, frozen=True, array_like=True):
    """Soft state, down the tree. `online`: everybody in sight, at the beginning of a connection; None: as last time, but for those
    that `came` and `went`. (A thousand ids a second to a thousand peers would be more than everything else.) `depth`: how many learners
    it has come through; in a circle of learners that follow each other it grows without end."""

    leader: str
    term: int
    quorum: bool
    voters: list[str]
    online: list[str] | None
    came: list[str] = []
    went: list[str] = []
    depth: int = 0


class Lease(Message, frozen=True, array_like=True):
    """Soft state, up the tree. `below`: as `online` of PoolState, of the peers below the one that says it."""

    index: int
    below: list[str] | None
    came: list[str] = []
    went: list[str] = []


class CommandMessage(Message, frozen=True, array_like=True):
    id: str
    command: str
    request: bytes
    initiator: str
    request_id: str
    user: str
    timeout_ms: int
    digest: str
    expect: list[tuple[str, int]] = []


class DoneMessage(Message, frozen=True, array_like=True):
    """`result`: JSON."""

    revision: int
    result: bytes
    warnings: list[str]


class StepMessage(Message, frozen=True, array_like=True):
    transaction: str
    revision: int
    kind: str
    arguments: bytes
    undo: bool
    request_id: str
    timeout_ms: int


class StepReply(Message, frozen=True, array_like=True):
    """`facts`: JSON. `error` "" when it did what it should."""

    facts: bytes
    error: str
    hint: str


class AskReply(Message, frozen=True, array_like=True):
    """Who answers here. `refusal`: why it doesn't join a pool ("" when it does)."""

    peer_id: str
    pool_id: str
    client_port: int
    zone: str
    op_version_min: int
    op_version_max: int
    steps: list[str]
    refusal: str
    client_host: str = ""
    peer_port: int = 0
    store: str = "raft"
    hooks: list[str] = []


class Invitation(Message, frozen=True, array_like=True):
    """`seeds`: addresses of members to follow at first. `address`: by which the pool knows the invited peer."""

    pool_id: str
    pool_key: bytes
    secret: bytes
    seeds: list[str]
    address: str
    peer_id: str
    store: str = "raft"


class Revocation(Message, frozen=True, array_like=True):
    pool_id: str
    peer_id: str


class Recovered(Message, frozen=True, array_like=True):
    """The pool `former` was recovered by the peer `by` after it had lost its quorum, and goes on as `pool_id`."""

    former: str
    pool_id: str
    by: str


class Moved(Message, frozen=True, array_like=True):
    """The peer that says it listens at `address` (HOST:PORT), where it isn't known to be."""

    address: str


class PeerState(Message, frozen=True, array_like=True):
    role: str
    index: int
    term: int
    revision: int


class VolumeQuery(Message, frozen=True, array_like=True):
    volume: str


class VolumeAsk(Message, frozen=True, array_like=True):
    """Something to be asked of this peer about a volume (gd2raft/asks). `arguments`: JSON."""

    volume: str
    ask: str
    arguments: bytes


class VolumeAnswer(Message, frozen=True, array_like=True):
    """`payload`: JSON. `error`: "" when it could be answered."""

    payload: bytes
    error: str


class JobQuery(Message, frozen=True, array_like=True):
    job: str


RAFT_MESSAGE = notification(1, "raft.message", RaftMessage)
STORE_FORWARD = Method(2, "store.forward", Forwarded, Answer)
STORE_READ = Method(3, "store.read", Forwarded, Answer)
FOLLOW_OPEN = Method(10, "follow.open", FollowRequest, FollowReply)
FOLLOW_FRAMES = notification(11, "follow.frames", Frames)
FOLLOW_SNAPSHOT = Method(12, "follow.snapshot", SnapshotRequest, SnapshotChunk)
FOLLOW_STATE = notification(13, "follow.state", PoolState)
FOLLOW_LEASE = notification(14, "follow.lease", Lease)
COMMAND_RUN = Method(20, "command.run", CommandMessage, DoneMessage)
STEP_RUN = Method(21, "step.run", StepMessage, StepReply)
JOIN_ASK = Method(30, "join.ask", Empty, AskReply, join=True)
JOIN_INVITE = Method(31, "join.invite", Invitation, Empty, join=True)
JOIN_REVOKE = Method(32, "join.revoke", Revocation, Empty)
PEER_DISMISS = Method(33, "peer.dismiss", Revocation, Empty)
PEER_STATE = Method(34, "peer.state", Empty, PeerState)
PEER_RECOVERED = Method(35, "peer.recovered", Recovered, Empty)
PEER_MOVED = Method(36, "peer.moved", Moved, Empty)
BRICKS_STATUS = Method(40, "bricks.status", VolumeQuery, Answer)
VOLUME_ASK = Method(41, "volume.ask", VolumeAsk, VolumeAnswer)
JOB_PROGRESS = Method(50, "job.progress", JobQuery, Answer)
PartMethod = Method[Revocation, Empty]
