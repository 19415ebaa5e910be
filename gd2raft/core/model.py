"""The cluster's configuration as typed records, and the keys they live under.

Values are JSON. A record is read with `load`, written with `dump(record, old)`, which keeps the keys of the old value that
this version of the daemon doesn't know (versions live together). It must not know who asks or what a command is.

Keys:
    cluster                     Cluster
    peers/ID                    Peer;               guard key: peers
    volumes/NAME                Volume;             guard key: volumes
    bricks/PEER-ID/PATH         BrickClaim;         guard key: bricks/PEER-ID
    options/global              GlobalOptions
    options/groups/NAME         OptionGroup
    locks/NAME                  Lock
    jobs/ID                     core.jobs.Job
    job-results/ID/PEER-ID      core.jobs.Progress
    txn/ID                      core.transaction.Transaction
    results/KEY                 core.transaction.Remembered (Idempotency-Key)
    leftovers/PEER-ID/TXN-ID    core.transaction.Leftover; guard key: leftovers/PEER-ID
    quota/VOLUME/XX             core.quotas.QuotaLimits; guard key: quota
    heketi/...                  core.heketi (what only heketi's endpoints need)
    devices/ID                  core.devices.Device; guard key: devices
    space/DEVICE-ID/BRICK-ID    core.devices.Space; guard key: space/DEVICE-ID
A guard key is touched by every change under its prefix, so that "nothing under this prefix changed" can be expected.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from gd2raft.core.kv import Versioned
from gd2raft.core.shared import shared

OP_VERSION = 100000
"""The op-version of GlusterFS 10, what this daemon's volfiles are made for."""

OP_VERSION_MIN = 100000
"""The oldest pool that this daemon can join."""

FIRST_OP_VERSION = 100000
"""What records leave out. It stays for ever, whatever OP_VERSION becomes: on disk, nothing means this."""


class VolumeState(enum.Enum):
    CREATED = "Created"
    STARTED = "Started"
    STOPPED = "Stopped"


VolumeType = Literal["distribute", "replicate", "disperse"]


class SubvolumeType(enum.Enum):
    DISTRIBUTE = "distribute"
    REPLICATE = "replicate"
    DISPERSE = "disperse"


class BrickType(enum.Enum):
    BRICK = "Brick"
    ARBITER = "Arbiter"


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what is stored. Fields are only ever added, with a default."""


class Cluster(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`voters`: how many peers shall vote, 0: by the size of the pool. A voter out of sight for `replace_after_s` is replaced."""

    id: str
    op_version: int = FIRST_OP_VERSION
    voters: int = 0
    replace_after_s: int = 60


class Peer(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A machine running the daemon, known by its UUID; addresses may change.

    `addresses` are HOST:PORT of the peer RPC, the first one in use; `client_addresses` HOST:PORT of REST and GlusterFS's RPC.
    `hostname` is the name that the peer was probed by, or has moved to: what clients are told as remote-host. `former`: those that it
    had before, the latest first: its bricks may still run under them. `state`, `tags`: of all its devices (core.devices), beside their own.
    """

    id: str
    name: str
    hostname: str
    addresses: tuple[str, ...]
    client_addresses: tuple[str, ...]
    zone: str = ""
    metadata: dict[str, str] = {}
    op_version_max: int = FIRST_OP_VERSION
    op_version_min: int = FIRST_OP_VERSION
    steps: tuple[str, ...] = ()  # names of the steps that this peer's daemon has
    hooks: tuple[str, ...] = ()  # operations that this peer has scripts for: start/pre (core.hooks)
    former: tuple[str, ...] = ()
    state: Literal["online", "offline", "failed"] = "online"
    tags: dict[str, str] = {}

    def __post_init__(self) -> None:
        """A thousand peers mostly have the same steps and hooks, and each decoded record would have copies of its own."""
        for name in ("steps", "hooks"):
            msgspec.structs.force_setattr(self, name, shared(getattr(self, name)))


class Brick(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A directory on a peer. `index` is the number in <volume>-client-<index>: it stays with the brick for life.

    `reset`: its process is kept away until reset-brick commit, so that its disk can be worked on. `device`: id of the device that it was
    placed on, with `size` bytes (core.devices); "" for a folder that somebody named.
    """

    id: str
    peer_id: str
    path: str
    index: int
    type: BrickType = BrickType.BRICK
    decommissioned: bool = False
    reset: bool = False
    device: str = ""
    size: int = 0


class Sizing(Record, frozen=True, kw_only=True, omit_defaults=True):
    """How a volume that was made by size wants its bricks placed, also those that come later (core.placement.Wanted)."""

    snapshot_factor: float = 1.0
    strict_zones: bool = False
    average_file_bytes: int = 0
    brick_bytes_max: int = 0
    provisioner: str = ""
    device_tags: dict[str, str] = {}
    gid: int = 0  # of the bricks' folders, whose group may write then; 0: root's


class ThinArbiter(Record, frozen=True, kw_only=True, omit_defaults=True):
    host: str
    path: str
    peer_id: str = ""


class Subvolume(Record, frozen=True, kw_only=True, omit_defaults=True):
    type: SubvolumeType
    bricks: tuple[Brick, ...]
    replica_count: int = 0
    arbiter_count: int = 0
    disperse_count: int = 0
    redundancy_count: int = 0
    thin_arbiter: ThinArbiter | None = None


class Volume(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`options`: as the user set them, plus those that create stores. `username`, `password`: of trusted clients.

    `joining`: while bricks are being added, the subvolumes that it is going to have: their bricks run already, clients don't know of
    them yet. `job`: id of its latest long work (core.jobs). `capacity`: bytes that it was asked to have, 0 when bricks were named; `sizing`:
    how they were placed then. `origin`: of a clone, the name that its bricks know each other by (Volume.pending_name); "" for its own.
    """

    id: str
    name: str
    state: VolumeState
    username: str
    password: str
    subvols: tuple[Subvolume, ...]
    transport: str = "tcp"
    options: dict[str, str] = {}
    metadata: dict[str, str] = {}
    quota_version: int = 0
    starts: int = 0  # how often it was started: `start force` counts too, and makes peers retry failed bricks
    joining: tuple[Subvolume, ...] = ()
    job: str = ""
    capacity: int = 0
    sizing: Sizing | None = None
    origin: str = ""

    def pending_name(self, brick: Brick) -> str:
        """By which the other copies note what this brick lacks (trusted.afr.NAME). A clone's files bear such notes of before it was made,
        so it goes on with the names of the volume that it was made of."""
        return f"{self.origin or self.name}-client-{brick.index}"

    def with_joining(self) -> Volume:
        """The volume as its bricks have it: with those that are being added."""
        return msgspec.structs.replace(self, subvols=self.joining) if self.joining else self

    def bricks(self) -> Iterator[Brick]:
        for subvol in self.subvols:
            yield from subvol.bricks

    @property
    def brick_index_next(self) -> int:
        """For the next brick that it gets: past the highest in use. That of a removed brick may come again, as glusterd has it (seen)."""
        return 1 + max(b.index for b in self.with_joining().bricks())

    def peer_ids(self) -> tuple[str, ...]:
        """The peers with bricks of this volume, in order of first brick."""
        return tuple(dict.fromkeys(b.peer_id for b in self.bricks()))

    @property
    def kind(self) -> VolumeType:
        return self.subvols[0].type.value

    @property
    def replicas(self) -> int:
        """Bricks of a replica set, 0 for other types."""
        return self.subvols[0].replica_count

    @property
    def type_name(self) -> str:
        """GlusterD2's names: Distribute, Replicate, Disperse, Dist-Replicate, Dist-Disperse."""
        kind = self.subvols[0].type.value.capitalize()
        return kind if kind == "Distribute" or len(self.subvols) == 1 else f"Dist-{kind}"


class BrickClaim(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Who uses a path on a peer. `fsid`: id of its file system (statvfs), for shared-brick-count; `inode`: of its folder; 0 while unknown.

    `leaving`: the volume is without it already, but its process runs until the clients have left it.
    """

    volume: str
    brick: str
    fsid: int = 0
    inode: int = 0
    leaving: bool = False


class GlobalOptions(Record, frozen=True, kw_only=True, omit_defaults=True):
    options: dict[str, str] = {}


class OptionGroup(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Options that a volume can be given at once, as administrators defined them."""

    options: dict[str, str]
    description: str = ""


class Lock(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Held by a transaction from begin to finish. `since`: seconds since the epoch by the clock of the peer that took it."""

    transaction: str
    owner: str
    command: str
    since: float


CLUSTER = "cluster"
PEERS = "peers/"
VOLUMES = "volumes/"
BRICKS = "bricks/"
GLOBAL_OPTIONS = "options/global"
OPTION_GROUPS = "options/groups/"
LOCKS = "locks/"
TRANSACTIONS = "txn/"
RESULTS = "results/"
LEFTOVERS = "leftovers/"
QUOTAS = "quota/"
DEVICES = "devices/"
SPACES = "space/"


def peer_key(peer_id: str) -> str:
    return f"{PEERS}{peer_id}"


def volume_key(name: str) -> str:
    return f"{VOLUMES}{name}"


def brick_key(peer_id: str, path: str) -> str:
    """
    >>> brick_key("p", "/b")
    'bricks/p//b'
    """
    return f"{BRICKS}{peer_id}/{path}"


def brick_prefix(peer_id: str) -> str:
    return f"{BRICKS}{peer_id}/"


def option_group_key(name: str) -> str:
    return f"{OPTION_GROUPS}{name}"


def lock_key(name: str) -> str:
    return f"{LOCKS}{name}"


def leftovers_prefix(peer_id: str) -> str:
    return f"{LEFTOVERS}{peer_id}/"


def guard_of(key: str) -> str | None:
    """The guard key that a change of `key` touches too; None when its prefix has none."""
    if key.startswith(PEERS):
        return "peers"
    if key.startswith(VOLUMES):
        return "volumes"
    if key.startswith(QUOTAS):
        return "quota"
    if key.startswith(DEVICES):
        return "devices"
    if key.startswith((BRICKS, LEFTOVERS, SPACES)) and key.count("/") >= 2:
        return "/".join(key.split("/", 2)[:2])
    return None


R = TypeVar("R", bound=Record)


class BadRecord(ValueError):
    """A stored value that this daemon can't read: names the key and what is wrong with it."""


def load(key: str, value: bytes, type_: type[R]) -> R:
    try:
        return msgspec.json.decode(value, type=type_)
    except msgspec.MsgspecError as error:
        raise BadRecord(f"the stored record {key!r} is not a valid {type_.__name__}: {error}") from error


def dump(record: Record, old: bytes | None = None) -> bytes:
    """The record as JSON; keys of the `old` value that this daemon doesn't know are kept, at every depth.

    >>> dump(Cluster(id="c"), b'{"id": "c", "later": 1}')
    b'{"id":"c","later":1}'
    """
    new = msgspec.to_builtins(record)
    if old is not None:
        before = _Before(msgspec.json.decode(old), load("", old, type(record)))
        new = _merge(new, record, before.raw, before.record, before)
    return msgspec.json.encode(new, order="deterministic")


class _Before:
    """An old value, as it is stored and as this version reads it, with all the records in its lists."""

    def __init__(self, raw: dict[str, Any], record: Record) -> None:
        self.raw, self.record = raw, record
        self._listed: list[tuple[dict[str, Any], msgspec.Struct, frozenset[str]]] = []
        self._collect(raw, record)

    def _collect(self, raw: dict[str, Any], record: msgspec.Struct) -> None:
        for name, value in _fields(record):
            items = zip(raw.get(name, ()), value, strict=False) if isinstance(value, tuple) else ((raw.get(name), value),)
            for stored, item in items:
                if isinstance(item, msgspec.Struct) and isinstance(stored, dict):
                    if isinstance(value, tuple):
                        self._listed.append((stored, item, _ids(item)))
                    self._collect(stored, item)

    def twin(self, item: msgspec.Struct) -> tuple[dict[str, Any], msgspec.Struct] | None:
        """What `item` was before: the one with its id, or (a subvolume has none) with the same things in it."""
        ids = _ids(item)
        for raw, record, their_ids in self._listed:
            if type(record) is type(item) and ids & their_ids:
                return raw, record
        return None


def _merge(new: dict[str, Any], record: msgspec.Struct, raw: dict[str, Any], old: msgspec.Struct, before: _Before) -> dict[str, Any]:
    """`new` (= `record` as JSON) plus the keys of `raw` (= `old` as JSON) that are no fields of it."""
    known = {name for name, _ in _fields(old)}
    merged = {key: value for key, value in raw.items() if key not in known} | new
    was = dict(_fields(old))
    for name, value in _fields(record):
        if isinstance(value, msgspec.Struct) and isinstance(earlier := was.get(name), msgspec.Struct):
            merged[name] = _merge(new[name], value, raw[name], earlier, before)
        elif isinstance(value, tuple) and name in new:
            merged[name] = [_merge_item(data, item, before) for data, item in zip(new[name], value, strict=True)]
    return merged


def _merge_item(data: Any, item: Any, before: _Before) -> Any:
    twin = before.twin(item) if isinstance(item, msgspec.Struct) else None
    return data if twin is None else _merge(data, item, *twin, before)


def _fields(record: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """(key in JSON, value) of every field."""
    return ((key, getattr(record, name)) for key, name in zip(record.__struct_encode_fields__, record.__struct_fields__, strict=True))


def _ids(record: msgspec.Struct) -> frozenset[str]:
    """The ids by which a record in a list is known: its own, or those of what it holds."""
    own = getattr(record, "id", None)
    if isinstance(own, str):
        return frozenset((own,))
    held = (item for _, value in _fields(record) if isinstance(value, tuple) for item in value if isinstance(item, msgspec.Struct))
    return frozenset(i for item in held for i in _ids(item))


class Reader(Protocol):
    """What plans read the state through."""

    def get(self, key: str) -> Versioned | None: ...

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> list[tuple[str, Versioned]]: ...


class View:
    """The state as records.

    Decoding is remembered by (key, modified) in `cache`, which the owner may share between views; it is emptied when it
    grows past `CACHE_MAX`.
    """

    CACHE_MAX = 20_000

    def __init__(self, reader: Reader, cache: dict[str, tuple[int, Record]] | None = None) -> None:
        self.reader = reader
        self._cache = {} if cache is None else cache

    def cluster(self) -> Cluster | None:
        return self._record(CLUSTER, Cluster)

    def peer(self, peer_id: str) -> Peer | None:
        return self._record(peer_key(peer_id), Peer)

    def peers(self) -> list[Peer]:
        return self._records(PEERS, Peer)

    def volume(self, name: str) -> Volume | None:
        return self._record(volume_key(name), Volume)

    def volumes(self) -> list[Volume]:
        return self._records(VOLUMES, Volume)

    def brick_claims(self, peer_id: str) -> dict[str, BrickClaim]:
        """path -> claim of every brick on the peer."""
        prefix = brick_prefix(peer_id)
        return {key[len(prefix) :]: self._decoded(key, item, BrickClaim) for key, item in self.reader.list(prefix)}

    def global_options(self) -> Mapping[str, str]:
        record = self._record(GLOBAL_OPTIONS, GlobalOptions)
        return record.options if record else {}

    def lock(self, name: str) -> Lock | None:
        return self._record(lock_key(name), Lock)

    def host(self, peer_id: str) -> str:
        """The name by which others know a peer; its id when it isn't in the pool."""
        peer = self.peer(peer_id)
        return peer.hostname if peer else peer_id

    def find_peer(self, text: str) -> Peer | None:
        """A peer by id, name, hostname or address (HOST or HOST:PORT); None when that isn't exactly one."""
        found = self.find_peers(text)
        return found[0] if len(found) == 1 else None

    def find_peers(self, text: str) -> list[Peer]:
        """All peers that `text` may mean: those with that id, else that name, else that address, else that host."""
        if (peer := self.peer(text)) is not None:
            return [peer]
        peers = self.peers()
        names: tuple[Callable[[Peer], Iterable[str]], ...] = (
            lambda p: (p.name, p.hostname),
            lambda p: (*p.addresses, *p.client_addresses),
            lambda p: map(host_of, (*p.addresses, *p.client_addresses)),
        )
        return next((found for of in names if (found := [p for p in peers if text in of(p)])), [])

    def find_owner(self, text: str) -> Peer | None:
        """The peer of a brick that is there already: also by a name that it had before it moved, when nobody has that now."""
        if found := self.find_peers(text):
            return found[0] if len(found) == 1 else None
        had = [p for p in self.peers() if text in p.former]
        return had[0] if len(had) == 1 else None

    def _record(self, key: str, type_: type[R]) -> R | None:
        item = self.reader.get(key)
        return None if item is None else self._decoded(key, item, type_)

    def _records(self, prefix: str, type_: type[R]) -> list[R]:
        return [self._decoded(key, item, type_) for key, item in self.reader.list(prefix)]

    def _decoded(self, key: str, item: Versioned, type_: type[R]) -> R:
        cached = self._cache.get(key)
        if cached is not None and cached[0] == item.modified and isinstance(cached[1], type_):
            return cached[1]
        record = load(key, item.value, type_)
        if len(self._cache) >= self.CACHE_MAX:
            self._cache.clear()
        self._cache[key] = (item.modified, record)
        return record


def host_of(address: str) -> str:
    """
    >>> host_of("10.0.0.1:24008"), host_of("[::1]:24008"), host_of("node1")
    ('10.0.0.1', '::1', 'node1')
    """
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.rpartition(":")[0] if address.count(":") == 1 else address
