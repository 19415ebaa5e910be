"""Words of gd2 that another package brings, and a package that is broken: gd2 says which one, with no traceback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_kit import DEADLINE_S, Peer, Result, gd2_process, volume_info

HEAD = """
import click
from gd2cli.problems import Problem
from gd2cli.spec import Spec
from gd2cli.words import Grammar, WordError
"""
SPEC = "\nNOTE = Spec(Grammar('VOLUME', names=('VOLUME',)), 'Note a volume.', note)\n"


class Package:
    """A folder with an installed package `gd2-note` that brings `gd2 volume note`."""

    def __init__(self, folder: Path, peer: Peer) -> None:
        self.folder, self.peer = folder, peer
        info = folder / "gd2_note-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gd2-note\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[gd2cli.commands]\nvolume.note = gd2_note:NOTE\n")

    def brings(self, source: str) -> None:
        (self.folder / "gd2_note.py").write_text(HEAD + source)

    def does(self, *lines: str) -> None:
        self.brings("\n    ".join(("def note(session, words):", *lines)) + SPEC)

    def run(self, *words: str, stdout: int = subprocess.PIPE) -> Result:
        environment = {"PYTHONPATH": str(self.folder)}
        with gd2_process("--endpoints", self.peer.url, *words, env=environment, stdout=stdout) as process:
            out, err = process.communicate(timeout=DEADLINE_S)
        return Result(process.returncode, out, err)


@pytest.fixture
def package(tmp_path: Path, peer: Peer) -> Package:
    peer.answers["GET /v1/volumes/v1"] = (200, volume_info())
    return Package(tmp_path, peer)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("raise ValueError('boom')", "ValueError: boom"),
        ("{}['name']", "KeyError: 'name'"),
        ("open('/nonexistent')", "FileNotFoundError: [Errno 2] No such file or directory: '/nonexistent'"),
        ("raise ConnectionRefusedError(111, 'Connection refused')", "ConnectionRefusedError: [Errno 111] Connection refused"),
        ("session.show(session.get('volumes', 'v1'), lambda volume: str(1 / 0))", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    ],
)
def test_a_function_that_raises_is_told_in_a_line_that_names_package_and_command(package: Package, line: str, told: str) -> None:
    package.does(line)
    result = package.run("volume", "note", "v1")
    head, *rest = result.err.splitlines()
    assert (result.code, result.out) == (1, "")
    assert head == f"gd2: volume note: package gd2-note broke: {told}"
    assert rest[0] == f"  where: {package.folder / 'gd2_note.py'}, line 7"
    assert "what to do" in rest[1]
    assert len(rest) == 2


def test_an_answer_that_its_function_can_not_show_is_told_with_the_package(package: Package) -> None:
    package.does("session.show(session.get('volumes', 'v1'), lambda volume: volume['nme'])")
    result = package.run("volume", "note", "v1")
    assert result.code == 1
    assert result.err.splitlines()[:3] == [
        "gd2: volume note: the answer has an unexpected shape (KeyError: 'nme')",
        "  package: gd2-note",
        f"  where: {package.folder / 'gd2_note.py'}, line 7",
    ]


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("raise Problem('no way', exit_code=5, hint='another')", 5, "gd2: volume note: no way\n  what to do: another\n"),
        ("raise WordError('what?')", 2, "Error: what?"),
        ("raise click.UsageError('not so')", 2, "not so"),
        ("raise click.exceptions.Exit(3)", 3, ""),
        ("raise KeyboardInterrupt", 130, "gd2: interrupted"),
        ("raise SystemExit(4)", 4, ""),
    ],
)
def test_what_it_says_on_purpose_is_told_as_it_is(package: Package, line: str, code: int, told: str) -> None:
    package.does(line)
    result = package.run("volume", "note", "v1")
    assert result.code == code
    assert told in result.err
    assert "broke" not in result.err


def test_a_full_disk_under_stdout_is_not_the_package_s_fault(package: Package) -> None:
    package.does("session.show(session.get('volumes', 'v1'), lambda volume: 'x' * 1000000)")
    with open("/dev/full", "w") as full:
        result = package.run("volume", "note", "v1", stdout=full.fileno())
    assert (result.code, result.err) == (1, "gd2: the result can't be written: No space left on device\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nonexistent", "is broken: ModuleNotFoundError: No module named 'nonexistent'"),
        ("raise SystemExit(0)", "is broken: SystemExit: 0"),
        ("NOTE = 7", "is broken: it is int, not a gd2cli.spec.Spec"),
        ("NOTE = Spec(Grammar('VOLUME'), None, print)", "is broken: its help is NoneType, not str"),
        ("NOTE = Spec('VOLUME', 'Note.', print)", "is broken: its grammar is str, not Grammar"),
        ("NOTE = Spec(Grammar('VOLUME', names=('VOLUME')), 'Note.', print)", "is broken: its grammar's names are str, not tuple"),
        ("NOTE = Spec(Grammar('VOLUME'), 'Note.', None)", "is broken: its run is NoneType, not a function"),
        ("async def note(session, words): pass" + SPEC, "is broken: its run is async"),
    ],
)
def test_words_that_can_not_work_are_told_by_their_package_and_stay_in_the_list(package: Package, source: str, told: str) -> None:
    package.brings(source)
    result = package.run("volume", "note", "v1")
    assert result.code == 1
    assert result.err.startswith(f"gd2: package gd2-note, which brings 'volume.note', {told}")
    assert "Traceback" not in result.err
    listed = package.run("volume", "--help")
    assert listed.code == 0, listed.err
    assert "(broken: package gd2-note" in listed.out
