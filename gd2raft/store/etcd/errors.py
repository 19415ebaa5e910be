"""What can go wrong between this peer and etcd, sorted by what it says about a change: it must not know of keys or commits.

`EtcdError` is the family; the store turns these into the errors of `interface`.
"""

from __future__ import annotations


class EtcdError(Exception):
    """A call to etcd has no good answer."""


class NotSent(EtcdError):
    """No endpoint could be reached, or etcd said that it didn't begin: nothing has changed."""


class Lost(EtcdError):
    """The call was sent and its answer did not come, or says that etcd doesn't know either: it may have happened."""


class Rejected(EtcdError):
    """etcd has looked at the call and refused it: nothing has changed, and the same call would be refused again.

    `code` is gRPC's (3 invalid, 5 not found, 8 exhausted, 11 out of range, ...), `text` etcd's own.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


NOT_BEGUN = ("etcdserver: no leader", "etcdserver: not leader", "etcdserver: too many requests", "etcdserver: server stopped")
"""etcd's answers (rpctypes/error.go) that say that the request was not proposed; others of the same gRPC code leave it open."""

OPEN_CODES = frozenset({1, 2, 4, 10, 13, 14, 15})
"""Cancelled, unknown, deadline exceeded, aborted, internal, unavailable, data loss: the answer doesn't settle it."""


def of_answer(code: int, text: str) -> EtcdError:
    """The error that etcd's answer means for a change.

    >>> type(of_answer(14, "etcdserver: no leader")).__name__, type(of_answer(14, "etcdserver: request timed out")).__name__
    ('NotSent', 'Lost')
    """
    if text.startswith(NOT_BEGUN):
        return NotSent(text)
    return Lost(text) if code in OPEN_CODES else Rejected(code, text)
