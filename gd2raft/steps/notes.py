"""Notes that make an undo durable: what was there before a step touched it, on disk before it is touched.

One note for each step of a transaction, in undo/ of the daemon's folder, named after the transaction. An undo, whoever asks for
it and however late, restores what the note says and removes it; without a note nothing was touched, and there is nothing to do.
The daemon removes the notes of transactions that are over (engine/caretaker.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from gd2raft.steps.durable import create_durably
from gd2raft.steps.step import StepContext

FOLDER = "undo"

N = TypeVar("N", bound=msgspec.Struct)


def write(context: StepContext, what: str, note: msgspec.Struct) -> None:
    """Remember `note` for the undo. `what` tells this step from the others of its transaction. A note that is there already stays:
    the step runs for the second time, and what it finds now is its own work. Raises OSError."""
    if read(context, what, type(note)) is None:  # a torn one is no note: nothing was touched after it
        create_durably(path_of(context, what), msgspec.json.encode(note))


def read(context: StepContext, what: str, type_: type[N]) -> N | None:
    """None when nothing was touched: there is no note, or it never became whole."""
    try:
        return msgspec.json.decode(path_of(context, what).read_bytes(), type=type_)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None


def remove(context: StepContext, what: str) -> None:
    path_of(context, what).unlink(missing_ok=True)


def path_of(context: StepContext, what: str) -> Path:
    name = hashlib.sha256(what.encode()).hexdigest()[:24]
    return context.localstatedir / FOLDER / f"{context.transaction}-{name}.json"


class NotesOnDisk:
    """All notes of this peer, for who throws old ones away: in a thread, since to remove a file that was fsynced may wait for the disk."""

    def __init__(self, localstatedir: Path) -> None:
        self._folder = localstatedir / FOLDER

    def list(self) -> Sequence[str]:
        try:
            return os.listdir(self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return []

    async def remove(self, names: Sequence[str]) -> None:
        def work() -> None:
            for name in names:
                (self._folder / name).unlink(missing_ok=True)

        await asyncio.to_thread(work)
