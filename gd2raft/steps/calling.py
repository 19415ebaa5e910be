"""Calling the code of a step, whoever wrote it: what it raises and returns becomes facts or a StepFailed, and nothing of it ends the daemon."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import structlog

from gd2raft.core.plan import Arguments
from gd2raft.steps.step import DiskAway, Facts, StepCode, StepContext, StepFailed

TEXT_CHARS_MAX = 1000
"""Of a message and of a hint: they are stored with the transaction, several times, beside those of other peers."""
FACTS_BYTES_MAX = 64 << 10
OURS = "the daemon's log has more; please report it to who made this step"

log = structlog.get_logger("steps")


async def call(code: StepCode[Any], context: StepContext, arguments: Arguments, *, undo: bool) -> Facts:
    """Raises StepFailed, or CancelledError when this very task was cancelled."""
    name, function = code.kind.name, code.undo if undo else code.do
    if function is None:
        raise StepFailed(f"step {name} can't be undone")
    try:
        facts = await function(context, arguments)
    except StepFailed as error:
        failed = DiskAway if isinstance(error, DiskAway) else StepFailed  # not the step's own class: it may want other arguments
        raise failed(told(str(error)), hint=told(error.hint)) from error
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise _broke(name, context, error) from error
    except GeneratorExit:
        raise
    except BaseException as error:  # a SystemExit, too: somebody's sys.exit() is no reason for this peer to go
        if isinstance(error, OSError) and error.strerror:
            raise StepFailed(
                told(f"{error.filename or 'the disk'}: {error.strerror}"), hint="is a disk of this peer full or read-only?"
            ) from error
        raise _broke(name, context, error) from error
    return _checked(name, facts)


def _broke(name: str, context: StepContext, error: BaseException) -> StepFailed:
    log.error("a step broke", step=name, transaction=context.transaction, exc_info=error)
    return StepFailed(told(f"{name} broke: {type(error).__name__}: {error}"), hint=OURS)


def _checked(name: str, facts: Any) -> Facts:
    """As they come out of JSON: the same on the leader's own peer as on another."""
    try:
        encoded = msgspec.json.encode(facts)
        if len(encoded) > FACTS_BYTES_MAX:
            raise StepFailed(f"{name} returned {len(encoded)} bytes of facts, at most {FACTS_BYTES_MAX} are possible", hint=OURS)
        return msgspec.json.decode(encoded, type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise StepFailed(told(f"{name} returned {type(facts).__name__} that is no map for JSON: {error}"), hint=OURS) from error


def told(text: str) -> str:
    """Of a length that can be stored, and without halves of characters: a file's name may be any bytes.

    >>> len(told("a" * 2000)), told("caf" + chr(0xDCE9)).isascii()
    (1000, True)
    """
    short = text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "\u2026"
    return short.encode("utf-8", "backslashreplace").decode()
