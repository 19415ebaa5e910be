"""Bitrot over REST: replies are as described, the scrub daemons of the volume's peers are asked, and bad requests are told."""

from __future__ import annotations

from typing import Any

import pytest
from rest_kit import OTHER, PEER, Rest
from test_rest_repair import code_of, good, started

from gd2raft.rest.api import Answered

pytestmark = pytest.mark.fast

BITROT, ROUTE = "/v1/volumes/v1/bitrot", "/v1/volumes/{volume}/bitrot"
FOUND = {
    "running": False, "scrubbed-files": 2, "skipped-files": 1, "last-scrub": "2026-11-27 14:18:32", "duration-s": 4, "bad-count": 1,
    "bad": [{"gfid": "ca3f9100", "brick": "/b1", "path": "/d/g"}],
}  # fmt: skip


def enabled(rest: Rest) -> None:
    started(rest)
    good(rest, "POST", f"{BITROT}/enable", f"{ROUTE}/enable")


def test_bitrot_is_enabled_tuned_and_disabled(rest: Rest) -> None:
    started(rest)
    assert code_of(rest, "POST", f"{BITROT}/disable") == (400, "bitrot-disabled")
    assert code_of(rest, "GET", f"{BITROT}/scrubstatus") == (400, "bitrot-disabled")
    good(rest, "POST", f"{BITROT}/enable", f"{ROUTE}/enable")
    assert code_of(rest, "POST", f"{BITROT}/enable") == (400, "already-so")
    wanted = {"signing-time": 10, "signer-threads": 2, "scrub-throttle": "normal", "scrub-frequency": "daily", "scrub": "pause"}
    options = good(rest, "POST", f"{BITROT}/settings", f"{ROUTE}/settings", wanted)["options"]
    names = ("features.expiry-time", "features.signer-threads", "features.scrub-throttle", "features.scrub-freq", "features.scrub")
    assert [options[name] for name in names] == ["10", "2", "normal", "daily", "pause"]
    assert code_of(rest, "POST", f"{BITROT}/settings", {"scrub": "pause"}) == (400, "already-so")
    options = good(rest, "POST", f"{BITROT}/disable", f"{ROUTE}/disable")["options"]
    assert (options["features.bitrot"], options["features.scrub"], options["features.expiry-time"]) == ("off", "Inactive", "10")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad-request"),
        ({"signing-time": 0}, "bad-option"),
        ({"signing-time": -5}, "bad-option"),
        ({"signer-threads": 100_000}, "bad-option"),
        ({"scrub-throttle": "fast"}, "bad-option"),
        ({"scrub-frequency": "never"}, "bad-option"),
        ({"scrub": "stop"}, "bad-option"),
        ({"scrub": "resume"}, "already-so"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(rest: Rest, body: dict[str, Any], code: str) -> None:
    enabled(rest)
    assert code_of(rest, "POST", f"{BITROT}/settings", body) == (400, code)


def test_a_scrub_is_begun_and_shown_peer_by_peer(rest: Rest) -> None:
    enabled(rest)
    assert code_of(rest, "POST", f"{BITROT}/scrubondemand") == (500, "not-begun"), "no peer answers"
    for peer in rest.api.view().volume("v1").peer_ids():
        rest.api.answers[peer] = Answered(value={"refused": "Scrubber is in Pause/Inactive/Running state"})
    assert code_of(rest, "POST", f"{BITROT}/scrubondemand") == (400, "not-begun"), "nobody has failed"
    rest.api.answers[PEER] = Answered(value=FOUND)
    begun = good(rest, "POST", f"{BITROT}/scrubondemand", f"{ROUTE}/scrubondemand")
    assert begun["begun"] == [PEER]
    status = good(rest, "GET", f"{BITROT}/scrubstatus", f"{ROUTE}/scrubstatus")
    assert (status["state"], status["frequency"], status["throttle"]) == ("Active", "biweekly", "lazy")
    asked = {peer for ask, _, peers in rest.api.asked if ask == "scrub-status" for peer in peers}
    nodes = {node["node"]: node for node in status["nodes"]}
    assert set(nodes) == asked
    assert (nodes[PEER]["error-count"], nodes[PEER]["corrupted-objects"]) == (1, [{"gfid": "ca3f9100", "brick": "/b1", "path": "/d/g"}])
    if OTHER in nodes:
        assert nodes[OTHER]["error"] == "the peer is down"
        assert nodes[OTHER].get("error-count") is None
