"""Volume options: find one by the name that a user gave, check a value, tell the default.

PURE. The table is an argument (gd2volgen keeps it, the daemon brings it), so nothing here knows a single option by heart.
It must not know how values end up in volfiles, nor who asks.
A value is stored as it was given: volfiles carry it verbatim, and GlusterFS reads it in its own way.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from gd2raft.core.option_values import ValueRefused, check_value, integer, truth

VolumeType = Literal["distribute", "replicate", "disperse"]
VALUE_BYTES_MAX = 4096
NAME_CHARS_MAX = 255
FIPS = "storage.fips-mode-rchecksum"
GRANULAR_HEAL = "cluster.granular-entry-heal"


class OptionRefused(ValueError):
    """An option or value that can't be set; the text says what is allowed, or which command to use."""


class Option(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """One option; the head of options.toml explains each field."""

    name: str
    type: str = "any"
    values: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    default: str = ""
    value: str | None = None
    targets: tuple[str, ...] = ()
    scope: Literal["volume", "pool"] = "volume"
    only: VolumeType | None = None
    op_version: int = 1
    set_by: str = ""
    needs: str = ""
    excludes: tuple[str, ...] = ()
    overruled_by: str = ""
    never_reset: bool = False
    force: bool = False
    client: bool = False
    documented: bool = True
    help: str = ""


class OptionTable(msgspec.Struct, frozen=True):
    """All options by full name, in the order in which they are applied; and the groups of options that come with GlusterFS."""

    options: Mapping[str, Option]
    groups: Mapping[str, Mapping[str, str]] = {}


def find(table: OptionTable, name: str) -> Option:
    """The option that `name` means: its full name, or (a name without a dot) the part after its first dot if only one option ends so.

    Raises OptionRefused, with the candidates or what may have been meant.
    """
    if name in table.options:
        return table.options[name]
    candidates = [full for full in table.options if "." not in name and full.split(".", 1)[-1] == name]
    if len(candidates) == 1:
        return table.options[candidates[0]]
    if candidates:
        raise OptionRefused(f"option {_shown(name)} is ambiguous: it may be {_listed(candidates)}; give the full name")
    raise OptionRefused(f"option {_shown(name)} does not exist{_suggestion(table, name)}")


def validate(option: Option, value: str, volume_type: VolumeType | None = None, op_version: int | None = None, replicas: int = 0) -> str:
    """The value to store for this option: the given one, untouched. Raises OptionRefused saying what is allowed.

    `volume_type` is None for options of the whole pool; `replicas` is the replica count, or 0 where it doesn't matter.
    """
    _check_scope(option, volume_type)
    if option.set_by:
        raise OptionRefused(f"option {option.name} is not set by hand, but by {option.set_by!r}")
    if op_version is not None:
        check_op_version(option, op_version)
    _check_text(option, value)
    try:
        check_value(option.type, value, option.values, option.min, option.max)
    except ValueRefused as error:
        raise OptionRefused(f"option {option.name}: {value!r} {error}") from None
    if option.name == "cluster.quorum-count" and replicas and integer(value) > replicas:
        raise OptionRefused(f"option {option.name}: {value!r} is out of range, allowed is 1 to {replicas}, the replica count")
    return value


def check_op_version(option: Option, op_version: int) -> None:
    """An option of a later GlusterFS than the pool's is not there yet. Raises OptionRefused."""
    if option.op_version > op_version:
        raise OptionRefused(f"option {option.name} needs op-version {option.op_version}, the pool has {op_version}")


def check_together(table: OptionTable, options: Mapping[str, str], changed: Iterable[str]) -> None:
    """Refuse the changed options that others forbid: one that needs another to be on, excludes it, or has no say beside it.

    `options` is what the volume will have; only `changed` names are checked. Raises OptionRefused.
    """
    for name in changed:
        option = table.options.get(name)
        if option is None:
            continue
        if option.needs and not is_on(table, options, option.needs):
            raise OptionRefused(f"option {name} needs {option.needs} to be on: enable that first")
        on = [other for other in option.excludes if is_on(table, options, other)]
        if on and is_on(table, options, name):
            raise OptionRefused(f"option {name} can't be on together with {on[0]}: switch that off first")
        if option.overruled_by and is_on(table, options, option.overruled_by):
            raise OptionRefused(
                f"option {name} has no effect while {option.overruled_by} is on: switch that off first, or leave this one out"
            )
        idle = [other for other in options if other in table.options and table.options[other].overruled_by == name]
        if idle and is_on(table, options, name):
            raise OptionRefused(f"option {name} can't be on while {idle[0]} is set, which it overrules: reset that first")


def is_on(table: OptionTable, options: Mapping[str, str], name: str) -> bool:
    """Whether a boolean option is on, by the volume's options or else its default."""
    value = options.get(name)
    option = table.options.get(name)
    if value is None and option is not None:
        value = option.value if option.value is not None else option.default
    return truth(value or "") is True


def default_of(option: Option, volume_type: VolumeType | None = None, replicas: int = 0) -> str:
    """What `volume get` shows when nobody set the option ("(null)" where GlusterFS has none)."""
    if option.name == "cluster.quorum-type":
        return "auto" if volume_type == "replicate" and replicas != 2 else "none"
    if option.name == "performance.client-io-threads":
        return "off" if volume_type == "replicate" else "on"
    return option.default if option.value is None else option.value


def defaults_on_create(volume_type: VolumeType) -> dict[str, str]:
    """The options that a new volume of this type starts with."""
    options = {FIPS: "on", "transport.address-family": "inet", "nfs.disable": "on"}
    if volume_type == "replicate":
        options |= {GRANULAR_HEAL: "on", "performance.client-io-threads": "off"}
    return options


def restored_on_reset(volume_type: VolumeType, ever_started: bool) -> dict[str, str]:
    """Of those, what a reset brings back (seen): client-io-threads is given once, on create; granular-entry-heal until the first start."""
    left = {"performance.client-io-threads", *([GRANULAR_HEAL] if ever_started else [])}
    return {name: value for name, value in defaults_on_create(volume_type).items() if name not in left}


def reset_keeps(option: Option, force: bool) -> bool:
    """Whether `volume reset` without a name leaves this option alone; force clears protected ones, never the never-reset ones."""
    return option.never_reset or (option.force and not force)


def is_user_option(name: str) -> bool:
    """`user.NAME` is free: it is stored for whoever reads it, and no xlator sees it (except `user.xlator.`)."""
    return name.startswith("user.") and len(name) > len("user.")


def resolve(table: OptionTable, name: str, value: str, volume_type: VolumeType | None = None, **bounds: int) -> tuple[str, str]:
    """Full name and value to store for what a user typed, `user.*` included. Raises OptionRefused."""
    if is_user_option(name):
        user_option = Option(name=name)
        _check_text(user_option, value)
        if len(name) > NAME_CHARS_MAX or any(char.isspace() or not char.isprintable() for char in name):
            raise OptionRefused(f"option {_shown(name)}: a name has at most {NAME_CHARS_MAX} characters and no spaces")
        return name, value
    option = find(table, name)
    return option.name, validate(option, value, volume_type, **bounds)


def _check_scope(option: Option, volume_type: VolumeType | None) -> None:
    if option.scope == "pool" and volume_type is not None:
        raise OptionRefused(f"option {option.name} is not valid for a single volume: set it for all volumes")
    if option.scope == "volume" and volume_type is None:
        raise OptionRefused(f"option {option.name} is not valid for all volumes: set it on each volume")
    if option.only and volume_type is not None and volume_type != option.only:
        raise OptionRefused(f"option {option.name} is for {option.only} volumes, and this is a {volume_type} volume")


def _check_text(option: Option, value: str) -> None:
    if not value.strip():
        raise OptionRefused(f"option {option.name}: the value is empty")
    if len(value.encode()) > VALUE_BYTES_MAX:
        raise OptionRefused(f"option {option.name}: the value has more than {VALUE_BYTES_MAX} bytes")
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise OptionRefused(f"option {option.name}: the value has line breaks or control characters")
    if goes_into_volfiles(option.name) and (bad := unsafe_in_volfile(value)):
        raise OptionRefused(f"option {option.name}: the value has {bad}, which volfiles can't carry")


def goes_into_volfiles(name: str) -> bool:
    return not is_user_option(name) or name.startswith("user.xlator.")


def unsafe_in_volfile(text: str) -> str:
    """What a volfile can't carry in a word, "" when it can. GlusterFS reads words unquoted, and runs what is in backticks as a command.

    >>> unsafe_in_volfile("a`reboot`"), unsafe_in_volfile("64MB")
    ("'`'", '')
    """
    for char in '`"\\':
        if char in text:
            return repr(char)
    if any(char.isspace() for char in text):
        return "white space"
    return "'#' at its start" if text.startswith("#") else ""


def _suggestion(table: OptionTable, name: str) -> str:
    near = difflib.get_close_matches(name[:NAME_CHARS_MAX], table.options, n=3, cutoff=0.75)
    if not near and "." not in name:
        short = {full.split(".", 1)[-1]: full for full in table.options}
        near = [short[match] for match in difflib.get_close_matches(name[:NAME_CHARS_MAX], short, n=3, cutoff=0.75)]
    return f"; did you mean {_listed(near)}?" if near else ""


def _listed(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _shown(name: str) -> str:
    return repr(name if len(name) <= NAME_CHARS_MAX else name[:NAME_CHARS_MAX] + "...")
