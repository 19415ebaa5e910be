"""What REST needs of the daemon: the Api that is handed in, the context of a request, and the limits.

REST must not know the store, the engine, or how peers are asked: only these calls. All of them run on the server's event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gd2raft.core import jobs, model
from gd2raft.core.kv import Event, Expect
from gd2raft.core.options import OptionTable
from gd2raft.core.plan import CommandError, Request

Builtins = Mapping[str, Any]


class Compacted(CommandError):
    """A watch from a revision whose changes are not remembered any more."""

    http = 410
    code = "compacted"


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a command, and how.

    `received`: event loop time. `timeout_s`: how long the client's answer may take, from `received` on.
    `expect` (If-Match): keys that must still be at these revisions when the plan is made, every time it is made; else the engine
    raises plan.Moved.
    """

    request_id: str
    user: str
    timeout_s: float
    received: float
    idempotency_key: str = ""
    expect: tuple[Expect, ...] = ()


class Done(Protocol):
    """A command did what it should. `revision`: the state has it from there on. `result`: Plan.result."""

    @property
    def revision(self) -> int: ...

    @property
    def result(self) -> dict[str, Any]: ...

    @property
    def warnings(self) -> Sequence[str]: ...


class SizeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes."""

    capacity: int = 0
    used: int = 0
    free: int = 0


class BrickFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer says of one of its bricks. The default: nothing is known (the peer can't be reached), so it is offline. `error`: why it is."""

    online: bool = False
    pid: int = 0
    port: int = 0
    fs_type: str = ""
    mount_opts: str = ""
    device: str = ""
    size: SizeInfo = SizeInfo()
    error: str = ""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer answered when it was asked about a volume, or why it did not."""

    value: dict[str, Any] = {}
    error: str = ""


class Watch(Protocol):
    """Batches of changes in revision order. A batch holds whole revisions. Raises Compacted when the reader is too slow."""

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]: ...

    async def __anext__(self) -> Sequence[Event]: ...

    def close(self) -> None: ...


class Api(Protocol):
    """The daemon, as REST sees it."""

    @property
    def peer_id(self) -> str: ...

    @property
    def version(self) -> str:
        """Of the daemon."""
        ...

    @property
    def log_level(self) -> str:
        """Of the daemon's log: DEBUG, INFO, WARNING or ERROR."""
        ...

    @property
    def option_table(self) -> OptionTable: ...

    def cluster_id(self) -> str: ...

    def secret(self) -> bytes:
        """The pool's secret for JWTs, as it stands in the file `auth` (without white space around it). Read at every request."""
        ...

    def view(self) -> model.View:
        """This peer's own state, now. Used without awaiting in between."""
        ...

    def revision(self) -> int:
        """Of this peer's own state."""
        ...

    def stale(self) -> bool:
        """Whether this peer sees no quorum, or was started just now and has not learnt yet what it missed: its answers may be old."""
        ...

    async def settled(self) -> None:
        """Give a peer that was started just now a moment to learn what it missed. Without a quorum, no later one is given."""
        ...

    def online(self) -> Mapping[str, int]:
        """Peers in sight, this one too: id -> pid of its daemon (0 when not known)."""
        ...

    def cluster_status(self) -> Builtins:
        """Body of GET /v1/cluster/status: leader, term, quorum, voters, learners, log-index, applied, revision, and more."""
        ...

    async def full_disks(self) -> frozenset[str]:
        """Ids of this peer and of the voters in sight whose logs' disks are full, asked now. Never raises; one that is slow to answer counts as having space."""
        ...

    async def notices(self) -> Sequence[Mapping[str, str]]:
        """What the leader says of other peers that an administrator should know: code (of `gd2 health`), peer, what. Never raises; none from a leader that is slow to answer."""
        ...

    def export(self) -> Iterator[bytes]:
        """This peer's state, now, as the pieces of a log snapshot file. Raises CommandError."""
        ...

    async def wait_revision(self, revision: int, timeout_s: float) -> None:
        """Wait until this peer's state has the revision; raises TimeoutError."""
        ...

    async def linearizable(self, timeout_s: float) -> int:
        """Wait until this peer's state has everything acknowledged before the call: its revision. Raises CommandError (503)."""
        ...

    async def run(self, command: str, request: Request, context: RequestContext) -> Done:
        """Run a command to its end; this peer's own state then holds the result. Raises CommandError.

        The command goes on when this call is cancelled.
        """
        ...

    async def keep(self, key: str, record: model.Record | None, revision: int) -> None:
        """Write (None: delete) one record that only REST itself reads (core.heketi), if its key was last changed at the revision (0: it is absent).
        Raises Moved; Unavailable or OutcomeUnknown."""
        ...

    async def brick_facts(self, volume: model.Volume) -> Mapping[str, BrickFacts]:
        """Brick id -> facts. Asks only the peers of the bricks; bricks of peers that don't answer are left out. Never raises."""
        ...

    async def job_progress(self, job: jobs.Job) -> Mapping[str, jobs.Progress]:
        """Peer id -> how far it is, for every peer of the job. Asks those that haven't ended. Never raises."""
        ...

    async def volume_size(self, volume: model.Volume) -> SizeInfo:
        """What a client would see with df; zeros when that can't be known. Never raises."""
        ...

    def describe(self, volume: model.Volume) -> Builtins:
        """VOLUME.json of gd2volgen: what this peer's volfiles of the volume are made from, with placeholders for its credentials."""
        ...

    async def ask(
        self, volume: model.Volume, ask: str, arguments: Mapping[str, Any], *, peers: Sequence[str], timeout_s: float
    ) -> Mapping[str, Answered]:
        """Peer id -> answer of these peers to an ask of gd2raft/asks. Never raises for what the world does."""
        ...

    def watch(self, prefix: str, from_revision: int) -> Watch:
        """Changes under the prefix after the revision. Raises Compacted."""
        ...


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the server. Times in seconds, sizes in bytes."""

    connections_max: int = 1024
    header_bytes_max: int = 8190
    """For the request line, and for each header."""
    headers_max: int = 64
    body_bytes_max: int = 1 << 20
    head_s: float = 10.0
    """From the first byte of a request to the end of its headers."""
    body_s: float = 10.0
    """From the end of the headers to the end of the body."""
    idle_s: float = 60.0
    """Between two requests of a connection."""
    unread_s: float = 30.0
    """For a client to take bytes that were sent to it."""
    command_s: float = 120.0
    """For a command, when the client doesn't say ?timeout=."""
    command_s_max: float = 600.0
    wait_s_max: float = 300.0
    read_s: float = 30.0
    """For anything but a command."""
    catch_up_s: float = 5.0
    """For ?min-revision= and ?consistency=linearizable."""
    close_s: float = 5.0
    """For requests that are being answered when the server closes."""
    page_max: int = 1000
    watches_max: int = 64
    watch_s_max: float = 3600.0
    heartbeat_s: float = 15.0


class Log(Protocol):
    """What REST writes its log lines with (structlog's loggers fit)."""

    def info(self, event: str, **fields: Any) -> Any: ...

    def warning(self, event: str, **fields: Any) -> Any: ...

    def error(self, event: str, **fields: Any) -> Any: ...
