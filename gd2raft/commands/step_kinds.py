"""The steps that our commands use: names and arguments. What they do on a peer is in gd2raft/steps."""

from __future__ import annotations

from gd2raft.core.plan import Arguments, StepKind


class PrepareBrick(Arguments, frozen=True, kw_only=True):
    """Check a path and make it a brick of the volume: folder, volume-id mark, .glusterfs/indices.

    `force`: allow the root partition and mount points, and create the folder (glusterd's `force`). `empty`: nothing may be in the
    folder, whatever else is allowed: the brick is to be filled by self-heal, which would trust what it finds. `keep`: but a folder
    that is marked as this volume's brick is taken as it is. `provisioned`: it lies in a file system that was made for it, below the daemon's
    own folder. `gid`: the group that the folder is for, 0 for nobody's.
    """

    volume: str
    volume_id: str
    path: str
    force: bool = False
    create_folder: bool = True
    allow_root: bool = False
    allow_mount: bool = False
    reuse: bool = False
    empty: bool = False
    keep: bool = False
    provisioned: bool = False
    gid: int = 0


class CheckBrick(Arguments, frozen=True, kw_only=True):
    """Check that the path still is the brick of this volume (folder and volume-id mark). `forced`: a brick may be lost, but not another volume's."""

    volume: str
    volume_id: str
    path: str
    forced: bool = False


class HoldBrick(Arguments, frozen=True, kw_only=True):
    """Stop the process of a brick, and keep it stopped until the transaction is over."""

    volume: str
    path: str


class BlameBrick(Arguments, frozen=True, kw_only=True):
    """Have the other copies remember that the brick `<volume>-client-<index>` lacks everything, so that self-heal fills it.

    `path`: of the new, empty folder on this peer. `others_min`: how many other bricks of its set (their client indices) must serve.
    """

    volume: str
    path: str
    index: int
    subvolume: str
    others: list[int]
    others_min: int
    replicate: bool


class KeepHealing(Arguments, frozen=True, kw_only=True):
    """Let self-heal on this peer go on until nothing is left to heal; returns at once."""

    volume: str


class FollowVolume(Arguments, frozen=True, kw_only=True):
    """Make processes and clients of this peer follow the committed state of the volume; fails while one doesn't run.

    `bricks`: paths of those that are waited for, whichever peer they are on; None: all. What is down already is none of the business
    of a command that is about others. A job's process is always waited for.
    """

    volume: str
    bricks: list[str] | None = None


class InvitePeer(Arguments, frozen=True, kw_only=True):
    """Ask the daemon at `address` to join this pool; undo takes it back."""

    address: str
    peer_id: str


class DismissPeer(Arguments, frozen=True, kw_only=True):
    """Tell a peer that it isn't a member any more."""

    address: str
    peer_id: str


class BrickOnline(Arguments, frozen=True, kw_only=True):
    """Check that the process of this brick runs and has signed in. `healed`: and that no other copy waits to be healed from it."""

    volume: str
    path: str
    healed: bool = False


class BrickEmptied(Arguments, frozen=True, kw_only=True):
    """Check that no file is left on a brick that was emptied."""

    volume: str
    path: str


class MarkReplica(Arguments, frozen=True, kw_only=True):
    """Mark on a good copy (the brick `path`) that the `clients` (Volume.pending_name) have nothing yet.

    `lasting`: an undo leaves the mark, because it may have been there before; a brick that lacks nothing is compared once, no more.
    """

    volume: str
    path: str
    clients: list[str]
    lasting: bool = False


class LeaveBrick(Arguments, frozen=True, kw_only=True):
    """Let clients go from a brick that has left its volume, then end its process."""

    volume: str
    path: str


class StopJob(Arguments, frozen=True, kw_only=True):
    """Wait until the process of a job that is not wanted any more has ended."""

    volume: str
    job: str


class SetLimit(Arguments, frozen=True, kw_only=True):
    """Give a directory of the mounted volume a limit, or (`value` empty) take it away.

    `name`: limit-set (bytes) or limit-objects; `value`: as the quota xlator stores it, in hex. `gone`: the directory is not there any
    more, and must not be.
    """

    volume: str
    gfid: str
    path: str
    name: str
    value: str = ""
    gone: bool = False


class LimitRoot(Arguments, frozen=True, kw_only=True):
    """Give the root of a new brick the limits that the volume's root has. `attributes`: name -> value in hex."""

    volume: str
    path: str
    attributes: dict[str, str]


class SetUpDevice(Arguments, frozen=True, kw_only=True):
    """Make a disk (lvm) or folder (loop) a device of this peer; undo makes it what it was. `size`: of a loop device, 0: what is free.

    Facts: size, extent, mounts (core.devices.Device).
    """

    provisioner: str
    device: str
    path: str
    size: int = 0


class MeasureDevice(Arguments, frozen=True, kw_only=True):
    """How large a device is now. `asked`: what it was to have, 0: all. Fails when that is less than the bytes `held` by bricks.

    Facts: size.
    """

    provisioner: str
    device: str
    path: str
    asked: int = 0
    held: int = 0


class DropDevice(Arguments, frozen=True, kw_only=True):
    """A device has left the pool: nothing of ours stays on it."""

    provisioner: str
    device: str
    path: str


class MakeStorage(Arguments, frozen=True, kw_only=True):
    """Make and mount the file system of a new brick; undo takes all of it away. `brick`: id in hex. Bytes: core.devices.Space."""

    provisioner: str
    device: str
    device_path: str
    brick: str
    mount: str
    size: int
    pool: int
    metadata: int = 0
    arbiter: bool = False


class FreezeStorage(Arguments, frozen=True, kw_only=True):
    """Let the file system of a brick stand still for some seconds; undo lets it go. `brick`: id in hex."""

    brick: str
    mount: str


class CloneStorage(MakeStorage, frozen=True, kw_only=True):
    """Make the file system of a new brick as a copy of that of the brick `source` (id in hex), which stands still (FreezeStorage)."""

    source: str


class FreeStorage(Arguments, frozen=True, kw_only=True):
    """Take apart what bricks had that are gone from their volumes. `spaces`: keys of the records, which the peer deletes then."""

    spaces: list[str]


class RunHooks(Arguments, frozen=True, kw_only=True):
    """Run the scripts that an administrator put before this operation (core.hooks); one that fails or hangs changes nothing."""

    operation: str
    volume: str
    options: list[str] = []


PREPARE_BRICK = StepKind(
    "brick.prepare", PrepareBrick, undoable=True, timeout_s=30, left="folder {path} stays marked as a brick of volume {volume}"
)
CHECK_BRICK = StepKind(
    "brick.check", CheckBrick, undoable=True, timeout_s=30, traceless=True, missed="brick {path} was not looked at before"
)
HOLD_BRICK = StepKind(
    "brick.hold",
    HoldBrick,
    undoable=True,
    timeout_s=40,
    missed="the process of brick {path} was not ended before",
    left="brick {path} may still be kept from running",
)
BLAME_BRICK = StepKind(
    "brick.blame",
    BlameBrick,
    undoable=True,
    timeout_s=60,
    left="the other copies may still note that a brick of volume {volume} lacks everything",
)
KEEP_HEALING = StepKind(
    "volume.heal",
    KeepHealing,
    timeout_s=10,
    missed="self-heal of volume {volume} was not kept going there; it looks by itself every ten minutes",
)
FOLLOW_VOLUME = StepKind(
    "volume.follow",
    FollowVolume,
    timeout_s=40,
    missed="not all of its processes and clients follow the change of volume {volume} yet; it sees to that by itself as soon as it can",
)
INVITE_PEER = StepKind("peer.invite", InvitePeer, undoable=True, timeout_s=20, left="{address} may still take itself for a member")
ADMIT_PEER = StepKind("peer.admit", InvitePeer, undoable=True, timeout_s=45, left="{address} may still take itself for a member")
WELCOME_PEER = StepKind("peer.welcome", InvitePeer, timeout_s=30, missed="{address} was not seen to follow the pool yet; it goes on trying")
DISMISS_PEER = StepKind(
    "peer.dismiss", DismissPeer, timeout_s=10, missed="{address} was not told that it left the pool; it learns of it when it asks a peer"
)
BRICK_ONLINE = StepKind("brick.online", BrickOnline, undoable=True, timeout_s=15, traceless=True)
BRICK_EMPTIED = StepKind("brick.emptied", BrickEmptied, undoable=True, timeout_s=60, traceless=True)
MARK_REPLICA = StepKind(
    "replica.mark", MarkReplica, undoable=True, timeout_s=30, left="brick {path} may still note that copies lack everything"
)
FILL_REPLICA = StepKind(
    "replica.fill",
    MarkReplica,
    timeout_s=50,
    missed="the new copies of brick {path} are not being filled yet; self-heal looks by itself every ten minutes",
)
LEAVE_BRICK = StepKind(
    "brick.leave",
    LeaveBrick,
    timeout_s=40,
    missed="brick {path}, which has left volume {volume}, may still be served; its daemon ends that when it runs",
)
STOP_JOB = StepKind(
    "job.stop",
    StopJob,
    timeout_s=40,
    missed="the process of the job on volume {volume} was not seen to end; its daemon ends it when it runs",
)
SET_LIMIT = StepKind(
    "quota.limit", SetLimit, undoable=True, timeout_s=50, left="directory {path} of volume {volume} may have the new limit"
)
LIMIT_ROOT = StepKind("quota.root", LimitRoot, timeout_s=30, missed="brick {path} has not got the limits of the volume's root")
RUN_HOOKS = StepKind(
    "hooks.run", RunHooks, undoable=True, timeout_s=60, traceless=True, missed="the scripts for before {operation} were not run there"
)
SET_UP_DEVICE = StepKind("device.setup", SetUpDevice, undoable=True, timeout_s=60, left="{path} may still be set up as a device")
MEASURE_DEVICE = StepKind("device.measure", MeasureDevice, undoable=True, timeout_s=60, traceless=True)
DROP_DEVICE = StepKind("device.drop", DropDevice, timeout_s=60, missed="what is ours on {path} may still be there")
MAKE_STORAGE = StepKind(
    "storage.make", MakeStorage, undoable=True, timeout_s=60, left="storage for a brick on {device_path} may still be there"
)
FREEZE_STORAGE = StepKind(
    "storage.freeze", FreezeStorage, undoable=True, timeout_s=40, left="{mount} may stand still for some seconds more"
)
COPY_STORAGE = StepKind(
    "storage.copy", CloneStorage, undoable=True, timeout_s=30, left="storage for a brick on {device_path} may still be there"
)
THAW_STORAGE = StepKind(
    "storage.thaw", CloneStorage, undoable=True, timeout_s=60, left="storage for a brick on {device_path} may still be there"
)
FREE_STORAGE = StepKind(
    "storage.free", FreeStorage, timeout_s=60, missed="the space of removed bricks is not free yet; its daemon frees it when it runs"
)
