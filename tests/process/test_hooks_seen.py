"""Hook scripts that come while the daemon runs are seen, also where the kernel doesn't tell of them, and nobody looks into folders that rest."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from gd2raft import hooks
from gd2raft.process.hooks import Scripts

pytestmark = pytest.mark.fast
DEADLINE_S = 10.0


def test_where_the_kernel_tells_nothing_a_script_is_seen_by_the_times_of_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_into: list[str] = []
    times_read: list[object] = []
    never: Any = None

    def has(scripts: Scripts, name: str) -> bool:
        looked_into.append(name)
        return has_really(scripts, name)

    def times(room: hooks.Hooks) -> dict[str, int] | None:
        times_read.append(found := times_really(room))
        return found

    has_really, times_really = Scripts.has, hooks.Hooks._times
    monkeypatch.setattr(Scripts, "has", has)
    monkeypatch.setattr(hooks.Hooks, "_times", times)
    monkeypatch.setattr(hooks.FolderWatch, "watch", lambda watch, folders: False)
    monkeypatch.setattr(hooks, "LOOK_EVERY_S", 0.01)
    folder = tmp_path / "hooks"
    post = folder / "1" / "start" / "post"
    post.mkdir(parents=True)
    for path in (tmp_path, folder, folder / "1", folder / "1" / "start", post):
        os.utime(path, (time.time() - 60, time.time() - 60))

    async def scenario() -> None:
        changes: list[tuple[str, ...]] = []
        room = hooks.Hooks(
            folder=folder, state=tmp_path, peer_id=never, view=never, current=never, on_change=lambda: changes.append(room.names)
        )
        room.start()
        try:
            await until(lambda: len(times_read) > 2)
            looks = len(looked_into)
            await until(lambda: len(times_read) > 8)
            assert len(looked_into) == looks, "folders were looked into that had not changed"
            (post / "S10new").write_text("")
            await until(lambda: changes == [("start/post",)])
            (post / "S10new").unlink()
            await until(lambda: changes == [("start/post",), ()])
        finally:
            await room.close()

    asyncio.run(scenario())
