"""The kernel's same-page merging (KSM), for a machine that carries many copies of one program. It must not know which.

Processes ask for it (prctl) and their children inherit that; the kernel then looks for equal pages only while it is told to. What it
saves is real memory, but of this experiment: an administrator's machine runs one daemon. So a table has to say when it was used.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Iterator
from pathlib import Path

CONTROL = Path("/sys/kernel/mm/ksm")
PR_SET_MEMORY_MERGE = 67
SETTINGS = {"smart_scan": "0", "pages_to_scan": "20000", "sleep_millisecs": "10"}
BEHIND_THE_SCENES = {"pages_to_scan": "4000", "sleep_millisecs": "20"}
"""While daemons start: about a fifth of a core, so that memory doesn't run out meanwhile."""
STOP, RUN, TAKE_APART = "0", "1", "2"


def why_not() -> str | None:
    if not (CONTROL / "run").exists():
        return "this kernel has no KSM"
    try:
        with (CONTROL / "run").open("r+"):
            return None
    except OSError as error:
        return f"KSM can't be switched on: {error.strerror}"


def ask_for_it() -> None:
    """For this process and the children that it will have. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_MEMORY_MERGE")


@contextlib.contextmanager
def switched_on() -> Iterator[None]:
    """The kernel looks for equal pages, slowly; after it everything is set as before, and pages merged meanwhile are taken apart."""
    before = {name: (CONTROL / name).read_text() for name in ("run", *SETTINGS)}
    _set({**SETTINGS, **BEHIND_THE_SCENES, "run": RUN})
    try:
        yield
    finally:
        if before["run"].strip() != RUN:
            _set({"run": TAKE_APART})
        _set(before)


def merge(seconds: float, scans: int = 4) -> float:
    """Look at all pages `scans` times (what stays equal between two looks is merged by the next), but no longer than `seconds`, then stop looking (merged pages stay so): the seconds it took."""
    began, first = time.monotonic(), _full_scans()
    _set({**SETTINGS, "run": RUN})
    while _full_scans() < first + scans and time.monotonic() - began < seconds:
        time.sleep(0.1)
    stop()
    return time.monotonic() - began


def stop() -> None:
    """Look no more: what is measured now has no ksmd beside it."""
    _set({"run": STOP})


def _full_scans() -> int:
    return int((CONTROL / "full_scans").read_text())


def _set(values: dict[str, str]) -> None:
    for name, value in values.items():
        (CONTROL / name).write_text(value)
