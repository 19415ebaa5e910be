"""Fixtures: pools of real daemons. On failure the logs of all daemons are shown with it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.tmpdir import tmppath_result_key
from kit.machine import USUAL
from kit.pool import OPEN, MakePool, Pool, open_pool


@pytest.fixture
def make_pool(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[MakePool]:
    """`make_pool(size, setting, spare)`: daemons, not started yet, that end with the test.

    Their folders go when the test has passed, as those of `tmp_path` do (whose names are too long for sockets): bricks are tens of
    thousands of folders, and pytest deletes what is left one by one when the last test is over, for minutes.
    """
    folders: list[Path] = []
    with contextlib.ExitStack() as stack:

        def make(size: int, setting: str = USUAL, spare: int = 0) -> Pool:
            folders.append(tmp_path_factory.mktemp("p"))
            return stack.enter_context(open_pool(size, folders[-1], setting, spare))

        yield make
    if request.node.stash.get(tmppath_result_key, {}).get("call"):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Three peers in one pool, shared by the tests of a module that clean up after themselves."""
    with open_pool(3, tmp_path_factory.mktemp("p")) as made:
        yield made.start().form()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed and call.when != "teardown":
        report.sections += [log for pool in OPEN for log in pool.logs()]
    return report
