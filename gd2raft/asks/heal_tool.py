"""GlusterFS's own glfsheal, a client that looks at every entry of the indices under AFR's locks, and can settle a split-brain.

Run on the peer that was asked: it reaches the bricks over the network, so no other peer is concerned. It is given its volfile as a
file, so it needs no glusterd and no socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Any

from gd2raft.asks.ask import Answer, AskFailed, Here
from gd2raft.asks.heal_report import PENDING, SPLIT_BRAIN, report_of
from gd2raft.core import model

PLACES = (
    "/usr/lib/*/glusterfs/glfsheal",
    "/usr/libexec/glusterfs/glfsheal",
    "/usr/lib/glusterfs/glfsheal",
    "/usr/local/libexec/glusterfs/glfsheal",
)
LOG_FOLDER = "/var/log/glusterfs"
"""Compiled into the tool."""
TIMEOUT_S = 20.0
OUTPUT_BYTES_MAX = 8 << 20


async def info(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"bricks": [...], "late": bool}: `of` "" (all entries), "info-summary" or "split-brain-info". `late`: it did not end in time, and
    these are the bricks that it had got to; the last one has no status when it was still looking at it."""
    of = str(arguments["of"])
    code, text = await run(here, volume, [of] if of else [])
    late = code is None
    bricks = report_of(text.rpartition("\n")[0] if late else text, listed=SPLIT_BRAIN if of == "split-brain-info" else PENDING)
    if not bricks and not late:
        raise AskFailed(f"glfsheal ended with {code}: {text.strip()[:500] or 'no output'}")
    return {"bricks": bricks, "late": late}


async def settle(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """Settle a split-brain: `words` of glfsheal. {"done": whether, "message": what it says}."""
    code, text = await run(here, volume, [str(word) for word in arguments["words"]])
    if code is None:
        raise AskFailed(f"glfsheal did not end within {TIMEOUT_S:g} s: are enough bricks online?")
    return {"done": code == 0, "message": text.strip()}


async def run(here: Here, volume: model.Volume, words: list[str]) -> tuple[int | None, str]:
    """Its exit code (None: it did not end in time) and output. Raises AskFailed."""
    program = next((found for place in PLACES for found in sorted(glob(place))), None)
    if program is None:
        raise AskFailed("glfsheal is not installed on this peer (Debian: glusterfs-server)")
    with _volfile(here, volume) as volfile:
        return await _run([*by_lines(), program, volume.name, *words, "volfile-path", str(volfile)])


@contextlib.contextmanager
def _volfile(here: Here, volume: model.Volume) -> Any:
    """For us alone: it has the credentials of trusted clients."""
    here.rundir.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix="heal-", suffix=".vol", dir=here.rundir)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(here.volfile(volume))
        yield Path(name)
    finally:
        os.unlink(name)


def by_lines() -> list[str]:
    """Have it write each line at once, so that what it has found is known when it takes too long."""
    return ["stdbuf", "-oL"] if shutil.which("stdbuf") else []


async def _run(command: list[str]) -> tuple[int | None, str]:
    with contextlib.suppress(OSError):
        os.makedirs(LOG_FOLDER, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    parts: list[bytes] = []
    code: int | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await _read(process.stdout, parts)
            code = await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return code, b"".join(parts).decode(errors="replace")


async def _read(stream: asyncio.StreamReader, parts: list[bytes]) -> None:
    size = 0
    while chunk := await stream.read(1 << 16):
        size += len(chunk)
        if size > OUTPUT_BYTES_MAX:
            raise AskFailed(f"glfsheal lists more than {OUTPUT_BYTES_MAX >> 20} MiB of entries: ask for the summary instead")
        parts.append(chunk)
