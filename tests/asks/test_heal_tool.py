"""glfsheal that takes too long: what it had said by then counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gd2raft.asks import heal_tool
from gd2raft.asks.ask import AskFailed

pytestmark = pytest.mark.fast

SCRIPT = """#!/bin/sh
printf 'Brick n1:/b\\nStatus: Connected\\nTotal Number of entries: 3\\n\\nBrick n2:/b\\nhalf a li'
exec sleep 60
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    program = tmp_path / "glfsheal"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    monkeypatch.setattr(heal_tool, "PLACES", (str(program),))
    monkeypatch.setattr(heal_tool, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(heal_tool, "LOG_FOLDER", str(tmp_path))
    return SimpleNamespace(rundir=tmp_path, volfile=lambda volume: "")


def test_what_was_found_before_the_time_was_over_is_told(slow: Any) -> None:
    found = asyncio.run(heal_tool.info(slow, SimpleNamespace(name="v"), {"of": "info-summary"}))  # type: ignore[arg-type]
    assert found["late"]
    first, second = found["bricks"]
    assert (first["brick"], first["connected"], first["total-entries"]) == ("n1:/b", True, 3)
    assert (second["brick"], second["status"], second["entries"]) == ("n2:/b", "", [])


def test_a_split_brain_that_is_not_settled_in_time_is_a_failure(slow: Any) -> None:
    with pytest.raises(AskFailed, match="did not end within"):
        asyncio.run(heal_tool.settle(slow, SimpleNamespace(name="v"), {"words": ["bigger-file", "/f"]}))  # type: ignore[arg-type]
