"""The bodies that heketi's clients change things with, and what they mean as requests of our commands. Raises Invalid, which is 400."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from gd2raft.commands.device_tags import NAME_MAX, TAGS_MAX, VALUE_MAX
from gd2raft.commands.volume_clone import VolumeClone
from gd2raft.commands.volume_create import VolumeCreate
from gd2raft.core import devices
from gd2raft.rest.heketi.bodies import Body, told
from gd2raft.rest.heketi.shapes import GIB, KIB
from gd2raft.rest.heketi.texts import Invalid, NotOffered

VOLUME_NAME = re.compile(r"[a-zA-Z0-9_-]+")
HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9_.:-]{0,251}[a-zA-Z0-9])?")
DISPERSE = ((2, 1), (4, 2), (8, 3), (8, 4))
REPLICA_DEFAULT, REPLICA_MAX = 2, 3
GID_MAX = (1 << 32) - 1
SIZE_GIB_MAX = 1 << 40
FACTOR_MAX = 100.0
STATES = ("online", "offline", "failed")
ARBITER, FILE_SIZE, ZONES, TAG_MATCH = (
    f"user.heketi.{name}" for name in ("arbiter", "average-file-size", "zone-checking", "device-tag-match")
)
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


HOSTS_MAX = 8
Host = Annotated[str, told(pattern=f"^{HOST.pattern}$")]
Hosts = Annotated[list[Host], told(minItems=1, maxItems=HOSTS_MAX)]
Id = Annotated[str, told(pattern="^[A-Fa-f0-9]{32}$")]
TagValue = Annotated[str, told(pattern=f"^[ -~]{{0,{VALUE_MAX}}}$")]
Tags = Annotated[dict[str, TagValue], told(maxProperties=TAGS_MAX, propertyNames={"pattern": f"^[a-zA-Z0-9_.-]{{1,{NAME_MAX}}}$"})]


OptionLine = Annotated[str, told(pattern=r"^\s*\S+ +\S.*$")]


class Hostnames(Body, frozen=True, kw_only=True):
    needed = ("manage", "storage")

    manage: Hosts = []
    storage: Hosts = []


class NodeAdd(Body, frozen=True, kw_only=True):
    needed = ("zone", "hostnames", "cluster")

    zone: Annotated[int, told(minimum=1)] = 0
    hostnames: Hostnames = Hostnames()
    cluster: Id = ""
    tags: Tags = {}


class StateChange(Body, frozen=True, kw_only=True):
    """`healcheck` is understood: bricks are only ever moved while enough others of their set are whole."""

    needed = ("state",)

    state: Annotated[str, told(enum=list(STATES))] = ""
    healcheck: Annotated[str, told(enum=["", "enable", "disable"])] = ""


class TagsChange(Body, frozen=True, kw_only=True):
    needed = ("change_type",)

    change_type: Annotated[str, told(enum=["set", "update", "delete"])] = ""
    tags: Tags = {}


class DeviceAddBody(Body, frozen=True, kw_only=True):
    needed = ("node", "name")

    node: Id = ""
    name: Annotated[str, told(pattern=f"^{devices.NAME_PATTERN}$")] = ""
    destroydata: bool = False
    tags: Tags = {}


class DeviceDelete(Body, frozen=True, kw_only=True):
    forceforget: bool = False


class Replicate(Body, frozen=True, kw_only=True):
    replica: int = 0


class Disperse(Body, frozen=True, kw_only=True):
    data: int = 0
    redundancy: int = 0


class Durability(Body, frozen=True, kw_only=True):
    type: str = ""
    replicate: Replicate = Replicate()
    disperse: Disperse = Disperse()


class Snapshot(Body, frozen=True, kw_only=True):
    enable: bool = False
    factor: float = 0.0


class VolumeCreateBody(Body, frozen=True, kw_only=True):
    """`size`: GiB. `glustervolumeoptions`: "NAME VALUE" each."""

    needed = ("size",)

    size: Annotated[int, told(minimum=1, maximum=SIZE_GIB_MAX)] = 0
    name: Annotated[str, told(pattern="^[a-zA-Z0-9_-]*$")] = ""
    durability: Durability = Durability()
    snapshot: Snapshot = Snapshot()
    clusters: list[str] = []
    gid: Annotated[int, told(minimum=0, maximum=GID_MAX)] = 0
    glustervolumeoptions: list[OptionLine] = []
    block: bool = False


class VolumeExpandBody(Body, frozen=True, kw_only=True):
    """GiB."""

    needed = ("expand_size",)

    expand_size: Annotated[int, told(minimum=1, maximum=SIZE_GIB_MAX)] = 0


class CloneBody(Body, frozen=True, kw_only=True):
    name: Annotated[str, told(pattern="^[a-zA-Z0-9_-]*$")] = ""


class Cleanup(Body, frozen=True, kw_only=True):
    operations: list[str] = []


# checks


def check_node(body: NodeAdd) -> None:
    if body.zone < 1:
        raise Invalid("zone: must be no less than 1")
    for name, hosts in (("manage", body.hostnames.manage), ("storage", body.hostnames.storage)):
        if not hosts:
            raise Invalid(f"hostnames: {name}: cannot be blank")
        if len(hosts) > HOSTS_MAX or not all(HOST.fullmatch(host) for host in hosts):
            raise Invalid(f"hostnames: {name}: at most {HOSTS_MAX} host names or addresses are possible")
    check_id("cluster", body.cluster)
    check_tags(body.tags)


def check_size(name: str, size: int) -> None:
    """GiB."""
    if size < 1:
        raise Invalid(f"{name}: must be no less than 1")
    if size > SIZE_GIB_MAX:
        raise Invalid(f"{name}: must be no greater than {SIZE_GIB_MAX} (GiB)")


def check_id(name: str, text: str) -> None:
    if not re.fullmatch(r"[A-Fa-f0-9]{32}", text):
        raise Invalid(f"{name}: {text[:40]!r} is not a valid UUID")


def check_tags(tags: dict[str, str]) -> None:
    """The bounds are those of device-tags; told here already, since the operation would tell them later."""
    if len(tags) > TAGS_MAX:
        raise Invalid(f"tags: too many, up to {TAGS_MAX} are possible")
    for name, value in tags.items():
        if not re.fullmatch(rf"[a-zA-Z0-9_.-]{{1,{NAME_MAX}}}", name):
            raise Invalid(f"tags: {name[:40]!r} is not a name (1 to {NAME_MAX} letters, digits and '_', '.', '-')")
        if len(value) > VALUE_MAX or not value.isprintable():
            raise Invalid(f"tags: the value of {name} is not possible (at most {VALUE_MAX} printable characters)")


def check_tags_change(body: TagsChange) -> None:
    if body.change_type not in ("set", "update", "delete"):
        raise Invalid(f"change_type: {body.change_type[:40]!r} is not set, update or delete")
    check_tags(body.tags)


def check_state(body: StateChange) -> devices.State:
    if body.state not in STATES:
        raise Invalid(f"state: {body.state[:40]!r} is not valid state ({', '.join(STATES)})")
    if body.healcheck not in ("", "enable", "disable"):
        raise Invalid(f"healcheck: {body.healcheck[:40]!r} is not enable or disable")
    return devices.State(body.state)


def check_device(body: DeviceAddBody) -> None:
    if not re.fullmatch(devices.NAME_PATTERN, body.name):
        raise Invalid(f"name: {body.name[:100]!r} is not a device (an absolute path of letters, digits and '_', '.', ':', '-')")
    check_id("node", body.node)
    check_tags(body.tags)
    if body.destroydata:
        raise NotOffered("destroydata is not offered: remove what is on the device yourself (wipefs -a), then add it")


# volumes


def volume_create(body: VolumeCreateBody, identity: str, cluster: str) -> VolumeCreate:
    """`identity`: UUID that the volume gets; `cluster`: the pool's id as heketi writes it."""
    check_size("size", body.size)
    check_name(body.name)
    if body.block:
        raise NotOffered("block volumes are not offered: gluster-block is no part of this daemon")
    if body.clusters and cluster not in [text.lower() for text in body.clusters]:
        raise Invalid(f"clusters: cluster id {body.clusters[0][:40]} not found, there is {cluster}")
    if not 0 <= body.gid <= GID_MAX:
        raise Invalid(f"gid: 0 to {GID_MAX}")
    options = options_of(body.glustervolumeoptions)
    return VolumeCreate(
        name=body.name or f"vol_{devices.hex_of(identity)}",
        identity=identity,
        size=body.size * GIB,
        options=options,
        gid=body.gid,
        **snapshot_words(body.snapshot),
        **durability_words(body.durability, options),
        **placement_words(options),
    )


def volume_clone(body: CloneBody, source: str, identity: str) -> VolumeClone:
    check_name(body.name)
    return VolumeClone(volume=source, name=body.name or f"vol_{devices.hex_of(identity)}", identity=identity)


def check_name(name: str) -> None:
    if name and not VOLUME_NAME.fullmatch(name):
        raise Invalid(f"name: {name[:64]!r} must be in a valid format (letters, digits, '_' and '-')")


def durability_words(durability: Durability, options: dict[str, str]) -> dict[str, Any]:
    arbiter = truth(ARBITER, options.get(ARBITER, ""))
    if arbiter and durability.type != "replicate":
        raise Invalid(f"{ARBITER}: an arbiter needs durability type replicate")
    if durability.type in ("none", ""):
        return {}
    if durability.type == "replicate":
        replica = durability.replicate.replica or REPLICA_DEFAULT
        if not 2 <= replica <= REPLICA_MAX:
            raise Invalid(f"Invalid replica value: {replica}, 2 and {REPLICA_MAX} are possible")
        return {"replica": REPLICA_MAX, "arbiter": 1} if arbiter else {"replica": replica}
    if durability.type == "disperse":
        data, redundancy = durability.disperse.data, durability.disperse.redundancy
        if (data, redundancy) not in DISPERSE:
            possible = ", ".join(f"{d}+{r}" for d, r in DISPERSE)
            raise Invalid(f"Invalid dispersion combination: {data}+{redundancy}, possible are {possible}")
        return {"disperse": data + redundancy, "disperse_redundancy": redundancy}
    raise Invalid(f"Unknown durability type: {durability.type[:40]!r} (none, replicate, disperse)")


def snapshot_words(snapshot: Snapshot) -> dict[str, Any]:
    if not snapshot.enable:
        return {}
    if not 1.0 <= snapshot.factor <= FACTOR_MAX:
        raise Invalid(f"Invalid snapshot factor: {snapshot.factor:g}, 1 to {FACTOR_MAX:g} are possible")
    return {"snapshot": True, "snapshot_reserve_factor": snapshot.factor}


def placement_words(options: dict[str, str]) -> dict[str, Any]:
    """What heketi's own options of a volume say of the places of its bricks."""
    words: dict[str, Any] = {}
    if text := options.get(FILE_SIZE):
        if not re.fullmatch(r"[1-9][0-9]{0,11}", text):
            raise Invalid(f"{FILE_SIZE}: {text[:40]!r} is not a number of KiB above 0")
        words["average_file_size"] = int(text) * KIB
    if text := options.get(ZONES):
        if text not in ("none", "strict"):
            raise Invalid(f"{ZONES}: {text[:40]!r} is not none or strict")
        words["subvolume_zones_overlap"] = text != "strict"
    if text := options.get(TAG_MATCH):
        name, equals, value = text.partition("=")
        if name.endswith("!"):
            raise NotOffered(f"{TAG_MATCH}: != is not offered, NAME=VALUE is")
        if not equals or not name:
            raise Invalid(f"{TAG_MATCH}: {text[:40]!r} is not NAME=VALUE")
        words["device_tags"] = {name: value}
    return words


def options_of(lines: Sequence[str]) -> dict[str, str]:
    """
    >>> options_of(["performance.io-cache off", "user.heketi.arbiter  true"])
    {'performance.io-cache': 'off', 'user.heketi.arbiter': 'true'}
    """
    found = {}
    for line in lines:
        name, _, value = line.strip().partition(" ")
        if not name or not value.strip():
            raise Invalid(f"glustervolumeoptions: {line[:100]!r} is not NAME VALUE")
        found[name] = value.strip()
    return found


def truth(name: str, text: str) -> bool:
    if text.lower() in TRUE or text.lower() in FALSE:
        return text.lower() in TRUE
    raise Invalid(f"{name}: {text[:40]!r} is not true or false")


def as_data(request: msgspec.Struct) -> dict[str, Any]:
    """A command's request as an operation keeps it."""
    found: dict[str, Any] = msgspec.to_builtins(request)
    return found
