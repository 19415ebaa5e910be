"""Real etcd servers for tests: one member or three, each on a loopback address of its own, and a proxy that loses answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

NETWORK = "127.20"
CLIENT, PEER = 2379, 2380
START_S = 30.0
ATTEMPTS = 3


def need_etcd() -> None:
    """Skip where etcd isn't installed; in CI, where `./dev setup` installs it, fail."""
    if shutil.which("etcd") is None:
        reason = "etcd is not installed (Debian: etcd-server)"
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"{reason}; CI may not skip it", pytrace=False)
        pytest.skip(reason)


class EtcdServers:
    """`size` members in one cluster. `options`: more flags, without dashes."""

    def __init__(self, folder: Path, size: int = 1, **options: str) -> None:
        self._folder, self._options = folder, options
        net = f"{NETWORK}.{random.randrange(256)}"
        first = random.randrange(1, 250)
        self.addresses = [f"{net}.{first + n}" for n in range(size)]
        self.processes: list[subprocess.Popen[bytes] | None] = [None] * size
        self.scheme = "https" if "cert-file" in options else "http"
        self.tls: ssl.SSLContext | None = None  # for the look whether it is healthy

    @property
    def endpoints(self) -> list[str]:
        return [f"{self.scheme}://{address}:{CLIENT}" for address in self.addresses]

    def start(self, number: int) -> None:
        client, peer = self.endpoints[number], f"http://{self.addresses[number]}:{PEER}"
        options = {
            "name": f"e{number}",
            "data-dir": self._folder / f"e{number}",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": ",".join(f"e{n}=http://{address}:{PEER}" for n, address in enumerate(self.addresses)),
            "unsafe-no-fsync": None,
            **self._options,
        }
        words = [f"--{key}" if value is None else f"--{key}={value}" for key, value in options.items()]
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"e{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(["etcd", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start_all(self) -> None:
        for number in range(len(self.addresses)):
            self.start(number)
        for number in range(len(self.addresses)):
            self.wait_healthy(number)

    def wait_healthy(self, number: int) -> None:
        deadline = time.monotonic() + START_S
        while True:
            process = self.processes[number]
            if process is not None and process.poll() is not None:
                raise ChildProcessError((self._folder / f"e{number}.log").read_text()[-2000:])
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{self.endpoints[number]}/health", timeout=1, context=self.tls) as answer,
            ):
                if b'"true"' in answer.read():
                    return
            if time.monotonic() >= deadline:
                raise AssertionError(f"etcd e{number} is not healthy within {START_S:.0f} s")
            time.sleep(0.05)

    def kill(self, number: int, sig: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes[number]
        assert process is not None
        process.send_signal(sig)
        if sig in (signal.SIGKILL, signal.SIGTERM):
            process.wait(20)

    def close(self) -> None:
        for process in self.processes:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(20)


@contextlib.contextmanager
def etcd_servers(folder: Path, size: int = 1, tls: ssl.SSLContext | None = None, **options: str) -> Iterator[EtcdServers]:
    """Healthy ones; another random address when somebody has it."""
    need_etcd()
    for attempt in range(ATTEMPTS):
        servers = EtcdServers(folder / f"etcd{attempt}", size, **options)
        servers.tls = tls
        try:
            servers.start_all()
            yield servers
            return
        except ChildProcessError as error:
            if attempt == ATTEMPTS - 1 or "address already in use" not in str(error):
                raise
        finally:
            servers.close()


class LossyProxy:
    """Between a store and one etcd. `lose_answers`: so many of the next answers to a transaction are swallowed, and the connection cut."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.lose_answers = 0
        self.lost = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> str:
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, CLIENT)
        self._writers |= {writer, far_writer}
        asked: list[bytes] = []

        async def there() -> None:
            while data := await reader.read(1 << 16):
                asked[:] = [data] if data.startswith(b"POST ") else asked
                far_writer.write(data)

        async def back() -> None:
            while data := await far_reader.read(1 << 16):
                if self.lose_answers and asked and asked[0].startswith(b"POST /v3/kv/txn"):
                    self.lose_answers -= 1
                    self.lost += 1
                    return
                writer.write(data)

        try:
            tasks = [asyncio.ensure_future(there()), asyncio.ensure_future(back())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()
