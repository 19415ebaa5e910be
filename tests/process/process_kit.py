"""What the process tests stand on: a responder for real bricks (the project's own sunrpc server) and volfiles to serve."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import socket
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import structlog

from gd2raft.process import BrickSpec, ProcessManager, ServiceSpec, Timing
from gd2raft.sunrpc.api import ConnectionInfo, GetspecReply, GetspecRequest
from gd2raft.sunrpc.brickop import BrickOpClient
from gd2raft.sunrpc.server import SunRpcServer

PEER_ID = "5f3c1f0e-6f0a-4a53-9c0e-0d6a3c1c7f11"
PORT = 24007
log = structlog.get_logger()


def brick_volfile(volume: str, brick: str, volume_id: str) -> str:
    """The smallest graph that is a brick: posix, locks, index, io-stats named like the brick, server."""
    return f"""
volume {volume}-posix
    type storage/posix
    option volume-id {volume_id}
    option directory {brick}
end-volume
volume {volume}-locks
    type features/locks
    subvolumes {volume}-posix
end-volume
volume {volume}-index
    type features/index
    option index-base {brick}/.glusterfs/indices
    subvolumes {volume}-locks
end-volume
volume {brick}
    type debug/io-stats
    option unique-id {brick}
    subvolumes {volume}-index
end-volume
volume {volume}-server
    type protocol/server
    option transport-type tcp
    option transport.address-family inet
    option auth-path {brick}
    option auth.addr.{brick}.allow *
    subvolumes {brick}
end-volume
"""


def shd_volfile(volume: str, host: str, bricks: list[str]) -> str:
    """A self-heal daemon over a replica whose bricks are all on `host`."""
    clients = "".join(
        f"volume {volume}-client-{i}\n type protocol/client\n option transport-type tcp\n option remote-host {host}\n"
        f" option remote-subvolume {brick}\nend-volume\n"
        for i, brick in enumerate(bricks)
    )
    names = [f"{volume}-client-{i}" for i in range(len(bricks))]
    return (
        f"{clients}volume {volume}-replicate-0\n type cluster/replicate\n option iam-self-heal-daemon yes\n"
        " option self-heal-daemon enable\n"
        f" option afr-pending-xattr {','.join(names)}\n subvolumes {' '.join(names)}\nend-volume\n"
        f"volume {volume}\n type debug/io-stats\n subvolumes {volume}-replicate-0\nend-volume\n"
    )


class Rig:
    """A daemon's client port at `host`:24007 without the daemon. Its manager can be thrown away and made anew."""

    def __init__(self, host: str, folder: Path, run: Path, timing: Timing) -> None:
        self.host, self.folder, self.timing = host, folder, timing
        self.run = run  # short, or the sockets would go elsewhere; with a space, to see that no shell is near
        self.volfiles: dict[str, str] = {}
        self.changes: list[str] = []
        self.signed_in: list[tuple[str, int, int]] = []
        self.terminated: list[str] = []
        self.manager: ProcessManager = self.new_manager()
        self.server: SunRpcServer | None = None
        self._accepting: asyncio.Task[None] | None = None

    # what sunrpc asks

    async def getspec(self, request: GetspecRequest) -> GetspecReply | None:
        if (spec := self.volfiles.get(request.key)) is None:
            return None
        self.manager.volfile_served(request.key)
        pid_file = self.manager.pid_file_of(request.key)
        return GetspecReply(spec, {"pidfile": pid_file} if pid_file else {})

    def port_of_brick(self, brick: str, local_address: str) -> int:
        return self.manager.port_of(brick)

    def sign_in(self, connection: ConnectionInfo, brick: str, port: int, pid: int) -> bool:
        self.signed_in.append((brick, port, pid))
        return self.manager.signed_in(brick, port, pid)

    def sign_out(self, connection: ConnectionInfo, brick: str) -> None:
        self.manager.signed_out(brick)

    def disconnected(self, connection: ConnectionInfo) -> None: ...

    def volume_id(self, volume: str) -> str | None:
        return None

    def event_notify(self, op: int, info: Mapping[str, str]) -> None: ...

    # what the manager asks

    async def terminate(self, socket_path: str, brick_path: str, timeout_s: float) -> None:
        self.terminated.append(brick_path)
        await BrickOpClient(socket_path, timeout_s=timeout_s).terminate(brick_path)

    # for the tests

    def new_manager(self) -> ProcessManager:
        return ProcessManager(
            rundir=str(self.run),
            logdir=str(self.folder / "log"),
            log=log,
            terminate=self.terminate,
            on_change=self.changes.append,
            timing=self.timing,
        )

    def brick(self, volume: str, name: str = "b1") -> BrickSpec:
        """A prepared brick folder, its volfile served, and what should run."""
        path, volume_id = self.folder / "bricks" / volume / name, uuid.uuid4()
        (path / ".glusterfs" / "indices").mkdir(parents=True)
        os.setxattr(path, "trusted.glusterfs.volume-id", volume_id.bytes)
        key = f"{volume}.{self.host}.{str(path)[1:].replace('/', '-')}"
        self.volfiles[key] = brick_volfile(volume, str(path), str(volume_id))
        return BrickSpec(
            volume=volume,
            brick_path=str(path),
            volfile_id=key,
            host=self.host,
            port_of_daemon=PORT,
            bind_address=self.host,
            peer_id=PEER_ID,
        )

    def shd(self, volume: str, bricks: list[BrickSpec]) -> ServiceSpec:
        self.volfiles[f"shd/{volume}"] = shd_volfile(volume, self.host, [b.brick_path for b in bricks])
        return ServiceSpec(
            name=f"shd/{volume}",
            process_name="glustershd",
            host=self.host,
            port_of_daemon=PORT,
            log_file="glustershd.log",
            client_pid=-6,
            xlator_options=(f"*replicate*.node-uuid={PEER_ID}",),
        )

    async def serve(self) -> None:
        listener = socket.create_server((self.host, PORT))
        listener.setblocking(False)
        self.server = SunRpcServer(self, log=log)
        self._accepting = asyncio.create_task(self._accept(listener, self.server))

    async def _accept(self, listener: socket.socket, server: SunRpcServer) -> None:
        with listener:
            while True:
                sock, _ = await asyncio.get_running_loop().sock_accept(listener)
                await server.adopt(sock)

    async def stop_serving(self) -> None:
        if self._accepting is not None and self.server is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            await self.server.close()
            self._accepting = self.server = None

    async def restart_manager(self) -> None:
        """As a daemon that stops and starts: the port goes away, then a new manager adopts, then the port is back."""
        await self.stop_serving()
        await self.manager.close()
        self.manager = self.new_manager()
        await self.manager.start()
        await self.serve()

    async def want(self, *bricks: BrickSpec, services: tuple[ServiceSpec, ...] = ()) -> None:
        """Follow, and wait until it is so."""
        keys = [b.brick_path for b in bricks] + [s.name for s in services]
        await self.manager.follow(bricks, services)
        assert await self.manager.settled(keys, 60) == []

    def processes(self) -> list[int]:
        """Every glusterfs and glusterfsd that runs with this rig's rundir."""
        return list(_pids_with(str(self.run)))

    async def end(self) -> None:
        await self.manager.follow([], [])
        await self.manager.settled(self.manager.keys(), 30)
        await self.manager.close()
        await self.stop_serving()
        for pid in self.processes():
            os.kill(pid, 9)


def _pids_with(rundir: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"\0{rundir}/".encode() in (entry / "cmdline").read_bytes():
                yield int(entry.name)


def own_host() -> str:
    """An address of these tests where nobody holds the port of a daemon."""
    for _ in range(100):
        host = f"127.15.{random.randint(1, 250)}.{random.randint(1, 250)}"
        with contextlib.suppress(OSError), socket.create_server((host, PORT)):
            return host
    raise AssertionError("no free address among 127.15.x.y")


@contextlib.asynccontextmanager
async def rig(folder: Path, timing: Timing | None = None, run: Path | None = None) -> AsyncIterator[Rig]:
    above = Path(tempfile.mkdtemp(prefix="gd2 "))
    made = Rig(own_host(), folder, run or above / "run", timing or Timing())
    await made.manager.start()
    await made.serve()
    try:
        yield made
    finally:
        await made.end()
        shutil.rmtree(above)
