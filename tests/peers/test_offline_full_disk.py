"""gd2raft offline on a file system without space: one line that says where, the folder as it was, and the same command again when there is room."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gd2raft import offline, recovery
from gd2raft.core import model
from gd2raft.core.kv import Commit, Frozen, KeyValueState, Operation, Put
from gd2raft.peers import identity as identities
from gd2raft.peers.identity import Identity
from gd2raft.store.raft import salvage, snapshot
from gd2raft.store.raft.log import Config
from gd2raft.store.raft.storage import SNAPSHOT, WAL

pytestmark = pytest.mark.real

PEER, POOL = "1" * 8 + "-1111-4111-8111-" + "1" * 12, "2" * 8 + "-2222-4222-8222-" + "2" * 12
ADDRESS = "127.18.0.1:24008"
PAGE = 4096
FILLER = "filler"
STATE_BYTES = 24 * 1024


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of a megabyte, as a state folder."""
    folder = tmp_path / "state"
    folder.mkdir()
    (tmp_path / "config").write_text(f'localstatedir = "{folder}"\n')
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def pool_state() -> Frozen:
    peer = model.Peer(id=PEER, name="one", hostname="one", addresses=(ADDRESS,), client_addresses=("127.18.0.1:24007",))
    state = KeyValueState()
    records = {model.CLUSTER: model.dump(model.Cluster(id=POOL)), model.peer_key(PEER): model.dump(peer), "ballast": bytes(STATE_BYTES)}
    state.apply(Operation(commit=Commit(put=tuple(Put(key, value) for key, value in records.items()))))
    return state.freeze()


def exported(tmp_path: Path) -> Path:
    frozen = pool_state()
    file = tmp_path / "pool.export"
    file.write_bytes(b"".join(snapshot.encode(snapshot.make_meta(POOL, 7, 2, Config(0, (PEER, "b", "c")), frozen), frozen)))
    return file


def peer_of_three(state: Path) -> None:
    """A stopped voter, one of three."""
    frozen, folder = pool_state(), identities.raft_folder(state, POOL)
    asyncio.run(salvage.plant(folder, POOL, PEER, 7, 2, frozen))
    (folder / salvage.UNFINISHED).unlink()
    meta = snapshot.make_meta(POOL, 7, 2, Config(0, (PEER, "b", "c")), frozen)
    (folder / SNAPSHOT).write_bytes(b"".join(snapshot.encode(meta, frozen)))
    identities.save_secret(state, "a" * 64)
    identities.save(state, Identity(peer_id=PEER, pool_id=POOL, pool_key="b" * 64, role="member", address=ADDRESS, joined_index=3))


def leave(state: Path, pages: int) -> None:
    """Fill the file system, but for so many pages."""
    (state / FILLER).unlink(missing_ok=True)
    free = os.statvfs(state).f_bavail - pages
    (state / FILLER).write_bytes(bytes(free * PAGE))
    assert os.statvfs(state).f_bavail == pages


def content(state: Path) -> dict[str, bytes | None]:
    files = {str(p.relative_to(state)): None if p.is_dir() else p.read_bytes() for p in state.rglob("*") if p.name != FILLER}
    files.pop("lock", None)  # of the folder itself
    return files


def run(state: Path, *words: str | Path) -> int:
    return offline.main([*map(str, words), "--config", str(state.parent / "config"), "--yes"])


def check_every_shortage(state: Path, words: tuple[str | Path, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """With no page left, with one, ... until it works: several attempts fail, and each leaves everything as it was."""
    before = content(state)
    for pages in range(64):
        leave(state, pages)
        code = run(state, *words)
        told = capfd.readouterr()
        if code == 0:
            break
        said = told.err.splitlines()[-1]
        assert code == 1
        assert said.startswith(f"gd2raft: {words[0]}: {state}"), said
        assert "No space left" in said
        assert content(state) == before
    else:
        pytest.fail("it never worked")
    assert pages >= 8


def test_a_restore_that_finds_no_space_says_where_leaves_nothing_and_can_be_repeated(
    state: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    check_every_shortage(state, ("restore", exported(tmp_path), "--as", "one"), capfd)
    identity, found = recovery.look(state)
    assert (identity.peer_id, found.voters, len(found.frozen.items["ballast"].value)) == (PEER, (PEER,), STATE_BYTES)
    assert sorted(content(state)) == sorted(
        [*(f"raft{part}" for part in ("", f"/{identity.pool_id}")), *log_files(identity.pool_id), "auth", "peer.json", recovery.INVITATION]
    )


def log_files(pool: str) -> list[str]:
    return [f"raft/{pool}/{name}" for name in ("lock", SNAPSHOT, WAL, salvage.CREATED)]


def test_a_recovery_that_finds_no_space_leaves_peer_invitation_and_log_as_they_were(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    peer_of_three(state)
    (state / recovery.INVITATION).write_text("of an earlier recovery, for who has not followed yet")
    check_every_shortage(state, ("begin",), capfd)
    identity, found = recovery.look(state)
    assert identity.pool_id != POOL
    assert found.voters == (PEER,)
    assert recovery.read_invitation(state / recovery.INVITATION).pool_id == identity.pool_id


def test_what_a_killed_restore_left_is_no_peer(state: Path, tmp_path: Path) -> None:
    asyncio.run(salvage.plant(identities.raft_folder(state, POOL), POOL, PEER, 7, 2, pool_state()))
    assert run(state, "restore", exported(tmp_path), "--as", "one") == 0
    assert [folder.name for folder in (state / "raft").iterdir()] == [recovery.look(state)[0].pool_id]


def test_a_log_without_its_peer_is_not_overwritten(state: Path, tmp_path: Path) -> None:
    peer_of_three(state)
    (state / identities.FILE).unlink()
    before = content(state)
    assert run(state, "restore", exported(tmp_path), "--as", "one") == 1
    assert content(state) == before


def test_begin_again_before_the_daemon_was_started_changes_nothing_and_says_when_it_was_begun(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peer_of_three(state)
    assert run(state, "begin") == 0
    first = capsys.readouterr()
    before = content(state)
    assert run(state, "begin") == 0
    second = capsys.readouterr()
    assert content(state) == before, "another pool was made"
    assert "begun already, at 20" in second.out
    assert first.out in second.out
    assert "IS GIVEN UP" not in second.err
    (state / recovery.INVITATION).unlink()
    assert run(state, "begin") == 0
    assert content(state) == before, "an invitation that was lost is there again"
