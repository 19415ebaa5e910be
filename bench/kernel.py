"""What the kernel says of processes and of this machine: processor time, memory, and whether so many processes have room.

This file must not know what is measured.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def available_mib() -> float:
    """What processes of this machine could still take."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("MemAvailable"))) / 1024


def why_no_room(who: str, needed_mib: float, needed_pids: int, hint: str = "") -> str | None:
    """Why so much must not be started here, in one line for a person; `hint`: what may help when it is memory."""
    available = available_mib()
    if needed_mib > 0.9 * available:
        return f"{who} need about {needed_mib / 1024:.1f} GiB of memory, {available / 1024:.1f} are free{hint}"
    pids = int(Path("/proc/sys/kernel/pid_max").read_text()) - sum(entry.isdigit() for entry in os.listdir("/proc"))
    if needed_pids > pids:
        return f"{who} need about {needed_pids} process ids, {pids} are free (kernel.pid_max)"
    return None


def cpu_s(pids: Iterable[int]) -> float:
    """Time on a core of these so far, precise to the nanosecond (jiffies undercount short turns). Those that have ended count nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pss_mib(pids: Iterable[int]) -> list[float]:
    """Of each: a page that several processes share counts in parts. Those that have ended are left out."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found.append(int(next(line.split()[1] for line in lines if line.startswith("Pss:"))) / 1024)
    return found
