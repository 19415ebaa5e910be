"""brick.prepare on real folders that can't be a brick: each refusal says what and where, and leaves no trace."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brick_kit import ME, Place, mark, mounted

from gd2raft.core.devices import Device
from gd2raft.steps import brick_paths, notes
from gd2raft.steps.brick_paths import GFID, VOLUME_ID

pytestmark = pytest.mark.real  # trusted.* attributes and mounts need root


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# ---- refusals


def test_a_missing_folder_is_refused_without_the_word_to_make_it(place: Place) -> None:
    error = place.refused(create_folder=False)
    assert f"brick path {place.brick} does not exist" in str(error) and "create-brick-dir" in error.hint


def test_a_missing_parent_is_refused_even_with_force(place: Place) -> None:
    error = place.refused(place.bricks / "no/b1", force=True)
    assert f"its parent folder {place.bricks}/no does not exist" in str(error) and "mkdir" in error.hint


def test_a_file_is_refused(place: Place) -> None:
    place.brick.write_text("x")
    assert "is not a directory" in str(place.refused(force=True))


def test_a_parent_that_is_a_file_is_refused(place: Place) -> None:
    place.brick.write_text("x")
    assert "has a parent that is not a directory" in str(place.refused(place.brick / "b", force=True))


@pytest.mark.parametrize("target", ["real", "nowhere"])
def test_a_symbolic_link_is_refused_with_what_it_points_at(place: Place, target: str) -> None:
    (place.bricks / "real").mkdir()
    place.brick.symlink_to(place.bricks / target)
    error = place.refused(force=True)
    assert f"is a symbolic link (to {place.bricks / target})" in str(error)


@pytest.mark.parametrize("inside", [".", "sub"])
def test_a_path_that_leads_into_a_device_is_refused_even_with_force(place: Place, inside: str) -> None:
    device = place.bricks / "device"
    (device / "sub").mkdir(parents=True)
    (place.bricks / "link").symlink_to(device / inside)
    place.context.known.devices = [Device(id="d" * 32, peer_id=ME, path=str(device), provisioner="loop")]
    error = place.refused(place.bricks / "link" / "b1", force=True)
    assert f"may be containing or be contained by device {device} of this peer" in str(error)
    with mounted(place.bricks / "bound", "--bind", str(device)) as bound:
        assert "device" in str(place.refused(bound, force=True))
    place.do(place.bricks / "beside", force=True)


def test_a_path_below_a_symbolic_link_is_a_brick_at_its_real_place(place: Place) -> None:
    (place.bricks / "real").mkdir()
    (place.bricks / "link").symlink_to(place.bricks / "real")
    place.do(place.bricks / "link/b")
    assert (place.bricks / "real/b/.glusterfs").is_dir()
    place.undo(place.bricks / "link/b")
    assert not (place.bricks / "real/b").exists()


def test_the_root_partition_is_refused_without_force(place: Place) -> None:
    if place.bricks.stat().st_dev != os.stat("/").st_dev:
        pytest.skip("the folder for tests is not on the root partition")
    for there in (False, True):
        if there:
            place.brick.mkdir()
        error = place.refused(allow_root=False)
        assert "is on the root partition" in str(error) and "--allow-root-dir (over REST: the flag allow-root-dir)" in error.hint
    mark(place.brick)
    assert "is already part of a volume" in str(place.refused(allow_root=False)), "force would be said without having seen it"


@pytest.mark.parametrize("reuse", [False, True])
def test_a_brick_of_a_deleted_volume_needs_the_word_to_reuse_it(place: Place, reuse: bool) -> None:
    place.brick.mkdir()
    mark(place.brick)
    if reuse:
        place.do(reuse=True)
        return
    error = place.refused()
    assert f"brick path {place.brick} is already part of a volume" in str(error) and "reuse-bricks" in error.hint


@pytest.mark.parametrize("name", [VOLUME_ID, GFID])
def test_a_folder_within_a_brick_is_refused(place: Place, name: str) -> None:
    (place.bricks / "old/sub").mkdir(parents=True)
    mark(place.bricks / "old", name=name)
    error = place.refused(place.bricks / "old/sub/b")
    assert f"parent directory {place.bricks}/old is already part of a volume ({name})" in str(error)


def test_a_folder_within_a_brick_is_refused_by_way_of_a_link_too(place: Place) -> None:
    (place.bricks / "old/sub").mkdir(parents=True)
    mark(place.bricks / "old")
    (place.bricks / "link").symlink_to(place.bricks / "old/sub")
    assert f"parent directory {place.bricks}/old is already part" in str(place.refused(place.bricks / "link/b"))


@pytest.mark.parametrize("where", ["state", "state/sub", "run/x", ""])
def test_the_daemons_own_folders_are_refused_even_with_force(place: Place, where: str) -> None:
    own = place.context.localstatedir.parent / where
    (own.parent if where else own).mkdir(parents=True, exist_ok=True)
    error = place.refused(own, force=True, reuse=True)
    assert "is in the daemon's own folder" in str(error) and brick_paths.mark_of(str(own)) is None


@pytest.mark.parametrize(("names", "whose"), [(("peer.json", "auth"), "gd2raft"), (("glusterd.info", "peers"), "glusterd")])
def test_the_state_of_another_daemon_is_refused_even_with_force(place: Place, names: tuple[str, str], whose: str) -> None:
    other = place.bricks / "other"
    other.mkdir()
    for name in names:
        (other / name).touch()
    for path in (other, other / "b"):
        assert f"is in {other}, where a {whose} keeps its state" in str(place.refused(path, force=True, reuse=True, create_folder=True))


def test_the_daemons_own_folder_is_refused_by_way_of_a_link_too(place: Place) -> None:
    (place.bricks / "link").symlink_to(place.context.localstatedir)
    assert "daemon's own folder" in str(place.refused(place.bricks / "link/b", force=True))


Alias = Callable[[Place], contextlib.AbstractContextManager[Path]]


@contextlib.contextmanager
def by_link(place: Place) -> Iterator[Path]:
    link = place.bricks.parent / "link"
    link.symlink_to(place.bricks)
    yield link


@contextlib.contextmanager
def by_bind_mount(place: Place) -> Iterator[Path]:
    with mounted(place.bricks.parent / "bound", "--bind", str(place.bricks)) as folder:
        yield folder


@pytest.mark.parametrize("alias", [by_link, by_bind_mount])
@pytest.mark.parametrize("volume", ["v", "other"])
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(("held", "asked"), [("b1", "b1"), ("b1", "b1/sub"), ("b1/sub", "b1")])
def test_one_folder_under_two_names_is_never_two_bricks_even_with_force(
    place: Place, alias: Alias, volume: str, there: bool, held: str, asked: str
) -> None:
    if there or held != asked:
        (place.bricks / "b1/sub").mkdir(parents=True)
    with alias(place) as other:
        place.claim(place.bricks / held, volume)
        error = place.refused(other / asked, force=True, reuse=True, allow_mount=True)
        assert f"contained by an existing brick, {place.bricks / held}" in str(error)


@pytest.mark.parametrize("alias", [by_link, by_bind_mount])
def test_neighbours_under_two_names_are_two_bricks(place: Place, alias: Alias) -> None:
    with alias(place) as other:
        place.claim(place.bricks / "b1")
        place.do(other / "b11")
        place.undo(other / "b11")


def test_a_mount_point_is_refused_without_force_but_a_folder_on_it_is_fine(place: Place) -> None:
    with mounted(place.brick, "-t", "tmpfs", "none"):
        error = place.refused()
        assert "is a mount point. Please create a sub-directory under it" in str(error) and "force" in error.hint
        place.do(allow_mount=True)
        place.undo(allow_mount=True)
        place.do(place.brick / "sub", allow_root=False)
        place.undo(place.brick / "sub")


@pytest.mark.parametrize("there", [False, True])
def test_a_read_only_file_system_is_refused_and_nothing_is_left_to_undo(place: Place, there: bool) -> None:
    with mounted(place.bricks / "m", "-t", "tmpfs", "none") as folder:
        if there:
            (folder / "b").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        assert "is on a read-only file system" in str(place.refused(folder / "b"))
        assert not place.notes()


def test_a_file_system_without_trusted_attributes_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def setxattr(*arguments: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", setxattr)
    error = place.refused()
    assert "has no trusted extended attributes" in str(error) and "XFS" in error.hint and not place.brick.exists()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "is on a full file system"),
        (errno.EIO, "input/output error"),
        (errno.EDQUOT, "over its quota"),
        (errno.EXDEV, "used"),
    ],
)
def test_errors_of_the_disk_are_told_in_words(place: Place, monkeypatch: pytest.MonkeyPatch, number: int, says: str) -> None:
    def mkdir(*arguments: Any, **more: Any) -> None:
        raise OSError(number, os.strerror(number))

    (place.context.localstatedir / notes.FOLDER).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", mkdir)
        error = place.refused()
    assert says in str(error) and str(place.brick) in str(error)


def test_a_name_that_is_too_long_for_the_file_system_is_refused(place: Place) -> None:
    assert "is too long for this file system" in str(place.refused(place.bricks / ("x" * 300)))
