"""GET /v1/watch: changes as server-sent events.

Every change is `event: put` or `event: delete` with JSON: {"revision", "kind", "name", "value"}; `value` has the shape that a GET gives.
`id:` stands at the last change of a revision, so that a client that comes back with Last-Event-ID misses nothing. Only what
has a shape here is shown: kinds of keys that this file doesn't know (transactions carry secrets) never get out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from gd2raft.core import model
from gd2raft.core.kv import Event
from gd2raft.core.plan import CommandError, Refused
from gd2raft.rest import shapes
from gd2raft.rest.api import Watch
from gd2raft.rest.call import Call
from gd2raft.rest.reply import Internal, Reply, Sink, error_body
from gd2raft.rest.routes import REVISION_MAX

STREAM_TYPE = "text/event-stream; charset=utf-8"
PREFIXES = (model.CLUSTER, model.PEERS, model.VOLUMES, model.BRICKS, "options/", model.LOCKS)


class WatchReply(shapes.Shape, frozen=True, kw_only=True):
    """Data of an event. `kind`: volume, peer, brick, options, lock, cluster. `value`: None when it was deleted."""

    revision: int
    kind: str
    name: str
    value: Any = None


class TooMany(Refused):
    http = 429
    code = "too-many-watches"


class Watches:
    """The watches that are open, and the way to end them all."""

    def __init__(self) -> None:
        self.open = 0
        self._ended = asyncio.Event()

    def end(self) -> None:
        self._ended.set()

    async def watch(self, call: Call) -> Reply:
        prefix = call.query.get("prefix", "")
        if not any(known.startswith(prefix) or prefix.startswith(known) for known in PREFIXES):
            raise Refused(
                f"there is nothing to watch under {prefix[:100]!r}", hint="possible: " + ", ".join(PREFIXES), code="bad-parameter"
            )
        start = await _start(call)
        if call.method == "HEAD":
            return Reply(body=b"", content_type=STREAM_TYPE)
        if self.open >= call.limits.watches_max:
            raise TooMany(f"{self.open} watches are open here, no more are possible", hint="ask another peer")
        watch = call.api.watch(prefix, start)
        self.open += 1

        async def stream(sink: Sink) -> None:
            try:
                await sink.write(f"id: {start}\n\n".encode())  # so that a client that saw nothing yet can come back too
                await self._stream(call, watch, sink)
            finally:
                self.open -= 1
                watch.close()

        return Reply(content_type=STREAM_TYPE, stream=stream, close=True)

    async def _stream(self, call: Call, watch: Watch, sink: Sink) -> None:
        ended = asyncio.ensure_future(self._ended.wait())
        gone = asyncio.ensure_future(sink.gone.wait())
        following = asyncio.ensure_future(watch.__anext__())
        end_at = call.received + call.limits.watch_s_max
        try:
            while asyncio.get_running_loop().time() < end_at and not (ended.done() or gone.done()):
                await asyncio.wait({following, ended, gone}, timeout=call.limits.heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    if not (ended.done() or gone.done()):
                        await sink.write(b": still here\n\n")
                    continue
                batch = following.result()
                if text := encode_batch(call, batch):
                    await sink.write(text)
                following = asyncio.ensure_future(watch.__anext__())
        except StopAsyncIteration:
            pass
        except CommandError as error:
            await sink.write(_event("error", msgspec.json.encode(error_body(error, call.request_id))))
        except model.BadRecord as error:
            await sink.write(_event("error", msgspec.json.encode(error_body(Internal(str(error)), call.request_id))))
        finally:
            for task in (ended, gone, following):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task


async def _start(call: Call) -> int:
    """The revision after which the watch begins."""
    text = call.request.headers.get("Last-Event-ID") or call.query.get("from-revision")
    if text is None:
        return call.api.revision()
    revision = call.number("from-revision", text, 0, REVISION_MAX)
    await call.reach(revision)
    return revision


def encode_batch(call: Call, batch: Sequence[Event]) -> bytes:
    parts = []
    for index, event in enumerate(batch):
        shown = show(call, event)
        last = index + 1 == len(batch) or batch[index + 1].revision != event.revision
        if shown is not None:
            parts.append(_event("delete" if event.value is None else "put", msgspec.json.encode(shown), event.revision if last else None))
        elif last and parts:
            parts.append(f"id: {event.revision}\n\n".encode())
    return b"".join(parts)


def _event(kind: str, data: bytes, identity: int | None = None) -> bytes:
    head = "" if identity is None else f"id: {identity}\n"
    return f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n"


def show(call: Call, event: Event) -> WatchReply | None:
    """The event as clients may see it, None when it isn't for them."""
    for prefix, (kind, shape) in _KINDS.items():
        if event.key.startswith(prefix) and (prefix.endswith("/") or event.key == prefix):
            name = event.key[len(prefix) :]
            if kind == "brick" and "/" not in name:
                return None  # the guard key of a peer's bricks
            return WatchReply(revision=event.revision, kind=kind, name=name, value=None if event.value is None else shape(call, event))
    return None


def _volume(call: Call, event: Event) -> Any:
    assert event.value is not None
    volume = model.load(event.key, event.value, model.Volume)
    return shapes.volume_info(volume, shapes.hosts_of_volume(call.api.view(), volume))


def _peer(call: Call, event: Event) -> Any:
    assert event.value is not None
    return shapes.peer_info(model.load(event.key, event.value, model.Peer), call.api.online())


def _plain(type_: type[model.Record]) -> Any:
    def shape(call: Call, event: Event) -> Any:
        assert event.value is not None
        record = msgspec.to_builtins(model.load(event.key, event.value, type_))
        return {name.replace("_", "-"): value for name, value in record.items()}

    return shape


_KINDS: dict[str, tuple[str, Any]] = {
    model.VOLUMES: ("volume", _volume),
    model.PEERS: ("peer", _peer),
    model.BRICKS: ("brick", _plain(model.BrickClaim)),
    model.GLOBAL_OPTIONS: ("options", _plain(model.GlobalOptions)),
    model.LOCKS: ("lock", _plain(model.Lock)),
    model.CLUSTER: ("cluster", _plain(model.Cluster)),
}
