"""volume edit: the metadata that users keep with a volume."""

from __future__ import annotations

import msgspec

from gd2raft.commands import lookup
from gd2raft.commands.volume_create import check_metadata
from gd2raft.core import model, plan
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View


class VolumeEdit(Request, frozen=True, kw_only=True):
    """`metadata` is merged into what is there; with `delete_metadata` its keys are removed."""

    volume: str
    metadata: dict[str, str]
    delete_metadata: bool = False


def plan_edit(view: View, request: VolumeEdit, ids: Ids) -> Plan:
    volume = lookup.volume(view, request.volume)
    metadata = (
        {k: v for k, v in volume.metadata.items() if k not in request.metadata}
        if request.delete_metadata
        else {**volume.metadata, **request.metadata}
    )
    check_metadata({**request.metadata, **metadata})
    return Plan(
        locks=(f"volume/{volume.name}",),
        changes=(plan.put(view, model.volume_key(volume.name), msgspec.structs.replace(volume, metadata=metadata)),),
        result={"volume": volume.name},
    )


COMMAND = Command(
    name="volume-edit",
    request=VolumeEdit,
    plan=plan_edit,
    route=Route("POST", "/v1/volumes/{volume}/edit", 200, "volume"),
    summary="Change the metadata of a volume.",
)
