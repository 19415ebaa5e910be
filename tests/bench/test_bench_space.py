"""`bench space`: its comparison of books and disks finds what it is for. A run with daemons is no test here: it takes too long on a busy machine.

What it does in large, tests/e2e/test_e2e_devices.py does in small.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from bench.space import books, run, volumes
from bench.space.books import Disk

GIB = 1 << 30
Json = dict[str, Any]


@pytest.mark.fast
@pytest.mark.parametrize("arguments", [["--volumes", "0"], ["--gib", "4"], ["--every", "0"], ["--seed", "x"], ["--clients", "9"]])
def test_what_can_not_be_done_is_said_at_once(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run.main(arguments)
    assert caught.value.code == 2 and arguments[0] in capsys.readouterr().err


@pytest.mark.fast
def test_wishes_have_all_shapes_and_sizes_to_the_byte() -> None:
    wishes = [volumes.wish("7", number) for number in range(200)]
    assert {wish.shape for wish in wishes} == {name for name, _, _ in volumes.SHAPES}
    assert len({wish.size for wish in wishes}) == 200 and all(wish.size >= GIB for wish in wishes)
    assert 0 < sum(wish.started for wish in wishes) < sum(wish.more > 0 for wish in wishes) < 200


def brick(identity: str, size: int = GIB, volume: str = "v") -> Json:
    return {"id": identity, "path": f"/state/mounts/{identity}/brick", "volume": volume, "size": size, "taken": size, "leaving": False}


def pool() -> tuple[list[Json], list[Json], dict[str, dict[str, Disk]]]:
    """Devices, volumes and disks of a pool of two peers in which all is well."""
    devices = [
        {
            "id": host,
            "peer-id": f"id-{host}",
            "host": host,
            "device": "/disk",
            "size": {"capacity": 4 * GIB, "used": GIB, "free": 3 * GIB},
            "bricks": [brick(f"b{host}")],
        }
        for host in ("one", "two")
    ]
    bricks = [{"peer-id": d["peer-id"], "path": d["bricks"][0]["path"]} for d in devices]
    disks = {
        host: {"/disk": Disk({f"b{host}.img": GIB}, {f"/state/mounts/b{host}": f"/disk/b{host}.img"}), "": Disk({}, {})}
        for host in ("one", "two")
    }
    return devices, [{"name": "v", "subvols": [{"bricks": bricks}]}], disks


def lose_image(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    disks["one"]["/disk"] = disks["one"]["/disk"]._replace(images={})


def leave_image(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    disks["two"]["/disk"] = disks["two"]["/disk"]._replace(images={"btwo.img": GIB, "old.img": GIB})


def leave_draft(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    disks["two"]["/disk"] = disks["two"]["/disk"]._replace(images={"btwo.img": GIB, "x.img.new": GIB})


def shorten_image(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    disks["one"]["/disk"] = disks["one"]["/disk"]._replace(images={"bone.img": GIB - 4096})


def mount_another(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    disks["one"]["/disk"] = disks["one"]["/disk"]._replace(mounts={"/state/mounts/bone": "/disk/other.img"})


def mount_a_stranger(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    disks["one"][""] = Disk({}, {"/state/mounts/x": "/elsewhere/x.img"})


def forget_space(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    devices[0]["bricks"], devices[0]["size"] = [], {"capacity": 4 * GIB, "used": 0, "free": 4 * GIB}
    disks["one"]["/disk"] = Disk({}, {})


def keep_space(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    there[0]["subvols"][0]["bricks"].pop()


def give_twice(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    devices[1]["bricks"] = copy.deepcopy(devices[0]["bricks"])


def give_too_much(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    devices[0]["size"]["capacity"] = GIB // 2


def lose_bytes(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    devices[0]["size"]["free"] -= 4096


def mix_up(devices: list[Json], there: list[Json], disks: dict[str, dict[str, Disk]]) -> None:
    devices[0]["bricks"][0]["volume"] = "w"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lose_image, "one:/disk: bone.img is in the books and not on the disk"),
        (leave_image, "two:/disk: old.img is on the disk and not in the books"),
        (leave_draft, "two:/disk: x.img.new is on the disk and not in the books"),
        (shorten_image, f"one:/disk: bone.img has {GIB - 4096} bytes, the books say {GIB}"),
        (mount_another, "one:/disk: /state/mounts/bone should be a mount of /disk/bone.img, and is one of /disk/other.img"),
        (mount_a_stranger, "one: /state/mounts/x is a mount of /elsewhere/x.img, which is no device's"),
        (forget_space, "brick /state/mounts/bone/brick of volume v has no space"),
        (keep_space, "space of /state/mounts/btwo/brick is held for v, which has no such brick"),
        (give_twice, "brick bone has space twice"),
        (give_too_much, f"one:/disk: {GIB // 2} bytes, bricks have {GIB}, used {GIB}, free {3 * GIB}"),
        (lose_bytes, f"one:/disk: {4 * GIB} bytes, bricks have {GIB}, used {GIB}, free {3 * GIB - 4096}"),
        (mix_up, "space of /state/mounts/bone/brick is booked for w, but is volume v's"),
    ],
)
def test_a_difference_between_books_and_disks_is_found(
    spoil: Callable[[list[Json], list[Json], dict[str, dict[str, Disk]]], None], told: str
) -> None:
    devices, there, disks = pool()
    assert books.differences(devices, there, disks) == []
    spoil(devices, there, disks)
    assert told in books.differences(devices, there, disks)
