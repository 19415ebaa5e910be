"""Devices: what peers have to make bricks from, and who has how much of it, as records. PURE.

A device is a disk (provisioner lvm) or a folder of files (loop) of one peer. A brick that was placed by size holds a Space of its
device: a claim of its own, made in the commit that begins the command, so that two commands can't give the same bytes away. What is free is
never stored: it is the device's size less its spaces. A space that is `leaving` belongs to nobody any more, but its file or logical volume is
still there: the peer takes that away, then deletes the record. So the books say what the disks say, whoever dies in between.
Names and keys: docs/design/placement.md.

Keys:
    devices/ID              Device;     guard key: devices
    space/DEVICE-ID/BRICK   Space;      guard key: space/DEVICE-ID
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from gd2raft.core import model, plan
from gd2raft.core.model import Record

Provisioner = Literal["lvm", "loop"]
NAME_PATTERN = r"/[a-zA-Z0-9_.:/-]+"
"""heketi's, of a device."""
BRICK_FOLDER = "brick"
LOOP_EXTENT = 4096


class State(enum.Enum):
    """offline: gets no new bricks. failed: its bricks are moved to others as well."""

    ONLINE = "online"
    OFFLINE = "offline"
    FAILED = "failed"


class Device(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`id`: 32 hex digits. `path`: /dev/NAME (lvm), a folder (loop). Sizes in bytes; `extent`: what is given out is a multiple of it.

    `asked`: the size that it was to have, 0: as much as there is. `short`: bytes of the size that the file system of a folder doesn't have any more,
    since others fill it, say; 0 when it is little (storage.py). `mounts`: the peer's folder under which it mounts bricks. `note`: why bricks of a failed device could not be moved yet.
    """

    id: str
    peer_id: str
    path: str
    provisioner: Provisioner
    size: int = 0
    extent: int = LOOP_EXTENT
    asked: int = 0
    short: int = 0
    mounts: str = ""
    state: State = State.ONLINE
    tags: dict[str, str] = {}
    note: str = ""


class Space(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a brick has of a device. Bytes: `size` of its file system, `pool` of the thin pool below it, `metadata` of that pool (lvm only).

    `brick`: id of the brick; `path`: of the brick, a folder in the file system. `leaving`: the brick is gone from its volume. `filling`: it took
    another's place, and self-heal hasn't filled it yet, so that nothing can be filled from it.
    """

    brick: str
    volume: str
    path: str
    size: int
    pool: int
    metadata: int = 0
    arbiter: bool = False
    leaving: bool = False
    filling: bool = False

    @property
    def taken(self) -> int:
        return self.pool + self.metadata


def hex_of(identity: str) -> str:
    """A UUID as heketi writes ids.

    >>> hex_of("8f1274b3-fe82-4b68-abd1-f5ce10f68c2b")
    '8f1274b3fe824b68abd1f5ce10f68c2b'
    """
    return identity.replace("-", "")


def device_key(device_id: str) -> str:
    return f"{model.DEVICES}{device_id}"


def space_prefix(device_id: str) -> str:
    return f"{model.SPACES}{device_id}/"


def space_key(device_id: str, brick_id: str) -> str:
    return f"{space_prefix(device_id)}{hex_of(brick_id)}"


def brick_path(device: Device, brick_id: str) -> str:
    return f"{device.mounts}/{hex_of(brick_id)}/{BRICK_FOLDER}"


def find(view: model.View, device_id: str) -> Device | None:
    item = view.reader.get(device_key(device_id))
    return None if item is None else model.load(device_key(device_id), item.value, Device)


def all_devices(view: model.View) -> list[Device]:
    """By id."""
    return [model.load(key, item.value, Device) for key, item in view.reader.list(model.DEVICES)]


def of_peer(view: model.View, peer_id: str) -> list[Device]:
    return [device for device in all_devices(view) if device.peer_id == peer_id]


def spaces(view: model.View, device_id: str) -> list[Space]:
    return [model.load(key, item.value, Space) for key, item in view.reader.list(space_prefix(device_id))]


def is_filling(view: model.View, brick: model.Brick) -> bool:
    key = space_key(brick.device, brick.id)
    item = view.reader.get(key) if brick.device else None
    return item is not None and model.load(key, item.value, Space).filling


def used(held: Iterable[Space]) -> int:
    return sum(space.taken for space in held)


def free(device: Device, held: Iterable[Space]) -> int:
    return max(0, device.size - used(held))


# changes


def claim(device_id: str, space: Space) -> plan.Change:
    return plan.Change(space_key(device_id, space.brick), msgspec.to_builtins(space))


def given_back(view: model.View, bricks: Iterable[model.Brick]) -> tuple[plan.Change, ...]:
    """The spaces of bricks that leave their volume: their peers take them apart."""
    return tuple(_leaving(view, bricks))


def _leaving(view: model.View, bricks: Iterable[model.Brick]) -> Iterator[plan.Change]:
    for brick in bricks:
        if not brick.device:
            continue
        key = space_key(brick.device, brick.id)
        if (item := view.reader.get(key)) is not None:
            yield plan.put(view, key, msgspec.structs.replace(model.load(key, item.value, Space), leaving=True, filling=False))


def gone_with(view: model.View, peer_id: str) -> tuple[plan.Change, ...]:
    """Changes that forget the devices of a peer that leaves the pool, and what was still to be taken apart there."""
    found = of_peer(view, peer_id)
    held = [key for device in found for key, _ in view.reader.list(space_prefix(device.id))]
    return tuple(plan.delete(key) for key in (*(device_key(device.id) for device in found), *held))


def check(view: model.View) -> None:
    """Assert what always holds: nothing is given away twice, no brick is without its space, and no space without its device."""
    found = {device.id: device for device in all_devices(view)}
    held = {key: model.load(key, item.value, Space) for key, item in view.reader.list(model.SPACES) if key.count("/") == 2}
    for device in found.values():
        assert used(spaces(view, device.id)) <= device.size, f"more of device {device.id} is given away than it has"
    assert {key.split("/")[1] for key in held} <= found.keys(), "a space of a device that is not there"
    assert len({space.brick for space in held.values()}) == len(held), "a brick has two spaces"
    for volume in view.volumes():
        for brick in volume.with_joining().bricks():
            if brick.device:
                space = held.get(space_key(brick.device, brick.id))
                assert space is not None and not space.leaving, f"brick {brick.id} of {volume.name} has no space"
                assert (space.path, space.size, space.volume) == (brick.path, brick.size, volume.name), (
                    f"another space than brick {brick.id}'s"
                )
