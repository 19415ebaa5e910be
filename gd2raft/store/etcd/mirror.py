"""This peer's copy of the pool's keys: loaded as of one revision, then kept up by a watch; what the Store's reads are answered from.

When the watch breaks it goes on from the next revision, at another endpoint. When etcd has compacted that revision meanwhile, the
copy is loaded anew and every reader of changes from before is told to list again. It must not know of commits or sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable

import structlog

from gd2raft.core.kv import Event, Items, Versioned
from gd2raft.store.etcd.copyfile import Copy
from gd2raft.store.etcd.errors import EtcdError, Rejected
from gd2raft.store.etcd.gateway import RANGE, Gateway
from gd2raft.store.etcd.layout import FORMAT, Layout
from gd2raft.store.etcd.messages import EtcdEvent, KeyValue, RangeAnswer, WatchPart
from gd2raft.store.interface import StoreError
from gd2raft.store.watch import History

PAGE_KEYS = 256
LOAD_TIMEOUT_S = 10.0
WATCH_SILENCE_S = 3600.0
RETRY_S = (0.1, 1.0)
EVENTS_HELD_MAX = 1_000_000
"""Events of one part of a watch that came in fragments."""

log = structlog.get_logger("etcd")


class Replaced(StoreError):
    """etcd holds something else than this pool as it was: emptied, restored from a backup, or of a newer format."""


class Leader:
    """The key state/leader: `peer` "" when nobody holds it."""

    def __init__(self, kv: KeyValue | None = None) -> None:
        self.peer = kv.value.decode(errors="replace") if kv else ""
        self.term = kv.create_revision if kv else 0
        self.lease = kv.lease if kv else 0


class Mirror:
    """See the module's docstring. `on_lost`: what etcd holds can't be followed (Replaced); `on_leader`: another one leads."""

    def __init__(self, gateway: Gateway, layout: Layout, *, on_leader: Callable[[], None], on_lost: Callable[[Replaced], None]) -> None:
        self._gateway, self._layout = gateway, layout
        self._on_leader, self._on_lost = on_leader, on_lost
        self.items = Items()
        self.revision = 0
        self.leader = Leader()
        self.history = History(0)
        self.head = 0  # the head's mod_revision
        self._seen = 0  # etcd's revision up to which everything of the pool is here
        self._silent = False  # since the watch ended: said once
        self._held: list[EtcdEvent] = []  # of a part that isn't complete yet
        self._task: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def load(self) -> bool:
        """Load everything as of now. False when the pool isn't in this etcd. Raises EtcdError, Replaced."""
        found: list[KeyValue] = []
        revision, start = 0, self._layout.state
        while True:
            body = {"key": start, "range_end": self._layout.state_end, "limit": PAGE_KEYS, "revision": revision}
            page = await self._gateway.call(RANGE, body, RangeAnswer, timeout_s=LOAD_TIMEOUT_S)
            revision = revision or page.header.revision
            found += page.kvs
            if not page.more or not page.kvs:
                break
            start = page.kvs[-1].key + b"\0"
        return self._loaded(found, revision)

    def _loaded(self, found: Iterable[KeyValue], revision: int) -> bool:
        items, leader, head = {}, Leader(), None
        for kv in found:
            if kv.key == self._layout.head:
                head = kv
            elif kv.key == self._layout.leader:
                leader = Leader(kv)
            elif (key := self._layout.key_of(kv.key)) is not None:
                items[key] = Versioned(kv.value, kv.create_revision, kv.mod_revision)
        if head is None:
            return False
        self._check_head(head)
        newest = max([head.mod_revision, *(item.modified for item in items.values())])
        self._replace(items, newest, revision, head.mod_revision, leader)
        return True

    def _replace(self, items: dict[str, Versioned], revision: int, seen: int, head: int, leader: Leader) -> None:
        self.items, self.revision, self._seen, self.head, self.leader = Items(items), revision, seen, head, leader
        self._held = []
        self.history.restart(revision)
        self._on_leader()

    def restore(self, copy: Copy) -> None:
        """Begin with what was on the disk."""
        self._replace(copy.items, copy.revision, copy.seen, copy.head, Leader())

    def copy(self, pool: str) -> Copy:
        return Copy(pool, self.revision, self._seen, self.head, dict(self.items.by_key))

    def _check_head(self, head: KeyValue) -> None:
        if head.value != FORMAT:
            raise Replaced(f"the pool's keys in etcd ({self._layout.pool.decode()}) are of format {head.value[:20]!r}: upgrade this daemon")
        self.check_not_before(head.mod_revision)

    def check_not_before(self, head: int) -> None:
        """Raise Replaced when etcd has an older head than was seen here."""
        if head < self.head:
            raise Replaced(
                f"the pool in etcd went back from revision {self.head} to {head}: was it emptied, or an older backup restored? "
                "Restore the right one, or start the daemon again to go on from there"
            )

    # keeping up

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._follow(), name="etcd mirror")
        return self._task

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.history.close()

    def reconnect(self) -> None:
        """The watch seems dead: another one, at another endpoint."""
        if self._watching is not None:
            self._gateway.blame(self._gateway.watched)
            self._watching.cancel()

    async def _follow(self) -> None:
        while True:
            self._watching = asyncio.create_task(self._watch(), name="etcd watch")
            try:
                await asyncio.wait([self._watching])
            finally:
                self._watching.cancel()
            if not self._watching.cancelled() and (error := self._watching.exception()) is not None:
                log.log(logging.DEBUG if self._silent else logging.INFO, "the watch of etcd ended", why=str(error))
                self._silent = True
                if isinstance(error, Replaced):
                    self._on_lost(error)
                    return
                if not isinstance(error, EtcdError):
                    log.error("the watch of etcd broke", exc_info=error)
                self._gateway.blame(self._gateway.watched)
            await asyncio.sleep(random.uniform(*RETRY_S))

    async def _watch(self) -> None:
        self._held = []
        parts = self._gateway.watch(self._layout.state, self._layout.state_end, self._seen + 1, silence_s=WATCH_SILENCE_S)
        async with contextlib.aclosing(parts):
            async for part in parts:
                if part.compact_revision:
                    await self._reload(part.compact_revision)
                    return
                if part.canceled:
                    raise Rejected(11, f"etcd cancelled the watch: {part.cancel_reason or 'no reason given'}")
                self._silent = False
                self._take(part)

    async def _reload(self, compacted: int) -> None:
        log.warning("etcd has compacted what this peer missed, loading all of it", seen=self._seen, compacted=compacted)
        if not await self.load():
            raise Replaced(
                f"the pool is gone from etcd ({self._layout.pool.decode()}): restore etcd's backup; this peer keeps its bricks running"
            )

    def _take(self, part: WatchPart) -> None:
        self._held += part.events
        if len(self._held) > EVENTS_HELD_MAX:
            raise Rejected(8, f"a part of the watch has more than {EVENTS_HELD_MAX} events")
        if part.fragment:
            return
        events, self._held = self._held, []
        self._apply(events)
        if not part.created:
            self._seen = max(self._seen, part.header.revision if not events else events[-1].kv.mod_revision)

    def _apply(self, events: list[EtcdEvent]) -> None:
        """Whole revisions, in order (etcd promises both)."""
        batch: list[Event] = []
        at, led = 0, self.leader
        for event in events:
            kv = event.kv
            if kv.mod_revision != at:
                self._commit(at, batch)
                at, batch = kv.mod_revision, []
            if kv.key == self._layout.leader:
                self.leader = Leader(kv if event.type == "PUT" else None)
            elif kv.key == self._layout.head:
                self._note_head(event)
            elif (key := self._layout.key_of(kv.key)) is not None:
                batch.append(self._change(key, event))
            else:
                continue
            self.revision = kv.mod_revision if kv.key != self._layout.leader else self.revision
        self._commit(at, batch)
        self.history.wake()
        if self.leader is not led:
            self._on_leader()

    def _note_head(self, event: EtcdEvent) -> None:
        if event.type == "DELETE":
            raise Replaced(
                f"the pool was removed from etcd ({self._layout.pool.decode()}): restore etcd's backup, then start this daemon again"
            )
        self._check_head(event.kv)
        self.head = event.kv.mod_revision

    def _change(self, key: str, event: EtcdEvent) -> Event:
        kv = event.kv
        if event.type == "DELETE":
            self.items.remove(key)
            return Event(kv.mod_revision, key, None)
        self.items.put(key, Versioned(kv.value, kv.create_revision, kv.mod_revision))
        return Event(kv.mod_revision, key, kv.value)

    def _commit(self, revision: int, batch: list[Event]) -> None:
        if revision and revision == self.revision:
            self.history.add(revision, batch)
