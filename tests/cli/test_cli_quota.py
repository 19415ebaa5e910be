"""gd2 volume quota: which requests its words become, how limits look, and what is refused before anything is sent."""

from __future__ import annotations

import pytest
from cli_kit import volume_info

pytestmark = pytest.mark.fast

LIMIT = {"hard": 4 << 20, "soft": 2 << 20, "soft-percent": 50.0, "available": 0, "soft-exceeded": True, "hard-exceeded": True}
ENTRY = {"path": "/d", "gfid": "g", "used-bytes": 4 << 20, "files": 3, "directories": 1, "usage": LIMIT, "error": ""}
BARE = {"path": "/e", "gfid": "h", "used-bytes": 0, "files": 0, "directories": 1, "error": ""}
GONE = {"path": "/x", "gfid": "i", "usage": {"hard": 1, "soft": 0, "soft-percent": 80.0}, "error": "the directory is gone"}


@pytest.mark.parametrize(
    ("line", "request_line", "body"),
    [
        ("enable", "POST /v1/quota/v1", None),
        ("disable", "DELETE /v1/quota/v1", None),
        ("limit-usage /d 10GB", "POST /v1/quota/v1/limit", {"path": "/d", "size": "10GB"}),
        ("limit-usage /d 10GB 75%", "POST /v1/quota/v1/limit", {"path": "/d", "size": "10GB", "soft-percent": 75}),
        ("limit-objects /d 100 0", "POST /v1/quota/v1/limit", {"path": "/d", "objects": 100, "soft-percent": 0}),
        ("remove /d", "DELETE /v1/quota/v1/limit", {"path": "/d", "objects": False}),
        ("remove-objects /d", "DELETE /v1/quota/v1/limit", {"path": "/d", "objects": True}),
        ("alert-time 1d", "POST /v1/quota/v1/settings", {"alert-time": "1d"}),
        ("default-soft-limit 75%", "POST /v1/quota/v1/settings", {"default-soft-limit": "75%"}),
    ],
)
def test_glusters_words_become_one_request(gd2, peer, line, request_line, body):
    peer.answers[request_line] = (200, volume_info())
    result = gd2("volume", "quota", "v1", *line.split(), peers=peer)
    assert (result.code, result.err) == (0, "")
    (seen,) = peer.seen
    assert (f"{seen.method} {seen.target}", seen.body or None) == (request_line, body)


def test_inode_quota_is_a_request_too(gd2, peer):
    peer.answers["POST /v1/quota/v1/inodes"] = (200, volume_info())
    assert gd2("volume", "inode-quota", "v1", "enable", peers=peer).code == 0
    assert gd2("volume", "inode-quota", "v1", "disable", peers=peer).code == 2


def test_limits_are_a_table_and_those_of_objects_are_another(gd2, peer):
    peer.answers["GET /v1/quota/v1/limit"] = (200, [ENTRY, GONE, {**BARE, "objects": {**LIMIT, "hard": 10, "soft": 5}}])
    lines = gd2("volume", "quota", "v1", "list", peers=peer).out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["/d", "4.0", "MiB", "50%", "(2.0", "MiB)", "4.0", "MiB", "0", "B", "Yes", "Yes"]
    assert "the directory is gone" in lines[2]
    lines = gd2("volume", "quota", "v1", "list-objects", peers=peer).out.splitlines()
    assert [line.split() for line in lines[1:]] == [["/e", "10", "50%", "(5)", "0", "1", "0", "Yes", "Yes"]]


def test_a_path_is_asked_for_by_itself_and_shown_without_a_limit_too(gd2, peer):
    peer.answers["GET /v1/quota/v1/limit"] = [(200, [ENTRY]), (200, [BARE])]
    result = gd2("volume", "quota", "v1", "list", "/d", "/e", peers=peer)
    assert (result.code, result.err) == (0, "")
    assert [seen.target.partition("?")[2] for seen in peer.seen] == ["path=%2Fd", "path=%2Fe"]
    out = result.out
    assert "/d" in out
    assert out.splitlines()[2].split()[:3] == ["/e", "N/A", "N/A"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "a word is missing"),
        ("limit-usag /d 1GB", "did you mean 'limit-usage'"),
        ("limit-usage /d", "limit-usage /dir 10GB 80%"),
        ("limit-usage /d 1GB 80% more", "unexpected word 'more'"),
        ("limit-usage d 1GB", "not an absolute path"),
        ("limit-usage /d 1GB much", "not a percentage"),
        ("limit-objects /d 1.5", "not a number"),
        ("remove", "remove /dir"),
        ("enable now", "unexpected word 'now'"),
        ("soft-timeout", "soft-timeout VALUE"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(gd2, peer, line, why):
    result = gd2("volume", "quota", "v1", *line.split(), peers=peer)
    assert result.code == 2
    assert why in result.err.replace("\n", " ")
    assert not peer.seen
