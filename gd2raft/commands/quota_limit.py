"""quota limit-usage and limit-objects: how much may be in a directory and below it.

The daemon that takes the request mounts the volume and looks which directory the path is; the plan is given its gfid as `gfid`. The limit
is set through a mount too, so that every brick gets it, before the state has it.
"""

from __future__ import annotations

import msgspec

from gd2raft.commands import quota
from gd2raft.commands.step_kinds import SET_LIMIT, SetLimit
from gd2raft.core import quotas
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View
from gd2raft.core.quotas import Bound, QuotaLimit


class QuotaSetLimit(Request, frozen=True, kw_only=True):
    """`size` ("10GB", bytes without a unit) or `objects` (files and directories, the directory itself counts). `soft_percent` of it: see
    `default-soft-limit`. `gfid` is filled in by the daemon that took the request."""

    volume: str
    path: str
    size: str = ""
    objects: int = 0
    soft_percent: int = quotas.SOFT_DEFAULT
    gfid: str = ""

    def check_body(self) -> None:
        quota.check_path(self.path)
        self.bound()

    def bound(self) -> tuple[str, Bound]:
        """(which limit, its value). Raises Refused."""
        if bool(self.size) == bool(self.objects):
            raise Refused("a size or a number of objects is needed", hint='{"path": "/dir", "size": "10GB"}', code="bad-request")
        if self.size:
            return quota.USAGE, quota.bound(quota.bytes_of(self.size), self.soft_percent)
        return quota.OBJECTS, quota.bound(self.objects, self.soft_percent)


def plan_limit(view: View, request: QuotaSetLimit, ids: Ids) -> Plan:
    volume = quota.quota_volume(view, request.volume)
    path = quota.check_path(request.path)
    name, value = request.bound()
    assert request.gfid, "the daemon looks the path up before it asks for a plan"
    old = quotas.find(view, volume.name, request.gfid)
    check_room(view, volume.name, request.gfid, old)
    limit = msgspec.structs.replace(old or QuotaLimit(id=request.gfid, path=path), path=path)
    limit = msgspec.structs.replace(limit, **{"usage" if name == quota.USAGE else "objects": value})
    step = SetLimit(volume=volume.name, gfid=request.gfid, path=path, name=name, value=quota.encoded(value))
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=((SET_LIMIT.at(view.initiator, step),),),
        changes=(quotas.changed(view, volume.name, limit),),
        result={"volume": volume.name},
    )


def check_room(view: View, volume: str, gfid: str, old: QuotaLimit | None) -> None:
    if old is None and len(quotas.bucket(view, volume, gfid)) >= quotas.BUCKET_MAX:
        raise Refused(
            f"volume {volume} has too many directories with limits already: no room for this one",
            hint="remove some; a limit of a directory above covers what is below",
            code="too-many-limits",
        )


COMMAND = Command(
    name="quota-limit",
    request=QuotaSetLimit,
    plan=plan_limit,
    route=Route("POST", "/v1/quota/{volume}/limit", 200, "volume", internal=("gfid",)),
    summary="Limit the size, or the number of files, of a directory.",
)
