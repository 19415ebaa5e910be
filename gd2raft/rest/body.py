"""JSON bodies into requests: decoded once, everything doubtful refused with the place where it is. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from gd2raft.core.plan import Refused

INTEGER_DIGITS_MAX = 15
"""More can't be counts or sizes, and would not survive other JSON readers."""

Q = TypeVar("Q")


class BadBody(Refused):
    """The body (or what the path adds to it) isn't a request of this kind."""

    code = "bad-request"


class _Doubtful(Exception):
    pass


def decode_object(body: bytes) -> dict[str, Any]:
    """A JSON object; an empty body is {}. Raises BadBody: not JSON, not UTF-8, too deep, a name twice, a huge number."""
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)  # strict, and says the byte
        value = json.loads(body, object_pairs_hook=_pairs, parse_int=_integer, parse_float=_number)
    except msgspec.ValidationError:
        raise BadBody("unable to parse the request: a number is too large") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBody(
            f"unable to parse the request: {error}", hint="a JSON object in UTF-8 is expected", fields={"position": _position(error)}
        ) from None
    except RecursionError:
        raise BadBody("unable to parse the request: it is nested too deeply") from None
    except (_Doubtful, ValueError) as error:
        raise BadBody(f"unable to parse the request: {error}") from None
    if not isinstance(value, dict):
        raise BadBody("unable to parse the request: a JSON object is expected", hint='for example {"name": "v1"}')
    return value


def to_request(type_: type[Q], given: Mapping[str, Any]) -> Q:
    """Raises BadBody that names the field: unknown, missing, or of a wrong type."""
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        field = path.strip("`")
        raise BadBody(f"unable to use the request: {error}", fields={"field": field or message.partition("`")[2].rstrip("`")}) from None
    except RecursionError:
        raise BadBody("unable to use the request: it is nested too deeply") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Doubtful(f"field {twice[:100]!r} is given twice")
    return found


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > INTEGER_DIGITS_MAX:
        raise _Doubtful(
            f"the number {digits[:30]}{'...' if len(digits) > 30 else ''} is too large, at most {INTEGER_DIGITS_MAX} digits are possible"
        )
    return int(digits)


def _number(text: str) -> int | float:
    """3.0 is a whole number, as JSON Schema has it, which the API is described in.

    >>> _number("3.0"), _number("2.5"), _number("1e30")
    (3, 2.5, 1e+30)
    """
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 10**INTEGER_DIGITS_MAX else number


def _position(error: Exception) -> str:
    text = str(error)
    return text.partition("(byte ")[2].rstrip(")") if "(byte " in text else ""
