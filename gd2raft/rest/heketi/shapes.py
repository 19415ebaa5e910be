"""The bodies of heketi's replies, made from our records. Its names, its ids (32 hex digits), its units: GiB for volumes, KiB for all else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from gd2raft.core import devices, heketi, model
from gd2raft.core.devices import hex_of

KIB, GIB = 1 << 10, 1 << 30
MANAGE = "heketi.manage"
"""Metadata of a peer: the name that a client of heketi gave it for management, which may be another than the one for storage."""
SNAPSHOT_FACTOR = 1.0


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of bodies."""


class Clusters(Shape, frozen=True, kw_only=True):
    clusters: list[str]


class Cluster(Shape, frozen=True, kw_only=True):
    id: str
    nodes: list[str]
    volumes: list[str]
    block: bool
    file: bool
    blockvolumes: list[str] = []


class Storage(Shape, frozen=True, kw_only=True):
    """KiB."""

    total: int
    free: int
    used: int


class Brick(Shape, frozen=True, kw_only=True):
    """`size`: KiB. `device` "": the brick is a folder that somebody named."""

    id: str
    path: str
    device: str
    node: str
    volume: str
    size: int


class Device(Shape, frozen=True, kw_only=True):
    name: str
    tags: dict[str, str]
    storage: Storage
    id: str
    state: devices.State
    bricks: list[Brick]


class Hostnames(Shape, frozen=True, kw_only=True):
    manage: list[str]
    storage: list[str]


class Nodes(Shape, frozen=True, kw_only=True):
    nodes: list[str]


class Node(Shape, frozen=True, kw_only=True):
    zone: int
    hostnames: Hostnames
    cluster: str
    tags: dict[str, str]
    id: str
    state: devices.State
    devices: list[Device]


class Replicate(Shape, frozen=True, kw_only=True, omit_defaults=True):
    replica: int = 0


class Disperse(Shape, frozen=True, kw_only=True, omit_defaults=True):
    data: int = 0
    redundancy: int = 0


class Durability(Shape, frozen=True, kw_only=True):
    type: str
    replicate: Replicate = Replicate()
    disperse: Disperse = Disperse()


class Snapshot(Shape, frozen=True, kw_only=True):
    enable: bool = False
    factor: float = SNAPSHOT_FACTOR


class GlusterMount(Shape, frozen=True, kw_only=True):
    """`device`: HOST:VOLUME, what mount -t glusterfs wants."""

    hosts: list[str]
    device: str
    options: dict[str, str]


class Mount(Shape, frozen=True, kw_only=True):
    glusterfs: GlusterMount


class Volume(Shape, frozen=True, kw_only=True):
    """`size`: GiB, 0 when it was made of named bricks."""

    size: int
    name: str
    durability: Durability
    gid: int = 0
    glustervolumeoptions: list[str] = []
    snapshot: Snapshot = Snapshot()
    id: str
    cluster: str
    mount: Mount
    blockinfo: dict[str, str] = {}
    bricks: list[Brick]


class Volumes(Shape, frozen=True, kw_only=True):
    volumes: list[str]


class BlockVolumes(Shape, frozen=True, kw_only=True):
    blockvolumes: list[str] = []


class OperationCounts(Shape, frozen=True, kw_only=True):
    """`stale`: whose peer is away, so that another takes them over; `new`: not stale. `failed`: that left something to clean up, as heketi
    counts them: none, since commands that fail are undone."""

    total: int
    in_flight: int
    stale: int
    failed: int = 0
    new: int


class PendingOperation(Shape, frozen=True, kw_only=True):
    id: str
    type_name: str
    status: str
    sub_status: str


class PendingOperations(Shape, frozen=True, kw_only=True):
    pendingoperations: list[PendingOperation]


class Change(Shape, frozen=True, kw_only=True):
    id: str
    description: str


class PendingDetails(PendingOperation, frozen=True, kw_only=True):
    changes: list[Change]


class ModeBody(Shape, frozen=True, kw_only=True):
    state: heketi.Mode


class LogLevels(Shape, frozen=True, kw_only=True):
    loglevel: dict[str, str]


def cluster(view: model.View, cluster_id: str, asked: str) -> Cluster:
    settings = heketi.settings(view)
    return Cluster(
        id=hex_of(cluster_id),
        nodes=node_ids(view, asked),
        volumes=volume_ids(view),
        block=settings.block,
        file=settings.file,
        blockvolumes=[],
    )


def nodes(view: model.View) -> list[model.Peer]:
    """All peers, but not the one of a new pool before a client of heketi has named it: heketi-cli passes over nodes that are there already, so
    that one would never get the zone that its topology file says."""
    peers = view.peers()
    new = len(peers) == 1 and not managed(peers[0]) and not devices.all_devices(view) and not view.volumes()
    return [] if new else list(peers)


def managed(peer: model.Peer) -> str:
    """The name for management that a client of heketi gave this peer; "" for none."""
    return peer.metadata.get(MANAGE, "")


def node_ids(view: model.View, asked: str) -> list[str]:
    """`asked`, the peer that answers, comes last: clients that delete all nodes do it in this order, and it can't leave while others are there."""
    return [hex_of(peer.id) for peer in sorted(nodes(view), key=lambda peer: peer.id == asked)]


def volume_ids(view: model.View) -> list[str]:
    return sorted(hex_of(volume.id) for volume in view.volumes())


def node(view: model.View, peer: model.Peer, cluster_id: str) -> Node:
    return Node(
        zone=heketi.zones({p.id: p.zone or p.id for p in view.peers()})[peer.id],
        hostnames=Hostnames(manage=[managed(peer) or peer.hostname], storage=[peer.hostname]),
        cluster=hex_of(cluster_id),
        tags=peer.tags,
        id=hex_of(peer.id),
        state=devices.State(peer.state),
        devices=[device(view, found) for found in devices.of_peer(view, peer.id)],
    )


def device(view: model.View, found: devices.Device) -> Device:
    held = devices.spaces(view, found.id)
    return Device(
        name=found.path,
        tags=found.tags,
        storage=Storage(total=found.size // KIB, free=devices.free(found, held) // KIB, used=devices.used(held) // KIB),
        id=found.id,
        state=found.state,
        bricks=list(bricks_of_device(view, found, held)),
    )


def bricks_of_device(view: model.View, found: devices.Device, held: Iterable[devices.Space]) -> Iterable[Brick]:
    """Those that are in use: a space that its peer still takes apart belongs to no volume."""
    for space in held:
        volume = None if space.leaving else view.volume(space.volume)
        if volume is not None:
            yield Brick(
                id=hex_of(space.brick),
                path=space.path,
                device=found.id,
                node=hex_of(found.peer_id),
                volume=hex_of(volume.id),
                size=space.size // KIB,
            )


def brick(volume: model.Volume, found: model.Brick) -> Brick:
    return Brick(
        id=hex_of(found.id),
        path=found.path,
        device=found.device,
        node=hex_of(found.peer_id),
        volume=hex_of(volume.id),
        size=found.size // KIB,
    )


def volume(view: model.View, found: model.Volume, cluster_id: str) -> Volume:
    sizing = found.sizing or model.Sizing()
    hosts = [view.host(peer_id) for peer_id in found.peer_ids()]
    return Volume(
        size=found.capacity // GIB,
        name=found.name,
        durability=durability(found),
        gid=sizing.gid,
        glustervolumeoptions=[f"{name} {value}" for name, value in sorted(found.options.items())],
        snapshot=Snapshot(enable=sizing.snapshot_factor > 1, factor=sizing.snapshot_factor),
        id=hex_of(found.id),
        cluster=hex_of(cluster_id),
        mount=Mount(
            glusterfs=GlusterMount(hosts=hosts, device=f"{hosts[0]}:{found.name}", options={"backup-volfile-servers": ",".join(hosts[1:])})
        ),
        bricks=[brick(found, each) for each in found.bricks()],
    )


def durability(volume: model.Volume) -> Durability:
    first = volume.subvols[0]
    if volume.kind == "replicate":
        return Durability(type="replicate", replicate=Replicate(replica=first.replica_count))
    if volume.kind == "disperse":
        data = first.disperse_count - first.redundancy_count
        return Durability(type="disperse", disperse=Disperse(data=data, redundancy=first.redundancy_count))
    return Durability(type="none")


def pending(operation: heketi.Operation, online: Mapping[str, int]) -> PendingOperation:
    return PendingOperation(id=operation.id, type_name=operation.kind, status=status_of(operation, online), sub_status="")


def status_of(operation: heketi.Operation, online: Mapping[str, int]) -> str:
    return "new" if operation.driver in online else "stale"


def changes(operation: heketi.Operation) -> list[Change]:
    about = {name: value for name, value in operation.request.items() if isinstance(value, str) and value}
    return [Change(id=value, description=f"{operation.kind}: {name}") for name, value in about.items()]
