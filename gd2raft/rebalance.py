"""This peer's part of jobs: its rebalance process, how far it is, and how it ended.

The process tells how it ended (EVENT_NOTIFY) and then goes; that is kept in a file until the store has it, so that it outlives
this daemon. A process that goes without a word is started again by the process room and looks at everything anew: what it had
moved is kept in the same file. It must not know volfiles nor who asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import structlog

from gd2raft import rebalance_log
from gd2raft.core import jobs, model
from gd2raft.core.jobs import Job, Kind, Phase, Progress, Status
from gd2raft.muster import WAIT_S as MUSTER_S
from gd2raft.muster import Muster
from gd2raft.process import ProcessManager, ServiceSpec, procfs
from gd2raft.sunrpc.brickop import BrickOp, BrickOpClient, BrickOpFailed

STOP, ASK = "2", "3"
"""glusterfs's rebalance commands for a running process."""
POLL_S = 5.0
RETRY_S = 0.2
ASK_S = 3.0
STOP_AGAIN_S = 5.0
FAILED_RUNS_MAX = 6
"""So often a process that says that it failed is started again, with the back-off of the process room: some 20 s in all. It fails
when a brick can't be found at its start, as while a daemon restarts; a brick that stays away makes the job fail."""
CLIENTS_LEARN_S = 5.0
"""So long after a volume got other bricks its rebalance begins, as glusterd's does (it sleeps before it gives the process its volfile; seen):
clients have taken up the new bricks then."""
MISLED = (
    "it looked for directories on bricks that have just been added and don't have all of them yet, each time that it was started: "
    "start the rebalance again"
)
NEVER_SEEN: tuple[tuple[str, ...], float] = ((), float("-inf"))
EVENT_DEFRAG_STATUS = 0
STATUSES = {
    1: Status.RUNNING, 2: Status.STOPPED, 3: Status.COMPLETED, 4: Status.FAILED,
    5: Status.RUNNING, 6: Status.STOPPED, 7: Status.COMPLETED, 8: Status.FAILED,
}  # fmt: skip
"""From 5 on: of a fix-layout."""

log = structlog.get_logger("rebalance")


class Note(msgspec.Struct, frozen=True):
    """What this peer keeps of a job. `earlier`: moved by processes that died; `seen`, `pid`: of the one that was asked last.
    `failed_runs`: processes that failed, or were misled; `misled`: the latter."""

    job: str
    result: Progress | None = None
    earlier: Progress = Progress(status=Status.RUNNING)
    seen: Progress = Progress(status=Status.RUNNING)
    pid: int = 0
    failed_runs: int = 0
    misled: int = 0


class Run(msgspec.Struct):
    """The process of a volume that runs, or ran last. `commit_hash`: of its command line, by which an event tells whose end it is; `log_bytes`:
    how long its log was when it was seen first; `judged`: it is known where it lists directories."""

    pid: int
    commit_hash: str
    log: str
    log_bytes: int
    judged: bool = False


class Rebalances:
    """`report(job, progress)` puts a result into the store; it raises when it can't, and is tried again.

    `changed(volume)`: what should run may be another thing now.
    """

    def __init__(
        self,
        *,
        peer_id: Callable[[], str],
        view: Callable[[], model.View],
        processes: ProcessManager,
        folder: Path,
        host: str,
        port: int,
        report: Callable[[Job, Progress], Awaitable[None]],
        changed: Callable[[str], None],
    ) -> None:
        self._peer_id, self._view, self._processes, self._folder = peer_id, view, processes, folder
        self._host, self._port, self._report, self._changed = host, port, report, changed
        self._notes: dict[str, Note] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._bricks: dict[str, tuple[tuple[str, ...], float]] = {}  # volume -> those that take files, and since when
        self._timers: dict[str, asyncio.TimerHandle] = {}  # volume -> until its clients know its bricks
        self._muster = Muster(changed)
        self._runs: dict[str, Run] = {}  # by volume

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(self._muster.close(), *self._tasks.values(), return_exceptions=True)

    # what should run

    def spec(self, volume: model.Volume) -> ServiceSpec | None:
        """The process that the volume's job wants on this peer. One that is to stop is left to end by itself."""
        job = self._mine(volume)
        if job is None or self.result(job) is not None:
            return None
        if self._processes.status(key_of(volume.name)).pid:
            return self._spec(job)
        if job.phase is not Phase.WANTED:
            return None
        if (left_s := self._clients_learn_s(volume.name)) > 0:
            self._follow_again(volume.name, left_s)
            return None
        places = [(self._view().host(brick.peer_id), brick.path) for brick in volume.bricks() if not brick.reset]
        return self._spec(job) if self._muster.complete(volume.name, job.id, places) else None

    def _clients_learn_s(self, volume: str) -> float:
        """Seconds until its clients know the volume's bricks; 0 when they do."""
        _, since = self._bricks.get(volume, NEVER_SEEN)
        return max(0.0, since + CLIENTS_LEARN_S - time.monotonic())

    def _follow_again(self, volume: str, seconds: float) -> None:
        if (timer := self._timers.get(volume)) is not None:
            timer.cancel()
        self._timers[volume] = asyncio.get_running_loop().call_later(seconds, self._changed, volume)

    def tend(self, volume: model.Volume) -> None:
        """See to it that the store learns how this peer's part of the volume's job ends, or has ended. Comes before spec()."""
        job = self._mine(volume)
        emptied = job.bricks if job is not None and job.kind is Kind.REMOVE_BRICK else ()
        bricks = tuple(brick.id for brick in volume.bricks() if brick.id not in emptied)
        if self._bricks.get(volume.name, NEVER_SEEN)[0] != bricks:
            for name in [name for name in self._bricks if self._view().volume(name) is None]:
                del self._bricks[name]
                self._runs.pop(name, None)
                self._muster.forget(name)
            self._bricks[volume.name] = bricks, time.monotonic()
        if job is not None and self._peer_id() not in jobs.results(self._view(), job):
            self._look_after(job)

    def _mine(self, volume: model.Volume) -> Job | None:
        job = jobs.of_volume(self._view(), volume)
        return job if job is not None and self._peer_id() in job.peers else None

    def _spec(self, job: Job) -> ServiceSpec:
        # With lookup-optimize a process marks each directory as settled when it has found what to move there, before it is moved. And one
        # that comes upon a directory of which another has marked its own half writes a layout of its own, by what it finds there (not that
        # of the other, which has moved its files): then clients miss files for good. glusterd leaves it on.
        options = ("use-readdirp=no", "lookup-unhashed=yes", "assert-no-child-down=yes", "readdir-optimize=on", "lookup-optimize=off")
        own = (f"rebalance-cmd={job.how.value}", f"node-uuid={self._peer_id()}", f"commit-hash={self._commit_hash(job)}")
        return ServiceSpec(
            name=key_of(job.volume),
            process_name="rebalance",
            host=self._host,
            port_of_daemon=self._port,
            log_file=f"{job.volume}-rebalance.log",
            # Its log tells where it looks for directories, whatever clients are to log.
            xlator_options=(*(f"*dht.{option}" for option in (*options, *own)), f"{job.volume}.log-level=INFO"),
            once=True,
        )

    def _commit_hash(self, job: Job) -> int:
        return jobs.commit_hash_again(job.commit_hash, self._note(job).misled)

    def result(self, job: Job) -> Progress | None:
        """How this peer's part ended, when it has."""
        found = jobs.results(self._view(), job).get(self._peer_id())
        return found if found is not None else self._note(job).result

    # what the process says

    def process_changed(self, key: str) -> None:
        """A process came online, went, or is another one now."""
        volume = volume_of(key)
        if volume and (pid := self._processes.status(key).pid):
            run = self._runs.get(volume)
            if run is None or run.pid != pid:
                log_file = self._processes.log_of(key)
                run = self._runs[volume] = Run(pid, "", log_file, rebalance_log.size_of(log_file))
            run.commit_hash = next((w.partition("commit-hash=")[2] for w in words_of(pid) if "dht.commit-hash=" in w), "")

    def event(self, op: int, info: Mapping[str, str]) -> None:
        """EVENT_NOTIFY of a local process."""
        name = info.get("volname", "").rpartition("/")[2]
        volume = self._view().volume(name)
        job = self._mine(volume) if volume is not None else None
        if op != EVENT_DEFRAG_STATUS or job is None or volume is None:
            return
        if (run := self._runs.get(name)) is None or run.commit_hash != str(self._commit_hash(job)):
            log.info("a process of an earlier job has ended", volume=name)
            return
        told = progress_of(info)
        if told is None or told.status not in jobs.ENDED:
            log.warning("a rebalance process told what nobody understands", volume=name, info=dict(info))
            return
        note = self._note(job)
        result = told.plus(note.earlier)
        if told.status is Status.FAILED and self._may_run_again(job):
            self._runs_again(job, result, misled=False)
            return
        if told.status is Status.COMPLETED and not run.judged and lists_well(run, volume) is False:
            run.judged = True
            if self._may_run_again(job):
                self._runs_again(job, result, misled=True)
                return
            result = msgspec.structs.replace(result, status=Status.FAILED, note=MISLED)
        self._ended(job, result)

    def _may_run_again(self, job: Job) -> bool:
        return job.phase is Phase.WANTED and self._note(job).failed_runs < FAILED_RUNS_MAX

    def _runs_again(self, job: Job, moved: Progress, *, misled: bool) -> None:
        """The process room starts another, when the one that ran is gone."""
        note, fresh = self._note(job), Progress(status=Status.RUNNING)
        runs, misled_runs = note.failed_runs + 1, note.misled + misled
        log.info(
            "a rebalance process looked for directories on bricks that lack some, it is started again" if misled
            else "a rebalance process failed, it is tried again",
            volume=job.volume, failed_runs=runs,
        )  # fmt: skip
        self._keep(msgspec.structs.replace(note, earlier=moved, seen=fresh, pid=0, failed_runs=runs, misled=misled_runs))
        if misled:
            self._changed(job.volume)

    def _ended(self, job: Job, result: Progress) -> None:
        log.info("rebalance ended", volume=job.volume, job=job.id, status=result.status.value, files=result.files, failures=result.failures)
        self._keep(msgspec.structs.replace(self._note(job), result=result))
        self._look_after(job)
        self._wakes[job.id].set()
        self._changed(job.volume)

    # looking after it

    def _look_after(self, job: Job) -> None:
        if job.id not in self._tasks:
            self._wakes[job.id] = asyncio.Event()
            task = asyncio.create_task(self._follow(job.id, job.volume), name=f"rebalance of {job.volume}")
            self._tasks[job.id] = task
            task.add_done_callback(lambda _: self._forget(job.id))

    def _forget(self, job_id: str) -> None:
        self._tasks.pop(job_id, None)
        self._wakes.pop(job_id, None)

    async def _follow(self, job_id: str, volume: str) -> None:
        """Until the store has this peer's result: note what is moved, stop what is to stop, report the end."""
        while (job := jobs.find(self._view(), job_id)) is not None and self._peer_id() not in jobs.results(self._view(), job):
            try:
                if (result := self._note(job).result) is not None:
                    await self._report(job, result)
                    await asyncio.sleep(RETRY_S)
                    continue
                if job.phase is not Phase.WANTED:
                    await self._stop(job)
                    await asyncio.sleep(RETRY_S)
                    continue
                await self._ask(job)
                self._end_misled(job)
            except Exception as error:  # the store may be without a leader; nothing of this may be lost
                log.warning("rebalance can't be followed, trying again", volume=volume, cause=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wakes[job_id].wait(), POLL_S)
            self._wakes[job_id].clear()
        self._changed(volume)

    def _end_misled(self, job: Job) -> None:
        """A process that lists directories at the wrong place may move files for days before it says so by its end."""
        run, volume = self._runs.get(job.volume), self._view().volume(job.volume)
        running = run is not None and run.pid == self._processes.status(key_of(job.volume)).pid
        if run is None or volume is None or not running or run.judged or (well := lists_well(run, volume)) is None:
            return
        run.judged = True
        if not well and self._may_run_again(job):
            self._runs_again(job, self._note(job).seen.plus(self._note(job).earlier), misled=True)

    def poke(self, volume: str) -> None:
        """The state of its job changed: look now, not at the next poll."""
        found = self._view().volume(volume)
        if found is not None and found.job in self._wakes:
            self._wakes[found.job].set()

    async def _stop(self, job: Job) -> None:
        """Ask the process to end, as often as need be; when it has gone without a word, that is its end."""
        status = self._processes.status(key_of(job.volume))
        if not status.pid:
            if self._note(job).result is None:
                note = self._note(job)
                self._ended(job, msgspec.structs.replace(note.seen.plus(note.earlier), status=Status.STOPPED, time_left_s=0))
            return
        with contextlib.suppress(BrickOpFailed):
            await self._command(job.volume, STOP)
        deadline = asyncio.get_running_loop().time() + STOP_AGAIN_S
        while self._processes.status(key_of(job.volume)).pid and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def _ask(self, job: Job) -> Progress | None:
        """Ask the process how far it is, and note it. None: it doesn't answer."""
        pid = self._processes.status(key_of(job.volume)).pid
        if not pid:
            return None
        try:
            reply = await self._command(job.volume, ASK)
        except BrickOpFailed as error:
            log.debug("rebalance does not answer", volume=job.volume, cause=str(error))
            return None
        now = progress_of(reply)
        if now is None:
            return None
        note = self._note(job)
        earlier = note.earlier if note.pid in (0, pid) else note.seen.plus(note.earlier)
        if (now, pid, earlier) != (note.seen, note.pid, note.earlier) and note.result is None:
            self._keep(msgspec.structs.replace(note, earlier=earlier, seen=now, pid=pid))
        return now.plus(earlier)

    async def _command(self, volume: str, command: str) -> Mapping[str, str]:
        client = BrickOpClient(self._processes.socket_of(key_of(volume)), timeout_s=ASK_S)
        reply = await client.call(BrickOp.XLATOR_DEFRAG, f"{volume}-dht", {"rebalance-command": command})
        if reply.op_ret:
            raise BrickOpFailed(self._processes.socket_of(key_of(volume)), BrickOp.XLATOR_DEFRAG, reply.error or f"error {reply.op_errno}")
        return reply.output

    # what can be asked

    def _ended_part(self, job: Job) -> Progress | None:
        if (stored := jobs.results(self._view(), job).get(self._peer_id())) is not None:
            return stored
        noted = self._note(job).result
        return (
            None if noted is None else msgspec.structs.replace(noted, status=Status.RUNNING, note="it has ended, which is being reported")
        )

    async def progress(self, job: Job) -> Progress:
        """This peer's part, now. It has ended when the store says so: a command that follows is decided on that."""
        if (result := self._ended_part(job)) is not None:
            return result
        if (now := await self._ask(job)) is not None:
            return msgspec.structs.replace(now, status=Status.RUNNING)
        if (result := self._ended_part(job)) is not None:  # it ended while it was asked
            return result
        status = self._processes.status(key_of(job.volume))
        note = self._note(job)
        why = "its process is not running"
        if status.pid:
            why = f"its process runs (pid {status.pid}) but has not answered yet"
        elif self._clients_learn_s(job.volume) > 0:
            why = f"it begins {CLIENTS_LEARN_S:.0f} s after the volume got other bricks, when clients know them"
        elif missing := self._muster.missing(job.volume):
            why = f"it waits up to {MUSTER_S:.0f} s for bricks that can't be found yet: {', '.join(f'{h}:{p}' for h, p in missing[:3])}"
        if status.last_error:
            why += f"; last: {status.last_error}"
        return msgspec.structs.replace(note.seen.plus(note.earlier), status=Status.WAITING, note=why, last_error=status.last_error)

    async def ended(self, job_id: str, timeout_s: float) -> bool:
        """Wait until the process of a job that is to stop has gone; False when it still finishes a file."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while asyncio.get_running_loop().time() < deadline:
            job = jobs.find(self._view(), job_id)
            if job is None or self._peer_id() in jobs.results(self._view(), job):
                return True
            await asyncio.sleep(0.1)
        return False

    # the notes

    def _note(self, job: Job) -> Note:
        note = self._notes.get(job.volume)
        if note is None or note.job != job.id:
            note = self._notes[job.volume] = self._read(job) or Note(job.id)
        return note

    def _read(self, job: Job) -> Note | None:
        try:
            note = msgspec.json.decode(self._path(job.volume).read_bytes(), type=Note)
        except (OSError, msgspec.MsgspecError):
            return None  # then the process looks at everything again
        return note if note.job == job.id else None

    def _keep(self, note: Note) -> None:
        volume = next((name for name, n in self._notes.items() if n.job == note.job), "")
        self._notes[volume] = note
        path = self._path(volume)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.new")
            draft.write_bytes(msgspec.json.encode(note))
            os.replace(draft, path)
        except OSError as error:
            log.warning("can't note how far a rebalance is", path=str(path), cause=str(error))

    def _path(self, volume: str) -> Path:
        return self._folder / f"{volume}.json"


def key_of(volume: str) -> str:
    return f"rebalance/{volume}"


def sets_of(volume: model.Volume) -> list[list[int]]:
    """What distribute spreads files over, in its order: each by the indexes of its bricks."""
    return [
        indexes
        for subvol in volume.subvols
        for all_of_it in [[brick.index for brick in subvol.bricks]]
        for indexes in ([[index] for index in all_of_it] if subvol.type is model.SubvolumeType.DISTRIBUTE else [all_of_it])
    ]


def volume_of(key: str) -> str:
    """The volume of a rebalance process's key; "" for any other process.

    >>> volume_of("rebalance/v1"), volume_of("/bricks/b1")
    ('v1', '')
    """
    kind, _, volume = key.partition("/")
    return volume if kind == "rebalance" else ""


def lists_well(run: Run, volume: model.Volume) -> bool | None:
    """Whether the process lists directories where all of them are (rebalance_log). None: its log doesn't say."""
    return rebalance_log.lists_the_first_set(rebalance_log.part_of(run.log, run.log_bytes), run.pid, sets_of(volume))


def words_of(pid: int) -> tuple[str, ...]:
    line = procfs.command_line_of(pid)
    return line.words if line is not None else ()


def progress_of(counters: Mapping[str, str]) -> Progress | None:
    """What glusterfs counts, as Progress; None when it makes no sense.

    >>> progress_of({"status": "3", "files": "2", "size": "10", "lookups": "5", "failures": "0", "skipped": "0", "run-time": "1.5"}).files
    2
    """
    try:
        status = STATUSES[int(counters.get("status", ""))]
        files, size, lookups, failures, skipped, run_time, time_left = (
            max(0, int(float(counters.get(key) or 0)))
            for key in ("files", "size", "lookups", "failures", "skipped", "run-time", "time-left")
        )
    except (ValueError, KeyError, OverflowError):
        return None
    return Progress(
        status=status,
        files=files,
        size=size,
        lookups=lookups,
        failures=failures,
        skipped=skipped,
        run_time_s=run_time,
        time_left_s=time_left,
    )
