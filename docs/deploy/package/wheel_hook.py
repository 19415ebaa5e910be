"""Puts into a wheel what is to be copied to / of the machine: man pages, shell completion, the unit, as share/gd2raft/root/. Run by hatchling.

An editable installation has none: it is for people who change the commands.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedFiles(BuildHookInterface[Any]):
    """Made in a folder of its own that lasts as long as the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        sys.path[:0] = [str(root), str(root / "cli"), str(root / "docs/deploy/package")]
        import manual

        self.folder = Path(tempfile.mkdtemp(prefix="gd2-share-"))
        for path, text in manual.files().items():
            made = self.folder / path
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(text)
            build_data["shared_data"][str(made)] = f"share/gd2raft/root/usr/local/share/{path}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "folder"):
            import shutil

            shutil.rmtree(self.folder, ignore_errors=True)
