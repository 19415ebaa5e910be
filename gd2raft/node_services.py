"""The services that a peer has once, for all its volumes: quotad, bitd and scrub. Which are wanted, and their volfiles.

A peer runs them while it has a brick of a started volume with the feature; their volfiles have those volumes (glusterd's have all of the
pool, on every peer: the same, when every peer has bricks). Other options reach them as new volfiles, as they reach clients.
Another graph does not: none of them can take one up while it runs (quotad would listen twice, bitd sign twice). So a digest of the graph
stands in the command line, and the process is replaced when it is another one.
It must not know how processes are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

import gd2volgen
from gd2raft.core import model
from gd2raft.process import ServiceSpec
from gd2raft.sunrpc.api import GetspecReply
from gd2volgen.description import Description

PREFIX = "gluster/"
BITD, SCRUB = "gluster/bitd", "gluster/scrub"
QUOTAD = "gluster/quotad"
"""A machine has one: its bricks find it by a socket whose path is compiled into GlusterFS."""
_PLACED = ("option remote-host ", "option remote-subvolume ", "option brick-count ")

Describe = Callable[[model.Volume], Description]


class Service(msgspec.Struct, frozen=True):
    """`option`: of a volume that has had the feature at some time. `needed`: whether a volume has it now."""

    name: str
    option: str
    needed: Callable[[Description], bool]
    volfile: Callable[[Sequence[Description]], str]
    extra: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        return self.name.removeprefix(PREFIX)


TIMER = ("--global-timer-wheel",)
SERVICES = (
    Service(QUOTAD, "features.quota", gd2volgen.needs_quotad, gd2volgen.quotad_volfile),
    Service(BITD, "features.bitrot", gd2volgen.needs_bitd, gd2volgen.bitd_volfile, TIMER),
    Service(SCRUB, "features.bitrot", gd2volgen.needs_bitd, gd2volgen.scrub_volfile, TIMER),
)
"""(bitd signs files, scrub compares them with their signatures.)"""


def wanted(volumes: Iterable[model.Volume], describe: Describe, host: str, port: int) -> list[ServiceSpec]:
    """`volumes`: the started ones with bricks on this peer."""
    volumes = list(volumes)
    specs = []
    for service in SERVICES:
        if text := volfile_of(service, volumes, describe):
            specs.append(
                ServiceSpec(
                    name=service.name,
                    process_name=service.short,
                    host=host,
                    port_of_daemon=port,
                    log_file=f"{service.short}.log",
                    xlator_options=(f"@graph.digest={graph_digest(text)}",),
                    extra=service.extra,
                )
            )
    return specs


def volfile_of(service: Service, volumes: Iterable[model.Volume], describe: Describe) -> str:
    """ "" when no volume needs it."""
    needing = [d for d in map(describe, (v for v in volumes if service.option in v.options)) if service.needed(d)]
    return service.volfile(needing) if needing else ""


def reply(key: str, volumes: Iterable[model.Volume], describe: Describe) -> GetspecReply | None:
    """To GETSPEC of a key that begins with PREFIX."""
    for service in SERVICES:
        if service.name == key and (text := volfile_of(service, volumes, describe)):
            return GetspecReply(text, {}, key)
    return None


def names_for(volume: model.Volume) -> list[str]:
    """Services that follow from this volume's options, wanted or not."""
    return [service.name for service in SERVICES if service.option in volume.options]


def graph_digest(volfile: str) -> str:
    """Of the xlators, how they hang together, and which bricks they are about; other options left out."""
    lines = (line.strip() for line in volfile.splitlines())
    kept = [line for line in lines if not line.startswith("option ") or line.startswith(_PLACED)]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]
