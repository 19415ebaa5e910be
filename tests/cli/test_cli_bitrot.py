"""gd2 volume bitrot: which requests its words become, how scrub status looks, and what is refused before anything is sent."""

from __future__ import annotations

import pytest
from cli_kit import volume_info

pytestmark = pytest.mark.fast

NODE = {
    "node": "p1", "name": "node1", "scrub-running": False, "num-scrubbed-files": 2, "num-skipped-files": 1, "error-count": 1,
    "last-scrub-completed-time": "2026-11-27 14:18:32", "last-scrub-duration": 4,
    "corrupted-objects": [{"gfid": "ca3f", "brick": "/b1", "path": "/d/\x1bg"}],
}  # fmt: skip
AWAY = {"node": "p2", "name": "node2", "error": "the peer is down", "corrupted-objects": []}


@pytest.mark.parametrize(
    ("line", "path", "body"),
    [
        ("enable", "enable", None),
        ("disable", "disable", None),
        ("signing-time 10", "settings", {"signing-time": 10}),
        ("signer-threads 2", "settings", {"signer-threads": 2}),
        ("scrub-throttle lazy", "settings", {"scrub-throttle": "lazy"}),
        ("scrub-frequency daily", "settings", {"scrub-frequency": "daily"}),
        ("scrub pause", "settings", {"scrub": "pause"}),
        ("scrub resume", "settings", {"scrub": "resume"}),
    ],
)
def test_glusters_words_become_one_request(gd2, peer, line, path, body):
    peer.answers[f"POST /v1/volumes/v1/bitrot/{path}"] = (200, volume_info())
    result = gd2("volume", "bitrot", "v1", *line.split(), peers=peer)
    assert (result.code, result.err) == (0, "")
    (seen,) = peer.seen
    assert (seen.body or None) == body


def test_a_scrub_is_begun_and_says_where_it_was_not(gd2, peer):
    peer.answers["POST /v1/volumes/v1/bitrot/scrubondemand"] = (200, {"begun": ["p1"], "problems": {"p2": "the peer is down"}})
    out = gd2("volume", "bitrot", "v1", "scrub", "ondemand", peers=peer).out
    assert "begun on 1 peer" in out
    assert "not on p2: the peer is down" in out


def test_scrub_status_names_bad_files_and_peers_that_can_not_be_asked(gd2, peer):
    status = {"volume": "v1", "state": "Active", "frequency": "daily", "throttle": "lazy", "nodes": [NODE, AWAY]}
    peer.answers["GET /v1/volumes/v1/bitrot/scrubstatus"] = (200, status)
    lines = gd2("volume", "bitrot", "v1", "scrub", "status", peers=peer).out.splitlines()
    assert lines[:4] == ["Volume: v1", "State of scrub: Active", "Scrub throttle: lazy", "Scrub frequency: daily"]
    assert "Error count: 1" in lines
    assert "Bad file: /d/?g on /b1 (gfid ca3f)" in lines
    assert lines[-2:] == ["Peer: node2 (p2)", "the peer is down"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "a word is missing"),
        ("enabel", "did you mean 'enable'"),
        ("enable now", "unexpected word 'now'"),
        ("signing-time", "signing-time needs a value"),
        ("signing-time 1.5", "not a number"),
        ("scrub", "scrub needs a value"),
        ("scrub stop", "pause, resume, status or ondemand"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(gd2, peer, line, why):
    result = gd2("volume", "bitrot", "v1", *line.split(), peers=peer)
    assert result.code == 2
    assert why in " ".join(result.err.split())
    assert not peer.seen
