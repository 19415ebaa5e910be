"""brick.prepare and brick.check on real folders: every refusal, and an undo that leaves everything as it was."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gd2raft.commands.step_kinds import CheckBrick, PrepareBrick
from gd2raft.core import model
from gd2raft.steps import brick_check, brick_paths, brick_prepare, notes
from gd2raft.steps.brick_paths import GFID, VOLUME_ID
from gd2raft.steps.step import StepFailed
from gd2raft.steps.threads import in_thread

pytestmark = pytest.mark.real  # trusted.* attributes and mounts need root

ME = "p"
OURS = str(uuid.UUID(int=1))
OTHER = uuid.UUID(int=2)


class Claims:
    def __init__(self) -> None:
        self.claims: dict[str, model.BrickClaim] = {}

    def brick_claims(self, peer_id: str) -> dict[str, model.BrickClaim]:
        assert peer_id == ME
        return self.claims


class Context:
    """What a step is handed, without a daemon."""

    def __init__(self, folder: Path, transaction: str = "t1") -> None:
        self.peer_id, self.transaction = ME, transaction
        self.localstatedir, self.rundir = folder / "state", folder / "run"
        self.localstatedir.mkdir(exist_ok=True)
        self.rundir.mkdir(exist_ok=True)
        self.known = Claims()

    def view(self) -> Any:
        return self.known


class Place:
    """A folder for bricks, with the steps of one daemon."""

    def __init__(self, folder: Path) -> None:
        self.context = Context(folder)
        self.bricks = folder / "bricks"
        self.bricks.mkdir()
        self.brick = self.bricks / "b1"

    def arguments(self, path: Path | str = "", **more: Any) -> PrepareBrick:
        fields: dict[str, Any] = {"volume": "v", "volume_id": OURS, "path": str(path or self.brick), "allow_root": True}
        return PrepareBrick(**(fields | more))

    def do(self, path: Path | str = "", **more: Any) -> dict[str, Any]:
        self.context.known.claims.setdefault(str(path or self.brick), model.BrickClaim(volume="v", brick="1"))
        return asyncio.run(brick_prepare.do(self.context, self.arguments(path, **more)))  # type: ignore[arg-type]

    def undo(self, path: Path | str = "", **more: Any) -> None:
        self.context.known.claims.pop(str(path or self.brick), None)
        asyncio.run(brick_prepare.undo(self.context, self.arguments(path, **more)))  # type: ignore[arg-type]

    def check(self, path: Path | str = "", volume_id: str = OURS) -> None:
        asyncio.run(brick_check.do(self.context, CheckBrick(volume="v", volume_id=volume_id, path=str(path or self.brick))))  # type: ignore[arg-type]

    def claim(self, path: Path, volume: str = "other") -> None:
        self.context.known.claims[str(path)] = model.BrickClaim(volume=volume, brick="9")

    def refused(self, path: Path | str = "", **more: Any) -> StepFailed:
        """Why it can't be a brick; nothing on disk has changed by asking, once it is undone."""
        before = picture(self.bricks)
        with pytest.raises(StepFailed) as caught:
            self.do(path, **more)
        self.undo(path, **more)
        assert picture(self.bricks) == before
        return caught.value

    def notes(self) -> list[Path]:
        folder = self.context.localstatedir / notes.FOLDER
        return list(folder.iterdir()) if folder.is_dir() else []


def picture(folder: Path) -> dict[str, Any]:
    """Everything below a folder: kinds, modes, attributes, contents."""
    found: dict[str, Any] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        attributes = {} if path.is_symlink() else {n: os.getxattr(path, n) for n in os.listxattr(path) if n.startswith("trusted.")}
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (status.st_mode, attributes, content)
    return found


def mark(path: Path, value: bytes = OTHER.bytes, name: str = VOLUME_ID) -> None:
    os.setxattr(path, name, value)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(folder)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


# ---- what is allowed


def test_a_missing_folder_is_made_and_marked(place: Place) -> None:
    facts = place.do()
    assert facts == {"fsid": os.statvfs(place.brick).f_fsid}
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
    [(notes, "write_durably"), (os, "mkdir"), (brick_paths, "check_xattrs"), (os, "setxattr"), (os, "makedirs"), (os, "statvfs")],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_crash_anywhere_is_undone_or_done_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, there: bool
) -> None:
    if there:
        place.brick.mkdir()
        mark(place.brick)
    before = picture(place.bricks)
    claims = list(place.context.known.claims)
    with monkeypatch.context() as patch:
        crash_at(patch, module, name)
        with contextlib.suppress(KeyboardInterrupt):
            brick_prepare._prepare(place.context, place.arguments(reuse=True), claims)  # type: ignore[arg-type]
    again = Place.__new__(Place)
    again.context, again.bricks, again.brick = place.context, place.bricks, place.brick
    again.undo()
    assert picture(place.bricks) == before
    again.do(reuse=True)
    again.undo(reuse=True)
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
        assert "is on the root partition" in str(error) and "allow-root-dir" in error.hint


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
    with pytest.raises(StepFailed, match="belongs to another volume") as caught:
        place.check()
    assert (str(OTHER) if len(value) == 16 else value.hex()) in str(caught.value)


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
