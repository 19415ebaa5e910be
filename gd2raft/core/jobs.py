"""Jobs: long work that peers do by themselves (rebalance, emptying bricks), as records. PURE.

A Job says who works at what; each of its peers adds how its part ended (one Progress per peer, so that a thousand peers don't
contend for one record). What is under way is not stored: it is asked of the peers. A volume has at most one job that counts, its
latest, named in Volume.job.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from gd2raft.core import model
from gd2raft.core.model import Record

JOBS = "jobs/"
RESULTS = "job-results/"
COMMIT_HASHES = 1 << 31
"""A commit hash is a positive number below this; DHT marks folders with it, so that it knows a layout of an earlier rebalance."""


class Kind(enum.Enum):
    REBALANCE = "rebalance"
    REMOVE_BRICK = "remove-brick"


class Phase(enum.Enum):
    """What administrators want of it."""

    WANTED = "wanted"
    STOPPED = "stopped"
    COMMITTED = "committed"


class How(enum.Enum):
    """glusterfs's rebalance command."""

    PLAIN = 1
    FIX_LAYOUT = 4
    FORCE = 5


class Status(enum.Enum):
    """Of one peer's part, or of all of it."""

    WAITING = "waiting"
    RUNNING = "in progress"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    COMMITTED = "committed"
    UNKNOWN = "unknown"


ENDED = (Status.STOPPED, Status.COMPLETED, Status.FAILED)


class Job(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`peers`: whose processes work at it. `bricks`: ids of those that are being emptied. `started`: epoch seconds."""

    id: str
    kind: Kind
    volume: str
    volume_id: str
    how: How
    commit_hash: int
    peers: tuple[str, ...]
    started: float
    bricks: tuple[str, ...] = ()
    phase: Phase = Phase.WANTED


class Progress(Record, frozen=True, kw_only=True, omit_defaults=True):
    """How far one peer is, as its process counts. Sizes in bytes, times in seconds. `note`: why it is as it is, when that isn't plain.
    `last_error`: how the process ended last, while it doesn't run."""

    status: Status
    files: int = 0
    size: int = 0
    lookups: int = 0
    failures: int = 0
    skipped: int = 0
    run_time_s: int = 0
    time_left_s: int = 0
    note: str = ""
    last_error: str = ""

    def plus(self, earlier: Progress) -> Progress:
        """With what an earlier run of the same part has moved; failures count anew in each run."""
        return msgspec.structs.replace(
            self, files=self.files + earlier.files, size=self.size + earlier.size, run_time_s=self.run_time_s + earlier.run_time_s
        )


def job_key(job_id: str) -> str:
    return JOBS + job_id


def result_key(job_id: str, peer_id: str) -> str:
    return f"{RESULTS}{job_id}/{peer_id}"


def find(view: model.View, job_id: str) -> Job | None:
    item = view.reader.get(job_key(job_id)) if job_id else None
    return None if item is None else model.load(job_key(job_id), item.value, Job)


def of_volume(view: model.View, volume: model.Volume) -> Job | None:
    """Its latest job."""
    return find(view, volume.job)


def results(view: model.View, job: Job) -> dict[str, Progress]:
    """Peer id -> how its part ended, of the peers that have said so."""
    found = {}
    for peer_id in job.peers:
        key = result_key(job.id, peer_id)
        if (item := view.reader.get(key)) is not None:
            found[peer_id] = model.load(key, item.value, Progress)
    return found


def overall(job: Job, parts: Mapping[str, Progress]) -> Status:
    """Status of the whole, from what is known of its parts (peer id -> progress).

    >>> job = Job(id="j", kind=Kind.REBALANCE, volume="v", volume_id="i", how=How.PLAIN, commit_hash=1, peers=("a", "b"), started=0.0)
    >>> overall(job, {"a": Progress(status=Status.COMPLETED)})
    <Status.RUNNING: 'in progress'>
    """
    if job.phase is Phase.COMMITTED:
        return Status.COMMITTED
    if job.phase is Phase.STOPPED:
        return Status.STOPPED
    statuses = [parts[p].status if p in parts else Status.RUNNING for p in job.peers]
    for status in (Status.FAILED, Status.STOPPED):
        if status in statuses and all(s in ENDED for s in statuses):
            return status
    return Status.COMPLETED if all(s is Status.COMPLETED for s in statuses) else Status.RUNNING


def under_way(view: model.View, volume: model.Volume) -> Job | None:
    """The job of the volume that processes still work at, as far as the state knows."""
    job = of_volume(view, volume)
    return job if job is not None and overall(job, results(view, job)) is Status.RUNNING else None


def next_commit_hash(now: float, before: Job | None) -> int:
    """Another one than the last; from the clock, eight in a second."""
    fresh = int(now * 8) % (COMMIT_HASHES - 2) + 1
    return fresh if before is None or before.commit_hash != fresh else fresh % (COMMIT_HASHES - 2) + 1


def commit_hash_again(first: int, times: int) -> int:
    """Of a process that is run again because an earlier one did not see all directories: by it the end of either is told from the other's.
    Far from any that the clock gives within a year.

    >>> [commit_hash_again(77, n) for n in (0, 1)]
    [77, 268435534]
    """
    return (first + times * (COMMIT_HASHES // 8)) % (COMMIT_HASHES - 2) + 1 if times else first
