"""quota remove and remove-objects: a directory has no limit any more.

As with quota limit, the daemon looks the path up. A directory that is gone is found by the path that it had when the limit was set.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import quota
from gd2raft.commands.step_kinds import SET_LIMIT, SetLimit
from gd2raft.core import quotas
from gd2raft.core.plan import Command, Ids, NotFound, Plan, Request, Route, View


class QuotaRemove(Request, frozen=True, kw_only=True):
    """`objects`: the limit of files and directories, instead of that of bytes. `gfid` ("" when there is no such directory) is filled in
    by the daemon that took the request."""

    volume: str
    path: str
    objects: bool = False
    gfid: str = ""


def plan_remove(view: View, request: QuotaRemove, ids: Ids) -> Plan:
    volume = quota.quota_volume(view, request.volume)
    path = quota.check_path(request.path)
    limit = quotas.find(view, volume.name, request.gfid) if request.gfid else None
    limit = limit or next((known for known in quotas.limits(view, volume.name) if known.path == path), None)
    field = "objects" if request.objects else "usage"
    if limit is None or getattr(limit, field) is None:
        what = "of objects " if request.objects else ""
        raise NotFound(f"{path} has no limit {what}in volume {volume.name}", hint=f"gd2 volume quota {volume.name} list", code="no-limit")
    step = SetLimit(
        volume=volume.name,
        gfid=limit.id,
        path=path,
        name=quota.OBJECTS if request.objects else quota.USAGE,
        gone=limit.id != request.gfid,
    )
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=((SET_LIMIT.at(view.initiator, step),),),
        changes=(quotas.changed(view, volume.name, msgspec.structs.replace(limit, **{field: None})),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="quota-remove",
    request=QuotaRemove,
    plan=plan_remove,
    route=Route("DELETE", "/v1/quota/{volume}/limit", 200, "volume", internal=("gfid",)),
    summary="Take the limit of a directory away.",
)
