"""Flat keys of GlusterFS's dicts as nested data. PURE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NUMBERED = re.compile(r"(.*?[^0-9])([0-9]+)")
KEYS_MAX = 100_000


def nested(flat: Mapping[str, str]) -> dict[str, Any]:
    """Dots part levels; a name with a number at its end is an item of a list. Numbers become numbers.

    >>> nested({"clientcount": "1", "client0.name": "fuse", "client0.bytesread": "12", "mallinfo.arena": "5"})
    {'clientcount': 1, 'client': [{'name': 'fuse', 'bytesread': 12}], 'mallinfo': {'arena': 5}}
    """
    found: dict[str, Any] = {}
    for key, value in list(flat.items())[:KEYS_MAX]:
        *path, last = key.split(".")
        place = found
        for part in path:
            match = _NUMBERED.fullmatch(part)
            name, number = (match[1], int(match[2])) if match else (part, -1)
            below = place.setdefault(name, {})
            if not isinstance(below, dict):  # a value and a level of one name: the value gives way
                below = place[name] = {}
            place = below if number < 0 else below.setdefault(number, {})
        place[last] = _number(value)
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(k, int) for k in value):
        return [_listed(value[k]) for k in sorted(value)]
    return {str(k): _listed(v) for k, v in value.items()}


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else text
