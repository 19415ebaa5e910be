"""The methods of the peer RPC: numbers, names and messages. Numbers are never reused; fields are only ever appended."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gd2raft.rpc.fields import NOTICES_MAX, PEERS_MAX, Count, Index, Key, Label, Millis, Name, Names, Payload, PeerNames, Port, Secret, Text
from gd2raft.rpc.service import Empty as Empty
from gd2raft.rpc.service import Method, notification


class Message(msgspec.Struct, frozen=True, array_like=True):
    pass


class RaftMessage(Message, frozen=True, array_like=True):
    payload: Payload


class Forwarded(Message, frozen=True, array_like=True):
    """Store operations for the leader, or (empty) a read index."""

    payload: Payload
    timeout_ms: Millis


class Answer(Message, frozen=True, array_like=True):
    payload: Payload


class FollowRequest(Message, frozen=True, array_like=True):
    """`index`, `term`: the last entry that the follower has applied. `frames` False: soft state only (a voter).

    `member_since`: index of an entry after which it has seen itself in the pool, 0 when it hasn't yet. Only a peer whose
    state is at least that new, and doesn't have the follower, can know that it was removed.
    """

    index: Index
    term: Index
    frames: bool
    member_since: Index


class FollowReply(Message, frozen=True, array_like=True):
    """`verdict`: ok, snapshot (too far behind: fetch one first), not-leader, removed, unknown."""

    verdict: Name
    leader: Name = ""
    leader_address: Name = ""


class FrameMessage(Message, frozen=True, array_like=True):
    """A committed entry of the log, as the store keeps it."""

    command: Payload
    index: Index
    term: Index


class Frames(Message, frozen=True, array_like=True):
    """Committed entries of the log, in order."""

    frames: Annotated[list[FrameMessage], Meta(max_length=65_536)]


class SnapshotRequest(Message, frozen=True, array_like=True):
    """The next chunk of the snapshot that this connection fetches; `number` counts from 0."""

    number: Index


class SnapshotChunk(Message, frozen=True, array_like=True):
    """`meta` comes with the first chunk, `last` with the last one."""

    data: Payload
    last: bool
    meta: Annotated[bytes, Meta(max_length=65_536)] = b""


class PoolState(Message, frozen=True, array_like=True):
    """Soft state, down the tree. `online`: everybody in sight, at the beginning of a connection; None: as last time, but for those
    that `came` and `went`. (A thousand ids a second to a thousand peers would be more than everything else.) `depth`: how many learners
    it has come through; in a circle of learners that follow each other it grows without end."""

    leader: Name
    term: Index
    quorum: bool
    voters: Names
    online: PeerNames | None
    came: PeerNames = []
    went: PeerNames = []
    depth: Count = 0


class Lease(Message, frozen=True, array_like=True):
    """Soft state, up the tree. `below`: as `online` of PoolState, of the peers below the one that says it."""

    index: Index
    below: PeerNames | None
    came: PeerNames = []
    went: PeerNames = []


class ExpectMessage(Message, frozen=True, array_like=True):
    """The key was last modified at this revision."""

    key: Key
    revision: Index


class CommandMessage(Message, frozen=True, array_like=True):
    """`request`: JSON. `expect`: what must hold for it to be run (If-Match)."""

    id: Label
    command: Name
    request: Payload
    initiator: Name
    request_id: Label
    user: Label
    timeout_ms: Millis
    digest: Name
    expect: Annotated[list[ExpectMessage], Meta(max_length=8192)] = []


class DoneMessage(Message, frozen=True, array_like=True):
    """`result`: JSON."""

    revision: Index
    result: Payload
    warnings: Annotated[list[Text], Meta(max_length=PEERS_MAX)]


class StepMessage(Message, frozen=True, array_like=True):
    transaction: Label
    revision: Index
    kind: Name
    arguments: Payload
    undo: bool
    request_id: Label
    timeout_ms: Millis


class StepReply(Message, frozen=True, array_like=True):
    """`facts`: JSON. `error` "" when it did what it should. `away`: what it is to undo is on a disk that is away."""

    facts: Payload
    error: Text
    hint: Text
    away: bool = False


class AskReply(Message, frozen=True, array_like=True):
    """Who answers here. `refusal`: why it doesn't join a pool ("" when it does)."""

    peer_id: Name
    pool_id: Name
    client_port: Port
    zone: Name
    op_version_min: Count
    op_version_max: Count
    steps: Names
    refusal: Text
    client_host: Name = ""
    peer_port: Port = 0
    store: Name = "raft"
    hooks: Names = []


class Invitation(Message, frozen=True, array_like=True):
    """`seeds`: addresses of members to follow at first. `address`: by which the pool knows the invited peer."""

    pool_id: Name
    pool_key: Secret
    secret: Secret
    seeds: PeerNames
    address: Name
    peer_id: Name
    store: Name = "raft"


class Revocation(Message, frozen=True, array_like=True):
    pool_id: Name
    peer_id: Name


class Recovered(Message, frozen=True, array_like=True):
    """The pool `former` was recovered by the peer `by` after it had lost its quorum, and goes on as `pool_id`."""

    former: Name
    pool_id: Name
    by: Name


class Moved(Message, frozen=True, array_like=True):
    """The peer that says it listens at `address` (HOST:PORT), where it isn't known to be."""

    address: Name


class Notice(Message, frozen=True, array_like=True):
    """What the leader has to say of a peer to the administrator. `code`: of `gd2 health`."""

    code: Name
    peer_id: Name
    what: Text


class PeerState(Message, frozen=True, array_like=True):
    """`disk_full`: of its log; it neither leads nor acknowledges before there is space again. `notices`: of other peers, while it leads."""

    role: Name
    index: Index
    term: Index
    revision: Index
    disk_full: bool = False
    notices: Annotated[list[Notice], Meta(max_length=NOTICES_MAX)] = []


class VolumeQuery(Message, frozen=True, array_like=True):
    volume: Name


class VolumeAsk(Message, frozen=True, array_like=True):
    """Something to be asked of this peer about a volume (gd2raft/asks). `arguments`: JSON."""

    volume: Name
    ask: Name
    arguments: Payload


class VolumeAnswer(Message, frozen=True, array_like=True):
    """`payload`: JSON. `error`: "" when it could be answered."""

    payload: Payload
    error: Text


class VolfileQuery(Message, frozen=True, array_like=True):
    """`known`: the digest of the volfile that the asker has; then the answer waits up to `wait_ms` for another one."""

    volume: Name
    known: Name = ""
    wait_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0


class Volfile(Message, frozen=True, array_like=True):
    """What a client on another machine mounts with. `volfile`: empty when it is the one that is known, whose `digest` (SHA-256, hex) this is then too.

    `revision`: of the state that it was made from.
    """

    digest: Name
    revision: Index
    volfile: Payload


class JobQuery(Message, frozen=True, array_like=True):
    job: Name


RAFT_MESSAGE = notification(1, "raft.message", RaftMessage)
STORE_FORWARD = Method(2, "store.forward", Forwarded, Answer)
STORE_READ = Method(3, "store.read", Forwarded, Answer)
FOLLOW_OPEN = Method(10, "follow.open", FollowRequest, FollowReply)
FOLLOW_FRAMES = notification(11, "follow.frames", Frames)
FOLLOW_SNAPSHOT = Method(12, "follow.snapshot", SnapshotRequest, SnapshotChunk)
FOLLOW_STATE = notification(13, "follow.state", PoolState)
FOLLOW_LEASE = notification(14, "follow.lease", Lease)
FOLLOW_HURRY = notification(15, "follow.hurry", Empty)
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
VOLUME_VOLFILE = Method(42, "volume.volfile", VolfileQuery, Volfile)
JOB_PROGRESS = Method(50, "job.progress", JobQuery, Answer)
PartMethod = Method[Revocation, Empty]
