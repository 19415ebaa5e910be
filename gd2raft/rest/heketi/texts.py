"""heketi's way to answer: JSON with a newline at its end; errors as a line of text. It must not know what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gd2raft.core.plan import CommandError, NotFound, Refused
from gd2raft.rest.reply import RETRY_AFTER_S, NotAllowed, Reply, TooBig, TooOld, TooSlow, clean

TEXT_TYPE = "text/plain; charset=utf-8"
INVALID_PATH = "Invalid path or request"
ID_NOT_FOUND = "Id not found"


class Invalid(Refused):
    """A body that is JSON, but makes no sense."""

    http = 400
    code = "bad-request"

    def __init__(self, message: str) -> None:
        super().__init__(f"validation failed: {message}")


class Unparsable(Refused):
    http = 422
    code = "bad-request"


class Busy(Refused):
    http = 429
    code = "busy"


class NotOffered(Refused):
    """heketi has it, a daemon that is the cluster has not."""

    http = 501
    code = "not-offered"


class ReadOnly(Refused):
    http = 503
    code = "read-only"
    retry_after_s = 60


def id_not_found() -> NotFound:
    return NotFound(ID_NOT_FOUND)


def json_reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status=status, body=msgspec.json.encode(body) + b"\n", headers=headers or {})


def text_reply(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    more = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return Reply(status=status, body=f"{clean(text)}\n".encode(), content_type=TEXT_TYPE, headers=more)


def error_reply(error: CommandError) -> Reply:
    """Clients print the text: it says what to do, too."""
    if isinstance(error, NotAllowed):
        return Reply(status=405, headers={"Allow": str(error.fields.get("allow", ""))})
    headers: dict[str, str] = {}
    if error.http in (429, 503):
        headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    if error.http == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="heketi"'
    reply = text_reply(error.http, told(error), headers)
    return msgspec.structs.replace(reply, close=isinstance(error, TooBig | TooOld | TooSlow))


def told(error: CommandError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
