"""Generated files: written, or compared with what is there. This file must not know what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def differing(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Names of the files that are missing or have another text."""
    return sorted(name for name, text in files.items() if _read(folder / name) != text)


def write(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Names of those that were changed."""
    changed = differing(folder, files)
    for name in changed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name])
    return changed


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
