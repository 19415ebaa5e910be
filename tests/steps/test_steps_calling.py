"""What a step may raise or return, that somebody else wrote: it fails in words, and its peer goes on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from gd2raft.core.plan import Arguments, StepKind
from gd2raft.steps.calling import FACTS_BYTES_MAX, TEXT_CHARS_MAX, call
from gd2raft.steps.step import DiskAway, StepCode, StepFailed
from gd2raft.steps.threads import in_thread

pytestmark = pytest.mark.fast

KIND = StepKind("theirs.do", Arguments, undoable=True)
CONTEXT: Any = SimpleNamespace(transaction="t", peer_id="p")


def result_of(function: Callable[[], Any], *, undo: bool = False) -> Any:
    async def code(context: Any, arguments: Any) -> Any:
        return function()

    return asyncio.run(call(StepCode(KIND, code, code), CONTEXT, Arguments(), undo=undo))


def failure_of(error: BaseException, *, undo: bool = False) -> StepFailed:
    def function() -> None:
        raise error

    with pytest.raises(StepFailed) as caught:
        result_of(function, undo=undo)
    return caught.value


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize(
    "error",
    [SystemExit(0), KeyboardInterrupt(), BaseException("odd"), asyncio.CancelledError(), TimeoutError(), KeyError("x"), MemoryError()],
)
def test_whatever_a_step_raises_is_a_failure_of_that_step_and_not_the_end_of_the_daemon(error: BaseException, undo: bool) -> None:
    failed = failure_of(error, undo=undo)
    assert str(failed).startswith(f"theirs.do broke: {type(error).__name__}")
    assert "log" in failed.hint


def test_a_thread_of_a_step_that_exits_ends_neither_the_daemon_nor_its_loop() -> None:
    async def code(context: Any, arguments: Any) -> Any:
        await in_thread(exit_)

    def exit_() -> None:
        raise SystemExit(3)

    with pytest.raises(StepFailed, match=r"theirs\.do broke: SystemExit: 3"):
        asyncio.run(call(StepCode(KIND, code), CONTEXT, Arguments(), undo=False))


def test_a_step_that_is_given_up_is_cancelled_and_has_not_failed() -> None:
    async def code(context: Any, arguments: Any) -> Any:
        await asyncio.Event().wait()

    async def body() -> None:
        async with asyncio.timeout(0.01):
            await call(StepCode(KIND, code), CONTEXT, Arguments(), undo=False)

    with pytest.raises(TimeoutError):
        asyncio.run(body())


@pytest.mark.parametrize("kind", [StepFailed, DiskAway])
def test_a_message_is_cut_and_can_be_sent_whatever_is_in_a_files_name(kind: type[StepFailed]) -> None:
    failed = failure_of(kind("x" * 3_000_000, hint=os.fsdecode(b"caf\xe9")))
    assert type(failed) is kind
    assert len(str(failed)) == TEXT_CHARS_MAX
    assert failed.hint == "caf\\udce9"


def test_an_error_of_the_disk_names_the_file() -> None:
    assert str(failure_of(OSError(28, "No space left on device", "/b/x"))) == "/b/x: No space left on device"


@pytest.mark.parametrize("facts", [None, [1], {"a": object()}, {"a": "x" * FACTS_BYTES_MAX}])
def test_facts_that_are_no_small_map_are_refused_with_the_steps_name(facts: Any) -> None:
    with pytest.raises(StepFailed, match=r"theirs\.do returned"):
        result_of(lambda: facts)


def test_facts_are_the_same_on_the_leaders_peer_as_on_another() -> None:
    assert result_of(lambda: {"a": (1, 2)}) == {"a": [1, 2]}
