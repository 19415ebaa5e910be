"""The words of repairing and inspecting: what they ask of the server, and what is a usage error."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from gd2cli import heal_commands, inspect_commands, repair_commands
from gd2cli.heal_commands import entries_text, summary_text
from gd2cli.tables import Paint
from gd2cli.words import WordError, parse

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("module", [repair_commands, inspect_commands, heal_commands])
def test_examples_of_the_words_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["node1", "/b", "node1:b", "", ":/b"])
def test_what_is_no_brick_is_told(text: str) -> None:
    with pytest.raises(WordError):
        repair_commands.brick_of(text)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ([], "info"),
        (["peek"], "info-peek"),
        (["incremental"], "info-incremental"),
        (["cumulative", "peek"], "info-cumulative-peek"),
        (["clear"], "info-clear"),
    ],
)
def test_profile_info_takes_glusters_words(words: list[str], option: str) -> None:
    assert inspect_commands.info_option(words) == option


@pytest.mark.parametrize("words", [["all"], ["peek", "clear"], ["clear", "incremental"]])
def test_profile_info_refuses_other_words(words: list[str]) -> None:
    with pytest.raises(WordError):
        inspect_commands.info_option(words)


@pytest.mark.parametrize("line", [["v1"], ["v1", "open", "list-cnt", "0"], ["v1", "open", "sideways"]])
def test_top_refuses_what_it_does_not_know(line: list[str]) -> None:
    with pytest.raises(WordError):
        parse(inspect_commands.COMMANDS["top"].grammar, line)


def test_heal_info_looks_like_glusters() -> None:
    brick = {
        "name": "n1:/b",
        "connected": True,
        "status": "Connected",
        "total-entries": 2,
        "heal-pending": 1,
        "split-brain": 1,
        "possibly-healing": 0,
        "entries": [{"path": "/a", "state": "heal-pending"}, {"path": "/f\x1b", "state": "split-brain"}],
    }
    assert entries_text([brick], Paint(False)).splitlines() == [
        "Brick n1:/b",
        "/a",
        "/f? - Is in split-brain",
        "Status: Connected",
        "Number of entries: 2",
    ]
    away = {"name": "n2:/b", "connected": False, "status": "down", "entries": []} | dict.fromkeys(
        ("total-entries", "heal-pending", "split-brain", "possibly-healing")
    )
    assert summary_text([brick, away], Paint(False)).splitlines()[-1].split() == ["Brick", "n2:/b", "N", "-", "-", "-", "-", "down"]


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (("/d/f", "kind", "granted", "inode"), {"path": "/d/f", "kind": "granted", "type": "inode"}),
        (("/d/f", "kind", "all", "posix", "0,0-9"), {"path": "/d/f", "kind": "all", "type": "posix", "range": "0,0-9"}),
        (("/d", "kind", "blocked", "entry", "f"), {"path": "/d", "kind": "blocked", "type": "entry", "basename": "f"}),
    ],
)
def test_clear_locks_takes_glusters_words(gd2: Any, peer: Any, line: tuple[str, ...], sent: dict[str, str]) -> None:
    peer.answers["POST /v1/volumes/v1/clear-locks"] = (200, {"lines": ["No locks cleared."]})
    result = gd2("volume", "clear-locks", "v1", *line, peers=peer)
    assert result.code == 0 and "No locks cleared." in result.out
    assert peer.seen[-1].body == sent


@pytest.mark.parametrize(
    "line",
    [
        ("clear-locks", "v1", "/d", "granted", "inode", "x"),
        ("clear-locks", "v1", "/d", "kind", "some", "inode"),
        ("clear-locks", "v1", "/d", "kind", "all", "flock"),
        ("clear-locks", "v1", "/d", "kind", "all"),
        ("log", "v1", "turn"),
        ("log", "v1"),
    ],
)
def test_clear_locks_and_log_refuse_other_words(gd2: Any, peer: Any, line: tuple[str, ...]) -> None:
    assert gd2("volume", *line, peers=peer).code == 2 and not peer.seen


@pytest.mark.parametrize("line", [("v1", "rotate"), ("rotate", "v1")])
def test_log_rotate_is_understood_in_both_orders(gd2: Any, peer: Any, line: tuple[str, ...]) -> None:
    info = {"id": "b", "path": "/b", "peer-id": "p", "host": "node1", "volume-id": "i", "volume-name": "v1", "type": "BRICK"}
    peer.answers["POST /v1/volumes/v1/rotate-logs"] = (200, [{"info": info, "log": "/l", "kept": "/l.7", "error": ""}])
    assert "/l.7" in gd2("volume", "log", *line, peers=peer).out
