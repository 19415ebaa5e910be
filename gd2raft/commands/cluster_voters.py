"""cluster voters: how many peers shall vote, and after how long a lost voter is replaced. The leader's autopilot goes by it."""

from __future__ import annotations

import msgspec

from gd2raft.core import model, plan
from gd2raft.core.membership import VOTERS_MAX
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

REPLACE_AFTER_S_MIN, REPLACE_AFTER_S_MAX = 5, 24 * 3600
"""Shorter than a few leases, a slow peer would be taken for a lost one."""


class ClusterVoters(Request, frozen=True, kw_only=True):
    """`voters`: 0 (by the size of the pool), or 1, 3, 5, 7. None: as it is."""

    voters: int | None = None
    replace_after_s: int | None = None


def plan_voters(view: View, request: ClusterVoters, ids: Ids) -> Plan:
    cluster = view.cluster()
    assert cluster is not None, "a pool without a cluster record"
    if request.voters is None and request.replace_after_s is None:
        raise Refused("nothing to set is given", hint="voters, replace-after-s or both", code="bad-voters")
    if request.voters is not None:
        check_voters(request.voters)
        cluster = msgspec.structs.replace(cluster, voters=request.voters)
    if request.replace_after_s is not None:
        if not REPLACE_AFTER_S_MIN <= request.replace_after_s <= REPLACE_AFTER_S_MAX:
            raise Refused(
                f"a lost voter can't be replaced after {request.replace_after_s} s",
                hint=f"{REPLACE_AFTER_S_MIN} to {REPLACE_AFTER_S_MAX} s are possible",
                code="bad-voters",
            )
        cluster = msgspec.structs.replace(cluster, replace_after_s=request.replace_after_s)
    return Plan(locks=("voters",), changes=(plan.put(view, model.CLUSTER, cluster),), result={})


def check_voters(voters: int) -> None:
    if voters == 0 or (0 < voters <= VOTERS_MAX and voters % 2):
        return
    why = "an even number survives no more losses than one less" if 0 < voters <= VOTERS_MAX else "more than 7 only make commits slower"
    raise Refused(
        f"{voters} voters are not possible" + (f": {why}" if voters > 0 else ""),
        hint="1, 3, 5 or 7; auto (over REST: 0) goes by the size of the pool",
        code="bad-voters",
    )


COMMAND = Command(
    name="cluster-voters",
    request=ClusterVoters,
    plan=plan_voters,
    route=Route("POST", "/v1/cluster/voters", 200, "voters"),
    summary="Set how many peers shall vote, and after how long a lost voter is replaced.",
)
