"""bitrot enable: files are signed some time after they were last written, and scrubbed: read again and compared with their signatures."""

from __future__ import annotations

import msgspec

from gd2raft.commands import bitrot, lookup
from gd2raft.commands.volume_start import follow_on_peers
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Refused, Request, Route, View


class BitrotEnable(Request, frozen=True, kw_only=True):
    volume: str


def plan_enable(view: View, request: BitrotEnable, ids: Ids) -> Plan:
    volume = lookup.started_volume(view, request.volume)
    if bitrot.is_on(volume):
        raise Refused(f"bitrot of volume {volume.name} is already enabled", hint="there is nothing to do", code="already-so")
    updated = msgspec.structs.replace(volume, options={**volume.options, bitrot.ON: "on", bitrot.SCRUB: bitrot.ACTIVE})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), updated),),
        after=(follow_on_peers(volume),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="bitrot-enable",
    request=BitrotEnable,
    plan=plan_enable,
    route=Route("POST", "/v1/volumes/{volume}/bitrot/enable", 200, "volume"),
    summary="Sign the files of a volume, and compare them with their signatures from time to time.",
)
