"""A short life of two real daemons in this process, before it forks others: what Python does once to code that runs (specialises it, fills
its caches), and what is loaded late, is then done once for all of them. This file must not know what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.ours import CLIENT_PORT, RestFailed, request, settings

READY_S = 30.0
EVERY_S = 0.05
REST_S = 0.5


def live_once(folder: Path, addresses: tuple[str, str]) -> None:
    """Two daemons are started, become one pool, are asked what a benchmark asks, and end."""
    from gd2raft import daemon
    from gd2raft.config import load
    from gd2raft.logs import set_up

    configs = [load(["--config", str(_configured(folder / str(n), address))])[0] for n, address in enumerate(addresses)]
    set_up(configs[0].logdir, "-", "WARNING")

    async def lives() -> None:
        daemons = [daemon.Daemon(config) for config in configs]
        running = [asyncio.create_task(one.run()) for one in daemons]
        try:
            await asyncio.wait_for(asyncio.to_thread(_use, folder, addresses), READY_S)
        finally:
            for one in daemons:
                one.stop()
            await asyncio.gather(*running)

    asyncio.run(lives())


def _configured(place: Path, address: str) -> Path:
    place.mkdir(parents=True)
    path = place / "gd2raft.toml"
    path.write_text(settings(place, address, "WARNING"))
    return path


def _use(folder: Path, addresses: tuple[str, str]) -> None:
    """Blocking, beside the daemons' loop."""
    first, last = addresses
    wait = threading.Event()

    def ask(address: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        secret = (folder / "0" / "state" / "auth").read_text().strip()
        connection = http.client.HTTPConnection(address, CLIENT_PORT, timeout=READY_S)
        try:
            request(connection, secret, method, path, body, address)
        finally:
            connection.close()

    for address in addresses:
        while True:
            with contextlib.suppress(OSError, RestFailed):
                ask(address, "GET", "/ping")
                break
            wait.wait(EVERY_S)
    ask(first, "POST", "/v1/peers", {"addresses": [last]})
    brick = folder / "bricks" / "warm"
    brick.parent.mkdir()
    ask(first, "POST", "/v1/volumes", {"name": "warm", "bricks": [f"{last}:{brick}"], "force": True})
    for number in range(40):  # often enough for Python to take the code for warm
        ask(first, "POST", "/v1/volumes/warm/edit", {"metadata": {"bench": str(number)}})
        ask(last, "GET", "/v1/cluster/status")
    ask(first, "POST", "/v1/volumes/warm/options", {"options": {"performance.io-cache": "on"}})
    for path in ("/v1/peers?limit=10", "/v1/volumes?limit=10", "/metrics"):
        ask(last, "GET", path)
    ask(first, "DELETE", "/v1/volumes/warm")
    wait.wait(REST_S)  # leases and heartbeats are code too
