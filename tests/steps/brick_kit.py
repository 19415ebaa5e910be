"""A folder for bricks, and the steps of one daemon on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gd2raft.commands.step_kinds import CheckBrick, PrepareBrick
from gd2raft.core import model
from gd2raft.core.devices import Device, device_key
from gd2raft.core.kv import Versioned
from gd2raft.steps import brick_check, brick_prepare, notes
from gd2raft.steps.brick_paths import VOLUME_ID
from gd2raft.steps.step import RunningBrick, StepFailed

ME = "p"
OURS = str(uuid.UUID(int=1))
OTHER = uuid.UUID(int=2)


class Claims:
    """The part of the state that these steps read: bricks and devices of this peer, and the volumes and bricks of the others."""

    def __init__(self) -> None:
        self.claims: dict[str, model.BrickClaim] = {}
        self.others: list[tuple[str, model.BrickClaim]] = []
        self.volume_ids: dict[str, str] = {}
        self.devices: list[Device] = []
        self.reader = self

    def list(self, prefix: str) -> list[tuple[str, Versioned]]:
        if prefix == model.DEVICES:
            return [(device_key(each.id), Versioned(model.dump(each), 1, 1)) for each in self.devices]
        assert prefix == model.BRICKS
        guard = (model.BRICKS + "q", Versioned(b"1", 1, 1))
        return [guard, *((model.brick_key("q", path), Versioned(model.dump(claim), 1, 1)) for path, claim in self.others)]

    def volume(self, name: str) -> Any:
        found = self.volume_ids.get(name)
        return None if found is None else SimpleNamespace(id=found, name=name)

    def host(self, peer_id: str) -> str:
        return f"host-{peer_id}"

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
        self.running: list[RunningBrick] = []

    def running_bricks(self) -> list[RunningBrick]:
        return self.running

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

    def check(self, path: Path | str = "", volume_id: str = OURS, *, forced: bool = False) -> None:
        asked = CheckBrick(volume="v", volume_id=volume_id, path=str(path or self.brick), forced=forced)
        asyncio.run(brick_check.do(self.context, asked))  # type: ignore[arg-type]

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


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(folder)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


class Disk:
    """A file system that can be taken away from the folder where it is mounted, and brought back."""

    def __init__(self, store: Path, place: Path) -> None:
        self._store, self.place = store, place
        place.mkdir()
        self.attach()

    def attach(self) -> None:
        subprocess.run(["mount", "--bind", self._store, self.place], check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def take_away(self) -> None:
        subprocess.run(["umount", self.place], check=True, stdin=subprocess.DEVNULL, capture_output=True)


@contextlib.contextmanager
def disk(folder: Path, name: str = "disk") -> Iterator[Disk]:
    with mounted(folder / f"{name} store", "-t", "tmpfs", "tmpfs") as store:
        found = Disk(store, folder / name)
        try:
            yield found
        finally:
            subprocess.run(["umount", found.place], check=False, stdin=subprocess.DEVNULL, capture_output=True)
