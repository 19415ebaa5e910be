"""What changed in the state at once, sorted by what it is about: a peer among a thousand looks at each event once, not once for each that listens."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from gd2raft.core import jobs, model
from gd2raft.core.kv import Event


class Changes:
    """
    >>> changes = Changes([Event(7, "volumes/one", b"x"), Event(7, "txn/1", None), Event(8, "options/global", b"y")])
    >>> [event.key for event in changes.under("volumes/", "options/global")]
    ['volumes/one', 'options/global']
    >>> changes.under("options/groups/"), bool(changes.under("txn/"))
    ([], True)
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self.by_kind: dict[str, list[Event]] = {}
        """By the first part of their key."""
        for event in events:
            kind = event.key.partition("/")[0]
            if kind in self.by_kind:
                self.by_kind[kind].append(event)
            else:
                self.by_kind[kind] = [event]

    def under(self, *prefixes: str) -> list[Event]:
        """Those whose key begins with one of these (each at least the whole first part of a key), in the order of the changes."""
        kinds = _kinds(prefixes)
        if kinds.isdisjoint(self.by_kind):
            return []
        events = self.by_kind[next(iter(kinds))] if len(kinds) == 1 else self._events
        return [event for event in events if event.key.startswith(prefixes)]


@functools.cache
def _kinds(prefixes: tuple[str, ...]) -> frozenset[str]:
    """The first parts. (They are always the same few, each of a listener.)"""
    return frozenset(prefix.partition("/")[0] for prefix in prefixes)


class Listener(NamedTuple):
    """Who wants to know of changes below some prefixes: it is called with the events, or with None when anything may have changed."""

    listen: Callable[[Sequence[Event] | None], object]
    about: tuple[str, ...]
    kinds: frozenset[str]

    @classmethod
    def of(cls, listen: Callable[[Sequence[Event] | None], object], *about: str) -> Listener:
        return cls(listen, about, _kinds(about))


def tell(listeners: Iterable[Listener], changes: Changes | None) -> None:
    """Call those whom these changes concern. (Nearly always none: a thousand peers do this for every change.)"""
    for listen, about, kinds in listeners:
        if changes is None:
            listen(None)
        elif not kinds.isdisjoint(changes.by_kind) and (events := changes.under(*about)):
            listen(events)


def volumes_in(changes: Changes, view: Callable[[], model.View]) -> set[str] | None:
    """The volumes that these changes are about; None: it may be any."""
    if changes.under(model.GLOBAL_OPTIONS, model.PEERS):
        return None
    names = {e.key[len(model.VOLUMES) :] for e in changes.under(model.VOLUMES)}
    if changed := changes.under(jobs.JOBS):
        found = [jobs.find(view(), event.key[len(jobs.JOBS) :]) for event in changed]
        names |= {job.volume for job in found if job is not None}
    return names
