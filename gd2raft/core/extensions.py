"""What other packages bring, by entry points (docs/porting-guide.md): loaded, or refused in words that name the package. PURE but for importing."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TypeVar

from gd2raft.core.plan import BadExtension

T = TypeVar("T")


def load_all(group: str, type_: type[T]) -> list[T]:
    """Raises BadExtension."""
    found = []
    for entry in sorted(entry_points(group=group), key=lambda e: e.name):
        what = f"{entry.value} (entry point {entry.name!r} of {group}, package {entry.dist.name if entry.dist else '?'})"
        try:
            thing = entry.load()
        except (Exception, SystemExit) as error:  # its sys.exit() would end the daemon without a word
            raise BadExtension(f"{what} can't be imported: {type(error).__name__}: {error}; mend it, or uninstall the package") from error
        if not isinstance(thing, type_):
            raise BadExtension(f"{what} is not a {type_.__name__} but a {type(thing).__name__}; mend it, or uninstall the package")
        found.append(thing)
    return found
