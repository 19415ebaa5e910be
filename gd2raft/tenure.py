"""Which pool this peer is in, and how it changes pools: the identity file is the only switch between one pool and another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from gd2raft import stores
from gd2raft.config import join_address
from gd2raft.core import model
from gd2raft.core.kv import ABSENT, Commit, Expect, Put
from gd2raft.member import Member
from gd2raft.peers import identity as identities
from gd2raft.peers.courier import Courier
from gd2raft.peers.identity import Identity
from gd2raft.rpc.connection import Connection
from gd2raft.steps.registry import steps
from gd2raft.store.interface import StoreError
from gd2raft.store.raft.disk import RealDisk
from gd2raft.store.raft.errors import WalCorrupt
from gd2raft.store.raft.hint import CommitHint
from gd2raft.store.raft.node import Frame, Links, RaftStore
from gd2raft.store.raft.storage import WAL

if TYPE_CHECKING:
    from gd2raft.daemon import Daemon

log = structlog.get_logger("tenure")


class OrphanedLog(Exception):
    """The log of a pool without the identity that belongs to it: names the folder and the way out."""


class Tenure:
    """The identity, the secret of REST and the Member of the pool that this peer is in now."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._state = daemon.state
        self.identity: Identity
        self.secret = ""
        self.member: Member
        self.courier: Courier
        self._switching = asyncio.Lock()
        self._hint: CommitHint | None = None
        self._hint_waits = False

    # life

    def load(self) -> None:
        """Read who this peer is, or make a new one. Raises IdentityError, OrphanedLog."""
        first_start = identities.load(self._state) is None
        if first_start:
            self.secret = identities.load_secret(self._state, first_start=True)  # before the identity: a crash in between is a first start
        self.identity = self._load_identity()
        self.secret = identities.load_secret(self._state, first_start=False)
        secrets = [self._state / identities.AUTH, self._state / identities.FILE]
        joins = self._daemon.config.joinsecretfile
        identities.warn_if_open([*secrets, *([Path(joins)] if joins else [])])

    async def open(self) -> None:
        """Open the log; from here on other peers may ask."""
        self.member = await self._open_member()

    async def start(self) -> None:
        await self.member.start()
        await self._found_pool()

    async def close(self) -> None:
        if hasattr(self, "member"):
            await self._close_member(self.member)

    def connection_closed(self, connection: Connection) -> None:
        if hasattr(self, "member"):
            self.member.on_connection_closed(connection)
            if self.courier.came_by(connection):  # others come and go: one that only asked, or found somebody else than it looked for
                self.member.log.lost(connection.peer.peer_id)

    def _load_identity(self) -> Identity:
        found = identities.load(self._state)
        if found is None:
            if any((self._state / "raft").glob("*/*")):
                raise OrphanedLog(
                    f"{self._state / identities.FILE} is missing, but {self._state / 'raft'} holds the log of a pool. "
                    "Restore the file from a backup, or move the folder away, start the daemon again, and on another peer let it take the lost one's place, "
                    "bricks included: gd2 peer replace PEER ADDRESS"
                )
            found = identities.save(self._state, identities.new_identity())
        identities.forget_other_pools(self._state, found.pool_id)
        return found

    async def _open_member(self) -> Member:
        folder = identities.raft_folder(self._state, self.identity.pool_id)
        config, run_step = self._daemon.config, self._daemon.run_step
        stores.check_folder(folder, config.store)
        if config.store == "etcd":
            folder.mkdir(parents=True, exist_ok=True)
            self.courier = Courier(self._dial_voter, lambda peer: "")  # nobody votes
            in_etcd = await stores.open_etcd(
                config, self.identity, folder, on_change=self._store_changed, on_fatal=lambda error: self._daemon.stop(str(error))
            )
            return Member(self.identity, in_etcd, None, self._daemon, run_step)
        store = await self._open_raft(folder)
        self.courier = Courier(self._dial_voter, lambda peer: self.member.address_of(peer), self._muted)
        return Member(self.identity, store, store, self._daemon, run_step)

    async def _open_raft(self, folder: Path) -> RaftStore:
        marker = folder / "created"
        # A peer that has seen itself in this pool had a log: without it, it must not begin anew under the name that it voted by.
        expect = marker.exists() or self.identity.joined_index > 0
        if expect and not folder.exists():  # said here, since opening the disk makes the folder and a lock in it
            raise WalCorrupt(
                str(folder / WAL), 0, "it is missing with its folder, while this peer is a member of a pool (was its disk replaced?)"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._hint = hint = CommitHint(folder / "committed")
        self._hint_waits = False
        opened: list[RaftStore] = []  # the store, once it is open
        links = Links(
            send=lambda peer, data: self.courier.send(peer, data),
            forward=self._daemon.forward_operation,
            forward_read=self._daemon.forward_read,
            on_committed=lambda frames: self._committed(frames, hint, opened),
            on_durable=lambda: self._durable(hint, opened),
            on_fatal=lambda error: self._daemon.stop(str(error)),
            on_change=self._store_changed,
            on_forgetful=self._forgetful,
        )
        store = await RaftStore.open(self.identity.peer_id, RealDisk(folder), links, expect=expect, known_committed=hint.read)
        opened.append(store)
        if not store.pool:
            if self.identity.role == "founder":
                await store.bootstrap(self.identity.pool_id)
            else:
                await store.reset_to_learner(self.identity.pool_id)
            marker.touch()
        return store

    async def _close_member(self, member: Member) -> None:
        await member.close()
        await self.courier.close()
        await member.store.close()
        if self._hint is not None:
            self._hint.close()

    def _committed(self, frames: Sequence[Frame], hint: CommitHint, opened: list[RaftStore]) -> None:
        for store in opened:
            if hasattr(self, "member") and self.member.store is store:
                self.member.feed.publish(frames)
            if not self._hint_waits:  # else it is noted when more is durable
                self._note_committed(store, hint)

    def _note_committed(self, store: RaftStore, hint: CommitHint) -> None:
        """Keep how far the log is committed, once that part of it is on our own disk (others may have been quicker)."""
        index, term = store.last_applied
        self._hint_waits = index > store.durable_index
        if not self._hint_waits:
            hint.write(store.pool, index, term)

    def _durable(self, hint: CommitHint, opened: list[RaftStore]) -> None:
        if self._hint_waits and not hint.closed:
            for store in opened:
                self._note_committed(store, hint)

    def _store_changed(self) -> None:
        if hasattr(self, "member"):
            self.member.on_store_change()

    def _muted(self) -> bool:
        """Others take this daemon for a second one of its peer."""
        return self._daemon.twins.muted(asyncio.get_running_loop().time())

    def _forgetful(self, peer_id: str, had: int, has: int) -> None:
        self.member.lookout.lost_log(peer_id, had, has)

    async def _found_pool(self) -> None:
        """The first commit of a pool of one: the cluster's record and this peer's own."""
        store = self.member.store
        if self.identity.role != "founder" or (self.member.replicates and store.status().voters != (self.identity.peer_id,)):
            return
        if not self.member.replicates and store.get(model.CLUSTER) is not None:
            return  # also while etcd is away
        await store.linearizable(timeout_s=10.0)  # what is in the log already counts
        if store.get(model.CLUSTER) is not None:
            return
        host = self._daemon.peer_host or socket.gethostname()
        peer = self._own_record(host)
        records = [
            (model.CLUSTER, model.dump(model.Cluster(id=self.identity.pool_id, op_version=model.OP_VERSION))),
            (model.peer_key(peer.id), model.dump(peer)),
            ("peers", b"1"),
        ]
        expect = tuple(Expect(key, ABSENT) for key, _ in records)
        await store.commit(Commit(expect, tuple(Put(k, v) for k, v in records)), timeout_s=10.0)

    def _own_record(self, host: str) -> model.Peer:
        return model.Peer(
            id=self.identity.peer_id,
            name=host,
            hostname=host,
            addresses=(join_address(host, self._daemon.peer_port),),
            client_addresses=(join_address(self._daemon.client_host or host, self._daemon.client_port),),
            zone=self._daemon.config.zone,
            op_version_max=model.OP_VERSION,
            op_version_min=model.OP_VERSION_MIN,
            steps=tuple(sorted(steps())),
            hooks=self._daemon.hook_names(),
        )

    async def switch(self, identity: Identity, secret: str | None) -> None:
        """Become a member of another pool (or a pool of one), to the end even when the caller goes away."""
        await asyncio.shield(asyncio.create_task(self._switch(identity, secret)))

    async def _switch(self, identity: Identity, secret: str | None) -> None:
        """The identity file decides: before it is written, nothing has changed."""
        async with self._switching:
            if secret is None:
                self.secret = identities.new_secret(self._state)
            else:
                identities.save_secret(self._state, secret)
                self.secret = secret
            left, self.identity = self.identity, identities.save(self._state, identity)
            await self._close_member(self.member)
            if self.member.members() == {left.peer_id}:
                await stores.forget(self.member.store, identities.raft_folder(self._state, left.pool_id))
            for connection in self._daemon.rpc.connections:
                if not connection.join_mode:
                    connection.abort("this peer has left the pool")
            daemon = self._daemon
            old, daemon.pool_connections = daemon.pool_connections, daemon.new_connections()
            await old.close()
            try:
                self.member = await self._open_member()
                await self.member.start()
                await self._found_pool()
            except StoreError as error:  # its etcd is out of reach; the identity is settled: the next start goes on
                self._daemon.stop(f"this peer could not open the state of its new pool: {error}")
                raise
            identities.forget_other_pools(self._state, identity.pool_id)
            self._daemon.gluster.changed(None)
            log.info("switched to another pool", pool=identity.pool_id, role=identity.role)

    def seen_in_pool(self, index: int) -> None:
        """This peer has seen itself in the pool's state: it is a member now, for good."""
        role = "member" if self.identity.role == "invited" else self.identity.role
        self.identity = identities.save(self._state, msgspec.structs.replace(self.identity, role=role, joined_index=index))
        self.member.identity = self.identity

    def detached(self, why: str) -> None:
        log.warning("this peer is not in its pool any more, becoming a pool of one", pool=self.identity.pool_id, why=why)
        member = self.member

        async def leave() -> None:
            if self.member is member:
                await self._daemon.probed.leave()

        self._daemon.spawn(leave())

    async def _dial_voter(self, address: str, peer_id: str) -> Connection:
        return await self._daemon.connections().dial(address, expect_peer_id=peer_id, timeout_s=2.0)
