"""Devices and placements as text for people. PURE."""

from __future__ import annotations

from typing import Any

from gd2cli.tables import Cell, Paint, size, table

STYLES = {"online": "good", "offline": "warn", "failed": "bad"}


def device_table(found: list[dict[str, Any]], paint: Paint) -> str:
    if not found:
        return "there are no devices: gd2 device add PEER PATH"
    heads = ["ID", "Device", "Provisioner", "State", "Size", "Free", "Bricks", "Zone"]
    rows = [
        [
            d["id"],
            f"{d['host']}:{d['device']}",
            d["provisioner"],
            Cell(d["state"], STYLES.get(d["state"], "")),
            size(d["size"]["capacity"]),
            free_cell(d),
            len(d["bricks"]),
            zone_text(d),
        ]
        for d in found
    ]
    return table(heads, rows, paint)


def free_cell(device: dict[str, Any]) -> str | Cell:
    """By the book, with what of it is not there."""
    free, short = size(device["size"]["free"]), int(device.get("short", 0))
    return Cell(f"{free} ({size(short)} missing)", "bad") if short else free


def device_text(device: dict[str, Any], paint: Paint) -> str:
    sizes = device["size"]
    lines = [
        f"Device:      {device['host']}:{device['device']}",
        f"ID:          {device['id']}",
        f"Provisioner: {device['provisioner']}",
        "State:       " + paint(STYLES.get(device["state"], ""), device["state"]),
        f"Size:        {size(sizes['capacity'])}, used {size(sizes['used'])}, free {size(sizes['free'])}",
        f"Tags:        {tags_text(device['tags']) or '-'}",
    ]
    short = int(device.get("short", 0))
    lines += ["Missing:     " + paint("bad", f"{size(short)} of its size: its file system has less than the book says")] if short else []
    lines += [f"Note:        {device['note']}"] if device["note"] else []
    rows = [[b["id"], b["volume"], size(b["size"]), b["path"], "leaving" if b["leaving"] else ""] for b in device["bricks"]]
    return "\n".join(lines) + ("\n\n" + table(["Brick", "Volume", "Size", "Path", ""], rows, paint) if rows else "")


def tags_text(found: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in found.items())


def placement_text(plan: dict[str, Any], paint: Paint) -> str:
    """Where the bricks of a volume would go."""
    rows = [
        [number, f"{b['host']}:{b['device-path'] or b['path']}", size(b["size"]) if b["size"] else "-", b["type"], zone_text(b)]
        for number, bricks in enumerate(plan["sets"], 1)
        for b in bricks
    ]
    return f"volume {plan['name']} would be made so; nothing was done\n" + table(["Set", "Device", "Size", "Type", "Zone"], rows, paint)


def zone_text(thing: dict[str, Any]) -> str:
    """ "-": a zone of its own."""
    return "-" if thing["zone"] == thing["peer-id"] else str(thing["zone"])
