"""Real glusterfsd bricks and mounts against a SunRpcServer of the test: volfiles, command lines, cleaning up.

Everything runs on one 127.12.x.y address of its own, because GlusterFS clients ask for bricks on port 24007 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from sunrpc_kit import WAIT_S, Backend, Log
from waiting import until

from gd2raft.sunrpc.brickop import BrickOpClient
from gd2raft.sunrpc.peek import PortMux
from gd2raft.sunrpc.server import SunRpcServer

VOLUME = "sv"

BRICK_STACK = [
    ("storage/posix", "posix", ["directory {path}", "volume-id {volume_id}"]),
    ("features/changelog", "changelog", ["changelog-brick {path}", "changelog-dir {path}/.glusterfs/changelogs"]),
    ("features/access-control", "access-control", []),
    ("features/locks", "locks", []),
    ("performance/io-threads", "io-threads", []),
    ("features/barrier", "barrier", ["barrier disable", "barrier-timeout 120"]),
    (
        "features/index",
        "index",
        ["index-base {path}/.glusterfs/indices", "xattrop-dirty-watchlist trusted.afr.dirty", "xattrop-pending-watchlist trusted.afr.sv-"],
    ),
    (
        "debug/io-stats",
        "{path}",
        ["log-level INFO", "unique-id {path}", "volume-id {volume_id}", "latency-measurement off", "count-fop-hits off"],
    ),
    ("protocol/server", "server", ["transport-type tcp", "transport.address-family inet", "auth.addr.{path}.allow *", "auth-path {path}"]),
]


def volfile(stack: list[tuple[str, str, list[str]]], **values: str) -> str:
    """A linear graph, bottom first. A name with a slash, or equal to the volume's, is used as it is."""
    out, below = [], ""
    for kind, name, options in stack:
        full = name.format(**values)
        full = full if "/" in full or full == VOLUME else f"{VOLUME}-{full}"
        lines = [f"volume {full}", f"    type {kind}", *(f"    option {o.format(**values)}" for o in options)]
        out += [*lines, *([f"    subvolumes {below}"] if below else []), "end-volume", ""]
        below = full
    return "\n".join(out)


def client_volfile(address: str, brick: str, *, window: str = "1MB", extra: bool = False) -> str:
    remote = [
        f"remote-host {address}",
        f"remote-subvolume {brick}",
        "transport-type tcp",
        "transport.address-family inet",
        "ping-timeout 42",
    ]
    stack: list[tuple[str, str, list[str]]] = [
        ("protocol/client", "client-0", remote),
        ("cluster/distribute", "dht", []),
        ("performance/write-behind", "write-behind", [f"cache-size {window}"]),
        *([("performance/io-cache", "io-cache", [])] if extra else []),
        ("debug/io-stats", VOLUME, ["log-level INFO"]),
    ]
    return volfile(stack)


def heal_volfile(address: str, brick: str) -> str:
    """A replica of the brick and of one that never comes up, as a self-heal daemon gets it."""

    def client(index: int, subvolume: str) -> list[str]:
        options = ["transport-type tcp", "transport.address-family inet", f"remote-host {address}", f"remote-subvolume {subvolume}"]
        return [f"volume {VOLUME}-client-{index}", "    type protocol/client", *(f"    option {o}" for o in options), "end-volume", ""]

    options = ["iam-self-heal-daemon yes", "self-heal-daemon enable", f"afr-pending-xattr {VOLUME}-client-0,{VOLUME}-client-1"]
    replicate = [f"volume {VOLUME}-replicate-0", "    type cluster/replicate", *(f"    option {o}" for o in options)]
    replicate += [f"    subvolumes {VOLUME}-client-0 {VOLUME}-client-1", "end-volume", ""]
    top = [f"volume {VOLUME}", "    type debug/io-stats", f"    subvolumes {VOLUME}-replicate-0", "end-volume", ""]
    return "\n".join([*client(0, brick), *client(1, brick + "-absent"), *replicate, *top])


class Manager:
    """Listener, PortMux and SunRpcServer on one address, which can be stopped and started again."""

    def __init__(self, address: str, listener: socket.socket) -> None:
        self.address = address
        self.backend, self.log = Backend(), Log()
        self._listener: socket.socket | None = listener
        self.server: SunRpcServer

    async def start(self) -> None:
        listener = self._listener or listen(self.address)
        self._listener = None
        self.server = SunRpcServer(self.backend, log=self.log)

        async def no_http(sock: socket.socket) -> None:
            sock.close()

        self._mux = asyncio.create_task(PortMux(listener, http=no_http, sunrpc=self.server.adopt, log=self.log).run())

    async def stop(self) -> None:
        self._mux.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._mux
        await self.server.close()


class Rig:
    """One brick and one mount at most; `folder` is short because of the 107 bytes of a unix socket's path."""

    def __init__(self, folder: Path, manager: Manager) -> None:
        self.folder, self.manager = folder, manager
        self.brick_path, self.mountpoint, self.socket_path = folder / "b", folder / "m", folder / "s"
        self.brick: asyncio.subprocess.Process | None = None
        self.healer: asyncio.subprocess.Process | None = None
        self.volume_id = str(uuid.uuid4())
        manager.backend.specs[f"{VOLUME}.host.b"] = volfile(BRICK_STACK, path=str(self.brick_path), volume_id=self.volume_id)

    @property
    def brick_name(self) -> str:
        return str(self.brick_path)

    def brick_op(self) -> BrickOpClient:
        return BrickOpClient(str(self.socket_path), timeout_s=WAIT_S)

    async def start_brick(self) -> int:
        """Starts glusterfsd in the foreground, waits for its SIGNIN, returns its port."""
        (self.brick_path / ".glusterfs" / "indices").mkdir(parents=True, exist_ok=True)
        os.setxattr(self.brick_path, "trusted.glusterfs.volume-id", uuid.UUID(self.volume_id).bytes)
        port = free_port(self.manager.address)
        words = [
            "glusterfsd",
            "-N",
            "-s",
            self.manager.address,
            "--volfile-id",
            f"{VOLUME}.host.b",
            "-p",
            f"{self.folder}/pid",
            "-S",
            f"{self.socket_path}",
        ]
        words += ["--brick-name", self.brick_name, "-l", f"{self.folder}/brick.log", "--process-name", "brick", "--brick-port", str(port)]
        words += ["--xlator-option", f"{VOLUME}-server.listen-port={port}"]
        words += ["--xlator-option", f"{VOLUME}-server.transport.socket.bind-address={self.manager.address}"]
        self.brick = await spawn(words)
        await until(lambda: self.manager.backend.ports.get(self.brick_name) == port, f"SIGNIN\n{self.brick_log()}")
        return port

    def brick_log(self) -> str:
        path = self.folder / "brick.log"
        return path.read_text()[-3000:] if path.exists() else "no log yet"

    async def brick_exit(self) -> int:
        assert self.brick is not None
        async with asyncio.timeout(WAIT_S):
            code = await self.brick.wait()
        self.brick = None
        return code

    async def start_healer(self) -> BrickOpClient:
        """Starts a self-heal daemon; it must be told a pidfile, else it tears its graph down."""
        address, key = self.manager.address, f"shd/{VOLUME}"
        self.manager.backend.specs[key] = heal_volfile(address, self.brick_name)
        self.manager.backend.xdata["pidfile"] = f"{self.folder}/shd.pid"
        words = ["glusterfs", "-N", "-s", address, "--volfile-id", key, "-p", f"{self.folder}/shd.pid", "-l", f"{self.folder}/shd.log"]
        words += ["-S", f"{self.folder}/h", "--xlator-option", f"*replicate*.node-uuid={self.volume_id}"]
        self.healer = await spawn([*words, "--process-name", "glustershd", "--client-pid=-6"])
        asked = self.manager.backend.calls
        await until(lambda: ("port", self.brick_name, address) in asked, "the self-heal daemon to look for its brick")
        return BrickOpClient(f"{self.folder}/h", timeout_s=WAIT_S)

    async def mount(self) -> None:
        self.mountpoint.mkdir(exist_ok=True)
        source = f"{self.manager.address}:/{VOLUME}"
        await sh("mount", "-t", "glusterfs", "-o", f"log-file={self.folder}/mount.log", source, str(self.mountpoint))

    async def meta(self, path: str) -> str:
        """A file of the client's own view of its graphs."""
        return (await sh("cat", f"{self.mountpoint}/.meta/{path}")).strip()

    async def clean(self) -> None:
        if os.path.lexists(self.mountpoint):  # of a mount whose process has just ended even a stat fails
            with contextlib.suppress(RuntimeError):
                await sh("umount", "-l", str(self.mountpoint))
        for process in (self.brick, self.healer):
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
                await process.wait()


async def spawn(words: list[str]) -> asyncio.subprocess.Process:
    null = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*words, stdin=null, stdout=null, stderr=null, start_new_session=True)


async def sh(*words: str) -> str:
    """Runs a command that a hanging mount may block; its output, or RuntimeError."""
    with tempfile.TemporaryFile() as out:  # not a pipe: the daemon that mount leaves behind would hold it open
        process = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            async with asyncio.timeout(WAIT_S):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            raise
        out.seek(0)
        text = out.read().decode(errors="replace")
    if code:
        raise RuntimeError(f"{' '.join(words)} exited {code}: {text}")
    return text


def listen(address: str) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, 24007))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def own_address() -> tuple[str, socket.socket]:
    """An address on which nobody else uses port 24007."""
    for i in range(200):
        address = f"127.12.{1 + os.getpid() % 250}.{1 + i}"
        with contextlib.suppress(OSError):
            return address, listen(address)
    raise RuntimeError("port 24007 is taken on all of 127.12.x.1 to 127.12.x.200")


def free_port(address: str) -> int:
    with socket.socket() as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


@contextlib.asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    folder = Path(tempfile.mkdtemp(prefix="gd2-sunrpc-"))
    manager = Manager(*own_address())
    await manager.start()
    made = Rig(folder, manager)
    try:
        yield made
    finally:
        await made.clean()
        await manager.stop()
        shutil.rmtree(folder, ignore_errors=True)
