"""What counts as a difference in `bench volfiles`, and what is meant to differ. Pure.

Volfiles are equal when they are the same graph: blocks in order, types, subvolumes in order, options as sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bench.volfile_cases import Seen, Words
from bench.volfile_sides import Outcome

OF_THE_DISKS = frozenset({"shared-brick-count"})
"""Options that follow from a peer's disks."""
MAY_BE_OLD = ("quotad.vol", "bitd-server.vol", "scrub-server.vol", "-snapd.vol", "-rebalance.vol", "-shd.vol")
"""Files that glusterd leaves behind when what they are for is over."""


class Block(NamedTuple):
    name: str
    type: str
    options: dict[str, str]
    subvolumes: tuple[str, ...]


def blocks_of(text: str) -> list[Block]:
    """The blocks of a volfile, in its order."""
    found: list[Block] = []
    name, kind, options, below = "", "", {}, ()  # type: str, str, dict[str, str], tuple[str, ...]
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "volume":
            name, kind, options, below = rest, "", {}, ()
        elif word == "type":
            kind = rest
        elif word == "option":
            key, _, value = rest.partition(" ")
            options[key] = value.strip()
        elif word == "subvolumes":
            below = tuple(rest.split())
        elif word == "end-volume":
            found.append(Block(name, kind, {k: v for k, v in options.items() if k not in OF_THE_DISKS}, below))
    return found


def file_differences(theirs: str, ours: str) -> Iterator[str]:
    """Readable, the most telling first."""
    want, have = blocks_of(theirs), blocks_of(ours)
    names, own = [b[:2] for b in want], [b[:2] for b in have]
    if names != own:
        missing, extra = [b for b in names if b not in own], [b for b in own if b not in names]
        yield f"blocks: glusterd also has {missing}, ours also has {extra}" if missing or extra else f"blocks in other order: {names} {own}"
        return
    for one, other in zip(want, have, strict=True):
        if one.subvolumes != other.subvolumes:
            yield f"{one.name}: subvolumes {other.subvolumes}, glusterd {one.subvolumes}"
        for key in sorted(one.options.keys() | other.options.keys()):
            if one.options.get(key) != other.options.get(key):
                yield f"{one.name} ({one.type}): {key} = {other.options.get(key)!r}, glusterd {one.options.get(key)!r}"


def volfile_differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in ours:
            if not name.endswith(MAY_BE_OLD) and ".client." not in name:
                yield f"{name}: ours makes no such file"
        elif name not in theirs:
            if not name.endswith("-rebalance.vol"):  # glusterd makes it when it is needed
                yield f"{name}: glusterd makes no such file"
        else:
            yield from (f"{name}: {text}" for text in file_differences(theirs[name], ours[name]))


def seen_differences(theirs: Seen, ours: Seen) -> Iterator[str]:
    for name in ("state", "kind", "bricks", "replica", "arbiter", "disperse", "redundancy"):
        want, have = getattr(theirs, name), getattr(ours, name)
        if want != have:
            yield f"info: {name} is {have!r}, glusterd {want!r}"
    for key in sorted(theirs.options.keys() | ours.options.keys()):
        if theirs.options.get(key) != ours.options.get(key):
            yield f"info: option {key} = {ours.options.get(key)!r}, glusterd {theirs.options.get(key)!r}"


def _wrong_value(text: str) -> bool:
    return any(words in text for words in ("is not a valid", "is out of range", "is not valid, allowed are", "is neither a percentage"))


class Deviation(NamedTuple):
    """We refuse what glusterd accepts (or the reverse), and mean it. `why` is shown in the summary."""

    why: str
    holds: Callable[[Words, Outcome, Outcome], bool]
    """(command, glusterd's outcome, ours)."""


INTENDED: tuple[Deviation, ...] = (
    Deviation(
        "a value of the wrong type or range is refused; glusterd doesn't look when the xlator isn't in the volume's graph",
        lambda words, theirs, ours: words[0] == "set" and theirs.accepted and '"bad-option"' in ours.text and _wrong_value(ours.text),
    ),
    Deviation(
        "cluster.granular-entry-heal is set as any other option; glusterd has it set by `volume heal` only",
        lambda words, theirs, ours: words[0] == "set" and ours.accepted and "cluster.granular-entry-heal {enable, disable}" in theirs.text,
    ),
    Deviation(
        "cluster.rebal-throttle takes any number of threads; glusterd knows the cores of its own machine only",
        lambda words, theirs, ours: words[0] == "set" and ours.accepted and "cluster.rebal-throttle should be within" in theirs.text,
    ),
    Deviation(
        "a user.* option can be reset alone; glusterd sets it, and then says that it does not exist",
        lambda words, theirs, ours: words[0] == "reset" and words[2].startswith("user.") and "does not exist" in theirs.text,
    ),
)


def intended(words: Words, theirs: Outcome, ours: Outcome) -> Deviation | None:
    return next((d for d in INTENDED if d.holds(words, theirs, ours)), None)
