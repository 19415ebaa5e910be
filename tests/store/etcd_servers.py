"""Real etcd servers for tests: one member or three, each on a machine or a loopback address of its own, and a proxy that loses answers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

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


class Place(Protocol):
    """Where a member runs: what is used here of a machine of the end-to-end tests."""

    address: str

    def start(self, command: Sequence[str | os.PathLike[str]], log: Path) -> subprocess.Popen[bytes]: ...

    def connect(self, port: int, timeout_s: float) -> socket.socket: ...


class LoopbackPlace:
    def __init__(self, address: str) -> None:
        self.address = address

    def start(self, command: Sequence[str | os.PathLike[str]], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as sink:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        return socket.create_connection((self.address, port), timeout_s)


def random_places(size: int) -> list[Place]:
    net, first = f"{NETWORK}.{random.randrange(256)}", random.randrange(1, 250)
    return [LoopbackPlace(f"{net}.{first + n}") for n in range(size)]


class EtcdServers:
    """A member in every place, in one cluster. `options`: more flags, without dashes."""

    def __init__(self, folder: Path, places: Sequence[Place], **options: str) -> None:
        self._folder, self._places, self._options = folder, places, options
        self.addresses = [place.address for place in places]
        self.processes: list[subprocess.Popen[bytes] | None] = [None] * len(places)
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
        self.processes[number] = self._places[number].start(["etcd", *words], self._folder / f"e{number}.log")

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
            with contextlib.suppress(OSError, http.client.HTTPException):
                if b'"true"' in self._health(number):
                    return
            if time.monotonic() >= deadline:
                raise AssertionError(f"etcd e{number} is not healthy within {START_S:.0f} s")
            time.sleep(0.05)

    def _health(self, number: int) -> bytes:
        place = self._places[number]
        connection = http.client.HTTPConnection(place.address, CLIENT, timeout=1)
        sock = place.connect(CLIENT, 1.0)
        try:
            connection.sock = self.tls.wrap_socket(sock, server_hostname=place.address) if self.tls else sock
            connection.request("GET", "/health")
            return connection.getresponse().read()
        finally:
            connection.close()
            sock.close()

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
def etcd_servers(
    folder: Path, size: int = 1, tls: ssl.SSLContext | None = None, places: Sequence[Place] = (), **options: str
) -> Iterator[EtcdServers]:
    """Healthy ones, in `places` or else at `size` random loopback addresses: other ones when somebody has them."""
    need_etcd()
    for attempt in range(ATTEMPTS):
        servers = EtcdServers(folder / f"etcd{attempt}", places or random_places(size), **options)
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
