"""Fixtures of the tests with C: built once per run, one long-lived process per module."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from c_kit import Reencoder, build

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))  # the kit for real daemons


@pytest.fixture(scope="session")
def c_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    return build(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module")
def c(c_programs: Path) -> Iterator[Reencoder]:
    made = Reencoder(c_programs / "reencode")
    yield made
    made.close()
