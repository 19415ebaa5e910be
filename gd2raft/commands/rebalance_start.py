"""rebalance start: each peer with bricks moves files to where the layout wants them; or only the layout is mended (fix-layout)."""

from __future__ import annotations

from gd2raft.commands import lookup, shrink
from gd2raft.commands.job_start import follow, new_job
from gd2raft.core import jobs, model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

HOW = {"": jobs.How.PLAIN, "fix-layout": jobs.How.FIX_LAYOUT, "force": jobs.How.FORCE}


class RebalanceStart(Request, frozen=True, kw_only=True):
    """`option`: "", "fix-layout" (files stay where they are), or "force" (files move also to bricks with less free space)."""

    volume: str
    option: str = ""


def plan_rebalance(view: View, request: RebalanceStart, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    how = HOW.get(request.option)
    if how is None:
        raise Refused(f"rebalance option {request.option[:40]!r} is not known", hint="fix-layout or force, or none", code="bad-option")
    if leaves(volume) < 2:
        raise Refused(
            f"volume {volume.name} is not distributed: there is nothing to balance", hint="add bricks to it first", code="not-distributed"
        )
    shrink.check_nothing_pending(view, volume)
    volume, job, changes = new_job(view, volume, ids, kind=jobs.Kind.REBALANCE, how=how, peers=volume.peer_ids(), bricks=[])
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), volume), *changes),
        after=(follow(volume, []),),
        result={"volume": volume.name, "job": job.id},
    )


def leaves(volume: model.Volume) -> int:
    """Subvolumes of distribute."""
    return sum(len(s.bricks) if s.type is model.SubvolumeType.DISTRIBUTE else 1 for s in volume.subvols)


COMMAND = Command(
    name="rebalance-start",
    request=RebalanceStart,
    plan=plan_rebalance,
    route=Route("POST", "/v1/volumes/{volume}/rebalance/start", 200, "job"),
    summary="Start to move files to where the volume's layout wants them.",
)
