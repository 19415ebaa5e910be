"""What the server says of itself: version, ping, list of routes, state dump, metrics, OpenAPI."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from gd2raft.core import model
from gd2raft.rest import shapes
from gd2raft.rest.call import Call
from gd2raft.rest.metrics import TEXT_TYPE, Metrics
from gd2raft.rest.openapi import openapi
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import CONSISTENCY, MIN_REVISION, Endpoint, Parameter
from gd2raft.rest.watch import STREAM_TYPE, Watches

KINDS = (model.CLUSTER, model.PEERS, model.VOLUMES, model.BRICKS, "options/", model.LOCKS, model.TRANSACTIONS, model.RESULTS)


class System:
    """`endpoints`: all of the server's, asked when they are needed; `connections`: how many are open."""

    def __init__(
        self, endpoints: Callable[[], tuple[Endpoint, ...]], connections: Callable[[], int], metrics: Metrics, watches: Watches
    ) -> None:
        self._endpoints, self._connections, self._metrics, self._watches = endpoints, connections, metrics, watches
        self._openapi: bytes = b""
        self._started = asyncio.get_running_loop().time()

    async def version(self, call: Call) -> Reply:
        return Reply(body=shapes.VersionInfo(glusterd_version=call.api.version))

    async def ping(self, call: Call) -> Reply:
        return Reply(body=shapes.Pong())

    async def list_endpoints(self, call: Call) -> Reply:
        return Reply(
            body=[
                shapes.EndpointInfo(
                    name=e.name, methods=[e.method], path=e.path, request_type=type_name(e.request), response_type=type_name(e.reply)
                )
                for e in self._endpoints()
            ]
        )

    async def statedump(self, call: Call) -> Reply:
        reader = call.view().reader
        counts = Counter({prefix.rstrip("/"): len(reader.list(prefix)) for prefix in KINDS})
        return Reply(
            body=shapes.Statedump(
                peer_id=call.api.peer_id,
                cluster_id=call.api.cluster_id(),
                version=call.api.version,
                revision=call.revision,
                uptime_s=int(asyncio.get_running_loop().time() - self._started),
                connections=self._connections(),
                watches=self._watches.open,
                keys=dict(counts),
                cluster=dict(call.api.cluster_status()),
            )
        )

    async def metrics(self, call: Call) -> Reply:
        self._metrics.connections.set(self._connections())
        self._metrics.revision.set(call.revision)
        return Reply(body=self._metrics.text(), content_type=TEXT_TYPE)

    async def openapi(self, call: Call) -> Reply:
        self._openapi = self._openapi or msgspec.json.encode(openapi(self._endpoints(), call.api.version))
        return Reply(body=self._openapi)

    def endpoints(self) -> list[Endpoint]:
        def get(path: str, handler: Any, reply: Any, summary: str, **more: Any) -> Endpoint:
            name = path.rpartition("/")[2].removesuffix(".json")
            return Endpoint(method="GET", path=path, name=name, handler=handler, reply=reply, summary=summary, **more)

        return [
            get("/version", self.version, shapes.VersionInfo, "Versions of daemon and API."),
            get("/ping", self.ping, shapes.Pong, "Whether the daemon answers.", public=True),
            get("/endpoints", self.list_endpoints, list[shapes.EndpointInfo], "All routes.", public=True),
            get("/openapi.json", self.openapi, dict[str, Any], "This description."),
            get("/metrics", self.metrics, None, "Counters for Prometheus.", public=True, media=TEXT_TYPE),
            get("/statedump", self.statedump, shapes.Statedump, "What this daemon holds, in numbers."),
            get(
                "/v1/watch",
                self._watches.watch,
                None,
                "Changes as server-sent events.",
                media=STREAM_TYPE,
                errors=(400, 410, 429),
                parameters=(
                    MIN_REVISION,
                    CONSISTENCY,
                    Parameter("prefix", "Only what is stored under this: volumes/, peers/, bricks/, options/, locks/, cluster."),
                    Parameter(
                        "from-revision",
                        "Changes after this revision; a Last-Event-ID header goes before it. Default: from now on.",
                        "integer",
                    ),
                ),
            ),
        ]


def type_name(type_: Any) -> str:
    """
    >>> type_name(list[shapes.PeerInfo]), type_name(None)
    ('[PeerInfo]', '')
    """
    if type_ is None:
        return ""
    if getattr(type_, "__origin__", None) is list:
        return f"[{type_name(type_.__args__[0])}]"
    return str(getattr(type_, "__name__", type_))
