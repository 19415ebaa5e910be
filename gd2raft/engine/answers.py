"""How a command ended, from the results that the state remembers: the same answer for a repeated call, wherever it is asked."""

from __future__ import annotations

from gd2raft.core import model
from gd2raft.core.phases import Remembered, Transaction
from gd2raft.core.plan import Failed, Refused
from gd2raft.engine.calls import CommandCall, Done
from gd2raft.store.interface import Store


def remembered(store: Store, call: CommandCall) -> Done | None:
    """None: it hasn't ended, or that is forgotten. Raises Failed as it ended, Refused when the key belongs to another request."""
    key = model.RESULTS + call.id
    item = store.get(key)
    if item is None:
        return None
    ended = model.load(key, item.value, Remembered)
    check_key(ended.digest, call.digest)
    return answer_of(ended, item.modified, call.id)


def check_key(used_for: str, asked_for: str) -> None:
    """Both are digests of requests, "" without a key. Raises Refused."""
    if used_for and asked_for and used_for != asked_for:
        raise Refused(
            "this Idempotency-Key was used for another request", hint="use a new key for each request", code="key-reused", http=422
        )


def answer_of(ended: Remembered, revision: int, identity: str) -> Done:
    """Raises Failed when it wasn't done, or its effect isn't complete."""
    if (error := ended.error) is None:
        return Done(revision, ended.result, ended.warnings)
    fields = {name: error.get(name, "") for name in ("peer-id", "step", "error")}
    if host := error.get("peer"):
        fields["peer"] = host
    message = error.get("message") or error["error"]
    raise Failed(message, hint=error.get("hint", ""), fields=fields | {"transaction": identity, "all": list(ended.warnings)})


def stuck(record: Transaction) -> Failed:
    """The answer to the caller of a transaction that is stuck."""
    first = record.problems[0] if record.problems else {}
    return Failed(
        f"{record.command} failed ({record.cause.get('error', 'interrupted')}) and could not be undone"
        f" (transaction {record.id}): {first.get('error', '')}",
        hint=f"mend that peer, then: gd2 transaction resume {record.id}; `gd2 transaction abort {record.id}` leaves it to the peer and frees its locks",
        code="stuck",
        fields={"peer-id": first.get("peer", ""), "peer": first.get("host", ""), "step": first.get("step", ""), "transaction": record.id},
    )
