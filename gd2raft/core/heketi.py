"""What heketi's endpoints keep in the state: operations that their clients wait for, and what only heketi says of a pool. PURE.

An Operation is what a client finds at /queue/ID. It stands in the state, so that any peer answers, and so that it is brought to its end when
the peer that works at it (`driver`) dies: every command of it has a key made of the operation's id (rest/heketi/work.py), so that one
that is repeated by another peer is done once.

Keys:
    heketi/settings         Settings
    heketi/operations/ID    Operation
"""

from __future__ import annotations

import enum
import re
from typing import Any

from gd2raft.core import model
from gd2raft.core.model import Record

SETTINGS = "heketi/settings"
OPERATIONS = "heketi/operations/"
KEPT_S = 3600.0
"""How long the outcome of an operation can be asked for."""
KEPT_MAX = 1000
"""Of outcomes; the oldest go first."""
ERROR_CHARS_MAX = 4000


class Outcome(enum.Enum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Mode(enum.Enum):
    """read-only: heketi's endpoints change nothing (but this mode); /v1 goes on."""

    NORMAL = "normal"
    READ_ONLY = "read-only"


class Settings(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`file`, `block`: flags of heketi's cluster."""

    file: bool = True
    block: bool = False
    mode: Mode = Mode.NORMAL


class Operation(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`kind`: of rest/heketi/operations.py; `request`: its arguments. `driver`: id of the peer that works at it.

    `location`: path of what it has made ("" for nothing); `error`: why it failed. Times: epoch seconds by the driver's clock.
    """

    id: str
    kind: str
    request: dict[str, Any]
    driver: str
    started: float
    outcome: Outcome = Outcome.PENDING
    location: str = ""
    error: str = ""
    ended: float = 0.0


def operation_key(operation_id: str) -> str:
    return f"{OPERATIONS}{operation_id}"


def operation(view: model.View, operation_id: str) -> Operation | None:
    key = operation_key(operation_id)
    item = view.reader.get(key)
    return None if item is None else model.load(key, item.value, Operation)


def operations(view: model.View) -> list[Operation]:
    """By id."""
    return [model.load(key, item.value, Operation) for key, item in view.reader.list(OPERATIONS)]


def settings(view: model.View) -> Settings:
    item = view.reader.get(SETTINGS)
    return Settings() if item is None else model.load(SETTINGS, item.value, Settings)


def outlived(found: list[Operation], now: float) -> list[Operation]:
    """Those of which nothing is remembered any longer.

    >>> old = Operation(id="a", kind="k", request={}, driver="p", started=0.0, outcome=Outcome.DONE, ended=1.0)
    >>> [o.id for o in outlived([old], now=10.0)], [o.id for o in outlived([old], now=1.0 + KEPT_S)]
    ([], ['a'])
    """
    ended = sorted((o for o in found if o.outcome is not Outcome.PENDING), key=lambda o: o.ended)
    beyond = max(0, len(ended) - KEPT_MAX)
    return [o for i, o in enumerate(ended) if i < beyond or now - o.ended >= KEPT_S]


def uuid_of(identity: str) -> str:
    """An id as heketi writes it, as a UUID; "" when it can't be one.

    >>> uuid_of("8F1274b3fe824b68abd1f5ce10f68c2b"), uuid_of("8f12")
    ('8f1274b3-fe82-4b68-abd1-f5ce10f68c2b', '')
    """
    if not re.fullmatch(r"[A-Fa-f0-9]{32}", identity):
        return ""
    low = identity.lower()
    return f"{low[:8]}-{low[8:12]}-{low[12:16]}-{low[16:20]}-{low[20:]}"


def zones(names: dict[str, str]) -> dict[str, int]:
    """heketi's zones are numbers from 1: those of peers (id -> zone, or the peer's id when it has none) as such. A name that is no number gets
    one above all that are, in the order of names.

    >>> zones({"a": "2", "b": "rack-b", "c": "rack-a", "d": "rack-a"})
    {'a': 2, 'b': 4, 'c': 3, 'd': 3}
    """
    numbers = {name: int(name) for name in names.values() if re.fullmatch(r"[1-9][0-9]{0,8}", name)}
    highest = max(numbers.values(), default=0)
    others = {name: highest + i for i, name in enumerate(sorted(set(names.values()) - numbers.keys()), 1)}
    return {peer: numbers.get(name) or others[name] for peer, name in names.items()}
