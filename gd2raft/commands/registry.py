"""All commands: those of this package, and those that other packages offer as entry points `gd2raft.commands`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import gd2raft.commands as package
from gd2raft.core.plan import Command


@cache
def commands() -> dict[str, Command[Any]]:
    """name -> command. Raises ValueError when two have one name."""
    found: dict[str, Command[Any]] = {}
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    candidates = [m.COMMAND for m in modules if hasattr(m, "COMMAND")]
    candidates += [entry.load() for entry in entry_points(group="gd2raft.commands")]
    for command in candidates:
        if command.name in found:
            raise ValueError(f"two commands are named {command.name!r}")
        found[command.name] = command
    return found
