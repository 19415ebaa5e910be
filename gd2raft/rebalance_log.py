"""Whether a rebalance process looked for directories where all of them are. It must not know jobs, nor who runs the process.

GlusterFS's rebalance lists every directory on one set of bricks only: on that which it found first, by the time in whole seconds, and
of those in the same second on the first of the volume. So a process whose connections came to be on both sides of a second may list the
set that was added last. Directories are made there as somebody looks them up: those that nobody has used since are not there, their files
stay where they were, and the process says "completed" with no failure. glusterd doesn't notice. The log tells which set was found when.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

BEFORE_BYTES, AFTER_BYTES = 1 << 18, 1 << 20
"""Of a log, around where it was when the process was seen first: it begins before, and connects within milliseconds."""
LATE_S = 0.05
"""So much later than it is told a connection may be counted, on a busy machine ..."""
COARSE_S = 0.02
"""... and by a clock that is so much behind: time(2) ticks with the kernel, up to 10 ms."""

STARTED = "Pid of current running process is {pid}\n"
CONNECTED = re.compile(
    r"^\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) \+0000\] .*-client-(?P<index>\d+): Connected, attached to remote volume", re.M
)
CRAWLS = re.compile(r"^\[(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) \+0000\] .* gf_defrag_start_crawl using commit hash", re.M)


def size_of(path: str) -> int:
    """Bytes; 0 when there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def part_of(path: str, at: int) -> str:
    """What was written around offset `at`; "" when it can't be read."""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, at - BEFORE_BYTES))
            return file.read(BEFORE_BYTES + AFTER_BYTES).decode(errors="replace")
    except OSError:
        return ""


def lists_the_first_set(log: str, pid: int, sets: Sequence[Sequence[int]]) -> bool | None:
    """`sets`: of distribute, in the volume's order, each by the indexes of its bricks. None when the log doesn't say.

    In doubt, within some milliseconds of a second's end, it is False. A set of copies counts from when all its bricks were found, or at the
    latest from when the crawl began.

    >>> line = "[2026-01-01 00:00:{}.{} +0000] I [x] 0-v-client-{}: Connected, attached to remote volume [{{}}]\\n".format
    >>> log = "Pid of current running process is 7\\n{}{}[2026-01-01 00:00:02.9 +0000] I [x] 0-: gf_defrag_start_crawl using commit hash 1\\n"
    >>> lists_the_first_set(log.format(line("01", 5, 1), line("01", 6, 0)), 7, [[0], [1]])
    True
    >>> lists_the_first_set(log.format(line("01", 99, 1), line("02", "01", 0)), 7, [[0], [1]])
    False
    """
    started = log.rfind(STARTED.format(pid=pid))
    crawls = CRAWLS.search(log, max(started, 0))
    if started < 0 or crawls is None:
        return None
    found = {int(m["index"]): seconds(m["at"]) for m in CONNECTED.finditer(log, started, crawls.start())}
    first, *others = sets
    counted = max(found[index] for index in first) if found.keys() >= set(first) else seconds(crawls["at"])
    rivals = [max(times) for other in others if (times := [found[index] for index in other if index in found])]
    return math.floor(counted + LATE_S) <= min((math.floor(at - COARSE_S) for at in rivals), default=math.inf)


def seconds(at: str) -> float:
    """Since the epoch."""
    return datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
