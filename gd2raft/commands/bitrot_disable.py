"""bitrot disable: nothing is signed or scrubbed any more. Signatures stay on the bricks; settings stay for the next enable."""

from __future__ import annotations

import msgspec

from gd2raft.commands import bitrot
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View


class BitrotDisable(Request, frozen=True, kw_only=True):
    volume: str


def plan_disable(view: View, request: BitrotDisable, ids: Ids) -> Plan:
    volume = bitrot.bitrot_volume(view, request.volume)
    updated = msgspec.structs.replace(volume, options={**volume.options, bitrot.ON: "off", bitrot.SCRUB: bitrot.INACTIVE})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="bitrot-disable",
    request=BitrotDisable,
    plan=plan_disable,
    route=Route("POST", "/v1/volumes/{volume}/bitrot/disable", 200, "volume"),
    summary="End signing and scrubbing of a volume.",
)
