"""Import rules: the arrows (import-linter, pyproject.toml), who may use which third-party package, and what pure code may not call."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("gd2raft", "cli/gd2cli", "volgen/gd2volgen")

# Package -> the only folders whose files may import it.
ONLY_IN = {
    "pysyncobj": ("gd2raft/store/raft",),
    "aiohttp": ("gd2raft/rest",),
    "cbor2": ("gd2raft/rpc", "gd2raft/store"),
    "jinja2": ("volgen/gd2volgen", "gd2raft/rpc/codegen"),
    "click": ("cli/gd2cli",),
    "rich": ("cli/gd2cli",),
    "pickle": (),
    "marshal": (),
    "shelve": (),
}

PURE = ("gd2raft/core", "gd2raft/commands")
# What needs no import, or an import that is fine for types (uuid), but reads the world: the caller hands the value in.
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "uuid1", "uuid4"}

# One file per arrow that must not be there: where, and the line that breaks it.
PLANTED = {
    "gd2raft/core/planted.py": "import gd2raft.commands",
    "gd2raft/core/planted_clock.py": "import time",
    "gd2raft/commands/planted.py": "import gd2raft.store",
    "gd2raft/rest/planted.py": "import gd2raft.rpc",
    "gd2raft/process/planted.py": "import gd2volgen",
    "volgen/gd2volgen/planted.py": "import gd2raft.steps",
    "cli/gd2cli/planted.py": "import gd2raft.store",
    "gd2raft/steps/planted.py": "import gd2cli",
}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the packages under root, not on the installed ones."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-logo", "--no-cache"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(root / part) for part in (".", "cli", "volgen"))}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=100)


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names that a file imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def wrong_packages(name: str, source: str) -> list[str]:
    """Packages that the file of this name (relative to the root) imports and may not."""
    return sorted(p for p in set(imported(ast.parse(source))) if p in ONLY_IN and not name.startswith(tuple(f"{f}/" for f in ONLY_IN[p])))


def impure_calls(source: str) -> list[str]:
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    names = (f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else "" for f in calls)
    return sorted(IMPURE_CALLS.intersection(names))


def sources(folders: tuple[str, ...]) -> dict[str, str]:
    return {str(p.relative_to(ROOT)): p.read_text() for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))}


def test_the_arrows_of_the_house_hold():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_arrow_against_the_grain_is_found(tmp_path):
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in PLANTED.items():
        (tmp_path / name).write_text(line + "\n")
    result = lint_imports(tmp_path)
    modules = {name: name.removesuffix(".py").removeprefix("cli/").removeprefix("volgen/").replace("/", ".") for name in PLANTED}
    unseen = [name for name, module in modules.items() if f" {module} -> " not in result.stdout]
    assert (result.returncode, unseen) == (1, []), result.stdout + result.stderr
    assert "0 kept" in result.stdout, "a contract that no planted import breaks is not shown to work"


def test_third_party_packages_stay_in_their_rooms():
    wrong = {name: found for name, source in sources(FOLDERS).items() if (found := wrong_packages(name, source))}
    assert wrong == {}


@pytest.mark.parametrize("line", ["import pysyncobj.node", "from aiohttp import web", "def f():\n    import cbor2", "import pickle"])
def test_a_package_outside_its_room_is_found(line):
    assert wrong_packages("gd2raft/steps/planted.py", line) != []
    assert wrong_packages("gd2raft/store/raft/planted.py", line) == [p for p in ("aiohttp", "pickle") if p in line]


def test_pure_code_reads_nothing_but_its_arguments():
    wrong = {name: found for name, source in sources(PURE).items() if (found := impure_calls(source))}
    assert wrong == {}


@pytest.mark.parametrize("line", ["x = open('/etc/hosts')", "import uuid\nx = uuid.uuid4()"])
def test_a_call_that_reads_the_world_is_found(line):
    assert impure_calls(line) != []
