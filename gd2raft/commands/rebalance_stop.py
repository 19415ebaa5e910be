"""rebalance stop: the processes end once the files that they are moving are moved."""

from __future__ import annotations

from gd2raft.commands import lookup
from gd2raft.commands.job_start import moved_to
from gd2raft.commands.step_kinds import STOP_JOB, StopJob
from gd2raft.core import jobs, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class RebalanceStop(Request, frozen=True, kw_only=True):
    volume: str


def plan_stop(view: View, request: RebalanceStop, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    job = jobs.under_way(view, volume)
    if job is None or job.kind is not jobs.Kind.REBALANCE:
        raise Refused(f"no rebalance of volume {volume.name} is in progress", hint="there is nothing to stop", code="no-rebalance")
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(moved_to(view, job, jobs.Phase.STOPPED),),
        after=(stop_on_peers(job),),
        result={"volume": volume.name, "job": job.id},
    )


def stop_on_peers(job: jobs.Job) -> plan.Barrier:
    return tuple(STOP_JOB.at(p, StopJob(volume=job.volume, job=job.id), must=False) for p in job.peers)


COMMAND = Command(
    name="rebalance-stop",
    request=RebalanceStop,
    plan=plan_stop,
    route=Route("POST", "/v1/volumes/{volume}/rebalance/stop", 200, "job"),
    summary="Stop a rebalance; files that were moved stay where they are now.",
)
