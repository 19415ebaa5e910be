"""Upkeep of a volume over REST, which its processes do: give up locks, begin new logs. Nothing here changes the state."""

from __future__ import annotations

import re
from enum import StrEnum

from gd2raft.commands import lookup, quota
from gd2raft.core.plan import Failed, NotFound, Refused, Request
from gd2raft.rest import body, shapes
from gd2raft.rest.call import Call
from gd2raft.rest.heals import of_brick
from gd2raft.rest.inspections import ask, is_brick
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import TIMEOUT, Endpoint

CLEAR_S = 25.0
KEY_BYTES_MAX = 255
"""Of the name of an extended attribute, which is how GlusterFS is told."""
RANGE = re.compile(r"\d{1,19},\d{1,19}-\d{1,19}")


class LockState(StrEnum):
    """Of a lock: somebody waits for it, somebody has it."""

    BLOCKED = "blocked"
    GRANTED = "granted"
    ALL = "all"


class LockType(StrEnum):
    """GlusterFS's own of a file's data and of a directory's names, and those of applications."""

    INODE = "inode"
    ENTRY = "entry"
    POSIX = "posix"


class ClearLocks(Request, frozen=True, kw_only=True):
    """Which locks of `path` (in the volume) are given up. `range`: of inode and posix, WHENCE,START-LENGTH; `basename`: of entry; "" for all."""

    volume: str
    path: str
    kind: LockState
    type: LockType
    range: str = ""
    basename: str = ""

    def key(self) -> str:
        """The command, as GlusterFS's attribute. Raises Refused."""
        only = self.basename if self.type is LockType.ENTRY else self.range
        if (self.range if self.type is LockType.ENTRY else self.basename) or (self.range and not RANGE.fullmatch(self.range)):
            raise Refused("a range (WHENCE,START-LENGTH, as 0,0-100) belongs to inode and posix, a basename to entry", code="bad-parameter")
        if "/" in only or not only.isprintable():
            raise Refused(f"{only[:300]!r} is not a name in a directory", code="bad-parameter")
        key = f"glusterfs.clrlk.t{self.type}.k{self.kind}" + f".{only}" * bool(only)
        if len(key.encode()) > KEY_BYTES_MAX:
            raise Refused(f"basename of {len(only.encode())} bytes: GlusterFS can't be told of one so long", code="bad-parameter")
        return key


class ClearedLocks(shapes.Shape, frozen=True, kw_only=True):
    """`lines`: how many, in GlusterFS's words."""

    lines: list[str]


class RotateLogs(Request, frozen=True, kw_only=True):
    """`brick`: of this one only, PEER:/path."""

    volume: str
    brick: str = ""


class RotatedLog(shapes.Shape, frozen=True, kw_only=True):
    """`log`: where the brick writes from now on; `kept`: what it wrote before. `error`: why not."""

    info: shapes.BrickInfo
    log: str = ""
    kept: str = ""
    error: str = ""


async def clear_locks(call: Call) -> Reply:
    request = body.to_request(ClearLocks, {**body.decode_object(await call.body()), "volume": call.fields["volume"]})
    path, key = quota.check_path(request.path), request.key()
    volume = lookup.started_volume(call.view(), request.volume)
    me = call.api.peer_id
    found = (await call.api.ask(volume, "clear-locks", {"path": path, "key": key}, peers=(me,), timeout_s=CLEAR_S))[me]
    if found.error:
        raise Failed(found.error, hint=f"gd2 volume status {volume.name}", code="not-cleared")
    if found.value.get("missing"):
        raise NotFound(
            f"there is no {path} in volume {volume.name}", hint="the path in the volume, not that of a mount", code="no-such-path"
        )
    return Reply(body=ClearedLocks(lines=found.value["lines"]))


async def rotate_logs(call: Call) -> Reply:
    request = body.to_request(RotateLogs, {**body.decode_object(await call.body()), "volume": call.fields["volume"]})
    volume = lookup.started_volume(call.view(), request.volume)
    bricks = [b for b in volume.bricks() if not request.brick or is_brick(call, b, request.brick)]
    if not bricks:
        what = f"{request.brick[:300]} is not a brick of volume {volume.name}"
        raise Refused(what, hint=f"gd2 volume info {volume.name}", code="no-such-brick")
    answered = await ask(call, volume, "rotate-logs", {"bricks": [b.id for b in bricks]})
    hosts = shapes.hosts_of_volume(call.view(), volume)
    found = [(shapes.brick_info(volume, b, hosts), of_brick(answered, b)) for b in bricks]
    return Reply(body=[RotatedLog(info=i, log=k.get("log", ""), kept=k.get("kept", ""), error=k.get("error", "")) for i, k in found])


def endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            name="volume-clear-locks",
            method="POST",
            path="/v1/volumes/{volume}/clear-locks",
            handler=clear_locks,
            summary="Give up locks that clients hold on a path, or wait for.",
            reply=ClearedLocks,
            request=ClearLocks,
            parameters=(TIMEOUT,),
            not_in_body=("volume",),
            errors=(400, 404, 500),
        ),
        Endpoint(
            name="volume-rotate-logs",
            method="POST",
            path="/v1/volumes/{volume}/rotate-logs",
            handler=rotate_logs,
            summary="Let the bricks of a volume begin new logs.",
            reply=list[RotatedLog],
            request=RotateLogs,
            parameters=(TIMEOUT,),
            not_in_body=("volume",),
            errors=(400, 404),
        ),
    ]
