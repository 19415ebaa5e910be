"""/queue: operations that outlive their requests. Their records are in the state: any peer answers, and whoever asks twice is told twice.

Each peer works at the operations that it took. Those of a peer that is gone (or was started anew) are taken over: by the leader, or by that
peer itself when it is back. Two that work at one operation do no harm (work.py); the first one writes how it ended.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gd2raft.core import heketi
from gd2raft.core.devices import hex_of
from gd2raft.core.heketi import Operation, Outcome
from gd2raft.core.kv import Event
from gd2raft.core.plan import CommandError, Conflict, Moved, OutcomeUnknown, Unavailable
from gd2raft.rest.api import Api, Log
from gd2raft.rest.call import Call
from gd2raft.rest.heketi.texts import Busy, id_not_found, text_reply, told
from gd2raft.rest.heketi.work import Operate, Work, clock
from gd2raft.rest.reply import Reply

WAITING_MAX = 64
"""Operations of one peer that haven't ended; more are refused."""
AT_ONCE_MAX = 8
"""Of them, those that are worked at; the others wait for their turn."""
LOOK_EVERY_S = 2.0
FORGET_AT_ONCE_MAX = 20


class Queue:
    """`kinds`: name -> what brings an operation of that kind to its end."""

    def __init__(self, api: Api, log: Log, kinds: Mapping[str, Operate]) -> None:
        self._api, self._log, self._kinds = api, log, kinds
        self._working: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)
        self._keeper: asyncio.Task[None] | None = None
        self._there = asyncio.Event()  # operations may be in the state
        self._there.set()

    # life

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep_looking(), name="heketi operations")

    async def close(self) -> None:
        """What isn't at its end is gone on with by whoever finds it in the state."""
        tasks = [*self._working.values(), *([self._keeper] if self._keeper is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def on_events(self, events: Sequence[Event] | None) -> None:
        """The state changed (None: anything may have)."""
        if events is None or any(e.key.startswith(heketi.OPERATIONS) for e in events):
            self._there.set()

    # for clients

    async def submit(self, call: Call, kind: str, request: dict[str, Any]) -> Reply:
        """202, once the operation is in the state. The same Idempotency-Key means the same operation. Raises Busy, Conflict, Unavailable."""
        if len(self._working) >= WAITING_MAX:
            raise Busy("Server busy. Retry operation later.")
        operation = Operation(id=hex_of(self.new_uuid(call)), kind=kind, request=request, driver=self._api.peer_id, started=clock())
        accepted = Reply(status=202, headers={"Location": f"/queue/{operation.id}", "X-Pending": "true"})
        try:
            await self._api.keep(heketi.operation_key(operation.id), operation, 0)
        except Moved:
            found = heketi.operation(self._api.view(), operation.id)
            if found is not None and (found.kind, found.request) == (kind, request):
                return accepted
            raise Conflict("the Idempotency-Key belongs to another request", hint="use a new one") from None
        self._take_up(operation)
        return accepted

    @staticmethod
    def new_uuid(call: Call) -> str:
        """Another one each time, but the same for the same Idempotency-Key."""
        key = call.idempotency_key()
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"heketi:{call.user}:{call.method} {call.raw_path}:{key}") if key else uuid.uuid4())

    async def answer(self, call: Call) -> Reply:
        operation_id = call.fields["id"].lower()
        operation = heketi.operation(call.view(), operation_id)
        if operation is None:  # another peer may have taken it a moment ago
            await call.api.linearizable(call.limits.catch_up_s)
            operation = heketi.operation(call.view(), operation_id)
        if operation is None:
            raise id_not_found()
        if operation.outcome is Outcome.PENDING:
            return Reply(headers={"X-Pending": "true"})
        if operation.outcome is Outcome.FAILED:
            return text_reply(500, operation.error)
        if operation.location:
            return Reply(status=303, headers={"Location": operation.location})
        return Reply(status=204)

    # at work

    def _take_up(self, operation: Operation) -> None:
        task = asyncio.create_task(self._bring_to_end(operation), name=f"heketi {operation.kind}")
        self._working[operation.id] = task
        task.add_done_callback(lambda _: self._working.pop(operation.id, None))

    async def _bring_to_end(self, operation: Operation) -> None:
        async with self._turns:
            try:
                location = await self._kinds[operation.kind](Work(self._api, operation.id, operation.request))
                ended = msgspec.structs.replace(operation, outcome=Outcome.DONE, location=location)
            except (Unavailable, OutcomeUnknown) as error:
                self._log.warning("an operation waits for the pool", operation=operation.id, kind=operation.kind, cause=error.message)
                return  # it stays in the state, and is taken up again
            except CommandError as error:
                ended = msgspec.structs.replace(operation, outcome=Outcome.FAILED, error=told(error)[: heketi.ERROR_CHARS_MAX])
            except Exception as error:
                self._log.error("an operation failed by our fault", operation=operation.id, kind=operation.kind, exc_info=error)
                ended = msgspec.structs.replace(operation, outcome=Outcome.FAILED, error="internal error, the daemon's log has the details")
            await self._write_end(msgspec.structs.replace(ended, ended=clock()))

    async def _write_end(self, ended: Operation) -> None:
        key = heketi.operation_key(ended.id)
        try:
            item = self._api.view().reader.get(key)
            now = heketi.operation(self._api.view(), ended.id)
            if item is not None and now is not None and now.outcome is Outcome.PENDING:
                await self._api.keep(key, ended, item.modified)
        except CommandError as error:
            self._log.warning("the end of an operation can't be written yet", operation=ended.id, cause=error.message)

    # keeping order

    async def _keep_looking(self) -> None:
        while True:
            await self._there.wait()  # most pools never see one
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except CommandError as error:
                self._log.warning("operations can't be looked after", cause=error.message)
            except Exception as error:
                self._log.error("looking after operations broke; trying again", exc_info=error)

    async def _look(self) -> None:
        """Take up what nobody works at, forget what ended long ago."""
        found = heketi.operations(self._api.view())
        if not found:
            self._there.clear()
        if not found or self._api.stale():
            return
        leads = self._api.cluster_status()["leader"] == self._api.peer_id
        online = self._api.online()
        for operation in found:
            if operation.outcome is not Outcome.PENDING or operation.id in self._working or operation.kind not in self._kinds:
                continue
            if operation.driver == self._api.peer_id:
                self._take_up(operation)
            elif leads and operation.driver not in online:
                await self._take_over(operation)
        if leads:
            for operation in heketi.outlived(found, clock())[:FORGET_AT_ONCE_MAX]:
                await self._change(operation, None)

    async def _take_over(self, operation: Operation) -> None:
        mine = msgspec.structs.replace(operation, driver=self._api.peer_id)
        await self._change(operation, mine)
        self._log.warning("an operation of a peer that is away is gone on with", operation=operation.id, kind=operation.kind)
        self._take_up(mine)

    async def _change(self, operation: Operation, to: Operation | None) -> None:
        """Raises Moved when it has changed since."""
        key = heketi.operation_key(operation.id)
        item = self._api.view().reader.get(key)
        if item is not None:
            await self._api.keep(key, to, item.modified)
