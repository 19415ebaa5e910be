"""quota.limit, quota.root: what the steps set, that an undo brings back what was there, and what is refused. A folder is the volume."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gd2raft.commands.step_kinds import LimitRoot, SetLimit
from gd2raft.steps import quota_limit, quota_root
from gd2raft.steps.step import StepFailed

pytestmark = [pytest.mark.fast, pytest.mark.skipif(os.geteuid() != 0, reason="trusted.* attributes need root")]

GFID = "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b"
NAME = "trusted.glusterfs.quota.limit-set"
OLD, NEW = "00" * 16, "ff" * 16


class Context:
    transaction = "t" * 36

    def __init__(self, folder: Path) -> None:
        self.localstatedir, self.root = folder / "state", folder / "root"
        self.directory = self.root / ".gfid" / GFID
        self.directory.mkdir(parents=True)

    @contextlib.asynccontextmanager
    async def mounted(self, volume: str, client_pid: int, timeout_s: float) -> AsyncIterator[Path]:
        assert client_pid == -5, "the quota xlator refuses its attributes from other clients"
        yield self.root

    def run(self, step: Callable[..., Any], **more: Any) -> None:
        asyncio.run(step(self, SetLimit(volume="v", gfid=GFID, path="/d", name="limit-set", **more)))

    def value(self) -> str:
        with contextlib.suppress(OSError):
            return os.getxattr(self.directory, NAME).hex()
        return ""


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path)


@pytest.mark.parametrize("old", ["", OLD])
@pytest.mark.parametrize("new", ["", NEW])
def test_an_undo_brings_the_old_limit_back_also_when_the_step_ran_twice(context: Context, old: str, new: str) -> None:
    if old:
        os.setxattr(context.directory, NAME, bytes.fromhex(old))
    for _ in range(2):
        context.run(quota_limit.do, value=new)
        assert context.value() == new
    for _ in range(2):
        context.run(quota_limit.undo, value=new)
        assert context.value() == old


def test_an_undo_without_a_note_touches_nothing(context: Context) -> None:
    os.setxattr(context.directory, NAME, bytes.fromhex(OLD))
    context.run(quota_limit.undo, value=NEW)
    assert context.value() == OLD


def test_a_directory_that_went_away_meanwhile_is_told_and_its_undo_has_nothing_to_do(context: Context) -> None:
    context.run(quota_limit.do, value=NEW)
    context.directory.rmdir()
    context.run(quota_limit.undo, value=NEW)
    with pytest.raises(StepFailed, match="is gone"):
        context.run(quota_limit.do, value=NEW)


def test_a_limit_of_a_lost_directory_is_dropped_only_if_it_is_lost(context: Context) -> None:
    with pytest.raises(StepFailed, match="has another path now"):
        context.run(quota_limit.do, gone=True)
    context.directory.rmdir()
    context.run(quota_limit.do, gone=True)


def test_a_new_brick_gets_the_limits_of_the_root_and_a_lost_one_is_told(tmp_path: Path) -> None:
    arguments = LimitRoot(volume="v", path=str(tmp_path), attributes={f"{NAME}.1": NEW})
    context: Any = Context(tmp_path)
    for _ in range(2):
        asyncio.run(quota_root.do(context, arguments))
        assert os.getxattr(tmp_path, f"{NAME}.1").hex() == NEW
    with pytest.raises(StepFailed, match="nowhere"):
        asyncio.run(quota_root.do(context, LimitRoot(volume="v", path=f"{tmp_path}/nowhere", attributes={f"{NAME}.1": NEW})))
