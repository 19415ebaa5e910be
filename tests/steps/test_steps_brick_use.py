"""brick.prepare with force on folders that somebody uses: refused, with who it is; nothing is changed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from brick_kit import OTHER, OURS, Place, mark, picture

from gd2raft.core import model
from gd2raft.process import procfs
from gd2raft.steps import brick_paths, brick_use
from gd2raft.steps.step import RunningBrick, StepFailed

pytestmark = pytest.mark.real  # trusted.* attributes need root

FORCE = {"force": True, "reuse": True}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def someone(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine that is called as a brick of another daemon is: a shell that waits for a word."""
    with subprocess.Popen(
        ["glusterfsd", "-c", "read word", "-", "--brick-name", str(tmp_path / "bricks/b1")],
        executable="/bin/sh",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield process
        process.kill()


def served(place: Place, path: Path) -> None:
    place.context.running.append(RunningBrick(os.getpid(), str(path), "w.host.bricks-b1"))


@pytest.mark.parametrize(("used", "asked"), [("b1", "b1"), ("b1", "b1/sub"), ("b1/sub", "b1")])
def test_a_folder_that_a_running_glusterfsd_serves_is_refused_even_with_force(place: Place, used: str, asked: str) -> None:
    (place.bricks / "b1/sub").mkdir(parents=True)
    mark(place.bricks / used)
    served(place, place.bricks / used)
    error = place.refused(place.bricks / asked, **FORCE)
    assert f"is in use: glusterfsd with pid {os.getpid()} serves {place.bricks / used} (w.host.bricks-b1)" in str(error)
    assert "another folder" in error.hint


def test_a_folder_that_is_served_under_another_name_is_refused_too(place: Place) -> None:
    place.brick.mkdir()
    mark(place.brick)
    (place.bricks.parent / "link").symlink_to(place.bricks)
    served(place, place.bricks.parent / "link/b1")
    assert "is in use: glusterfsd" in str(place.refused(**FORCE))


def test_for_an_empty_folder_without_a_mark_no_process_is_looked_at(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.context, "running_bricks", lambda: pytest.fail("the processes were looked through"))
    place.do()


def test_a_neighbour_of_a_brick_that_is_served_is_a_brick_and_so_is_what_a_dead_process_left(place: Place) -> None:
    place.brick.mkdir()
    mark(place.brick)
    served(place, place.bricks / "b11")
    place.context.running.append(RunningBrick(2**22 + 1, str(place.brick), "w.host.bricks-b1"))
    place.do(**FORCE)
    assert brick_paths.volume_id_of(str(place.brick)) == uuid.UUID(OURS).bytes


def test_bricks_of_any_daemon_of_this_machine_are_found(place: Place, someone: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while (found := [line for pid, line in procfs.bricks() if pid == someone.pid]) == []:
        assert time.monotonic() < deadline, "the process is not seen"
    assert found[0].brick_name == str(place.brick)


def also_at_another_peer(place: Place, path: Path, **more: int) -> None:
    seen = {"fsid": os.statvfs(path).f_fsid, "inode": path.stat().st_ino} | more
    place.context.known.others.append((str(path), model.BrickClaim(volume="w", brick="9", **seen)))
    place.context.known.volume_ids["w"] = str(OTHER)


@pytest.mark.parametrize(("used", "asked"), [("b1", "b1"), ("b1", "b1/sub"), ("b1/sub", "b1")])
def test_a_brick_of_another_peer_that_sees_the_same_file_system_is_refused_even_with_force(place: Place, used: str, asked: str) -> None:
    (place.bricks / "b1/sub").mkdir(parents=True)
    mark(place.bricks / used)
    also_at_another_peer(place, place.bricks / used)
    error = place.refused(place.bricks / asked, **FORCE)
    assert f"{place.bricks / used} is a brick of volume w on peer host-q, which sees the same file system" in str(error)


@pytest.mark.parametrize("difference", [{"fsid": 1}, {"inode": 1}])
def test_a_removed_brick_whose_path_another_peer_has_on_its_own_disk_is_taken_with_force(place: Place, difference: dict[str, int]) -> None:
    place.brick.mkdir()
    mark(place.brick)
    also_at_another_peer(place, place.brick, **difference)
    place.do(**FORCE)


def test_one_folder_by_way_of_two_peers_in_one_create_is_refused_at_the_second_and_stays_the_firsts(place: Place, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = Place.__new__(Place)
    second.context, second.bricks, second.brick = type(place.context)(tmp_path / "second"), place.bricks, place.brick
    place.do(**FORCE)
    error = second.refused(**FORCE)
    assert "by way of another peer: both see the same file system" in str(error) and "of its own for each peer" in error.hint
    before = picture(place.bricks)
    place.do(**FORCE)
    assert picture(place.bricks) == before
    place.undo(**FORCE)
    assert not place.brick.exists()


def test_a_folder_that_another_process_checks_for_too_long_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brick_use, "ALONE_S", 0.0)
    handle = os.open(place.bricks, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(StepFailed, match="is locked by another process"):
            place.do()
    finally:
        os.close(handle)
    place.do()
