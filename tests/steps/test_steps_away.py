"""Undos while the brick's disk is away: they don't count as done, and are done when it is back."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from brick_kit import ME, OURS, Disk, Place, disk, picture

from gd2raft.commands.step_kinds import MarkReplica
from gd2raft.steps import brick_paths, replica_mark
from gd2raft.steps.brick_paths import VOLUME_ID, mount_of
from gd2raft.steps.step import DiskAway

pytestmark = [pytest.mark.real, pytest.mark.fast]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def its_disk(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path, "the disk") as found:
        yield found


@pytest.mark.parametrize("inside", ["b1", "folder/b1"])
def test_an_undo_waits_for_the_disk_and_is_done_when_it_is_back(place: Place, its_disk: Disk, inside: str) -> None:
    brick = its_disk.place / inside
    brick.parent.mkdir(exist_ok=True)
    before = picture(its_disk.place)
    place.do(brick)
    its_disk.take_away()
    for _ in range(2):
        with pytest.raises(DiskAway, match=f"mounted at {its_disk.place}, which isn't there"):
            place.undo(brick)
    assert place.notes(), "it has to be known later what there was"
    its_disk.attach()
    place.undo(brick)
    assert picture(its_disk.place) == before and not place.notes()


def test_a_folder_of_the_same_name_beneath_the_mount_point_is_not_the_brick(place: Place, its_disk: Disk) -> None:
    brick = its_disk.place / "b1"
    place.do(brick)
    its_disk.take_away()
    brick.mkdir()
    with pytest.raises(DiskAway):
        place.undo(brick)
    assert brick.is_dir(), "it isn't the one that was made"


def test_a_new_disk_in_the_old_place_has_nothing_to_undo(tmp_path: Path, place: Place, its_disk: Disk) -> None:
    place.do(its_disk.place / "b1")
    its_disk.take_away()
    (tmp_path / "new").mkdir()
    Disk.attach(SimpleNamespace(_store=tmp_path / "new", place=its_disk.place))  # type: ignore[arg-type]
    place.undo(its_disk.place / "b1")
    assert not place.notes()


def test_a_disk_that_answers_with_errors_is_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.do()
    with monkeypatch.context() as patched:
        patched.setattr(brick_paths.os, "getxattr", broken)
        patched.setattr(brick_paths.os, "stat", broken)
        with pytest.raises(DiskAway, match="input/output error"):
            brick_paths.check_there(str(place.brick), mount_of(str(place.brick)))
    place.undo()
    assert not place.brick.exists()


def broken(*_: Any, **__: Any) -> Any:
    raise OSError(5, "Input/output error")


def test_storage_of_our_own_is_not_waited_for(place: Place, its_disk: Disk) -> None:
    """Its own undo takes it apart; to wait for it would keep the space for ever."""
    place.do(its_disk.place / "b1", provisioned=True)
    its_disk.take_away()
    place.undo(its_disk.place / "b1", provisioned=True)
    assert not place.notes()


# ---- replica.mark


class Marked:
    """A good copy of volume v on a disk, marked."""

    def __init__(self, at: Disk) -> None:
        self.disk, self.brick = at, at.place / "b1"
        self.brick.mkdir()
        os.setxattr(self.brick, VOLUME_ID, uuid.UUID(OURS).bytes)
        self.bricks = [SimpleNamespace(peer_id=ME, path=str(self.brick))]
        self.volume: Any = SimpleNamespace(id=OURS, bricks=lambda: self.bricks)
        self._context: Any = SimpleNamespace(peer_id=ME, view=lambda: SimpleNamespace(volume=lambda _: self.volume))
        self._arguments = MarkReplica(volume="v", path=str(self.brick), clients=["v-client-2"])
        asyncio.run(replica_mark.do(self._context, self._arguments))

    def undo(self) -> None:
        asyncio.run(replica_mark.undo(self._context, self._arguments))

    def marks(self) -> list[str]:
        return [name for name in os.listxattr(self.brick) if name.startswith("trusted.afr.")]


@pytest.mark.parametrize("beneath", [False, True])
def test_a_mark_on_a_good_copy_is_taken_off_when_its_disk_is_back(its_disk: Disk, beneath: bool) -> None:
    marked = Marked(its_disk)
    its_disk.take_away()
    if beneath:
        marked.brick.mkdir()
    with pytest.raises(DiskAway, match="no brick of volume v"):
        marked.undo()
    its_disk.attach()
    assert marked.marks()
    marked.undo()
    assert not marked.marks()


def test_a_mark_on_a_brick_that_has_left_its_volume_needs_no_undo(its_disk: Disk) -> None:
    marked = Marked(its_disk)
    its_disk.take_away()
    marked.bricks.clear()
    marked.undo()
    marked.volume = None
    marked.undo()


def test_mount_points_with_blanks_are_understood(its_disk: Disk) -> None:
    assert " " in str(its_disk.place)
    assert mount_of(str(its_disk.place / "a" / "b")) == str(its_disk.place)
    assert mount_of(f"{its_disk.place}2") != str(its_disk.place)
