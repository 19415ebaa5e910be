"""Text for people: aligned tables, colour on a terminal. PURE: text in, text out; whether there is a terminal is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gd2cli.problems import clean

STYLES = {"good": "32", "bad": "31", "warn": "33", "head": "1"}
GAP = "  "


class Paint:
    """
    >>> Paint(False)("bad", "down"), Paint(True)("head", "x") == chr(27) + "[1mx" + chr(27) + "[0m"
    ('down', True)
    """

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, style: str, text: str) -> str:
        code = STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and code and text else text


class Cell(str):
    """A text with a style."""

    style: str

    def __new__(cls, text: str, style: str = "") -> Cell:
        cell = super().__new__(cls, text)
        cell.style = style
        return cell


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "peer"), counted(0, "volume")
    ('1 peer', '0 volumes')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], paint: Paint) -> str:
    """
    >>> print(table(["Name", "Pid"], [["a", 1]], Paint(False)))
    Name  Pid
    a     1
    """
    body = [[cell if isinstance(cell, Cell) else Cell(shown(cell)) for cell in row] for row in rows]
    lines = [[Cell(h, "head") for h in heads], *body]
    widths = [max(width(clean(line[i])) for line in lines) for i in range(len(heads))]
    return "\n".join(_line(line, widths, paint) for line in lines)


def _line(cells: Sequence[Cell], widths: Sequence[int], paint: Paint) -> str:
    last = len(cells) - 1
    parts = []
    for i, cell in enumerate(cells):
        text = clean(cell)
        padding = "" if i == last else " " * (widths[i] - width(text))
        parts.append(paint(cell.style, text) + padding)
    return GAP.join(parts).rstrip()


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)


def width(text: str) -> int:
    """Columns on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def size(number: Any) -> str:
    """
    >>> size(0), size(1536), size(5 << 30)
    ('0 B', '1.5 KiB', '5.0 GiB')
    """
    value = float(number) if isinstance(number, int | float) else 0.0
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} PiB"
