"""A log folder without a daemon: all that is in it counts, and a new one is made only where there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gd2raft.core.kv import Commit, Operation, Put
from gd2raft.store.raft import batch, salvage, snapshot, wal
from gd2raft.store.raft.errors import SnapshotCorrupt, StorageError, WalCorrupt
from gd2raft.store.raft.log import OPERATIONS, Config, Entry, HardState, Log, command
from gd2raft.store.raft.storage import WAL

pytestmark = pytest.mark.fast


def folder_of(tmp_path: Path, keys: int) -> Path:
    """Of voter a of three, whose log was never known to be committed."""
    log = Log(0, 0, Config(0, ("a", "b", "c")), HardState(3, "b"))
    for index in range(1, keys + 1):
        operation = Operation(commit=Commit(put=(Put(f"k{index}", b"v"),)))
        log.append(Entry(command(OPERATIONS, batch.join([batch.encode_operation(operation)])), index, 2))
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / WAL).write_bytes(wal.encode_file(wal.Identity("old-pool", "a"), b"12345678", log)[0])
    return folder


def planted(tmp_path: Path) -> Path:
    found = salvage.read_folder(folder_of(tmp_path, 5), "a")
    asyncio.run(salvage.plant(tmp_path / "new", "new-pool", "a", found.index, found.term, found.frozen))
    return tmp_path / "new"


def test_entries_that_were_not_known_to_be_committed_count(tmp_path: Path) -> None:
    found = salvage.read_folder(folder_of(tmp_path, 5), "a")
    assert (found.pool, found.index, found.term, found.committed, found.voters) == ("old-pool", 5, 2, 0, ("a", "b", "c"))
    assert sorted(found.frozen.items) == ["k1", "k2", "k3", "k4", "k5"]


def test_the_new_log_has_the_state_and_one_voter(tmp_path: Path) -> None:
    found = salvage.read_folder(planted(tmp_path), "a")
    assert (found.pool, found.index, found.voters) == ("new-pool", 5, ("a",))
    assert len(found.frozen.items) == 5


def test_a_log_is_not_made_where_one_is(tmp_path: Path) -> None:
    folder = planted(tmp_path)
    before = (folder / WAL).read_bytes()
    with pytest.raises(StorageError, match="nothing is overwritten"):
        asyncio.run(salvage.plant(folder, "other", "a", 1, 1, salvage.read_folder(folder, "a").frozen))
    assert (folder / WAL).read_bytes() == before


def test_a_folder_without_a_log_or_of_another_peer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="holds no log"):
        salvage.read_folder(tmp_path, "a")
    with pytest.raises(WalCorrupt, match="belongs to the peer a"):
        salvage.read_folder(folder_of(tmp_path, 1), "b")


def test_every_flipped_byte_of_an_exported_file_is_refused_with_file_and_offset(tmp_path: Path) -> None:
    found = salvage.read_folder(folder_of(tmp_path, 3), "a")
    data = b"".join(snapshot.encode(snapshot.make_meta("p", found.index, found.term, Config(0, ("a",)), found.frozen), found.frozen))
    file = tmp_path / "export"
    file.write_bytes(data)
    assert salvage.read_file(file).frozen == found.frozen
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        with pytest.raises(SnapshotCorrupt, match=f"{file}.*at byte"):
            salvage.read_file(file)


def test_a_revision_of_the_lost_future_is_never_used_again(tmp_path: Path) -> None:
    found = salvage.read_folder(folder_of(tmp_path, 3), "a")
    ahead = salvage.changed(found.frozen, lambda _state: Operation(commit=Commit(put=(Put("k1", b"w"),))))
    assert ahead.revision == found.frozen.revision + salvage.REVISION_LEAP + 1
    assert ahead.items["k1"].value == b"w"
