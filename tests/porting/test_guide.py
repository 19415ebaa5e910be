"""The porting guide says what the code says, and leaves no part of the example out."""

from __future__ import annotations

import re

import pytest
from guide import BLOCK, GUIDE, ROOT, render

pytestmark = pytest.mark.fast


def test_the_code_in_the_guide_is_what_the_files_say() -> None:
    text = GUIDE.read_text()
    assert render(text) == text, "bring it up to date, and read whether its words still fit: python tests/porting/guide.py"


def test_the_guide_shows_the_whole_example_and_a_real_command() -> None:
    shown = {m["file"] for m in BLOCK.finditer(GUIDE.read_text()) if m["names"] is None}
    example = {str(p.relative_to(ROOT)) for p in (ROOT / "tests/porting/example_package").rglob("*") if p.suffix in (".py", ".toml")}
    assert {f for f in example if not f.endswith("__init__.py")} <= shown
    named = {(m["file"], name.strip()) for m in BLOCK.finditer(GUIDE.read_text()) for name in (m["names"] or "").split(",")}
    assert {("gd2raft/commands/volume_start.py", name) for name in ("VolumeStart", "plan_start", "COMMAND")} <= named


def test_every_block_of_code_names_its_file() -> None:
    text = GUIDE.read_text()
    assert len(re.findall(r"^```(?:python|toml)$", text, re.MULTILINE)) == len(list(BLOCK.finditer(text)))


def test_a_block_that_is_out_of_date_is_seen() -> None:
    text = "<!-- file: gd2raft/commands/volume_start.py: COMMAND -->\n```python\nCOMMAND = None\n```\n"
    assert render(text) != text
    assert render(render(text)) == render(text)


def test_a_name_that_is_gone_from_its_file_is_seen() -> None:
    with pytest.raises(KeyError):
        render("<!-- file: gd2raft/commands/volume_start.py: nosuch -->\n```python\n```\n")
