"""What the quota commands have in common: finding the volume, reading sizes, and limits as the quota xlator stores them. PURE."""

from __future__ import annotations

import struct

from gd2raft.commands import lookup
from gd2raft.commands.step_kinds import LIMIT_ROOT, LimitRoot
from gd2raft.core import model, plan, quotas
from gd2raft.core.option_values import SIZE_UNITS, ValueRefused, size_bytes
from gd2raft.core.plan import Refused, View
from gd2raft.core.quotas import Bound

ROOT_GFID = "00000000-0000-0000-0000-000000000001"
PREFIX = "trusted.glusterfs.quota."
USAGE, OBJECTS = "limit-set", "limit-objects"


def quota_volume(view: View, name: str) -> model.Volume:
    """A started volume with quota on."""
    volume = lookup.started_volume(view, name)
    if not quotas.is_on(volume):
        raise Refused(f"quota of volume {volume.name} is disabled", hint=f"gd2 volume quota {volume.name} enable", code="quota-disabled")
    return volume


def check_path(path: str) -> str:
    """The path in the volume, without a slash at its end. Raises Refused.

    >>> check_path("/a/b/"), check_path("/")
    ('/a/b', '/')
    """
    parts = path.split("/")
    if not path.startswith("/") or "." in parts or ".." in parts or not path.isprintable():
        raise Refused(f"{path[:300]!r} is not an absolute path", hint="the path in the volume: / is its root", code="bad-path")
    if len(path.encode()) > quotas.PATH_BYTES_MAX:
        raise Refused(f"the path has more than {quotas.PATH_BYTES_MAX} bytes", code="bad-path")
    return "/" + "/".join(part for part in parts if part)


def bytes_of(text: str) -> int:
    """A size from 1 byte on; raises Refused. Parts of a byte are dropped, as glusterd does.

    >>> bytes_of("1.5MB")
    1572864
    """
    try:
        size = size_bytes(text)
    except ValueRefused:
        raise Refused(
            f"size {text[:60]!r} is not a size", hint=f"a number, and {', '.join(u.upper() for u in SIZE_UNITS if u)}", code="bad-size"
        ) from None
    if not 1 <= size <= quotas.HARD_MAX:
        raise Refused(f"size {text[:60]!r} is out of range", hint="1 byte or more, below 8 EB", code="bad-size")
    return int(size)


def bound(hard: int, soft: int) -> Bound:
    """`soft`: percent. Raises Refused."""
    if not 1 <= hard <= quotas.HARD_MAX:
        raise Refused(f"{hard} is out of range", hint=f"1 to {quotas.HARD_MAX}", code="bad-size")
    if not quotas.SOFT_DEFAULT <= soft <= 100:
        raise Refused(f"{soft}% is not a soft limit", hint="0 to 100 percent of the hard limit", code="bad-soft-limit")
    return Bound(hard=hard, soft=soft)


def encoded(value: Bound) -> str:
    """The extended attribute, in hex: two 64-bit numbers.

    >>> encoded(Bound(hard=1 << 30))
    '0000000040000000ffffffffffffffff'
    """
    return struct.pack(">qq", value.hard, value.soft).hex()


def limit_roots(view: View, volume: model.Volume, bricks: list[model.Brick]) -> tuple[plan.Barrier, ...]:
    """Steps for new bricks: DHT copies limits to them with each directory, except that of the root, which is there already (seen)."""
    root = quotas.find(view, volume.name, ROOT_GFID) if quotas.is_on(volume) else None
    if root is None:
        return ()
    bounds = {USAGE: root.usage, OBJECTS: root.objects}
    attributes = {f"{PREFIX}{name}.{volume.quota_version}": encoded(value) for name, value in bounds.items() if value}
    return (tuple(LIMIT_ROOT.at(b.peer_id, LimitRoot(volume=volume.name, path=b.path, attributes=attributes)) for b in bricks),)


def default_soft_limit(volume: model.Volume) -> float:
    """Percent."""
    text = volume.options.get(quotas.SOFT_LIMIT, quotas.SOFT_LIMIT_DEFAULT)
    return float(text.strip().removesuffix("%"))


def without_settings(stored: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in stored.items() if name not in (*quotas.SETTINGS, quotas.DEEM_STATFS)}
