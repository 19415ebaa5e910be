"""A line on a terminal while a request takes long, so that nobody wonders whether it hangs. Nothing at all anywhere else."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

FIRST_S, EVERY_S = 1.5, 1.0


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """`what`: the command, e.g. "volume start"."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(what, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(1.0)


def _show(what: str, done: threading.Event) -> None:
    began = time.monotonic()
    if done.wait(FIRST_S):
        return
    with contextlib.suppress(OSError, ValueError):
        while True:
            print(f"\r{what}: {time.monotonic() - began:.0f} s ...", end="", file=sys.stderr, flush=True)
            if done.wait(EVERY_S):
                break
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
