"""heketi's clusters: there is one, the pool. Its flags are kept and shown; a client that makes a cluster is given the pool."""

from __future__ import annotations

from gd2raft.core.plan import Conflict
from gd2raft.rest.call import Call
from gd2raft.rest.heketi import shapes
from gd2raft.rest.heketi.bodies import ClusterCreate, ClusterFlags, parse
from gd2raft.rest.heketi.maintenance import change_settings
from gd2raft.rest.heketi.reads import check_cluster
from gd2raft.rest.heketi.texts import json_reply
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import Endpoint


async def create(call: Call) -> Reply:
    """Adopt the pool: 201, however often."""
    flags = parse(ClusterCreate, await call.body(any_type=True))
    await change_settings(call, file=flags.file, block=flags.block)
    return json_reply(shapes.cluster(call.view(), call.api.cluster_id(), call.api.peer_id), 201)


async def set_flags(call: Call) -> Reply:
    check_cluster(call)
    flags = parse(ClusterFlags, await call.body(any_type=True))
    await change_settings(call, file=flags.file, block=flags.block)
    return Reply()


async def delete(call: Call) -> Reply:
    """A pool without nodes forgets its flags; it stays, for it is this daemon's."""
    check_cluster(call)
    view = call.view()
    if shapes.nodes(view):
        raise Conflict("the cluster has nodes", hint="delete them first")
    await change_settings(call, file=True, block=False)
    return Reply()


def endpoints() -> list[Endpoint]:
    one = "/clusters/{id}"
    return [
        Endpoint(
            method="POST",
            path="/clusters",
            name="cluster-create",
            handler=create,
            summary="The pool, with these flags.",
            status=201,
            reply=shapes.Cluster,
            request=ClusterCreate,
            errors=(422, 503),
        ),
        Endpoint(
            method="POST",
            path=f"{one}/flags",
            name="cluster-flags",
            handler=set_flags,
            summary="Change the flags.",
            request=ClusterFlags,
            errors=(404, 422, 503),
        ),
        Endpoint(
            method="DELETE",
            path=one,
            name="cluster-delete",
            handler=delete,
            summary="A pool without nodes forgets its flags.",
            errors=(404, 409, 503),
        ),
    ]
