"""The suite of `Store` against every implementation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gd2raft.store.etcd.store import EtcdStore, Settings, endpoints
from gd2raft.store.memory import MemoryStore
from tests.store.etcd_servers import EtcdServers, etcd_servers
from tests.store.pool import POOL, Pool
from tests.store.suite import Body, StoreSuite
from tests.waiting import until


class TestMemory(StoreSuite):
    pytestmark = pytest.mark.fast

    async def with_store(self, folder: Path, body: Body) -> None:
        await body(MemoryStore())


class TestOneVoter(StoreSuite):
    async def with_store(self, folder: Path, body: Body) -> None:
        pool = Pool(folder)
        (store,) = await pool.form("a")
        await body(store)
        await pool.close()
        assert not pool.fatal


class TestLeaderOfThree(StoreSuite):
    async def with_store(self, folder: Path, body: Body) -> None:
        pool = Pool(folder)
        await pool.form("a", "b", "c")
        await body(await pool.leader())
        await pool.close()
        assert not pool.fatal


class TestFollowerOfThree(StoreSuite):
    async def with_store(self, folder: Path, body: Body) -> None:
        pool = Pool(folder)
        stores = await pool.form("a", "b", "c")
        await pool.leader()
        await body(next(store for store in stores if not store.leads()))
        await pool.close()
        assert not pool.fatal


class TestLearner(StoreSuite):
    async def with_store(self, folder: Path, body: Body) -> None:
        pool = Pool(folder)
        await pool.form("a", "b", "c")
        learner = await pool.start("l")
        await learner.reset_to_learner(POOL)
        feed = pool.feed("l", "b")
        await until(lambda: learner.last_applied[0] > 0 and bool(learner.leader()))
        await body(learner)
        assert not learner.is_voter
        feed.cancel()
        await pool.close()
        assert not pool.fatal


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServers]:
    """One etcd for the tests of a class; each has a pool of its own in it."""
    with etcd_servers(tmp_path_factory.mktemp("etcd"), 1) as servers:
        yield servers


class TestEtcd(StoreSuite):
    @pytest.fixture(autouse=True)
    def _on_etcd(self, etcd: EtcdServers) -> None:
        self.settings = Settings(endpoints=endpoints(etcd.endpoints))

    async def with_store(self, folder: Path, body: Body) -> None:
        store = await EtcdStore.open("a", str(uuid.uuid4()), self.settings, create=True)
        await until(store.leads)
        try:
            await body(store)
        finally:
            await store.close()


class TestFollowerOnEtcd(TestEtcd):
    """A peer that doesn't lead, while another one does."""

    async def with_store(self, folder: Path, body: Body) -> None:
        pool = str(uuid.uuid4())
        leader = await EtcdStore.open("a", pool, self.settings, create=True)
        await until(leader.leads)
        store = await EtcdStore.open("b", pool, self.settings, create=False)
        try:
            await body(store)
            assert not store.leads() and store.status().leader == "a"
        finally:
            await store.close()
            await leader.close()
