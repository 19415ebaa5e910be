"""The door for heketi's clients: which paths are theirs, who may come in, and the rules of its protocol around every handler."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gd2raft.core import heketi
from gd2raft.core.plan import CommandError, NotFound
from gd2raft.rest.api import Api, Log
from gd2raft.rest.call import Call
from gd2raft.rest.exports import Exports
from gd2raft.rest.heketi import clusters, maintenance, reads, texts, tokens
from gd2raft.rest.heketi.document import document
from gd2raft.rest.heketi.operations import KINDS
from gd2raft.rest.heketi.queue import Queue
from gd2raft.rest.heketi.tokens import Keys
from gd2raft.rest.heketi.work import clock
from gd2raft.rest.heketi.writes import Writes
from gd2raft.rest.reply import Reply
from gd2raft.rest.routes import Endpoint, Router

ROOTS = frozenset(
    (
        "hello",
        "clusters",
        "nodes",
        "devices",
        "volumes",
        "blockvolumes",
        "bricks",
        "queue",
        "operations",
        "db",
        "backup",
        "internal",
        "admin",
    )
)
DOCUMENT = "/openapi-heketi.json"
_SLASHES = re.compile(r"/+")
"""A server that is given to heketi's clients with a slash at its end makes two of the first one."""
_ID = re.compile(r"[A-Fa-f0-9]+")
ANYONE = "anonymous"


class Door:
    """start(), answer() calls for paths that it owns, close(). `keys` None: everybody may do everything."""

    def __init__(self, api: Api, log: Log, exports: Exports, keys: Keys | None, *, now: Callable[[], float] = clock) -> None:
        self._api, self._keys, self._now = api, keys, now
        self.queue = Queue(api, log, KINDS)
        self._document: bytes = b""
        asked = Endpoint(
            method="GET",
            path="/queue/{id}",
            name="queue",
            handler=self.queue.answer,
            summary="An operation: 200 with X-Pending: true while it goes on, then 303 (with a Location) or 204; 500 when it has failed.",
            statuses=(204, 303),
            errors=(404, 500, 503),
        )
        self._router = Router(
            [asked, *reads.endpoints(), *clusters.endpoints(), *Writes(self.queue).endpoints(), *maintenance.endpoints(exports)]
        )

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return self._router.endpoints

    @staticmethod
    def owns(raw_path: str) -> bool:
        return raw_path.lstrip("/").partition("/")[0] in ROOTS

    def start(self) -> None:
        self.queue.start()

    async def close(self) -> None:
        await self.queue.close()

    async def answer(self, call: Call) -> Reply:
        """Raises CommandError, for error_reply."""
        call.user = self._authenticated(call)
        path = _SLASHES.sub("/", call.raw_path).rstrip("/")
        try:
            endpoint, call.fields = self._router.find(call.method, path)
        except NotFound:
            raise NotFound(texts.INVALID_PATH) from None
        call.endpoint = endpoint
        if path != call.raw_path:
            return Reply(status=301 if call.method in ("GET", "HEAD") else 308, headers={"Location": path})
        if "id" in call.fields and not _ID.fullmatch(call.fields["id"]):
            raise NotFound(texts.INVALID_PATH)
        if call.method not in ("GET", "HEAD") and endpoint.path != "/admin":
            self._check_mode(call)
        await self._api.settled()
        return await endpoint.handler(call)

    def _authenticated(self, call: Call) -> str:
        if self._keys is None or call.raw_path == "/hello":
            return ANYONE
        return tokens.authenticate(
            call.request.headers.get("Authorization"), self._keys, self._api.secret(), call.method, call.raw_path, self._now()
        )

    def _check_mode(self, call: Call) -> None:
        if heketi.settings(call.view()).mode is heketi.Mode.READ_ONLY:
            raise texts.ReadOnly("heketi's endpoints are read-only", hint='POST {"state": "normal"} to /admin')

    @staticmethod
    def error_reply(error: CommandError) -> Reply:
        return texts.error_reply(error)

    # its description

    async def describe(self, call: Call) -> Reply:
        self._document = self._document or msgspec.json.encode(document(self.endpoints, self._api.version))
        return Reply(body=self._document)

    def described(self) -> Endpoint:
        return Endpoint(
            method="GET",
            path=DOCUMENT,
            name="openapi-heketi",
            handler=self.describe,
            summary="Description of heketi's endpoints.",
            reply=dict[str, Any],
        )
