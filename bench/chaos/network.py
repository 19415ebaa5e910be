"""Troubled links between the hosts of a rig: cuts and loss by nftables, delay and reordering by packets that go through us.

Rules stand at the receiver, so each direction of a link is a thing of its own. A slow link is a route to a tun device: what the
host sends into it is read here, kept for a random time, and written into the tun device of the receiver. Packets overtake each
other, so TCP has to sort them. (The kernel's netem isn't needed.) A host always reaches itself: clients sit beside their daemon.

This file must not know what travels.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence

from bench.namespaces import Host, RigError

TABLE = "chaos"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SLOW = "slow0"
PACKET_BYTES_MAX = 2048
WAITING_MAX = 20_000
TOOL_S = 20.0

Link = tuple[int, int]
"""(sender, receiver): numbers of hosts, counted from 0."""


class Network:
    """What is wrong with the links now. All methods are called by one thread."""

    def __init__(self, hosts: Sequence[Host], rng: random.Random) -> None:
        self._hosts = hosts
        self._cut: Counter[Link] = Counter()  # faults may overlap
        self._routed: Counter[Link] = Counter()
        self._loss: dict[Link, int] = {}
        self._slow = _SlowLinks(hosts, rng)

    def __enter__(self) -> Network:
        self._slow.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._slow.stop()

    def cut(self, links: Sequence[Link]) -> None:
        self._cut.update(links)
        self._apply({to for _, to in links})

    def mend(self, links: Sequence[Link]) -> None:
        self._cut.subtract(links)
        self._apply({to for _, to in links})

    def lose(self, links: Sequence[Link], percent: int) -> None:
        self._loss |= dict.fromkeys(links, percent)
        self._apply({to for _, to in links})

    def keep(self, links: Sequence[Link]) -> None:
        for link in links:
            self._loss.pop(link, None)
        self._apply({to for _, to in links})

    def slow(self, links: Sequence[Link], delay_s: tuple[float, float]) -> None:
        """Each packet is kept for a random time between."""
        self._slow.delay_s = delay_s
        for link in links:
            self._routed[link] += 1
            if self._routed[link] == 1:
                self._route("add", *link)

    def quicken(self, links: Sequence[Link]) -> None:
        for link in links:
            self._routed[link] -= 1
            if self._routed[link] == 0:
                self._route("del", *link)

    def mend_all(self) -> None:
        self.quicken([link for link, times in self._routed.items() for _ in range(times)])
        self._cut.clear()
        self._loss.clear()
        self._apply(set(range(len(self._hosts))))

    def _route(self, what: str, sender: int, receiver: int) -> None:
        source, target = self._hosts[sender], self._hosts[receiver]
        self._tool(source, ["ip", "route", what, f"{target.address}/32", "dev", SLOW, "src", source.address], "")

    def _apply(self, receivers: set[int]) -> None:
        for receiver in receivers:
            self._tool(self._hosts[receiver], ["nft", "-f", "-"], self._rules(receiver))

    def _rules(self, receiver: int) -> str:
        """The whole table, put in the place of the old one in one go."""
        rules = [f"ip saddr {self._hosts[a].address} drop" for (a, b), cuts in sorted(self._cut.items()) if b == receiver and cuts]
        for (sender, to), percent in sorted(self._loss.items()):
            if to == receiver:
                rules.append(f"ip saddr {self._hosts[sender].address} numgen random mod 100 < {percent} drop")
        chain = "\n".join(["type filter hook input priority 0;", *rules])
        return f"table inet {TABLE} {{\n}}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\nchain input {{\n{chain}\n}}\n}}\n"

    @staticmethod
    def _tool(host: Host, command: list[str], text: str) -> None:
        enter = ["nsenter", f"--target={host.pid}", "--net", *command]
        done = subprocess.run(enter, input=text, text=True, capture_output=True, timeout=TOOL_S)
        if done.returncode:
            raise RigError(f"{host.name}: {' '.join(command)}: {done.stderr.strip()[-300:]}")


class _SlowLinks:
    """One thread that keeps packets for a while."""

    def __init__(self, hosts: Sequence[Host], rng: random.Random) -> None:
        self.delay_s = (0.0, 0.0)
        self.moved = 0
        self._hosts, self._rng = hosts, rng
        self._devices: dict[str, int] = {}
        self._wake, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._run, name="slow links", daemon=True)

    def start(self) -> None:
        for host in self._hosts:
            self._devices[host.address] = _tun(host)
        self._thread.start()

    def stop(self) -> None:
        os.close(self._stopper)
        if self._thread.is_alive():
            self._thread.join(TOOL_S)
        for device in [*self._devices.values(), self._wake]:
            os.close(device)

    def _run(self) -> None:
        poll = select.poll()
        for device in [*self._devices.values(), self._wake]:
            poll.register(device, select.POLLIN)
        waiting: list[tuple[float, int, int, bytes]] = []
        while True:
            timeout_ms = None if not waiting else max(0.0, 1000 * (waiting[0][0] - time.monotonic()))
            for device, _ in poll.poll(timeout_ms):
                if device == self._wake:
                    return
                self._take(device, waiting)
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, device, packet = heapq.heappop(waiting)
                with contextlib.suppress(OSError):
                    os.write(device, packet)

    def _take(self, device: int, waiting: list[tuple[float, int, int, bytes]]) -> None:
        with contextlib.suppress(BlockingIOError):
            packet = os.read(device, PACKET_BYTES_MAX)
            target = self._devices.get(".".join(map(str, packet[16:20]))) if packet[0] >> 4 == 4 else None
            if target is not None and len(waiting) < WAITING_MAX:
                self.moved += 1
                heapq.heappush(waiting, (time.monotonic() + self._rng.uniform(*self.delay_s), self.moved, target, packet))


def _tun(host: Host) -> int:
    """A tun device in the host's network, up; its descriptor."""
    with host.network():
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", SLOW.encode(), IFF_TUN | IFF_NO_PI))
        except OSError as error:
            os.close(device)
            raise RigError(f"{host.name}: no tun device ({error.strerror}): delay and reordering need /dev/net/tun") from error
    Network._tool(host, ["ip", "link", "set", SLOW, "up"], "")
    return device
