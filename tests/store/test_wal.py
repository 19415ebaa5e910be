"""The log on disk: whatever happens to its bytes, it is a good log again or a clear refusal, never something else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gd2raft.store.raft import wal
from gd2raft.store.raft.disk import AHEAD_BYTES, AppendFile, RealDisk
from gd2raft.store.raft.errors import StorageError, WalCorrupt
from gd2raft.store.raft.log import OPERATIONS, Config, Entry, HardState, Log, command, config_command

pytestmark = pytest.mark.fast

NONCE = b"12345678"
IDENTITY = wal.Identity("pool", "peer")


def entry(index: int, term: int, text: str = "x") -> Entry:
    return Entry(command(OPERATIONS, text.encode()), index, term)


def empty_log() -> Log:
    return Log(0, 0, Config(0, ("peer",)))


class Written:
    """A file written in groups. `sizes`: where each group ended; `states`: the log after it."""

    def __init__(self) -> None:
        self.log = empty_log()
        self.data, self.group_start = b"", 0
        content, seal_at = wal.encode_file(IDENTITY, NONCE, self.log)
        self.data, self.group_start = content, seal_at
        self.states = [shape(self.log)]

    def group(self, *, seal: bool = True) -> None:
        """Bring the log's changes to the file, as Storage does."""
        self.data += wal.encode_group(NONCE, len(self.data), self.group_start, self.log.take_changes())
        self.states.append(shape(self.log))
        if seal:
            self.group_start = len(self.data)
            self.data += wal.encode_seal(NONCE, len(self.data))


def shape(log: Log) -> tuple[object, ...]:
    return (tuple(log.entries), log.hard, log.config)


def sample(*, seal_last: bool = True) -> Written:
    written = Written()
    log = written.log
    log.set_hard(HardState(1, "peer"))
    log.append(entry(1, 1))
    written.group()
    log.append(entry(2, 1))
    log.append(entry(3, 1))
    written.group()
    log.set_hard(HardState(2, ""))
    log.truncate(3)
    log.append(Entry(config_command(["peer", "other"]), 3, 2))
    written.group()
    log.append(entry(4, 2, "the last one"))
    log.append(entry(5, 2, "the very last one"))
    written.group(seal=seal_last)
    return written


def recover(data: bytes) -> wal.Recovered:
    return wal.recover("raft.wal", data, "peer")


def test_what_was_written_comes_back() -> None:
    written = sample()
    recovered = recover(written.data)
    assert shape(recovered.log) == written.states[-1] and recovered.torn == 0
    assert recovered.log.durable_index == 5 and recovered.log.changes == []


def test_every_truncated_file_gives_a_prefix_of_what_was_written_or_a_refusal() -> None:
    """A cut is what a crash leaves of the last group; where it comes back, it is as some prefix of the records says."""
    written = sample()
    prefixes = {shape(recover(written.data[:end]).log) for end in record_ends(written.data)}
    for size in range(len(written.data)):
        try:
            recovered = recover(written.data[:size])
        except WalCorrupt:
            assert size < header_size(written.data), "only a file without its header is refused"
            continue
        assert shape(recovered.log) in prefixes
        assert recovered.size + recovered.torn == size


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_flipped_byte_of_a_synced_file_is_found(flip: int) -> None:
    """All groups were fsynced and sealed: only the last seal itself may go unnoticed, and with it nothing is lost."""
    written = sample()
    last_seal = len(written.data) - len(wal.encode_seal(NONCE, 0))
    for at in range(len(written.data)):
        damaged = bytearray(written.data)
        damaged[at] ^= flip
        if at < last_seal:
            with pytest.raises(WalCorrupt) as caught:
                recover(bytes(damaged))
            assert "raft.wal" in str(caught.value) and "move the folder away" in str(caught.value)
        else:
            assert shape(recover(bytes(damaged)).log) == written.states[-1]


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_of_the_unsynced_tail_cuts_the_tail_and_nothing_before_it(flip: int) -> None:
    written = sample(seal_last=False)
    tail = len(written.data) - len(sample_tail(written))
    allowed = {written.states[-2], shape(recover(written.data[: record_ends(written.data)[-2]]).log)}
    for at in range(tail, len(written.data)):
        damaged = bytearray(written.data)
        damaged[at] ^= flip
        assert shape(recover(bytes(damaged)).log) in allowed


def test_a_tail_whose_first_part_never_reached_the_disk_is_cut_off_whole() -> None:
    """A disk writes in the order it likes: the second record of an unsynced group may be there without the first."""
    written = sample(seal_last=False)
    tail = len(written.data) - len(sample_tail(written))
    damaged = written.data[:tail] + bytes(10) + written.data[tail + 10 :]
    recovered = recover(damaged)
    assert shape(recovered.log) == written.states[-2] and recovered.torn > 0


def test_a_record_moved_to_another_place_is_none() -> None:
    written = sample()
    ends = record_ends(written.data)
    moved = written.data + written.data[ends[0] : ends[1]]
    recovered = recover(moved)
    assert shape(recovered.log) == written.states[-1] and recovered.torn > 0


def test_a_log_of_another_peer_is_refused() -> None:
    with pytest.raises(WalCorrupt, match="belongs to the peer peer, this is impostor"):
        wal.recover("raft.wal", sample().data, "impostor")


@pytest.mark.parametrize("data", [b"", b"x", b"gd2raft-wal\n", bytes(4096), b"garbage" * 1000])
def test_a_file_that_is_no_log_is_refused(data: bytes) -> None:
    with pytest.raises(WalCorrupt):
        recover(data)


def test_a_newer_kind_of_record_is_refused_and_not_skipped() -> None:
    written = Written()
    written.data += wal.encode_record(NONCE, len(written.data), written.group_start, 77, b"")
    with pytest.raises(WalCorrupt, match="newer daemon"):
        recover(written.data)


def test_two_daemons_can_not_share_a_folder(tmp_path: Path) -> None:
    disk = RealDisk(tmp_path)
    with pytest.raises(StorageError, match="another daemon"):
        RealDisk(tmp_path)
    disk.close()
    RealDisk(tmp_path).close()


def test_a_replaced_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    async def body() -> None:
        disk = RealDisk(tmp_path)
        await disk.replace("f", [b"old"])

        def broken() -> object:
            yield b"half"
            raise OSError(5, "Input/output error")

        with pytest.raises(OSError, match="Input/output"):
            await disk.replace("f", broken())  # type: ignore[arg-type]
        assert disk.read("f") == b"old" and [p.name for p in tmp_path.glob("*.tmp")] == []
        disk.close()

    asyncio.run(body())


def header_size(data: bytes) -> int:
    length = int.from_bytes(data[len(wal.MAGIC) : len(wal.MAGIC) + 4], "little")
    return len(wal.MAGIC) + 8 + length


def record_ends(data: bytes) -> list[int]:
    """Offsets after the header and after each record."""
    ends = [header_size(data)]
    while ends[-1] < len(data):
        record = wal._read_record(NONCE, data, ends[-1])
        assert record is not None
        ends.append(ends[-1] + record[2])
    return ends


def sample_tail(written: Written) -> bytes:
    """The bytes of the last group, without the seal before it."""
    return written.data[record_ends(written.data)[-3] :]


def test_zeros_written_ahead_are_no_torn_tail_and_the_log_goes_on_in_their_place(tmp_path: Path) -> None:
    async def body() -> None:
        disk = RealDisk(tmp_path)
        await disk.replace("log", [b"begin"])
        ended: list[int | Exception] = []
        file = await disk.open_append("log", 5)
        for word in (b"one", b"two"):
            ended.append(await appended(file, word))
        data = disk.read("log") or b""
        assert ended == [9, 13] and data[:13] == b"beginone!two!" and len(data) > 13 and not data[13:].strip(b"\0")
        file.close()
        (await disk.open_append("log", 13)).close()
        assert disk.read("log") == b"beginone!two!"
        disk.close()

    asyncio.run(body())


async def appended(file: AppendFile, data: bytes, seal: bytes = b"!", *, sync: bool = True) -> int | Exception:
    outcome: asyncio.Future[int | Exception] = asyncio.get_running_loop().create_future()
    file.append(data, seal, sync=sync, done=outcome.set_result)
    return await asyncio.wait_for(outcome, 10)


def test_a_log_with_zeros_behind_it_is_whole() -> None:
    log = Log(0, 0, Config(0, ("peer",)))
    content, _ = wal.encode_file(wal.Identity("pool", "peer"), b"12345678", log)
    recovered = wal.recover("raft.wal", content + bytes(1000), "peer")
    assert (recovered.size, recovered.torn) == (len(content), 0)


def test_entries_that_came_at_once_are_as_durable_as_those_that_came_one_by_one() -> None:
    one_by_one, at_once = (Log(0, 0, Config(0, ("peer",)), HardState(2, "")) for _ in range(2))
    came = [entry(1, 1), entry(2, 1), Entry(config_command(["peer", "other"]), 3, 1), entry(4, 1)]
    for one in came:
        one_by_one.append(one)
    at_once.extend(came)
    assert shape(at_once) == shape(one_by_one) and at_once.bytes == one_by_one.bytes
    assert at_once.take_changes() == one_by_one.take_changes() == came
    for log in (one_by_one, at_once):
        log.check()
        log.truncate(3)
        log.append(entry(3, 2))
        log.synced(4)
        assert log.durable_index == 2, "the first two stayed, the third came anew"
        log.synced(log.change_number)
        assert (log.durable_index, log.config.voters) == (3, ("peer",))


@pytest.mark.parametrize("came", [[entry(1, 1), entry(3, 1)], [entry(2, 1)], [entry(1, 2), entry(2, 1)]])
def test_a_log_with_a_gap_or_a_step_back_is_not_made(came: list[Entry]) -> None:
    log = empty_log()
    with pytest.raises(AssertionError, match="after"):
        log.extend(came)
    assert (log.last_index, log.changes) == (0, [])


def test_zeros_are_written_ahead_only_where_one_fsync_follows_the_other(tmp_path: Path) -> None:
    async def sizes() -> list[int]:
        disk, found = RealDisk(tmp_path), []
        await disk.replace("log", [b""])
        file = await disk.open_append("log", 0)
        for sync in (False, False, True, False, True, True):
            await appended(file, b"12345678", b"", sync=sync)
            found.append((tmp_path / "log").stat().st_size)
        file.close()
        disk.close()
        return found

    *rare, often = asyncio.run(sizes())
    assert rare == [8, 16, 24, 32, 40]
    assert often == 48 + AHEAD_BYTES
