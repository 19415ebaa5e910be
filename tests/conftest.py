"""The one rule for tests marked `real`: they run when this machine can run them, and say why when it can't.

On a developer's machine that is a skip with the reason. In CI (CI=true) it is a failure: there, a skip would hide that the main job
was never tried. Fixtures belong beside the tests that use them, not here.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TypeVar

import pytest
from _pytest.runner import runtestprotocol

Item = TypeVar("Item")

# Debian keeps glusterfsd and mount.glusterfs where a plain user's PATH does not look.
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
MINUTES_S = 600
"""The deadline of a test that takes minutes."""


def lacking_for_real() -> list[str]:
    """What a test with daemons, bricks and mounts needs and this machine lacks, in words."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root (trusted.* attributes and mounts)")
    if not Path("/dev/fuse").exists():
        lacks.append("/dev/fuse")
    if shutil.which("glusterfsd", path=path) is None:
        lacks.append("glusterfsd (Debian: glusterfs-server)")
    return lacks


def pytest_configure(config: pytest.Config) -> None:
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The few that take minutes go first, each worker's share of them, the longest before the others: one that began last was waited for by
    all other workers."""
    slow = sorted((i for i in items if _deadline_s(i) >= MINUTES_S), key=_deadline_s, reverse=True)
    items[:] = dealt(slow, [i for i in items if _deadline_s(i) < MINUTES_S], int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def dealt(slow: list[Item], others: list[Item], workers: int) -> list[Item]:
    """In an order of which pytest-xdist's `worksteal` gives each worker an equal piece to begin with (it moves on from there): each begins
    with its share of the slow ones.

    >>> dealt(["S1", "S2", "S3"], list("abcdef"), 2)
    ['S1', 'S3', 'a', 'b', 'S2', 'c', 'd', 'e', 'f']
    """
    found: list[Item] = []
    left = len(slow) + len(others)
    for worker in range(workers):
        size = left // (workers - worker)
        left -= size
        share = slow[worker::workers]
        found += share + others[: max(0, size - len(share))]
        others = others[max(0, size - len(share)) :]
    return found + others


def _deadline_s(item: pytest.Item) -> float:
    """0 for one that has none of its own."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None and marker.args else 0.0


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real") is None:
        return
    lacks = lacking_for_real()
    if not lacks:
        return
    reason = f"a real test, and this machine lacks: {', '.join(lacks)}"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{reason} (CI may not skip it)", pytrace=False)
    pytest.skip(reason)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """In CI a real test that fails is run once more: it shares two cores, ports and daemons with others. What failed twice fails; what
    failed once is named in the summary, because it has to be looked at too."""
    if os.environ.get("CI", "").lower() not in ("true", "1") or item.get_closest_marker("real") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports) and not lacking_for_real():
        first = next(report.longreprtext for report in reports if report.failed)
        item._initrequest()  # type: ignore[attr-defined]
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            report.user_properties.append(("failed once", first[-1500:]))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties if report.when == "call" else ():
            if name == "failed once":
                terminalreporter.write_line(f"FAILED ONCE, then passed: {report.nodeid}")
                terminalreporter.write_line("    " + str(text).strip().replace("\n", "\n    "))
