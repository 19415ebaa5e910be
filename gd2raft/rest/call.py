"""One request on its way through the server: what was asked, by whom, and how fresh the answer must be.

Handlers get a Call and give a Reply. It reads the body (bounded in size and time) and labels the answer with the revision of
the state that the handler saw.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from aiohttp.http import HttpVersion10

from gd2raft.core import model
from gd2raft.core.plan import Refused
from gd2raft.rest.api import Api, Limits
from gd2raft.rest.reply import Late, TooBig, TooOld, TooSlow, WrongMediaType
from gd2raft.rest.routes import REVISION_MAX, Endpoint

_SANE_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_SECONDS = re.compile(r"([0-9]{1,6})s?")
QUERY_FIELDS_MAX = 32


class Call:
    def __init__(self, request: web.BaseRequest, api: Api, limits: Limits) -> None:
        self.request, self.api, self.limits = request, api, limits
        self.method = request.method
        target = request.raw_path.encode("utf-8", "replace").decode()
        self._target_is_text = target == request.raw_path  # aiohttp gives bytes that aren't UTF-8 as lone surrogates
        self.raw_path, _, self._raw_query = origin_form(target).partition("?")
        self.request_id = request_id(request.headers.get("X-Request-Id"))
        self.received = asyncio.get_running_loop().time()
        self.user = ""
        self.endpoint: Endpoint | None = None
        self.fields: dict[str, str] = {}
        self.query: dict[str, str] = {}
        self._revision: int | None = None

    # the state

    def view(self) -> model.View:
        """This peer's state; the reply is labelled with its revision."""
        self._revision = self.api.revision()
        return self.api.view()

    @property
    def revision(self) -> int:
        return self.api.revision() if self._revision is None else self._revision

    async def catch_up(self) -> None:
        """What ?min-revision= and ?consistency= ask for; and a peer that was started just now doesn't tell what was true before."""
        consistency = self.query.get("consistency", "local")
        if consistency not in ("local", "linearizable"):
            raise Refused(f"consistency {consistency[:40]!r} is not known", hint="local or linearizable", code="bad-parameter")
        await self.api.settled()
        if (text := self.query.get("min-revision")) is not None:
            await self.reach(self.number("min-revision", text, 0, REVISION_MAX))
        if consistency == "linearizable":
            await self.api.linearizable(self.limits.catch_up_s)

    async def reach(self, revision: int) -> None:
        """Wait until this peer's state has the revision; raises Late."""
        if self.api.revision() >= revision:
            return
        try:
            await self.api.wait_revision(revision, self.limits.catch_up_s)
        except TimeoutError:
            raise Late(
                f"this peer has revision {self.api.revision()}, {revision} did not arrive within {self.limits.catch_up_s:g} s",
                hint="try again, or ask another peer",
                code="revision-not-reached",
            ) from None

    # the query

    def read_query(self, endpoint: Endpoint) -> None:
        """Raises Refused for parameters that the route doesn't have: a misspelt one must not be passed over."""
        known = [p.name for p in endpoint.parameters]
        try:
            pairs = parse_qsl(self._raw_query, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX, errors="strict")
        except ValueError:
            raise Refused(
                "unable to parse the query", hint=f"at most {QUERY_FIELDS_MAX} parameters, UTF-8, percent-encoded", code="bad-parameter"
            ) from None
        for name, value in pairs:
            if name not in known:
                hint = "possible here: " + ", ".join(known) if known else "none is possible here"
                raise Refused(f"unknown query parameter {name[:100]!r}", hint=hint, code="unknown-parameter")
            if name in self.query:
                raise Refused(f"query parameter {name!r} is given twice", code="bad-parameter")
            self.query[name] = value

    @staticmethod
    def number(name: str, text: str, least: int, most: int) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
            return int(text)
        raise Refused(f"{name} {text[:40]!r} is not a number from {least} to {most}", code="bad-parameter")

    def timeout_s(self) -> float:
        """How long the client's answer may take."""
        return self._seconds("timeout", self.limits.command_s, 1, self.limits.command_s_max)

    def wait_s(self) -> float:
        """How long the client wants to wait for long work to end."""
        return self._seconds("wait", 0.0, 0, self.limits.wait_s_max)

    def _seconds(self, name: str, default: float, least: int, most: float) -> float:
        if (text := self.query.get(name)) is None:
            return default
        match = _SECONDS.fullmatch(text)
        if match is None or not least <= int(match[1]) <= most:
            raise Refused(f"{name} {text[:40]!r} is not a time from {least}s to {most:g}s", code="bad-parameter")
        return float(match[1])

    # the body

    def check(self) -> None:
        """Before anything else: the target is text; a body that is too large is not read."""
        if self.request.version < HttpVersion10:
            raise TooOld("HTTP before 1.0 is not answered")
        if not self._target_is_text:
            raise Refused("the path or the query is not UTF-8", code="bad-path")
        if (self.request.content_length or 0) > self.limits.body_bytes_max:
            raise self._too_big()

    async def body(self, *, any_type: bool = False) -> bytes:
        """`any_type`: whatever the client calls it. Raises WrongMediaType, TooBig, TooSlow."""
        if not self.request.body_exists:
            return b""
        if not any_type:
            self._check_media_type()
        await self._continue()
        try:
            async with asyncio.timeout(self.limits.body_s):
                return await self._read()
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {self.limits.body_s:g} s") from None
        except web.RequestPayloadError:
            raise Refused("the body is broken off or wrongly encoded", code="bad-request") from None

    async def _read(self) -> bytes:
        parts, size = [], 0
        while chunk := await self.request.content.readany():
            size += len(chunk)
            if size > self.limits.body_bytes_max:
                raise self._too_big()
            parts.append(chunk)
        return b"".join(parts)

    def _check_media_type(self) -> None:
        headers = self.request.headers
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise WrongMediaType("compressed bodies are not accepted", hint="send it as it is")
        if "Content-Type" in headers and self.request.content_type != "application/json":
            raise WrongMediaType(
                f"a body of type {self.request.content_type[:60]!r} is not accepted", hint="Content-Type: application/json"
            )
        if (self.request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
            raise WrongMediaType("only UTF-8 is accepted", hint="Content-Type: application/json")

    async def _continue(self) -> None:
        """curl asks before it sends a large body."""
        if self.request.headers.get("Expect", "").lower() == "100-continue":
            await self.request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.request.writer.output_size = 0

    def _too_big(self) -> TooBig:
        return TooBig(f"the body is too large, at most {self.limits.body_bytes_max} bytes are possible")

    # other headers

    def idempotency_key(self) -> str:
        key = self.request.headers.get("Idempotency-Key", "")
        if len(key) > 128 or not key.isascii() or not key.isprintable():
            raise Refused("the Idempotency-Key is not 1 to 128 printable ASCII characters", hint="a UUID is a good one", code="bad-key")
        return key

    def base_headers(self) -> dict[str, str]:
        return base_headers(self.api, self.request_id, self.revision)


def base_headers(api: Api, request_id: str, revision: int) -> dict[str, str]:
    """On every reply, whatever it is."""
    return {
        "X-Request-Id": request_id,
        "X-Gluster-Peer-Id": api.peer_id,
        "X-Gluster-Cluster-Id": api.cluster_id(),
        "X-Gluster-Revision": str(revision),
        "Server": "gd2raft",
        "Cache-Control": "no-store",
        **({"X-Gluster-Stale": "true"} if api.stale() else {}),
    }


def request_id(given: str | None) -> str:
    """The client's own when it is sane (it goes into logs), else a new one."""
    return given if given is not None and _SANE_ID.fullmatch(given) else str(uuid.uuid4())


def origin_form(target: str) -> str:
    """
    >>> origin_form("http://node1:24007/v1/peers?limit=1"), origin_form("/v1")
    ('/v1/peers?limit=1', '/v1')
    """
    match = re.match(r"https?://[^/?#]*", target, re.IGNORECASE)
    rest = target[match.end() :] if match else target
    return (rest if rest.startswith("/") else "/" + rest).partition("#")[0]


def link_next(call: Call, cursor: str) -> dict[str, str]:
    """Headers that say where the next page starts."""
    query = {**call.query, "cursor": cursor}
    return {"X-Gluster-Next-Cursor": cursor, "Link": f'<{call.raw_path}?{urlencode(query)}>; rel="next"'}
