"""What can be read of jobs: long work, with the progress of each of its peers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from gd2raft.commands import lookup, shrink
from gd2raft.core import jobs, model
from gd2raft.core.plan import NotFound, Refused
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply
from gd2raft.rest.shapes import Shape


class JobPart(Shape, frozen=True, kw_only=True):
    """One peer's part, as its rebalance process counts. Sizes in bytes, times in seconds. `note`: why, when that isn't plain.
    `last_error`: how its process ended last, while it doesn't run."""

    peer_id: str
    host: str
    status: jobs.Status
    files: int
    size: int
    lookups: int
    failures: int
    skipped: int
    run_time_s: int
    time_left_s: int
    note: str = ""
    last_error: str = ""


class JobInfo(Shape, frozen=True, kw_only=True):
    """Long work. `kind`: rebalance or remove-brick; `option`: "", fix-layout or force. `bricks`: PEER:/path, those that are being emptied.

    `started`: epoch seconds by the clock of the peer that planned it. The counts are sums over `parts`.
    """

    id: str
    kind: jobs.Kind
    volume: str
    option: str
    status: jobs.Status
    bricks: list[str]
    started: float
    files: int
    size: int
    failures: int
    skipped: int
    parts: list[JobPart]


OPTIONS = {jobs.How.PLAIN: "", jobs.How.FIX_LAYOUT: "fix-layout", jobs.How.FORCE: "force"}


def job_info(view: model.View, job: jobs.Job, progress: Mapping[str, jobs.Progress]) -> JobInfo:
    parts = [_part(view, peer_id, progress[peer_id]) for peer_id in job.peers if peer_id in progress]
    return JobInfo(
        id=job.id,
        kind=job.kind,
        volume=job.volume,
        option=OPTIONS[job.how] if job.kind is jobs.Kind.REBALANCE else "",
        status=jobs.overall(job, progress),
        bricks=_bricks(view, job),
        started=job.started,
        files=sum(p.files for p in parts),
        size=sum(p.size for p in parts),
        failures=sum(p.failures for p in parts),
        skipped=sum(p.skipped for p in parts),
        parts=parts,
    )


def _part(view: model.View, peer_id: str, progress: jobs.Progress) -> JobPart:
    peer = view.peer(peer_id)
    return JobPart(
        peer_id=peer_id,
        host=peer.hostname if peer else "",
        status=progress.status,
        files=progress.files,
        size=progress.size,
        lookups=progress.lookups,
        failures=progress.failures,
        skipped=progress.skipped,
        run_time_s=progress.run_time_s,
        time_left_s=progress.time_left_s,
        note=progress.note,
        last_error=progress.last_error,
    )


def _bricks(view: model.View, job: jobs.Job) -> list[str]:
    volume = view.volume(job.volume)
    wanted = [b for b in volume.bricks() if b.id in job.bricks] if volume is not None else []
    hosts = {b.peer_id: peer.hostname for b in wanted if (peer := view.peer(b.peer_id)) is not None}
    return [f"{hosts.get(b.peer_id, b.peer_id)}:{b.path}" for b in wanted]


def stored(view: model.View, job: jobs.Job) -> JobInfo:
    """From the state alone: what has not ended counts as in progress."""
    waiting = jobs.Progress(status=jobs.Status.RUNNING)
    known = jobs.results(view, job)
    return job_info(view, job, {p: known.get(p, waiting) for p in job.peers})


def all_jobs(view: model.View) -> list[jobs.Job]:
    """In the order of their ids."""
    return [model.load(key, item.value, jobs.Job) for key, item in view.reader.list(jobs.JOBS)]


async def get_job(call: Call) -> Reply:
    return await _live(call, await ended(call, call.fields["job"]))


async def ended(call: Call, job_id: str) -> jobs.Job:
    """The job, once it has ended or the client's `wait` is over. Raises NotFound."""
    loop = asyncio.get_running_loop()
    until = loop.time() + call.wait_s()
    while True:
        revision, view = call.api.revision(), call.view()
        job = jobs.find(view, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id[:100]}", hint="a volume keeps its latest job only", code="job-not-found")
        left = until - loop.time()
        if left <= 0 or jobs.overall(job, jobs.results(view, job)) is not jobs.Status.RUNNING:
            return job
        with contextlib.suppress(TimeoutError):
            await call.api.wait_revision(revision + 1, left)


async def get_rebalance(call: Call) -> Reply:
    view = call.view()
    volume = lookup.volume(view, call.fields["volume"])
    job = jobs.of_volume(view, volume)
    if job is None or job.kind is not jobs.Kind.REBALANCE:
        raise Refused(
            f"rebalance was not started for volume {volume.name}", hint=f"gd2 volume rebalance {volume.name} start", code="no-rebalance"
        )
    return await _live(call, job)


async def get_remove_brick(call: Call) -> Reply:
    view = call.view()
    volume = lookup.volume(view, call.fields["volume"])
    job = jobs.of_volume(view, volume)
    if job is None or job.kind is not jobs.Kind.REMOVE_BRICK or not shrink.pending(volume):
        raise Refused(f"remove-brick was not started for volume {volume.name}", hint="there is nothing to show", code="no-remove-brick")
    return await _live(call, job)


async def live(call: Call, job: jobs.Job) -> JobInfo:
    return job_info(call.view(), job, await call.api.job_progress(job))


async def _live(call: Call, job: jobs.Job) -> Reply:
    return Reply(body=await live(call, job))
