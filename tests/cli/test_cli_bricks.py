"""gd2 volume add-brick, remove-brick, rebalance, and gd2 job: words to requests, and how jobs look to people."""

from __future__ import annotations

import json

import pytest
from cli_kit import volume_info

PART = {
    "peer-id": "p2", "host": "n2", "status": "in progress", "files": 3, "size": 2048, "lookups": 9, "failures": 1, "skipped": 0,
    "run-time-s": 3725, "time-left-s": 0, "note": "",
}  # fmt: skip
JOB = {
    "id": "j1", "kind": "remove-brick", "volume": "v1", "option": "", "status": "in progress", "bricks": ["n2:/b/2"], "started": 1.0,
    "files": 3, "size": 2048, "failures": 1, "skipped": 0, "parts": [PART],
}  # fmt: skip
FLAGS = {"create-brick-dir": True}


@pytest.mark.parametrize(
    ("line", "request_line", "body", "reply", "shown"),
    [
        (
            "volume add-brick v1 n3:/b n4:/b force", "POST /v1/volumes/v1/expand",
            {"bricks": ["n3:/b", "n4:/b"], "force": True, "flags": FLAGS}, volume_info(), "rebalance v1 start",
        ),
        (
            "volume add-brick v1 replica 3 arbiter 1 n3:/b", "POST /v1/volumes/v1/expand",
            {"bricks": ["n3:/b"], "force": False, "replica": 3, "arbiter": 1, "flags": FLAGS}, volume_info(), "v1: success",
        ),
        ("volume remove-brick v1 n2:/b/2 start", "POST /v1/volumes/v1/remove-brick/start", {"bricks": ["n2:/b/2"]}, JOB, "j1"),
        ("volume remove-brick v1 n2:/b/2 stop", "POST /v1/volumes/v1/remove-brick/stop", {"bricks": ["n2:/b/2"]}, JOB, "j1"),
        ("volume remove-brick v1 n2:/b/2 commit", "POST /v1/volumes/v1/remove-brick/commit", {"bricks": ["n2:/b/2"]}, volume_info(), "success"),
        (
            "volume remove-brick v1 replica 2 n2:/b/2 force", "POST /v1/volumes/v1/remove-brick/commit",
            {"bricks": ["n2:/b/2"], "replica": 2, "force": True}, volume_info(), "success",
        ),
        ("volume rebalance v1 start", "POST /v1/volumes/v1/rebalance/start", {"option": ""}, JOB, "rebalance v1 status"),
        ("volume rebalance v1 fix-layout start", "POST /v1/volumes/v1/rebalance/start", {"option": "fix-layout"}, JOB, "success"),
        ("volume rebalance v1 start force", "POST /v1/volumes/v1/rebalance/start", {"option": "force"}, JOB, "success"),
        ("volume rebalance v1 stop", "POST /v1/volumes/v1/rebalance/stop", {}, JOB, "success"),
    ],
)  # fmt: skip
def test_words_become_one_request(gd2, peer, line, request_line, body, reply, shown):
    peer.answers[request_line] = (200, reply)
    result = gd2(*line.split(), peers=peer)
    assert (result.code, result.err) == (0, "")
    assert shown in result.out
    (seen,) = peer.seen
    assert (f"{seen.method} {seen.target}", seen.body) == (request_line, body)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("volume add-brick v1", "no bricks"),
        ("volume add-brick v1 n3:b", "absolute path"),
        ("volume add-brick v1 arbiter 1 n3:/b", "must follow replica"),
        ("volume remove-brick v1 start", "no bricks"),
        ("volume remove-brick v1 n2:/b", "one of start, stop, status, commit, force"),
        ("volume remove-brick v1 n2:/b start stop", "exclude each other"),
        ("volume remove-brick v1 n2:/b commit force", "exclude each other"),
        ("volume remove-brick v1 n2:/b comit", "did you mean 'commit'"),
        ("volume rebalance v1", "one of start, stop, status"),
        ("volume rebalance v1 start status", "exclude each other"),
        ("volume rebalance v1 fix-layout start force", "nothing to force"),
        ("job show", "JOB is missing"),
    ],
)
def test_what_can_not_be_meant_is_a_usage_error_and_asks_nobody(gd2, peer, line, reason):
    result = gd2(*line.split(), peers=peer)
    assert result.code == 2 and reason in result.err
    assert peer.seen == []


def test_a_job_is_shown_in_glusters_columns(gd2, peer):
    peer.answers["GET /v1/jobs/j1"] = (
        200,
        {**JOB, "parts": [PART, {**PART, "host": "", "status": "waiting", "note": "its process is not running"}]},
    )
    result = gd2("job", "show", "j1", peers=peer)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[:3] == ["remove-brick of volume v1: in progress", "ID: j1", "emptied: n2:/b/2"]
    assert lines[3].split()[:3] == ["Node", "Rebalanced-files", "Size"]
    assert "1:02:05" in lines[4] and "2.0 KiB" in lines[4]
    assert lines[5].startswith("p2") and lines[5].endswith("its process is not running")


def test_the_status_of_bricks_that_are_not_being_removed_is_an_error(gd2, peer):
    peer.answers["GET /v1/volumes/v1/remove-brick"] = (200, JOB)
    wrong = gd2("volume", "remove-brick", "v1", "n3:/b/3", "status", peers=peer)
    assert wrong.code == 1 and "n3:/b/3" in wrong.err and "n2:/b/2" in wrong.err
    right = gd2("volume", "remove-brick", "v1", "other-name:/b//2/", "status", peers=peer)
    assert right.code == 0 and "in progress" in right.out


def test_no_jobs_are_said_to_be_none(gd2, peer):
    peer.answers["GET /v1/jobs"] = (200, [])
    assert gd2("job", "list", peers=peer).out.strip() == "there are no jobs"
    assert json.loads(gd2("--json", "job", "list", peers=peer).out) == []
