"""volume barrier: the bricks hold acknowledgements back, as while a volume snapshot is taken, or let them go again."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View

OPTION = "features.barrier"


class VolumeBarrier(Request, frozen=True, kw_only=True):
    """The bricks let go by themselves after features.barrier-timeout."""

    volume: str
    enable: bool


def plan_barrier(view: View, request: VolumeBarrier, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    word = "enable" if request.enable else "disable"
    if volume.options.get(OPTION, "disable") == word:
        raise Refused(f"barrier of volume {volume.name} is already {word}d", hint="there is nothing to do", code="already-so")
    updated = msgspec.structs.replace(volume, options={**volume.options, OPTION: word})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-barrier",
    request=VolumeBarrier,
    plan=plan_barrier,
    route=Route("POST", "/v1/volumes/{volume}/barrier", 200, "volume"),
    summary="Hold acknowledgements of the bricks back, or let them go.",
)
