"""How a command ends: an exit code that scripts rely on, and an error that says what, where, why, and the way out."""

from __future__ import annotations

import json

import pytest
from cli_kit import ADDRESS, Raw, error, free_port, volume_info


@pytest.mark.parametrize(
    ("status", "fields", "code"),
    [
        (400, {"code": "already-started"}, 1),
        (403, {"code": "has-bricks"}, 1),
        (404, {"code": "volume-not-found"}, 4),
        (409, {"code": "conflict"}, 5),
        (412, {"code": "changed-since"}, 5),
        (500, {"code": "step-failed"}, 1),
        (503, {"code": "no-quorum"}, 6),
        (504, {"code": "outcome-unknown"}, 7),
    ],
)
def test_each_refusal_has_its_exit_code_and_keeps_the_hint_and_request_id(gd2, peer, status, fields, code):
    peer.answers["POST /v1/volumes/v1/start"] = (status, error("no way", hint="do this", **{"request-id": "r-17"}, **fields))
    result = gd2("volume", "start", "v1", peers=peer)
    assert (result.code, result.out) == (code, "")
    assert result.err.splitlines()[0] == "gd2: volume start: no way"
    assert "  what to do: do this\n" in result.err
    assert "  request id: r-17\n" in result.err
    assert peer.url in result.err


def test_a_failed_step_is_shown_with_peer_step_and_cause(gd2, peer):
    fields = {"peer-id": "p-2", "step": "brick-prepare", "error": "/b is not a directory", "undo": "done"}
    peer.answers["POST /v1/volumes"] = (500, error("a step failed", **fields))
    result = gd2("volume", "create", "v1", "n1:/b", peers=peer)
    assert result.code == 1
    for line in ("peer: p-2", "step: brick-prepare", "why: /b is not a directory", "undo: done"):
        assert f"  {line}\n" in result.err


def test_several_failed_steps_are_a_line_each_and_nothing_is_said_twice(gd2, peer):
    told = ["brick.prepare on p-2: /b is a file", "brick.prepare on p-3: /c is a file"]
    fields = {"peer-id": "p-2", "step": "brick.prepare", "error": "/b is a file", "all": json.dumps(told)}
    peer.answers["POST /v1/volumes"] = (500, error("/b is a file", **fields))
    err = gd2("volume", "create", "v1", "n1:/b", peers=peer).err
    assert err.count("/b is a file") == 1
    assert "  also: brick.prepare on p-3: /c is a file\n" in err
    assert "[" not in err


def test_a_late_read_has_changed_nothing_so_its_outcome_is_known(gd2, peer):
    peer.answers["GET /v1/volumes"] = (504, error("too late", code="too-late"))
    assert gd2("volume", "list", peers=peer).code == 1


@pytest.mark.parametrize("secret", ["0" * 64, None])
def test_a_wrong_or_missing_secret_says_401_and_where_to_find_the_right_one(gd2, peer, secret, monkeypatch, tmp_path):
    monkeypatch.setattr("gd2cli.settings.DEFAULT_SECRET_FILE", str(tmp_path / "none"))
    result = gd2("volume", "list", peers=peer, secret=secret)
    assert result.code == 1
    assert "401 unauthorized" in result.err
    assert "/var/lib/gd2raft/auth" in result.err
    assert "secret used: --secret" in result.err if secret else "secret used: none" in result.err
    assert secret is None or secret not in result.err


@pytest.mark.parametrize(
    "words",
    [
        "volme list",
        "volume lst",
        "volume s",
        "volume create v1 replca 3 n1:/b",
        "volume start",
        "volume list extra",
        "volume list --jsn",
        "volume set v1 key",
        "volume set v1",
        "volume set v1 k 1 k 2",
        "peer probe",
        "--timeout 0 volume list",
        "--timeout nan volume list",
        "-o xml volume list",
        "--endpoints http://a/b volume list",
        "--endpoints ftp://a volume list",
        "--endpoints , volume list",
        "--endpoints http://a:99999 volume list",
        "--secret-file f volume list",
        "volume",
        "",
    ],
)
def test_what_is_not_understood_is_a_usage_error_before_anything_is_sent(gd2, peer, words):
    result = gd2(*words.split(), peers="" if "--endpoints" in words else peer)
    assert (result.code, result.out, peer.seen) == (2, "", [])
    assert result.err


@pytest.mark.parametrize(
    ("words", "hint"), [("volme list", "'volume'"), ("peer probbe x", "'probe'"), ("volume st v", "start, stop, status")]
)
def test_a_misspelt_command_gets_a_suggestion(gd2, peer, words, hint):
    assert hint in gd2(*words.split(), peers=peer).err


@pytest.mark.parametrize(
    "words", ["--help", "-h", "help", "volume --help", "volume help", "volume create --help", "vol create v1 -h", "peer probe --help"]
)
def test_help_needs_no_daemon_and_no_secret(gd2, words):
    result = gd2(*words.split(), secret=None, peers=f"http://{ADDRESS}:{free_port()}")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: gd2")


def test_no_daemon_at_all_is_a_failure_that_says_where_it_looked(gd2):
    urls = [f"http://{ADDRESS}:{free_port()}", f"http://{ADDRESS}:{free_port()}"]
    result = gd2("volume", "start", "v1", peers=",".join(urls))
    assert result.code == 1
    assert all(f"{url}: connection refused" in result.err for url in urls)


def test_a_name_that_can_not_be_resolved_is_told_apart(gd2):
    result = gd2("volume", "list", peers="http://no-such-host.invalid")
    assert result.code == 1
    assert "can't be resolved" in result.err


@pytest.mark.parametrize("content", [None, b"", b" \n", b"x" * 5000])
def test_a_secret_file_that_can_not_be_used_is_named(gd2, peer, tmp_path, content):
    path = tmp_path / "auth"
    if content is not None:
        path.write_bytes(content)
    result = gd2("--secret-file", str(path), "volume", "list", peers=peer, secret=None)
    assert (result.code, peer.seen) == (1, [])
    assert str(path) in result.err


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff\x00\xff",
        b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"name": ',
        b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[{"strange":"shape"}]',
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b'HTTP/1.1 400 Bad\r\nContent-Length: 31\r\n\r\n{"errors":[1,{"fields":"none"}]}'[:-1],
    ],
)
def test_an_answer_that_makes_no_sense_is_a_clear_failure(gd2, peer, data):
    peer.answers["GET /v1/peers"] = Raw(data)
    result = gd2("peer", "list", peers=peer)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("gd2: peer list: ")
    assert "Traceback" not in result.err


def test_an_answer_larger_than_the_limit_is_not_taken(gd2, peer, monkeypatch):
    monkeypatch.setattr("gd2cli.wire.ANSWER_BYTES_MAX", 100)
    peer.answers["GET /v1/volumes"] = (200, [volume_info()])
    result = gd2("volume", "list", peers=peer)
    assert result.code == 1
    assert "at most 100" in result.err
