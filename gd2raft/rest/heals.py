"""Self-heal over REST: what waits to be healed, telling the daemons to begin, settling split-brain. Nothing here changes the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import model
from gd2raft.core.plan import Failed, Refused, Request
from gd2raft.rest import body, shapes
from gd2raft.rest.api import Answered
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import READ, TIMEOUT, Endpoint, Parameter

ASK_S = 20.0
TOOL_S = 24.0
COUNT_S = 3.0
"""For counting what bricks have noted, when glfsheal took too long: the client waits for both."""
INFO_OPS = {"": "", "info": "", "info-summary": "info-summary", "split-brain-info": "split-brain-info"}
SHD_OPTIONS = {"replicate": "cluster.self-heal-daemon", "disperse": "cluster.disperse-self-heal-daemon"}
TYPE = Parameter("type", "`index` (default): what is known to be missing; `full`: look at everything.", bounds={"enum": ["index", "full"]})

SETTLES = ("bigger-file", "latest-mtime", "source-brick")


class HealEntry(shapes.Shape, frozen=True, kw_only=True):
    """`path`: of the file, or `<gfid:...>` where it isn't known."""

    path: str
    state: Literal["heal-pending", "split-brain", "possibly-healing"]


class BrickHealInfo(shapes.Shape, frozen=True, kw_only=True):
    """Counts are null where they are not known: the brick is not connected, or that kind of info doesn't count them."""

    name: str
    host_id: str
    connected: bool
    status: str
    total_entries: int | None = None
    heal_pending: int | None = None
    split_brain: int | None = None
    possibly_healing: int | None = None
    entries: list[HealEntry] = []


class HealCount(shapes.Shape, frozen=True, kw_only=True):
    """`entries`: what this brick has noted that other copies may lack; null when it can't be asked, `error` says why."""

    info: shapes.BrickInfo
    entries: int | None = None
    error: str = ""


class HealBegun(shapes.Shape, frozen=True, kw_only=True):
    """Peer ids whose self-heal daemon has begun, and why others have not."""

    begun: list[str]
    problems: dict[str, str] = {}


class SplitBrainRequest(Request, frozen=True, kw_only=True):
    """`filename`: path in the volume, or `gfid:...`. `hostname`, `brickname`: of the brick to take it from (source-brick)."""

    volume: str
    operation: str
    filename: str = ""
    hostname: str = ""
    brickname: str = ""


class Settled(shapes.Shape, frozen=True, kw_only=True):
    message: str


def healable(call: Call) -> model.Volume:
    """The volume, started, and of a kind that heals."""
    volume = lookup.started_volume(call.view(), call.fields["volume"])
    if volume.kind == "distribute":
        raise Refused(
            f"volume {volume.name} is not of a type that heals: it has one copy of each file",
            hint="replicate and disperse do",
            code="not-redundant",
        )
    return volume


async def get_info(call: Call) -> Reply:
    volume = healable(call)
    wanted = call.fields.get("what", "")
    if wanted not in INFO_OPS:
        raise Refused(f"heal info {wanted[:60]!r} is not known", hint="info, info-summary or split-brain-info", code="bad-parameter")
    found = await local(call, volume, "heal-info", {"of": INFO_OPS[wanted]})
    owners = owners_of(call, volume)
    if not found.get("late"):
        return Reply(body=[brick_info(b, owners) for b in found["bricks"]])
    bricks, silent = await completed(call, volume, {b["brick"]: b for b in found["bricks"]})
    warning = f"not all bricks were looked through in time: {', '.join(silent)}; of these only what they have noted themselves is counted"
    return Reply(body=[brick_info(b, owners) for b in bricks], warnings=(warning,))


async def completed(call: Call, volume: model.Volume, told: Mapping[str, Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """All bricks, with what each has noted itself where glfsheal had no answer; and the names of those."""
    counts = await call.api.ask(volume, "heal-count", {}, peers=volume.peer_ids(), timeout_s=COUNT_S)
    hosts = shapes.hosts_of_volume(call.view(), volume)
    stuck = next((name for name, brick in told.items() if not brick["status"]), "")
    bricks: list[Mapping[str, Any]] = []
    silent = []
    for brick in volume.bricks():
        name = f"{hosts.get(brick.peer_id, '')}:{brick.path}"
        if name in told and told[name]["status"]:
            bricks.append(told[name])
            continue
        known = of_brick(counts, brick)
        why = "looking through it did not end in time" if name == stuck else "not looked through in time"
        status = f"{why} ({known['error']})" if known.get("error") else why
        entries = told[name]["entries"] if name in told else []
        bricks.append({"brick": name, "connected": False, "status": status, "total-entries": known.get("entries"), "entries": entries})
        silent.append(name)
    return bricks, silent


def owners_of(call: Call, volume: model.Volume) -> dict[str, str]:
    hosts = shapes.hosts_of_volume(call.view(), volume)
    return {f"{hosts.get(b.peer_id, '')}:{b.path}": b.peer_id for b in volume.bricks()}


def brick_info(found: Mapping[str, Any], owners: Mapping[str, str]) -> BrickHealInfo:
    return BrickHealInfo(
        name=found["brick"],
        host_id=owners.get(found["brick"], ""),
        connected=found["connected"],
        status=found["status"],
        total_entries=found.get("total-entries"),
        heal_pending=found.get("heal-pending"),
        split_brain=found.get("split-brain"),
        possibly_healing=found.get("possibly-healing"),
        entries=msgspec.convert(found["entries"], list[HealEntry]),
    )


async def get_count(call: Call) -> Reply:
    view = call.view()
    volume = healable(call)
    found = await call.api.ask(volume, "heal-count", {}, peers=volume.peer_ids(), timeout_s=ASK_S)
    hosts = shapes.hosts_of_volume(view, volume)
    return Reply(body=[heal_count(volume, b, hosts, of_brick(found, b)) for b in volume.bricks()])


def of_brick(found: Mapping[str, Answered], brick: model.Brick) -> dict[str, Any]:
    """What was answered about a brick; {"error": ...} when nothing was."""
    answered = found.get(brick.peer_id, Answered(error="its peer was not asked"))
    if answered.error:
        return {"error": answered.error}
    known: dict[str, Any] = answered.value.get(brick.id, {"error": "its peer doesn't know this brick yet"})
    return known


def heal_count(volume: model.Volume, brick: model.Brick, hosts: Mapping[str, str], known: Mapping[str, Any]) -> HealCount:
    return HealCount(info=shapes.brick_info(volume, brick, hosts), entries=known.get("entries"), error=known.get("error", ""))


async def launch(call: Call) -> Reply:
    await call.body()
    volume = healable(call)
    kind = call.query.get("type", "index")
    if kind not in ("index", "full"):
        raise Refused(f"heal type {kind[:40]!r} is not known", hint="index or full", code="bad-parameter")
    option = SHD_OPTIONS[volume.kind]
    if volume.options.get(option, "on").lower() in ("off", "disable", "no", "false", "0"):
        raise Refused(
            f"the self-heal daemon of volume {volume.name} is switched off", hint=f"gd2 volume heal {volume.name} enable", code="shd-off"
        )
    sets = sets_of(volume, kind, call.api.online())
    found = await call.api.ask(volume, "heal-launch", {"type": kind, "sets": sets}, peers=sorted(sets), timeout_s=ASK_S)
    begun = sorted(p for p, answered in found.items() if not answered.error)
    problems = {p: answered.error for p, answered in found.items() if answered.error}
    if not begun:
        raise Failed(
            f"no self-heal daemon of volume {volume.name} has begun: {next(iter(problems.values()), 'no peer with bricks is online')}",
            hint=f"gd2 volume status {volume.name}",
            code="not-begun",
        )
    return Reply(body=HealBegun(begun=begun, problems=problems))


def sets_of(volume: model.Volume, kind: str, online: Mapping[str, int]) -> dict[str, list[int]]:
    """Peer id -> sets that its daemon is to heal. Each peer knows what its own bricks have noted; a full crawl needs one peer for a set."""
    found: dict[str, list[int]] = {}
    for number, subvol in enumerate(volume.subvols):
        peers = list(dict.fromkeys(b.peer_id for b in subvol.bricks))
        if kind == "full":
            peers = [p for p in peers if p in online][:1]
        for peer_id in peers:
            found.setdefault(peer_id, []).append(number)
    return found


async def settle(call: Call) -> Reply:
    given = body.decode_object(await call.body())
    request = body.to_request(SplitBrainRequest, {**given, "volume": call.fields["volume"], "operation": call.fields["operation"]})
    volume = healable(call)
    if volume.kind != "replicate":
        raise Refused("only replicate volumes have split-brain", code="not-replicate")
    found = await local(call, volume, "heal-settle", {"words": words_of(call, volume, request)})
    if not found["done"]:
        raise Failed(f"not healed: {found['message'][:1000]}", hint=f"gd2 volume heal {volume.name} info split-brain", code="not-healed")
    return Reply(body=Settled(message=found["message"]))


def words_of(call: Call, volume: model.Volume, request: SplitBrainRequest) -> list[str]:
    """glfsheal's words. Raises Refused."""
    if request.operation in SETTLES[:2]:
        if not request.filename:
            raise Refused(f"{request.operation} needs a file name", hint="its path in the volume, or gfid:...", code="bad-request")
        return [request.operation, request.filename]
    if request.operation not in SETTLES:
        raise Refused(f"split-brain {request.operation[:60]!r} is not known", hint=", ".join(SETTLES), code="bad-parameter")
    peer = call.view().find_owner(request.hostname)
    for brick in volume.bricks():
        if peer is not None and (brick.peer_id, brick.path) == (peer.id, request.brickname):
            return ["source-brick", f"{peer.hostname}:{brick.path}", *([request.filename] if request.filename else [])]
    raise Refused(
        f"{request.hostname}:{request.brickname} is not a brick of volume {volume.name}",
        hint=f"gd2 volume info {volume.name}",
        code="no-such-brick",
    )


async def local(call: Call, volume: model.Volume, ask: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What this peer itself answers. Raises Failed."""
    me = call.api.peer_id
    answered = (await call.api.ask(volume, ask, arguments, peers=(me,), timeout_s=TOOL_S))[me]
    if answered.error:
        raise Failed(answered.error, hint=f"gd2 volume status {volume.name}", code="heal-tool")
    return answered.value


def endpoints() -> list[Endpoint]:
    infos: dict[str, Any] = {"handler": get_info, "reply": list[BrickHealInfo], "parameters": READ, "errors": (400, 404, 500)}
    summary = "Entries that wait to be healed, brick by brick."
    return [
        Endpoint(name="heal-info", method="GET", path="/v1/volumes/{volume}/heal-info", summary=summary, **infos),
        Endpoint(
            name="heal-info-of",
            method="GET",
            path="/v1/volumes/{volume}/{what}/heal-info",
            summary=summary,
            path_values={"what": tuple(filter(None, INFO_OPS))},
            **infos,
        ),
        Endpoint(
            name="heal-count",
            method="GET",
            path="/v1/volumes/{volume}/heal-count",
            handler=get_count,
            summary="How many entries each brick has noted.",
            reply=list[HealCount],
            parameters=READ,
            errors=(400, 404),
        ),
        Endpoint(
            name="heal",
            method="POST",
            path="/v1/volumes/{volume}/heal",
            handler=launch,
            summary="Tell the self-heal daemons to begin.",
            reply=HealBegun,
            parameters=(TYPE, TIMEOUT),
            errors=(400, 404, 500),
        ),
        Endpoint(
            name="split-brain",
            method="POST",
            path="/v1/volumes/{volume}/split-brain/{operation}",
            handler=settle,
            summary="Settle a split-brain: bigger-file, latest-mtime or source-brick.",
            reply=Settled,
            request=SplitBrainRequest,
            parameters=(TIMEOUT,),
            not_in_body=("volume", "operation"),
            path_values={"operation": SETTLES},
            errors=(400, 404, 500),
        ),
    ]
