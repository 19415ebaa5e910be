"""The example package outside of the tree: installed into a folder of the test's own, as a user's pip would do it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from porting_kit import run

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE / "example_package"
collect_ignore = ["example_package"]  # its tests run where it is installed

sys.path.insert(0, str(HERE.parent / "e2e"))  # the kit for real daemons


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, elsewhere."""
    copy = tmp_path_factory.mktemp("src") / "gd2-label"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="session")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that it is installed into: goes onto PYTHONPATH."""
    target = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--target", str(target)]
    run(sys.executable, "-m", "pip", "install", *options, str(source), env={**os.environ, "PIP_NO_INPUT": "1"})
    return target
