"""An operation of heketi's at work: runs commands, each under a key made of the operation's id, so that a repetition is done once.

What it was asked and where it stands is the record's (core.heketi.Operation): a peer that takes an operation over begins it anew, and gets for
the commands that were done already the answers that they had.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from gd2raft.core import model
from gd2raft.core.plan import OutcomeUnknown, Request, Unavailable
from gd2raft.rest.api import Api, Done, RequestContext

USER = "heketi"
"""Whoever drives it: with another user a key would be another one."""
COMMAND_S = 600.0
RETRY_FOR_S = 120.0
RETRY_EVERY_S = 1.0

Operate = Callable[["Work"], Awaitable[str]]
"""Brings an operation to its end: path of what it has made, "" for nothing. Raises CommandError."""


class Work:
    """`request`: of the operation."""

    def __init__(self, api: Api, operation_id: str, request: dict[str, object]) -> None:
        self.api, self.id, self.request = api, operation_id, request

    def view(self) -> model.View:
        return self.api.view()

    def text(self, name: str) -> str:
        return str(self.request.get(name, ""))

    async def run(self, command: str, request: Request, about: str = "") -> Done:
        """`about` tells several of one command apart. A pool without a leader or quorum is waited for. Raises CommandError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + RETRY_FOR_S
        while True:
            context = RequestContext(
                request_id=f"heketi-{self.id}",
                user=USER,
                timeout_s=COMMAND_S,
                received=loop.time(),
                idempotency_key=f"heketi-{self.id}-{command}{about and '-'}{about}",
            )
            try:
                return await self.api.run(command, request, context)
            except (Unavailable, OutcomeUnknown):
                if loop.time() >= until:
                    raise
                await asyncio.sleep(RETRY_EVERY_S)


def clock() -> float:
    """Epoch seconds."""
    return time.time()
