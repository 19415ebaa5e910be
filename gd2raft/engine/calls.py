"""What travels between initiator and leader, and between leader and the peers that run steps. Plain data."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from gd2raft.core.kv import Expect
from gd2raft.core.phases import StepOutcome
from gd2raft.core.plan import CommandError


class CommandCall(msgspec.Struct, frozen=True, array_like=True):
    """A command on its way to the leader. `id` makes it exactly-once: a repeated call gets the same answer."""

    id: str
    command: str
    request: bytes  # JSON of the request
    initiator: str
    request_id: str
    user: str
    timeout_s: float
    digest: str = ""
    expect: tuple[Expect, ...] = ()  # If-Match: keys that must still be at these revisions


class Done(msgspec.Struct, frozen=True, array_like=True):
    """A command did what it should. `revision`: the state has it from there on."""

    revision: int
    result: dict[str, Any]
    warnings: tuple[str, ...] = ()


class StepCall(msgspec.Struct, frozen=True, array_like=True):
    """A step for a peer to run. The peer runs it only when its own state has reached `revision` and has the transaction in the right phase."""

    transaction: str
    revision: int
    kind: str
    arguments: bytes  # JSON
    undo: bool
    request_id: str
    timeout_s: float


class RunStep(Protocol):
    """Runs a step on a peer, by RPC or here. Never raises: what goes wrong is a StepProblem."""

    async def __call__(self, peer_id: str, call: StepCall) -> StepOutcome: ...


class NotLeader(CommandError):
    """The peer that was asked doesn't lead (any more); nothing was begun there."""

    http = 503
    code = "not-leader"
