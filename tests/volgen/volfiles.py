"""For the tests of volfiles: descriptions to start from, a parser of volfiles, and a comparer that says what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gd2volgen import Description, decode

VOLUME_ID = "bc2bbd5c-1737-4803-8852-1fbf4885cbe0"
PEER_OF_NO_BRICK = "elsewhere"


class Parsed(NamedTuple):
    name: str
    type: str
    options: dict[str, str]
    subvolumes: tuple[str, ...]


def parsed(text: str) -> list[Parsed]:
    """The blocks of a volfile. Anything that GlusterFS would not read fails the test."""
    blocks: list[Parsed] = []
    for part in text.split("end-volume\n")[:-1]:
        lines = [line.strip() for line in part.strip().splitlines()]
        assert lines[0].startswith("volume ") and lines[1].startswith("type "), lines[:2]
        options: dict[str, str] = {}
        subvolumes: tuple[str, ...] = ()
        for line in lines[2:]:
            word, rest = line.split(" ", 1)
            if word == "subvolumes":
                subvolumes = tuple(rest.split())
                continue
            assert word == "option", line
            key, _, value = rest.partition(" ")
            assert key not in options, f"{key} twice"
            options[key] = value.strip()
        blocks.append(Parsed(lines[0].split(" ", 1)[1], lines[1].split(" ", 1)[1], options, subvolumes))
    assert not text.split("end-volume\n")[-1].strip()
    return blocks


def differences(wanted: list[Parsed], got: list[Parsed], ignore: frozenset[str] = frozenset({"shared-brick-count"})) -> Iterator[str]:
    """What is not as wanted: blocks and their order, subvolumes and their order, options without order."""
    if [block[:2] for block in wanted] != [block[:2] for block in got]:
        yield f"blocks: wanted {[block.name for block in wanted]}, got {[block.name for block in got]}"
        return
    for want, have in zip(wanted, got, strict=True):
        if want.subvolumes != have.subvolumes:
            yield f"{want.name}: wanted subvolumes {want.subvolumes}, got {have.subvolumes}"
        for option in sorted((want.options.keys() | have.options.keys()) - ignore):
            if want.options.get(option) != have.options.get(option):
                yield f"{want.name}: wanted {option} = {want.options.get(option)!r}, got {have.options.get(option)!r}"


def check_graph(blocks: list[Parsed]) -> None:
    """What every volfile must be: names unique, subvolumes defined before they are used, one top, nothing left over."""
    seen: set[str] = set()
    used: set[str] = set()
    for block in blocks:
        assert block.name not in seen, f"{block.name} twice"
        assert set(block.subvolumes) <= seen, f"{block.name} uses what is not defined: {set(block.subvolumes) - seen}"
        used |= set(block.subvolumes)
        seen.add(block.name)
    assert seen - used == {blocks[-1].name}


def raw(kind: str = "replicate", sets: int = 1, size: int = 3, options: Mapping[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    """VOLUME.json of volume `v`: that many sets of that many bricks, all on different peers."""
    bricks = [
        {"host": f"node{number + 1}", "path": f"/bricks/v/b{number}", "index": number, "decommissioned": False}
        for number in range(sets * size)
    ]
    counts = {"replicate": {"replica-count": size}, "disperse": {"disperse-count": size, "redundancy-count": 1}, "distribute": {}}[kind]
    subvols = [{"type": kind, "bricks": bricks[start : start + size]} | counts for start in range(0, sets * size, size)]
    title = kind.capitalize() if sets == 1 or kind == "distribute" else f"Distributed-{kind.capitalize()}"
    volume = {
        "peer": "node1",
        "name": "v",
        "id": VOLUME_ID,
        "type": title,
        "state": "Started",
        "transport": "tcp",
        "username": "some-user",
        "password": "some-password",
        "op-version": 100000,
        "workdir": "/var/lib/glusterd",
        "options": dict(options or {}),
        "subvols": subvols,
    }
    return volume | fields


def volume(kind: str = "replicate", sets: int = 1, size: int = 3, options: Mapping[str, str] | None = None, **fields: Any) -> Description:
    return decode(json.dumps(raw(kind, sets, size, options, **fields)))
