"""heketi's endpoints for its keepers: the dump, check and copy of its data base (ours is the pool's state), modes, log levels; and what is not offered."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from gd2raft.core import devices, heketi, model
from gd2raft.core.devices import hex_of
from gd2raft.rest.call import Call
from gd2raft.rest.exports import FILE_TYPE, Exports
from gd2raft.rest.heketi import shapes
from gd2raft.rest.heketi.bodies import ModeRequest, parse
from gd2raft.rest.heketi.texts import Invalid, NotOffered, json_reply
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import Endpoint

NO_BLOCK = "block volumes are not offered: gluster-block is no part of this daemon"
KINDS = ("clusters", "nodes", "devices", "volumes", "bricks", "blockvolumes", "pendingoperations")
TOLD_MAX = 1000
"""Inconsistencies that are written out."""


async def dump(call: Call) -> Reply:
    return json_reply(tables(call))


def tables(call: Call) -> dict[str, Any]:
    """The state as heketi's tables have it. Never passwords of volumes."""
    view, cluster_id = call.view(), call.api.cluster_id()
    volumes = [shapes.volume(view, volume, cluster_id) for volume in view.volumes()]
    found = devices.all_devices(view)
    return {
        "clusterentries": {hex_of(cluster_id): {"Info": shapes.cluster(view, cluster_id, call.api.peer_id)}},
        "volumeentries": {volume.id: {"Info": volume} for volume in volumes},
        "brickentries": {brick.id: {"Info": brick, "State": 1} for volume in volumes for brick in volume.bricks},
        "nodeentries": {
            hex_of(p.id): {"Info": {"id": hex_of(p.id), "hostname": p.hostname}, "State": "online"} for p in shapes.nodes(view)
        },
        "deviceentries": {each.id: {"Info": shapes.device(view, each), "NodeId": hex_of(each.peer_id)} for each in found},
        "blockvolumeentries": {},
        "dbattributeentries": {},
        "pendingoperations": {o.id: {"Id": o.id, "Type": o.kind} for o in heketi.operations(view) if o.outcome is heketi.Outcome.PENDING},
    }


async def examine(call: Call) -> Reply:
    """The state against what runs: `report` has every difference, in words."""
    view = call.view()
    drift = [text for _, text in inconsistencies(view)]
    online = call.api.online()
    drift += [f"node {hex_of(p.id)} ({p.hostname}) is not in sight" for p in view.peers() if p.id not in online]
    for volume in view.volumes():
        if volume.state is model.VolumeState.STARTED:
            drift += [text async for text in offline(call, view, volume)]
    return json_reply({"heketidb": tables(call), "clusters": [], "report": drift})


async def offline(call: Call, view: model.View, volume: model.Volume) -> AsyncIterator[str]:
    facts = await call.api.brick_facts(volume)
    for brick in volume.bricks():
        known = facts.get(brick.id)
        if known is None or not known.online:
            why = "its node does not answer" if known is None else known.error or "it does not run"
            yield f"brick {hex_of(brick.id)} of volume {volume.name} on {view.host(brick.peer_id)}:{brick.path} is offline: {why}"


async def check(call: Call) -> Reply:
    """Whether the books agree: every placed brick has its space, every space its brick, and no device is given away twice."""
    view = call.view()
    problems = inconsistencies(view)
    bad = Counter(kind for kind, _ in problems)
    counts = {
        "clusters": 1,
        "nodes": len(shapes.nodes(view)),
        "devices": len(devices.all_devices(view)),
        "volumes": len(view.volumes()),
        "bricks": sum(1 for volume in view.volumes() for _ in volume.bricks()),
        "blockvolumes": 0,
        "pendingoperations": sum(1 for o in heketi.operations(view) if o.outcome is heketi.Outcome.PENDING),
    }
    body: dict[str, Any] = {
        kind: {
            "ok": max(0, counts[kind] - bad[kind]),
            "pending": 0,
            "notok": bad[kind],
            "inconsistencies": [text for found, text in problems if found == kind][:TOLD_MAX],
        }
        for kind in KINDS
    }
    return json_reply({**body, "totalinconsistencies": len(problems)})


def inconsistencies(view: model.View) -> list[tuple[str, str]]:
    """(kind, what is wrong)."""
    found: list[tuple[str, str]] = []
    placed = {(b.device, hex_of(b.id)): v.name for v in view.volumes() for b in v.with_joining().bricks() if b.device}
    held = {(d.id, hex_of(s.brick)): s for d in devices.all_devices(view) for s in devices.spaces(view, d.id)}
    working = bool(view.reader.list(model.TRANSACTIONS, limit=1))
    for (device, brick), volume in placed.items():
        if (device, brick) not in held:
            found.append(("bricks", f"brick {brick} of volume {volume} has no space of device {device}"))
    for (device, brick), space in held.items():
        if not space.leaving and (device, brick) not in placed and not working:  # else a command may be about to use it
            found.append(("devices", f"space of brick {brick} on device {device} belongs to no volume"))
    for each in devices.all_devices(view):
        if (used := devices.used(devices.spaces(view, each.id))) > each.size:
            found.append(("devices", f"device {each.id} of {each.size} bytes has given {used} away"))
        if view.peer(each.peer_id) is None:
            found.append(("devices", f"device {each.id} belongs to peer {each.peer_id}, which is not in the pool"))
    return found


async def get_mode(call: Call) -> Reply:
    return json_reply(shapes.ModeBody(state=heketi.settings(call.view()).mode))


async def set_mode(call: Call) -> Reply:
    wanted = parse(ModeRequest, await call.body(any_type=True)).state
    if wanted == "local-client":
        raise NotOffered("mode local-client is not offered: every peer serves clients from anywhere, or none (read-only)")
    if wanted not in [mode.value for mode in heketi.Mode]:
        raise Invalid(f"state: {wanted[:40]!r} is not a mode (normal, read-only)")
    await change_settings(call, mode=heketi.Mode(wanted))
    return Reply(status=204)


async def change_settings(call: Call, **changes: Any) -> heketi.Settings:
    view = call.view()
    item = view.reader.get(heketi.SETTINGS)
    changed = msgspec.structs.replace(heketi.settings(view), **changes)
    await call.api.keep(heketi.SETTINGS, changed, item.modified if item is not None else 0)
    return changed


async def get_logging(call: Call) -> Reply:
    return json_reply(shapes.LogLevels(loglevel={"glusterfs": call.api.log_level.lower()}))


def refused(text: str) -> Any:
    async def handle(call: Call) -> Reply:
        raise NotOffered(text)

    return handle


def endpoints(exports: Exports) -> list[Endpoint]:
    async def backup(call: Call) -> Reply:
        reply = await exports.export(call)
        return msgspec.structs.replace(reply, headers={**reply.headers, "Content-Disposition": "attachment; filename=heketi.db"})

    def route(method: str, path: str, name: str, handler: Any, summary: str, **more: Any) -> Endpoint:
        return Endpoint(method=method, path=path, name=name, handler=handler, summary=summary, **more)

    def not_offered(method: str, path: str, name: str, text: str) -> Endpoint:
        return route(method, path, name, refused(text), f"Not offered: {text}.", status=501)

    block = "/blockvolumes"
    return [
        route("GET", "/db/dump", "db-dump", dump, "The state as heketi's tables.", reply=dict[str, Any]),
        route("GET", "/db/check", "db-check", check, "Whether the books of devices and volumes agree.", reply=dict[str, Any]),
        route("GET", "/backup/db", "db-backup", backup, "The pool's whole state, for gd2 cluster restore.", media=FILE_TYPE, errors=(429,)),
        route("GET", "/admin", "mode", get_mode, "normal or read-only.", reply=shapes.ModeBody),
        route(
            "POST",
            "/admin",
            "mode-set",
            set_mode,
            "Let heketi's endpoints change nothing, or let them again.",
            status=204,
            request=ModeRequest,
            errors=(409, 501),
        ),
        route("GET", "/internal/logging", "logging", get_logging, "Level of the daemon's log.", reply=shapes.LogLevels),
        not_offered("POST", "/internal/logging", "logging-set", "the level of the log is loglevel in the daemon's configuration"),
        route("GET", "/internal/state/examine/gluster", "examine", examine, "The state against what runs.", reply=dict[str, Any]),
        not_offered("POST", block, "blockvolume-create", NO_BLOCK),
        not_offered("DELETE", f"{block}/{{id}}", "blockvolume-delete", NO_BLOCK),
        not_offered("POST", f"{block}/{{id}}/expand", "blockvolume-expand", NO_BLOCK),
        not_offered("POST", "/volumes/{id}/block-restriction", "volume-block-restriction", NO_BLOCK),
    ]
