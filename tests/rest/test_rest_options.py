"""What REST says of options: a description of all there are, those of the pool, and what a volume's volfiles are made from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_kit import Rest
from test_rest_openapi import check, document_of
from test_rest_repair import good, started

from gd2raft.core.options import default_of
from gd2volgen.tables import option_table

pytestmark = pytest.mark.fast

TABLE = option_table().options
ODD_DEFAULTS = ("cluster.server-quorum-type",)
"""Of glusterd itself: it shows "off", and takes "none" or "server"."""


def described(rest: Rest) -> dict[str, dict[str, Any]]:
    return {option["name"]: option for option in good(rest, "GET", "/v1/options", "/v1/options")}


# the description of all options


def test_every_option_that_can_be_set_is_described_once_and_in_the_order_of_the_table(rest: Rest) -> None:
    assert [option["name"] for option in rest.get("/v1/options").json] == list(TABLE)


def test_a_description_says_what_the_table_knows(rest: Rest) -> None:
    for name, shown in described(rest).items():
        option = TABLE[name]
        assert shown == {
            "name": name,
            "type": option.type,
            "values": list(option.values),
            "default-value": default_of(option),
            "scope": option.scope,
            "documented": option.documented,
            "help": option.help,
        }


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cluster.lookup-optimize", {"type": "bool", "default-value": "on", "scope": "volume", "documented": True}),
        ("cluster.favorite-child-policy", {"values": ["none", "size", "ctime", "mtime", "majority"], "default-value": "none"}),
        ("cluster.server-quorum-ratio", {"scope": "pool", "default-value": "51", "type": "percent"}),
        ("cluster.localtime-logging", {"scope": "pool", "default-value": "disable", "values": ["enable", "disable"]}),
        ("cluster.extra-hash-regex", {"documented": False, "default-value": "(null)"}),
    ],
)
def test_single_options_are_described_as_glusterd_has_them(rest: Rest, name: str, fields: dict[str, Any]) -> None:
    shown = described(rest)[name]
    assert {field: shown[field] for field in fields} == fields


def test_an_option_is_of_a_volume_or_of_the_pool_and_a_word_among_its_values_is_its_default(rest: Rest) -> None:
    for option in described(rest).values():
        assert option["scope"] in ("volume", "pool")
        if option["type"] == "str" and option["values"] and option["default-value"] not in ("", "(null)"):
            assert option["default-value"] in option["values"] or option["name"] in ODD_DEFAULTS, option["name"]


def test_the_description_needs_a_token_takes_no_change_and_refuses_what_it_does_not_know(rest: Rest) -> None:
    assert rest.ask("GET", "/v1/options", token=None).status == 401
    for method in ("POST", "PUT", "DELETE"):
        assert rest.ask(method, "/v1/options", {}).status == 405
    assert rest.get("/v1/options/cluster.lookup-optimize").status == 404


# options of the pool


def test_options_of_the_pool_are_shown_with_their_defaults_and_what_was_set(rest: Rest) -> None:
    rest.ask("POST", "/v1/cluster/options", {"options": {"cluster.localtime-logging": "enable"}})
    shown = {o["key"]: o for o in good(rest, "GET", "/v1/cluster/options", "/v1/cluster/options")}
    assert {name for name, option in TABLE.items() if option.scope == "pool"} <= shown.keys()
    wanted = {"key": "cluster.localtime-logging", "value": "enable", "default": "disable", "modified": True}
    assert {field: shown["cluster.localtime-logging"][field] for field in wanted} == wanted
    assert not shown["cluster.brick-multiplex"]["modified"] and shown["cluster.brick-multiplex"]["value"] == "disable"


def test_no_option_of_the_pool_has_an_empty_value(rest: Rest) -> None:
    assert [o["key"] for o in rest.get("/v1/cluster/options").json if not o["value"]] == []


# resetting what is not set


@pytest.mark.parametrize(
    ("path", "template", "option"),
    [
        ("/v1/volumes/v1/options", "/v1/volumes/{volume}/options", "performance.io-cache"),
        ("/v1/cluster/options", "/v1/cluster/options", "cluster.brick-multiplex"),
    ],
)
def test_an_option_that_is_not_set_is_reset_only_when_the_request_says_if_set(rest: Rest, path: str, template: str, option: str) -> None:
    started(rest)
    answer = rest.ask("DELETE", path, {"options": [option]})
    assert (answer.status, answer.error["fields"]["code"]) == (400, "not-set")
    good(rest, "DELETE", path, template, {"options": [option], "if-set": True})


@pytest.mark.parametrize("path", ["/v1/volumes/v1/options", "/v1/cluster/options"])
def test_a_reset_without_a_body_is_refused_and_says_how_all_are_meant(rest: Rest, path: str) -> None:
    started(rest)
    for body in (None, {}, {"options": []}, {"all": False}):
        answer = rest.ask("DELETE", path, body)
        assert (answer.status, answer.error["fields"]["code"]) == (400, "bad-option") and '"all": true' in str(answer.error)
    assert rest.ask("DELETE", path, {"all": True}).status == 200


# what a volume's volfiles are made from


def test_a_volumes_description_is_what_the_daemon_says_of_it(rest: Rest) -> None:
    started(rest)
    answer = rest.get("/v1/volumes/v1/description")
    check(document_of(rest), "GET", "/v1/volumes/{volume}/description", answer)
    assert (answer.status, answer.json) == (200, {"name": "v1", "username": "hidden"})


def test_a_volume_is_described_by_its_id_too_and_one_that_is_not_there_is_not_found(rest: Rest) -> None:
    volume = started(rest)
    assert rest.get(f"/v1/volumes/{volume['id']}/description").json["name"] == "v1"
    answer = rest.get("/v1/volumes/nope/description")
    assert (answer.status, answer.error["fields"]["code"]) == (404, "volume-not-found")
    assert rest.ask("POST", "/v1/volumes/v1/description", {}).status == 405


def test_no_description_shows_the_credentials_of_trusted_clients(rest: Rest) -> None:
    started(rest)
    stored = rest.do(lambda: rest.api.view().volume("v1"))
    assert stored is not None and stored.password
    for path in ("/v1/volumes/v1/description", "/v1/volumes/v1", "/v1/volumes/v1/options", "/v1/options"):
        text = json.dumps(rest.get(path).json)
        assert stored.password not in text and stored.username not in text
