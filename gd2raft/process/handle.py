"""One running process, child or not, held by a pidfd: told of its end, signalled and reaped without ever meeting a reused pid.

Knows nothing of what the process is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from gd2raft.process import procfs
from gd2raft.process.command import CommandLine


class Handle:
    """A live process. `on_end` is called on the loop, once, when it has ended (then `ended` is True and it is reaped)."""

    def __init__(self, pid: int, pidfd: int, line: CommandLine, on_end: Callable[[], None]) -> None:
        self.pid, self.line = pid, line
        self.ended = False
        self.exit_code: int | None = None
        """As subprocess has it: negative for a signal. None while it runs, and for one that wasn't our child."""
        self._pidfd = pidfd
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._readable)

    def signal(self, number: signal.Signals) -> None:
        """To this process and no other; nothing when it has ended."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def release(self) -> None:
        """Lets go of it; it keeps running."""
        if not self.ended:
            self.ended = True
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)

    def _readable(self) -> None:
        with contextlib.suppress(ChildProcessError):
            if result := os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG):
                self.exit_code = result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
        self.release()
        self._on_end()


def open_verified(pid: int, fits: Callable[[CommandLine], bool]) -> tuple[int, CommandLine] | None:
    """A pidfd of `pid` and its command line, if that fits; the caller closes it. None otherwise.

    The pidfd is opened first: what is then read from /proc was this process, if it still lives afterwards.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    line = procfs.command_line_of(pid)
    if line is not None and fits(line) and _alive(pidfd):
        return pidfd, line
    os.close(pidfd)
    return None


def describe_exit(code: int | None) -> str:
    """An exit code in words.

    >>> describe_exit(-9), describe_exit(15), describe_exit(None)
    ('killed by SIGKILL', 'ended by SIGTERM', 'ended')
    """
    if code is None:
        return "ended"
    if code == signal.SIGTERM:  # glusterfsd catches it and exits with its number
        return "ended by SIGTERM"
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def _alive(pidfd: int) -> bool:
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    return True
