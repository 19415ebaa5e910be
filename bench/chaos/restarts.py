"""`bench chaos --kill-all`: kill -9 of every daemon at once, again and again under load, and how long the pool needs to be back each time.

This file must not know what clients do or what is checked at the end.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from typing import NamedTuple

from bench.chaos.clients import register_name
from bench.chaos.pool import Daemon, Pool
from bench.door import Answer, Door
from bench.sides import NotDone

BACK_S = 60.0
POLL_S = 0.02
EVERY_S = 2.5
REGISTER = register_name(0, 0)
GOAL_S = 2.0


class Restart(NamedTuple):
    """Seconds after all daemons were started again. `reads`: every one of them has served a read of the state; `commit`: a change was acknowledged.

    `cpu`: seconds of CPU that a daemon has used when it serves its first read, the largest: what is left of `reads` is waiting for the others.
    """

    reads: float
    commit: float
    cpu: float


def kill_all(pool: Pool) -> Restart:
    """Kill all, start all, wait until they are back. Raises NotDone when they are not within BACK_S."""
    pool.kill(pool.daemons)
    began = time.monotonic()
    for daemon in pool.daemons:
        daemon.start()
    times: dict[str, float] = {}
    waits = [threading.Thread(target=_until_read, args=(pool, daemon, began, times)) for daemon in pool.daemons]
    waits.append(threading.Thread(target=_until_commit, args=(pool, began, times)))
    for wait in waits:
        wait.start()
    for wait in waits:
        wait.join()
    if len(times) < len(waits) + pool.size:
        raise NotDone(f"not back within {BACK_S:g} s after all were killed: only {sorted(times)}")
    return Restart(max(times[d.host.name] for d in pool.daemons), times["commit"], max(times[f"{d.host.name} cpu"] for d in pool.daemons))


def _until_read(pool: Pool, daemon: Daemon, began: float, times: dict[str, float]) -> None:
    door = Door(pool.daemons)
    while time.monotonic() < began + BACK_S:
        if (answer := _ask(door, daemon, "GET", f"/v1/volumes/{REGISTER}")) is not None and answer.status == 200:
            times[daemon.host.name] = time.monotonic() - began
            times[f"{daemon.host.name} cpu"] = daemon.cpu_s()
            break
        time.sleep(POLL_S)
    door.close()


def _until_commit(pool: Pool, began: float, times: dict[str, float]) -> None:
    """The first that is acknowledged by whichever peer is asked; what the other clients of the run get does not count."""
    door, turn = Door(pool.daemons), 0
    while time.monotonic() < began + BACK_S:
        turn += 1
        daemon = pool.daemons[turn % pool.size]
        answer = _ask(
            door, daemon, "POST", "/v1/cluster/options?timeout=5s", {"options": {"cluster.server-quorum-ratio": str(50 + turn % 50)}}
        )
        if answer is not None and answer.status == 200:
            times["commit"] = time.monotonic() - began
            break
        time.sleep(POLL_S)
    door.close()


def _ask(door: Door, daemon: Daemon, method: str, path: str, body: object = None) -> Answer | None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return door.ask(daemon, method, path, body)
    return None


def pause(dice: random.Random, every_s: float) -> None:
    """Let the clients work for a while."""
    time.sleep(every_s * dice.uniform(0.5, 1.5))
