"""The one rule for tests marked `real`: they run when this machine can run them, and say why when it can't.

On a developer's machine that is a skip with the reason. In CI (CI=true) it is a failure: there, a skip would hide that the main job
was never tried. Fixtures belong beside the tests that use them, not here.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Debian keeps glusterfsd and mount.glusterfs where a plain user's PATH does not look.
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


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
