"""What the processes of a volume tell of themselves over REST: status, profile, top, statedumps. Nothing here changes the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gd2raft.commands import lookup
from gd2raft.core import model
from gd2raft.core.beside import expected
from gd2raft.core.plan import Failed, Refused, Request
from gd2raft.rest import body, shapes
from gd2raft.rest.api import Answered
from gd2raft.rest.call import Call
from gd2raft.rest.heals import of_brick
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import READ, TIMEOUT, Endpoint, Parameter

ASK_S = 15.0
SERVICES_S = 3.0
TOP_S = 25.0
STATUS = ("clients", "mem", "inode", "fd", "callpool")
PROFILES = ("info", "info-incremental", "info-cumulative", "info-clear")
TOPS = ("open", "read", "write", "opendir", "readdir", "read-perf", "write-perf")
DUMPED = ("bricks", "shd", "quotad")
SECTIONS = ("all", "mem", "iobuf", "callpool", "priv", "fd", "inode", "history")
TOP_MAX, BLOCK_BYTES_MAX, BLOCKS_MAX = 1000, 16 << 20, 100_000
COUNT = Parameter("count", "So many files at most (100).", "integer", {"minimum": 0, "maximum": TOP_MAX})
BRICK = Parameter("brick", "This brick only, PEER:/path.", bounds={"pattern": "^[^/]+:/"})
BLOCK_BYTES = Parameter(
    "bs", "With read-perf and write-perf: measure now, with blocks of so many bytes.", "integer", {"minimum": 0, "maximum": BLOCK_BYTES_MAX}
)
BLOCKS = Parameter("blocks", "With bs: so many blocks.", "integer", {"minimum": 0, "maximum": BLOCKS_MAX})


class BrickAnswer(shapes.Shape, frozen=True, kw_only=True):
    """`details`: as GlusterFS has it. `error`: why there are none."""

    info: shapes.BrickInfo
    details: dict[str, Any] = {}
    error: str = ""


class ServiceStatus(shapes.Shape, frozen=True, kw_only=True):
    """A daemon that a volume has on a peer beside its bricks. `error`: that peer didn't answer, and why: this one should run there.

    When nothing should, `name` is empty.
    """

    peer_id: str
    host: str
    name: str = ""
    online: bool = False
    pid: int = 0
    error: str = ""


class StatedumpRequest(Request, frozen=True, kw_only=True):
    """Whose state to write down, on every peer of the volume. `sections`: some parts of it only."""

    volume: str
    bricks: bool = False
    shd: bool = False
    quotad: bool = False
    sections: list[str] = []


class Dumped(shapes.Shape, frozen=True, kw_only=True):
    """`key`: path of the brick, or name of the service."""

    key: str
    pid: int


class PeerDump(shapes.Shape, frozen=True, kw_only=True):
    """`folder`: where on the peer the files are."""

    peer_id: str
    folder: str = ""
    dumps: list[Dumped] = []
    error: str = ""


async def get_status(call: Call) -> Reply:
    of = one_of("status", call.fields["what"], STATUS)
    volume = lookup.started_volume(call.view(), call.fields["volume"])
    return bricks_reply(call, volume, await ask(call, volume, "brick-status", {"of": of}))


async def get_services(call: Call) -> Reply:
    view = call.view()
    volume = lookup.volume(view, call.fields["volume"])
    hosts = shapes.hosts_of_volume(view, volume)
    found = await ask(call, volume, "services", {}, SERVICES_S)
    names = expected(volume) or [""]
    return Reply(body=[s for peer, answered in found.items() for s in services_of(peer, hosts.get(peer, ""), answered, names)])


def services_of(peer_id: str, host: str, answered: Answered, names: list[str]) -> list[ServiceStatus]:
    if answered.error:
        return [ServiceStatus(peer_id=peer_id, host=host, name=name, error=answered.error) for name in names]
    found = answered.value["services"]
    return [ServiceStatus(peer_id=peer_id, host=host, name=s["name"], online=s["online"], pid=s["pid"]) for s in found]


async def get_profile(call: Call) -> Reply:
    option = call.fields["option"]
    one_of("profile", option.removesuffix("-peek"), PROFILES)
    volume = lookup.started_volume(call.view(), call.fields["volume"])
    if volume.options.get("diagnostics.count-fop-hits") != "on" or volume.options.get("diagnostics.latency-measurement") != "on":
        raise Refused(
            f"profile on volume {volume.name} is not started", hint=f"gd2 volume profile {volume.name} start", code="profile-not-started"
        )
    return bricks_reply(call, volume, await ask(call, volume, "profile", {"option": option}))


async def get_top(call: Call) -> Reply:
    of = one_of("top", call.fields["of"], TOPS)
    volume = lookup.started_volume(call.view(), call.fields["volume"])
    numbers = {name: call.number(name, call.query.get(name, default), 0, most) for name, default, most in _TOP_NUMBERS}
    if bool(numbers["bs"]) != bool(numbers["blocks"]) or (numbers["bs"] and not of.endswith("-perf")):
        raise Refused("bs and blocks belong together, and to read-perf or write-perf", code="bad-parameter")
    arguments = {"of": of, "count": numbers["count"], "block-bytes": numbers["bs"], "blocks": numbers["blocks"]}
    found = await ask(call, volume, "top", arguments, TOP_S)
    return bricks_reply(call, volume, found, only=call.query.get("brick", ""))


_TOP_NUMBERS = (("count", "100", TOP_MAX), ("bs", "0", BLOCK_BYTES_MAX), ("blocks", "0", BLOCKS_MAX))


async def dump(call: Call) -> Reply:
    given = body.decode_object(await call.body())
    request = body.to_request(StatedumpRequest, {**given, "volume": call.fields["volume"]})
    volume = lookup.started_volume(call.view(), call.fields["volume"])
    what = [name for name in DUMPED if getattr(request, name)]
    if not what:
        raise Refused("nothing is chosen", hint="bricks, shd or quotad: true", code="bad-request")
    for section in request.sections:
        one_of("section", section, SECTIONS)
    found = await ask(call, volume, "statedump", {"what": what, "sections": list(dict.fromkeys(request.sections))}, TOP_S)
    dumps = [peer_dump(p, answered) for p, answered in found.items()]
    if not any(d.dumps for d in dumps):
        hint = f"gd2 volume status {volume.name}"
        if why := next((d.error for d in dumps if d.error), ""):
            raise Failed(f"no statedump was written: {why}", hint=hint, code="no-dump")
        raise Refused("no statedump was written: none of these processes runs", hint=hint, code="no-dump")
    return Reply(body=dumps)


def peer_dump(peer_id: str, answered: Answered) -> PeerDump:
    if answered.error:
        return PeerDump(peer_id=peer_id, error=answered.error)
    dumps = [Dumped(key=d["key"], pid=d["pid"]) for d in answered.value["dumps"]]
    return PeerDump(peer_id=peer_id, folder=answered.value["folder"], dumps=dumps)


async def ask(
    call: Call, volume: model.Volume, name: str, arguments: Mapping[str, Any], timeout_s: float = ASK_S
) -> Mapping[str, Answered]:
    return await call.api.ask(volume, name, arguments, peers=volume.peer_ids(), timeout_s=timeout_s)


def bricks_reply(call: Call, volume: model.Volume, found: Mapping[str, Answered], *, only: str = "") -> Reply:
    hosts = shapes.hosts_of_volume(call.view(), volume)
    bricks = [b for b in volume.bricks() if not only or is_brick(call, b, only)]
    if not bricks:
        raise Refused(f"{only[:300]} is not a brick of volume {volume.name}", hint=f"gd2 volume info {volume.name}", code="no-such-brick")
    return Reply(body=[brick_answer(volume, b, hosts, of_brick(found, b)) for b in bricks])


def is_brick(call: Call, brick: model.Brick, text: str) -> bool:
    host, _, path = text.partition(":/")
    peer = call.view().find_owner(host.strip("[]"))
    return peer is not None and (brick.peer_id, brick.path) == (peer.id, f"/{path}")


def brick_answer(volume: model.Volume, brick: model.Brick, hosts: Mapping[str, str], known: Mapping[str, Any]) -> BrickAnswer:
    error = str(known.get("error", ""))
    return BrickAnswer(info=shapes.brick_info(volume, brick, hosts), details={} if error else dict(known), error=error)


def one_of(what: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise Refused(f"{what} {given[:60]!r} is not known", hint=", ".join(known), code="bad-parameter")
    return given


def endpoints() -> list[Endpoint]:
    def get(path: str, name: str, handler: Any, summary: str, values: Mapping[str, tuple[str, ...]], *parameters: Parameter) -> Endpoint:
        return Endpoint(
            name=name,
            method="GET",
            path=path,
            handler=handler,
            summary=summary,
            reply=list[BrickAnswer],
            parameters=(*READ, *parameters),
            path_values=values,
            errors=(400, 404),
        )

    profiles = tuple(f"{option}{peek}" for option in PROFILES for peek in ("", "-peek"))
    return [
        get(
            "/v1/volumes/{volume}/status/{what}",
            "volume-status-of",
            get_status,
            "What bricks tell: clients, mem, inode, fd, callpool.",
            {"what": STATUS},
        ),
        get(
            "/v1/volumes/{volume}/profile/{option}",
            "profile-info",
            get_profile,
            "Calls, latencies and sizes, brick by brick.",
            {"option": profiles},
        ),
        get(
            "/v1/volumes/{volume}/top/{of}",
            "top",
            get_top,
            "The busiest files of each brick.",
            {"of": TOPS},
            COUNT,
            BRICK,
            BLOCK_BYTES,
            BLOCKS,
        ),
        Endpoint(
            name="volume-services",
            method="GET",
            path="/v1/volumes/{volume}/services",
            handler=get_services,
            summary="The daemons of a volume beside its bricks (self-heal and the like), asked of its peers.",
            reply=list[ServiceStatus],
            parameters=READ,
            errors=(404,),
        ),
        Endpoint(
            name="volume-statedump",
            method="POST",
            path="/v1/volumes/{volume}/statedump",
            handler=dump,
            summary="Let processes of a volume write down their state.",
            reply=list[PeerDump],
            request=StatedumpRequest,
            parameters=(TIMEOUT,),
            not_in_body=("volume",),
            errors=(400, 404, 500),
        ),
    ]
