"""What `./dev clean` ends and what it leaves alone. The processes are stand-ins with the names and arguments of the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

DEMO = Path(__file__).resolve().parents[2] / "bench" / "demo.py"
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """start(program, argument): a process of that name that stays until it is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def one(program: Path, argument: Path | str) -> subprocess.Popen[bytes]:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.symlink_to("/usr/bin/tail")
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen([program, "-f", "/dev/null", argument], **quiet))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.wait(20)


def clean(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    return subprocess.run([sys.executable, DEMO, "--clean"], env=env, capture_output=True, text=True, timeout=100)


def test_what_a_killed_demo_left_behind_is_ended_and_removed(tmp_path, start):
    folder = tmp_path / "gd2raft-demo-old"
    (folder / "peer1").mkdir(parents=True)
    (folder / "demo.pid").write_text("4194999\n")  # above any pid_max
    left = [start(tmp_path / "bin" / name, folder / "peer1" / "x") for name in ("gd2raft", "glusterfsd", "glusterfs")]
    result = clean(tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{folder}: removed, 3 processes ended\n"
    assert all(process.wait(20) != 0 for process in left)
    assert not folder.exists()


def test_other_programs_and_other_folders_are_left_alone(tmp_path, start):
    folder = tmp_path / "gd2raft-demo-old"
    folder.mkdir()
    reader = start(tmp_path / "bin" / "tail", folder / "daemon.log")
    brick = start(tmp_path / "bin" / "glusterfsd", f"{folder}er/brick")
    assert clean(tmp_path).returncode == 0
    assert not folder.exists()
    assert (reader.poll(), brick.poll()) == (None, None)


def test_a_demo_that_still_runs_is_named_and_left_alone(tmp_path, start):
    folder = tmp_path / "gd2raft-demo-live"
    folder.mkdir()
    owner = start(tmp_path / "bin" / "demo.py", "")
    brick = start(tmp_path / "bin" / "glusterfsd", folder / "brick")
    (folder / "demo.pid").write_text(f"{owner.pid}\n")
    result = clean(tmp_path)
    assert result.returncode == 0
    assert f"still runs as pid {owner.pid}" in result.stdout
    assert folder.exists()
    assert (owner.poll(), brick.poll()) == (None, None)


def test_with_nothing_left_behind_it_says_so(tmp_path):
    assert clean(tmp_path).stdout == "no demo left anything behind\n"
