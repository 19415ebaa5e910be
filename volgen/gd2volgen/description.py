"""What a volume is, as far as its volfiles are concerned: the records behind VOLUME.json, checked at the door.

Everything after `decode` trusts these records. It must not know how a volume came about: names, indexes and
credentials are given, not chosen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gd2raft.core.options import goes_into_volfiles, unsafe_in_volfile

NAME_MAX = 255
BRICKS_MAX = 10_000
OPTIONS_MAX = 2_000

Word = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[^\s`\"\\#][^\s`\"\\]*$")]
Host = Annotated[str, Meta(min_length=1, max_length=NAME_MAX, pattern=r"^[^\s/`\"\\#][^\s/`\"\\]*$")]
Path = Annotated[str, Meta(min_length=2, max_length=4095, pattern=r"^/[^\s\x00-\x1f`\"\\]*[^\s\x00-\x1f/`\"\\]$")]
Count = Annotated[int, Meta(ge=0, le=BRICKS_MAX)]
# A value is one line of a volfile; an option's name is one word of it.
OptionName = Annotated[str, Meta(min_length=1, max_length=NAME_MAX, pattern=r"^[^\s\x00-\x1f`\"\\#][^\s\x00-\x1f`\"\\]*$")]
OptionValue = Annotated[str, Meta(max_length=65_536, pattern=r"^[^\x00-\x08\x0a-\x1f]*$")]


class DescriptionError(ValueError):
    """A description that no volume can have; the text says where and what."""


class _Record(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are refused, so that a misspelt one can't be lost in silence."""


class BrickDescription(_Record, frozen=True):
    """One brick. `index` is the number in `<volume>-client-<index>`; it stays with the brick for life."""

    host: Host
    path: Path
    index: Count
    type: Literal["brick", "arbiter"] | None = None
    decommissioned: bool = False
    shared_brick_count: Count = 1
    """How many local bricks share its file system; 0 for bricks of other peers."""


class ThinArbiter(_Record, frozen=True):
    host: Host
    path: Path


class Subvol(_Record, frozen=True):
    type: Literal["distribute", "replicate", "disperse"]
    bricks: Annotated[tuple[BrickDescription, ...], Meta(min_length=1, max_length=BRICKS_MAX)]
    replica_count: Count = 0
    arbiter_count: Count = 0
    disperse_count: Count = 0
    redundancy_count: Count = 0
    thin_arbiter: ThinArbiter | None = None


class Description(_Record, frozen=True):
    """A volume, and the peer whose files are wanted (bitd and scrub list only that peer's bricks).

    `origin`: the name that its bricks know each other by (trusted.afr.NAME-client-INDEX) when it isn't its own: of a clone.
    """

    peer: Host
    name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
    id: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    type: Literal["Distribute", "Replicate", "Disperse", "Distributed-Replicate", "Distributed-Disperse", "Arbiter", "Distributed-Arbiter"]
    state: Literal["Created", "Started", "Stopped"]
    subvols: Annotated[tuple[Subvol, ...], Meta(min_length=1, max_length=BRICKS_MAX)]
    username: Word
    password: Word
    transport: Literal["tcp"] = "tcp"
    op_version: Annotated[int, Meta(ge=1)] = 100000
    quota_version: Count = 0
    origin: Annotated[str, Meta(max_length=NAME_MAX, pattern=r"^([A-Za-z0-9_][A-Za-z0-9_-]*)?$")] = ""
    workdir: Path = "/var/lib/glusterd"
    options: Annotated[dict[OptionName, OptionValue], Meta(max_length=OPTIONS_MAX)] = {}

    @property
    def bricks(self) -> Iterator[tuple[Subvol, BrickDescription]]:
        """Every brick with the subvolume it is in, in the volume's order."""
        for subvol in self.subvols:
            for brick in subvol.bricks:
                yield subvol, brick


def decode(data: bytes | str, where: str = "description") -> Description:
    """The description in JSON text. `where` names its source in errors. Raises DescriptionError."""
    try:
        description = msgspec.json.decode(data, type=Description)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DescriptionError(f"{where}: {error}") from None
    problem = next(_problems(description), None)
    if problem:
        raise DescriptionError(f"{where}: {problem}")
    return description


def _problems(description: Description) -> Iterator[str]:
    """What the field types can't say."""
    seen_indexes: set[int] = set()
    seen_places: set[tuple[str, str]] = set()
    types = {subvol.type for subvol in description.subvols}
    if len(types) > 1:
        yield f"subvols of different types ({', '.join(sorted(types))}); a volume has one type of subvolume"
    wanted = description.type.lower().rsplit("-", 1)[-1].replace("arbiter", "replicate")
    if types and wanted not in types:
        yield f"type is {description.type}, but its subvolumes are of type {min(types)}"
    for name, value in description.options.items():
        if goes_into_volfiles(name) and (bad := unsafe_in_volfile(value)):
            yield f"option {name}: the value has {bad}, which volfiles can't carry"
    for number, subvol in enumerate(description.subvols):
        yield from (f"subvols[{number}]: {text}" for text in _subvol_problems(subvol))
        for brick in subvol.bricks:
            if brick.index in seen_indexes:
                yield f"brick index {brick.index} is used twice; each brick has its own"
            if (brick.host, brick.path) in seen_places:
                yield f"brick {brick.host}:{brick.path} is listed twice"
            seen_indexes.add(brick.index)
            seen_places.add((brick.host, brick.path))


def _subvol_problems(subvol: Subvol) -> Iterator[str]:
    bricks, arbiters = len(subvol.bricks), sum(brick.type == "arbiter" for brick in subvol.bricks)
    if subvol.type == "replicate" and bricks not in (subvol.replica_count, subvol.replica_count + subvol.arbiter_count):
        yield f"replica-count is {subvol.replica_count}, but it has {bricks} bricks"
    if arbiters != subvol.arbiter_count and subvol.type == "replicate":
        yield f"arbiter-count is {subvol.arbiter_count}, but {arbiters} of its bricks are of type arbiter"
    if subvol.type == "disperse":
        if subvol.disperse_count != bricks:
            yield f"disperse-count is {subvol.disperse_count}, but it has {bricks} bricks"
        if not 0 < 2 * subvol.redundancy_count < bricks:
            yield f"redundancy-count {subvol.redundancy_count} must be at least 1 and less than half of {bricks} bricks"
    if subvol.thin_arbiter and (subvol.type != "replicate" or subvol.replica_count != 2):
        yield "a thin arbiter needs a replica-count of 2"
