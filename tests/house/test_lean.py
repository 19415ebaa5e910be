"""The daemon loads only what it uses: every peer pays for it in memory and at each start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

PROGRAM = """
import ssl, sys
from gd2raft.main import main
default = ssl.create_default_context
status = main(sys.argv[1:])
assert ssl.create_default_context is default, "a library's import has left its mark on ssl"
print(status, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_daemon_that_starts_loads_no_library_for_what_it_does_not_do(tmp_path: Path) -> None:
    """It is stopped by a log that can't be written, after its imports."""
    (tmp_path / "log").write_text("a file, no folder")
    words = ["--localstatedir", tmp_path / "state", "--rundir", tmp_path / "run", "--logdir", tmp_path / "log", "--logfile", "gd2.log"]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60)
    status, *loaded = done.stdout.split()
    assert status == "1", done.stderr
    assert "can't be written" in done.stderr
    assert {"aiohttp", "pysyncobj", "gd2raft"} <= set(loaded)
    assert not {"rich", "cryptography", "requests", "pytest", "click"} & set(loaded)
