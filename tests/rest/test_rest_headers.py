"""What is on every reply, and what a client can ask for besides the thing itself: freshness, ETags, pages, idempotency, time."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from rest_kit import PEER, Answer, Rest, answers_in, eventually, make_token

from gd2raft.core import model
from gd2raft.core.plan import Conflict, Failed, Moved, OutcomeUnknown, Unavailable
from gd2raft.rest.api import Limits


def check_always(answer: Answer) -> None:
    assert answer.headers["x-gluster-peer-id"] == PEER
    assert answer.headers["x-gluster-cluster-id"].startswith("cccccccc")
    assert int(answer.headers["x-gluster-revision"]) >= 3
    assert answer.headers["x-request-id"]
    if answer.body:
        assert answer.headers["content-type"] == "application/json; charset=UTF-8"


def test_every_reply_has_the_headers_errors_too(rest: Rest) -> None:
    answers = {
        200: rest.get("/v1/peers"),
        201: rest.create("v1"),
        204: rest.ask("DELETE", "/v1/volumes/v1"),
        400: rest.ask("POST", "/v1/volumes", b"{"),
        401: rest.get("/v1/peers", token=None),
        404: rest.get("/v1/nothing"),
        405: rest.ask("PUT", "/v1/peers"),
        413: rest.ask("POST", "/v1/volumes", headers={"Content-Length": "99999999999"}),
        415: rest.ask("POST", "/v1/volumes", b"<a/>", headers={"Content-Type": "text/xml"}),
    }
    for status, answer in answers.items():
        assert answer.status == status
        check_always(answer)


def test_what_is_not_http_gets_an_error_body_with_the_headers_too(rest: Rest) -> None:
    (answer,) = answers_in(rest.raw(b"GET /v1/peers HTTP/9.9\r\nbroken\r\n\r\n"))
    assert answer.status == 400
    assert answer.error["fields"]["code"] == "bad-http"
    check_always(answer)


def test_the_clients_request_id_is_kept_in_reply_error_log_and_command(rest: Rest) -> None:
    answer = rest.ask("POST", "/v1/volumes", {"name": "-"}, headers={"X-Request-Id": "night-1.a:b"})
    assert answer.headers["x-request-id"] == "night-1.a:b"
    assert answer.error["fields"]["request-id"] == "night-1.a:b"
    assert rest.api.contexts[-1].request_id == "night-1.a:b"
    eventually(lambda: [line for line in rest.log.lines if line.get("request_id") == "night-1.a:b"], "a log line")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "\udcff", "a\x01b"])
def test_an_insane_request_id_is_replaced(rest: Rest, given: str) -> None:
    answer = rest.get("/ping", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] != given
    uuid.UUID(answer.headers["x-request-id"])


def test_the_log_has_one_line_for_a_request(rest: Rest) -> None:
    rest.get("/v1/volumes/nosuch", headers={"X-Request-Id": "once"})
    (line,) = eventually(lambda: [found for found in rest.log.lines if found.get("request_id") == "once"], "a log line")
    assert (line["user"], line["method"], line["path"], line["status"]) == ("gd2", "GET", "/v1/volumes/nosuch", 404)
    assert line["ms"] >= 0


# errors of commands


def test_a_failed_step_is_code_2_with_peer_step_and_error(rest: Rest) -> None:
    rest.api.fail = Failed(
        "brick.prepare failed on node2: no space left",
        hint="make room",
        fields={"peer-id": "p", "step": "brick.prepare", "error": "no space left"},
    )
    answer = rest.create("v1")
    assert answer.status == 500
    assert answer.error["code"] == 2
    fields = answer.error["fields"]
    assert (fields["peer-id"], fields["step"], fields["error"], fields["hint"], fields["code"]) == (
        "p",
        "brick.prepare",
        "no space left",
        "make room",
        "step-failed",
    )


def test_a_refusal_is_code_1_with_our_word_and_a_hint(rest: Rest) -> None:
    rest.create("v1")
    answer = rest.create("v1", "/other")
    assert (answer.status, answer.error["code"], answer.error["fields"]["code"]) == (409, 1, "volume-exists")
    assert answer.error["fields"]["hint"]


def test_fields_of_an_error_are_always_text(rest: Rest) -> None:
    rest.api.fail = Conflict("busy", fields={"count": 3, "list": [1, 2], "none": None})
    fields = rest.create("v1").error["fields"]
    assert (fields["count"], fields["list"]) == ("3", "[1,2]")
    assert all(isinstance(value, str) for value in fields.values())


def test_without_a_quorum_the_answer_is_503_with_retry_after(rest: Rest) -> None:
    rest.api.fail = Unavailable("no majority of the voters is in sight")
    answer = rest.create("v1")
    assert (answer.status, answer.error["fields"]["code"]) == (503, "no-quorum")
    assert int(answer.headers["retry-after"]) >= 1
    assert rest.get("/v1/peers").status == 200


def test_an_unknown_outcome_is_504(rest: Rest) -> None:
    rest.api.fail = OutcomeUnknown("it may have happened")
    assert (rest.create("v1").status, rest.create("v1").error["fields"]["code"]) == (504, "outcome-unknown")


def test_our_own_bug_is_a_500_that_tells_nothing_but_the_request_id(rest: Rest) -> None:
    rest.api.fail = RuntimeError("the password is hunter2")
    answer = rest.ask("POST", "/v1/volumes", {"name": "v1", "bricks": ["node1:/b"]}, headers={"X-Request-Id": "bug-7"})
    assert (answer.status, answer.error["fields"]["code"], answer.error["fields"]["request-id"]) == (500, "internal", "bug-7")
    assert b"hunter2" not in answer.body
    assert [line for line in rest.log.lines if line.get("request_id") == "bug-7" and "exc_info" in line]


def test_a_command_that_never_ends_is_cut_off_with_outcome_unknown(make_rest: Callable[..., Rest], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gd2raft.rest.server.HANDLER_GRACE_S", 0.1)
    rest = make_rest(Limits(command_s=0.1))
    rest.api.hang = rest.do(asyncio.Event)
    answer = rest.create("v1")
    assert (answer.status, answer.error["fields"]["code"]) == (504, "outcome-unknown")


def test_every_warning_of_a_command_is_a_header(rest: Rest) -> None:
    rest.api.warnings = ("volume.follow on node2: can't be reached", "é\r\nX: y")
    token = make_token("POST", "/v1/volumes")
    body = b'{"name": "v1", "bricks": ["node1:/b"]}'
    head = (
        f"POST /v1/volumes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    lines = rest.raw(head.encode() + body).decode().splitlines()
    assert [line for line in lines if line.startswith("X-Gluster-Warning")] == [
        "X-Gluster-Warning: volume.follow on node2: can't be reached",
        "X-Gluster-Warning: ???X: y",
    ]


def test_something_that_is_gone_when_it_could_be_shown_is_said_to_be_gone(rest: Rest) -> None:
    real = rest.api.run

    async def and_gone(command: str, request: object, context: object) -> object:
        done = await real(command, request, context)  # type: ignore[arg-type]
        await real("volume-delete", msgspec.convert({"volume": "v1"}, volume_delete_type()), context)  # type: ignore[arg-type]
        return done

    rest.api.run = and_gone  # type: ignore[method-assign,assignment]
    assert (rest.create("v1").status, rest.create("v1").error["fields"]["code"]) == (410, "gone-since")


def volume_delete_type() -> type:
    from gd2raft.commands.registry import commands

    return commands()["volume-delete"].request


# freshness


def test_min_revision_waits_for_the_state(rest: Rest) -> None:
    target = rest.api.state.revision + 1
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(rest.get(f"/v1/volumes?min-revision={target}")))
    thread.start()
    rest.do(lambda: rest.api.put("options/global", model.GlobalOptions(options={"a": "b"})))
    thread.join(30)
    assert answers[0].status == 200
    assert int(answers[0].headers["x-gluster-revision"]) >= target


def test_a_revision_that_does_not_come_is_said_so(make_rest: Callable[..., Rest]) -> None:
    rest = make_rest(Limits(catch_up_s=0.05))
    answer = rest.get("/v1/volumes?min-revision=999")
    assert (answer.status, answer.error["fields"]["code"]) == (504, "revision-not-reached")
    assert "999" in answer.error["message"]


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "9" * 30, "٣", "0x10"])
def test_a_min_revision_that_is_no_number_is_refused(rest: Rest, text: str) -> None:
    assert rest.get(f"/v1/volumes?min-revision={quote(text)}").status == 400


def test_a_linearizable_read_asks_the_store_first(rest: Rest) -> None:
    assert rest.get("/v1/volumes?consistency=linearizable").status == 200
    assert rest.api.linearizable_calls == 1
    assert rest.get("/v1/volumes?consistency=local").status == 200
    assert rest.api.linearizable_calls == 1
    assert rest.get("/v1/volumes?consistency=strong").status == 400


def test_a_linearizable_read_without_a_quorum_is_503(rest: Rest) -> None:
    async def no(timeout_s: float) -> int:
        raise Unavailable("no quorum")

    rest.api.linearizable = no  # type: ignore[method-assign]
    assert rest.get("/v1/volumes?consistency=linearizable").status == 503


def test_a_write_can_be_read_at_the_revision_that_its_reply_names(rest: Rest) -> None:
    revision = int(rest.create("v1").headers["x-gluster-revision"])
    assert revision == rest.api.state.revision
    assert rest.get(f"/v1/volumes/v1?min-revision={revision}").status == 200


# ETag and If-Match


def test_the_etag_is_the_revision_of_the_last_change_of_that_thing(rest: Rest) -> None:
    created = rest.create("v1").headers["etag"]
    rest.create("v2")
    assert rest.get("/v1/volumes/v1").headers["etag"] == created
    edited = rest.ask("POST", "/v1/volumes/v1/edit", {"metadata": {"a": "b"}}).headers["etag"]
    assert int(edited.strip('"')) > int(created.strip('"'))
    assert rest.get("/v1/volumes/v1").headers["etag"] == edited
    assert rest.get(f"/v1/peers/{PEER}").headers["etag"] == '"2"'


def start_if(rest: Rest, etag: str) -> Answer:
    return rest.ask("POST", "/v1/volumes/v1/start", {}, headers={"If-Match": etag})


def test_if_match_lets_a_command_through_only_while_nothing_changed(rest: Rest) -> None:
    old = rest.create("v1").headers["etag"]
    new = rest.ask("POST", "/v1/volumes/v1/edit", {"metadata": {"a": "b"}}).headers["etag"]
    answer = start_if(rest, old)
    assert (answer.status, answer.error["fields"]["code"], answer.error["fields"]["etag"]) == (412, "changed-since", new)
    assert rest.get("/v1/volumes/v1").json["state"] == "Created"
    assert start_if(rest, f"{old}, {new}").status == 200
    expected = rest.api.contexts[-1].expect
    assert [(e.key, e.modified) for e in expected] == [("volumes/v1", int(new.strip('"')))]


def test_with_a_key_it_is_the_leader_who_decides_what_if_match_says(rest: Rest) -> None:
    """The change that is in the way may be what an earlier try with the same key did."""
    old = rest.create("v1").headers["etag"]
    headers = {"If-Match": old, "Idempotency-Key": "k1"}
    assert rest.ask("POST", "/v1/volumes/v1/edit", {"metadata": {"a": "b"}}, headers=headers).status == 200
    rest.ask("POST", "/v1/volumes/v1/edit", {"metadata": {"a": "b"}}, headers=headers)
    context = rest.api.contexts[-1]
    assert [(e.key, e.modified) for e in context.expect] == [("volumes/v1", int(old.strip('"')))] and context.idempotency_key == "k1"


def test_what_if_match_relied_on_is_checked_again_by_the_engine(rest: Rest) -> None:
    etag = rest.create("v1").headers["etag"]
    rest.api.fail = Moved("volume v1 was changed meanwhile")
    assert start_if(rest, etag).status == 412


def test_if_match_star_wants_the_thing_to_exist(rest: Rest) -> None:
    assert start_if(rest, "*").status == 404
    rest.create("v1")
    assert start_if(rest, "*").status == 200


@pytest.mark.parametrize("etag", ["", '"x"', 'W/"5"', '"-1"', '"' + "9" * 40 + '"', '"5" "6"', "\udcff"])
def test_an_if_match_that_is_not_ours_is_refused(rest: Rest, etag: str) -> None:
    rest.create("v1")
    assert start_if(rest, etag).status == (200 if etag == "" else 400)  # an empty header is not sent


def test_if_match_on_something_without_an_etag_is_refused(rest: Rest) -> None:
    answer = rest.ask("POST", "/v1/volumes", {"name": "v1", "bricks": ["node1:/b"]}, headers={"If-Match": '"5"'})
    assert (answer.status, answer.error["fields"]["code"]) == (400, "bad-header")


# idempotency, time-outs


def test_the_idempotency_key_reaches_the_engine(rest: Rest) -> None:
    rest.ask("POST", "/v1/volumes", {"name": "v1", "bricks": ["node1:/b"]}, headers={"Idempotency-Key": "k-1"})
    rest.ask("DELETE", "/v1/volumes/v1", headers={"Idempotency-Key": "k-2"})
    assert [c.idempotency_key for c in rest.api.contexts] == ["k-1", "k-2"]


@pytest.mark.parametrize("key", ["k" * 129, "a\tb", "\udcff"])
def test_an_idempotency_key_that_is_too_long_or_not_printable_is_refused(rest: Rest, key: str) -> None:
    answer = rest.ask("DELETE", "/v1/volumes/v1", headers={"Idempotency-Key": key})
    assert (answer.status, answer.error["fields"]["code"]) == (400, "bad-key")


def test_the_time_out_of_the_client_reaches_the_engine(rest: Rest) -> None:
    rest.ask("DELETE", "/v1/volumes/v1?timeout=7s")
    rest.ask("DELETE", "/v1/volumes/v1?timeout=8")
    rest.ask("DELETE", "/v1/volumes/v1")
    assert [c.timeout_s for c in rest.api.contexts] == [7.0, 8.0, 120.0]


@pytest.mark.parametrize("text", ["0", "-1", "601", "1m", "9999999999", "x", ""])
def test_a_time_out_out_of_bounds_is_refused(rest: Rest, text: str) -> None:
    assert rest.ask("DELETE", f"/v1/volumes/v1?timeout={text}").status == 400


# lists


def test_pages_hold_everything_once(rest: Rest) -> None:
    names = [f"v{i}" for i in range(7)]
    for name in names:
        rest.create(name)
    seen, path = [], "/v1/volumes?limit=3"
    while path:
        answer = rest.get(path)
        assert len(answer.json) <= 3
        seen += [v["name"] for v in answer.json]
        link = answer.headers.get("link", "")
        assert ("x-gluster-next-cursor" in answer.headers) == bool(link)
        path = link.partition("<")[2].partition(">")[0]
        if len(seen) == 3:
            rest.ask("DELETE", "/v1/volumes/v2")  # the page's last one: the next page starts right all the same
    assert seen == names


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", ""])
def test_a_page_size_out_of_bounds_is_refused(rest: Rest, limit: str) -> None:
    assert rest.get(f"/v1/peers?limit={limit}").status == 400


def test_lists_are_filtered_by_metadata(rest: Rest) -> None:
    rest.create("v1", metadata={"team": "red", "kind": "x"})
    rest.create("v2", metadata={"team": "blue"})
    rest.create("v3")

    def names(query: str) -> list[str]:
        return [v["name"] for v in rest.get(f"/v1/volumes?{query}").json]

    assert names("key=team") == ["v1", "v2"]
    assert names("value=blue") == ["v2"]
    assert names("key=team&value=red") == ["v1"]
    assert names("key=kind&value=red") == []
    assert names("key=team&limit=1") == ["v1"]


def test_a_misspelt_query_parameter_is_refused_not_passed_over(rest: Rest) -> None:
    answer = rest.get("/v1/volumes?min_revision=5")
    assert (answer.status, answer.error["fields"]["code"]) == (400, "unknown-parameter")
    assert "min-revision" in answer.error["fields"]["hint"]
    assert rest.get("/v1/volumes?limit=1&limit=2").status == 400


def test_metrics_count_by_route_not_by_name(rest: Rest) -> None:
    rest.get("/v1/volumes/secret-project")
    text = rest.get("/metrics", token=None).body.decode()
    assert 'gd2raft_rest_requests_total{method="GET",route="/v1/volumes/{volume}",status="404"} 1.0' in text
    assert "secret-project" not in text
    assert f"gd2raft_revision {float(rest.api.state.revision)}" in text


def test_a_peer_that_was_started_just_now_first_learns_what_it_missed(rest: Rest) -> None:
    rest.get("/v1/volumes")
    assert rest.api.settled_calls == 1
