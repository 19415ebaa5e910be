"""The administrator's guide says what is so: its keys are the daemon's, its codes those of `gd2`, its commands are understood, and those marked so are run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docs_console import ROOT, Block, blocks, steps
from docs_shell import COMMAND_S, Shell

from bench import demo
from gd2cli import health_commands, main
from gd2cli.tree import WordsCommand
from gd2cli.words import words_of
from gd2raft.config import HELP, default_of

GUIDE = ROOT / "docs" / "admin-guide.md"
README, INSTALL, DEPLOY = ROOT / "README.md", ROOT / "docs" / "install.md", ROOT / "docs" / "deploy" / "README.md"
TEXT = GUIDE.read_text()
PEERS = 3
GLOBAL = re.compile(r"^gd2 (--(endpoints|secret-file) \S+ |--json |-y )*")
INLINE = re.compile(r"`(gd2 [^`]*)`")


def rows(after: str) -> list[list[str]]:
    """Cells of the first table behind a heading."""
    lines = TEXT[TEXT.index(after) :].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    found = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"`{value}`" if value != "" else "none"


@pytest.mark.fast
def test_the_keys_of_the_guide_are_those_of_the_daemon_with_their_defaults() -> None:
    assert rows("## Configuration") == [[f"`{key}`", text, shown(default_of(key))] for key, text in HELP.items()]


@pytest.mark.fast
def test_the_codes_of_health_are_all_explained() -> None:
    assert {row[0] for row in rows("### Reading `gd2 health`")} == set(health_commands.DO)


def gd2_lines(path: Path) -> list[str]:
    """Every `gd2 ...` that a reader may type: in the blocks, behind `do`, and in the text."""
    typed = [line for block in blocks(path) for step in block.steps for line in re.split(r"[\n;]| & | \| (?=grep)", step.command)]
    found = [line.strip().removeprefix("do ") for line in typed]
    found += [command for command in INLINE.findall(path.read_text()) if " " in command.strip()]
    return sorted({line for line in found if line.startswith("gd2 ") and line != "gd2 --version"})


@pytest.mark.fast
@pytest.mark.parametrize("line", sorted({line for page in (GUIDE, README, INSTALL, DEPLOY) for line in gd2_lines(page)}))
def test_every_command_of_the_docs_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(WordsCommand, "run", lambda command, context, words: ran.append(command.what))
    assert main.main(shlex.split(line)[1:]) == 0
    assert len(ran) == 1


@pytest.mark.fast
@pytest.mark.parametrize("path", [README, *(ROOT / "docs").rglob("*.md")], ids=lambda path: path.name)
def test_every_link_between_our_docs_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


# run


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because sockets are made below it."""
    made = Path(tempfile.mkdtemp(prefix="gd2-guide-"))
    for n in range(1, PEERS + 1):
        (made / f"{n}" / "bricks" / "b1").mkdir(parents=True)
        (made / f"{n}" / "bricks" / "b2").mkdir()
        (made / f"{n}" / "bricks" / "devices").mkdir()
    yield made
    demo.end_all(made)
    for mount in made.glob("*/state/mounts/*"):  # of a test that failed
        subprocess.run(["umount", mount], check=False, capture_output=True)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def pool(folder: Path) -> Iterator[tuple[Shell, str]]:
    """A shell in which gd2 asks the first of three fresh daemons, and the net they are in."""
    net = f"127.{demo.free_net(PEERS)}.0."
    shell = Shell(folder, GD2_ENDPOINTS=f"http://{net}1:24007")
    try:
        for n in range(1, PEERS + 1):
            here = folder / f"{n}"
            dirs = f"--localstatedir {here}/state --rundir {here}/run --logdir {here}/log"
            shell.run(f"gd2raft {dirs} --peeraddress {net}{n}:24008 --clientaddress {net}{n}:24007 < /dev/null > /dev/null 2>&1 &")
        for n in range(1, PEERS + 1):
            until_done(shell, f"gd2 --endpoints http://{net}{n}:24007 --secret-file {folder}/{n}/state/auth health")
        shell.run(f'export GD2_AUTH_SECRET="$(cat {folder}/1/state/auth)"')
        yield shell, net
    finally:
        shell.close()


def until_done(shell: Shell, command: str) -> None:
    deadline = time.monotonic() + COMMAND_S
    while (said := shell.run(command)).code:
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


def on_this_machine(command: str, folder: Path, net: str) -> str:
    """nodeN is an address, its /bricks a folder; the bricks of the test may lie on the root file system."""
    command = re.sub(r"node(\d):/bricks/", rf"{net}\1:{folder}/\1/bricks/", command)
    command = re.sub(r"node(\d) /bricks/", rf"{net}\1 {folder}/\1/bricks/", command)
    command = re.sub(r"\bnode(\d)\b", rf"{net}\1", command).replace(" /backup/", f" {folder}/")
    return f"{command} --allow-root-dir" if re.match("gd2 volume (create|add-brick) (?!.*--size)", command) else command


def runnable() -> list[Block]:
    return [block for block in blocks(GUIDE) if block.mark == "run"]


@pytest.mark.real
def test_the_commands_of_the_guide_that_are_marked_so_work_in_their_order(pool: tuple[Shell, str], folder: Path) -> None:
    shell, net = pool
    for block in runnable():
        for step in block.steps:
            command = on_this_machine(step.command, folder, net)
            said = shell.run(command)
            assert said.code == 0, "\n".join([f"# {command}", *said.lines])
            assert said.lines or "list" in command


@pytest.mark.fast
def test_the_guide_has_commands_that_are_run() -> None:
    commands = [step.command for block in runnable() for step in block.steps]
    assert sum("volume create" in c for c in commands) >= 6
    assert steps("# a\nb\n# c <<E\n> d\n> E\n") == (("a", ("b",)), ("c <<E\nd\nE", ()))


def literals(line: str) -> frozenset[str]:
    """Words of a command that stand as they are, the leaf's name among them; names of volumes and peers are none."""
    tree, words, name = main.command(), shlex.split(GLOBAL.sub("", line)), ""
    command: click.Command | None = tree
    while isinstance(command, click.Group):
        name = next(word for word in words if not word.startswith("-"))
        words = words[words.index(name) + 1 :]
        command = command.get_command(click.Context(command), name)
    assert isinstance(command, WordsCommand)
    known = {*words_of(command.spec.grammar.usage), *(word.name for word in command.spec.grammar.words)}
    return frozenset({name, *(word for word in words if word in known)})


@pytest.mark.fast
def test_every_command_of_the_guide_is_run_by_a_test_here_or_end_to_end() -> None:
    """By its words: those that are not in a block that is run are in one file of tests/e2e together."""
    here = {literals(step.command) for block in runnable() for step in block.steps if step.command.startswith("gd2 ")}
    texts = [path.read_text() for path in (ROOT / "tests" / "e2e").glob("test_*.py")]
    quoted = [set(re.findall(r'"([a-z][a-z-]*)"', text)) for text in texts]
    spelt = [line for line in gd2_lines(GUIDE) if not re.search(r"gd2 (--\S+ )*(health|\S+ help)", line)]
    missing = [line for line in spelt if not any(literals(line) <= ran for ran in [*here, *quoted])]
    assert missing == []
