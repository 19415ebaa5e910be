"""Statedumps: GlusterFS's processes write down what they are about when they get SIGUSR1."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gd2raft.asks.ask import Answer, Here
from gd2raft.core import model

FOLDER = "/var/run/gluster"
"""Compiled into GlusterFS: where a process looks for what to dump, and where dumps go unless server.statedump-path says otherwise."""
PATH_OPTION = "server.statedump-path"
SECTIONS = ("all", "mem", "iobuf", "callpool", "priv", "fd", "inode", "history")
OPTIONS_READ_S = 1.0


async def dump(here: Here, volume: model.Volume, arguments: Mapping[str, Any]) -> Answer:
    """{"dumps": [{key, pid}], "folder": where}: `what`: any of bricks, shd, quotad; `sections`: some of SECTIONS, none for all."""
    sections = [str(s) for s in arguments.get("sections", ())]
    dumped = []
    for key in _keys(here, volume, arguments["what"]):
        status = here.processes.status(key)
        if not status.pid:
            continue
        options = Path(FOLDER) / f"glusterdump.{status.pid}.options"
        await asyncio.to_thread(_write, options, sections)
        if here.processes.signal(key, signal.SIGUSR1):
            dumped.append({"key": key, "pid": status.pid})
        if sections:
            await asyncio.sleep(OPTIONS_READ_S)  # the process tells nobody when it has read them
            options.unlink(missing_ok=True)
    return {"dumps": dumped, "folder": volume.options.get(PATH_OPTION) or FOLDER}


def _keys(here: Here, volume: model.Volume, what: list[str]) -> Iterator[str]:
    if "bricks" in what:
        yield from (b.path for b in here.bricks(volume))
    if "shd" in what:
        yield f"shd/{volume.name}"
    if "quotad" in what:
        yield "gluster/quotad"


def _write(options: Path, sections: list[str]) -> None:
    os.makedirs(options.parent, exist_ok=True)  # dumps go there too
    if sections:
        options.write_text("".join(f"{section}=yes\n" for section in sections))
