"""The daemon loads only what it uses: every peer pays for it in memory and at each start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

OWN_ADDRESS = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 | 2}"  # of this test run

UP = """
import gc, os, signal, sys, threading, time
from gd2raft.main import main
def stop_when_up():
    end = time.monotonic() + 60
    while not (gc.isenabled() and gc.get_freeze_count()) and time.monotonic() < end:
        time.sleep(0.02)
    print("collects", gc.isenabled(), gc.get_freeze_count() > 0, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
gc.disable()
threading.Thread(target=stop_when_up).start()
sys.exit(main(sys.argv[1:]))
"""

PROGRAM = """
import sys
from gd2raft.main import main
status = main(sys.argv[1:])
print(status, *sorted({name.partition(".")[0] for name in sys.modules} | {name for name in sys.modules if name.startswith("aiohttp.")}))
from aiohttp import ClientSession
import aiohttp
assert aiohttp.ClientSession is ClientSession and aiohttp.__version__ and aiohttp.web.Request, "an extension can't use all of a library"
"""


def test_a_daemon_that_starts_loads_no_library_for_what_it_does_not_do(tmp_path: Path) -> None:
    """It is stopped by a log that can't be written, after its imports."""
    (tmp_path / "log").write_text("a file, no folder")
    words = ["--localstatedir", tmp_path / "state", "--rundir", tmp_path / "run", "--logdir", tmp_path / "log", "--logfile", "gd2.log"]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60)
    status, *loaded = done.stdout.split()
    assert status == "1", done.stderr
    assert "can't be written" in done.stderr
    assert done.returncode == 0, done.stderr
    assert {"aiohttp", "aiohttp.web", "pysyncobj", "gd2raft"} <= set(loaded)
    unused = {"rich", "cryptography", "requests", "pytest", "click", "jinja2", "psutil", "aiohttp.client", "aiohttp.connector"}
    assert not unused & set(loaded)


def test_a_daemon_that_is_up_collects_garbage_but_not_in_what_it_started_with(tmp_path: Path) -> None:
    """While it starts it collects none."""
    words = ["--localstatedir", tmp_path / "state", "--rundir", tmp_path / "run", "--logdir", tmp_path / "log", "--logfile", "-"]
    words += ["--peeraddress", f"{OWN_ADDRESS}:24008", "--clientaddress", f"{OWN_ADDRESS}:24007"]
    done = subprocess.run([sys.executable, "-c", UP, *words], capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stdout) == (0, "collects True True\n"), done.stderr
