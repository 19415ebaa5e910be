"""Rules for every source file that a reader relies on and no tool checks: its docstring and its length."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("gd2raft", "cli", "volgen", "bench", "tests")
TOP = {
    *FOLDERS,
    "docs",
    "dev",
    ".ci",
    ".gitignore",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "pyproject.toml",
    "requirements.lock",
    "Vagrantfile",
}
LINES_MAX = 500  # 400 is the aim; past this a file has two jobs
TEST_LINES_MAX = 700  # a list of sentences may be long


def sources() -> list[Path]:
    return [ROOT / "dev", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]


def test_every_python_file_opens_with_its_purpose():
    silent = [str(p.relative_to(ROOT)) for p in sources() if (tree := ast.parse(p.read_text())).body and not ast.get_docstring(tree)]
    assert silent == []


def test_no_python_file_has_grown_to_two_jobs():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in sources()}
    assert {name: lines for name, lines in lengths.items() if lines > (TEST_LINES_MAX if name.startswith("tests/") else LINES_MAX)} == {}


ONLY_LOOK = {
    ("brick_blame.py", "_connected"),
    ("brick_check.py", "_check_mark"),
    ("brick_leave.py", "first_file"),
    ("brick_leave.py", "listed"),
    ("replica_mark.py", "_begun"),
    ("notes.py", "work"),  # of transactions that are over
}


def test_a_step_leaves_no_thread_behind_that_may_still_write_while_its_undo_runs():
    left = set()
    for path in (ROOT / "gd2raft" / "steps").glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == "asyncio.to_thread":
                left.add((path.name, ast.unparse(call.args[0])))
    assert left == ONLY_LOOK, "others use gd2raft.steps.threads.in_thread"


def test_the_top_level_has_what_its_owner_fixed_and_no_more():
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    if not found:
        pytest.skip("not a clone")
    assert {name.partition("/")[0] for name in found} <= TOP


def test_the_rules_look_at_the_whole_project():
    assert {p.relative_to(ROOT).parts[0] for p in sources()} == {"dev", *FOLDERS}
