"""Tests of the package itself: the plan is pure, so it needs no daemon; the step needs a folder."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gd2_label.command import LABEL_BRICK, VolumeLabel, plan_label
from gd2_label.step import XATTR, do, notes, undo

from gd2raft.core import model
from gd2raft.core.kv import Commit, KeyValueState, Operation, Put
from gd2raft.core.plan import Ids, Plan, Refused, View
from gd2raft.steps.brick_paths import VOLUME_ID
from gd2raft.steps.step import DiskAway

VOLUME_ID_1 = "5f9c5a0e-0d8a-4c4c-9a35-5e4cb1d3b8a1"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="trusted.* attributes need root")


def state_with_a_volume(*paths: str) -> KeyValueState:
    bricks = tuple(model.Brick(id=path, peer_id=f"peer{i}", path=path, index=i) for i, path in enumerate(paths))
    subvol = model.Subvolume(type=model.SubvolumeType.DISTRIBUTE, bricks=bricks)
    volume = model.Volume(id=VOLUME_ID_1, name="v1", state=model.VolumeState.CREATED, username="", password="", subvols=(subvol,))
    state = KeyValueState()
    state.apply(Operation(commit=Commit(put=(Put(model.volume_key("v1"), model.dump(volume)),))))
    return state


def planned(state: KeyValueState, label: str) -> Plan:
    plan = plan_label(View(state), VolumeLabel(volume="v1", label=label), Ids(lambda: "", 0.0))
    plan.check()
    return plan


def test_every_brick_is_labelled_on_its_peer_before_the_volume_says_so() -> None:
    plan = planned(state_with_a_volume("/a", "/b"), "archive")
    assert [(s.peer_id, s.arguments["path"]) for s in plan.before[0]] == [("peer0", "/a"), ("peer1", "/b")]
    (change,) = plan.changes
    assert change.record is not None
    assert change.record["metadata"] == {"label": "archive"}


@pytest.mark.parametrize("label", ["", "x" * 201])
def test_a_label_that_is_empty_or_too_long_is_refused(label: str) -> None:
    with pytest.raises(Refused, match="1 to 200 bytes"):
        planned(state_with_a_volume("/a"), label)


def brick_with(label: bytes, folder: Path) -> tuple[Path, Any, Any]:
    """A brick, and what the step gets to write "new" on it."""
    brick = folder / "brick"
    brick.mkdir()
    os.setxattr(brick, VOLUME_ID, uuid.UUID(VOLUME_ID_1).bytes)
    if label:
        os.setxattr(brick, XATTR, label)
    plan = planned(state_with_a_volume(str(brick)), "new")
    context = SimpleNamespace(transaction="t" * 36, localstatedir=folder, peer_id="peer0", rundir=folder)
    return brick, context, msgspec.convert(plan.before[0][0].arguments, LABEL_BRICK.arguments)


def label_of(brick: Path) -> bytes:
    return os.getxattr(brick, XATTR) if XATTR in os.listxattr(brick) else b""


@needs_root
@pytest.mark.parametrize("old", [b"", b"before"])
def test_an_undo_brings_the_old_label_back(tmp_path: Path, old: bytes) -> None:
    brick, context, arguments = brick_with(old, tmp_path)
    asyncio.run(do(context, arguments))
    asyncio.run(do(context, arguments))  # a step may be run twice
    assert label_of(brick) == b"new"
    asyncio.run(undo(context, arguments))
    asyncio.run(undo(context, arguments))  # so may an undo
    assert label_of(brick) == old


@needs_root
@pytest.mark.parametrize("old", [b"", b"before"])
def test_an_undo_fails_while_the_disk_is_away_and_works_when_it_is_back(tmp_path: Path, old: bytes) -> None:
    brick, context, arguments = brick_with(old, tmp_path)
    asyncio.run(do(context, arguments))
    away = brick.rename(tmp_path / "away")
    brick.mkdir()  # the empty mount point
    with pytest.raises(DiskAway, match="not a brick"):
        asyncio.run(undo(context, arguments))
    assert label_of(brick) == b""
    brick.rmdir()
    away.rename(brick)
    asyncio.run(undo(context, arguments))
    assert label_of(brick) == old


@needs_root
def test_a_step_that_is_given_up_has_ended_before_its_undo_may_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brick, context, arguments = brick_with(b"before", tmp_path)
    disk, write = threading.Event(), notes.write

    def slowly(*of: Any) -> None:
        disk.wait(30)
        write(*of)

    async def timed_out() -> None:
        monkeypatch.setattr(notes, "write", slowly)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                asyncio.get_running_loop().call_later(0.3, disk.set)
                await do(context, arguments)
        await undo(context, arguments)

    asyncio.run(timed_out())  # waits for its threads
    assert label_of(brick) == b"before"
