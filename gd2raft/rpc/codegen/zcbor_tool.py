"""zcbor, the generator of C codecs from CDDL: installed into a folder of its own, and run there.

It needs an older cbor2 than the daemon has, so it shares nothing with the daemon's packages; versions and hashes are in zcbor.lock.
The codecs that it writes need its C library, which lies in the same folder. This file must not know messages.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

LOCK = Path(__file__).with_name("zcbor.lock")
INSTALL_S, RUN_S = 300.0, 120.0
UNBOUNDED_MAX = 64
"""For zcbor's --default-max-qty; every list of ours has its own limit."""
_RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from zcbor import main; sys.exit(main())"


class ZcborError(Exception):
    """It can't be installed, or refuses what it was given."""


def version() -> str:
    """What distinguishes its output: the locked versions."""
    return next(line.split()[0] for line in LOCK.read_text().splitlines() if line.startswith("zcbor=="))


def place(tools: Path) -> Path:
    return tools / f"zcbor-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}-py{sys.version_info.major}{sys.version_info.minor}"


def installed(tools: Path) -> Path:
    """The folder that has it, which is made when it is missing (with pip, from the package index). ZcborError."""
    folder = place(tools)
    if folder.exists():
        return folder
    tools.mkdir(parents=True, exist_ok=True)
    with (tools / "zcbor.wait").open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)  # tests run in parallel
        if not folder.exists():
            _install(tools, folder)
    return folder


def _install(tools: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=tools) as scratch:
        made = Path(scratch) / "made"
        words = ["--quiet", "--no-input", "--disable-pip-version-check", "--root-user-action=ignore", "--no-deps", "--require-hashes"]
        done = _run([sys.executable, "-m", "pip", "install", *words, "--target", str(made), "-r", str(LOCK)], INSTALL_S)
        if done.returncode:
            raise ZcborError(f"{version()} can't be installed into {folder}: {done.stderr.strip()[-600:]}")
        os.rename(made, folder)


def library(folder: Path) -> Path:
    """The folder with zcbor's include/ and src/."""
    return folder / "zcbor"


def generate(folder: Path, cddl: str, rules: Sequence[str], stem: str) -> dict[str, str]:
    """Codecs in both directions for the rules: file name -> text. ZcborError."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / f"{stem}.cddl"
        source.write_text(cddl)
        out = ["--oc", f"{stem}.c", "--oh", f"{stem}.h", "--oht", f"{stem}_types.h"]
        words = ["code", "-c", source.name, "-d", "-e", "-b", "64", "-s", "--dq", str(UNBOUNDED_MAX), *out, "-t", *rules]
        done = _run([sys.executable, "-I", "-S", "-c", _RUN, str(folder.resolve()), *words], RUN_S, scratch)
        if done.returncode:
            raise ZcborError(f"zcbor refuses the messages: {done.stderr.strip()[-1000:]}")
        return {path.name: path.read_text() for path in sorted(Path(scratch).glob(f"{stem}_*.[ch]"))}


def _run(words: Sequence[str], timeout_s: float, folder: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ZcborError(f"{shutil.which(words[0])} took longer than {timeout_s:g} s") from error


if __name__ == "__main__":
    try:
        installed(Path(sys.argv[1]))
    except ZcborError as error:
        sys.exit(str(error))
