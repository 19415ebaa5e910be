"""volume label: a short text on every brick of a volume, so that whoever finds the disk knows what it is. PURE."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.core import model, plan
from gd2raft.core.plan import Arguments, Command, Ids, Plan, Refused, Request, Route, StepKind, View

LABEL_BYTES_MAX = 200


class LabelBrick(Arguments, frozen=True, kw_only=True):
    """What the step gets: small, plain data."""

    volume_id: str
    path: str
    label: str


LABEL_BRICK = StepKind("gd2-label.label-brick", LabelBrick, undoable=True, timeout_s=30)


class VolumeLabel(Request, frozen=True, kw_only=True):
    volume: str
    label: str


def plan_label(view: View, request: VolumeLabel, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    if not 0 < len(request.label.encode()) <= LABEL_BYTES_MAX:
        raise Refused(f"a label has 1 to {LABEL_BYTES_MAX} bytes, not {len(request.label.encode())}", code="bad-label")
    label = tuple(
        LABEL_BRICK.at(brick.peer_id, LabelBrick(volume_id=volume.id, path=brick.path, label=request.label)) for brick in volume.bricks()
    )
    labelled = msgspec.structs.replace(volume, metadata={**volume.metadata, "label": request.label})
    return Plan(
        locks=(f"volume/{volume.name}",),
        before=(label,),
        changes=(plan.put(view, model.volume_key(volume.name), labelled),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-label",
    request=VolumeLabel,
    plan=plan_label,
    route=Route("POST", "/v1/volumes/{volume}/label", 200, "volume"),
    summary="Write a label on every brick of a volume.",
)
