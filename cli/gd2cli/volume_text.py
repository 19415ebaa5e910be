"""How volumes look to people: as `gluster volume info` and `gluster volume status` print them. PURE."""

from __future__ import annotations

from typing import Any

from gd2cli.problems import clean
from gd2cli.tables import Cell, Paint, size, table

TYPES = {"Dist-Replicate": "Distributed-Replicate", "Dist-Disperse": "Distributed-Disperse"}
STATE_STYLES = {"Started": "good", "Stopped": "warn"}


def volumes_text(volumes: list[dict[str, Any]], paint: Paint) -> str:
    return "\n\n".join(volume_text(v, paint) for v in volumes)


def volume_text(volume: dict[str, Any], paint: Paint) -> str:
    """In gluster's order, so that what people and scripts look for is where it was."""
    bricks = [b for s in volume["subvols"] for b in s["bricks"]]
    thin = next((s["thin-arbiter"] for s in volume["subvols"] if s.get("thin-arbiter")), "")
    before = [
        f"Volume Name: {volume['name']}",
        f"Type: {TYPES.get(volume['type'], volume['type'])}",
        f"Volume ID: {volume['id']}",
    ]
    status = f"Status: {paint(STATE_STYLES.get(volume['state'], ''), clean(volume['state']))}"
    after = [
        f"Snapshot Count: {len(volume.get('snap-list') or [])}",
        f"Number of Bricks: {brick_count(volume)}",
        f"Transport-type: {volume['transport']}",
        "Bricks:",
        *(f"Brick{i}: {brick_name(b)}{' (arbiter)' if b['type'] == 'Arbiter' else ''}" for i, b in enumerate(bricks, 1)),
        *([f"Thin-arbiter-path: {thin}"] if thin else []),
        "Options Reconfigured:",
        *(f"{name}: {value}" for name, value in volume["options"].items()),
    ]
    return "\n".join([*map(clean, before), status, *map(clean, after)])


def brick_count(volume: dict[str, Any]) -> str:
    """How many sets of how many bricks: 2 x (2 + 1) = 6."""
    subvols = volume["subvols"]
    total = sum(len(s["bricks"]) for s in subvols)
    first = subvols[0]
    if first["type"] == "Distribute":
        return str(total)
    per_set = len(first["bricks"])
    special = sum(b["type"] == "Arbiter" for b in first["bricks"]) or int(first.get("disperse-redundancy-count", 0))
    shape = f"({per_set - special} + {special})" if special else str(per_set)
    return f"{len(subvols)} x {shape} = {total}"


def brick_name(brick: dict[str, Any]) -> str:
    host = brick["host"] or brick["peer-id"]
    return f"[{host}]:{brick['path']}" if ":" in host else f"{host}:{brick['path']}"


def status_text(name: str, bricks: list[dict[str, Any]], services: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[f"Brick {brick_name(b['info'])}", *process_cells(b)] for b in bricks]
    rows += [[f"{s['name']} on {s['host']}", *process_cells({**s, "port": "N/A"})] for s in services if s["name"]]
    return f"Status of volume: {clean(name)}\n" + table(["Gluster process", "Port", "Online", "Pid"], rows, paint)


TASKS = {"rebalance": "Rebalance", "remove-brick": "Remove brick"}
OVER = ("stopped", "committed")
"""Tasks of which gluster shows nothing any more either."""


def tasks_text(name: str, jobs: list[dict[str, Any]]) -> str:
    """Line by line as gluster 10 shows what a volume is busy with, or was busy with last (without its spaces at the ends of lines)."""
    head = [f"Task Status of Volume {clean(name)}", "-" * 78]
    blocks = ["\n".join(task_lines(job)) for job in jobs if job["status"] not in OVER]
    return "\n".join([*head, "\n\n".join(blocks) or "There are no active volume tasks"])


def task_lines(job: dict[str, Any]) -> list[str]:
    removed = ["Removed bricks:", *map(clean, job["bricks"])] if job["bricks"] else []
    return [
        f"{'Task':<20} : {TASKS.get(job['kind'], clean(job['kind']))}",
        f"{'ID':<20} : {clean(job['id'])}",
        *removed,
        f"{'Status':<20} : {clean(job['status'])}",
    ]


def process_cells(process: dict[str, Any]) -> list[Any]:
    online = bool(process["online"])
    if not process.get("known", True):  # its peer's daemon doesn't answer; the brick may well run
        return ["?", Cell("?", "bad"), "?"]
    cell = Cell("Y", "good") if online else Cell("N", "bad")
    return [process["port"] if online else "N/A", cell, process["pid"] if online else "N/A"]


def detail_text(name: str, bricks: list[dict[str, Any]], paint: Paint) -> str:
    rows = [[f"Brick {brick_name(b['info'])}", *process_cells(b), *disk_cells(b)] for b in bricks]
    heads = ["Gluster process", "Port", "Online", "Pid", "File system", "Device", "Free", "Size", "Mount options"]
    return f"Status of volume: {clean(name)}\n" + table(heads, rows, paint)


def disk_cells(brick: dict[str, Any]) -> list[Any]:
    if not brick.get("fs-type"):
        return ["N/A"] * 5
    space = brick.get("size") or {}
    return [brick["fs-type"], brick.get("device", ""), size(space.get("free")), size(space.get("capacity")), brick.get("mount-opts", "")]
