"""Routes as data, and the way from (method, path) to one of them. Pure: it must not know what a route does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import msgspec

from gd2raft.core.plan import BadExtension, NotFound, Refused
from gd2raft.rest.reply import NotAllowed, Reply

if TYPE_CHECKING:
    from gd2raft.rest.call import Call

Handler = Callable[["Call"], Awaitable[Reply]]

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Parameter(msgspec.Struct, frozen=True):
    """A query parameter. `type`: of OpenAPI; `bounds`: more words of JSON Schema, for the description: whoever reads the value checks it."""

    name: str
    summary: str
    type: str = "string"
    bounds: Mapping[str, Any] = {}


REVISION_MAX = (1 << 63) - 1
_SECONDS_TO_600, _SECONDS_TO_300 = r"^0{0,3}([1-9][0-9]?|[1-5][0-9]{2}|600)s?$", r"^0{0,3}([1-2]?[0-9]{1,2}|300)s?$"
"""The defaults of api.Limits in a pattern (a test compares them)."""

MIN_REVISION = Parameter(
    "min-revision",
    "Answer from a state that has at least this revision; waits up to 5 s for it.",
    "integer",
    {"minimum": 0, "maximum": REVISION_MAX},
)
CONSISTENCY = Parameter(
    "consistency",
    "`linearizable`: see everything that was acknowledged before; `local` (default).",
    bounds={"enum": ["local", "linearizable"]},
)
LIMIT = Parameter(
    "limit", "At most so many items; X-Gluster-Next-Cursor says where the next page starts.", "integer", {"minimum": 1, "maximum": 1000}
)
CURSOR = Parameter("cursor", "X-Gluster-Next-Cursor of the page before.")
KEY = Parameter("key", "Only items that have this metadata key.")
VALUE = Parameter("value", "Only items that have this metadata value.")
VOLUME = Parameter("volume", "Only those of this volume.")
TIMEOUT = Parameter("timeout", "How long the client waits for the answer, in seconds (`30` or `30s`).", bounds={"pattern": _SECONDS_TO_600})

WAIT = Parameter(
    "wait", "Wait so long for the job to end, in seconds (`30` or `30s`); 202 when it has not.", bounds={"pattern": _SECONDS_TO_300}
)

READ = (MIN_REVISION, CONSISTENCY)
PAGED = (*READ, LIMIT, CURSOR)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A route.

    `public`: no token needed. `reply`: type of the body (None: no body), `request`: of the JSON body without `not_in_body`.
    `path_values`: path field -> all that may stand there, for the description.
    `statuses`: other statuses of success, with the same body. `media`: content type of a body that isn't JSON. `etag`: whether the reply has one. `if_match`: path field whose thing If-Match is about.
    `command`: it changes the state by this command. `errors`: statuses besides those that every route has.
    """

    name: str
    method: str
    path: str
    handler: Handler
    summary: str
    status: int = 200
    statuses: tuple[int, ...] = ()
    reply: Any = None
    request: Any = None
    not_in_body: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    path_values: Mapping[str, tuple[str, ...]] = {}
    errors: tuple[int, ...] = ()
    media: str = ""
    etag: bool = False
    if_match: str = ""
    command: str = ""
    public: bool = False

    @property
    def path_fields(self) -> tuple[str, ...]:
        """
        >>> from gd2raft.rest.routes import fields_of
        >>> fields_of("/v1/volumes/{volume}/options/{name}")
        ('volume', 'name')
        """
        return fields_of(self.path)


def fields_of(path: str) -> tuple[str, ...]:
    return tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))


class _Node:
    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.methods: dict[str, Endpoint] = {}


class Router:
    """A tree of path segments; a fixed segment goes before a field."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self._root = _Node()
        for endpoint in self.endpoints:
            node = self._root
            for part in endpoint.path.split("/")[1:]:
                if part.startswith("{"):
                    node.any = node = node.any or _Node()
                else:
                    node = node.fixed.setdefault(part, _Node())
            if endpoint.method in node.methods:
                other = node.methods[endpoint.method]
                raise BadExtension(
                    f"{other.name!r} ({other.path}) and {endpoint.name!r} ({endpoint.path}) have one route for {endpoint.method}; change one, or uninstall its package"
                )
            node.methods[endpoint.method] = endpoint

    def find(self, method: str, raw_path: str) -> tuple[Endpoint, dict[str, str]]:
        """The route and the values of its path's fields. Raises NotFound, NotAllowed, Refused. HEAD is a GET."""
        node, values = self._find(raw_path)
        endpoint = node.methods.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            allow = self._allow(node)
            raise NotAllowed(f"{method[:20]} is not possible here", hint=f"possible: {allow}", fields={"allow": allow})
        return endpoint, dict(zip(endpoint.path_fields, values, strict=True))

    def allow(self, raw_path: str) -> str:
        """Value of the Allow header of a path; raises NotFound."""
        return self._allow(self._find(raw_path)[0])

    def _find(self, raw_path: str) -> tuple[_Node, list[str]]:
        segments = [decode_segment(s) for s in raw_path.split("/")[1:]]
        found = _search(self._root, segments, 0)
        if found is None:
            raise NotFound(f"there is nothing at {raw_path[:200]}", hint="GET /openapi.json describes what there is", code="no-such-route")
        return found

    @staticmethod
    def _allow(node: _Node) -> str:
        methods = {*node.methods, "OPTIONS"} | ({"HEAD"} if "GET" in node.methods else set())
        return ", ".join(sorted(methods))


def _search(node: _Node, segments: list[str], at: int) -> tuple[_Node, list[str]] | None:
    if at == len(segments):
        return (node, []) if node.methods else None
    segment = segments[at]
    if (fixed := node.fixed.get(segment)) is not None and (found := _search(fixed, segments, at + 1)) is not None:
        return found
    if segment and node.any is not None and (found := _search(node.any, segments, at + 1)) is not None:
        return found[0], [segment, *found[1]]
    return None


def decode_segment(raw: str) -> str:
    """Percent-decode one segment; raises Refused for what can't be a name: bad escapes, not UTF-8, control characters."""
    if "%" not in raw and raw.isascii() and raw.isprintable():
        return raw
    if _BAD_ESCAPE.search(raw):
        raise Refused("the path has a broken percent-encoding", hint="a % is written %25", code="bad-path")
    try:
        text = unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise Refused("the path is not UTF-8", code="bad-path") from None
    if not text.isprintable():
        raise Refused("the path has control characters", code="bad-path")
    return text
