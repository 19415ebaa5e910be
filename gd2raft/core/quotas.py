"""Limits of directories: which directories of a volume have one, as records. PURE.

What is enforced is on the bricks: each directory with a limit has it in an extended attribute, which the quota xlator reads. The records
say which directories that are (by gfid: a directory may be renamed), so that they can be listed, and what was asked for. They lie in
up to 256 buckets by the first two digits of the gfid, so that no value grows large, and deleting them all fits into one plan.

Keys:
    quota/VOLUME/XX     QuotaLimits;    guard key: quota
"""

from __future__ import annotations

from collections.abc import Iterable

from gd2raft.core import model, plan
from gd2raft.core.model import Record

BUCKET_MAX = 64
"""Limits of one bucket: with gfids as random as they are, some 10 000 of a volume before the first bucket is full."""
PATH_BYTES_MAX = 4095
HARD_MAX = (1 << 63) - 1
SOFT_DEFAULT = -1
"""In place of a percentage: the volume's features.default-soft-limit."""

ON = "features.quota"
INODES_ON = "features.inode-quota"
DEEM_STATFS = "features.quota-deem-statfs"
SOFT_LIMIT = "features.default-soft-limit"
SOFT_LIMIT_DEFAULT = "80%"
SETTINGS = (SOFT_LIMIT, "features.soft-timeout", "features.hard-timeout", "features.alert-time")


class Bound(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`hard`: bytes, or files and directories. `soft`: percent of it, from which on it is logged and checked more often."""

    hard: int
    soft: int = SOFT_DEFAULT


class QuotaLimit(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`id`: gfid of the directory. `path`: where it was when the limit was set."""

    id: str
    path: str
    usage: Bound | None = None
    objects: Bound | None = None


class QuotaLimits(Record, frozen=True, kw_only=True, omit_defaults=True):
    limits: tuple[QuotaLimit, ...] = ()


def bucket_key(volume: str, gfid: str) -> str:
    """
    >>> bucket_key("v1", "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b")
    'quota/v1/8f'
    """
    return f"{model.QUOTAS}{volume}/{gfid[:2]}"


def bucket(view: model.View, volume: str, gfid: str) -> tuple[QuotaLimit, ...]:
    key = bucket_key(volume, gfid)
    item = view.reader.get(key)
    return () if item is None else model.load(key, item.value, QuotaLimits).limits


def limits(view: model.View, volume: str) -> list[QuotaLimit]:
    """All of a volume, by path."""
    items = view.reader.list(f"{model.QUOTAS}{volume}/")
    found = [limit for key, item in items for limit in model.load(key, item.value, QuotaLimits).limits]
    return sorted(found, key=lambda limit: limit.path)


def find(view: model.View, volume: str, gfid: str) -> QuotaLimit | None:
    return next((limit for limit in bucket(view, volume, gfid) if limit.id == gfid), None)


def changed(view: model.View, volume: str, limit: QuotaLimit) -> plan.Change:
    """`limit` in the place of what the directory had; one without any bound is taken out."""
    others = tuple(each for each in bucket(view, volume, limit.id) if each.id != limit.id)
    kept = (*others, limit) if limit.usage or limit.objects else others
    key = bucket_key(volume, limit.id)
    return plan.put(view, key, QuotaLimits(limits=kept)) if kept else plan.delete(key)


def forgotten(view: model.View, volume: str) -> Iterable[plan.Change]:
    """Changes that take all limits of a volume out of the state."""
    return tuple(plan.delete(key) for key, _ in view.reader.list(f"{model.QUOTAS}{volume}/"))


def is_on(volume: model.Volume) -> bool:
    return volume.options.get(ON) == "on"
