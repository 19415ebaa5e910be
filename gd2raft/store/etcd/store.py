"""`Store` on etcd: wires the mirror (reads), the commits, the election and a look at etcd's health. See the parts."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Sequence

import msgspec
import structlog

from gd2raft.core.kv import Commit, Result, Versioned
from gd2raft.store.etcd.commits import Commits
from gd2raft.store.etcd.copyfile import CopyFile
from gd2raft.store.etcd.election import Election
from gd2raft.store.etcd.errors import EtcdError, Rejected
from gd2raft.store.etcd.gateway import MEMBERS, RANGE, TXN, Endpoint, Gateway
from gd2raft.store.etcd.layout import FORMAT, PREFIX, Layout
from gd2raft.store.etcd.messages import MembersAnswer, RangeAnswer, TxnAnswer, compare, delete, prefix_end, put
from gd2raft.store.etcd.mirror import Mirror, Replaced
from gd2raft.store.interface import NoLeader, NoQuorum, StoreError, StoreStatus
from gd2raft.store.raft.disk import Disk
from gd2raft.store.watch import HistoryWatch

OUT_OF_RANGE = 11
"""gRPC's code for a revision that is compacted."""

log = structlog.get_logger("etcd")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a store uses its etcd. Endpoints are tried in this order, from a random one on."""

    endpoints: tuple[Endpoint, ...]
    prefix: str = PREFIX
    open_timeout_s: float = 10.0
    lead_ttl_s: int = 5  # so long nobody leads after a leader was killed, at most about
    health_every_s: float = 1.0
    health_timeout_s: float = 2.0
    copy_every_s: float = 5.0
    behind_max_s: float = 5.0  # a copy that lags for longer has a dead watch


class Links(msgspec.Struct, frozen=True):
    """What the store asks of the daemon around it."""

    may_lead: Callable[[EtcdStore], bool] = lambda store: True
    on_change: Callable[[], None] = lambda: None
    on_fatal: Callable[[Exception], None] = lambda error: None


class EtcdStore:
    """See interface.Store. `await EtcdStore.open(...)`, in the end `close()`."""

    def __init__(self, peer: str, pool: str, settings: Settings, links: Links, tls: ssl.SSLContext | None, disk: Disk | None) -> None:
        self._peer, self.pool, self._settings, self._links = peer, pool, settings, links
        turn = random.randrange(len(settings.endpoints))
        self._gateway = Gateway((*settings.endpoints[turn:], *settings.endpoints[:turn]), tls)
        self._layout = layout = Layout(pool, settings.prefix)
        self._mirror = Mirror(self._gateway, layout, on_leader=self._leader_changed, on_lost=self._lost)
        self._election = Election(
            self._gateway,
            layout,
            peer,
            settings.lead_ttl_s,
            leader=lambda: self._mirror.leader,
            may_lead=lambda: self._links.may_lead(self),
            on_change=self._changed,
        )
        self._commits = Commits(
            self._gateway, layout, fence=lambda: self._election.term, has_quorum=lambda: self._answers, wait=self._wait_revision
        )
        self._copy = CopyFile(disk) if disk is not None else None
        self._keeper: asyncio.Task[None] | None = None
        self._answers = True
        self._members: tuple[str, ...] = ()
        self._told: tuple[object, ...] = ()
        self._health: asyncio.Task[None] | None = None
        self._failed: Replaced | None = None
        self._why = "it can't be reached"

    @classmethod
    async def open(
        cls,
        peer: str,
        pool: str,
        settings: Settings,
        links: Links | None = None,
        *,
        create: bool,
        tls: ssl.SSLContext | None = None,
        disk: Disk | None = None,
    ) -> EtcdStore:
        """Load the pool. `create`: make it when it isn't there (and then only). `disk`: where a copy of it is kept, to begin with
        while etcd can't be reached. Raises StoreError."""
        store = cls(peer, pool, settings, links or Links(), tls, disk)
        try:
            async with asyncio.timeout(settings.open_timeout_s):
                await store._load(create)
        except TimeoutError:
            if not store._begin_with_copy():
                await store._abandon()
                raise StoreError(
                    f"etcd ({store._gateway}) gave no usable answer within {settings.open_timeout_s:.0f} s ({store._why}): is it up, and is "
                    "etcdendpoints right?"
                ) from None
        except BaseException:
            await store._abandon()
            raise
        store._health = asyncio.create_task(store._look_after(), name="etcd health")
        store._keeper = asyncio.create_task(store._keep_copy(), name="etcd copy")
        for task in (store._mirror.start(), store._election.start(), store._health, store._keeper):
            task.add_done_callback(store._ended)
        return store

    async def _load(self, create: bool) -> None:
        """Until etcd answers."""
        while True:
            try:
                await self._load_once(create)
                return
            except Rejected as error:
                if error.code == OUT_OF_RANGE:  # compacted while it was read: begin again
                    continue
                raise StoreError(f"etcd ({self._gateway}) refuses: {error}") from error
            except EtcdError as error:
                self._why = str(error)
                await asyncio.sleep(0.2)

    async def _load_once(self, create: bool) -> None:
        if create:
            head = self._layout.head
            body = {"compare": [compare(head, "CREATE", 0)], "success": [put(head, FORMAT)]}
            await self._gateway.call(TXN, body, TxnAnswer, timeout_s=self._settings.health_timeout_s)
        if not await self._mirror.load():
            raise StoreError(
                f"etcd ({self._gateway}) holds no pool {self.pool} under {self._layout.pool.decode()}: is it another etcd than before, or was it "
                "emptied? Restore etcd's backup; or move this peer's localstatedir away and let it join again as a new peer"
            )
        await self._read_members()

    async def _read_members(self) -> None:
        members = await self._gateway.call(MEMBERS, {}, MembersAnswer, timeout_s=self._settings.health_timeout_s)
        self._members = tuple(sorted(f"etcd:{member.name}" for member in members.members))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the store broke", part=task.get_name(), exc_info=error)
            self._links.on_fatal(error if isinstance(error, Exception) else RuntimeError(str(error)))

    async def _abandon(self) -> None:
        if self._copy is not None:
            self._copy.close()
        await self._gateway.close()

    def _begin_with_copy(self) -> bool:
        copy = self._copy.load(self.pool) if self._copy is not None else None
        if copy is None:
            return False
        log.warning("etcd can't be used, beginning with this peer's copy", revision=copy.revision, why=self._why)
        self._mirror.restore(copy)
        self._answers = False
        return True

    async def _keep_copy(self) -> None:
        while self._copy is not None:
            await asyncio.sleep(self._settings.copy_every_s)
            await self._save_copy()

    async def _save_copy(self) -> None:
        if self._copy is not None and self._failed is None and self._copy.revision != self.revision:
            await self._copy.save(self._mirror.copy(self.pool))

    async def close(self) -> None:
        tasks = [task for task in (self._health, self._keeper) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._election.close()
        await self._commits.close()
        await self._mirror.close()
        await self._save_copy()
        await self._abandon()

    async def destroy(self) -> None:
        """Remove the pool from etcd, if nobody has changed it since this (closed) store saw it. Raises StoreError."""
        layout = self._layout
        unchanged = compare(layout.head, "MOD", self._mirror.revision)
        body = {"compare": [unchanged], "success": [delete(layout.pool, prefix_end(layout.pool))]}
        try:
            if not (await self._gateway.call(TXN, body, TxnAnswer, timeout_s=self._settings.health_timeout_s)).succeeded:
                raise StoreError("the pool has changed meanwhile")
        except EtcdError as error:
            raise StoreError(f"the pool could not be removed from etcd: {error}") from error
        finally:
            await self._gateway.close()

    # reading

    @property
    def revision(self) -> int:
        return self._mirror.revision

    def get(self, key: str) -> Versioned | None:
        return self._mirror.items.get(key)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]:
        return self._mirror.items.list(prefix, after=after, limit=limit)

    def watch(self, prefix: str = "", from_revision: int | None = None) -> HistoryWatch:
        return self._mirror.history.watch(prefix, from_revision)

    async def wait_revision(self, revision: int, *, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            await self._wait_revision(revision)

    async def _wait_revision(self, revision: int) -> None:
        while self.revision < revision:
            self._require_running()
            await self._mirror.history.wait()

    async def linearizable(self, *, timeout_s: float) -> int:
        """etcd's own linearizable read of the head, then until this copy has it."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                await self._wait_revision(await self._read_head(deadline))
        except TimeoutError:
            self._commits.check_quorum()
            raise NoLeader("the newest state did not reach this peer in time") from None
        return self.revision

    async def _read_head(self, deadline: float) -> int:
        while True:
            self._require_running()
            self._commits.check_quorum()
            left = max(0.05, deadline - asyncio.get_running_loop().time())
            try:
                return await self._head(min(left, self._settings.health_timeout_s))
            except EtcdError as error:
                log.debug("a linearizable read is tried again", why=str(error))
                await asyncio.sleep(0.05)

    async def _head(self, timeout_s: float) -> int:
        answer = await self._gateway.call(RANGE, {"key": self._layout.head, "keys_only": True}, RangeAnswer, timeout_s=timeout_s)
        return answer.kvs[0].mod_revision if answer.kvs else 0

    # changing

    async def commit(self, commit: Commit, *, timeout_s: float) -> Result:
        self._require_running()
        result = await self._commits.commit(commit, timeout_s)
        if self._failed is None:
            self._set_answers(True)  # a look that failed while etcd elected is out of date
        return result

    async def transfer_leadership(self, to: str) -> None:
        """Stop leading. Another one takes over, which one is decided in etcd: `to` is no more than a wish."""
        await self._election.hand_over()

    # state

    def leads(self) -> bool:
        return self._answers and self._election.term > 0

    @property
    def last_applied(self) -> tuple[int, int]:
        return self.revision, self._mirror.leader.term

    def status(self) -> StoreStatus:
        """`voters` are etcd's members: no peer of the pool votes. `term` is the revision at which the leader began to lead."""
        leader, revision = self._mirror.leader, self.revision
        role = "leader" if self.leads() else "follower"
        seen = leader.peer if self._answers and (leader.peer != self._peer or role == "leader") else ""
        return StoreStatus(role, seen, leader.term, self._answers, self._members, revision, revision, revision, revision)

    def _require_running(self) -> None:
        if self._failed is not None:
            raise NoQuorum(str(self._failed))

    def _leader_changed(self) -> None:
        self._election.poke()
        self._changed()

    def _changed(self) -> None:
        status = self.status()
        seen = (status.role, status.leader, status.term, status.quorum)
        if seen != self._told:
            self._told = seen
            self._links.on_change()

    def _lost(self, error: Replaced) -> None:
        log.error("the pool in etcd can't be followed any more", why=str(error))
        self._failed, self._answers = error, False
        self._mirror.history.wake()  # nobody needs to wait any longer
        self._changed()
        self._links.on_fatal(error)

    async def _look_after(self) -> None:
        """Whether etcd answers with a quorum, and whether the watch is alive: it must bring what a linearizable read has seen."""
        behind_since: float | None = None
        while self._failed is None:
            try:
                seen = self._mirror.head
                head = await self._head(self._settings.health_timeout_s)
                if head < seen:
                    self._mirror.check_not_before(head)
                if not self._members:
                    await self._read_members()
                self._set_answers(True)
                now = asyncio.get_running_loop().time()
                behind_since = None if head <= self.revision else behind_since or now
                if behind_since is not None and now - behind_since > self._settings.behind_max_s:
                    log.warning("the watch of etcd brings nothing, opening another one", have=self.revision, head=head)
                    self._mirror.reconnect()
                    behind_since = None
            except Replaced as error:
                self._lost(error)
            except EtcdError as error:
                self._set_answers(await self._really_answers(error))
            await asyncio.sleep(self._settings.health_every_s * random.uniform(0.8, 1.2))

    async def _really_answers(self, error: EtcdError) -> bool:
        """Ask once more, at another endpoint: one member that is down is no lost quorum."""
        with contextlib.suppress(EtcdError):
            await self._head(self._settings.health_timeout_s)
            return True
        log.info("etcd does not answer", why=str(error))
        return False

    def _set_answers(self, answers: bool) -> None:
        if answers != self._answers:
            self._answers = answers
            log.info("etcd answers again" if answers else "etcd has no quorum, or can't be reached")
            self._changed()


async def holds(pool: str, settings: Settings, tls: ssl.SSLContext | None = None) -> bool:
    """Whether that etcd has the pool. Raises StoreError."""
    gateway = Gateway(settings.endpoints, tls)
    try:
        body = {"key": Layout(pool, settings.prefix).head, "keys_only": True}
        return bool((await gateway.call(RANGE, body, RangeAnswer, timeout_s=settings.open_timeout_s)).kvs)
    except EtcdError as error:
        raise StoreError(f"etcd can't be asked for the pool: {error}") from error
    finally:
        await gateway.close()


def endpoints(texts: Sequence[str]) -> tuple[Endpoint, ...]:
    """Raises BadEndpoint."""
    return tuple(Endpoint.parse(text) for text in texts)
