"""What the pool's books say of its devices, what lies on the disks, and where the two differ. This file must not know what was done to them.

Books: `GET /v1/devices` and `GET /v1/volumes`. Disks: image files in the devices' folders, mounts in the peers' mount tables, and the kernel's
loop devices, which say which file a mount really reads and writes.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.namespaces import Host

LOOPS = Path("/sys/block")


class Disk(NamedTuple):
    """A device's folder. `images`: name of file -> bytes. `mounts`: mount point -> file that is behind it."""

    images: Mapping[str, int]
    mounts: Mapping[str, str]


def backing_files() -> dict[str, str]:
    """/dev/loopN -> its file, of the whole machine."""
    found = {}
    for path in LOOPS.glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            found[f"/dev/{path.parent.parent.name}"] = path.read_text().strip()
    return found


def look(host: Host, folders: Iterable[Path]) -> dict[str, Disk]:
    """Folder -> what is there, for the folders of one host's devices. A mount whose file is in none of them is under ""."""
    backing, table = backing_files(), [line.split() for line in Path(f"/proc/{host.pid}/mounts").read_text().splitlines()]
    mounts = {point: backing.get(source, "nothing") for source, point, *_ in table if source.startswith("/dev/loop")}
    ours = {point: file for point, file in mounts.items() if point.startswith(f"{host.folder}/")}
    found = {
        str(folder): Disk(
            {e.name: e.stat().st_size for e in os.scandir(folder) if ".img" in e.name},
            {point: file for point, file in ours.items() if Path(file).parent == folder},
        )
        for folder in folders
    }
    known = {point for disk in found.values() for point in disk.mounts}
    return {**found, "": Disk({}, {point: file for point, file in ours.items() if point not in known})}


def loops_below(folder: Path) -> list[str]:
    """Files below the folder that loop devices hold, removed ones too."""
    return sorted(file for file in backing_files().values() if file.startswith(f"{folder}/"))


def sums(devices: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the books alone: they hold at any moment."""
    found = []
    for device in devices:
        size, taken = device["size"], sum(brick["taken"] for brick in device["bricks"])
        if size["used"] != taken or size["free"] != size["capacity"] - taken or taken > size["capacity"]:
            found.append(f"{name_of(device)}: {size['capacity']} bytes, bricks have {taken}, used {size['used']}, free {size['free']}")
    counts = Counter(brick["id"] for device in devices for brick in device["bricks"])
    return [*found, *(f"brick {brick} has space twice" for brick, times in counts.items() if times > 1)]


def differences(
    devices: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], disks: Mapping[str, Mapping[str, Disk]]
) -> list[str]:
    """Every difference between the books, the volumes and the disks (host -> folder -> Disk) of a pool at rest."""
    found = sums(devices)
    for device in devices:
        found += [f"{name_of(device)}: {text}" for text in _of_device(device, disks[device["host"]][device["device"]])]
    for host, folders in disks.items():
        found += [f"{host}: {point} is a mount of {file}, which is no device's" for point, file in folders[""].mounts.items()]
    booked = {(d["peer-id"], b["path"]): (b["volume"], b["size"]) for d in devices for b in d["bricks"]}
    served = {(b["peer-id"], b["path"]): v["name"] for v in volumes for s in v["subvols"] for b in s["bricks"]}
    found += [f"brick {path} of volume {served[peer, path]} has no space" for peer, path in served.keys() - booked.keys()]
    found += [
        f"space of {path} is held for {booked[peer, path][0]}, which has no such brick" for peer, path in booked.keys() - served.keys()
    ]
    return found + [
        f"space of {path} is booked for {booked[peer, path][0]}, but is volume {name}'s"
        for (peer, path), name in served.items()
        if (peer, path) in booked and booked[peer, path][0] != name
    ]


def _of_device(device: Mapping[str, Any], disk: Disk) -> Iterator[str]:
    booked = {f"{brick['id'].replace('-', '')}.img": brick for brick in device["bricks"]}
    yield from (f"{name} is on the disk and not in the books" for name in disk.images.keys() - booked.keys())
    yield from (f"{name} is in the books and not on the disk" for name in booked.keys() - disk.images.keys())
    for name in booked.keys() & disk.images.keys():
        if disk.images[name] != booked[name]["taken"]:
            yield f"{name} has {disk.images[name]} bytes, the books say {booked[name]['taken']}"
    wanted = {brick["path"].rpartition("/")[0]: f"{device['device']}/{name}" for name, brick in booked.items()}
    for point in wanted.keys() | disk.mounts.keys():
        if wanted.get(point) != disk.mounts.get(point):
            yield f"{point} should be a mount of {wanted.get(point, 'nothing')}, and is one of {disk.mounts.get(point, 'nothing')}"


def name_of(device: Mapping[str, Any]) -> str:
    return f"{device['host']}:{device['device']}"
