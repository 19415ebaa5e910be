"""remove-brick commit: the bricks leave the volume. Clients are told before their processes end.

After a start, it is refused until every file has moved. With force nothing is moved: what is only on these bricks is lost to the
volume (it stays in their folders). A reduced replica count needs force, and loses nothing as long as the remaining copies are whole.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup, shrink, sizing
from gd2raft.commands.hooked import around
from gd2raft.commands.job_start import follow, moved_to
from gd2raft.commands.step_kinds import BRICK_EMPTIED, LEAVE_BRICK, BrickEmptied, LeaveBrick
from gd2raft.core import devices, jobs, model, plan
from gd2raft.core.model import Brick, Volume
from gd2raft.core.plan import Change, Command, Ids, Plan, Refused, Request, Route, View
from gd2raft.core.wording import counted


class RemoveBrickCommit(Request, frozen=True, kw_only=True):
    """`bricks`: PEER:/path each. `replica`: reduce the sets to so many bricks (with force)."""

    volume: str
    bricks: list[str]
    replica: int = 0
    force: bool = False


def plan_commit(view: View, request: RemoveBrickCommit, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    leaving = shrink.chosen(view, volume, request.bricks)
    left = shrink.without(volume, leaving, request.replica)
    job = jobs.of_volume(view, volume)
    if request.force:
        check_forced(view, volume, leaving)
    else:
        if request.replica:
            raise Refused("a reduced replica count needs force", hint="no data has to be moved for it: use force", code="needs-force")
        shrink.check_pending(volume, leaving)
        shrink.check_online(view, [b.peer_id for b in leaving], "bricks to be removed are")
        check_moved(view, job)
    smaller = msgspec.structs.replace(
        volume,
        subvols=left,
        options=shrink.options_for(volume, left[0].type.value),
        capacity=max(0, volume.capacity - sizing.bytes_of(volume.subvols) + sizing.bytes_of(left)),
    )
    ends = job is not None and bool(shrink.pending(volume))
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=() if request.force else (tuple(look_into(volume, b) for b in leaving),),
        changes=(
            plan.put(view, model.volume_key(volume.name), smaller),
            *((moved_to(view, job, jobs.Phase.COMMITTED),) if job is not None and ends else ()),
            *(on_the_way(view, volume, b) for b in leaving),
            *devices.given_back(view, leaving),
        ),
        after=(follow(smaller, []), tuple(leave(volume, b) for b in leaving), *sizing.free(leaving)),
        last=tuple(plan.delete(model.brick_key(b.peer_id, b.path)) for b in leaving),
        result={"volume": volume.name, "job": job.id if job is not None and ends else ""},
        hook=around("remove-brick", volume),
    )


def check_forced(view: View, volume: Volume, leaving: list[Brick]) -> None:
    """Force needs no finished migration; but what is being emptied can only go as it was started, and before anything else."""
    if waiting := {b.id for b in shrink.pending(volume)}:
        if any(b.id not in waiting for b in leaving):
            raise shrink.still_pending(volume)
        shrink.check_pending(volume, leaving)
    elif (job := jobs.under_way(view, volume)) is not None:
        raise Refused(
            f"a {job.kind.value} of volume {volume.name} is in progress", hint="stop it first, or wait for its end", code="job-under-way"
        )


def check_moved(view: View, job: jobs.Job | None) -> None:
    """Every peer has said that all files of its bricks have moved. Raises Refused."""
    assert job is not None, "bricks are decommissioned without a job"
    found = jobs.results(view, job)
    status = jobs.overall(job, found)
    if status is not jobs.Status.COMPLETED:
        what = "is in progress" if status is jobs.Status.RUNNING else f"has {status.value}"
        raise Refused(
            f"the migration of data off these bricks {what}",
            hint="wait for its end: remove-brick ... status; after a failure see the rebalance log of the peer, stop it, and start it again",
            code="not-migrated",
            fields={"status": status.value},
        )
    missed = {p: r for p, r in found.items() if r.failures or r.skipped}
    if missed:
        count = sum(r.failures + r.skipped for r in missed.values())
        names = ", ".join(map(view.host, missed))
        raise Refused(
            f"{counted(count, 'file')} failed to move or {'was' if count == 1 else 'were'} skipped on {names}",
            hint="the rebalance log there names them; stop it and start it again (force would lose them)",
            code="files-left",
        )


def look_into(volume: Volume, brick: Brick) -> plan.Step:
    return BRICK_EMPTIED.at(brick.peer_id, BrickEmptied(volume=volume.name, path=brick.path))


def on_the_way(view: View, volume: Volume, brick: Brick) -> Change:
    key = model.brick_key(brick.peer_id, brick.path)
    held = view.brick_claims(brick.peer_id).get(brick.path) or model.BrickClaim(volume=volume.name, brick=brick.id)
    return plan.put(view, key, msgspec.structs.replace(held, leaving=True))


def leave(volume: Volume, brick: Brick) -> plan.Step:
    return LEAVE_BRICK.at(brick.peer_id, LeaveBrick(volume=volume.name, path=brick.path), must=False)


COMMAND = Command(
    name="remove-brick-commit",
    request=RemoveBrickCommit,
    plan=plan_commit,
    route=Route("POST", "/v1/volumes/{volume}/remove-brick/commit", 200, "volume"),
    summary="Remove bricks from a volume, once their files have moved (or with force: without moving them).",
)
