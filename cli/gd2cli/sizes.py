"""Sizes as people write them: 20GiB, 512MB, 1.5T. PURE. Units count in 1024s, as gluster's do."""

from __future__ import annotations

import re

from gd2cli.words import WordError

SIZE_MAX = 909 << 40
"""The API takes numbers of 15 digits."""
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}


def parse_size(what: str, text: str) -> int:
    """Bytes, at least 1. Raises WordError.

    >>> parse_size("size", "20GiB"), parse_size("size", "1.5k"), parse_size("size", "7")
    (21474836480, 1536, 7)
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s?([KMGTP]?)(?:I?B)?", text, re.IGNORECASE | re.ASCII)
    number = int(float(found[1]) * UNITS[found[2].upper()]) if found else 0
    if number < 1:
        raise WordError(f"{what} {text!r} is not a size", "for example 20GiB")
    if number > SIZE_MAX:
        raise WordError(f"{what} {text!r} is too large", "at most 909TiB")
    return number
