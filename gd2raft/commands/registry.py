"""All commands: those of this package, and those that other packages offer as entry points `gd2raft.commands`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import gd2raft.commands as package
from gd2raft.commands.extension_checks import check_command
from gd2raft.core.extensions import load_all
from gd2raft.core.plan import BadExtension, Command


@cache
def commands() -> dict[str, Command[Any]]:
    """name -> command. Raises BadExtension, also when two have one name or one route, or another package's can't work."""
    found: dict[str, Command[Any]] = {}
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    candidates = [m.COMMAND for m in modules if hasattr(m, "COMMAND")]
    theirs = load_all("gd2raft.commands", Command)
    for command in theirs:
        check_command(command)
    candidates += theirs
    routes: dict[tuple[str, str], str] = {}
    for command in candidates:
        if command.name in found:
            places = f"{found[command.name].plan.__module__} and {command.plan.__module__}"
            raise BadExtension(f"two commands are named {command.name!r}, in {places}; rename one, or uninstall its package")
        other = routes.setdefault((command.route.method, command.route.path), command.name)
        if other != command.name:
            route = f"{command.route.method} {command.route.path}"
            raise BadExtension(f"commands {other!r} and {command.name!r} have one route: {route}; change one, or uninstall its package")
        found[command.name] = command
    return found
