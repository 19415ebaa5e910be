"""volume create: GlusterD2's request (subvols, or a size for which bricks are placed), glusterd's words as data (bricks, replica, ...) too."""

from __future__ import annotations

import re

import msgspec

from gd2raft.commands import layout, lookup, sizing
from gd2raft.commands.hooked import around
from gd2raft.commands.layout import shown
from gd2raft.commands.step_kinds import PREPARE_BRICK, PrepareBrick
from gd2raft.core import devices, model, options, plan
from gd2raft.core.kv import VALUE_BYTES_MAX
from gd2raft.core.paths import overlap, within
from gd2raft.core.placement import Spot
from gd2raft.core.plan import Command, Conflict, Ids, NotFound, Plan, Refused, Request, Route, View

NAME_MAX = 255
RESERVED = frozenset(
    [
        "volume",
        "type",
        "help",
        "subvolumes",
        "option",
        "end-volume",
        "all",
        "volume_not_in_ring",
        "description",
        "force",
        "snap-max-hard-limit",
        "snap-max-soft-limit",
        "auto-delete",
        "activate-on-create",
    ]
)
PATH_MAX = 4095
COMPONENT_MAX = 255
VOLFILE_NAME_MAX = 255
METADATA_BYTES_MAX = 4096
FLAGS = frozenset({"create-brick-dir", "reuse-bricks", "allow-root-dir", "allow-mount-as-brick"})


class BrickRequest(Request, frozen=True, kw_only=True):
    """`peerid`: id, name or address of a peer."""

    peerid: str
    path: str
    type: str = ""


class SubvolRequest(Request, frozen=True, kw_only=True):
    type: str
    bricks: list[BrickRequest]
    replica: int = 0
    arbiter: int = 0
    disperse_count: int = 0
    disperse_data: int = 0
    disperse_redundancy: int = 0


class VolumeCreate(Request, frozen=True, kw_only=True):
    """Either `subvols` (GlusterD2), or `bricks` ("PEER:/path" each, in glusterd's order) with the counts, or `size` with the counts.

    `size`: bytes, bricks are placed on devices: see commands/sizing.py. `distribute`: so many sets; 0: as few as brick sizes allow.
    `subvolume_zones_overlap` false: bricks of a set must be in different zones (else they are where possible). `snapshot`: keep
    `snapshot_reserve_factor` times the space. `device_tags`: only devices with these tags.

    Never from a body, but from heketi's endpoints: `identity`, a UUID that the volume is to have; `gid`, the group that may write to its root.
    """

    name: str
    transport: str = "tcp"
    subvols: list[SubvolRequest] = []
    bricks: list[str] = []
    replica: int = 0
    arbiter: int = 0
    thin_arbiter: int = 0
    disperse: int = 0
    disperse_data: int = 0
    disperse_redundancy: int = 0
    force: bool = False
    metadata: dict[str, str] = {}
    flags: dict[str, bool] = {}
    options: dict[str, str] = {}
    allow_advanced_options: bool = False
    allow_experimental_options: bool = False
    allow_deprecated_options: bool = False
    size: int = 0
    max_brick_size: int = 0
    distribute: int = 0
    average_file_size: int = 0
    snapshot: bool = False
    snapshot_reserve_factor: float = 1.0
    limit_peers: list[str] = []
    limit_zones: list[str] = []
    exclude_peers: list[str] = []
    exclude_zones: list[str] = []
    subvolume_zones_overlap: bool | None = None
    provisioner: str = ""
    device_tags: dict[str, str] = {}
    identity: str = ""
    gid: int = 0


def plan_create(view: View, request: VolumeCreate, ids: Ids) -> Plan:
    check_new(view, request.name)
    check_request(request)
    shape, spots = sizing.placed(view, request, ids) if request.size else (layout.of_request(request), ())
    bricks = [resolve(view, brick) for brick in shape.bricks]
    check_bricks(view, request, shape, bricks)
    sizing.relied_on(view, spots)
    volume = build_volume(view, request, shape, bricks, ids, spots)
    check_size(volume)
    prepare = tuple(prepare_step(request, volume, brick) for brick in volume.bricks())
    make = sizing.make(spots)
    facts = tuple(
        plan.put(view, model.brick_key(b.peer_id, b.path), model.BrickClaim(volume=volume.name, brick=b.id), facts_from=i)
        for i, b in enumerate(volume.bricks(), len(make))
    )
    return Plan(
        locks=(f"volume/{request.name}",),
        claims=(*(claim(volume.name, brick) for brick in volume.bricks()), *sizing.claims(volume.name, spots)),
        before=(*((make,) if make else ()), prepare),
        changes=(plan.put(view, model.volume_key(volume.name), volume), *facts),
        result={"volume": volume.name},
        hook=around("create", volume),
    )


def check_new(view: View, name: str) -> None:
    check_name(name)
    if view.volume(name) is not None:
        raise Conflict(f"volume {name} already exists", hint="choose another name, or delete that volume first", code="volume-exists")


def check_name(name: str) -> None:
    """Raise Refused for a name that glusterd or GlusterD2 refuses."""
    if not re.fullmatch(r"[a-zA-Z0-9_-]+", name) or name.startswith("-"):
        raise Refused(
            f"invalid volume name {name[:64]!r}", hint="letters, digits, '_' and '-' are possible, not '-' at the start", code="bad-name"
        )
    if len(name) > NAME_MAX:
        raise Refused(f"invalid volume name: {len(name)} characters, at most {NAME_MAX} are possible", code="bad-name")
    if name in RESERVED:
        raise Refused(f"invalid volume name {name!r}: it is a reserved word", hint="choose another name", code="bad-name")


def check_request(request: VolumeCreate) -> None:
    if request.transport != "tcp":
        raise Refused(f"transport {request.transport!r} is not supported", hint="tcp is", code="bad-transport")
    check_metadata(request.metadata)
    unknown = sorted(set(request.flags) - FLAGS)
    if unknown or len(request.flags) > len(FLAGS):
        raise Refused(f"unknown flag {unknown[0]!r}", hint="known flags: " + ", ".join(sorted(FLAGS)), code="bad-flag")


def check_metadata(metadata: dict[str, str]) -> None:
    for key in metadata:
        if key.startswith("_"):
            raise Refused(f"metadata key {key!r} is reserved", hint="keys that start with '_' can't be used", code="bad-metadata")
    size = sum(len(k.encode()) + len(v.encode()) for k, v in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise Refused(f"metadata of {size} bytes, at most {METADATA_BYTES_MAX} are possible", code="bad-metadata")


class Placed(msgspec.Struct, frozen=True):
    """A brick of the request with its peer found and its path normalised."""

    peer: model.Peer
    path: str
    arbiter: bool


def resolve(view: View, brick: layout.BrickPlace) -> Placed:
    found = view.find_peers(brick.peer)
    where = f"brick {shown(brick.peer)}:{shown(brick.path)}"
    if len(found) > 1:
        raise lookup.ambiguous(f"{where}: {shown(brick.peer)}", found)
    if not found:
        check_reachable(brick)
        raise NotFound(
            f"{where}: there is no peer {shown(brick.peer)!r} in the pool",
            hint="`gd2 peer list` shows the peers; add one with `gd2 peer probe`",
            code="peer-not-found",
            http=400,
        )
    return Placed(found[0], normalise(brick.path), brick.arbiter)


def check_reachable(brick: layout.BrickPlace) -> None:
    if is_loopback(brick.peer):
        raise Refused(
            f"brick {shown(brick.peer)}:{shown(brick.path)}: {shown(brick.peer)} is not an address that other peers can reach",
            hint="name the peer by its own address",
            code="bad-brick",
        )


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1", "::") or host.startswith(("127.", "0."))


def normalise(path: str) -> str:
    """A brick path as it is stored: absolute, no double or trailing slashes. Raises Refused."""
    if not path.startswith("/"):
        raise Refused(f"brick path {shown(path)!r} is not absolute", hint="bricks are PEER:/path", code="bad-brick")
    parts = [p for p in path.split("/") if p]
    if not parts:
        raise Refused("brick path / is not possible", hint="use a folder of its own", code="bad-brick")
    if any(p in (".", "..") for p in parts) or any(c.isspace() or not c.isprintable() or c in '`"\\' for c in path):
        raise Refused(
            f"brick path {path!r} contains '.', '..', white space, quotes, backticks, backslashes or control characters, which volfiles can't carry",
            code="bad-brick",
        )
    if any(len(p.encode()) > COMPONENT_MAX for p in parts):
        raise Refused(f"brick path has a component of more than {COMPONENT_MAX} bytes: {path[:80]}...", code="bad-brick")
    clean = "/" + "/".join(parts)
    if len(clean.encode()) > PATH_MAX:
        raise Refused(f"brick path of {len(clean.encode())} bytes, at most {PATH_MAX} are possible", code="bad-brick")
    return clean


def check_bricks(view: View, request: VolumeCreate, shape: layout.Layout, bricks: list[Placed]) -> None:
    seen: set[tuple[str, str]] = set()
    for brick in bricks:
        where = f"{brick.peer.hostname}:{shown(brick.path)}"
        if (brick.peer.id, brick.path) in seen:
            raise Refused(f"duplicate brick entry {where}", hint="name each brick once", code="bad-brick")
        seen.add((brick.peer.id, brick.path))
        name = f"{request.name}.{brick.peer.hostname}.{brick.path[1:].replace('/', '-')}.vol"
        if len(name.encode()) > VOLFILE_NAME_MAX:
            raise Refused(
                f"brick {where}: volume name, host and path are too long together ({len(name.encode())} bytes, {VOLFILE_NAME_MAX} fit)",
                code="bad-brick",
            )
        check_claims(view, brick)
        check_within(bricks, brick)
        if brick.peer.id not in view.online:
            raise Refused(
                f"brick {where}: peer {brick.peer.hostname} ({brick.peer.id}) is not online",
                hint="start its daemon, or choose another peer; `gd2 peer status` shows who is online",
                code="peer-offline",
                http=500,
            )
    check_no_device(view, bricks)
    if not request.force:
        check_spread(shape, bricks)


def check_claims(view: View, brick: Placed) -> None:
    """No brick inside, around or equal to one that is in use, even with force."""
    for path, held in view.brick_claims(brick.peer.id).items():
        if path == brick.path:
            raise Refused(
                f"brick {brick.peer.hostname}:{shown(brick.path)} is already used by volume {held.volume}",
                hint="use another folder",
                code="brick-in-use",
            )
        if overlap(path, brick.path):
            raise Refused(
                f"brick {brick.peer.hostname}:{shown(brick.path)} may be containing or be contained by an existing brick, {shown(path)} of volume {held.volume}",
                hint="use a folder outside of it",
                code="brick-in-use",
            )


def check_no_device(view: View, bricks: list[Placed]) -> None:
    """No brick inside, around or equal to the folder of a device, even with force: what is free there is for bricks by size."""
    folders: dict[str, list[str]] = {}
    for device in devices.all_devices(view.glance):  # the peer looks again
        folders.setdefault(device.peer_id, []).append(device.path)
    for brick in bricks:
        for folder in folders.get(brick.peer.id, ()):
            if overlap(brick.path, folder):
                raise Refused(
                    f"brick {brick.peer.hostname}:{shown(brick.path)} may be containing or be contained by device {folder} of that peer",
                    hint="use a folder outside of it, or let the brick be placed there: volume create NAME --size SIZE",
                    code="device-in-use",
                )


def check_within(bricks: list[Placed], brick: Placed) -> None:
    for other in bricks:
        if other.peer.id == brick.peer.id and within(other.path, brick.path):
            raise Refused(
                f"brick {brick.peer.hostname}:{shown(brick.path)} is contained by another brick of this request, {shown(other.path)}",
                code="bad-brick",
            )


def check_spread(shape: layout.Layout, bricks: list[Placed]) -> None:
    """Bricks of one replica or disperse set belong on different peers, unless forced."""
    if shape.set_size == 1:
        return
    for first in range(0, len(bricks), shape.set_size):
        peers = [b.peer.id for b in bricks[first : first + shape.set_size]]
        if len(set(peers)) != len(peers):
            raise Refused(
                f"multiple bricks of a {shape.type.value} volume are present on the same peer",
                hint="this setup is not optimal: one machine down takes several copies; spread the bricks, or add force",
                code="same-peer",
            )


def build_volume(
    view: View, request: VolumeCreate, shape: layout.Layout, bricks: list[Placed], ids: Ids, spots: tuple[Spot, ...] = ()
) -> model.Volume:
    """`spots`: of the bricks when they were placed by size."""
    records = [
        model.Brick(
            id=spots[i].brick if spots else ids.uuid(),
            peer_id=b.peer.id,
            path=b.path,
            index=i,
            type=model.BrickType.ARBITER if b.arbiter else model.BrickType.BRICK,
            device=spots[i].device.id if spots else "",
            size=spots[i].size if spots else 0,
        )
        for i, b in enumerate(bricks)
    ]
    volume_id = request.identity or ids.uuid()
    return model.Volume(
        id=volume_id,
        name=request.name,
        state=model.VolumeState.CREATED,
        username=ids.uuid(),
        password=ids.uuid(),
        subvols=layout.subvolumes(shape, records, thin_arbiter(view, shape)),
        options=options_of(view, request, shape),
        metadata=request.metadata,
        capacity=request.size,
        sizing=sizing.sizing_of(request) if spots else None,
    )


def check_size(volume: model.Volume) -> None:
    if (size := len(model.dump(volume))) > VALUE_BYTES_MAX:
        raise Refused(
            f"the record of volume {volume.name} has {size} bytes, at most {VALUE_BYTES_MAX} are possible",
            hint="use fewer bricks, or shorter paths",
            code="bad-layout",
        )


def thin_arbiter(view: View, shape: layout.Layout) -> model.ThinArbiter | None:
    """The thin arbiter's host needs no daemon of the pool: it serves a static volfile of its own."""
    if shape.thin_arbiter is None:
        return None
    path = normalise(shape.thin_arbiter.path)
    layout.check_host(shape.thin_arbiter.peer)
    peer = view.find_peer(shape.thin_arbiter.peer)
    if peer is not None and any(normalise(b.path) == path and view.find_peer(b.peer) == peer for b in shape.bricks):
        raise Refused(
            f"duplicate brick entry {peer.hostname}:{path}: a brick can't be the thin arbiter too",
            hint="name each brick once",
            code="bad-brick",
        )
    if peer is None:
        check_reachable(shape.thin_arbiter)
    return model.ThinArbiter(
        host=shape.thin_arbiter.peer if peer is None else peer.hostname, path=path, peer_id="" if peer is None else peer.id
    )


def options_of(view: View, request: VolumeCreate, shape: layout.Layout) -> dict[str, str]:
    """What glusterd stores on create, then what the request says (validated)."""
    stored = options.defaults_on_create(shape.type.value)
    return with_options(view, stored, request.options, shape.type.value, replicas=shape.set_size)


def with_options(
    view: View, stored: dict[str, str], wanted: dict[str, str], volume_type: options.VolumeType, *, replicas: int
) -> dict[str, str]:
    """`stored` plus the wanted options, checked one by one and together; Refused with the reason."""
    changed = dict(stored)
    names = []
    op_version = lookup.op_version(view)
    try:
        for name, value in wanted.items():
            full, kept = options.resolve(
                view.options, name, value, volume_type, op_version=op_version, replicas=replicas if volume_type == "replicate" else 1
            )
            changed[full] = kept
            names.append(full)
        options.check_together(view.options, changed, names)
    except options.OptionRefused as error:
        raise Refused(str(error), code="bad-option", hint="`gd2 volume set help` lists the options") from error
    return changed


def claim(volume: str, brick: model.Brick) -> plan.Change:
    return plan.Change(model.brick_key(brick.peer_id, brick.path), msgspec.to_builtins(model.BrickClaim(volume=volume, brick=brick.id)))


def prepare_step(request: VolumeCreate, volume: model.Volume, brick: model.Brick) -> plan.Step:
    if brick.device:
        return PREPARE_BRICK.at(brick.peer_id, sizing.provisioned(volume, brick))
    flags = request.flags
    return PREPARE_BRICK.at(
        brick.peer_id,
        PrepareBrick(
            volume=volume.name,
            volume_id=volume.id,
            path=brick.path,
            force=request.force,
            create_folder=request.force or flags.get("create-brick-dir", False),
            allow_root=request.force or flags.get("allow-root-dir", False),
            allow_mount=request.force or flags.get("allow-mount-as-brick", False),
            reuse=flags.get("reuse-bricks", False),
        ),
    )


COMMAND = Command(
    name="volume-create",
    request=VolumeCreate,
    plan=plan_create,
    route=Route("POST", "/v1/volumes", 201, "volume", internal=("identity", "gid")),
    summary="Create a volume from bricks.",
)
