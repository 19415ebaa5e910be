"""What a ```console block of a Markdown file says: commands, typed by people, and what they print. Knows nothing of what they mean.

`$ COMMAND` or `# COMMAND` (root's prompt), continued by `> LINE`; other lines are the output of the command above them.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^(?:<!-- *(?P<mark>[\w-]+)[^\n]*-->\n)?(?P<indent> *)```console\n(?P<text>.*?)^(?P=indent)```$", re.S | re.M)


class Step(NamedTuple):
    """A command as bash gets it, and the lines that it should print."""

    command: str
    output: tuple[str, ...]


class Block(NamedTuple):
    """`mark`: first word of the HTML comment right above it; "" for none."""

    mark: str
    steps: tuple[Step, ...]


def blocks(path: Path, after: str = "", before: str = "") -> list[Block]:
    """The blocks of a file, or of its part between two headings; those in lists, too."""
    text = path.read_text()
    start = text.index(after) if after else 0
    end = text.index(before, start + 1) if before else len(text)
    return [Block(found["mark"] or "", steps(textwrap.dedent(found["text"]))) for found in BLOCK.finditer(text[start:end])]


def steps(text: str) -> tuple[Step, ...]:
    """
    >>> steps("$ echo a\\na\\n$ cat <<E\\n> b\\n> E\\nb\\n")
    (Step(command='echo a', output=('a',)), Step(command='cat <<E\\nb\\nE', output=('b',)))
    """
    found: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line[:2] in ("$ ", "# "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return tuple(Step("\n".join(command), tuple(output)) for command, output in found)
