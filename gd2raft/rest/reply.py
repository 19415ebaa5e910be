"""What a handler answers, and how errors look. It must not know sockets or aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gd2raft.core.plan import CommandError, Failed, Refused
from gd2raft.rest.shapes import ErrorBody, ErrorItem

JSON_TYPE = "application/json; charset=UTF-8"
RETRY_AFTER_S = 2


class Sink(Protocol):
    """A streaming reply. The first write sends the head. `gone`: set when the client is."""

    @property
    def gone(self) -> asyncio.Event: ...

    async def write(self, data: bytes) -> None: ...


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`body`: anything that msgspec makes JSON of, None for no body, bytes for `content_type` as they are. `stream` writes it bit by bit."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}
    content_type: str = JSON_TYPE
    warnings: Sequence[str] = ()
    stream: Callable[[Sink], Awaitable[None]] | None = None
    close: bool = False

    def encoded(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


class NotAllowed(Refused):
    http = 405
    code = "method-not-allowed"


class TooBig(Refused):
    """The rest of the request is not read: the connection is closed."""

    http = 413
    code = "too-large"


class TooOld(Refused):
    code = "bad-http"


class TooSlow(Refused):
    http = 408
    code = "too-slow"


class WrongMediaType(Refused):
    http = 415
    code = "wrong-media-type"


class Late(CommandError):
    """A read that did not end in time. Nothing was changed."""

    http = 504
    code = "too-late"


class Internal(CommandError):
    """Our bug. The log has the traceback under the request id."""

    http = 500
    code = "internal"


def error_reply(error: CommandError, request_id: str) -> Reply:
    headers: dict[str, str] = {}
    if error.http == 503:
        headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    if error.http == 401:
        headers["WWW-Authenticate"] = f'Bearer realm="gd2raft", error="invalid_token", error_description="{_quotable(error.message)}"'
    if isinstance(error, NotAllowed):
        headers["Allow"] = str(error.fields.get("allow", ""))
    return Reply(status=error.http, body=error_body(error, request_id), headers=headers, close=isinstance(error, TooBig | TooOld | TooSlow))


def error_body(error: CommandError, request_id: str) -> ErrorBody:
    fields = {"code": error.code, "hint": error.hint, **error.fields, "request-id": request_id}
    step_failed = isinstance(error, Failed) and "step" in error.fields
    texts = {name: clean(value) if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in fields.items()}
    return ErrorBody(
        errors=[ErrorItem(code=2 if step_failed else 1, message=clean(error.message), fields={k: v for k, v in texts.items() if v})]
    )


def clean(text: str) -> str:
    """Text that can be sent, whatever the client wrote that is quoted in it (headers may bring lone surrogates)."""
    return text.encode("utf-8", "replace").decode()


def _quotable(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable() and c not in '"\\')
