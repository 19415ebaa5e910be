"""Bytes that no friend would send: a clear error or a closed connection, and the server goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest
from rest_kit import SECRET, Rest, answers_in, eventually, make_token, read_answer, read_answer_of

from gd2raft.rest.api import Limits

CREATE = "/v1/volumes"


@pytest.fixture(autouse=True)
def it_goes_on(rest: Rest) -> Iterator[None]:
    yield
    assert rest.get("/ping", token=None).status == 200
    assert not [line for line in rest.log.lines if "exc_info" in line], "something failed by our fault"


def post(rest: Rest, body: bytes, **headers: str) -> tuple[int, str, dict[str, str]]:
    """(status, message, fields) of the error that a create with this body gets."""
    answer = rest.ask("POST", CREATE, body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return answer.status, answer.error["message"], answer.error["fields"]


# bodies


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"name" "v1"}', "byte 8"),
        (b'{"name": "v1",}', "byte"),
        (b'{"name": NaN}', "byte 9"),
        (b'{"name": "v1"} x', "trailing"),
        (b"{", "truncated"),
        (b'"v1"', "object"),
        (b"[]", "object"),
        (b"null", "object"),
        (b"\xef\xbb\xbf{}", "byte 0"),
        (b'{"name": "\xff\xfe"}', "utf-8"),
        (b"\x00", "byte 0"),
        (b'{"name": "\\ud800"}', "parse"),
        ('{"name": "v1"}'.encode("utf-16"), "byte 0"),
    ],
)
def test_a_body_that_is_not_json_is_refused_with_the_place(rest: Rest, body: bytes, says: str) -> None:
    status, message, fields = post(rest, body)
    assert (status, fields["code"]) == (400, "bad-request")
    assert message.startswith("unable to parse the request")
    assert says in message


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"name": "v1", "brick": []}, "brick", "unknown field"),
        ({"name": 5}, "$.name", "Expected `str`, got `int`"),
        ({"name": None}, "$.name", "got `null`"),
        ({"bricks": []}, "name", "missing required field"),
        ({"name": "v1", "replica": "3"}, "$.replica", "Expected `int`"),
        ({"name": "v1", "replica": 3.5}, "$.replica", "Expected `int`"),
        ({"name": "v1", "force": 1}, "$.force", "Expected `bool`"),
        ({"name": "v1", "options": {"a": 1}}, "$.options[...]", "Expected `str`"),
        (
            {"name": "v1", "subvols": [{"type": "replicate", "bricks": [{"peerid": "a", "path": "/b", "x": 1}]}]},
            "$.subvols[0].bricks[0]",
            "unknown field `x`",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_named(rest: Rest, body: dict[str, object], field: str, says: str) -> None:
    status, message, fields = post(rest, json.dumps(body).encode())
    assert (status, fields["field"]) == (400, field)
    assert says in message


def test_a_name_given_twice_is_refused(rest: Rest) -> None:
    status, message, _ = post(rest, b'{"name": "a", "bricks": [], "name": "b"}')
    assert status == 400
    assert "'name' is given twice" in message
    assert "'k' is given twice" in post(rest, b'{"name": "a", "options": {"k": "1", "k": "2"}}')[1]


@pytest.mark.parametrize("digits", ["9" * 16, "-" + "9" * 16, "9" * 400, "9" * 5000, "1e400"])
def test_a_huge_number_is_refused(rest: Rest, digits: str) -> None:
    status, message, _ = post(rest, b'{"name": "a", "replica": %s}' % digits.encode())
    assert status == 400
    assert "too large" in message or "Expected `int`" in message


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")])
def test_a_body_that_is_nested_too_deeply_is_refused(rest: Rest, opening: bytes, closing: bytes) -> None:
    status, message, _ = post(rest, b'{"name": ' + opening * 50_000 + b"1" + closing * 50_000 + b"}")
    assert status == 400
    assert "deep" in message


def test_a_field_of_the_path_cannot_be_given_in_the_body_too(rest: Rest) -> None:
    rest.create("v1")
    answer = rest.ask("POST", "/v1/volumes/v1/start", {"volume": "v2"})
    assert answer.status == 400
    assert answer.error["fields"]["field"] == "volume"


def test_an_empty_body_is_a_request_without_fields(rest: Rest) -> None:
    assert post(rest, b"")[2]["field"] == "name"
    assert post(rest, b" \n")[2]["field"] == "name"
    rest.create("v1")
    assert rest.ask("POST", "/v1/volumes/v1/start").status == 200


def test_names_of_ten_thousand_characters_are_refused_shortly(rest: Rest) -> None:
    for name in ("n" * 10_000, "ü" * 10_000, "\x00" * 10_000):
        answer = rest.create(name)
        assert answer.status == 400
        assert len(answer.body) < 2000


# types of bodies, sizes


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/cbor", "x", "\udcff"]
)
def test_a_body_of_another_type_is_415(rest: Rest, kind: str) -> None:
    status, _, fields = post(rest, b'{"name": "v1", "bricks": ["node1:/b"]}', Content_Type=kind)
    assert (status, fields["code"]) == (415, "wrong-media-type")


@pytest.mark.parametrize("kind", ["", "application/json", "application/json; charset=utf-8", "Application/JSON; charset=UTF-8"])
def test_json_with_or_without_saying_so_is_accepted(rest: Rest, kind: str) -> None:
    body = b'{"name": "v1", "bricks": ["node1:/b"]}'
    assert rest.ask("POST", CREATE, body, headers={"Content-Type": kind}).status == 201


def test_compressed_bodies_and_other_charsets_are_415(rest: Rest) -> None:
    assert post(rest, b"x", Content_Encoding="gzip")[0] == 415
    assert post(rest, b"x", Content_Type="application/json; charset=utf-16")[0] == 415


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(rest: Rest) -> None:
    for length in ("1048577", "99999999999"):
        raw = rest.raw(f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode(), half_close=True)
        (answer,) = answers_in(raw)
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert answer.error["fields"]["code"] == "too-large"


def test_a_body_of_the_largest_size_is_read(rest: Rest) -> None:
    fields = {"name": "v1", "bricks": ["node1:/b"]}
    body = json.dumps(fields).encode()
    assert rest.ask("POST", CREATE, body + b" " * ((1 << 20) - len(body))).status == 201


def test_a_chunked_body_is_read_and_one_that_grows_too_large_is_cut_off(rest: Rest) -> None:
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {make_token('POST', CREATE)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b'{"name": "v1", "bricks": ["node1:/b"]}'
    (answer,) = answers_in(rest.raw(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)))
    assert answer.status == 201
    with rest.connect() as sock:
        sock.sendall(head.encode() + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 17)
        assert read_answer(sock).status == 413


def test_a_large_body_waits_for_100_continue(rest: Rest) -> None:
    body = b'{"name": "v1", "bricks": ["node1:/b"]}'
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {make_token('POST', CREATE)}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    with rest.connect() as sock, sock.makefile("rb") as file:
        sock.sendall(head.encode())
        assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert file.readline() == b"\r\n"
        sock.sendall(body)
        assert read_answer_of(file).status == 201


def test_a_body_that_breaks_off_changes_nothing(rest: Rest) -> None:
    body = b'{"name": "v1", "bricks": ["node1:/b"]}'
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {make_token('POST', CREATE)}\r\nContent-Length: {len(body) + 9}\r\n\r\n"
    rest.raw(head.encode() + body, half_close=True)
    assert rest.get(CREATE).json == []


# slow and many


def test_a_body_that_trickles_in_is_408(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(body_s=0.1))
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {make_token('POST', CREATE)}\r\nContent-Length: 10\r\n\r\n{{"
    (answer,) = answers_in(rest.raw(head.encode()))
    assert (answer.status, answer.error["fields"]["code"], answer.headers["connection"]) == (408, "too-slow", "close")


def test_headers_that_trickle_in_get_the_connection_closed(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(head_s=0.1))
    assert rest.raw(b"GET /ping HTTP/1.1\r\nHost: ") == b""


def test_headers_that_trickle_in_after_a_good_request_get_the_connection_closed_too(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(head_s=0.1))
    with rest.connect() as sock, sock.makefile("rb") as file:
        sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer_of(file).status == 200
        sock.sendall(b"GET /pi")
        assert file.read() == b""


def test_a_connection_that_says_nothing_is_closed(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(idle_s=0.1))
    assert rest.raw(b"") == b""


def test_the_longest_idle_connection_makes_room_for_a_new_one(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(connections_max=3))
    idle = [rest.connect() for _ in range(3)]
    eventually(lambda: len(rest.server._http.connections) == 3, "three connections")
    assert rest.get("/ping", token=None).status == 200
    assert idle[0].recv(1) == b""
    for sock in idle:
        sock.close()


def test_when_all_connections_are_busy_a_new_one_gets_503(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(connections_max=1))
    busy = rest.connect()
    busy.sendall(f"GET /v1/watch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {make_token('GET', '/v1/watch')}\r\n\r\n".encode())
    assert busy.recv(12) == b"HTTP/1.1 200"
    with rest.connect() as sock:
        answer = read_answer(sock)
    assert (answer.status, answer.error["fields"]["code"]) == (503, "too-many-connections")
    assert "retry-after" in answer.headers
    busy.close()
    eventually(lambda: not rest.server._http.connections, "the watch ended")
    assert rest.get("/ping", token=None).status == 200


def test_a_client_that_goes_away_does_not_stop_its_command(rest: Rest) -> None:
    import asyncio

    gate = rest.do(asyncio.Event)
    rest.api.hang = gate
    body = b'{"name": "v1", "bricks": ["node1:/b"]}'
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {make_token('POST', CREATE)}\r\nContent-Length: {len(body)}\r\n\r\n"
    with rest.connect() as sock:
        sock.sendall(head.encode() + body)
        eventually(lambda: rest.api.contexts, "the command to begin")
    rest.do(gate.set)
    eventually(lambda: rest.get(CREATE).json, "the volume")


# heads


@pytest.mark.parametrize(
    "head",
    [
        b"GET\r\n\r\n",
        b"GET /ping\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nA: b\r\n c: d\r\n : e\r\n\r\n",
        b"G\x00T /ping HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"POST /v1/volumes HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/volumes HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/volumes HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
        b"POST /v1/volumes HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
)
def test_a_broken_head_gets_a_400_and_the_connection_is_closed(rest: Rest, head: bytes) -> None:
    answers = list(answers_in(rest.raw(head, half_close=True)))
    assert [a.status for a in answers] == [400]
    assert answers[0].error["fields"]["code"] == "bad-http"
    assert answers[0].headers["x-request-id"]


def test_a_request_line_or_header_that_is_too_long_is_431(rest: Rest) -> None:
    for head in (b"GET /v1/volumes/" + b"v" * 10_000 + b" HTTP/1.1\r\n\r\n", b"GET /ping HTTP/1.1\r\nA: " + b"b" * 10_000 + b"\r\n\r\n"):
        (answer,) = answers_in(rest.raw(head, half_close=True))
        assert (answer.status, answer.error["fields"]["code"]) == (431, "too-large")


@pytest.mark.parametrize(
    "junk",
    [b"\xff" * 4096, b"\x00" * 64, b"\x80\x00\x00\x04junk", b"\r\n" * 50_000, b"SSH-2.0-x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""],
)
def test_what_is_no_http_at_all_is_shrugged_off(rest: Rest, junk: bytes) -> None:
    rest.raw(junk, half_close=True)


def test_connections_that_are_reset_at_any_point_are_shrugged_off(rest: Rest) -> None:
    whole = (
        f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {make_token('POST', CREATE)}\r\nContent-Length: 20\r\n\r\n{{".encode()
    )
    for length in range(0, len(whole), 7):
        sock = rest.connect()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(whole[:length])
        sock.close()
    eventually(lambda: not rest.server._http.connections, "all connections gone")


def test_pipelined_requests_are_answered_in_order(rest: Rest) -> None:
    data = b"".join(b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Request-Id: r%d\r\n\r\n" % i for i in range(100))
    data += b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: last\r\n\r\n"
    answers = list(answers_in(rest.raw(data)))
    assert [a.headers["x-request-id"] for a in answers] == [f"r{i}" for i in range(100)] + ["last"]


def test_a_refused_body_does_not_become_the_next_request(rest: Rest) -> None:
    inner = b"DELETE /v1/volumes/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
    data = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner
    data += b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert [a.status for a in answers_in(rest.raw(data))] == [401, 200]


# methods and paths


def test_head_is_a_get_without_its_body(rest: Rest) -> None:
    answer = rest.ask("HEAD", "/v1/peers")
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(rest.get("/v1/peers").body)
    assert rest.ask("HEAD", "/v1/watch").status == 200
    assert rest.api.watches == []


def test_options_says_what_is_possible(rest: Rest) -> None:
    answer = rest.ask("OPTIONS", "/v1/volumes/v1")
    assert (answer.status, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")
    assert rest.ask("OPTIONS", "/v1/nothing").status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "CONNECT", "FOO", "get"])
def test_a_method_that_is_not_possible_is_405_with_allow(rest: Rest, method: str) -> None:
    answer = rest.ask(method, "/v1/volumes")
    if method in ("CONNECT", "FOO", "get") and answer.status == 400:
        return  # the HTTP parser itself refuses it
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/", "/v1/volumes/", "/v1//volumes", "//v1/volumes", "/v1/volumes/v1/", "/v1/volumes//start", "/V1/volumes", "/v2/volumes",
        "/v1/volumes/../peers", "/v1/volumes/./v1/bricks", "/v1/volumes/..%2f..%2fpeers", "/v1/volumes/%2e%2e/peers", "/v1/volumes/v1/options/a/b",
        "/etc/passwd", "/v1/volumes;x", "/v1/volumes/v1%00", "/v1/volumes/%", "/v1/volumes/%zz", "/v1/volumes/%ff", "/v1/volumes/%c0%ae", "/v1/%76olumes2",
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(rest: Rest, path: str) -> None:
    answer = rest.get(path, token=make_token("GET", path))
    assert answer.status in (400, 404)
    assert answer.error["fields"]["code"] in ("no-such-route", "bad-path", "volume-not-found")


def test_an_encoded_path_means_what_it_says(rest: Rest) -> None:
    rest.create("v-1")
    assert rest.get("/v1/volumes/v%2D1").json["name"] == "v-1"
    assert rest.get("/v1/%76olumes").status == 200


def test_bytes_in_a_path_or_query_that_are_not_utf8_are_refused(rest: Rest) -> None:
    for target in (b"/v1/volumes/\xff", b"/v1/volumes?key=\xff", b"/v1/volumes?key=%ff", b"/v1/volumes?\xc3=1"):
        token = make_token("GET", target.decode("utf-8", "surrogateescape")).encode()
        (answer,) = answers_in(
            rest.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + token + b"\r\n\r\n")
        )
        assert answer.status == 400


def test_an_absolute_target_is_understood(rest: Rest) -> None:
    token = make_token("GET", "/v1/peers")
    head = f"GET http://node1:24007/v1/peers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    (answer,) = answers_in(rest.raw(head.encode()))
    assert answer.status == 200


def test_too_many_query_parameters_are_refused(rest: Rest) -> None:
    assert rest.get("/v1/volumes?" + "&".join("key=a" for _ in range(1000))).status == 400


def test_the_secret_is_in_no_reply(rest: Rest) -> None:
    rest.create("v1")
    volume = rest.api.view().volume("v1")
    assert volume is not None
    for endpoint in rest.server.endpoints:
        if endpoint.method == "GET" and endpoint.name != "watch":
            path = (
                endpoint.path.replace("{volume}", "v1")
                .replace("{peer}", "node1")
                .replace("{option}", "performance.io-cache")
                .replace("{transaction}", "t")
            )
            text = rest.get(path).body
            for secret in (volume.password.encode(), volume.username.encode(), SECRET):
                assert secret not in text, endpoint.path
