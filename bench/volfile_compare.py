"""What counts as a difference in `bench volfiles`, and what is meant to differ. Pure.

Volfiles are equal when they are the same graph: blocks in order, types, subvolumes in order, options as sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bench.volfile_cases import Seen, Words
from bench.volfile_sides import Outcome
from gd2raft.core.option_values import truth
from gd2volgen.tables import option_table

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
            if not name.endswith("-rebalance.vol") and ".client." not in name:  # glusterd makes these when they are needed
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


def asked_xlators(theirs: Mapping[str, str]) -> frozenset[str]:
    """The types of xlators that glusterd asks about a value: those in its volfiles of bricks and clients.

    It asks none of the daemons beside them, whose files may also be left from an earlier volume.
    """
    asked = [text for name, text in theirs.items() if not name.endswith(MAY_BE_OLD)]
    return frozenset(block.type for text in asked for block in blocks_of(text))


NEVER_LOOKED_AT = frozenset(
    {
        "client.keepalive-count",
        "client.keepalive-interval",
        "client.keepalive-time",
        "client.own-thread",
        "client.send-gids",
        "client.ssl",
        "client.tcp-user-timeout",
        "cluster.strict-readdir",
        "config.brick-threads",
        "config.client-threads",
        "geo-replication.ignore-pid-check",
        "server.keepalive-count",
        "server.keepalive-interval",
        "server.keepalive-time",
        "server.own-thread",
        "server.ssl",
        "transport.address-family",
        "transport.keepalive",
    }
)
"""Options that no xlator declares, so that glusterd takes any text for them (each was seen; client.send-gids on distribute volumes)."""


def _wrong_value(text: str) -> bool:
    return any(
        words in text
        for words in (
            "is not a valid",
            "is out of range",
            "is not valid, allowed are",
            "is neither a percentage",
            "is not a brick's xlator",
        )
    )


def _unchecked(text: str, xlators: frozenset[str]) -> bool:
    """Whether the option that ours refused is one whose value glusterd doesn't look at, in a volume of these xlators."""
    named = re.search(r'"option ([a-zA-Z0-9_.-]+): ', text.replace('\\"', '"'))
    option = option_table().options.get(named[1]) if named else None
    return option is not None and (option.name in NEVER_LOOKED_AT or not any(target.split()[0] in xlators for target in option.targets))


COPIES_FIRST = '"copies-first"'
NOT_COMPLETE = "committed, but its effect isn't complete yet"
REFUSED_ALIKE = (COPIES_FIRST, NOT_COMPLETE)
"""In refusals of ours after which the volume may differ although glusterd refused the command too."""


class Before(NamedTuple):
    """What a volume was like: the xlators that glusterd asks about a value (asked_xlators), and its options."""

    xlators: frozenset[str] = frozenset()
    options: Mapping[str, str] = MappingProxyType({})


class Deviation(NamedTuple):
    """We refuse what glusterd accepts (or the reverse), and mean it. `why` is shown in the summary."""

    why: str
    holds: Callable[[Words, Outcome, Outcome, Before], bool]
    """(command, glusterd's outcome, ours, the volume before the command)."""
    parts: bool = False
    """Afterwards the volumes are no longer alike, so that the life ends there."""


def _set_to(words: Words, option: str) -> str | None:
    """What a set gives this option, by its full or short name, be it one of several."""
    pairs = dict(zip(words[2::2], words[3::2], strict=False)) if words[0] == "set" else {}
    return pairs.get(option, pairs.get(option.split(".", 1)[1]))


INTENDED: tuple[Deviation, ...] = (
    Deviation(
        "a volume whose bricks can't load what was set is started, and the answer says which brick wants what; glusterd leaves it Created, "
        "and sends the administrator to its log",
        lambda words, theirs, ours, before: (
            words[0] == "start" and not theirs.accepted and NOT_COMPLETE in ours.text and "Commit failed on" in theirs.text
        ),
        parts=True,
    ),
    Deviation(
        "config.transport is tcp only, as GlusterFS 10.3 has no rdma any more; glusterd makes volfiles for it, and leaves them there",
        lambda words, theirs, ours, before: (
            theirs.accepted and '"bad-option"' in ours.text and "rdma" in (_set_to(words, "config.transport") or "")
        ),
        parts=True,
    ),
    Deviation(
        "features.limit-usage is set by `volume quota`; glusterd takes it, does not show it, and puts it into volfiles where nothing reads it",
        lambda words, theirs, ours, before: (
            theirs.accepted and '"bad-option"' in ours.text and _set_to(words, "features.limit-usage") is not None
        ),
        parts=True,
    ),
    Deviation(
        "a value of the wrong type or range is refused; glusterd takes any text where no xlator of the volume's bricks and clients declares the option",
        lambda words, theirs, ours, before: (
            words[0] == "set"
            and theirs.accepted
            and '"bad-option"' in ours.text
            and _wrong_value(ours.text)
            and _unchecked(ours.text, before.xlators)
        ),
    ),
    Deviation(
        "a distribute volume that runs gets its second copies before its third ones; glusterd adds both to a single brick, and fails half-way otherwise",
        lambda words, theirs, ours, before: words[0] == "add-brick" and COPIES_FIRST in ours.text,
        parts=True,
    ),
    Deviation(
        "a stopped volume gets no further copies, a distribute volume neither: nothing would mark the new ones as empty; glusterd refuses only replicated ones",
        lambda words, theirs, ours, before: words[0] == "add-brick" and theirs.accepted and '"stopped"' in ours.text,
        parts=True,
    ),
    Deviation(
        "a volume over rdma is refused, as GlusterFS 10.3 has no such transport any more; glusterd makes it",
        lambda words, theirs, ours, before: (
            words[0] == "create" and "transport" in words and theirs.accepted and '"bad-transport"' in ours.text
        ),
    ),
    Deviation(
        "cluster.granular-entry-heal is set as any other option; glusterd has it set by `volume heal` only",
        lambda words, theirs, ours, before: (
            words[0] == "set" and ours.accepted and "cluster.granular-entry-heal {enable, disable}" in theirs.text
        ),
    ),
    Deviation(
        "cluster.rebal-throttle takes any number of threads; glusterd knows the cores of its own machine only",
        lambda words, theirs, ours, before: (
            words[0] == "set" and ours.accepted and "cluster.rebal-throttle should be within" in theirs.text
        ),
    ),
    Deviation(
        "a user.* option can be reset alone; glusterd sets it, and then says that it does not exist",
        lambda words, theirs, ours, before: words[0] == "reset" and words[2].startswith("user.") and "does not exist" in theirs.text,
    ),
    Deviation(
        "a brick of a set that is being emptied is not replaced; glusterd puts a new brick there that the remove-brick doesn't know",
        lambda words, theirs, ours, before: words[0] == "replace-brick" and theirs.accepted and '"remove-brick-pending"' in ours.text,
    ),
    Deviation(
        "no other brick is removed by force while a remove-brick is pending; glusterd removes it, says of the pending one that "
        "it was never started, and commits it all the same",
        lambda words, theirs, ours, before: (
            words[0] == "remove-brick" and words[-1] == "force" and theirs.accepted and '"remove-brick-pending"' in ours.text
        ),
        parts=True,
    ),
    Deviation(
        "config.memory-accounting changes nothing; with it, glusterd starts bricks with an argument that glusterfsd 10.3 doesn't know, so that none runs",
        lambda words, theirs, ours, before: (
            words[0] == "start"
            and ours.accepted
            and "Commit failed on" in theirs.text
            and truth(before.options.get("config.memory-accounting", "")) is True
        ),
        parts=True,
    ),
)


def intended(words: Words, theirs: Outcome, ours: Outcome, before: Before) -> Deviation | None:
    return next((d for d in INTENDED if d.holds(words, theirs, ours, before)), None)


DEBUG_XLATORS = ("debug.trace", "debug.error-gen", "debug.delay-gen")
ONE_DEBUG_XLATOR = (
    "each debug xlator is where its option says; glusterd puts all that are set at each of these places, twice when it is the same one, "
    "which no process can load"
)


HALF_WRITTEN = (
    "a command that both refuse changes nothing; what glusterd notices only at its commit (two options that exclude each other) is in its "
    "files of the bricks by then"
)
"""Until its next command that succeeds, which writes them anew."""


def volfiles_meant_to_differ(seen: Seen, theirs: Outcome, ours: Outcome) -> str | None:
    """Why the volfiles of a volume with these options differ on purpose, after a command with these outcomes."""
    if sum(name in seen.options for name in DEBUG_XLATORS) > 1:
        return ONE_DEBUG_XLATOR
    return HALF_WRITTEN if not theirs.accepted and not ours.accepted and "Commit failed on" in theirs.text else None
