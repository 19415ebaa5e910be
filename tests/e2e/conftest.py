"""Fixtures: pools of real daemons. On failure the logs of all daemons are shown with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from kit.machine import USUAL
from kit.pool import OPEN, MakePool, Pool, open_pool


@pytest.fixture
def make_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakePool]:
    """`make_pool(size, setting, spare)`: daemons, not started yet, that end with the test."""
    with contextlib.ExitStack() as stack:

        def make(size: int, setting: str = USUAL, spare: int = 0) -> Pool:
            return stack.enter_context(open_pool(size, tmp_path_factory.mktemp("p"), setting, spare))

        yield make


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
