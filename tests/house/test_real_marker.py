"""A test marked `real` on a machine that can't run it: skipped with the reason, and a failure in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
LACKING = "\n\ndef lacking_for_real() -> list[str]:\n    return {lacks!r}\n"


def run_one_real_test(folder: Path, lacks: list[str], ci: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    with (folder / "conftest.py").open("a") as file:
        file.write(LACKING.format(lacks=lacks))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = real\n")
    (folder / "test_one.py").write_text("import pytest\n\n@pytest.mark.real\ndef test_one():\n    pass\n\ndef test_other():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", folder]
    return subprocess.run(command, cwd=folder, env={**os.environ, "CI": ci}, capture_output=True, text=True, timeout=100)


def test_it_is_skipped_with_the_reason_on_a_developers_machine(tmp_path):
    result = run_one_real_test(tmp_path, ["/dev/fuse"], ci="")
    assert result.returncode == 0
    assert "1 passed, 1 skipped" in result.stdout
    assert "this machine lacks: /dev/fuse" in result.stdout


def test_it_fails_in_ci(tmp_path):
    result = run_one_real_test(tmp_path, ["/dev/fuse"], ci="true")
    assert result.returncode == 1
    assert "1 passed, 1 error" in result.stdout
    assert "this machine lacks: /dev/fuse (CI may not skip it)" in result.stdout
    assert "skipped" not in result.stdout


def test_it_runs_where_nothing_is_lacking(tmp_path):
    result = run_one_real_test(tmp_path, [], ci="true")
    assert "2 passed" in result.stdout
