"""One object for equal lists of names. PURE: what is shared never changes, and who asks can't tell."""

from __future__ import annotations

NAMES_SHARED_MAX = 256
_names: dict[tuple[str, ...], tuple[str, ...]] = {}


def shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """An equal tuple, the same one for all who ask (for NAMES_SHARED_MAX different ones; then it begins anew).

    >>> shared(("a", "b")) is shared(tuple("ab"))
    True
    """
    if len(_names) >= NAMES_SHARED_MAX and names not in _names:
        _names.clear()
    return _names.setdefault(names, names)
