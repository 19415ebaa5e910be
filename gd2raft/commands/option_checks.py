"""Values of options that only some volumes can have: what depends on the volume's bricks, which the option table can't say. PURE."""

from __future__ import annotations

from collections.abc import Mapping

from gd2raft.core.model import Volume
from gd2raft.core.option_values import ValueRefused, integer
from gd2raft.core.plan import Refused

READ_SUBVOLUME = "cluster.read-subvolume"
DIRECTORY_SPREAD = "cluster.subvols-per-directory"
DISPERSE_QUORUM = "disperse.quorum-count"
HEAL_TIMEOUT = "cluster.heal-timeout"
DISPERSE_HEAL_TIMEOUT_MIN = 60
USER_XLATOR = "user.xlator."
BELOW_A_USERS_XLATOR = (
    *("posix", "arbiter", "trash", "changelog", "bitrot-stub", "access-control", "locks", "worm", "read-only", "leases", "upcall"),
    *("io-threads", "selinux", "marker", "barrier", "index", "quota", "cdc", "namespace", "sdfs", "io-stats"),
)
"""Where `user.xlator.NAME` can put an xlator: on top of one of these of a brick, whether the volume has it or not."""


def check(volume: Volume, changed: Mapping[str, str]) -> None:
    """`changed`: full names and values, each right for its type. Raises Refused with glusterd's reasons."""
    _check_user_xlators(changed)
    if (name := changed.get(READ_SUBVOLUME)) is not None and name not in (known := clients(volume)):
        raise Refused(
            f"option {READ_SUBVOLUME}: {name[:300]!r} is not a brick's xlator of volume {volume.name}",
            hint=f"one of {', '.join(known[:6])}{', ...' if len(known) > 6 else ''}",
            code="bad-option",
        )
    if (count := number(changed, DIRECTORY_SPREAD)) is not None and count > (subvols := distributed_over(volume)):
        raise Refused(
            f"option {DIRECTORY_SPREAD}: {count} is more than the {subvols} subvolumes of volume {volume.name}", code="bad-option"
        )
    if volume.kind == "disperse" and (seconds := number(changed, HEAL_TIMEOUT)) is not None and seconds < DISPERSE_HEAL_TIMEOUT_MIN:
        raise Refused(
            f"option {HEAL_TIMEOUT}: {seconds} is out of range, a disperse volume takes {DISPERSE_HEAL_TIMEOUT_MIN} or more",
            code="bad-option",
        )
    if volume.kind == "disperse" and (quorum := number(changed, DISPERSE_QUORUM)) is not None:
        low, high = volume.subvols[0].disperse_count - volume.subvols[0].redundancy_count, volume.subvols[0].disperse_count
        if not low <= quorum <= high:
            raise Refused(f"option {DISPERSE_QUORUM}: {quorum} is out of range, this volume takes {low} to {high}", code="bad-option")


def _check_user_xlators(changed: Mapping[str, str]) -> None:
    """`user.xlator.NAME` names a place; `user.xlator.NAME.OPTION` is free."""
    for name, value in changed.items():
        if name.startswith(USER_XLATOR) and "." not in name.removeprefix(USER_XLATOR) and value not in BELOW_A_USERS_XLATOR:
            raise Refused(
                f"option {name[:300]}: {value[:300]!r} is no xlator of a brick that another can be put on",
                hint=f"one of {', '.join(BELOW_A_USERS_XLATOR)}",
                code="bad-option",
            )


def clients(volume: Volume) -> list[str]:
    return [f"{volume.name}-client-{brick.index}" for brick in volume.bricks()]


def distributed_over(volume: Volume) -> int:
    """Subvolumes among which directories are spread."""
    return sum(1 for _ in volume.bricks()) if volume.kind == "distribute" else len(volume.subvols)


def number(changed: Mapping[str, str], name: str) -> int | None:
    try:
        return integer(changed[name]) if name in changed else None
    except ValueRefused:
        return None  # the option table has its say before
