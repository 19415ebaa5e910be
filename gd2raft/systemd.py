"""What systemd wants to hear of a service of Type=notify: ready, stopping, and that it is alive (sd_notify(3), sd_watchdog_enabled(3)).

Datagrams on the socket that NOTIFY_SOCKET names; without it, nothing. It must not know what the daemon does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import MutableMapping

PINGS_PER_PERIOD = 3
"""systemd's advice is two: one late tick of a busy event loop must not look like a hang."""
MICROSECONDS = 1_000_000


class Supervisor:
    """systemd, when it started this process. `address`: of its socket, "" for none; `watchdog_s`: how long it bears silence, 0 for ever.

    >>> Supervisor("", 0.0).say("READY=1")
    False
    """

    def __init__(self, address: str, watchdog_s: float) -> None:
        self.address, self.watchdog_s = address, watchdog_s

    @classmethod
    def of(cls, environment: MutableMapping[str, str], pid: int) -> Supervisor:
        """Takes its variables out of the environment: a brick or a hook script must not speak for the daemon."""
        address = environment.pop("NOTIFY_SOCKET", "")
        period, whose = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        meant = whose in ("", str(pid)) and period.isascii() and period.isdigit()
        return cls(address, int(period) / MICROSECONDS if address and meant else 0.0)

    def say(self, message: str) -> bool:
        """Whether it was sent. Never waits: a supervisor that doesn't read must not stop the pool."""
        if not self.address:
            return False
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.connect("\0" + self.address[1:] if self.address.startswith("@") else self.address)
            sock.send(message.encode())
            return True
        return False

    async def ping(self) -> None:
        """Say that the event loop turns, as long as it does; returns at once where nobody watches."""
        while self.watchdog_s:
            self.say("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / PINGS_PER_PERIOD)


def supervisor() -> Supervisor:
    """Of this process."""
    return Supervisor.of(os.environ, os.getpid())
