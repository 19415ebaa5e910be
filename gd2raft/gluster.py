"""GlusterFS's side of the daemon: from the replicated state to volfiles, bricks, self-heal daemons and notified clients.

Level-triggered: whatever changed, the wanted processes are computed from the state as it is and handed to the process room,
and the connections whose volfile changed are told. It must not know how the state came about.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

import gd2volgen
from gd2raft import node_services
from gd2raft.core import jobs, model
from gd2raft.crawls import Crawls
from gd2raft.describer import Describer
from gd2raft.process import BrickSpec, ProcessManager, ServiceSpec
from gd2raft.process.mount import MountPlace
from gd2raft.rebalance import Rebalances
from gd2raft.rebalance import key_of as rebalance_key
from gd2raft.server_quorum import ServerQuorum
from gd2raft.sunrpc.api import ConnectionInfo, GetspecReply, GetspecRequest
from gd2raft.sunrpc.brickop import BrickOpClient, BrickOpFailed, HealOp, StatusOf
from gd2raft.sunrpc.server import SunRpcServer
from gd2volgen.description import Description

SERVERS_LISTED_MAX = 16
BREATH_S = 0.01
"""The answer to the client goes first, and changes that come together are followed together. (Steps that wait for it follow at once.)"""
CLIENTS_GO_S = 4.0
"""So long a brick that has left its volume waits for its clients to go. One that does I/O has gone within a second; an idle one keeps
its old graph until its next operation, and switches before that (seen)."""
CLIENTS_POLL_S = 0.2
HIDDEN = "hidden"
"""In place of credentials."""
CRAWLED = "client_per_brick/"

ReportJob = Callable[[jobs.Job, jobs.Progress], Awaitable[None]]

log = structlog.get_logger("gluster")


class Gluster:
    """Implements sunrpc's Backend, and keeps this peer's processes as the state says.

    `host`: the address that bricks and services reach this daemon at and listen on; `view`: the state as it is now. `misplaced`: no brick
    may run here for now, since clients would take it for another peer's.
    """

    def __init__(
        self,
        *,
        peer_id: Callable[[], str],
        view: Callable[[], model.View],
        online: Callable[[], frozenset[str]],
        current: Callable[[], bool],
        host: str,
        port: int,
        bind_address: str,
        rundir: Path,
        workdir: Path,
        processes: ProcessManager,
        report: ReportJob,
        mounts: MountPlace,
        misplaced: Callable[[], bool],
        quorum: ServerQuorum,
    ) -> None:
        self._peer_id, self._view, self._online, self._current = peer_id, view, online, current
        self._host, self._port, self._bind_address = host, port, bind_address
        self._rundir, self._workdir, self._misplaced = rundir, workdir, misplaced
        self._processes = processes
        self._quorum = quorum
        self.server: SunRpcServer | None = None
        self._dirty: set[str] = set()
        self._everything = False
        self._wake = asyncio.Event()
        self._was_idle = False  # when the state was followed last
        self._follow_lock = asyncio.Lock()
        self._held: dict[str, str] = {}  # path of a brick that a transaction keeps stopped -> that transaction
        self._released: set[str] = set()  # bricks that have left their volume, and their clients them
        self.rebalances = Rebalances(
            peer_id=peer_id,
            view=view,
            processes=processes,
            folder=workdir / "jobs",
            host=host,
            port=port,
            report=report,
            changed=lambda volume: self.changed([volume]),
        )
        self.crawls = Crawls(workdir / "quota", mounts, self._crawl_key)
        self._volume_of: dict[str, str] = {}  # key of a process that was wanted -> its volume
        self._task: asyncio.Task[None] | None = None

    # following the state

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="gluster follows the state")
        self._everything = True
        self._wake.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.rebalances.close()
        await self.crawls.close()

    def changed(self, volumes: Iterable[str] | None) -> None:
        """These volumes changed (None: anything may have). Of a thousand peers most have nothing to follow when others join."""
        if self._was_idle and self._idle_here():
            return
        if volumes is None:
            self._everything = True
        else:
            volumes = set(volumes)
            self._dirty |= volumes
            for name in volumes:
                self.rebalances.poke(name)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(BREATH_S)
            self._wake.clear()
            names, everything = self._dirty, self._everything
            self._dirty, self._everything = set(), False
            try:
                await self.follow()
                await self._refresh(names, everything)
                self._was_idle = self._idle_here()
            except Exception:
                log.exception("following the state broke; trying again")
                self._everything = True
                await asyncio.sleep(1.0)
                self._wake.set()

    def _idle_here(self) -> bool:
        """Nothing of GlusterFS runs here, nobody is connected, and no brick is to run: no change is of interest."""
        return not self._processes.keys() and not self._view().brick_claims(self._peer_id()) and not (self.server and self.server.connected)

    async def _refresh(self, names: set[str], everything: bool) -> None:
        if self.server is not None and (names or everything):
            told = await self.server.refresh(lambda group: everything or is_about(group, names))
            if told:
                log.info("told clients and bricks of new volfiles", connections=told, volumes=sorted(names)[:10])

    async def follow(self) -> None:
        """Make this peer's processes as the state says."""
        async with self._follow_lock:
            bricks, services = self.wanted()
            self._remember(bricks, services)
            # An old state may lack a volume, or have it stopped: nothing is stopped on its word.
            await self._processes.follow(bricks, services, stop_others=self._current() or self._misplaced(), stop=self._quorum.stopped)
            self._follow_crawls()

    async def follow_volume(self, name: str, timeout_s: float, bricks: list[str] | None = None) -> list[str]:
        """Follow, then wait until this volume's processes (of its bricks only these) are as wanted: what isn't, and why."""
        await self.follow()
        await self._refresh({name}, False)
        volume = self._view().volume(name)
        if volume is not None and volume.state is model.VolumeState.STARTED:
            mine = [b.path for b in volume.with_joining().bricks() if b.peer_id == self._peer_id()]
            keys = [path for path in mine if bricks is None or path in bricks]
            self._processes.retry(keys)
            keys.append(rebalance_key(name))
        else:
            keys = [key for key in self._processes.keys() if self._volume_of.get(key) == name]
        if volume is not None and self._peer_id() in volume.peer_ids():
            keys += node_services.names_for(volume)
        return [str(p) for p in await self._processes.settled(keys, timeout_s)]

    async def brick_online(self, path: str, timeout_s: float) -> bool:
        """Whether the brick serves, or comes to within the time."""
        if not self._processes.status(path).online:
            await self._processes.settled([path], timeout_s)
        return self._processes.status(path).online

    async def release_brick(self, volume: str, path: str, timeout_s: float) -> None:
        """End a brick that its volume is without: its clients are told already, and get some time to go by themselves."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(CLIENTS_GO_S, timeout_s / 2)
        while loop.time() < deadline and await self._clients_of(volume, path):  # noqa: ASYNC110
            await asyncio.sleep(CLIENTS_POLL_S)
        self._released.add(path)
        await self.follow()
        await self._processes.settled([path], timeout_s / 2)

    async def heal(self, volume: str) -> None:
        """Let this peer's self-heal daemon look through what it knows to be bad. Raises BrickOpFailed."""
        found = self._view().volume(volume)
        sets = [f"{volume}-{s.type.value}-{i}" for i, s in enumerate(found.subvols)] if found is not None else []
        await BrickOpClient(self._processes.socket_of(f"shd/{volume}"), timeout_s=5.0).heal(HealOp.INDEX, sets)

    async def _clients_of(self, volume: str, path: str) -> int:
        """How many are connected to a brick; 0 too when it doesn't run or can't be asked."""
        if not self._processes.status(path).online:
            return 0
        try:
            reply = await BrickOpClient(self._processes.socket_of(path), timeout_s=2.0).status(volume, path, StatusOf.CLIENTS)
            return int(reply.output.get("clientcount", "0"))
        except (BrickOpFailed, ValueError):
            return 0

    def _remember(self, bricks: list[BrickSpec], services: list[ServiceSpec]) -> None:
        self._volume_of |= {b.brick_path: b.volume for b in bricks}
        self._volume_of |= {s.name: s.name.partition("/")[2] for s in services}
        known = set(self._processes.keys())
        wanted = {b.brick_path for b in bricks} | {s.name for s in services}
        self._volume_of = {k: v for k, v in self._volume_of.items() if k in known or k in wanted}

    def wanted(self) -> tuple[list[BrickSpec], list[ServiceSpec]]:
        """The bricks and services that the state wants on this peer."""
        view, me = self._view(), self._peer_id()
        started = self._started_here(view)
        self._quorum.decide(started)
        bricks: list[BrickSpec] = []
        services: list[ServiceSpec] = []
        describer = Describer(view, me, str(self._workdir))
        claims = view.brick_claims(me)
        for name in sorted({claim.volume for claim in claims.values()}):
            volume = view.volume(name)
            if volume is not None:
                self.rebalances.tend(volume)
            if volume is None or volume.state is not model.VolumeState.STARTED:
                continue
            mine = [b for b in volume.with_joining().bricks() if b.peer_id == me and self._quorum.lets(volume, b)]
            bricks += [self._brick_spec(name, b.path, describer) for b in mine if self._may_run(view, b)]
            bricks += [self._brick_spec(name, path, describer) for path in self._leaving(name, claims)]
            if (rebalance := self.rebalances.spec(volume)) is not None:
                services.append(rebalance)
            if gd2volgen.needs_shd(description := describer.describe(volume)):
                services.append(self._shd_spec(description))
        if bricks and self._misplaced():
            log.warning("this peer is at the address of another one: its bricks wait until the pool knows", bricks=len(bricks))
            bricks = []
        services += node_services.wanted(started, describer.describe, self._host, self._port)
        return bricks, services

    def _started_here(self, view: model.View) -> list[model.Volume]:
        """The started volumes with bricks on this peer."""
        names = sorted({claim.volume for claim in view.brick_claims(self._peer_id()).values()})
        volumes = [volume for name in names if (volume := view.volume(name)) is not None]
        return [volume for volume in volumes if volume.state is model.VolumeState.STARTED]

    def _follow_crawls(self) -> None:
        view = self._view()
        existing = frozenset(volume.id for volume in view.volumes()) if self._current() else None
        self.crawls.follow(self._started_here(view), self._peer_id(), existing=existing)

    def _crawl_key(self, volume: model.Volume, brick: model.Brick) -> str:
        describer = Describer(self._view(), self._peer_id(), str(self._workdir))
        return f"{CRAWLED}{volume.name}.client.{gd2volgen.brick_file_stem(describer.host(brick.peer_id), brick.path)}.vol"

    def _may_run(self, view: model.View, brick: model.Brick) -> bool:
        """Not while it is reset, or while a transaction that still lives holds it."""
        holder = self._held.get(brick.path)
        if holder is not None and view.reader.get(model.TRANSACTIONS + holder) is None:
            del self._held[brick.path]
            holder = None
        return holder is None and not brick.reset

    async def hold(self, path: str, transaction: str, timeout_s: float) -> list[str]:
        """End the process of a brick, and don't start it again while the transaction lives: why it still runs, or nothing."""
        self._held[path] = transaction
        await self.follow()
        return [str(p) for p in await self._processes.settled([path], timeout_s)]

    async def unhold(self, path: str) -> None:
        self._held.pop(path, None)
        await self.follow()

    def _leaving(self, volume: str, claims: Mapping[str, model.BrickClaim]) -> list[str]:
        """Bricks that the volume is without already, and that still run for clients that don't know yet. They aren't started again."""
        leaving = {path for path, claim in claims.items() if claim.leaving and claim.volume == volume}
        self._released &= {path for path, claim in claims.items() if claim.leaving}
        return sorted(path for path in leaving - self._released if self._processes.status(path).online)

    def _brick_spec(self, volume: str, path: str, describer: Describer) -> BrickSpec:
        volfile_id, *before = describer.brick_ids(volume, path)
        return BrickSpec(
            volume=volume,
            brick_path=path,
            volfile_id=volfile_id,
            volfile_ids_before=tuple(before),
            host=self._host,
            port_of_daemon=self._port,
            bind_address=self._bind_address,
            peer_id=self._peer_id(),
        )

    def _shd_spec(self, volume: Description) -> ServiceSpec:
        """A brick that took another's place changes no xlator, only where one connects to: a self-heal daemon that runs takes that
        up as an option and stays with the old brick. So the bricks stand in its command line, and it is replaced."""
        node = f"*replicate*.node-uuid={self._peer_id()}"
        places = repr([(s.type, [(b.index, b.host, b.path) for b in s.bricks]) for s in volume.subvols])
        bricks = f"@bricks.digest={hashlib.sha256(places.encode()).hexdigest()[:16]}"
        return ServiceSpec(
            name=f"shd/{volume.name}",
            process_name="glustershd",
            host=self._host,
            port_of_daemon=self._port,
            log_file="glustershd.log",
            client_pid=-6,
            xlator_options=(node, bricks),
        )

    # sunrpc's Backend

    async def getspec(self, request: GetspecRequest) -> GetspecReply | None:
        key = request.key.lstrip("/")
        if key.startswith("shd/"):
            return self._shd_reply(key[len("shd/") :])
        if key.startswith("rebalance/"):
            return self._rebalance_reply(key[len("rebalance/") :])
        view = self._view()
        describer = Describer(view, self._peer_id(), str(self._workdir))
        if key.startswith(node_services.PREFIX):
            self._processes.volfile_served(key)
            return node_services.reply(key, self._started_here(view), describer.describe)
        if key.startswith(CRAWLED):
            return self._crawl_reply(view, key, describer)
        if (volume := view.volume(key.removesuffix(".tcp"))) is not None:
            return self._client_reply(volume, describer, trusted=request.connection.is_local)
        return self._brick_reply(view, key, describer)

    def _client_reply(self, volume: model.Volume, describer: Describer, *, trusted: bool) -> GetspecReply | None:
        if volume.state is model.VolumeState.CREATED:
            return None
        spec = gd2volgen.client_volfile(describer.describe(volume), trusted)
        return GetspecReply(spec, {"cluster.brick-vol-servers": self._servers(volume)}, f"client/{volume.name}")

    def description(self, volume: model.Volume) -> dict[str, Any]:
        """VOLUME.json for gd2volgen, as this peer has it. It may be shown: the volume's credentials are not in it."""
        shown = msgspec.structs.replace(volume, username=HIDDEN, password=HIDDEN)
        described = Describer(self._view(), self._peer_id(), str(self._workdir)).describe(shown)
        built: dict[str, Any] = msgspec.to_builtins(described)
        return built

    def client_volfile(self, volume: model.Volume, *, trusted: bool = True) -> str:
        """What a client on this peer is given; on another machine it isn't `trusted`."""
        return gd2volgen.client_volfile(Describer(self._view(), self._peer_id(), str(self._workdir)).describe(volume), trusted)

    def _brick_reply(self, view: model.View, key: str, describer: Describer) -> GetspecReply | None:
        volume = view.volume(key.partition(".")[0])
        if volume is None:
            return None
        volume = volume.with_joining()
        for brick in volume.bricks():
            if brick.peer_id == self._peer_id() and key in describer.brick_ids(volume.name, brick.path):
                spec = gd2volgen.brick_volfile(describer.describe(volume), brick.index)
                return GetspecReply(spec, {}, f"brick/{volume.name}")
        return None

    def _crawl_reply(self, view: model.View, key: str, describer: Describer) -> GetspecReply | None:
        volume = view.volume(key.removeprefix(CRAWLED).partition(".")[0])
        for brick in volume.bricks() if volume is not None else ():
            if volume is not None and brick.peer_id == self._peer_id() and key == self._crawl_key(volume, brick):
                description = describer.describe(volume)
                found = next(b for s in description.subvols for b in s.bricks if b.index == brick.index)
                return GetspecReply(gd2volgen.quota_client_volfile(description, found), {}, f"crawl/{volume.name}")
        return None

    def _shd_reply(self, name: str) -> GetspecReply | None:
        view = self._view()
        volume = view.volume(name)
        if volume is None:
            return None
        spec = gd2volgen.shd_volfile(Describer(view, self._peer_id(), str(self._workdir)).describe(volume))
        pidfile = self._processes.pid_file_of(f"shd/{name}")  # without it the shd stays idle (facts/glusterfs.md 3.6)
        self._processes.volfile_served(f"shd/{name}")
        return GetspecReply(spec, {"pidfile": pidfile}, f"shd/{name}")

    def _rebalance_reply(self, name: str) -> GetspecReply | None:
        view = self._view()
        volume = view.volume(name)
        if volume is None or volume.state is not model.VolumeState.STARTED:
            return None
        spec = gd2volgen.rebalance_volfile(Describer(view, self._peer_id(), str(self._workdir)).describe(volume))
        self._processes.volfile_served(rebalance_key(name))
        return GetspecReply(spec, {}, f"rebalance/{name}")

    def _servers(self, volume: model.Volume) -> str:
        """Up to 16 peers in sight, those with bricks of the volume first, so that clients fail over by themselves."""
        view, online = self._view(), self._online()
        owners = [p for p in volume.peer_ids() if p in online]
        others = [p.id for p in view.peers() if p.id in online and p.id not in owners] if len(owners) < SERVERS_LISTED_MAX else []
        peers = [view.peer(p) for p in (*owners, *others)[:SERVERS_LISTED_MAX]]
        return " ".join(p.client_addresses[0] for p in peers if p is not None) + " "

    def port_of_brick(self, brick: str, local_address: str) -> int:
        return self._processes.port_of(brick)

    def sign_in(self, connection: ConnectionInfo, brick: str, port: int, pid: int) -> bool:
        return self._processes.signed_in(brick, port, pid)

    def sign_out(self, connection: ConnectionInfo, brick: str) -> None:
        self._processes.signed_out(brick)

    def disconnected(self, connection: ConnectionInfo) -> None:
        """Nothing: a brick that dies is noticed by its process, and one that only lost this connection signs in again."""

    def volume_id(self, volume: str) -> str | None:
        found = self._view().volume(volume)
        return None if found is None else found.id

    def event_notify(self, op: int, info: Mapping[str, str]) -> None:
        log.info("event from a process", op=op, volume=info.get("volname", ""))
        self.rebalances.event(op, info)


def is_about(group: str, names: set[str]) -> bool:
    """Whether a change of these volumes may concern a GETSPEC group. Services of several volumes are always looked at."""
    return group.startswith(node_services.PREFIX) or group_volume(group) in names


def group_volume(group: str) -> str:
    """The volume of a GETSPEC group or key.

    >>> group_volume("client/v1"), group_volume("shd/v1"), group_volume("/v1")
    ('v1', 'v1', 'v1')
    """
    head, slash, tail = group.partition("/")
    return tail if slash and head else (head or tail).partition(".")[0]
