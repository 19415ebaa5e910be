"""Where bricks go: devices, a size and a durability in, bricks on devices out, or why not. PURE, and the same from the same arguments.

As heketi does it (contract of its clients): the size is cut into 1, 2, 4, ... sets until a brick is no larger than `brick_bytes_max`; the
devices stand in a ring that takes turns between zones, and in a zone between peers; a brick's id says where in the ring its search
begins. Bricks of a set are always on different peers; in different zones as well when that is asked for strictly, else where it is possible.
Where the ring finds no room, the same sizes are tried with the emptiest peers first, which finds a place whenever there is one (for bricks of
one size); then the next smaller ones. A refusal names every device and why it did not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import msgspec

from gd2raft.core.devices import LOOP_EXTENT, Device, State
from gd2raft.core.plan import Refused

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
BRICK_BYTES_MIN = GIB
BRICK_BYTES_MAX = 4 * TIB
BRICKS_MAX = 32
ARBITER_BYTES_MIN = 320 * MIB
"""XFS wants 300 MiB."""
AVERAGE_FILE_BYTES = 64 * KIB
ARBITER_BYTES_PER_FILE = KIB
METADATA_SHARE = 200
"""A thin pool of so many bytes needs one of metadata."""
METADATA_BYTES_MAX = 16 * GIB
ARBITER_TAG = "arbiter"
"""A device with this tag: required (arbiters only), disabled (no arbiters), supported (both)."""
START_DIGITS = 7
"""Of a brick's id: where its search begins. heketi's."""
NAMED_MAX, REASONS_MAX = 12, 500
"""So many devices are named in the message, and have their reasons in its fields."""


class Candidate(msgspec.Struct, frozen=True):
    """A device as it is now. `free`: bytes. `rejected`: why it can't be used for this volume, "" when it can."""

    device: Device
    host: str
    zone: str
    free: int
    rejected: str = ""

    @property
    def name(self) -> str:
        return f"{self.host}:{self.device.path}"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """`size`: bytes for files. A set has `set_size` bricks, of which `data` share its bytes (1: every brick has all of them).

    `sets`: exactly so many; 0: as the sizes want it. `snapshot_factor`: thin pools are so much larger than their bricks.
    """

    size: int
    set_size: int = 1
    data: int = 1
    arbiter: bool = False
    average_file_bytes: int = AVERAGE_FILE_BYTES
    snapshot_factor: float = 1.0
    strict_zones: bool = False
    brick_bytes_max: int = BRICK_BYTES_MAX
    sets: int = 0
    bricks_max: int = BRICKS_MAX


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A brick on a device. Bytes: see devices.Space."""

    brick: str
    device: Device
    size: int
    pool: int
    metadata: int
    arbiter: bool = False

    @property
    def taken(self) -> int:
        return self.pool + self.metadata


Sets = tuple[tuple[Spot, ...], ...]


class NoSpace(Refused):
    """`fields["devices"]`: host:path -> why it was rejected."""

    code = "no-space"


def place(candidates: Sequence[Candidate], wanted: Wanted, new_id: Callable[[], str]) -> Sets:
    """The bricks, set after set. `new_id` gives ids of bricks (UUIDs). Raises NoSpace, Refused."""
    tried: list[tuple[int, int]] = []
    for sets, brick_bytes in sizes(wanted):
        attempt = _Attempt(candidates, wanted, brick_bytes, new_id, False)
        if (found := attempt.sets(sets) or _Attempt(candidates, wanted, brick_bytes, new_id, True).sets(sets)) is not None:
            return found
        tried.append((sets, brick_bytes))
    raise _refusal(wanted, tried, attempt)


def place_one(
    candidates: Sequence[Candidate],
    wanted: Wanted,
    brick_bytes: int,
    others: Sequence[tuple[str, str]],
    arbiter: bool,
    new_id: Callable[[], str],
) -> Spot:
    """A brick of exactly this size beside the others of its set, given as (peer id, zone). Raises NoSpace."""
    attempt = _Attempt(candidates, wanted, brick_bytes, new_id, False)
    attempt.begin_set(others)
    if (spot := attempt.brick(brick_bytes, arbiter)) is not None:
        return spot
    raise _refusal(wanted, [(1, brick_bytes)], attempt, "a brick beside the others of its set")


def sizes(wanted: Wanted) -> Iterator[tuple[int, int]]:
    """(sets, bytes of a brick), largest bricks first. Raises Refused when there are none.

    >>> list(sizes(Wanted(size=3 * GIB, set_size=3))) == [(1, 3 * GIB), (2, 1536 * MIB)]
    True
    """
    sets = wanted.sets or 1
    found = 0
    if wanted.size < BRICK_BYTES_MIN:
        raise Refused(f"a volume of {shown(wanted.size)} is too small", hint=f"at least {shown(BRICK_BYTES_MIN)}", code="too-small")
    while True:
        brick = rounded_up(-(-wanted.size // (sets * wanted.data)), LOOP_EXTENT)
        if brick < BRICK_BYTES_MIN or sets * wanted.set_size > wanted.bricks_max:
            break
        if brick <= wanted.brick_bytes_max:
            found += 1
            yield sets, brick
        if wanted.sets:
            break
        sets *= 2
    if found == 0:
        raise Refused(
            f"a volume of {shown(wanted.size)} can't be cut into at most {wanted.bricks_max} bricks of {shown(BRICK_BYTES_MIN)} to "
            f"{shown(wanted.brick_bytes_max)} ({wanted.set_size} in a set{f', {wanted.data} share its size' if wanted.data > 1 else ''})",
            hint="ask for another size, another number of bricks, or larger bricks",
            code="bad-size",
        )


def cost(device: Device, brick_bytes: int, factor: float) -> tuple[int, int]:
    """(pool, metadata) in bytes that a brick takes of the device."""
    if device.provisioner == "loop":
        return rounded_up(brick_bytes, device.extent), 0
    pool = rounded_up(int(brick_bytes * factor), device.extent)
    return pool, rounded_up(min(pool // METADATA_SHARE, METADATA_BYTES_MAX), device.extent)


def arbiter_bytes(brick_bytes: int, average_file_bytes: int) -> int:
    """An arbiter keeps no data, an inode for each file."""
    wanted = brick_bytes // max(1, average_file_bytes) * ARBITER_BYTES_PER_FILE
    return min(brick_bytes, max(ARBITER_BYTES_MIN, rounded_up(wanted, LOOP_EXTENT)))


def rounded_up(number: int, to: int) -> int:
    return -(-number // to) * to


def shown(number: int) -> str:
    """
    >>> shown(1536 * MIB), shown(5)
    ('1.5 GiB', '5 bytes')
    """
    for unit, name in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB")):
        if number >= unit:
            return f"{number / unit:.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{number} bytes"


def ring(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Zones take turns, in a zone its peers, of a peer its devices.

    >>> d = lambda i, p, z: Candidate(Device(id=i, peer_id=p, path="/" + i, provisioner="loop"), p, z, 0)
    >>> [c.device.id for c in ring([d("a", "p", "y"), d("b", "p", "y"), d("c", "q", "y"), d("d", "r", "z")])]
    ['a', 'd', 'c', 'b']
    """
    zones: dict[str, dict[str, list[Candidate]]] = {}
    for each in sorted(candidates, key=lambda c: c.device.id):
        zones.setdefault(each.zone, {}).setdefault(each.device.peer_id, []).append(each)
    return in_turns([in_turns([peers[p] for p in sorted(peers)]) for _, peers in sorted(zones.items())])


def in_turns(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    return [each[i] for i in range(max(map(len, lists), default=0)) for each in lists if i < len(each)]


class _Attempt:
    """Bricks of one size, set after set. When one can't be placed, `reasons` says of each device why not."""

    def __init__(
        self, candidates: Sequence[Candidate], wanted: Wanted, brick_bytes: int, new_id: Callable[[], str], emptiest_first: bool
    ) -> None:
        self.candidates, self.wanted, self.brick_bytes = candidates, wanted, brick_bytes
        self._new_id, self._emptiest_first = new_id, emptiest_first
        self._ring = ring([c for c in candidates if not c.rejected])
        self._left = {c.device.id: c.free for c in candidates}
        self._peers: set[str] = set()
        self._zones: set[str] = set()
        self.reasons: dict[str, str] = {c.device.id: c.rejected for c in candidates if c.rejected}
        self.placed = 0

    def sets(self, count: int) -> Sets | None:
        if self._emptiest_first and not self._possible(count):
            return None
        found = []
        for _ in range(count):
            if (spots := self._set()) is None:
                return None
            found.append(spots)
        return tuple(found)

    def _possible(self, count: int) -> bool:
        """Sets of different peers (zones) exist just if each of these gives as many bricks as it can, at most one to a set."""
        if self.wanted.arbiter:
            return True  # not known: its bricks have two sizes
        rooms = self._rooms(self.brick_bytes)
        return sum(min(room, count) for room in rooms.values()) >= count * self.wanted.set_size

    def _set(self) -> tuple[Spot, ...] | None:
        wanted = self.wanted
        self.begin_set(())
        spots = []
        for i in range(wanted.set_size):
            arbiter = wanted.arbiter and i == wanted.set_size - 1
            size = arbiter_bytes(self.brick_bytes, wanted.average_file_bytes) if arbiter else self.brick_bytes
            if (spot := self.brick(size, arbiter)) is None:
                return None
            spots.append(spot)
        return tuple(spots)

    def begin_set(self, others: Sequence[tuple[str, str]]) -> None:
        self._peers, self._zones = {peer for peer, _ in others}, {zone for _, zone in others}

    def brick(self, size: int, arbiter: bool) -> Spot | None:
        identity = self._new_id()
        chosen = self._emptiest(size, arbiter) if self._emptiest_first else self._next_in_ring(identity, size, arbiter)
        if chosen is None:
            self.reasons |= {c.device.id: self._reason(c, size, arbiter) for c in self._ring}
            return None
        pool, metadata = cost(chosen.device, size, self.wanted.snapshot_factor)
        self._left[chosen.device.id] -= pool + metadata
        self._peers.add(chosen.device.peer_id)
        self._zones.add(chosen.zone)
        self.placed += 1
        return Spot(brick=identity, device=chosen.device, size=size, pool=pool, metadata=metadata, arbiter=arbiter)

    def _next_in_ring(self, identity: str, size: int, arbiter: bool) -> Candidate | None:
        """The first that fits, in a zone that the set isn't in yet when there is one."""
        start = int(identity[:START_DIGITS], 16) % len(self._ring) if self._ring else 0
        near = None
        for each in chain(self._ring[start:], self._ring[:start]):
            if self._fits(each, size, arbiter):
                if each.zone not in self._zones:
                    return each
                near = near or each
        return near

    def _emptiest(self, size: int, arbiter: bool) -> Candidate | None:
        rooms = self._rooms(size)
        return min(
            (c for c in self._ring if self._fits(c, size, arbiter)),
            key=lambda c: (-rooms[self._group(c)], c.zone in self._zones, -self._left[c.device.id], c.device.id),
            default=None,
        )

    def _group(self, candidate: Candidate) -> str:
        """What a set may use once: a peer, or a zone."""
        return candidate.zone if self.wanted.strict_zones else candidate.device.peer_id

    def _rooms(self, size: int) -> dict[str, int]:
        """For how many more such bricks each group has room."""
        rooms: dict[str, int] = {}
        for each in self._ring:
            fit = self._left[each.device.id] // max(1, self._needed(each, size))
            rooms[self._group(each)] = rooms.get(self._group(each), 0) + fit
        return rooms

    def _needed(self, candidate: Candidate, size: int) -> int:
        return sum(cost(candidate.device, size, self.wanted.snapshot_factor))

    def _fits(self, candidate: Candidate, size: int, arbiter: bool) -> bool:
        device = candidate.device
        return (
            device.peer_id not in self._peers
            and not (self.wanted.strict_zones and candidate.zone in self._zones)
            and self._left[device.id] >= self._needed(candidate, size)
            and not _tag_says_no(device, arbiter)
        )

    def _reason(self, candidate: Candidate, size: int, arbiter: bool) -> str:
        device = candidate.device
        if said := _tag_says_no(device, arbiter):
            return said
        if device.peer_id in self._peers:
            return f"a brick of the same set is on its peer {candidate.host}"
        if self.wanted.strict_zones and candidate.zone in self._zones:
            return f"a brick of the same set is in its zone {candidate.zone}"
        needed, left = self._needed(candidate, size), self._left[device.id]
        if left < needed:
            given = candidate.free - left
            less = f" (after {shown(given)} for other bricks of this volume)" if given else ""
            return f"{shown(left)} are free{less}, a brick of {shown(size)} takes {shown(needed)}"
        return "it was not enough by itself"


def _tag_says_no(device: Device, arbiter: bool) -> str:
    tag = device.tags.get(ARBITER_TAG, "")
    if arbiter and tag == "disabled":
        return "its tag says that it takes no arbiters"
    return "its tag says that it takes arbiters only" if tag == "required" and not arbiter else ""


def _refusal(wanted: Wanted, tried: Sequence[tuple[int, int]], attempt: _Attempt, what: str = "") -> NoSpace:
    sets, brick_bytes = tried[-1]
    reasons = {c.name: attempt.reasons[c.device.id] for c in attempt.candidates[:REASONS_MAX]}
    told = [f"{name} rejected because {why}" for name, why in list(reasons.items())[:NAMED_MAX]]
    count = len(attempt.candidates)
    more = [f"and {count - NAMED_MAX} more devices"] if count > NAMED_MAX else []
    bricks = what or f"{sets * wanted.set_size} bricks of {shown(brick_bytes)} ({sets} x {wanted.set_size})"
    before = f", nor larger bricks in {len(tried) - 1} other ways" if len(tried) > 1 else ""
    message = f"No space: {bricks} can't be placed, {attempt.placed} of them can{before}"
    if what:
        message = f"No space: {what} can't be placed"
    return NoSpace(
        "; ".join([message, *(told or ["there are no devices"]), *more]),
        hint=_hint(wanted, attempt, bool(told)),
        fields={"devices": reasons},
    )


def _hint(wanted: Wanted, attempt: _Attempt, any_device: bool) -> str:
    if not any_device:
        return "add one: gd2 device add PEER PATH"
    usable = [c for c in attempt.candidates if not c.rejected]
    peers, zones = {c.device.peer_id for c in usable}, {c.zone for c in usable}
    if len(peers) < wanted.set_size:
        return f"a set needs devices on {wanted.set_size} peers, {len(peers)} have a usable one: gd2 device list"
    if wanted.strict_zones and len(zones) < wanted.set_size:
        return f"a set needs devices in {wanted.set_size} zones, {len(zones)} have a usable one: gd2 device list, or leave the zones out"
    return "add a device, or ask for less: gd2 device list shows what is free"


def usable(device: Device, online: bool) -> str:
    """Why a device gets no new bricks at all; "" when it does."""
    if device.state is not State.ONLINE:
        return f"it is {device.state.value}"
    return "" if online else "its peer is not online"
