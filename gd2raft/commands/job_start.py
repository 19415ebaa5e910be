"""A new job of a volume, as changes, and how its peers take it up. PURE."""

from __future__ import annotations

import msgspec

from gd2raft.commands.step_kinds import FOLLOW_VOLUME, FollowVolume
from gd2raft.core import jobs, plan
from gd2raft.core.model import Brick, Volume
from gd2raft.core.plan import Change, Ids, View


def new_job(
    view: View, volume: Volume, ids: Ids, *, kind: jobs.Kind, how: jobs.How, peers: tuple[str, ...], bricks: list[Brick]
) -> tuple[Volume, jobs.Job, tuple[Change, ...]]:
    """The volume that points at it, the job, and the changes: the job before is forgotten, a volume keeps its latest only."""
    before = jobs.of_volume(view, volume)
    job = jobs.Job(
        id=ids.uuid(),
        kind=kind,
        volume=volume.name,
        volume_id=volume.id,
        how=how,
        commit_hash=jobs.next_commit_hash(ids.now, before),
        peers=peers,
        started=ids.now,
        bricks=tuple(b.id for b in bricks),
    )
    changes = (plan.put(view, jobs.job_key(job.id), job), *forgotten(view, volume))
    return msgspec.structs.replace(volume, job=job.id), job, changes


def forgotten(view: View, volume: Volume) -> tuple[Change, ...]:
    """Changes that delete the volume's job."""
    job = jobs.of_volume(view, volume)
    if job is None:
        return ()
    keys = (jobs.result_key(job.id, p) for p in job.peers)
    return (plan.delete(jobs.job_key(job.id)), *(plan.delete(key) for key in keys if view.reader.get(key) is not None))


def moved_to(view: View, job: jobs.Job, phase: jobs.Phase) -> Change:
    return plan.put(view, jobs.job_key(job.id), msgspec.structs.replace(job, phase=phase))


def follow(volume: Volume, bricks: list[Brick]) -> plan.Barrier:
    """The volume's peers do what the state says. Of its bricks only these are waited for: what is down already is not about them."""
    paths = [b.path for b in bricks]
    return tuple(FOLLOW_VOLUME.at(p, FollowVolume(volume=volume.name, bricks=paths), must=False) for p in volume.peer_ids())
