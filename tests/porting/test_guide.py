"""The porting guide says what the code says: each code block is a part of the file that it names, and no step of it is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "porting-guide.md"
BLOCK = re.compile(r"^<!-- file: (?P<file>\S+) -->\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return [(m["file"], m["text"]) for m in BLOCK.finditer(GUIDE.read_text())]


def part_of(text: str, whole: str) -> bool:
    """Whether every piece of the block, cut at lines of `...`, stands in the file, in this order."""
    at = 0
    for piece in re.split(r"^\.\.\.\n", text, flags=re.MULTILINE):
        found = whole.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True


@pytest.mark.parametrize(("file", "text"), blocks(), ids=[f"{f}-{i}" for i, (f, _) in enumerate(blocks())])
def test_a_code_block_of_the_guide_is_what_the_file_says(file: str, text: str) -> None:
    assert part_of(text, (ROOT / file).read_text()), f"docs/porting-guide.md shows something of {file} that isn't there"


def test_the_guide_shows_the_whole_example() -> None:
    shown = {file for file, _ in blocks()}
    example = {str(p.relative_to(ROOT)) for p in (ROOT / "tests/porting/example_package").rglob("*") if p.suffix in (".py", ".toml")}
    assert {f for f in example if not f.endswith("__init__.py")} <= shown
    assert "gd2raft/commands/volume_start.py" in shown


def test_every_code_block_of_python_names_its_file() -> None:
    text = GUIDE.read_text()
    assert len(re.findall(r"^```(?:python|toml)$", text, re.MULTILINE)) == len(blocks())


def test_a_block_that_differs_is_found() -> None:
    assert part_of("a\n...\nc\n", "a\nb\nc\n")
    assert not part_of("c\n...\na\n", "a\nb\nc\n")
    assert not part_of("x\n", "a\n")
