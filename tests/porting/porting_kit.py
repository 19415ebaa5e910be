"""Running a program to its end."""

from __future__ import annotations

import subprocess


def run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done  # type: ignore[no-any-return]
