"""What glfsheal prints, as data. PURE.

It prints a paragraph for each brick: "Brick HOST:PATH", entries or counts, "Status: ...", and totals. (Its XML form can't be had
together with a volfile of ours.) A file name with a line break in it comes out as two entries; their state is right all the same.
"""

from __future__ import annotations

import re
from typing import Any

PENDING, SPLIT_BRAIN, HEALING = "heal-pending", "split-brain", "possibly-healing"
CONNECTED = "Connected"
_MARKS = {" - Is in split-brain": SPLIT_BRAIN, " - Possibly undergoing heal": HEALING}
_COUNTS = {
    "Total Number of entries": "total-entries",
    "Number of entries": "total-entries",
    "Number of entries in heal pending": PENDING,
    "Number of entries in split-brain": SPLIT_BRAIN,
    "Number of entries possibly healing": HEALING,
}
_COUNT = re.compile(r"((?:Total )?Number of entries[a-z -]*): (-|[0-9]+)")


def report_of(text: str, listed: str = PENDING) -> list[dict[str, Any]]:
    """One map for each brick, in the volume's order: `brick` (HOST:PATH), `connected`, `status`, counts (None: not known), `entries`.

    `listed`: state of entries without a mark (a list of split-brains doesn't mark them).

    >>> report_of("Brick n1:/b\\n/f - Is in split-brain\\n\\nStatus: Connected\\nNumber of entries: 1\\n")[0]["entries"]
    [{'path': '/f', 'state': 'split-brain'}]
    """
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if line.startswith("Brick ") and (not found or found[-1]["status"]):
            found.append({"brick": line[len("Brick ") :], "connected": False, "status": "", "total-entries": None, "entries": []})
        elif found:
            _read(found[-1], line, listed)
    return found


def _read(brick: dict[str, Any], line: str, listed: str) -> None:
    if line.startswith("Status: "):
        brick["status"] = line[len("Status: ") :]
        brick["connected"] = brick["status"] == CONNECTED
    elif match := _COUNT.fullmatch(line):
        brick[_COUNTS.get(match[1], match[1])] = None if match[2] == "-" else int(match[2])
    elif line.strip():
        brick["entries"].append(_entry(line, listed))


def _entry(line: str, listed: str) -> dict[str, str]:
    for mark, state in _MARKS.items():
        if line.endswith(mark):
            return {"path": line[: -len(mark)], "state": state}
    return {"path": line.rstrip(), "state": listed}
