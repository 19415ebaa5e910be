"""Commands of other packages: entry points of the group `gd2cli.commands`, named BRANCH.WORD, that load a Spec.

Looked for only when help is wanted or a word isn't one of ours: finding them costs time, and ours go before theirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import click

from gd2cli.problems import BadShape, Problem, Unwritable
from gd2cli.spec import Spec
from gd2cli.words import Grammar, Parsed, WordError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from gd2cli.session import Session

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
    """Raises Problem when the package is broken. What its function does wrong later is told as its fault, and is no traceback of ours."""
    try:
        spec = entry.load()
    except (Exception, SystemExit) as error:
        raise _broken(entry, f"{type(error).__name__}: {error}") from error
    if wrong := _wrong(spec):
        raise _broken(entry, wrong)
    return Spec(spec.grammar, spec.help, _guarded(entry, spec.run))


def short(entry: EntryPoint) -> str:
    """For the list of commands: it must not fail because one package does."""
    try:
        return load(entry).help.partition(". ")[0].rstrip(".") + "."
    except Problem as problem:
        return f"(broken: {problem.message[:60]})"


def _broken(entry: EntryPoint, why: str) -> Problem:
    return Problem(f"package {_package(entry)}, which brings {entry.name!r}, is broken: {why}", hint=f"mend {entry.value}, or uninstall it")


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _wrong(spec: Any) -> str:
    """What an author gets wrong easily, and would hear of in a traceback only."""
    if not isinstance(spec, Spec):
        return f"it is {type(spec).__name__}, not a gd2cli.spec.Spec"
    if not isinstance(spec.grammar, Grammar):
        return f"its grammar is {type(spec.grammar).__name__}, not Grammar"
    for name in ("names", "optional", "words"):
        if not isinstance(value := getattr(spec.grammar, name), tuple):
            return f"its grammar's {name} are {type(value).__name__}, not tuple"
    if not isinstance(spec.help, str):
        return f"its help is {type(spec.help).__name__}, not str"
    if not callable(spec.run):
        return f"its run is {type(spec.run).__name__}, not a function"
    return "its run is async" if iscoroutinefunction(spec.run) else ""


def _guarded(entry: EntryPoint, run: Callable[[Session, Parsed], None]) -> Callable[[Session, Parsed], None]:
    def guarded(session: Session, words: Parsed) -> None:
        try:
            run(session, words)
        except BadShape as problem:
            problem.lines = (("package", _package(entry)), ("where", _where(entry, problem.__cause__ or problem)))
            raise
        except (Problem, WordError, click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError, Unwritable):
            raise  # meant so, or about our own output
        except Exception as error:
            raise Problem(
                f"package {_package(entry)} broke: {type(error).__name__}: {error}",
                lines=[("where", _where(entry, error))],
                hint="tell its authors; what it had asked the pool for before that may be done",
            ) from error

    return guarded


def _where(entry: EntryPoint, error: BaseException) -> str:
    """The last line of the package itself: what it calls is seldom at fault."""
    frames = list(walk_tb(error.__traceback__))
    own = [f for f in frames if str(f[0].f_globals.get("__name__")).partition(".")[0] == entry.module.partition(".")[0]]
    frame, line = (own or frames)[-1]
    return f"{frame.f_code.co_filename}, line {line}"
