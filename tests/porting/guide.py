"""Code blocks of the porting guide, taken from the files that they name: `python tests/porting/guide.py` writes them anew.

A block is marked `<!-- file: PATH -->` (the whole file) or `<!-- file: PATH: NAME, NAME -->` (these top-level definitions of it).
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "porting-guide.md"
BLOCK = re.compile(r"^(<!-- file: (?P<file>[^\s:]+)(?:: (?P<names>[^>]+?))? -->\n```\w*\n)(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def render(text: str) -> str:
    """The guide with every block as its file is now."""
    return BLOCK.sub(lambda m: f"{m[1]}{code(m['file'], m['names'])}```", text)


def code(file: str, names: str | None) -> str:
    source = (ROOT / file).read_text()
    if names is None:
        return source
    found = {name: ast.get_source_segment(source, node) or "" for node in ast.parse(source).body for name in names_of(node)}
    return "\n...\n".join(found[name.strip()] for name in names.split(",")) + "\n"


def names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [t.id for t in node.targets if isinstance(t, ast.Name)] if isinstance(node, ast.Assign) else []


if __name__ == "__main__":
    GUIDE.write_text(render(GUIDE.read_text()))
