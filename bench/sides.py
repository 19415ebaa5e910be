"""What a benchmark of volume commands asks of a side, and what both sides share: bricks, processes, and checks that work was done.

A side is a pool of peers, each a Host of its own Rig. This file must not know either side's protocol.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.namespaces import Host

READY_DEADLINE_S = 60.0
POLL_S = 0.002
BRICK, CLIENT = "glusterfsd", "glusterfs"  # programs: a brick; a self-heal daemon (or a mount)


class NotDone(RuntimeError):
    """A side did not do the work that it acknowledged, or did not come up. The benchmark's numbers would be worth nothing."""


@dataclass(frozen=True)
class Brick:
    """A folder on a host; its parent exists, it does not."""

    host: Host
    path: Path


class Side(Protocol):
    """Commands block until acknowledged, and raise what the protocol raises. A context manager: up, with a formed pool, inside."""

    label: str
    hosts: list[Host]

    def __enter__(self) -> Side: ...
    def __exit__(self, *_: object) -> None: ...
    def create(self, volume: str, bricks: list[Brick]) -> None: ...
    def start(self, volume: str) -> None: ...
    def set(self, volume: str, key: str, value: str) -> None: ...
    def info(self, volume: str) -> object:
        """Only asks: what is timed. `seen` makes sense of an answer."""

    def seen(self, volume: str, via: int) -> tuple[str, dict[str, str]] | None:
        """(state: Created, Started or Stopped; options) as peer `via` (from 0) knows them; None: no such volume."""

    def stop(self, volume: str) -> None: ...
    def delete(self, volume: str) -> None: ...


def wait_for(what: str, condition: Callable[[], object], seconds: float = READY_DEADLINE_S, every: float = POLL_S) -> float:
    """Seconds until `condition` was true. Raises NotDone after `seconds`."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise NotDone(f"{what}: not within {seconds:g} s")
        time.sleep(every)
    return time.monotonic() - began


def programs(host: Host) -> list[str]:
    """Names of the programs that run on a host, process 1 left out."""
    return [Path(argv[0]).name for pid, argv in host.processes().items() if pid != 1]


def at_rest(hosts: Iterable[Host], resting: Iterable[set[int]]) -> bool:
    """Whether only bricks and clients run beside the `resting` processes of each host: glusterd's hook scripts may end after its answer."""
    extra = set()
    for host, known in zip(hosts, resting, strict=True):
        extra |= {Path(argv[0]).name for pid, argv in host.processes().items() if pid not in known}
    return extra <= {BRICK, CLIENT}


def count(hosts: Iterable[Host], program: str) -> int:
    return sum(programs(host).count(program) for host in hosts)


def serving_ports(host: Host) -> set[int]:
    """Ports above the daemons' own on which something listens: bricks."""
    return {port for port in host.listening() if port > 30000}


def fresh_bricks(hosts: Iterable[Host], name: str) -> list[Brick]:
    return [Brick(host, host.folder / "bricks" / name) for host in hosts]
