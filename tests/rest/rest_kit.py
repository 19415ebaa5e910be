"""A REST server on a real socket, over an Api whose state is the real state machine and whose commands are the real plans.

What it leaves out is the cluster: steps don't run, there is one peer, and what the others would say is set by the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jwt
import msgspec

from gd2raft.commands.peer_add import FoundPeer, PeerAdd
from gd2raft.commands.peer_replace import PeerReplace
from gd2raft.commands.peers_add import PeersAdd
from gd2raft.commands.quota_limit import QuotaSetLimit
from gd2raft.commands.quota_remove import QuotaRemove
from gd2raft.commands.registry import commands
from gd2raft.core import jobs, kv, model, plan
from gd2raft.rest.api import Answered, BrickFacts, Compacted, Limits, RequestContext, SizeInfo
from gd2raft.rest.server import RestServer
from gd2volgen.tables import option_table

ADDRESS = "127.16.0.1"
SECRET = b"5ecre7" * 11
PEER = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
DEADLINE_S = 30.0
T = TypeVar("T")


class Done(msgspec.Struct, frozen=True):
    revision: int
    result: dict[str, Any]
    warnings: tuple[str, ...] = ()


class MemoryWatch:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.queue: asyncio.Queue[Sequence[kv.Event]] = asyncio.Queue()
        self.closed = False

    def __aiter__(self) -> MemoryWatch:
        return self

    async def __anext__(self) -> Sequence[kv.Event]:
        return await self.queue.get()

    def close(self) -> None:
        self.closed = True

    def offer(self, events: Sequence[kv.Event]) -> None:
        if fitting := [e for e in events if e.key.startswith(self.prefix)]:
            self.queue.put_nowait(fitting)


class MemoryApi:
    """Implements gd2raft.rest.api.Api. `fail`: raised by the next command instead of running it."""

    def __init__(self) -> None:
        self.state = kv.KeyValueState()
        self.changed = asyncio.Event()
        self.peer_id, self.version, self.option_table, self.log_level = PEER, "1.2.3", option_table(), "INFO"
        self.pids: dict[str, int] = {PEER: 4711, OTHER: 0}
        self.facts: dict[str, BrickFacts] = {}
        self.answers: dict[str, Answered] = {}
        self.asked: list[tuple[str, dict[str, Any], list[str]]] = []
        self.fail: BaseException | None = None
        self.hang: asyncio.Event | None = None
        self.warnings: tuple[str, ...] = ()
        self.contexts: list[RequestContext] = []
        self.linearizable_calls = 0
        self.compacted_below = 0
        self.history: list[kv.Event] = []
        self.watches: list[MemoryWatch] = []
        self.on_events: Callable[[Sequence[kv.Event]], object] = lambda events: None
        self.put(model.CLUSTER, model.Cluster(id="cccccccc-cccc-4ccc-8ccc-cccccccccccc"))
        self.put(model.peer_key(PEER), peer(PEER, "node1"))
        self.put(model.peer_key(OTHER), peer(OTHER, "node2"))

    def put(self, key: str, record: model.Record) -> int:
        """Change the state behind REST's back; the revision."""
        return self.apply(plan.make_commit(self.state, (), (plan.Change(key, msgspec.to_builtins(record)),)))

    def apply(self, commit: kv.Commit) -> int:
        result, events = self.state.apply(kv.Operation(commit=commit))
        assert result.outcome == "done", result
        self.history += events
        self.on_events(events)
        self.changed.set()
        self.changed = asyncio.Event()
        for watch in self.watches:
            watch.offer(events)
        return result.revision

    # the Api

    def cluster_id(self) -> str:
        return "cccccccc-cccc-4ccc-8ccc-cccccccccccc"

    def secret(self) -> bytes:
        return SECRET

    def view(self) -> model.View:
        return model.View(self.state)

    def revision(self) -> int:
        return self.state.revision

    def stale(self) -> bool:
        return not self.quorum if hasattr(self, "quorum") else False

    async def settled(self) -> None:
        self.settled_calls = getattr(self, "settled_calls", 0) + 1

    def online(self) -> Mapping[str, int]:
        return self.pids

    def cluster_status(self) -> Mapping[str, Any]:
        revision = self.state.revision
        return {
            "peers": [{"id": PEER, "name": "node1"}, {"id": OTHER, "name": "node2"}],
            "leader": PEER, "term": 3, "quorum": True, "voters": [PEER], "learners": [OTHER], "log-index": 9, "applied": 9, "revision": revision,
        }  # fmt: skip

    async def full_disks(self) -> frozenset[str]:
        return self.full

    full: frozenset[str] = frozenset()

    async def notices(self) -> list[dict[str, str]]:
        return self.noticed

    noticed: list[dict[str, str]] = []

    def export(self) -> Iterator[bytes]:
        yield from (b"a log ", b"snapshot")

    async def wait_revision(self, revision: int, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while self.state.revision < revision:
                await self.changed.wait()

    async def linearizable(self, timeout_s: float) -> int:
        self.linearizable_calls += 1
        return self.state.revision

    gfid = "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b"
    """Of every directory that quota looks up."""

    async def run(self, command: str, request: object, context: RequestContext) -> Done:
        self.contexts.append(context)
        if self.hang is not None:
            await self.hang.wait()
        if self.fail is not None:
            raise self.fail
        if isinstance(request, PeerAdd | PeerReplace):
            request = msgspec.structs.replace(request, found=found_peer(request.addresses[0]))
        if isinstance(request, PeersAdd):
            request = msgspec.structs.replace(request, found=[found_peer(newcomer.addresses[0]) for newcomer in request.peers])
        if isinstance(request, QuotaSetLimit | QuotaRemove):
            request = msgspec.structs.replace(request, gfid=self.gfid)
        view = plan.View(self.state, online=frozenset(self.pids), options=self.option_table, initiator=PEER)
        made = commands()[command].plan(view, request, plan.Ids(lambda: str(uuid.uuid4()), 0.0))
        made.check()
        changes = tuple(msgspec.structs.replace(c, facts_from=-1) for c in (*made.claims, *made.changes))
        revision = self.apply(
            plan.make_commit(self.state, (*view.expectations, *context.expect), tuple({c.key: c for c in (*changes, *made.last)}.values()))
        )
        return Done(revision, made.result, self.warnings)

    async def keep(self, key: str, record: model.Record | None, revision: int) -> None:
        item = self.state.get(key)
        if (item.modified if item is not None else 0) != revision:
            raise plan.Moved("it was changed by another request meanwhile", http=409)
        self.apply(plan.make_commit(self.state, (), (plan.Change(key, None if record is None else msgspec.to_builtins(record)),)))

    async def brick_facts(self, volume: model.Volume) -> Mapping[str, BrickFacts]:
        return self.facts

    async def job_progress(self, job: jobs.Job) -> Mapping[str, jobs.Progress]:
        known = jobs.results(self.view(), job)
        return {p: known.get(p, jobs.Progress(status=jobs.Status.UNKNOWN)) for p in job.peers}

    async def ask(
        self, volume: model.Volume, ask: str, arguments: Mapping[str, Any], *, peers: Sequence[str], timeout_s: float
    ) -> Mapping[str, Answered]:
        self.asked.append((ask, dict(arguments), list(peers)))
        return {p: self.answers.get(p, Answered(error="the peer is down")) for p in peers}

    async def volume_size(self, volume: model.Volume) -> SizeInfo:
        return SizeInfo(capacity=100, used=40, free=60)

    def describe(self, volume: model.Volume) -> Mapping[str, Any]:
        return {"name": volume.name, "username": "hidden"}

    def watch(self, prefix: str, from_revision: int) -> MemoryWatch:
        start = from_revision
        if start < self.compacted_below:
            raise Compacted(f"changes after revision {start} are not remembered", hint="list again, then watch from that revision")
        watch = MemoryWatch(prefix)
        watch.offer([e for e in self.history if e.revision > start])
        self.watches.append(watch)
        return watch


def peer(peer_id: str, host: str) -> model.Peer:
    return model.Peer(id=peer_id, name=host, hostname=host, addresses=(f"{host}:24008",), client_addresses=(f"{host}:24007",))


def found_peer(address: str) -> FoundPeer:
    found = str(uuid.uuid5(uuid.NAMESPACE_URL, address))
    return FoundPeer(
        id=found, pool="", address=f"{address}:24008", hostname=address, client_address=f"{address}:24007",
        op_version_min=model.OP_VERSION_MIN, op_version_max=model.OP_VERSION,
    )  # fmt: skip


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The one error of an error body."""
        (only,) = self.json["errors"]
        return dict(only)


class Lines:
    """Log that remembers."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    warning = error = info


class Rest:
    """The server in a thread of its own, and clients of it."""

    def __init__(self, limits: Limits | None = None, *, auth_required: bool = True, **options: Any) -> None:
        self.log = Lines()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.api: MemoryApi = self.do(MemoryApi)
        self.server = RestServer(self.api, auth_required=auth_required, limits=limits, log=self.log, **options)
        self.api.on_events = self.server.on_events
        self._listener = socket.create_server((ADDRESS, 0), backlog=128)
        self._listener.setblocking(False)
        self.address = self._listener.getsockname()
        self.wait(self.server.start())
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), self.loop)

    async def _accept(self) -> None:
        while True:
            sock, _ = await self.loop.sock_accept(self._listener)
            sock.setblocking(False)
            await self.server.adopt(sock)

    def do(self, function: Callable[[], T]) -> T:
        """Call a function in the server's thread."""

        async def call() -> T:
            return function()

        return self.wait(call())

    def wait(self, awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(DEADLINE_S)

    def close(self) -> None:
        self._accepting.cancel()
        self.wait(self.server.close())
        self._listener.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_S)
        self.loop.close()

    # clients

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, DEADLINE_S)

    def raw(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Send bytes, read until the server closes."""
        with self.connect() as sock:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            return read_all(sock)

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = "", headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own. `body`: bytes as they are, anything else as JSON. `token` None: without."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"Host": "x", "Connection": "close", **(headers or {})}
        if token is not None:
            given.setdefault("Authorization", f"Bearer {token or make_token(method, path)}")
        if body is not None:
            given.setdefault("Content-Type", "application/json")
            given.setdefault("Content-Length", str(len(content)))
        lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in given.items() if value]]
        with self.connect() as sock:
            sock.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content)
            return read_answer(sock, head_only=method == "HEAD")

    def get(self, path: str, **more: Any) -> Answer:
        return self.ask("GET", path, **more)

    def create(self, name: str = "v1", *paths: str, **fields: Any) -> Answer:
        bricks = [f"node1:{path}" for path in paths or (f"/bricks/{name}",)]
        return self.ask("POST", "/v1/volumes", {"name": name, "bricks": bricks, **fields})


def make_token(method: str, path: str, *, secret: bytes = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    qsh = hashlib.sha256(f"{method}&{path.partition('?')[0]}".encode("utf-8", "surrogateescape")).hexdigest()
    payload = {"iss": "gd2", "exp": int(time.time()) + 60, "qsh": qsh, **claims}
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, secret, algorithm=algorithm)


def read_all(sock: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def read_head(file: Any) -> tuple[int, dict[str, str]]:
    status = file.readline()
    assert status.startswith(b"HTTP/"), f"not a status line: {status!r}"
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return int(status.split()[1]), headers


def read_answer(sock: socket.socket, *, head_only: bool = False) -> Answer:
    with sock.makefile("rb") as file:
        return read_answer_of(file, head_only=head_only)


def read_answer_of(file: Any, *, head_only: bool = False) -> Answer:
    status, headers = read_head(file)
    length = 0 if head_only else int(headers.get("content-length", 0))
    body = file.read(length)
    assert len(body) == length, f"the body broke off after {len(body)} of {length} bytes"
    return Answer(status, headers, body)


def answers_in(data: bytes) -> Iterator[Answer]:
    """All answers in what came over one connection."""
    import io

    file = io.BytesIO(data)
    while file.tell() < len(data):
        yield read_answer_of(file)


def eventually(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {DEADLINE_S:g} s: {what}")
