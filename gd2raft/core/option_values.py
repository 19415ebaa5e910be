"""How the values of volume options are read: booleans, numbers, sizes, percents, times, and their ranges.

PURE. The spellings are GlusterFS' own: a value that passes here is one that its xlators accept.
It must not know any option by name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

TRUE_WORDS = frozenset({"on", "yes", "true", "enable", "1"})
FALSE_WORDS = frozenset({"off", "no", "false", "disable", "0"})

SIZE_UNITS = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40, "pb": 1 << 50}
TIME_UNITS_S = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86400, "days": 86400, "w": 604800, "wk": 604800}

INTEGER_CHARS_MAX = 40

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.IGNORECASE)
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"\.?{_LABEL}(\.{_LABEL})*")
_ADDRESS_PATTERN = re.compile(r"\*|(([0-9]{1,3}|\*)\.){1,3}([0-9]{1,3}|\*)|([0-9a-fA-F]{0,4}:){1,7}\*")

Range = tuple[float | None, float | None]


class ValueRefused(ValueError):
    """A value of the wrong form; the text goes on from the value: "is not a valid boolean ..."."""


def truth(value: str) -> bool | None:
    """True or False for the spellings of a boolean, None for anything else."""
    word = value.strip().lower()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None


def check_value(kind: str, value: str, values: Sequence[str], low: float | None, high: float | None) -> None:
    """Refuse a value that is not of this kind, not one of `values` (if any) or out of range. Raises ValueRefused."""
    if value in values:
        return  # as it is written there: xlators compare letter by letter
    if kind == "str-or-int" and value.lower() in values:
        return  # read in any case
    if values and kind != "str-or-int":
        raise ValueRefused(f"is not valid, allowed are {', '.join(values)}")
    if values and not value.strip().isdecimal():
        raise ValueRefused(f"is not valid, allowed are {', '.join(values)} or a number")
    reader = _READERS.get(kind)
    if reader:
        reader(value, (low, high))


def size_bytes(value: str) -> float:
    """Bytes in a size such as 64MB or 4096; a part of a byte is dropped. Raises ValueRefused."""
    match = _SIZE.fullmatch(value.strip())
    unit = SIZE_UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None or float(match[1]) < 0 or len(value) > INTEGER_CHARS_MAX:
        raise ValueRefused("is not a valid size: a number, and KB, MB, GB, TB or PB")
    return float(int(float(match[1]) * unit))


def _bool(value: str, _: Range) -> None:
    if truth(value) is None:
        raise ValueRefused("is not a valid boolean, allowed are on, yes, true, enable, 1, off, no, false, disable, 0")


def integer(value: str) -> int:
    """A decimal or 0x hexadecimal number. Raises ValueRefused."""
    if not re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)", value.strip()) or len(value) > INTEGER_CHARS_MAX:
        raise ValueRefused("is not a valid integer")
    return int(value, 16 if "x" in value.lower() else 10)


def _int(value: str, allowed: Range) -> None:
    try:
        number = integer(value)
    except ValueRefused as error:
        raise ValueRefused(f"{error}{_range_text(allowed)}") from None
    _in_range(number, allowed)


def _double(value: str, allowed: Range) -> None:
    if not re.fullmatch(_NUMBER, value.strip()):
        raise ValueRefused(f"is not a valid number{_range_text(allowed)}")
    _in_range(float(value), allowed)


def _percent(value: str, _: Range) -> None:
    text = value.strip().removesuffix("%")
    if not re.fullmatch(_NUMBER, text) or not 0 <= float(text) <= 100:
        raise ValueRefused("is not a valid percentage, allowed is 0% to 100%")


def _percent_or_size(value: str, allowed: Range) -> None:
    """Up to 100 a number is a percentage, beyond it a number of bytes."""
    text = value.strip()
    if text.endswith("%"):
        return _percent(text, allowed)
    if re.fullmatch(_NUMBER, text) and 0 <= float(text) <= 100 and float(text).is_integer():
        return None
    if (
        len(text) <= INTEGER_CHARS_MAX
        and (match := _SIZE.fullmatch(text))
        and (match[2].lower() == "b" or (match[2] and "." in match[1]) or not float(match[1]).is_integer())
    ):
        raise ValueRefused("is neither a percentage from 0% to 100% nor a size: a whole number, and KB, MB, GB, TB or PB")
    try:
        return _in_range(size_bytes(text), allowed)
    except ValueRefused as error:
        raise ValueRefused(f"is neither a percentage from 0% to 100% nor a size in its range (as a size it {error})") from None


def _size(value: str, allowed: Range) -> None:
    _in_range(size_bytes(value), allowed)


def _time(value: str, allowed: Range) -> None:
    match = re.fullmatch(rf"([0-9]{{1,{INTEGER_CHARS_MAX}}})\s*([a-z]*)", value.strip(), re.IGNORECASE)
    if match is None or match[2] not in TIME_UNITS_S:
        raise ValueRefused("is not a valid time: a number, and s, m, h, d or w, in lower case")
    _in_range(int(match[1]) * TIME_UNITS_S[match[2]], allowed)


def _path(value: str, _: Range) -> None:
    if not value.startswith("/") or "../" in value:
        raise ValueRefused("is not an absolute path without ../ in it")


def _dot_name(value: str, _: Range) -> None:
    if not re.fullmatch(r"\.[^/\s]+", value) or value == "..":
        raise ValueRefused("is not valid: it must start with a dot, and have no slash or space")


def _addresses(value: str, _: Range) -> None:
    """A list of addresses, names or patterns of addresses; `/dir(a|b)` gives those of a sub-directory."""
    for part in re.split(r",(?![^(]*\))", value):
        inside = re.fullmatch(r"/[^()]*\(([^()]*)\)", part.strip())
        for address in re.split(r"[|,]", inside[1]) if inside else [part]:
            if not _is_address(address.strip()):
                raise ValueRefused(
                    f"is not a valid list of addresses: {address.strip()!r} is no address, network of IPv4, host name or pattern such as 10.0.*"
                )


def _is_address(text: str) -> bool:
    """Patterns are of addresses only, and networks of IPv4, as in GlusterFS."""
    try:
        return ipaddress.ip_network(text, strict=False).version == 4 or "/" not in text
    except ValueError:
        return (_HOST.fullmatch(text) or _ADDRESS_PATTERN.fullmatch(text)) is not None


def _in_range(number: float, allowed: Range) -> None:
    low, high = allowed
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueRefused(f"is out of range{_range_text(allowed)}")


def _range_text(allowed: Range) -> str:
    low, high = (None if bound is None else int(bound) if bound == int(bound) else bound for bound in allowed)
    if low is None and high is None:
        return ""
    if high is None:
        return f", allowed is {low} or more"
    return f", allowed is {low} to {high}" if low is not None else f", allowed is at most {high}"


_READERS: dict[str, Callable[[str, Range], None]] = {
    "bool": _bool,
    "int": _int,
    "double": _double,
    "percent": _percent,
    "percent-or-size": _percent_or_size,
    "size": _size,
    "time": _time,
    "path": _path,
    "str-or-int": _int,
    "dot-name": _dot_name,
    "address": _addresses,
    "address-list": _addresses,
}
