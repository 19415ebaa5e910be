"""Our volfiles are those of glusterd 10.3: for whole volumes (golden/), and for each option alone (measured_effects.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from volfiles import Parsed, check_graph, differences, parsed, volume

from gd2raft.core.options import defaults_on_create
from gd2volgen import Description, all_volfiles, decode

pytestmark = pytest.mark.fast

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("golden/*/volume.json"))
EFFECTS: dict[str, dict[str, Any]] = json.loads((HERE / "measured_effects.json").read_text())


def test_the_golden_cases_are_there() -> None:
    assert len(CASES) > 30
    assert len(EFFECTS) > 300


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_volfile_of_a_volume_equals_the_one_that_glusterd_made(case: Path) -> None:
    files = all_volfiles([decode((case / "volume.json").read_bytes())])
    wanted = {path.name: path.read_text() for path in case.glob("volfiles/*.vol")}
    assert files.keys() == wanted.keys()
    for name, text in wanted.items():
        assert list(differences(parsed(text), parsed(files[name]))) == [], name
        check_graph(parsed(files[name]))


@pytest.mark.parametrize("kind", ["replicate", "disperse"])
def test_each_option_alone_changes_exactly_what_glusterd_was_seen_to_change(kind: str) -> None:
    start = defaults_on_create("replicate" if kind == "replicate" else "disperse")
    without = all_volfiles([volume(kind, 2, 3, start)])
    wrong: dict[str, Any] = {}
    tried = 0
    for option, row in EFFECTS.items():
        measured = row.get(kind, row.get("any"))
        if measured is None:
            continue
        tried += 1
        description = volume(kind, 2, 3, start | {option: row["tried"]}, state="Created")
        got = _effect(without, all_volfiles([description]), description)
        wanted = {_text(entry) for entry in _filled(measured, kind)}
        if got != wanted:
            wrong[option] = {"not seen by glusterd": got - wanted, "missing": wanted - got}
    assert wrong == {}
    assert tried > 280


def _filled(measured: list[list[Any]], kind: str) -> list[list[Any]]:
    """The measured volumes were called r and d, and their credentials are left out."""
    text = json.dumps(measured).replace("snapd-r", "snapd-v").replace("snapd-d", "snapd-v")
    return json.loads(text.replace("{username}", "some-user").replace("{password}", "some-password"))


def _effect(before: dict[str, str], after: dict[str, str], description: Description) -> set[str]:
    """What changed, in the words of the measured effects."""
    assert before.keys() == after.keys()
    found: set[str] = set()
    for name, text in after.items():
        if text != before[name]:
            place, brick = _place(name, description)
            found |= {_text([place, *change]) for change in _changes(parsed(before[name]), parsed(text), brick)}
    return found


def _place(name: str, description: Description) -> tuple[str, str]:
    for _, brick in description.bricks:
        if name == f"v.{brick.host}.{brick.path[1:].replace('/', '-')}.vol":
            return "brick", brick.path
    return ("shd" if "-shd" in name else "rebalance" if "-rebalance" in name else "client"), "no brick"


def _changes(before: list[Parsed], after: list[Parsed], brick: str) -> list[list[Any]]:
    old, new = ({block.name: block for block in blocks} for blocks in (before, after))
    changes: list[list[Any]] = [["removed", old[name].type, _name(name)] for name in old.keys() - new.keys()]
    for name, block in new.items():
        if name not in old:
            changes.append(["added", block.type, _name(name), block.options])
            continue
        if block.type != old[name].type:
            changes.append(["type", old[name].type, block.type])
        for option in block.options.keys() | old[name].options.keys():
            was, now = old[name].options.get(option), block.options.get(option)
            if was != now:
                changes.append(["option", old[name].type, option.replace(brick, "{brick}"), was and was.replace(brick, "{brick}"), now])
    return changes


def _name(name: str) -> str:
    name = "{vol}" + name.removeprefix("v")
    return f"{name[:-1]}{{n}}" if name[-2:-1] == "-" and name[-1].isdigit() else name


def _text(entry: list[Any]) -> str:
    return json.dumps(entry, sort_keys=True)
