"""brick.prepare and brick.check on real folders: what they make, and an undo that leaves everything as it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from brick_kit import OTHER, OURS, Place, mark, picture

from gd2raft.commands.step_kinds import CheckBrick
from gd2raft.steps import brick_check, brick_paths, brick_prepare, notes
from gd2raft.steps.brick_paths import VOLUME_ID
from gd2raft.steps.step import StepFailed
from gd2raft.steps.threads import in_thread

pytestmark = pytest.mark.real  # trusted.* attributes and mounts need root


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# ---- what is allowed


def test_a_missing_folder_is_made_and_marked(place: Place) -> None:
    facts = place.do()
    assert facts == {"fsid": os.statvfs(place.brick).f_fsid, "inode": place.brick.stat().st_ino}
    assert os.getxattr(place.brick, VOLUME_ID) == uuid.UUID(OURS).bytes and (place.brick / ".glusterfs/indices").is_dir()
    place.check()


def test_doing_it_twice_is_doing_it_once(place: Place) -> None:
    assert place.do() == place.do()
    place.undo()
    assert not place.brick.exists() and not place.notes()


def test_a_folder_with_files_in_it_becomes_a_brick_and_keeps_them(place: Place) -> None:
    place.brick.mkdir()
    (place.brick / "file").write_text("precious")
    place.do()
    assert (place.brick / "file").read_text() == "precious"


# ---- undo


def test_an_undo_takes_away_the_folder_that_was_made(place: Place) -> None:
    before = picture(place.bricks)
    place.do()
    place.undo()
    assert picture(place.bricks) == before and not place.notes()


@pytest.mark.parametrize("inside", [[], ["file"], [".glusterfs/"], [".glusterfs/", ".glusterfs/indices/"], [".glusterfs/", ".glusterfs/x"]])
def test_an_undo_leaves_a_users_folder_exactly_as_it_was(place: Place, inside: list[str]) -> None:
    place.brick.mkdir(mode=0o751)
    for name in inside:
        (place.brick / name).mkdir() if name.endswith("/") else (place.brick / name).write_text("x")
    before = picture(place.bricks)
    place.do()
    place.undo()
    assert picture(place.bricks) == before


def test_an_undo_gives_back_the_mark_of_the_volume_that_was_there(place: Place) -> None:
    place.brick.mkdir()
    mark(place.brick)
    before = picture(place.bricks)
    place.do(reuse=True)
    assert os.getxattr(place.brick, VOLUME_ID) == uuid.UUID(OURS).bytes
    place.undo(reuse=True)
    assert picture(place.bricks) == before


def test_undoing_twice_is_undoing_once(place: Place) -> None:
    place.do()
    place.undo()
    place.brick.mkdir()  # the user's, after the first undo
    place.undo()
    assert place.brick.is_dir()


def test_an_undo_of_what_was_never_done_touches_nothing(place: Place) -> None:
    place.brick.mkdir()
    mark(place.brick, uuid.UUID(OURS).bytes)
    before = picture(place.bricks)
    place.undo()
    assert picture(place.bricks) == before


def test_a_folder_that_was_made_but_has_got_files_is_kept(place: Place) -> None:
    place.do()
    (place.brick / "file").write_text("precious")
    place.undo()
    assert (place.brick / "file").read_text() == "precious" and brick_paths.mark_of(str(place.brick)) is None


def test_an_undo_leaves_a_brick_that_another_volume_has_taken_since(place: Place) -> None:
    place.brick.mkdir()
    place.do()
    mark(place.brick)
    before = picture(place.bricks)
    place.undo()
    assert picture(place.bricks) == before


def test_an_undo_when_the_folder_is_gone_is_fine(place: Place) -> None:
    place.do()
    subprocess.run(["rm", "-r", str(place.brick)], check=True, stdin=subprocess.DEVNULL)
    place.undo()
    assert not place.notes()


def test_undos_of_several_bricks_dont_mix_up(place: Place) -> None:
    second = place.bricks / "b2"
    second.mkdir()
    place.do()
    place.do(second)
    place.undo()
    assert not place.brick.exists() and brick_paths.volume_id_of(str(second)) is not None
    place.undo(second)
    assert second.is_dir() and not (second / ".glusterfs").exists()


# ---- crashes


def crash_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    def crash(*arguments: Any, **more: Any) -> None:
        raise KeyboardInterrupt("the machine went down")

    monkeypatch.setattr(module, name, crash)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (notes, "create_durably"),
        (os, "fsync"),
        (os, "mkdir"),
        (brick_paths, "check_xattrs"),
        (os, "setxattr"),
        (os, "makedirs"),
        (os, "statvfs"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_crash_anywhere_is_undone_or_done_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, there: bool
) -> None:
    if there:
        place.brick.mkdir()
        mark(place.brick)
    before = picture(place.bricks)
    with monkeypatch.context() as patch:
        crash_at(patch, module, name)
        with contextlib.suppress(KeyboardInterrupt):
            brick_prepare._prepare(place.context, place.arguments(reuse=True), brick_prepare.Known([], [], True))  # type: ignore[arg-type]
    again = Place.__new__(Place)
    again.context, again.bricks, again.brick = place.context, place.bricks, place.brick
    again.undo()
    assert picture(place.bricks) == before
    again.do(reuse=True)
    again.undo(reuse=True)
    assert picture(place.bricks) == before


@pytest.mark.parametrize("keep", [0, 1, 10, -1])
@pytest.mark.parametrize("filling", [b"", bytes(20)])
def test_a_torn_note_counts_as_none_and_is_written_anew(place: Place, keep: int, filling: bytes) -> None:
    """What a power failure leaves of a file whose fsync hadn't returned: nothing was touched after it."""
    place.brick.mkdir()
    mark(place.brick)
    before = picture(place.bricks)
    place.do(reuse=True)
    [note] = (place.context.localstatedir / notes.FOLDER).iterdir()
    whole = note.read_bytes()
    place.undo(reuse=True)
    note.write_bytes(whole[:keep] + filling)
    place.undo(reuse=True)
    assert picture(place.bricks) == before
    place.do(reuse=True)
    assert note.read_bytes() == whole
    place.undo(reuse=True)
    assert picture(place.bricks) == before


@pytest.mark.parametrize("name", ["removexattr", "rmdir"])
def test_a_crash_in_the_middle_of_an_undo_is_finished_by_the_next(place: Place, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = picture(place.bricks)
    place.do()
    with monkeypatch.context() as patch:
        crash_at(patch, os, name)
        with pytest.raises(KeyboardInterrupt):
            brick_prepare._restore(place.context, place.arguments())  # type: ignore[arg-type]
    place.undo()
    left = {path for path in picture(place.bricks) if path not in before}
    assert brick_paths.mark_of(str(place.brick)) is None and not left - {str(place.brick), *map(str, place.brick.rglob("*"))}
    assert not place.notes()


def test_a_state_folder_that_cant_be_written_is_named(place: Place) -> None:
    (place.context.localstatedir / notes.FOLDER).write_text("a file")
    assert "can't be noted in" in place.refused().args[0] and not place.brick.exists()


# ---- brick.check


def test_a_brick_that_vanished_is_named(place: Place) -> None:
    with pytest.raises(StepFailed, match=f"brick {place.brick} of volume v does not exist") as caught:
        place.check()
    assert "mounted" in caught.value.hint


def test_a_file_in_place_of_a_brick_is_named(place: Place) -> None:
    place.brick.write_text("x")
    with pytest.raises(StepFailed, match="is not a directory"):
        place.check()


def test_a_folder_without_the_mark_is_not_the_brick(place: Place) -> None:
    place.brick.mkdir()
    with pytest.raises(StepFailed, match="has no mark of volume v"):
        place.check()


@pytest.mark.parametrize("value", [OTHER.bytes, b"short"])
def test_a_folder_with_another_mark_is_told_whose_it_is(place: Place, value: bytes) -> None:
    place.brick.mkdir()
    mark(place.brick, value)
    for forced in (False, True):
        with pytest.raises(StepFailed, match="belongs to another volume") as caught:
            place.check(forced=forced)
        assert (str(OTHER) if len(value) == 16 else value.hex()) in str(caught.value)


def test_force_passes_over_a_brick_that_is_lost(place: Place) -> None:
    place.check(forced=True)
    place.brick.mkdir()
    place.check(forced=True)
    assert not place.brick.joinpath(".glusterfs").exists(), "a lost brick is replaced, not recreated"


def test_a_look_at_a_brick_can_be_repeated_and_undone_without_a_trace(place: Place) -> None:
    place.do()
    before = picture(place.bricks)
    for _ in range(2):
        place.check()
    asyncio.run(brick_check.undo(place.context, CheckBrick(volume="v", volume_id=OURS, path=str(place.brick))))  # type: ignore[arg-type]
    assert picture(place.bricks) == before


# ---- slow disks


def test_a_step_that_is_given_up_ends_only_when_its_thread_has() -> None:
    async def body() -> None:
        going, release, ended = threading.Event(), threading.Event(), []

        def slow() -> None:
            going.set()
            release.wait(20)
            ended.append(True)

        task = asyncio.create_task(in_thread(slow))
        await asyncio.to_thread(going.wait, 20)
        task.cancel()
        await asyncio.wait([task], timeout=0.05)
        assert not task.done(), "its thread still works on the disk"
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended

    asyncio.run(body())
