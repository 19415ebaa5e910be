"""This peer's part of jobs: which process is wanted, whose end an event tells, what is kept when processes and daemons die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import until

from gd2raft import rebalance, rebalance_log
from gd2raft.core import jobs, model
from gd2raft.core.jobs import How, Job, Kind, Phase, Progress, Status
from gd2raft.core.kv import KeyValueState, Operation
from gd2raft.core.plan import Change, make_commit
from gd2raft.process import ProcessStatus
from gd2raft.rebalance import Rebalances, progress_of
from gd2raft.sunrpc.brickop import BrickOp, BrickOpFailed

pytestmark = pytest.mark.fast

ME = "peer-1"
KEY = "rebalance/v"
DONE = {"volname": KEY, "status": "3", "files": "4", "size": "400", "lookups": "9", "failures": "0", "skipped": "0", "run-time": "2.00"}


class Processes:
    """As a ProcessManager with one process, which runs when `pid` isn't 0."""

    def __init__(self) -> None:
        self.pid = 0
        self.log = ""

    def log_of(self, key: str) -> str:
        return self.log

    def status(self, key: str) -> ProcessStatus:
        return ProcessStatus(key=key, pid=self.pid, last_error="killed by SIGKILL")

    def socket_of(self, key: str) -> str:
        return "/nowhere"


class Peer:
    """A peer with a volume v, its job, and everything that Rebalances is handed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = KeyValueState()
        self.folder, self.processes = folder, Processes()
        self.reported: list[Progress] = []
        self.report_fails = 0
        self.replies: dict[str, str] | None = {}
        self.asked: list[str] = []
        self.words: dict[int, tuple[str, ...]] = {}
        self.volume = model.Volume(id="i", name="v", state=model.VolumeState.STARTED, username="u", password="p", subvols=(), job="job-1")
        self.put(model.volume_key("v"), self.volume)
        self.job = Job(
            id="job-1", kind=Kind.REBALANCE, volume="v", volume_id="i", how=How.PLAIN, commit_hash=77, peers=(ME, "other"), started=0
        )
        self.put(jobs.job_key("job-1"), self.job)
        monkeypatch.setattr(rebalance, "words_of", lambda pid: self.words.get(pid, ()))
        monkeypatch.setattr(rebalance, "BrickOpClient", lambda path, timeout_s: self)
        monkeypatch.setattr(rebalance, "POLL_S", 0.01)
        monkeypatch.setattr(rebalance, "RETRY_S", 0.01)
        monkeypatch.setattr(rebalance, "STOP_AGAIN_S", 0.05)

    async def call(self, op: BrickOp, name: str, values: dict[str, str]) -> Any:
        """The process's socket."""
        assert (op, name) == (BrickOp.XLATOR_DEFRAG, "v-dht")
        self.asked.append(values["rebalance-command"])
        if self.replies is None or not self.processes.pid:
            raise BrickOpFailed("/nowhere", op, "connection refused")
        return msgspec.defstruct("Reply", [("op_ret", int), ("op_errno", int), ("error", str), ("output", dict)])(0, 0, "", self.replies)

    def put(self, key: str, record: model.Record) -> None:
        self.state.apply(Operation(commit=make_commit(self.state, (), (Change(key, msgspec.to_builtins(record)),))))

    def has(self, subvols: tuple[model.Subvolume, ...], **job: Any) -> None:
        """The volume has these sets, and its job is another one."""
        self.volume = msgspec.structs.replace(self.volume, subvols=subvols)
        self.put(model.volume_key("v"), self.volume)
        self.put(jobs.job_key("job-1"), msgspec.structs.replace(self.job, **job))

    def runs(self, pid: int, commit_hash: int = 77) -> None:
        self.processes.pid = pid
        self.words[pid] = ("glusterfs", "--xlator-option", f"*dht.commit-hash={commit_hash}")

    async def report(self, job: Job, progress: Progress) -> None:
        if self.report_fails:
            self.report_fails -= 1
            raise ConnectionError("no leader")
        self.reported.append(progress)
        self.put(jobs.result_key(job.id, ME), progress)

    def made(self) -> Rebalances:
        """As a daemon that has just started has it."""
        return Rebalances(
            peer_id=lambda: ME, view=lambda: model.View(self.state), processes=self.processes,  # type: ignore[arg-type]
            folder=self.folder, host="h", port=24007, report=self.report, changed=lambda volume: None,
        )  # fmt: skip


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    return Peer(tmp_path / "jobs", monkeypatch)


def during(peer: Peer, work: Callable[[Rebalances], Awaitable[None]]) -> None:
    async def run() -> None:
        made = peer.made()
        try:
            async with asyncio.timeout(20):
                await work(made)
        finally:
            await made.close()

    asyncio.run(run())


def test_a_wanted_job_wants_a_process_that_is_told_all_it_needs(peer: Peer) -> None:
    spec = peer.made().spec(peer.volume)
    assert spec is not None and spec.once and spec.name == KEY
    assert {"*dht.rebalance-cmd=1", f"*dht.node-uuid={ME}", "*dht.commit-hash=77"} <= set(spec.xlator_options)
    assert "*dht.lookup-optimize=off" in spec.xlator_options, "two peers' processes would give folders different layouts"


def test_a_job_of_other_peers_wants_nothing_here(peer: Peer) -> None:
    peer.put(jobs.job_key("job-1"), msgspec.structs.replace(peer.job, peers=("other",)))
    assert peer.made().spec(peer.volume) is None


def test_the_end_that_a_process_tells_is_reported_until_the_store_has_it(peer: Peer) -> None:
    peer.report_fails = 2

    async def work(made: Rebalances) -> None:
        peer.runs(5)
        made.process_changed(KEY)
        made.event(0, DONE)
        assert made.spec(peer.volume) is None, "nothing is to run any more"
        await until(lambda: peer.reported)

    during(peer, work)
    (told,) = peer.reported
    assert (told.status, told.files, told.size, told.run_time_s) == (Status.COMPLETED, 4, 400, 2)


def test_the_end_is_known_though_the_process_was_gone_before_its_word_came(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5)
        made.process_changed(KEY)
        peer.processes.pid = 0
        made.process_changed(KEY)
        made.event(0, DONE)
        await until(lambda: peer.reported)

    during(peer, work)


def test_the_end_of_a_process_of_an_earlier_job_is_not_that_of_this_one(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5, commit_hash=76)
        made.process_changed(KEY)
        made.event(0, DONE)
        assert made.spec(peer.volume) is not None

    during(peer, work)
    assert peer.reported == []


@pytest.mark.parametrize(
    "info",
    [{}, {"volname": "rebalance/nobody", "status": "3"}, {**DONE, "status": "1"}, {**DONE, "status": "99"}, {**DONE, "files": "many"},
     {**DONE, "size": "nan"}, {**DONE, "size": "inf"}, {**DONE, "status": ""}],
)  # fmt: skip
def test_what_no_process_would_say_changes_nothing(peer: Peer, info: dict[str, str]) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5)
        made.process_changed(KEY)
        made.event(0, info)
        made.event(7, DONE)
        assert made.spec(peer.volume) is not None

    during(peer, work)
    assert peer.reported == []


def test_a_result_that_the_store_did_not_get_is_reported_by_the_next_daemon(peer: Peer) -> None:
    peer.report_fails = 1_000_000

    async def told(made: Rebalances) -> None:
        peer.runs(5)
        made.process_changed(KEY)
        made.event(0, DONE)

    during(peer, told)
    peer.report_fails = peer.processes.pid = 0

    async def returns(made: Rebalances) -> None:
        assert made.spec(peer.volume) is None, "it isn't done twice"
        made.tend(peer.volume)
        await until(lambda: peer.reported)

    during(peer, returns)
    assert peer.reported[0].files == 4


@pytest.mark.parametrize("text", [b"", b"{", b'{"job": "another", "result": {"status": "completed"}}', b"\xff" * 100])
def test_a_note_that_is_broken_or_of_another_job_is_no_result(peer: Peer, text: bytes) -> None:
    peer.folder.mkdir()
    (peer.folder / "v.json").write_bytes(text)
    assert peer.made().spec(peer.volume) is not None


def test_what_a_killed_process_had_moved_is_counted(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5)
        peer.replies = {**DONE, "status": "1", "files": "3", "size": "300"}
        assert (await made.progress(peer.job)).files == 3
        peer.runs(6)
        peer.replies = {**DONE, "status": "1", "files": "1", "size": "100"}
        now = await made.progress(peer.job)
        assert (now.status, now.files, now.size) == (Status.RUNNING, 4, 400)
        made.process_changed(KEY)
        made.event(0, {**DONE, "files": "2", "size": "200"})
        await until(lambda: peer.reported)

    during(peer, work)
    assert (peer.reported[0].files, peer.reported[0].size) == (5, 500)


def test_a_process_that_does_not_run_is_said_to_wait_and_why(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        waiting = await made.progress(peer.job)
        assert waiting.status is Status.WAITING and "killed by SIGKILL" in waiting.note
        assert waiting.last_error == "killed by SIGKILL"

    during(peer, work)


def test_a_stopped_job_lets_its_process_end_by_itself(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5)
        made.process_changed(KEY)
        peer.put(jobs.job_key("job-1"), msgspec.structs.replace(peer.job, phase=Phase.STOPPED))
        assert made.spec(peer.volume) is not None, "it isn't killed in the middle of a file"
        made.tend(peer.volume)
        await until(lambda: "2" in peer.asked)
        made.event(0, {**DONE, "status": "2"})
        assert await made.ended("job-1", 10)

    during(peer, work)
    assert peer.reported[0].status is Status.STOPPED


def test_a_stopped_job_whose_process_is_gone_has_ended(peer: Peer) -> None:
    peer.put(jobs.job_key("job-1"), msgspec.structs.replace(peer.job, phase=Phase.STOPPED))

    async def work(made: Rebalances) -> None:
        assert made.spec(peer.volume) is None
        made.tend(peer.volume)
        assert await made.ended("job-1", 10)

    during(peer, work)
    assert peer.reported[0].status is Status.STOPPED


def test_waiting_for_the_end_of_a_process_has_a_deadline(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5)
        assert not await made.ended("job-1", 0.05)

    during(peer, work)


def test_counts_are_read_as_glusterfs_writes_them() -> None:
    read = progress_of({**DONE, "status": "7", "time-left": "12"})
    assert read is not None and (read.status, read.time_left_s, read.lookups) == (Status.COMPLETED, 12, 9)


def test_a_process_that_fails_is_tried_again_and_the_job_fails_when_that_does_not_help(peer: Peer) -> None:
    async def work(made: Rebalances) -> None:
        peer.runs(5)
        made.process_changed(KEY)
        for _ in range(rebalance.FAILED_RUNS_MAX):
            made.event(0, {**DONE, "status": "4", "files": "1"})
            assert made.spec(peer.volume) is not None
        made.event(0, {**DONE, "status": "4", "files": "1"})
        await until(lambda: peer.reported)

    during(peer, work)
    assert (peer.reported[0].status, peer.reported[0].files) == (Status.FAILED, rebalance.FAILED_RUNS_MAX + 1)


TWO = (
    model.Subvolume(
        type=model.SubvolumeType.DISTRIBUTE, bricks=tuple(model.Brick(id=f"b{i}", peer_id=ME, path=f"/b{i}", index=i) for i in (0, 4))
    ),
)
LINE = "[2026-11-29 06:59:{} +0000] I [MSGID: 114046] [client-handshake.c:856:client_setvolume_cbk] 0-v-client-{}: Connected, attached to remote volume [{{}}]\n"


def log_of(pid: int, old: str, new: str) -> str:
    """Of a process that found the old brick, and the new one, at these times."""
    lines = sorted([LINE.format(old, 0), LINE.format(new, 4)])
    crawls = "[2026-11-29 06:59:39.000000 +0000] I [dht-rebalance.c:4304:gf_defrag_start_crawl] 0-v-dht: gf_defrag_start_crawl using commit hash 7\n"
    return f"[x] I [glusterfsd.c:2447:daemonize] 0-glusterfs: Pid of current running process is {pid}\n" + "".join(lines) + crawls


@pytest.mark.parametrize(
    ("old", "new", "well"),
    [
        ("37.011420", "37.104046", True),
        ("37.500000", "37.300000", True),  # in one second the first in the volume is asked
        ("36.900000", "37.300000", True),
        ("38.100000", "37.900000", False),
        ("37.011420", "37.004046", False),  # seen: the kernel's clock had not ticked, and took the new one for a second older
        ("37.990000", "37.980000", False),  # in doubt
    ],
)
def test_a_process_lists_directories_on_the_brick_that_it_found_first_by_the_second(old: str, new: str, well: bool) -> None:
    text = log_of(4, "37.1", "37.2") + log_of(5, old, new)
    assert rebalance_log.lists_the_first_set(text, 5, [[0], [4]]) is well
    assert rebalance_log.lists_the_first_set(text, 4, [[0], [4]]) is True
    assert rebalance_log.lists_the_first_set(text, 6, [[0], [4]]) is None
    assert rebalance_log.lists_the_first_set(text[: text.rindex("[")], 5, [[0], [4]]) is None, "it has not begun"


def test_copies_count_from_when_all_of_them_were_found() -> None:
    times = [("37.1", 0), ("37.2", 1), ("38.3", 2), ("38.4", 3)]
    crawls = "[2026-11-29 06:59:39.0 +0000] I [x] 0-v-dht: gf_defrag_start_crawl using commit hash 7\n"
    text = "Pid of current running process is 5\n" + "".join(LINE.format(*t) for t in times) + crawls
    assert rebalance_log.lists_the_first_set(text, 5, [[0, 1], [2, 3]]) is True
    assert rebalance_log.lists_the_first_set(text, 5, [[2, 3], [0, 1]]) is False
    assert rebalance_log.lists_the_first_set(text, 5, [[0, 2], [1, 3]]) is True
    assert rebalance_log.lists_the_first_set(text, 5, [[0, 9], [2, 3]]) is False, (
        "one of the first isn't there: it may have been waited for"
    )
    assert rebalance_log.lists_the_first_set(text, 5, [[0, 1], [8, 9]]) is True, "nothing of the other is there"


def test_a_process_that_looked_for_directories_on_a_new_brick_is_run_again_and_the_job_fails_when_that_does_not_help(
    peer: Peer, tmp_path: Path
) -> None:
    peer.has(TWO, peers=(ME,))
    peer.processes.log = str(tmp_path / "log")

    async def work(made: Rebalances) -> None:
        for pid in range(5, 6 + rebalance.FAILED_RUNS_MAX):
            with Path(peer.processes.log).open("a") as file:
                file.write(log_of(pid, "38.1", "37.9"))
            peer.runs(pid, jobs.commit_hash_again(77, pid - 5))
            made.process_changed(KEY)
            assert made.spec(peer.volume) is not None
            made.event(0, DONE)
        await until(lambda: peer.reported)

    during(peer, work)
    assert (peer.reported[0].status, peer.reported[0].note) == (Status.FAILED, rebalance.MISLED)
    assert peer.reported[0].files == 4 * (1 + rebalance.FAILED_RUNS_MAX)


def test_a_process_that_looks_for_directories_on_a_new_brick_is_not_let_run_to_its_end(peer: Peer, tmp_path: Path) -> None:
    peer.has(TWO, peers=(ME,))
    peer.processes.log = str(tmp_path / "log")
    peer.replies = {**DONE, "status": "1"}

    async def work(made: Rebalances) -> None:
        made.tend(peer.volume)
        Path(peer.processes.log).write_text(log_of(5, "38.1", "37.9"))
        peer.runs(5)
        made.process_changed(KEY)
        another = f"*dht.commit-hash={jobs.commit_hash_again(77, 1)}"
        await until(lambda: another in made.spec(peer.volume).xlator_options)
        made.event(0, {**DONE, "status": "2"})  # as it ends
        Path(peer.processes.log).write_text(log_of(6, "37.1", "37.2"))
        peer.runs(6, jobs.commit_hash_again(77, 1))
        made.process_changed(KEY)
        asked = len(peer.asked)
        await until(lambda: len(peer.asked) > asked + 2)
        assert another in made.spec(peer.volume).xlator_options
        made.event(0, DONE)
        await until(lambda: peer.reported)

    during(peer, work)
    assert (peer.reported[0].status, peer.reported[0].files) == (Status.COMPLETED, 8)
