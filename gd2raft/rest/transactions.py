"""Transactions as REST shows them: those that haven't ended, those that ended and left something to undo, and (by id) how others ended.

Never their plans: those hold the records to be written, with their secrets.
"""

from __future__ import annotations

from typing import Any, Literal

from gd2raft.core import model
from gd2raft.core.phases import Leftover, Remembered, Transaction
from gd2raft.core.plan import NotFound
from gd2raft.rest.shapes import Shape

PhaseName = Literal["preparing", "undoing", "stuck", "completing", "done", "failed"]


class LeftUndone(Shape, frozen=True, kw_only=True):
    """A step that its peer still has to undo by itself, and why that could not be had at once. `host`: the peer's name; `meaning`: what is so there until then."""

    peer: str
    step: str
    error: str
    host: str = ""
    meaning: str = ""


class TransactionInfo(Shape, frozen=True, kw_only=True):
    """A command. `phase`: preparing, undoing, stuck (an undo failed: `problems` says where and why), completing; done or failed (undone): it has ended.

    `started`: epoch seconds by the initiator's clock, 0 when that isn't known any more. `error`: why it failed, or is undone.
    `giving_up`: an administrator has aborted it. `left_undone`: what peers still have to undo by themselves.
    """

    id: str
    command: str
    phase: PhaseName
    initiator: str = ""
    started: float = 0.0
    request_id: str = ""
    user: str = ""
    locks: list[str] = []
    problems: list[dict[str, str]] = []
    error: str = ""
    giving_up: bool = False
    left_undone: list[LeftUndone] = []


def all_transactions(view: model.View) -> list[TransactionInfo]:
    """Those that haven't ended, and those that left something to undo, by id."""
    left = leftovers(view)
    open_ones = [_unfinished(model.load(key, item.value, Transaction)) for key, item in view.reader.list(model.TRANSACTIONS)]
    known = {t.id for t in open_ones}
    return sorted([*open_ones, *(_ended(view, i, left) for i in left if i not in known)], key=lambda t: t.id)


def one_transaction(view: model.View, identity: str) -> TransactionInfo:
    """Raises NotFound."""
    if (item := view.reader.get(model.TRANSACTIONS + identity)) is not None:
        return _unfinished(model.load("", item.value, Transaction))
    left = leftovers(view)
    if identity in left or view.reader.get(model.RESULTS + identity) is not None:
        return _ended(view, identity, left)
    raise NotFound(f"there is no transaction {identity[:100]}", hint="it ended long ago, or never was", code="transaction-not-found")


def leftovers(view: model.View) -> dict[str, list[tuple[str, Leftover]]]:
    """Transaction -> (peer, what it still has to undo)."""
    found: dict[str, list[tuple[str, Leftover]]] = {}
    for key, item in view.reader.list(model.LEFTOVERS):
        if key.count("/") < 2:
            continue  # the guard key of a peer's leftovers
        left = model.load(key, item.value, Leftover)
        found.setdefault(left.transaction, []).append((key.split("/")[1], left))
    return found


def _unfinished(transaction: Transaction) -> TransactionInfo:
    return TransactionInfo(
        id=transaction.id,
        command=transaction.command,
        phase=transaction.phase.value,
        initiator=transaction.initiator,
        started=transaction.started,
        request_id=transaction.request_id,
        user=transaction.user,
        locks=list(transaction.decoded_plan().locks),
        problems=list(transaction.problems),
        error=transaction.cause.get("error", ""),
        giving_up=transaction.giving_up,
    )


def _ended(view: model.View, identity: str, left: dict[str, list[tuple[str, Leftover]]]) -> TransactionInfo:
    item = view.reader.get(model.RESULTS + identity)
    ended = model.load("", item.value, Remembered) if item is not None else None
    mine = left.get(identity, [])
    error: dict[str, Any] = (ended.error if ended is not None else None) or {}
    return TransactionInfo(
        id=identity,
        command=ended.command if ended is not None else mine[0][1].command,
        phase="done" if ended is not None and ended.error is None else "failed",
        started=mine[0][1].since if mine else 0.0,
        error=str(error.get("error", "")),
        left_undone=[
            LeftUndone(peer=peer, step=u.kind, error=u.error, host=view.host(peer), meaning=u.meaning)
            for peer, left in mine
            for u in left.undo
        ],
    )
