"""What steps of add-brick and remove-brick do to folders: marks of copies that are new, and the look for files that are left."""

from __future__ import annotations

import asyncio
import os
import struct
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from brick_kit import ME, OURS

from gd2raft.commands.step_kinds import MarkReplica
from gd2raft.steps import replica_mark
from gd2raft.steps.brick_leave import first_file
from gd2raft.steps.brick_paths import VOLUME_ID
from gd2raft.steps.registry import steps
from gd2raft.steps.step import StepFailed

ROOT = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def brick(tmp_path: Path) -> Path:
    (tmp_path / ".glusterfs" / "00").mkdir(parents=True)
    (tmp_path / ".glusterfs" / "00" / "gfid").write_text("inside")
    (tmp_path / "folder" / "below").mkdir(parents=True)
    return tmp_path


def look(brick: Path, seconds: float = 10.0) -> str | None:
    return first_file(str(brick), time.monotonic() + seconds)


def test_a_brick_of_empty_folders_is_empty(brick: Path) -> None:
    assert look(brick) is None


def test_a_pointer_of_dht_is_no_file(brick: Path) -> None:
    pointer = brick / "folder" / "pointer"
    pointer.touch()
    pointer.chmod(0o1000)
    assert look(brick) is None


@pytest.mark.parametrize("kind", ["file", "empty file", "link", "socket-like", "sticky file with data"])
def test_what_is_left_is_named(brick: Path, kind: str) -> None:
    left = brick / "folder" / "below" / "left"
    if kind == "link":
        left.symlink_to("nowhere")
    elif kind == "socket-like":
        os.mkfifo(left)
    else:
        left.write_bytes(b"" if kind == "empty file" else b"data")
        left.chmod(0o1000 if kind.startswith("sticky") else 0o644)
    assert look(brick) == "folder/below/left"


def test_a_folder_named_like_glusterfs_own_counts_when_it_is_not_at_the_top(brick: Path) -> None:
    (brick / "folder" / ".glusterfs").mkdir()
    (brick / "folder" / ".glusterfs" / "mine").write_text("x")
    assert look(brick) == "folder/.glusterfs/mine"


def test_the_look_ends_in_time(brick: Path) -> None:
    for number in range(50):
        (brick / f"pointer{number}").touch()
        (brick / f"pointer{number}").chmod(0o1000)
    (brick / "z").write_text("x")
    assert first_file(str(brick), time.monotonic() - 1) is None


class Heals:
    """A context whose self-heal does what it is told to: `heal` is called so often before it begins."""

    def __init__(self, brick: Path, begins_at: int) -> None:
        self.brick, self.begins_at, self.asked, self.listed = brick, begins_at, 0, 0
        self.kept: list[str] = []

    def keep_healing(self, volume: str) -> None:
        assert self.asked == self.begins_at
        self.kept.append(volume)

    async def heal(self, volume: str) -> None:
        self.asked += 1
        entry = self.brick / replica_mark.INDEX / ROOT
        self.listed += entry.exists()
        if self.asked >= self.begins_at:
            os.setxattr(self.brick, "trusted.afr.v-client-2", struct.pack(">III", 1, 0, 1))
        else:
            entry.unlink()  # as a self-heal daemon does that doesn't know of the new copy yet
            raise StepFailed("the self-heal daemon is starting")


def run(name: str, context: Any, arguments: MarkReplica, *, undo: bool = False) -> None:
    code = steps()[name]
    action = code.undo if undo else code.do
    assert action is not None
    asyncio.run(action(context, arguments))  # type: ignore[arg-type]


def arguments(brick: Path) -> MarkReplica:
    return MarkReplica(volume="v", path=str(brick), clients=["v-client-2"])


def marks(brick: Path) -> dict[str, bytes]:
    return {name: os.getxattr(brick, name) for name in os.listxattr(brick) if name.startswith("trusted.afr.")}


@pytest.mark.real
def test_a_good_copy_is_marked_and_the_mark_goes_with_the_undo(brick: Path) -> None:
    for _ in range(2):
        run("replica.mark", None, arguments(brick))
        assert marks(brick) == {"trusted.afr.v-client-2": struct.pack(">III", 1, 1, 1)}
    os.setxattr(brick, VOLUME_ID, uuid.UUID(OURS).bytes)
    volume = SimpleNamespace(id=OURS, bricks=lambda: [SimpleNamespace(peer_id=ME, path=str(brick))])
    context = SimpleNamespace(peer_id=ME, view=lambda: SimpleNamespace(volume=lambda _: volume))
    for _ in range(2):
        run("replica.mark", context, arguments(brick), undo=True)
        assert marks(brick) == {}


@pytest.mark.real
def test_the_root_is_listed_again_until_self_heal_begins(brick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_mark, "FILL_POLL_S", 0.01)
    run("replica.mark", None, arguments(brick))
    context = Heals(brick, begins_at=3)
    run("replica.fill", context, arguments(brick))
    assert (context.asked, context.listed) == (3, 3)
    assert context.kept == ["v"], "a self-heal daemon that has begun may stop early"


@pytest.mark.real
def test_the_listed_root_is_a_link_to_the_lists_own_file(brick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = brick / replica_mark.INDEX
    folder.mkdir(parents=True)
    (folder / "xattrop-1234").touch()
    run("replica.mark", None, arguments(brick))
    run("replica.fill", Heals(brick, begins_at=1), arguments(brick))
    assert (folder / ROOT).stat().st_ino == (folder / "xattrop-1234").stat().st_ino


def test_a_brick_that_is_gone_can_not_be_marked(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="nowhere"):
        run("replica.mark", None, arguments(tmp_path / "nowhere"))
