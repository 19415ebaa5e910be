"""The bodies of replies: GlusterD2's shapes, made from our records. Secrets of a volume never get in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gd2raft.core import devices, model
from gd2raft.core.membership import voters_wanted
from gd2raft.rest.api import BrickFacts, SizeInfo

VolumeTypeName = Literal["Distribute", "Replicate", "Disperse", "Dist-Replicate", "Dist-Disperse"]


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Base of reply bodies."""


class VersionInfo(Shape, frozen=True, kw_only=True):
    glusterd_version: str
    api_version: int = 1


class Pong(Shape, frozen=True, kw_only=True):
    status: str = "ok"


class EndpointInfo(Shape, frozen=True, kw_only=True):
    name: str
    methods: list[str]
    path: str
    request_type: str = ""
    response_type: str = ""


class ErrorItem(Shape, frozen=True, kw_only=True):
    """`code`: GlusterD2's, 1 or 2 (a step failed). `fields`: strings; `code` in them is our stable word, `hint` what to do."""

    code: int
    message: str
    fields: dict[str, str] = {}


class ErrorBody(Shape, frozen=True, kw_only=True):
    errors: list[ErrorItem]


class PeerInfo(Shape, frozen=True, kw_only=True):
    """`metadata` has the failure zone as `_zone`. `state`, `tags`: of all its devices."""

    id: str
    name: str
    peer_addresses: list[str]
    client_addresses: list[str]
    online: bool
    pid: int = 0
    metadata: dict[str, str]
    state: devices.State = devices.State.ONLINE
    tags: dict[str, str] = {}


class BrickInfo(Shape, frozen=True, kw_only=True):
    id: str
    path: str
    volume_id: str
    volume_name: str
    peer_id: str
    host: str
    type: model.BrickType


class BrickStatus(Shape, frozen=True, kw_only=True):
    """`known` False: the brick's peer didn't answer; the brick may well run, its processes outlive the daemon.

    `error`: why one that should run doesn't: how it ended, and the first errors of its log.
    """

    info: BrickInfo
    online: bool
    known: bool
    pid: int
    port: int
    fs_type: str
    mount_opts: str
    device: str
    size: SizeInfo
    error: str = ""


class SubvolumeInfo(Shape, frozen=True, kw_only=True):
    """`thin_arbiter`: "HOST:/path", "" when there is none."""

    name: str
    type: Literal["Distribute", "Replicate", "Disperse"]
    bricks: list[BrickInfo]
    replica_count: int
    arbiter_count: int
    disperse_count: int
    disperse_data_count: int
    disperse_redundancy_count: int
    thin_arbiter: str = ""


class VolumeInfo(Shape, frozen=True, kw_only=True):
    """`capacity`: what the volume was asked to have, 0 when bricks were given."""

    id: str
    name: str
    type: VolumeTypeName
    transport: str
    distribute_count: int
    replica_count: int
    arbiter_count: int
    disperse_count: int
    disperse_data_count: int
    disperse_redundancy_count: int
    options: dict[str, str]
    state: model.VolumeState
    subvols: list[SubvolumeInfo]
    metadata: dict[str, str]
    snap_list: list[str] = []
    capacity: int = 0


class VolumeStatus(Shape, frozen=True, kw_only=True):
    info: VolumeInfo
    online: bool
    size: SizeInfo


class OptionInfo(Shape, frozen=True, kw_only=True):
    name: str
    value: str
    modified: bool
    default_value: str
    option_level: str


class OptionHelp(Shape, frozen=True, kw_only=True):
    """An option that can be set. `scope`: volume or pool; `documented`: whether `gluster volume set help` would show it."""

    name: str
    type: str
    values: list[str]
    default_value: str
    scope: Literal["volume", "pool"]
    documented: bool
    help: str


class GroupOptionInfo(Shape, frozen=True, kw_only=True):
    name: str
    onvalue: str


class OptionGroupInfo(Shape, frozen=True, kw_only=True):
    """`builtin`: comes with GlusterFS."""

    name: str
    options: list[GroupOptionInfo]
    description: str = ""
    builtin: bool = False


def option_group(name: str, values: Mapping[str, str], description: str = "", *, builtin: bool = False) -> OptionGroupInfo:
    found = [GroupOptionInfo(name=key, onvalue=value) for key, value in values.items()]
    return OptionGroupInfo(name=name, options=found, description=description, builtin=builtin)


class GlobalOptionInfo(Shape, frozen=True, kw_only=True):
    key: str
    value: str
    default: str
    modified: bool


class ClusterStatus(Shape, frozen=True, kw_only=True):
    """At least this; ids are peer ids, "" when unknown. Also `locks`, `transactions` (ids) and `leftovers`: what isn't finished; and `notices`:
    what the leader says of other peers, each with `code` (of `gd2 health`), `peer` (its id) and `what`."""

    leader: str
    term: int
    quorum: bool
    voters: list[str]
    learners: list[str]
    log_index: int
    applied: int
    revision: int


class VotersInfo(Shape, frozen=True, kw_only=True):
    """`set`: how many were asked for, 0: by the size of the pool. `wanted`: what that means for this pool now. `voters`: ids."""

    set: int
    wanted: int
    voters: list[str]
    replace_after_s: int


class Statedump(Shape, frozen=True, kw_only=True):
    """`keys`: how many of each kind the state holds."""

    peer_id: str
    cluster_id: str
    version: str
    revision: int
    uptime_s: int
    connections: int
    watches: int
    keys: dict[str, int]
    cluster: dict[str, Any]


def voters_info(view: model.View, status: Mapping[str, Any]) -> VotersInfo:
    cluster = view.cluster()
    configured, replace_after_s = (cluster.voters, cluster.replace_after_s) if cluster is not None else (0, 0)
    return VotersInfo(
        set=configured,
        wanted=0 if status.get("store") == "etcd" else voters_wanted(len(view.peers()), configured),
        voters=list(status["voters"]),
        replace_after_s=replace_after_s,
    )


def peer_info(peer: model.Peer, online: Mapping[str, int]) -> PeerInfo:
    return PeerInfo(
        id=peer.id,
        name=peer.name,
        peer_addresses=list(peer.addresses),
        client_addresses=list(peer.client_addresses),
        online=peer.id in online,
        pid=online.get(peer.id, 0),
        metadata={**peer.metadata, "_zone": peer.zone or peer.id},
        state=devices.State(peer.state),
        tags=peer.tags,
    )


def hosts_of(view: model.View) -> dict[str, str]:
    """Peer id -> the name that clients are told."""
    return {peer.id: peer.hostname for peer in view.peers()}


def hosts_of_volume(view: model.View, volume: model.Volume) -> dict[str, str]:
    """As hosts_of, for the peers of one volume only: a volume of three bricks doesn't cost a pool of a thousand."""
    thin = (s.thin_arbiter.peer_id for s in volume.subvols if s.thin_arbiter is not None)
    found = {peer_id: view.peer(peer_id) for peer_id in (*volume.peer_ids(), *thin)}
    return {peer_id: peer.hostname for peer_id, peer in found.items() if peer is not None}


def brick_info(volume: model.Volume, brick: model.Brick, hosts: Mapping[str, str]) -> BrickInfo:
    return BrickInfo(
        id=brick.id,
        path=brick.path,
        volume_id=volume.id,
        volume_name=volume.name,
        peer_id=brick.peer_id,
        host=hosts.get(brick.peer_id, ""),
        type=brick.type,
    )


def brick_status(volume: model.Volume, brick: model.Brick, hosts: Mapping[str, str], facts: BrickFacts | None) -> BrickStatus:
    known, facts = facts is not None, facts or BrickFacts()
    return BrickStatus(
        info=brick_info(volume, brick, hosts),
        known=known,
        online=facts.online,
        pid=facts.pid,
        port=facts.port,
        fs_type=facts.fs_type,
        mount_opts=facts.mount_opts,
        device=facts.device,
        size=facts.size,
        error=facts.error,
    )


def volume_info(volume: model.Volume, hosts: Mapping[str, str]) -> VolumeInfo:
    subvols = [_subvolume_info(volume, i, subvol, hosts) for i, subvol in enumerate(volume.subvols)]
    first = subvols[0]
    distribute = first.type == "Distribute"
    return VolumeInfo(
        id=volume.id,
        name=volume.name,
        type=msgspec.convert(volume.type_name, VolumeTypeName),
        transport=volume.transport,
        distribute_count=len(first.bricks) if distribute else len(subvols),
        replica_count=first.replica_count,
        arbiter_count=first.arbiter_count,
        disperse_count=first.disperse_count,
        disperse_data_count=first.disperse_data_count,
        disperse_redundancy_count=first.disperse_redundancy_count,
        options=volume.options,
        state=volume.state,
        subvols=subvols,
        metadata=volume.metadata,
        capacity=volume.capacity,
    )


_SUBVOLUME_TYPES: dict[model.SubvolumeType, Literal["Distribute", "Replicate", "Disperse"]] = {
    model.SubvolumeType.DISTRIBUTE: "Distribute",
    model.SubvolumeType.REPLICATE: "Replicate",
    model.SubvolumeType.DISPERSE: "Disperse",
}


def _subvolume_info(volume: model.Volume, index: int, subvol: model.Subvolume, hosts: Mapping[str, str]) -> SubvolumeInfo:
    thin = subvol.thin_arbiter
    return SubvolumeInfo(
        name=f"{volume.name}-{subvol.type.value}-{index}",
        type=_SUBVOLUME_TYPES[subvol.type],
        bricks=[brick_info(volume, brick, hosts) for brick in subvol.bricks],
        replica_count=max(1, subvol.replica_count),
        arbiter_count=subvol.arbiter_count,
        disperse_count=subvol.disperse_count,
        disperse_data_count=max(0, subvol.disperse_count - subvol.redundancy_count),
        disperse_redundancy_count=subvol.redundancy_count,
        thin_arbiter="" if thin is None else f"{hosts.get(thin.peer_id, thin.host)}:{thin.path}",
    )


def serves(volume: model.Volume, facts: Mapping[str, BrickFacts]) -> bool:
    """Whether every subvolume has enough bricks online to be read from.

    That is: all bricks of a distribute subvolume, one with data of a replicate one, all but the redundancy of a disperse one.
    """
    return all(_subvolume_serves(subvol, facts) for subvol in volume.subvols)


def _subvolume_serves(subvol: model.Subvolume, facts: Mapping[str, BrickFacts]) -> bool:
    online = [b for b in subvol.bricks if b.id in facts and facts[b.id].online]
    if subvol.type is model.SubvolumeType.REPLICATE:
        return any(b.type is model.BrickType.BRICK for b in online)
    if subvol.type is model.SubvolumeType.DISPERSE:
        return len(online) >= len(subvol.bricks) - subvol.redundancy_count
    return len(online) == len(subvol.bricks)
