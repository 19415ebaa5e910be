"""The OpenAPI 3.1 document, made of the routes and the types that they really use. Pure."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gd2raft.rest.body import INTEGER_DIGITS_MAX
from gd2raft.rest.reply import JSON_TYPE
from gd2raft.rest.routes import Endpoint
from gd2raft.rest.shapes import ErrorBody

Json = dict[str, Any]

ALWAYS = {
    "X-Request-Id": "Names this request in the logs; the client's own when it gave one.",
    "X-Gluster-Peer-Id": "The peer that answered.",
    "X-Gluster-Cluster-Id": "The pool.",
    "X-Gluster-Revision": "Revision of the state that the answer was made from.",
}
NAME: Json = {"type": "string", "pattern": r"^[ -~]+$"}
"""What may stand in a path (percent-encoded)."""
INTEGER_MAX = 10**INTEGER_DIGITS_MAX - 1
ETAGS = r'^(\*|"[0-9]{1,18}"(, *"[0-9]{1,18}")*)$'
EVERY_ROUTE_ERRORS = (400, 408, 413, 431, 500)
TEMPLATE = "#/components/schemas/{name}"


def openapi(endpoints: Sequence[Endpoint], version: str) -> Json:
    types = [t for e in endpoints for t in (e.reply, e.request) if t is not None]
    schemas, components = msgspec.json.schema_components([ErrorBody, *types], ref_template=TEMPLATE)
    schema_of = dict(zip([repr(t) for t in [ErrorBody, *types]], schemas, strict=True))
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gd2raft", "version": version, "summary": "Management of GlusterFS."},
        "paths": paths,
        "components": {
            "schemas": _used(paths, {**components, **_of_requests(paths, components)}),
            "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in ALWAYS.items()},
            "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _AUTH}},
        },
        "security": [{"jwt": []}],
    }


def _used(paths: Json, components: Json) -> Json:
    """The components that the paths lead to: requests are written out where they are used, less what is in the path."""
    return {name: components[name] for name in sorted(_reached(paths, components))}


def _of_requests(paths: Json, components: Json) -> Json:
    """Those that requests lead to, with the limits of bodies."""
    bodies = [operation["requestBody"] for methods in paths.values() for operation in methods.values() if "requestBody" in operation]
    return {name: _with_limits(components[name]) for name in _reached(bodies, components)}


def _reached(start: Any, components: Json) -> set[str]:
    found: set[str] = set()
    waiting = _references(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= _references(components[name])
    return found


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rpartition("/")[2]} if str(value.get("$ref", "")).startswith("#/components/schemas/") else set()
        return own.union(*(_references(v) for v in value.values()))
    return set().union(*(_references(v) for v in value)) if isinstance(value, list | tuple) else set()


_AUTH = (
    "HMAC-SHA256, 384 or 512 with the pool's secret; claims iss (gd2 or glustercli), exp, and qsh: "
    'hex(sha256(METHOD + "&" + path)), the path without its query.'
)


def _operation(endpoint: Endpoint, schema_of: Json, components: Json) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": {str(status): _success(endpoint, status, schema_of) for status in (endpoint.status, *endpoint.statuses)},
    }
    for status in errors_of(endpoint):
        operation["responses"][str(status)] = _error(status)
    if endpoint.request is not None and (body := _request_schema(endpoint, schema_of, components)) is not None:
        operation["requestBody"] = {"required": bool(body.get("required")), "content": {"application/json": {"schema": body}}}
    if endpoint.public:
        operation["security"] = []
    return operation


def errors_of(endpoint: Endpoint) -> list[int]:
    """All statuses of errors that the route may answer with."""
    found = {*EVERY_ROUTE_ERRORS, *endpoint.errors}
    if not endpoint.public:
        found.add(401)
    if any(p.name == "min-revision" for p in endpoint.parameters):
        found |= {503, 504}
    if endpoint.request is not None:
        found |= {415, 410}
    return sorted(found)


def _parameters(endpoint: Endpoint) -> list[Json]:
    found: list[Json] = [{"name": f, "in": "path", "required": True, "schema": _in_path(endpoint, f)} for f in endpoint.path_fields]
    found += [
        {"name": p.name, "in": "query", "description": p.summary, "schema": {"type": p.type, **p.bounds}} for p in endpoint.parameters
    ]
    found.append(_header("X-Request-Id", "Kept, and written to the logs; without it a new one is made."))
    if endpoint.method in ("POST", "DELETE"):
        found.append(_header("Idempotency-Key", "The same key with the same request is done once and answered alike.", "^[ -~]{0,128}$"))
    if endpoint.if_match:
        found.append(_header("If-Match", "ETag that the thing must still have, else 412.", ETAGS))
    return found


def _in_path(endpoint: Endpoint, field: str) -> Json:
    return {"type": "string", "enum": list(endpoint.path_values[field])} if field in endpoint.path_values else NAME


def _header(name: str, text: str, pattern: str = "") -> Json:
    schema = {"type": "string", "pattern": pattern} if pattern else {"type": "string"}
    return {"name": name, "in": "header", "description": text, "schema": schema}


def _success(endpoint: Endpoint, status: int, schema_of: Json) -> Json:
    headers = _reply_headers()
    if endpoint.etag:
        headers["ETag"] = _plain_header("Revision at which the thing was last changed.")
    if endpoint.status == 201:
        headers["Location"] = _plain_header("Path of the new thing.")
    if endpoint.statuses:
        headers["Location"] = _plain_header("Path of the job.")
    if any(p.name == "limit" for p in endpoint.parameters):
        headers["X-Gluster-Next-Cursor"] = _plain_header("For the next page; absent on the last one.")
        headers["Link"] = _plain_header("The next page.")
    if endpoint.command:
        headers["X-Gluster-Warning"] = _plain_header("What was done, but not wholly.")
    response: Json = {"description": HTTPStatus(status).phrase, "headers": headers}
    if endpoint.reply is not None:
        response["content"] = {JSON_TYPE.partition(";")[0]: {"schema": schema_of[repr(endpoint.reply)]}}
    elif endpoint.media:
        response["content"] = {endpoint.media.partition(";")[0]: {"schema": {"type": "string"}}}
    return response


def _error(status: int) -> Json:
    headers = _reply_headers()
    if status == 503:
        headers["Retry-After"] = _plain_header("Seconds.")
    if status == 401:
        headers["WWW-Authenticate"] = _plain_header("Bearer, and what is wrong.")
    schema = {"$ref": TEMPLATE.format(name=ErrorBody.__name__)}  # its name is unique: it is ours, and commands define requests only
    return {"description": HTTPStatus(status).phrase, "headers": headers, "content": {"application/json": {"schema": schema}}}


def _reply_headers() -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ALWAYS}


def _plain_header(text: str) -> Json:
    return {"description": text, "schema": {"type": "string"}}


def _request_schema(endpoint: Endpoint, schema_of: Json, components: Json) -> Json | None:
    """The request without the fields that aren't in the body; None when none is left."""
    schema: Json = copy.deepcopy(components[schema_of[repr(endpoint.request)]["$ref"].rpartition("/")[2]])
    for name in endpoint.not_in_body:
        schema.get("properties", {}).pop(name, None)
    schema["required"] = [name for name in schema.get("required", ()) if name not in endpoint.not_in_body]
    return _with_limits(schema) if schema.get("properties") else None


def _with_limits(schema: Any) -> Any:
    """Whole numbers as body.decode_object takes them."""
    if isinstance(schema, list):
        return [_with_limits(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    limits = {"minimum": -INTEGER_MAX, "maximum": INTEGER_MAX} if schema.get("type") == "integer" else {}
    return {**limits, **{name: _with_limits(value) for name, value in schema.items()}}
