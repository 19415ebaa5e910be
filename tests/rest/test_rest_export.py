"""GET /v1/cluster/export: a file, to those who have a token, a few at a time."""

from __future__ import annotations

import pytest
from rest_kit import Rest, make_token, read_all

from gd2raft.rest import exports

PATH = "/v1/cluster/export"


def exported(rest: Rest) -> bytes:
    """The whole answer, chunked as it comes."""
    with rest.connect() as sock:
        head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {make_token('GET', PATH)}\r\n\r\n"
        sock.sendall(head.encode())
        return read_all(sock)


def test_the_state_comes_as_a_file_with_its_end(rest: Rest) -> None:
    head, _, body = exported(rest).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert exports.FILE_TYPE.encode() in head
    assert body == b"6\r\na log \r\n8\r\nsnapshot\r\n0\r\n\r\n"


def test_nobody_gets_it_without_a_token(rest: Rest) -> None:
    assert rest.ask("GET", PATH, token=None).status == 401


def test_exports_past_the_limit_are_refused_and_those_that_ended_do_not_count(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(exports.AT_ONCE_MAX + 1):
        assert exported(rest).startswith(b"HTTP/1.1 200")
    monkeypatch.setattr(exports, "AT_ONCE_MAX", 0)
    answer = rest.ask("GET", PATH)
    assert answer.status == 429
    assert b"ask another peer" in answer.body
