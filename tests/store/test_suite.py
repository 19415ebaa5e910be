"""The suite of `Store` against every implementation."""

from __future__ import annotations

from pathlib import Path

import pytest

from gd2raft.store.memory import MemoryStore
from tests.store.pool import POOL, Pool, until
from tests.store.suite import Body, StoreSuite


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
