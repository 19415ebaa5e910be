"""dist/gd2raft-VERSION.tar: the wheel of this checkout, those of all that it depends on in the locked versions, and the script that installs them.

    .venv/bin/python docs/deploy/package/bundle.py [FILE]

The same content gives the same bytes, so a checksum tells whether anything has changed. The wheels are for the Python and the processor of
this machine. Wheels of dependencies are fetched once for each lock file, and kept in .dev/wheels.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements.lock"
INSTALL = ROOT / "docs/deploy/package/install"
KEPT = ROOT / ".dev" / "wheels"
LOCKED = ROOT / ".dev" / "bundle.lock"
PIP = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--use-pep517"]
BUILD_S = 900.0
POLL_S = 0.1


def normal(name: str) -> str:
    """As PyPI compares names.

    >>> normal("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str, found: set[str]) -> set[str]:
    """What an installation of `name` brings along, by the metadata of what is installed in this environment."""
    for line in distribution(name).requires or []:
        wanted = Requirement(line)
        if (wanted.marker is None or wanted.marker.evaluate({"extra": ""})) and normal(wanted.name) not in found:
            found.add(normal(wanted.name))
            needed(wanted.name, found)
    return found


def locked(names: set[str]) -> str:
    """The lock file's entries for `names`: a line with the name, and the indented lines after it."""
    entries = re.findall(r"^\S.*\n(?:[ ].*\n)*", LOCK.read_text(), re.M)
    return "".join(entry for entry in entries if normal(re.split(r"[=\[ ;]", entry, maxsplit=1)[0]) in names)


def dependencies() -> list[Path]:
    requirements = locked(needed("gd2raft", set()))
    folder = KEPT / hashlib.sha256(f"{sys.version_info[:2]} {requirements}".encode()).hexdigest()[:16]
    if not folder.exists():
        print("bundle: fetching the locked wheels (once)", file=sys.stderr)
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        (KEPT / "requirements.txt").write_text(requirements)
        new = KEPT / "new"
        run([*PIP, "--require-hashes", "--wheel-dir", str(new), "-r", str(KEPT / "requirements.txt")])
        new.rename(folder)
    return sorted(folder.glob("*.whl"))


def own_wheel(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    run([*PIP, "--wheel-dir", str(folder), str(ROOT)])
    return next(folder.glob("gd2raft-*.whl"))


def run(words: list[str]) -> None:
    if subprocess.run(words, cwd=ROOT, timeout=BUILD_S).returncode:
        raise SystemExit("bundle: pip could not make the wheels: see above (no network? then set PIP_INDEX_URL or HTTPS_PROXY)")


@contextmanager
def alone(path: Path = LOCKED, wait_s: float = BUILD_S) -> Iterator[None]:
    """One bundle at a time: they share the folders of wheels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + wait_s
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise SystemExit(f"bundle: another one has held {path} for {wait_s:.0f} s: is it stuck?") from None
                time.sleep(POLL_S)
        yield


def pack(wheels: list[Path], target: Path) -> None:
    """Replaced at once, when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    names = "".join(f"{wheel.name}\n" for wheel in wheels).encode()
    files = {"install": (INSTALL.read_bytes(), 0o755), "wheels.txt": (names, 0o644)} | {w.name: (w.read_bytes(), 0o644) for w in wheels}
    new = target.with_suffix(".new")
    with tarfile.open(new, "w") as tar:
        for name, (data, mode) in files.items():
            member = tarfile.TarInfo(f"gd2raft-{version('gd2raft')}/{name}")
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    new.replace(target)


def main(words: list[str]) -> None:
    if len(words) > 1 or words[:1] == ["--help"]:
        raise SystemExit("usage: ./dev bundle [FILE]")
    target = Path(words[0]) if words else ROOT / "dist" / f"gd2raft-{version('gd2raft')}.tar"
    with alone():
        wheels = [*dependencies(), own_wheel(ROOT / ".dev" / "wheel")]
        pack(wheels, target)
    print(f"bundle: {target}: {len(wheels)} wheels for Python {sys.version_info.major}.{sys.version_info.minor}")


if __name__ == "__main__":
    main(sys.argv[1:])
