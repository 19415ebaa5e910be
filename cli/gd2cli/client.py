"""Requests to the pool: endpoints tried in turn, what may be repeated and what may not, and errors that say what to do.

A write carries an Idempotency-Key, the same on every try, so that the pool does it once although we ask twice. Once a try was lost,
only a real answer tells what became of it: "connection refused" by the next endpoint does not. A daemon that hangs is passed over within
seconds; one that works on something long is waited for.
It must not know commands or tables.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from gd2cli import token
from gd2cli.problems import OutcomeUnknown, Problem, of_answer
from gd2cli.settings import Settings
from gd2cli.wire import HANGS, Endpoint, Lost, NotSent, RawAnswer, Request, exchange, look_alive

PREFIX = "/v1"
READ_S = 35.0
WRITE_S = 130.0
"""Longer than the server's own limit for a command: its answer says more than our silence."""
SERVER_LIMIT_S = 600
AGAIN_AFTER_S = 0.3
OTHERS_S, ALONE_S, SENT_S = 2.0, 4.0, 10.0
"""How long a daemon that is asked whether it is there may say nothing: when there is another one to ask, when there is none, and when there is
none and it has got a change, whose outcome we would never know."""


class Answer(NamedTuple):
    """`data`: the JSON of `text`; None for no body."""

    status: int
    text: str
    data: Any
    warnings: tuple[str, ...]


class Client:
    """`request_id`: one per run, so that the daemons' logs tell the whole story."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.request_id = str(uuid.uuid4())
        self.writing = False
        self.silent: set[Endpoint] = set()

    def endpoints(self) -> list[Endpoint]:
        """Those of which nothing was heard in this run are asked last."""
        return sorted(self.settings.endpoints, key=lambda endpoint: endpoint in self.silent)

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> Answer:
        """`path`: segments, not encoded yet. Raises Problem."""
        return _Attempt(self, "GET", path, None, query).run()

    def raw(self, *path: str, query: Mapping[str, str] | None = None, prefix: str = PREFIX) -> bytes:
        """The body of a read, as it came, whatever it is."""
        return _Attempt(self, "GET", path, None, query, prefix).run_raw()

    def write(self, method: str, *path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Answer:
        self.writing = True
        answer = _Attempt(self, method, path, body, query).run()
        self.writing = False
        return answer


class _Attempt:
    """One request, on its way through the endpoints."""

    def __init__(
        self, client: Client, method: str, path: tuple[str, ...], body: Any, query: Mapping[str, str] | None = None, prefix: str = PREFIX
    ) -> None:
        self.query = dict(query or {})
        self.client, self.settings, self.method = client, client.settings, method
        self.path = prefix + "".join(f"/{quote(p, safe='')}" for p in path)
        self.body = None if body is None else json.dumps(body).encode()
        self.write = method != "GET"
        self.timeout_s = self.settings.timeout_s or (WRITE_S if self.write else READ_S)
        self.deadline = time.monotonic() + self.timeout_s
        self.key = str(uuid.uuid4())
        self.notes: list[tuple[str, str]] = []
        self.maybe_done = False

    def run(self) -> Answer:
        return self._answer(*self._heard())

    def run_raw(self) -> bytes:
        endpoint, raw = self._heard()
        if not 200 <= raw.status < 300:
            raise self._refused(endpoint, raw)
        return raw.body

    def _heard(self) -> tuple[Endpoint, RawAnswer]:
        """The first real answer. Raises Problem when there is none."""
        waiting = self.client.endpoints()
        again: list[Endpoint] = []
        unavailable: tuple[Endpoint, RawAnswer] | None = None
        while waiting or again:
            if not waiting:
                waiting, again = again, []
                time.sleep(min(AGAIN_AFTER_S, max(0.0, self.deadline - time.monotonic())))
            endpoint = waiting.pop(0)
            first_time = endpoint.url not in dict(self.notes)
            raw = self._ask(endpoint, self._share(len(waiting)), again if first_time else [], alone=not waiting)
            if raw is None:
                continue
            if raw.status != 503:
                return endpoint, raw
            self.notes.append((endpoint.url, "HTTP 503"))
            unavailable = unavailable or (endpoint, raw)
        raise self._no_answer(unavailable)

    def _share(self, others: int) -> float:
        """A read gives each endpoint its share of the time; a write has all the time there is: sent is sent."""
        if self.write:
            return self.deadline
        now = time.monotonic()
        return now + max(0.0, self.deadline - now) / (others + 1)

    def _ask(self, endpoint: Endpoint, deadline: float, again: list[Endpoint], *, alone: bool) -> RawAnswer | None:
        patience_s = ALONE_S if alone else OTHERS_S
        try:
            if self.write:  # a daemon that hangs would do it when it wakes up, however long after
                look_alive(endpoint, self.settings.tls, min(deadline, time.monotonic() + patience_s))
                patience_s = SENT_S if alone else OTHERS_S
            return exchange(endpoint, self._request(), self.settings.tls, deadline, patience_s)
        except NotSent as error:
            self._note(endpoint, error)
        except Lost as error:
            self._note(endpoint, error)
            self.maybe_done = self.maybe_done or self.write
            if not error.timed_out:
                again.append(endpoint)
        return None

    def _note(self, endpoint: Endpoint, error: NotSent | Lost) -> None:
        self.notes.append((endpoint.url, str(error)))
        if error.timed_out:
            self.client.silent.add(endpoint)

    def _request(self) -> Request:
        headers = {"Accept": "application/json", "X-Request-Id": self.client.request_id, "User-Agent": "gd2", "Connection": "close"}
        if self.settings.secret:
            signed = token.bearer(self.settings.user, self.settings.secret, self.method, self.path, int(time.time()))
            headers["Authorization"] = f"Bearer {signed}"
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.write:
            headers["Idempotency-Key"] = self.key
        return Request(self.method, self.path + self._query(), headers, self.body)

    def _query(self) -> str:
        """The server shall give up a little before us: its answer says more."""
        query = dict(self.query)
        if self.write and self.settings.timeout_s:
            query["timeout"] = f"{max(1, min(SERVER_LIMIT_S, int(self.settings.timeout_s - 0.5)))}s"
        return f"?{urlencode(query)}" if query else ""

    def _answer(self, endpoint: Endpoint, raw: RawAnswer) -> Answer:
        if not 200 <= raw.status < 300:
            raise self._refused(endpoint, raw)
        warnings = tuple(raw.headers.get_all("X-Gluster-Warning") or ())
        if raw.headers.get("X-Gluster-Stale"):
            warnings += (
                f"this is what {endpoint.url} knows, at revision {raw.headers.get('X-Gluster-Revision')}, and may be old: it sees no quorum, "
                "or has only just started",
            )
        if not raw.body.strip():
            return Answer(raw.status, "", None, warnings)
        text, data, problem = read_json(raw.body)
        if problem:
            raise Problem(
                f"{endpoint.url} answered, but {problem}", hint="is that a gd2raft daemon?", trail=[("request id", self.client.request_id)]
            )
        return Answer(raw.status, text, data, warnings)

    def _refused(self, endpoint: Endpoint, raw: RawAnswer) -> Problem:
        if 300 <= raw.status < 400:
            return Problem(f"{endpoint.url} answered with a redirect (HTTP {raw.status})", hint="is that a gd2raft daemon?")
        _, data, _ = read_json(raw.body)
        request_id = raw.headers.get("X-Request-Id") or self.client.request_id
        source = self.settings.secret_source
        return of_answer(raw.status, data, where=endpoint.url, request_id=request_id, secret_source=source, write=self.write)

    def _no_answer(self, unavailable: tuple[Endpoint, RawAnswer] | None) -> Problem:
        lines, trail = [*dict(self.notes).items()], [("request id", self.client.request_id)]
        if self.maybe_done:
            return OutcomeUnknown("no answer: it may or may not have been done", lines=lines, trail=trail)
        if unavailable is not None:
            return self._refused(*unavailable)
        hint = "is gd2raft running there? --endpoints (or GD2_ENDPOINTS) names other peers"
        if any(text == HANGS for _, text in lines):
            hint = "the daemon there hangs: is it stopped, or its disk stuck? --endpoints (or GD2_ENDPOINTS) names other peers"
        return Problem("no peer answered", hint=hint, lines=lines, trail=trail)


def read_json(body: bytes) -> tuple[str, Any, str]:
    """(text, value, what is wrong)."""
    try:
        text = body.decode()
        return text, json.loads(text), ""
    except (ValueError, RecursionError):
        return "", None, "not with JSON"
