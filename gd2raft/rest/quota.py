"""Limits of directories over REST: which there are, and how much of each is used. Nothing here changes the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gd2raft.commands import quota
from gd2raft.core import model, quotas
from gd2raft.core.plan import Failed, NotFound, View
from gd2raft.core.quotas import Bound, QuotaLimit
from gd2raft.rest import shapes
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import READ, Endpoint, Parameter

ASK_S, COUNTING_S = 25.0, 3.0
SHOWN_MAX = 3
PATH = Parameter("path", "This directory only, whether it has a limit or not.")


class LimitInfo(shapes.Shape, frozen=True, kw_only=True):
    """Bytes, or files and directories. `soft`: that many are `soft_percent` of `hard`. What depends on what is used is null while that
    isn't known."""

    hard: int
    soft: int
    soft_percent: float
    available: int | None = None
    soft_exceeded: bool | None = None
    hard_exceeded: bool | None = None


class QuotaInfo(shapes.Shape, frozen=True, kw_only=True):
    """A directory. `usage`: its limit of bytes, `objects`: that of files and directories; null where it has none.

    `used_bytes`, `files`, `directories` (itself included): null while they are not known, `error` says why.
    """

    path: str
    gfid: str
    used_bytes: int | None = None
    files: int | None = None
    directories: int | None = None
    usage: LimitInfo | None = None
    objects: LimitInfo | None = None
    error: str = ""


async def get_limits(call: Call) -> Reply:
    view = call.view()
    volume = quota.quota_volume(View(view.reader), call.fields["volume"])
    limits = {limit.id: limit for limit in quotas.limits(view, volume.name)}
    path = quota.check_path(call.query["path"]) if "path" in call.query else ""
    if not limits and not path:
        return Reply(body=[])
    arguments = {"gfids": [] if path else list(limits), "path": path}
    me = call.api.peer_id
    answered = (await call.api.ask(volume, "quota-used", arguments, peers=(me,), timeout_s=ASK_S))[me]
    if answered.error:
        raise Failed(answered.error, hint=f"gd2 volume status {volume.name}", code="not-mounted")
    found = answered.value["directories"]
    if path and not found:
        raise NotFound(
            f"there is no directory {path} in volume {volume.name}", hint="the path in the volume, not that of a mount", code="no-directory"
        )
    infos = [info_of(volume, each, limits.get(each["gfid"])) for each in found]
    return Reply(body=sorted(infos, key=lambda info: info.path), warnings=await not_counted(call, volume))


async def not_counted(call: Call, volume: model.Volume) -> list[str]:
    """Bricks whose files are not all counted yet, in words."""
    hosts = shapes.hosts_of_volume(call.view(), volume)
    answers = await call.api.ask(volume, "quota-counting", {}, peers=volume.peer_ids(), timeout_s=COUNTING_S)
    left = [f"{hosts.get(peer_id, peer_id)}:{path}" for peer_id, answered in answers.items() for path in answered.value.get("left", ())]
    what = f"{', '.join(left[:SHOWN_MAX])}{' and others' if len(left) > SHOWN_MAX else ''}"
    return [f"not all files are counted yet, more may be used than is shown: {what}"] if left else []


def info_of(volume: model.Volume, found: Mapping[str, Any], limit: QuotaLimit | None) -> QuotaInfo:
    """Where the directory is now; where it was, when it is gone."""
    used = found["used"] or {"bytes": None, "files": None, "directories": None}
    objects = None if used["files"] is None else used["files"] + used["directories"]
    return QuotaInfo(
        path=found["path"] or (limit.path if limit else ""),
        gfid=found["gfid"],
        used_bytes=used["bytes"],
        files=used["files"],
        directories=used["directories"],
        usage=limit_info(volume, limit.usage, used["bytes"]) if limit and limit.usage else None,
        objects=limit_info(volume, limit.objects, objects) if limit and limit.objects else None,
        error=found["error"],
    )


def limit_info(volume: model.Volume, bound: Bound, used: int | None) -> LimitInfo:
    """As `gluster` counts it: the soft limit is exceeded once it is reached."""
    percent = quota.default_soft_limit(volume) if bound.soft == quotas.SOFT_DEFAULT else float(bound.soft)
    soft = int(bound.hard * percent / 100)
    if used is None:
        return LimitInfo(hard=bound.hard, soft=soft, soft_percent=percent)
    return LimitInfo(
        hard=bound.hard,
        soft=soft,
        soft_percent=percent,
        available=max(0, bound.hard - used),
        soft_exceeded=used >= soft,
        hard_exceeded=used >= bound.hard,
    )


def endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            name="quota-list",
            method="GET",
            path="/v1/quota/{volume}/limit",
            handler=get_limits,
            summary="Directories with limits, and how much of them is used.",
            reply=list[QuotaInfo],
            parameters=(*READ, PATH),
            errors=(400, 404, 500),
        )
    ]
