"""Hook scripts as processes: which run, in which order, and that none of them holds anybody up."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gd2raft.process.hooks import OUTPUT_BYTES_MAX, Scripts
from gd2raft.process.inotify import FolderWatch

NAME = "start/post"


class Lines:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def _tell(self, event: str, /, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    debug = info = warning = error = _tell

    def of(self, script: str) -> dict[str, Any]:
        return next(line for line in self.lines if line.get("script") == script)


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def scripts(tmp_path: Path, log: Lines) -> Scripts:
    (tmp_path / NAME).mkdir(parents=True)
    return Scripts(tmp_path, log)


def put(scripts: Scripts, name: str, text: str = "", mode: int = 0o755) -> Path:
    """A script that notes that it ran, and with which words, then does `text`."""
    path = scripts.folder / NAME / name
    path.write_text(f'#!/bin/sh\necho "{name} $@" >> {scripts.folder}/ran\n{text}\n')
    path.chmod(mode)
    return path


def run(scripts: Scripts, *words: str, script_s: float = 20.0, all_s: float = 60.0) -> list[str]:
    """Run them all; what they noted."""
    asyncio.run(scripts.run(NAME, words, dict(os.environ), script_s=script_s, all_s=all_s))
    ran = scripts.folder / "ran"
    return ran.read_text().splitlines() if ran.exists() else []


def test_scripts_run_one_after_the_other_in_the_order_of_their_names(scripts: Scripts) -> None:
    for name in ("S30c", "S5x", "S10a", "S20b"):
        put(scripts, name)
    assert run(scripts, "--volname=v1", "a b") == [f"{name} --volname=v1 a b" for name in ("S10a", "S20b", "S30c", "S5x")]


def test_only_executable_files_whose_names_begin_with_a_capital_s_run(scripts: Scripts) -> None:
    put(scripts, "S10runs")
    put(scripts, "S20plain", mode=0o644)
    put(scripts, "s30lower")
    put(scripts, "K01disabled")
    (scripts.folder / NAME / "S40folder").mkdir()
    (scripts.folder / NAME / "S50dangling").symlink_to("nowhere")
    (scripts.folder / NAME / "S60link").symlink_to("K01disabled")  # how scripts are enabled, also by those of the package
    assert [line.split()[0] for line in run(scripts)] == ["S10runs", "K01disabled"]


def test_a_script_that_fails_is_noted_and_the_next_one_runs(scripts: Scripts, log: Lines) -> None:
    put(scripts, "S10fails", "echo no samba here; exit 3")
    put(scripts, "S20next")
    (broken := put(scripts, "S15broken")).write_text("#!/no/such/interpreter\n")
    assert [line.split()[0] for line in run(scripts)] == ["S10fails", "S20next"]
    assert (log.of("S10fails")["outcome"], log.of("S10fails")["output"]) == ("exit 3", "no samba here")
    assert "No such file" in log.of(broken.name)["cause"]


def test_a_script_that_hangs_is_ended_with_all_that_it_started(scripts: Scripts, log: Lines) -> None:
    put(scripts, "S10hangs", f"trap '' TERM\nsleep 300 & echo $! > {scripts.folder}/child\nwait\nwhile :; do sleep 1; done")
    put(scripts, "S20next")
    began = time.monotonic()
    assert [line.split()[0] for line in run(scripts, script_s=0.5)] == ["S10hangs", "S20next"]
    assert time.monotonic() - began < 20
    assert "took too long" in log.of("S10hangs")["outcome"]
    assert not alive(int((scripts.folder / "child").read_text())), "what the script had started still runs"


def test_what_all_scripts_together_have_no_time_for_is_not_begun(scripts: Scripts, log: Lines) -> None:
    put(scripts, "S10slow", "sleep 300")
    put(scripts, "S20late")
    assert [line.split()[0] for line in run(scripts, all_s=0.5)] == ["S10slow"]
    assert "took too long" in log.of("S20late")["event"]


def test_of_a_talkative_script_only_the_beginning_is_kept(scripts: Scripts, log: Lines) -> None:
    put(scripts, "S10talks", "yes hello | head -c 3000000")
    run(scripts)
    said = log.of("S10talks")
    assert said["outcome"] == "exit 0"
    assert said["output"].startswith("hello") and len(said["output"]) <= OUTPUT_BYTES_MAX


def test_a_daemon_that_a_script_leaves_behind_holds_nobody_up(scripts: Scripts, log: Lines) -> None:
    put(scripts, "S10leaves", f"sleep 300 & echo $! > {scripts.folder}/child")
    began = time.monotonic()
    run(scripts)
    assert time.monotonic() - began < 10
    child = int((scripts.folder / "child").read_text())
    assert alive(child), "a script that ended well may leave something running"
    os.kill(child, 9)


def test_a_new_script_is_seen_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        seen = asyncio.Event()
        watch = FolderWatch(seen.set)
        watch.watch([tmp_path, tmp_path / "missing"])
        try:
            (tmp_path / "S10new").write_text("")
            async with asyncio.timeout(5):
                await seen.wait()
        finally:
            watch.close()

    asyncio.run(scenario())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
