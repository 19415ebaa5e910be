"""/openapi.json is true: every route is in it, and real replies are what it says."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import msgspec
import pytest
from rest_kit import OTHER, Answer, Rest

from bench import report
from gd2raft.core import model
from gd2raft.core.phases import Leftover, Phase, Transaction
from gd2raft.core.plan import Command, Ids, Plan, Request, Route, View
from gd2raft.core.plan import Failed as FailedError
from gd2raft.rest.server import RestServer

pytestmark = pytest.mark.fast

Json = dict[str, Any]
KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "number": (int, float),
    "null": (type(None),),
}


def complaints(value: Any, schema: Json, document: Json, at: str = "$") -> list[str]:
    """What a value has that its JSON Schema doesn't allow. For the words that msgspec's schemas use; another word is a complaint."""
    known = {
        "$ref",
        "type",
        "title",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "enum",
        "default",
        "anyOf",
        "prefixItems",
        "minimum",
        "maximum",
    }
    found = [f"{at}: this test doesn't know {word!r}" for word in set(schema) - known]
    if "$ref" in schema:
        return complaints(value, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, at)
    if "anyOf" in schema:
        options = [complaints(value, option, document, at) for option in schema["anyOf"]]
        return found + ([] if [] in options else options[0])
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is not one of {schema['enum']}")
    if "type" in schema and (not isinstance(value, KINDS[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")):
        return [*found, f"{at}: {value!r} is not of type {schema['type']}"]
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += complaints(item, schema["items"], document, f"{at}[{index}]")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, item in value.items():
            if name in properties:
                found += complaints(item, properties[name], document, f"{at}.{name}")
            elif others is False:
                found.append(f"{at}: {name} is not in the schema")
            elif isinstance(others, dict):
                found += complaints(item, others, document, f"{at}.{name}")
    return found


def check(document: Json, method: str, path: str, answer: Answer) -> None:
    operation = document["paths"][path][method.lower()]
    responses = operation["responses"]
    assert str(answer.status) in responses, f"{method} {path} answered {answer.status}, documented are {sorted(responses)}"
    response = responses[str(answer.status)]
    for name, header in response["headers"].items():
        if "$ref" in header or name in ("ETag", "Location", "Retry-After", "WWW-Authenticate"):
            assert name.lower() in answer.headers, f"{method} {path} {answer.status}: no header {name}"
    if "content" not in response:
        assert answer.body == b""
        return
    ((media, content),) = response["content"].items()
    assert answer.headers["content-type"].startswith(media)
    if media == "application/json":
        assert complaints(answer.json, content["schema"], document) == []


def document_of(rest: Rest) -> Json:
    return dict(rest.get("/openapi.json").json)


BODIES: dict[str, Any] = {
    "peer-add": {"addresses": ["node3"]},
    "peers-add": {"peers": [{"addresses": ["node3"]}, {"addresses": ["node4"]}]},
    "peer-edit": {"zone": "z"},
    "volume-create": {"name": "v2", "bricks": ["node1:/new", "node2:/new"], "replica": 2, "force": True},
    "volume-set": {"options": {"performance.io-cache": "on"}},
    "option-group-create": {"name": "own", "options": [{"name": "performance.io-cache", "onvalue": "on"}]},
    "volume-edit": {"metadata": {"a": "b"}},
    "cluster-voters": {"voters": 3},
    "placement": {"name": "v3", "bricks": ["node1:/p", "node2:/p"], "replica": 2, "force": True},
    "cluster-reset": {"all": True},
    "volume-reset": {"all": True},
    "cluster-set": {"options": {"cluster.server-quorum-ratio": "51%"}},
}
JOBS = ("rebalance-start", "rebalance-stop", "rebalance-status", "remove-brick-start", "remove-brick-stop", "remove-brick-commit",
        "remove-brick-status", "volume-expand", "job-get")  # fmt: skip
"""Each needs a state of its own: test_rest_jobs.py."""
REPAIRS = ("peer-replace", "volume-replace-brick", "volume-reset-brick-start", "volume-reset-brick-commit", "volume-barrier", "volume-profile-start",
           "volume-profile-stop", "heal", "heal-info", "heal-info-of", "heal-count", "split-brain", "volume-status-of", "profile-info",
           "top", "volume-statedump", "volume-services", "volume-clear-locks", "volume-rotate-logs")  # fmt: skip
"""These too: test_rest_repair.py."""
QUOTA = ("quota-enable", "quota-disable", "quota-edit", "quota-inodes-enable", "quota-limit", "quota-remove", "quota-list")
"""And these: test_rest_quota.py."""
BITROT = ("bitrot-enable", "bitrot-disable", "bitrot-edit", "scrub-status", "scrub-ondemand")
"""And these: test_rest_bitrot.py."""
DEVICES = ("volume-clone", "device-add", "device-edit", "device-tags", "device-remove", "device-resync", "device-get")
"""And these: test_rest_devices.py."""
LAST = ("volume-stop", "volume-delete", "peer-remove")


def fill(path: str) -> str:
    return (
        path.replace("{volume}", "v1")
        .replace("{peer}", "node2")
        .replace("{option}", "performance.io-cache")
        .replace("{transaction}", "t1")
        .replace("{group}", "own")
    )


def test_every_route_answers_as_its_description_says(rest: Rest) -> None:
    document = document_of(rest)
    rest.create("v1", "/b1", "/b2", "/b3", replica=3, force=True)
    ordered = sorted(
        rest.server.endpoints,
        key=lambda e: (e.name in LAST, e.name in ("volume-status",), e.method == "DELETE", LAST.index(e.name) if e.name in LAST else 0),
    )
    rest.ask("POST", "/v1/volumes/v1/start")
    record = Transaction(id="t1", command="c", phase=Phase.STUCK, plan=msgspec.to_builtins(Plan()), initiator="p", started=0.0)
    left = Leftover(transaction="t1", command="c", since=1.0, undo=())
    for endpoint in ordered:
        rest.do(lambda: rest.api.put("txn/t1", record))
        rest.do(lambda: rest.api.put(model.leftovers_prefix(OTHER) + "t1", left))
        if (
            endpoint.name in ("watch", "cluster-export")
            or endpoint.name in (*LAST, *JOBS, *REPAIRS, *QUOTA, *BITROT, *DEVICES)
            or endpoint.name == "volume-start"
        ):
            continue
        answer = rest.ask(endpoint.method, fill(endpoint.path), BODIES.get(endpoint.name))
        assert answer.status == endpoint.status, f"{endpoint.name} (has it a line in BODIES?): {answer.body!r}"
        check(document, endpoint.method, endpoint.path, answer)
    for method, path in [
        ("POST", "/v1/volumes/{volume}/stop"),
        ("POST", "/v1/volumes/{volume}/start"),
        ("POST", "/v1/volumes/{volume}/stop"),
    ]:
        answer = rest.ask(method, fill(path))
        assert answer.status == 200, answer.body
        check(document, method, path, answer)
    rest.ask("DELETE", "/v1/volumes/v2")
    for path in ("/v1/volumes/{volume}", "/v1/peers/{peer}"):
        answer = rest.ask("DELETE", fill(path))
        assert answer.status == 204, answer.body
        check(document, "DELETE", path, answer)


def test_errors_of_every_route_are_as_described(rest: Rest) -> None:
    document = document_of(rest)
    for endpoint in rest.server.endpoints:
        path = endpoint.path.replace("{", "no").replace("}", "")
        answers = [rest.ask(endpoint.method, path + "?nonsense=1")]
        if not endpoint.public:
            answers.append(rest.ask(endpoint.method, path, token=None))
        if endpoint.path_fields:
            answers.append(rest.ask(endpoint.method, path, BODIES.get(endpoint.name)))
        if endpoint.request is not None:
            answers.append(rest.ask(endpoint.method, path, b"{"))
            answers.append(rest.ask(endpoint.method, path, b"x", headers={"Content-Type": "text/plain"}))
        answers.append(rest.ask(endpoint.method, path, headers={"Content-Length": "99999999999"}))
        for answer in answers:
            assert answer.status >= 400, (endpoint.name, answer)
            check(document, endpoint.method, endpoint.path, answer)


def test_the_description_covers_exactly_the_routes(rest: Rest) -> None:
    described = {(method.upper(), path) for path, methods in document_of(rest)["paths"].items() for method in methods}
    assert described == {(e.method, e.path) for e in rest.server.endpoints}


def test_described_parameters_are_those_that_are_understood(rest: Rest) -> None:
    document = document_of(rest)
    volumes = [p["name"] for p in document["paths"]["/v1/volumes"]["get"]["parameters"] if p["in"] == "query"]
    assert volumes == ["min-revision", "consistency", "limit", "cursor", "key", "value"]
    start = {p["name"] for p in document["paths"]["/v1/volumes/{volume}/start"]["post"]["parameters"]}
    assert start == {"volume", "timeout", "X-Request-Id", "Idempotency-Key", "If-Match"}


@pytest.mark.parametrize(
    ("text", "fits"), [("1", True), ("30s", True), ("600", True), ("0600s", True), ("0", False), ("601", False), ("", False), ("1m", False)]
)
def test_times_in_the_query_are_described_as_they_are_understood(rest: Rest, text: str, fits: bool) -> None:
    described = parameter(document_of(rest), "/v1/volumes/{volume}/start", "timeout")
    assert bool(re.search(described["schema"]["pattern"], text)) == fits
    assert (rest.ask("POST", f"/v1/volumes/none/start?timeout={text}", {}).status == 404) == fits


@pytest.mark.parametrize(("text", "fits"), [("*", True), ('"1"', True), ('"1", "2"', True), ('"', False), ("x", False), ('"1" "2"', False)])
def test_etags_are_described_as_they_are_understood(rest: Rest, text: str, fits: bool) -> None:
    described = parameter(document_of(rest), "/v1/volumes/{volume}/start", "If-Match")
    assert bool(re.search(described["schema"]["pattern"], text)) == fits
    assert (rest.ask("POST", "/v1/volumes/none/start", {}, headers={"If-Match": text}).status == 404) == fits


def test_whole_numbers_of_bodies_are_described_with_their_limits(rest: Rest) -> None:
    document = document_of(rest)
    create = document["paths"]["/v1/volumes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    subvol = document["components"]["schemas"][create["properties"]["subvols"]["items"]["$ref"].rpartition("/")[2]]
    for schema in (create["properties"]["size"], subvol["properties"]["replica"]):
        assert schema["maximum"] == 10**15 - 1
        body = {"name": "v", "size": schema["maximum"] + 1}
        assert "too large" in str(rest.ask("POST", "/v1/volumes", body).json)


@pytest.mark.parametrize(("text", "status"), [("2", 404), ("2.0", 404), ("2e0", 404), ("2.5", 400), ("1e300", 400)])
def test_a_whole_number_is_one_however_it_is_written(rest: Rest, text: str, status: int) -> None:
    body = f'{{"distribute": {text}}}'.encode()
    assert rest.ask("POST", "/v1/volumes/none/expand", body, headers={"Content-Type": "application/json"}).status == status


def parameter(document: Json, path: str, name: str) -> Json:
    (found,) = [p for p in document["paths"][path]["post"]["parameters"] if p["name"] == name]
    return dict(found)


@pytest.mark.parametrize(("name", "path"), [("v1", "/openapi.json"), ("heketi", "/openapi-heketi.json")])
def test_what_schemathesis_leaves_out_is_there_and_has_a_reason(rest: Rest, name: str, path: str) -> None:
    text = (report.ROOT / "bench" / "openapi" / f"{name}.toml").read_text()
    for exception in tomllib.loads(text)["operations"]:
        paths = exception["include-path"]
        assert set([paths] if isinstance(paths, str) else paths) <= rest.get(path).json["paths"].keys()
    lines = text.splitlines()
    assert all(lines[number - 1].startswith("# ") for number, line in enumerate(lines) if line.startswith("["))


def test_a_request_body_is_described_without_what_is_in_the_path_or_internal(rest: Rest) -> None:
    document = document_of(rest)

    def body(method: str, path: str) -> Json:
        return dict(document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"])

    assert set(body("post", "/v1/peers")["properties"]) == {"addresses", "zone", "metadata"}
    assert body("post", "/v1/peers")["required"] == ["addresses"]
    assert "volume" not in body("post", "/v1/volumes/{volume}/options")["properties"]
    assert body("post", "/v1/volumes")["additionalProperties"] is False
    assert "FoundPeer" not in document["components"]["schemas"]


def test_all_references_lead_somewhere(rest: Rest) -> None:
    document = document_of(rest)

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [value[k] for k in ("$ref",) if k in value] + [r for v in value.values() for r in references(v)]
        return [r for v in value for r in references(v)] if isinstance(value, list) else []

    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_the_checker_of_this_test_finds_what_is_wrong() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
    assert complaints({"a": 1}, schema, {}) == []
    for wrong in ({}, {"a": "1"}, {"a": True}, {"a": 1, "b": 2}, []):
        assert complaints(wrong, schema, {}) != []


# a command that nobody here knows


class Frobnicate(Request, frozen=True, kw_only=True):
    volume: str
    how_often: int = 1
    secret_field: str = ""


def plan_frobnicate(view: View, request: Frobnicate, ids: Ids) -> Plan:
    raise FailedError("not here")


def test_a_new_command_gets_its_route_without_a_change_here(rest: Rest) -> None:
    command = Command(
        name="frobnicate",
        request=Frobnicate,
        plan=plan_frobnicate,
        route=Route("POST", "/v1/volumes/{volume}/frobnicate", 200, "volume", internal=("secret_field",)),
    )
    server = RestServer(rest.api, commands=[command])
    rest.wait(server.start())
    endpoint = next(e for e in server.endpoints if e.name == "frobnicate")
    assert (endpoint.if_match, endpoint.etag, endpoint.not_in_body) == ("volume", True, ("volume", "secret-field"))


def test_a_command_whose_route_names_no_field_of_it_stops_the_server_from_starting(rest: Rest) -> None:
    for route in (Route("POST", "/v1/{volumes}"), Route("POST", "/v1/x", 200, "nonsense"), Route("POST", "/v1/x", internal=("nothing",))):
        command = Command(name="frobnicate", request=Frobnicate, plan=plan_frobnicate, route=route)
        try:
            rest.wait(RestServer(rest.api, commands=[command]).start())
        except ValueError as error:
            assert "frobnicate" in str(error)
        else:
            raise AssertionError(f"{msgspec.to_builtins(route)} was accepted")
