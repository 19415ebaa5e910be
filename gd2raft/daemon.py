"""The daemon: makes the rooms, hands each what it needs of the others, and ends them. The only place that knows them all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from gd2raft import __version__, departures, services, stores
from gd2raft.api import DaemonApi
from gd2raft.asks.ask import AskFailed, Here
from gd2raft.asks.registry import ASKS
from gd2raft.config import Config, ConfigError, read_secret, split_address
from gd2raft.core import heketi, jobs, model
from gd2raft.core.changes import Changes, Listener, tell, volumes_in
from gd2raft.core.kv import Commit, Event, Expect, Put
from gd2raft.core.phases import StepOutcome
from gd2raft.core.plan import BadExtension
from gd2raft.engine.calls import CommandCall, Done, StepCall
from gd2raft.engine.caretaker import Caretaker
from gd2raft.engine.step_runner import StepRunner
from gd2raft.engine.turns import Turns
from gd2raft.evacuation import evacuation_of
from gd2raft.gluster import Gluster
from gd2raft.healing import Healing
from gd2raft.hooks import Hooks
from gd2raft.member import Member
from gd2raft.moves import mover, movers
from gd2raft.peers import identity as identities
from gd2raft.peers.herald import Herald
from gd2raft.peers.identity import Identity
from gd2raft.peers.joining import Probed, Prober
from gd2raft.peers.twins import RUNS_TWICE, Twins
from gd2raft.process import ProcessManager
from gd2raft.process.mount import MountPlace, forget_mounts
from gd2raft.remote import Remote, explain
from gd2raft.rest.api import Answered
from gd2raft.rest.heketi.tokens import Keys
from gd2raft.rest.server import RestServer
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import HelloRefused, RemoteError, RpcError
from gd2raft.rpc.hello import HelloInfo, HelloPolicy, key_id_of
from gd2raft.rpc.pool import ConnectionPool
from gd2raft.rpc.server import RpcServer
from gd2raft.rpc.traffic import Traffic
from gd2raft.server_quorum import ServerQuorum
from gd2raft.step_world import StepWorld
from gd2raft.steps import notes
from gd2raft.steps.registry import steps
from gd2raft.storage import MOUNTS, Storage
from gd2raft.store.interface import StoreError
from gd2raft.store.raft.errors import StorageError
from gd2raft.sunrpc.brickop import BrickOpClient
from gd2raft.sunrpc.peek import PortMux
from gd2raft.sunrpc.server import SunRpcServer
from gd2raft.systemd import supervisor
from gd2raft.telemetry import Telemetry
from gd2raft.tenure import OrphanedLog, Tenure
from gd2raft.volfiles import Volfiles
from gd2volgen.tables import option_table

log = structlog.get_logger("daemon")

ALONE_S = 1.0


class CantStart(Exception):
    """One clear line: what is wrong and what to do."""


class Daemon:
    """One peer. `await Daemon(config).run()` until it is stopped; raises CantStart."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state = Path(config.localstatedir)
        self.rundir = Path(config.rundir)
        self.peer_host, self.peer_port = split_address(config.peeraddress)
        self.client_host, self.client_port = split_address(config.clientaddress)
        self.options = option_table()
        self.started_at = time.time()
        self.traffic = Traffic()
        self.supervisor = supervisor()
        self._stop = asyncio.Event()
        self._failure: str | None = None
        self.tenure = Tenure(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock_file: int | None = None
        self.instance = secrets.token_hex(8)

    # life

    async def run(self) -> None:
        """Start, serve until a signal or a failure of the disk, stop. Raises CantStart."""
        try:
            await self._start()
        except (OSError, BadExtension, RpcError, StorageError, identities.IdentityError, OrphanedLog, StoreError) as error:
            await self._close()
            raise CantStart(describe(error)) from error
        self.supervisor.say("READY=1")
        self.spawn(self.supervisor.ping())
        log.info("ready", peer=self.identity.peer_id, pool=self.identity.pool_id, version=__version__)
        await self._stop.wait()
        self.supervisor.say("STOPPING=1")
        await self._close()
        if self._failure is not None:
            raise CantStart(self._failure)

    def stop(self, failure: str | None = None) -> None:
        self._failure = self._failure or failure
        self._stop.set()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_at_signal, number)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):  # to glusterd they mean something, and would end us
            loop.add_signal_handler(number, log.warning, f"signal {number.name} is ignored")
        self._make_folders()
        listener = self._listen()  # before anything is changed: a taken port must not leave half a start
        self.tenure.load()
        self._make_rooms()
        await self.processes.start()
        await forget_mounts(self.rundir)
        await self.tenure.open()
        await self.rpc.start()
        await self.tenure.start()
        await self.rest.start()
        gc.freeze()  # code and the loaded state stay: no collection needs to look through them
        gc.enable()  # main.py
        self.spawn(self._accept(listener))
        await self.mover.where()
        await self._unless_twin()
        if self._stop.is_set():
            return
        await self.storage.start()
        self.gluster.start()
        self.hooks.start()
        self.quorum.start()
        self.caretaker.start()
        self.evacuation.start()
        self.spawn(self.mover.run())
        self.spawn(Herald(lambda: self.identity, lambda: self.member.missing(), self._policy, self.peer_host or None).run())

    def _stop_at_signal(self, number: signal.Signals) -> None:
        log.info("stopping", signal=number.name)
        self.stop()

    async def _unless_twin(self) -> None:
        """No brick is started beside those of a twin: others are given a moment to say whether this peer runs already."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ALONE_S):
                await self.member.current.wait()
        while self.twins.suspected(asyncio.get_running_loop().time()) and not (self.member.current.is_set() or self._stop.is_set()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._stop.wait()

    def _make_folders(self) -> None:
        for folder in (self.state, self.rundir, Path(self.config.logdir)):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CantStart(f"folder {folder} can't be made: {error.strerror}") from error
        self.state.chmod(0o700)
        if self.state.stat().st_uid != os.geteuid():
            raise CantStart(f"folder {self.state} belongs to user {self.state.stat().st_uid}: chown it to the user that runs gd2raft")
        self._lock_file = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CantStart(f"another gd2raft uses {self.state}: stop it, or choose another localstatedir") from error

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.client_host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.client_host, self.client_port))
        except OSError as error:
            listener.close()
            hint = "is glusterd or another gd2raft running?" if error.errno == errno.EADDRINUSE else "is it an address of this machine?"
            raise CantStart(f"clientaddress {self.config.clientaddress} can't be listened on: {error.strerror}; {hint}") from error
        listener.listen(512)
        listener.setblocking(False)
        return listener

    def _make_rooms(self) -> None:
        handlers = Remote(self).handlers()
        self.twins = Twins(self._hello, lambda: [(c.peer, c.remote) for c in self.rpc.connections if not (c.join_mode or c.closed)])
        policy = HelloPolicy(
            own_info=self._hello,
            key_for=self._key_for,
            accept=self.twins.verdict,
            accept_join=lambda hello: None,
            join_secret=self._join_secret,
        )
        self.rpc = RpcServer(
            self.peer_host, self.peer_port, policy, handlers, traffic=self.traffic, explain=explain, on_close=self._connection_closed
        )
        self._policy, self._handlers = policy, handlers
        self.pool_connections = self.new_connections()
        self.prober = Prober(self.connections, self._join_secret, self.config.store)
        self.probed = Probed(
            lambda: self.identity, self.view, self.about, self.tenure.switch, lambda invitation: stores.unfit(self.config, invitation)
        )
        self.movers, self.mover = movers(self), mover(self)
        self.processes = ProcessManager(
            rundir=str(self.rundir),
            logdir=self.config.logdir,
            log=structlog.get_logger("process"),
            terminate=terminate,
            on_change=self._process_changed,
        )
        host = self.client_host or "127.0.0.1"
        self.mounts = MountPlace(host=host, port=self.client_port, rundir=self.rundir, logdir=Path(self.config.logdir))
        self.quorum = ServerQuorum(
            peer_id=lambda: self.identity.peer_id,
            view=self.view,
            live=self._counted_on,
            running=lambda path: self.processes.status(path).online,
            on_change=lambda: self.gluster.changed(None),
        )
        self.gluster = Gluster(
            peer_id=lambda: self.identity.peer_id,
            view=self.view,
            online=self.online,
            current=lambda: self.member.current.is_set(),
            host=host,
            port=self.client_port,
            bind_address=self.client_host,
            rundir=self.rundir,
            workdir=self.state,
            processes=self.processes,
            report=self.report_job,
            mounts=self.mounts,
            misplaced=self.mover.misplaced,
            quorum=self.quorum,
        )
        self.volfiles = Volfiles(self.view, lambda: self.member.store.revision, lambda v: self.gluster.client_volfile(v, trusted=False))
        self.healing = Healing(self.processes, lambda name: self.view().volume(name), lambda: self.identity.peer_id)
        self.hooks = Hooks(
            folder=Path(self.config.hooksdir),
            state=self.state,
            peer_id=lambda: self.identity.peer_id,
            view=self.view,
            current=lambda: self.member.current.is_set(),
            on_change=lambda: self.member.renew(),
        )
        self.storage = Storage(
            store=lambda: self.member.store,
            peer_id=lambda: self.identity.peer_id,
            current=lambda: self.member.current.is_set(),
            folder=self.state / MOUNTS,
            forbidden=(self.state, self.rundir),
            on_mounted=lambda: self.gluster.changed(None),
        )
        self.evacuation = evacuation_of(self)
        self.sunrpc = SunRpcServer(self.gluster, log=structlog.get_logger("sunrpc"))
        self.gluster.server = self.sunrpc
        kinds = {name: step.kind for name, step in steps().items()}
        do, store, turns = StepWorld(self).do, lambda: self.member.store, Turns()
        self.caretaker = Caretaker(
            store, do, kinds, lambda: self.identity.peer_id, notes.NotesOnDisk(self.state), lambda: self.member.current.is_set(), turns
        )
        self.step_runner = StepRunner(
            store, do, kinds, lambda: self.identity.peer_id, turns, self.caretaker.make_way, lambda: self.member.hurry()
        )
        keys = Keys(admin=self.config.heketi_admin_key, user=self.config.heketi_user_key)
        self.rest = RestServer(DaemonApi(self), auth_required=self.config.restauth, heketi_keys=keys)
        self._listeners = [
            Listener.of(self.caretaker.on_events, model.LEFTOVERS, model.TRANSACTIONS),
            Listener.of(self.storage.on_events, model.DEVICES, model.SPACES),
            Listener.of(self.evacuation.on_events, model.DEVICES, model.SPACES),
            Listener.of(self.rest.on_events, heketi.OPERATIONS),
            Listener.of(self.hooks.on_events, model.RESULTS),
            Listener.of(self._peers_changed, model.PEERS),
        ]
        Telemetry(self).register(self.rest.metrics.registry)

    def new_connections(self) -> ConnectionPool:
        local = self.peer_host or None
        return ConnectionPool(
            self._policy,
            self._handlers,
            local_address=local,
            traffic=self.traffic,
            explain=explain,
            jitter=random.Random(),
            on_refused=self.refused,
        )

    def refused(self, error: HelloRefused | RemoteError) -> None:
        if error.code == RUNS_TWICE and self.twins.refused(asyncio.get_running_loop().time()):
            self.stop(error.message)

    async def _accept(self, listener: socket.socket) -> None:
        mux = PortMux(listener, http=self.rest.adopt, sunrpc=self.sunrpc.adopt, log=structlog.get_logger("mux"))
        try:
            await mux.run()
        finally:
            listener.close()

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for room in ("rest", "sunrpc", "evacuation", "healing", "hooks", "quorum", "gluster", "caretaker", "step_runner", "storage"):
            if hasattr(self, room):
                with contextlib.suppress(Exception):
                    await getattr(self, room).close()
        await self.tenure.close()
        for room in ("processes", "pool_connections", "rpc"):
            if hasattr(self, room):
                with contextlib.suppress(Exception):
                    await getattr(self, room).close()
        if self._lock_file is not None:
            os.close(self._lock_file)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the daemon broke", exc_info=error)
            self.stop(f"a task of the daemon broke: {error}")

    # the pool that this peer is in (tenure.py)

    @property
    def identity(self) -> Identity:
        return self.tenure.identity

    @property
    def member(self) -> Member:
        return self.tenure.member

    @property
    def secret(self) -> str:
        return self.tenure.secret

    # what the rooms ask of each other

    def connections(self) -> ConnectionPool:
        return self.pool_connections

    def online(self) -> frozenset[str]:
        return self.member.online()

    def hook_names(self) -> tuple[str, ...]:
        return self.hooks.names

    async def who_answers(self, host: str, port: int, timeout_s: float) -> services.AskReply:
        return await self.prober.ask(host, port, timeout_s)

    def instance_of(self, peer_id: str) -> str:
        return self.tenure.courier.instance_of(peer_id)

    def _counted_on(self) -> frozenset[str]:
        """The peers in sight, if a leader with a quorum says so; else this peer alone."""
        return self.online() if self.member.store.status().quorum else frozenset({self.identity.peer_id})

    def view(self) -> model.View:
        return self.member.view()

    def about(self, refusal: str) -> services.AskReply:
        return services.AskReply(
            peer_id=self.identity.peer_id,
            pool_id=self.identity.pool_id,
            client_port=self.client_port,
            zone=self.config.zone,
            op_version_min=model.OP_VERSION_MIN,
            op_version_max=model.OP_VERSION,
            steps=sorted(steps()),
            refusal=refusal,
            client_host=self.client_host,
            peer_port=self.peer_port,
            store=self.config.store,
            hooks=list(self.hook_names()),
        )

    def _hello(self) -> HelloInfo:
        return HelloInfo(
            self.identity.peer_id,
            self.identity.pool_id,
            model.OP_VERSION,
            f"gd2raft {__version__}",
            0,
            self.config.peeraddress,
            model.OP_VERSION,
            self.instance,
        )

    def _key_for(self, key_id: bytes) -> bytes | None:
        return self.identity.key() if key_id == key_id_of(self.identity.pool_id) else None

    def _join_secret(self) -> bytes | None:
        if not self.config.joinsecretfile:
            return None
        try:
            return read_secret(self.config.joinsecretfile)
        except ConfigError as error:
            log.error("nobody can join", cause=str(error))
            return os.urandom(32)

    def seen_in_pool(self, index: int) -> None:
        self.tenure.seen_in_pool(index)

    def detached(self, why: str) -> None:
        self.tenure.detached(why)

    def _connection_closed(self, connection: Connection) -> None:
        self.tenure.connection_closed(connection)

    def _process_changed(self, key: str) -> None:
        log.debug("process changed", key=key)
        self.gluster.rebalances.process_changed(key)

    async def report_job(self, job: jobs.Job, progress: jobs.Progress) -> None:
        """Put how this peer's part of a job ended into the store, for good. Raises StoreError."""
        key, store = jobs.job_key(job.id), self.member.store
        if (item := store.get(key)) is not None:
            put = Put(jobs.result_key(job.id, self.identity.peer_id), model.dump(progress))
            await store.commit(Commit((Expect(key, item.modified),), (put,)), timeout_s=10.0)

    def _peers_changed(self, events: Sequence[Event] | None) -> None:
        if events is None or any(event.key == model.peer_key(self.identity.peer_id) for event in events):
            self.mover.poke()

    def on_changes(self, changes: Changes | None) -> None:
        """The state changed (None: anything may have): bricks and clients follow, and what was left undone is undone."""
        tell(self._listeners, changes)
        names = None if changes is None else volumes_in(changes, self.view)
        if names is None or names:
            self.gluster.changed(names)
            self.volfiles.changed(names)

    async def asked(self, name: str, ask: str, arguments: Mapping[str, Any]) -> Answered:
        """Answer an ask about a volume on this peer."""
        volume = self.view().volume(name)
        if volume is None:
            return Answered(error=f"this peer knows no volume {name}")
        if (answer := ASKS.get(ask)) is None:
            return Answered(error=f"this peer's daemon knows no ask {ask!r}: upgrade it")
        here = Here(
            self.identity.peer_id, self.processes, self.gluster.client_volfile, self.rundir, self.mounts, self.gluster.crawls.counted
        )
        try:
            return Answered(value=await answer(here, volume, arguments))
        except AskFailed as error:
            return Answered(error=str(error))

    # calls to other peers

    async def forward_operation(self, leader: str, data: bytes, timeout_s: float) -> bytes:
        return await Remote(self).forward(services.STORE_FORWARD, leader, data, timeout_s)

    async def forward_read(self, leader: str, data: bytes, timeout_s: float) -> bytes:
        return await Remote(self).forward(services.STORE_READ, leader, data, timeout_s)

    async def forward_command(self, leader: str, call: CommandCall, timeout_s: float) -> Done:
        return await Remote(self).forward_command(leader, call, timeout_s)

    async def run_step(self, peer_id: str, call: StepCall) -> StepOutcome:
        if peer_id == self.identity.peer_id:
            return await self.step_runner.run(call)
        return await Remote(self).run_step(peer_id, call)

    async def run_command(self, call: CommandCall) -> Done:
        """Run a command as the leader."""
        return await departures.run(self, call)


async def terminate(socket_path: str, brick_path: str, timeout_s: float) -> None:
    await BrickOpClient(socket_path, timeout_s=timeout_s).terminate(brick_path)


def describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
