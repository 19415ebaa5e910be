"""GET /v1/cluster/export: the pool's whole state as a log snapshot file, at one revision, for `gd2 cluster verify` and `restore`."""

from __future__ import annotations

from gd2raft.core.plan import Refused
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Reply, Sink
from gd2raft.rest.routes import READ, Endpoint

FILE_TYPE = "application/octet-stream"
AT_ONCE_MAX = 2


class TooMany(Refused):
    http = 429
    code = "too-many-exports"


class Exports:
    """An export holds a copy of the state's index until its client has all of it, so there are few at a time."""

    def __init__(self) -> None:
        self.open = 0

    async def export(self, call: Call) -> Reply:
        if call.method == "HEAD":
            return Reply(body=b"", content_type=FILE_TYPE)
        if self.open >= AT_ONCE_MAX:
            raise TooMany(f"{self.open} exports are under way here, no more are possible", hint="ask another peer, or try again")
        call.view()
        pieces = call.api.export()
        self.open += 1

        async def stream(sink: Sink) -> None:
            try:
                for piece in pieces:
                    await sink.write(piece)
            finally:
                self.open -= 1

        return Reply(content_type=FILE_TYPE, stream=stream, close=True)

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/cluster/export",
                name="cluster-export",
                handler=self.export,
                media=FILE_TYPE,
                summary="The pool's whole state as a log snapshot file. It holds the passwords of volumes.",
                parameters=READ,
                errors=(400, 429),
            )
        ]
