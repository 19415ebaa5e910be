"""Volumes that grow and shrink: made, read and described in the words of the tests."""

from __future__ import annotations

from typing import Any

from pool_kit import Pool, host

from gd2raft.core import jobs
from gd2raft.core.model import Volume
from gd2raft.core.plan import Plan


def bricks(*numbers: int, name: str = "b") -> list[str]:
    return [f"{host(n)}:/{name}/{n}" for n in numbers]


def started(pool: Pool, *texts: str, **fields: Any) -> Volume:
    pool.volume("v", *texts, force=True, **fields)
    assert pool.do("volume-start", volume="v").outcome == "done"
    return now(pool)


def now(pool: Pool) -> Volume:
    found = pool.view().volume("v")
    assert found is not None
    return found


def job(pool: Pool) -> jobs.Job:
    found = jobs.of_volume(pool.view(), now(pool))
    assert found is not None
    return found


def paths(volume: Volume) -> list[str]:
    return [b.path for b in volume.bricks()]


def expand(pool: Pool, texts: list[str], **fields: Any) -> Volume:
    finish = pool.do("volume-expand", volume="v", bricks=texts, **fields)
    assert finish.outcome == "done", finish
    return now(pool)


def kinds(plan: Plan) -> list[str]:
    """Kinds of the steps, in the order of the barriers; `!` where the changes are committed, `.` the last ones."""
    before, after = ([sorted({s.kind for s in barrier}) for barrier in barriers] for barriers in (plan.before, plan.after))
    return [*(k for b in before for k in b), "!", *(k for b in after for k in b), *(["."] if plan.last else [])]


def ended(pool: Pool, status: jobs.Status = jobs.Status.COMPLETED, **counts: int) -> None:
    """Every peer of the job says how its part ended."""
    for peer in job(pool).peers:
        pool.store(jobs.result_key(job(pool).id, peer), jobs.Progress(status=status, **counts))
