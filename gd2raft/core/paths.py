"""Which folder is in which, by their names alone: whoever has the disk resolves symlinks and mounts first. PURE."""

from __future__ import annotations


def within(outer: str, inner: str) -> bool:
    """
    >>> within("/b/a", "/b/a/c"), within("/b/a", "/b/ab"), within("/b/a", "/b/a")
    (True, False, False)
    """
    return inner.startswith(outer + "/")


def overlap(one: str, other: str) -> bool:
    """They are the same, or one is in the other.

    >>> overlap("/b", "/b"), overlap("/b/c", "/b"), overlap("/b", "/bc")
    (True, True, False)
    """
    return one == other or within(one, other) or within(other, one)
