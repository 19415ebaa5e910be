"""What heketi's clients read: clusters, nodes, devices, volumes, operations. From this peer's own state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gd2raft.core import devices, heketi, model
from gd2raft.core.devices import hex_of
from gd2raft.core.heketi import Outcome
from gd2raft.rest.call import Call
from gd2raft.rest.heketi import shapes
from gd2raft.rest.heketi.texts import TEXT_TYPE, id_not_found, json_reply
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import Endpoint

T = TypeVar("T")


async def hello(call: Call) -> Reply:
    return Reply(body=b"Hello from Heketi", content_type=TEXT_TYPE)


async def list_clusters(call: Call) -> Reply:
    return json_reply(shapes.Clusters(clusters=[hex_of(call.api.cluster_id())]))


async def get_cluster(call: Call) -> Reply:
    check_cluster(call)
    return json_reply(shapes.cluster(call.view(), call.api.cluster_id(), call.api.peer_id))


def check_cluster(call: Call) -> None:
    if call.fields["id"].lower() != hex_of(call.api.cluster_id()):
        raise id_not_found()


async def list_nodes(call: Call) -> Reply:
    return json_reply(shapes.Nodes(nodes=shapes.node_ids(call.view(), call.api.peer_id)))


async def get_node(call: Call) -> Reply:
    return json_reply(node_body(call, await node_of(call)))


def node_body(call: Call, peer: model.Peer) -> shapes.Node:
    return shapes.node(call.view(), peer, call.api.cluster_id())


async def get_device(call: Call) -> Reply:
    return json_reply(shapes.device(call.view(), await device_of(call)))


async def list_volumes(call: Call) -> Reply:
    return json_reply(shapes.Volumes(volumes=shapes.volume_ids(call.view())))


async def get_volume(call: Call) -> Reply:
    return json_reply(shapes.volume(call.view(), await volume_of(call), call.api.cluster_id()))


async def list_blockvolumes(call: Call) -> Reply:
    return json_reply(shapes.BlockVolumes())


async def no_blockvolume(call: Call) -> Reply:
    raise id_not_found()


async def get_operations(call: Call) -> Reply:
    found, online = heketi.operations(call.view()), call.api.online()
    going = [o for o in found if o.outcome is Outcome.PENDING]
    stale = sum(1 for o in going if o.driver not in online)
    return json_reply(shapes.OperationCounts(total=len(going), in_flight=len(going) - stale, stale=stale, new=len(going) - stale))


async def list_pending(call: Call) -> Reply:
    online = call.api.online()
    going = [o for o in heketi.operations(call.view()) if o.outcome is Outcome.PENDING]
    return json_reply(shapes.PendingOperations(pendingoperations=[shapes.pending(o, online) for o in going]))


async def get_pending(call: Call) -> Reply:
    found = heketi.operation(call.view(), call.fields["id"].lower())
    if found is None or found.outcome is not Outcome.PENDING:
        raise id_not_found()
    base = shapes.pending(found, call.api.online())
    return json_reply(
        shapes.PendingDetails(
            id=base.id, type_name=base.type_name, status=base.status, sub_status=base.sub_status, changes=shapes.changes(found)
        )
    )


# finding


async def node_of(call: Call) -> model.Peer:
    identity = heketi.uuid_of(call.fields["id"])
    return await found_in(call, lambda view: next((peer for peer in shapes.nodes(view) if peer.id == identity), None))


async def device_of(call: Call) -> devices.Device:
    return await found_in(call, lambda view: devices.find(view, call.fields["id"].lower()))


async def volume_of(call: Call) -> model.Volume:
    return await found_in(call, lambda view: volume_by_id(view, call.fields["id"]))


def volume_by_id(view: model.View, text: str) -> model.Volume | None:
    identity = heketi.uuid_of(text)
    return next((volume for volume in view.volumes() if volume.id == identity), None) if identity else None


async def found_in(call: Call, find: Callable[[model.View], T | None]) -> T:
    """What isn't in this peer's state is looked for once more when that has all that was acknowledged: another peer may have named it to the
    client a moment ago. Raises NotFound."""
    if (found := find(call.view())) is not None:
        return found
    await call.api.linearizable(call.limits.catch_up_s)
    if (found := find(call.view())) is None:
        raise id_not_found()
    return found


def endpoints() -> list[Endpoint]:
    def get(path: str, name: str, handler: object, reply: object, summary: str, **more: object) -> Endpoint:
        return Endpoint(method="GET", path=path, name=name, handler=handler, reply=reply, summary=summary, **more)  # type: ignore[arg-type]

    missing: dict[str, object] = {"errors": (404, 503)}
    return [
        get("/hello", "hello", hello, None, "Whether the daemon answers.", public=True, media=TEXT_TYPE),
        get("/clusters", "cluster-list", list_clusters, shapes.Clusters, "The pool: there is one."),
        get("/clusters/{id}", "cluster-info", get_cluster, shapes.Cluster, "The pool, with its nodes and volumes.", **missing),
        get("/nodes", "node-list", list_nodes, shapes.Nodes, "Ids of the pool's peers."),
        get("/nodes/{id}", "node-info", get_node, shapes.Node, "A peer with its devices.", **missing),
        get("/devices/{id}", "device-info", get_device, shapes.Device, "A device with its bricks.", **missing),
        get("/volumes", "volume-list", list_volumes, shapes.Volumes, "Ids of all volumes."),
        get("/volumes/{id}", "volume-info", get_volume, shapes.Volume, "A volume.", **missing),
        get("/blockvolumes", "blockvolume-list", list_blockvolumes, shapes.BlockVolumes, "Empty: there are no block volumes."),
        get("/blockvolumes/{id}", "blockvolume-info", no_blockvolume, None, "404: there are no block volumes.", errors=(404,)),
        get("/operations", "operations", get_operations, shapes.OperationCounts, "How many operations there are."),
        get("/operations/pending", "operation-list", list_pending, shapes.PendingOperations, "Operations that haven't ended."),
        get("/operations/pending/{id}", "operation-info", get_pending, shapes.PendingDetails, "One of them.", errors=(404,)),
    ]
