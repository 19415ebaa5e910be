"""What a command wants, as data: a Plan of steps and changes, or a refusal.

A command file (gd2raft/commands) has a request type, a pure `plan(view, request, ids) -> Plan` and a COMMAND. A step is named by a
StepKind object, never by a bare string, and is implemented once per peer in gd2raft/steps. Nothing here runs anything.

Life of a plan (core/transaction.py): one commit takes the locks and the claims; steps `before` run and can be undone;
one commit makes the changes; steps `after` make the world follow; one commit frees the locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from gd2raft.core import model
from gd2raft.core.hooks import Hook
from gd2raft.core.kv import ABSENT, Commit, Expect, Put, Versioned

LOCK_WAIT_S = 5.0
"""How long a command waits for a held lock before it is refused (409), as GlusterD2 does."""


class CommandError(Exception):
    """Top of what a command can end with. `http`: status of the REST answer; `code`: stable word for programs."""

    http = 500
    code = "failed"

    def __init__(self, message: str, *, hint: str = "", code: str = "", http: int = 0, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.fields = message, hint, dict(fields or {})
        self.code = code or type(self).code
        self.http = http or type(self).http


class Refused(CommandError):
    """The state (or the request itself) forbids it; nothing was done."""

    http = 400
    code = "refused"


class NotFound(Refused):
    http = 404
    code = "not-found"


class Conflict(Refused):
    http = 409
    code = "conflict"


class Failed(CommandError):
    """The world did it: a step failed on a peer. `fields`: peer-id, step, error."""

    http = 500
    code = "step-failed"


class Moved(Refused):
    """What the client relied on (If-Match) has changed since."""

    http = 412
    code = "changed-since"


class Unavailable(CommandError):
    """Nothing was done and nothing was proposed: try again. `code`: no-quorum or no-leader."""

    http = 503
    code = "no-quorum"
    retry_after_s = 2


class OutcomeUnknown(CommandError):
    """It was proposed, and may or may not happen; the same request with the same Idempotency-Key gets the answer."""

    http = 504
    code = "outcome-unknown"


class BadExtension(ValueError):
    """What another package brings can't be used: names the package's entry point and what is wrong with it. Stops the start of the daemon."""


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the arguments of a step: small data, JSON."""


A = TypeVar("A", bound=Arguments)


class StepKind(msgspec.Struct, Generic[A], frozen=True):
    """Names a step. `undoable`: it may stand before the changes. `timeout_s`: how long one run may take on the peer.

    `traceless`: it only looks, so that there is nothing to undo, and a dead peer can't hold the undo up. `missed`, `left`: for the
    user, what is so on the peer while the step isn't done, or isn't undone; `{name}` is one of its arguments.
    """

    name: str
    arguments: type[A]
    undoable: bool = False
    timeout_s: float = 60.0
    traceless: bool = False
    missed: str = ""
    left: str = ""

    def at(self, peer_id: str, arguments: A, *, must: bool = True) -> Step:
        return Step(self.name, peer_id, msgspec.to_builtins(arguments), must)


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A step to run on a peer. `must` False: a peer that can't be reached is passed over (it catches up by itself later)."""

    kind: str
    peer_id: str
    arguments: dict[str, Any]
    must: bool = True


Barrier = tuple[Step, ...]
"""Steps that may run at the same time; the next barrier starts when all of them are done."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Put `record` (JSON map) under `key`, or delete the key (None).

    `facts_from`: merge into the record what the step with this index (counted over all barriers before) found out.
    """

    key: str
    record: dict[str, Any] | None = None
    facts_from: int = -1


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """See the module's docstring. `result`: names what the command is about, for the answer (e.g. {"volume": "v1"}).

    `last`: changes of the last commit, once the steps after are over (clients see new bricks when these run).
    `hook`: which scripts of administrators run around it.
    """

    locks: tuple[str, ...] = ()
    claims: tuple[Change, ...] = ()
    before: tuple[Barrier, ...] = ()
    changes: tuple[Change, ...] = ()
    after: tuple[Barrier, ...] = ()
    last: tuple[Change, ...] = ()
    result: dict[str, Any] = {}
    hook: Hook | None = None

    def check(self) -> None:
        """Assert what every plan must satisfy; called by the engine on every plan and by the tests."""
        count = sum(len(b) for b in self.before)
        assert all(c.facts_from < count for c in self.changes), "a change waits for facts of a step that isn't there"
        assert self.after or not self.last, "nothing stands between the changes and the last ones"
        assert all(c.facts_from == -1 for c in self.last), "a last change is a plain one"
        assert not self.claims or self.locks, "claims without a lock could be left behind"
        assert len({c.key for c in self.changes}) == len(self.changes), "a plan changes a key twice"
        for claim in self.claims:
            assert claim.record is not None and claim.facts_from == -1, "a claim is a plain put"


class Ids(msgspec.Struct, frozen=True):
    """Randomness and time are arguments: `uuid()` gives a new one, `now` is the initiator's clock in epoch seconds."""

    uuid: Callable[[], str]
    now: float


Q = TypeVar("Q")


class Route(msgspec.Struct, frozen=True):
    """Where REST offers a command. `{field}` in the path is a field of the request; the others come from the JSON body.

    `reply`: "volume" (VolumeInfo), "peer" (Peer), "peers" (a list of them), "job" (a job), "options" (global options), "voters" (who votes), "transaction" (a transaction),
    "device" (a device), "none" (no body). With status 201 a Location header names the new thing.
    `internal`: fields of the request that no client may give, because the daemon fills them in.
    """

    method: str
    path: str
    status: int = 200
    reply: str = "none"
    internal: tuple[str, ...] = ()


class Command(msgspec.Struct, Generic[Q], frozen=True, kw_only=True):
    """A command: one file in gd2raft/commands says all of it."""

    name: str
    request: type[Q]
    plan: Callable[[View, Any, Ids], Plan]
    route: Route
    summary: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Base of requests: immutable, GlusterD2's kebab-case names, unknown fields refused."""

    def check_body(self) -> None:
        """What can be said of the request alone, before the world is asked anything for it. Raises Refused."""


class View(model.View):
    """The state as a plan reads it: remembers what was read, so that the commit can expect that it didn't move."""

    def __init__(
        self,
        reader: model.Reader,
        cache: dict[str, tuple[int, model.Record]] | None = None,
        *,
        online: frozenset[str] = frozenset(),
        options: Any = None,
        initiator: str = "",
    ) -> None:
        self._recorder = _Recorder(reader)
        super().__init__(self._recorder, cache)
        self.online = online
        """Ids of the peers in sight of the leader (soft state)."""
        self.initiator = initiator
        """Id of the peer that took the request."""
        self.options = options
        """The option table (core.options.OptionTable)."""

    @property
    def glance(self) -> model.View:
        """The same state, for looking around in much of it: what is read here may move before the commit. Read what the plan rests on again."""
        return model.View(self._recorder.plain)

    @property
    def expectations(self) -> tuple[Expect, ...]:
        return tuple(Expect(key, modified) for key, modified in self._recorder.seen.items())


class _Recorder:
    def __init__(self, reader: model.Reader) -> None:
        self.plain = reader
        self.seen: dict[str, int] = {}

    def get(self, key: str) -> Versioned | None:
        item = self.plain.get(key)
        self.seen.setdefault(key, item.modified if item else ABSENT)
        return item

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]:
        guard = model.guard_of(prefix + "x")
        assert guard is not None, f"{prefix!r} has no guard key: its listing can't be relied on"
        self.get(guard)
        return self.plain.list(prefix, after=after, limit=limit)


def make_commit(reader: model.Reader, expect: tuple[Expect, ...], changes: tuple[Change, ...]) -> Commit:
    """The changes as a commit: unknown keys of old records kept, guard keys touched."""
    puts: dict[str, bytes] = {}
    deletes: list[str] = []
    for change in changes:
        if change.record is None:
            deletes.append(change.key)
        else:
            puts[change.key] = msgspec.json.encode(change.record, order="deterministic")
        if (guard := model.guard_of(change.key)) is not None:
            puts[guard] = b"1"
    return Commit(expect, tuple(Put(k, v) for k, v in puts.items()), tuple(k for k in deletes if reader.get(k) is not None))


def put(view: model.View, key: str, record: model.Record, *, facts_from: int = -1) -> Change:
    """A change that writes a record; keys of the stored one that this version doesn't know survive."""
    old = view.reader.get(key)
    return Change(key, msgspec.json.decode(model.dump(record, old.value if old else None)), facts_from)


def delete(key: str) -> Change:
    return Change(key)
