"""All steps: those of this package, and those that other packages offer as entry points `gd2raft.steps`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import gd2raft.steps as package
from gd2raft.commands.extension_checks import check_step
from gd2raft.core.extensions import load_all
from gd2raft.core.plan import BadExtension
from gd2raft.steps.step import StepCode


@cache
def steps() -> dict[str, StepCode[Any]]:
    """name -> step. Raises BadExtension, also when two have one name, an undoable one can't be undone, or another package's can't work."""
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    candidates: list[StepCode[Any]] = [m.STEP for m in modules if hasattr(m, "STEP")]
    for module in modules:
        candidates += getattr(module, "STEPS", ())
    theirs = load_all("gd2raft.steps", StepCode)
    for step in theirs:
        check_step(step.kind, step.do, step.undo)
    candidates += theirs
    found: dict[str, StepCode[Any]] = {}
    for step in candidates:
        if step.kind.name in found:
            places = f"{found[step.kind.name].do.__module__} and {step.do.__module__}"
            raise BadExtension(f"two steps are named {step.kind.name!r}, in {places}; rename one, or uninstall its package")
        if step.kind.undoable and step.undo is None:
            raise BadExtension(f"step {step.kind.name!r} is said to be undoable but has no undo")
        found[step.kind.name] = step
    return found
