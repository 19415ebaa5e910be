"""The OpenAPI 3.1 document of heketi's endpoints, made of its routes as rest/openapi.py makes that of /v1. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gd2raft.rest.heketi.bodies import Body
from gd2raft.rest.openapi import TEMPLATE
from gd2raft.rest.routes import Endpoint

Json = dict[str, Any]
EVERY_ROUTE_ERRORS = (400, 401, 404, 405, 408, 413, 431, 500, 503)
_AUTH = (
    "HMAC-SHA256 with the key of the role in iss (admin or user); claims iss, exp (no leeway) and qsh: "
    'hex(sha256(METHOD + "&" + path)), the path without its query.'
)


def document(endpoints: Sequence[Endpoint], version: str) -> Json:
    types = [t for e in endpoints for t in (e.reply, e.request) if t is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=TEMPLATE)
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    needed = {name: body.needed for body in Body.__subclasses__() for name in (body.__name__, f"{body.__module__}.{body.__name__}")}
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gd2raft for heketi's clients", "version": version, "summary": "heketi v10's endpoints."},
        "paths": paths,
        "components": {
            "schemas": {name: _as_sent(schema, needed[name]) if name in needed else schema for name, schema in components.items()},
            "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _AUTH}},
        },
        "security": [{"jwt": []}],
    }


def _operation(endpoint: Endpoint, schema_of: Json) -> Json:
    statuses = (endpoint.status, *endpoint.statuses)
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [
            {"name": f, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Fa-f0-9]+$"}}
            for f in endpoint.path_fields
        ],
        "responses": {str(status): _reply(endpoint, status, schema_of) for status in statuses},
    }
    errors = {*EVERY_ROUTE_ERRORS, *endpoint.errors, *((422,) if endpoint.request is not None else ())}
    operation["responses"] |= {str(status): _error(status) for status in sorted(errors - set(statuses))}
    if endpoint.request is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema_of[repr(endpoint.request)]}}}
    if endpoint.public:
        operation["security"] = []
    return operation


def _as_sent(schema: Json, needed: Sequence[str]) -> Json:
    """A request: what is not needed may be null, as nothing; so may a value of a map."""
    fields: Json = {name: field if name in needed else _or_null(field) for name, field in schema["properties"].items()}
    return {**schema, "properties": fields, "required": list(needed)}


def _or_null(field: Json) -> Json:
    if isinstance(values := field.get("additionalProperties"), dict):
        field = {**field, "additionalProperties": _or_null(values)}
    return {"anyOf": [field, {"type": "null"}]}


def _reply(endpoint: Endpoint, status: int, schema_of: Json) -> Json:
    if status == 501:
        return _error(status)
    response: Json = {"description": HTTPStatus(status).phrase}
    if status in (202, 303):
        text = "Path of the operation, relative." if status == 202 else "Path of what was made, relative."
        response["headers"] = {"Location": {"description": text, "schema": {"type": "string"}}}
    elif endpoint.reply is not None and status not in (204,):
        response["content"] = {"application/json": {"schema": schema_of[repr(endpoint.reply)]}}
    elif endpoint.media:
        response["content"] = {endpoint.media.partition(";")[0]: {"schema": {"type": "string"}}}
    return response


def _error(status: int) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    if status != 405:
        response["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return response
