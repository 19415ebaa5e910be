"""Commands of other packages: entry points of the group `gd2cli.commands`, named BRANCH.WORD, that load a Spec.

Looked for only when help is wanted or a word isn't one of ours: finding them costs time, and ours go before theirs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gd2cli.problems import Problem
from gd2cli.spec import Spec

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "gd2cli.commands"


def mentioned() -> bool:
    """Whether any installed package names the group: importlib.metadata is slow to import, and mostly there is nothing to find."""
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                names = [e.path for e in entries if e.name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for name in names:
            try:
                with open(os.path.join(name, "entry_points.txt"), "rb") as file:
                    if GROUP.encode() in file.read(1 << 20):
                        return True
            except OSError:
                continue
    return False


def found() -> dict[str, dict[str, EntryPoint]]:
    """Branch -> word -> entry point. Names of another form are passed over."""
    if not mentioned():
        return {}
    from importlib.metadata import entry_points

    branches: dict[str, dict[str, EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        branch, dot, word = entry.name.partition(".")
        if branch and dot and word:
            branches.setdefault(branch, {})[word] = entry
    return branches


def load(entry: EntryPoint) -> Spec:
    """Raises Problem when the package is broken."""
    try:
        spec = entry.load()
    except (Exception, SystemExit) as error:
        raise Problem(f"the package that brings {entry.name!r} is broken: {type(error).__name__}: {error}", hint=entry.value) from error
    if not isinstance(spec, Spec):
        raise Problem(f"entry point {entry.name!r} is not a gd2cli Spec but {type(spec).__name__}", hint=entry.value)
    return spec


def short(entry: EntryPoint) -> str:
    """For the list of commands: it must not fail because one package does."""
    try:
        return load(entry).help.partition(". ")[0].rstrip(".") + "."
    except Problem as problem:
        return f"(broken: {problem.message[:60]})"
