"""A bash that a test types into, command by command, as a user does into a terminal; and the comparison of what is printed."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

BIN = Path(os.environ.get("GD2_BIN") or Path(sys.executable).parent)
COMMAND_S = 90.0
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
JOB = re.compile(r"line \d+: +\d+ (Killed|Terminated) ")


class Said(NamedTuple):
    """`lines`: stdout and stderr together, spaces at the end and the shell's own news of jobs taken off."""

    code: int
    lines: tuple[str, ...]


class Shell:
    """Ended with everything it started in its own session (daemons leave that on purpose: end them by their folder)."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "PATH": f"{BIN}:{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, command: str) -> Said:
        """Type it, wait for its end. AssertionError when it doesn't end."""
        assert self.process.stdin is not None
        end = f"end-{uuid.uuid4()}"
        self.process.stdin.write(f"{command}\nprintf '%s %s\\n' {end} $?\n".encode())
        self.process.stdin.flush()
        text = self._read_until(end, command)
        said, _, code = text.partition(end)
        lines = (line.rstrip() for line in said.splitlines())
        return Said(int(code), tuple(line for line in lines if not JOB.search(line)))

    def _read_until(self, end: str, command: str) -> str:
        stdout = self.process.stdout
        assert stdout is not None
        heard, deadline = b"", time.monotonic() + COMMAND_S
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not (heard.endswith(b"\n") and end.encode() in heard):
                assert selector.select(max(0.0, deadline - time.monotonic())), f"{command!r} did not end; so far: {heard.decode()}"
                data = os.read(stdout.fileno(), 65536)
                assert data, f"bash ended at {command!r}: {heard.decode()}"
                heard += data
        return heard.decode(errors="replace")

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def alike(lines: tuple[str, ...], masks: Mapping[str, str]) -> list[str]:
    """What must be equal of two outputs: ids, and by `masks` (pattern -> placeholder) other things, don't count; nor does the width of columns."""
    text = UUID.sub("ID", "\n".join(lines))
    for pattern, placeholder in masks.items():
        text = re.sub(pattern, placeholder, text, flags=re.M)
    return [" ".join(line.split()) for line in text.splitlines()]
