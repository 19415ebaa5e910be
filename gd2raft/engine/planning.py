"""What a plan that somebody else wrote may do wrong: told as an error of that command, on every peer, with nothing done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from gd2raft.core.plan import Command, CommandError, Failed, Plan, StepKind
from gd2raft.store.interface import StoreError

TEXT_CHARS_MAX = 1000
NAMED_REPLIES = ("volume", "peer", "peers", "device", "job", "transaction")
"""Of routes: looked up by what the plan's result names."""

log = structlog.get_logger("leader")


@contextlib.contextmanager
def broken_plans(command: Command[Any], request_id: str) -> Iterator[None]:
    """Around planning, which touches nothing: whatever it raises that is no refusal becomes Failed. An initiator that hears of another
    exception than a CommandError must think that the command may have begun."""
    try:
        yield
    except (CommandError, StoreError):
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        log.exception("a plan broke", command=command.name, request_id=request_id)
        what = f"the plan of {command.name} broke, nothing was done: {type(error).__name__}: {error}"
        short = what[:TEXT_CHARS_MAX].encode("utf-8", "backslashreplace").decode()
        raise Failed(short, hint="the leader's log has more under this request id; please report it", code="internal") from error


def check_result(command: Command[Any], plan: Plan) -> None:
    name = command.route.reply
    assert name not in NAMED_REPLIES or name in plan.result, f"its result has to name the {name} that the route replies with"


def check_undoable(plan: Plan, kinds: Mapping[str, StepKind[Any]]) -> None:
    """Else it would be found out by the first command that fails, which would be stuck for it."""
    for step in (s for barrier in plan.before for s in barrier):
        assert kinds[step.kind].undoable, f"step {step.kind} stands before the changes: it needs undoable=True and an undo"
