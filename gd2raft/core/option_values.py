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
SIZE_MAX = 2.0**64

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_REAL = rf"(?:{_NUMBER}(?:e[+-]?[0-9]{{1,3}})?|[+-]?0x[0-9a-f]+)"
_PERCENT = re.compile(_REAL, re.IGNORECASE)
_PERCENT_OR_SIZE = re.compile(rf"({_REAL})\s*([a-z]*)", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)", re.IGNORECASE)
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.IGNORECASE)
_TIME = re.compile(rf"\+?({_INTEGER.pattern.removeprefix('[+-]?')})\s*([a-z]*)", re.IGNORECASE)
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
    return _bytes(_SIZE.fullmatch(value.strip()) if len(value) <= INTEGER_CHARS_MAX else None)


def _bytes(match: re.Match[str] | None) -> float:
    """Of a number and a unit."""
    unit = SIZE_UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None or not 0 <= (number := _real(match[1])) <= SIZE_MAX / unit:
        raise ValueRefused("is not a valid size: a number, and KB, MB, GB, TB or PB")
    return float(int(number * unit))


def _real(text: str) -> float:
    """A number as C reads it: with an exponent, or hexadecimal."""
    return float(int(text, 16)) if "x" in text.lower() else float(text)


def _bool(value: str, _: Range) -> None:
    if truth(value) is None:
        raise ValueRefused("is not a valid boolean, allowed are on, yes, true, enable, 1, off, no, false, disable, 0")


def integer(value: str) -> int:
    """A decimal, 0x hexadecimal or 0 octal number, as C reads it. Raises ValueRefused."""
    text = value.strip()
    if not _INTEGER.fullmatch(text) or len(value) > INTEGER_CHARS_MAX:
        raise ValueRefused("is not a valid integer")
    digits = text.lstrip("+-")
    return int(text, 16 if "x" in text.lower() else 8 if digits.startswith("0") else 10)


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


def percentage(value: str) -> float:
    """0 to 100, as a number that may have a % behind it. Raises ValueRefused."""
    text = value.strip().removesuffix("%")
    if len(text) > INTEGER_CHARS_MAX or not _PERCENT.fullmatch(text) or not 0 <= _real(text) <= 100:
        raise ValueRefused("is not a valid percentage, allowed is 0% to 100%")
    return _real(text)


def _percent(value: str, _: Range) -> None:
    percentage(value)


def _percent_or_size(value: str, allowed: Range) -> None:
    """Up to 100 a number is a percentage, beyond it a number of bytes."""
    text = value.strip()
    if text.endswith("%"):
        return _percent(text, allowed)
    match = _PERCENT_OR_SIZE.fullmatch(text) if len(text) <= INTEGER_CHARS_MAX else None
    number, unit = (_real(match[1]), match[2].lower()) if match else (-1.0, "")
    if number.is_integer() and 0 <= number <= 100 and not unit:
        return None
    if match and (unit == "b" or (unit and "." in match[1]) or not number.is_integer()):
        raise ValueRefused("is neither a percentage from 0% to 100% nor a size: a whole number, and KB, MB, GB, TB or PB")
    try:
        return _in_range(_bytes(match), allowed)
    except ValueRefused as error:
        raise ValueRefused(f"is neither a percentage from 0% to 100% nor a size in its range (as a size it {error})") from None


def _size(value: str, allowed: Range) -> None:
    _in_range(size_bytes(value), allowed)


def _time(value: str, allowed: Range) -> None:
    match = _TIME.fullmatch(value.strip()) if len(value) <= INTEGER_CHARS_MAX else None
    if match is None or match[2] not in TIME_UNITS_S:
        raise ValueRefused("is not a valid time: a number, and s, m, h, d or w, in lower case")
    _in_range(integer(match[1]) * TIME_UNITS_S[match[2]], allowed)


def _path(value: str, _: Range) -> None:
    if not value.startswith("/") or "../" in value:
        raise ValueRefused("is not an absolute path without ../ in it")


def _dot_name(value: str, _: Range) -> None:
    if not re.fullmatch(r"\.[^/\s]+", value) or value == "..":
        raise ValueRefused("is not valid: it must start with a dot, and have no slash or space")


def _addresses(value: str, _: Range) -> None:
    """A list of addresses, names or patterns of addresses; `/dir(a|b)` gives those of a sub-directory. A comma too many does no harm."""
    parts = re.split(r",(?![^(]*\))", value)
    for part in [p for p in parts if p.strip()] or [""]:
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
