"""The tour of the README, typed by hand: its commands, in order, on this machine, print what the README shows."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs_console import ROOT, Step, blocks
from docs_shell import Said, Shell, alike

from bench import demo

pytestmark = pytest.mark.real

README = ROOT / "README.md"
FOLDER, NET = "/tmp/gd2-tour", "127.77.0."
STEPS = [step for block in blocks(README, "## Five minutes by hand", "\n## What it is made for") for step in block.steps]
ONLY_LOOKS = re.compile(r"^(gd2 (--\S+ \S+ )*(peer list|cluster status|volume (status|get)|health)|cat |for i in 1 2 3; do gd2 )")
"""A person looks again after a second; so does the test. Everything else is typed once."""
LOOK_S = 45.0
STATUS = "gd2 volume status tour"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Instead of /tmp/gd2-tour, so that a tour of the user's own is left alone. Short: sockets are made below it."""
    made = Path(tempfile.mkdtemp(prefix="gd2-tour-"))
    yield made
    demo.end_all(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def shell(folder: Path) -> Iterator[Shell]:
    typed = Shell(ROOT)
    yield typed
    typed.close()


def masks(command: str) -> dict[str, str]:
    """What may differ. Who leads is decided by chance after the leader was killed, so there addresses don't count."""
    if "cluster status" in command:
        return {r"^((Term|Revision|Log): .*)$": r"\2: N", r"\b127(\.\d+){3}\b": "ADDRESS", r"\((leader|follower)[^)]*\)": "(ROLE)"}
    return {
        r" +\d+ +Y +\d+$": " PORT Y PID",
        r" +N/A +Y +\d+$": " N/A Y PID",
        r"^(Gluster process) +": r"\1 ",
    }  # widths follow the folder's name


def same(step: Step, said: Said) -> bool:
    """Rows of peers are in the order of their ids, so theirs doesn't count."""
    wanted, got = alike(step.output, masks(step.command)), alike(said.lines, masks(step.command))
    return sorted(wanted) == sorted(got) if "peer list" in step.command else wanted == got


def look(shell: Shell, step: Step) -> Said:
    deadline = time.monotonic() + LOOK_S
    while True:
        said = shell.run(step.command)
        if same(step, said) or time.monotonic() > deadline or not ONLY_LOOKS.match(step.command):
            return said
        time.sleep(0.3)  # a person's pause between two looks


def test_every_command_of_the_tour_prints_what_the_readme_shows(shell: Shell, folder: Path) -> None:
    net = f"127.{demo.free_net(3)}.0."
    statuses = []
    for step in STEPS:
        here = Step(moved(step.command, folder, net), tuple(moved(line, folder, net) for line in step.output))
        said = look(shell, here)
        assert said.code == 0, f"$ {here.command}\nexit {said.code}: {'; '.join(said.lines)}"
        assert same(here, said), "\n".join([f"$ {here.command}", "should print", *here.output, "but prints", *said.lines])
        if here.command == STATUS:
            statuses.append(said.lines)
    assert len(statuses) == 2
    assert statuses[0] == statuses[1], "the bricks should have gone on as the same processes, on the same ports"
    assert not demo.processes_of(folder), "the tour leaves processes behind"
    assert not folder.exists(), "the tour leaves its folder behind"


def moved(text: str, folder: Path, net: str) -> str:
    """The README's folder and addresses, made the test's own."""
    return text.replace(FOLDER, str(folder)).replace(NET, net)


@pytest.mark.fast
def test_the_tour_is_found_in_the_readme() -> None:
    assert len(STEPS) > 20
    assert sum("gd2 " in step.command for step in STEPS) > 10
