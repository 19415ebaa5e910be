"""Numbers with their nouns in messages. PURE."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "brick"), counted(3, "brick")
    ('1 brick', '3 bricks')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")
