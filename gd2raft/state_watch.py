"""What changes in a store, told to one who keeps up with it. It must not know what the changes mean.

Each is told in the event loop's next turn, never in the middle of the store's work; or, where whoever feeds the store says so, right
after it: of a change that reaches a thousand idle peers, each turn of a loop is a part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gd2raft.core.changes import Changes
from gd2raft.store.interface import Store, StoreError, Watch

log = structlog.get_logger("member")


class StateWatch:
    """`changed(changes)`: what changed since it was told last; None: anything may have."""

    def __init__(self, store: Store, changed: Callable[[Changes | None], None]) -> None:
        self._store, self._changed = store, changed
        self._watch: Watch | None = None
        self._pending = False

    def start(self) -> None:
        self._watch = self._store.watch("", self._store.revision)
        self._watch.tell(self._note)
        self._changed(None)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        self._watch = None

    def hold(self) -> None:
        """What changes from now on is told by release(), which must follow before anything is waited for."""
        self._pending = True

    def release(self) -> None:
        self._look()

    def _note(self) -> None:
        if not self._pending:
            self._pending = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._pending = False
        while self._watch is not None:
            try:
                events = self._watch.take()
            except StoreError:  # compacted: too much at once
                self.close()
                self.start()
                return
            if not events:
                return
            try:
                self._changed(Changes(events))
            except Exception:
                log.exception("a change was not followed as it should be", keys=[event.key for event in events[:5]])
