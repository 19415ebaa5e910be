"""Volumes that grow and shrink, and jobs, over REST: routes answer as described, and say what is wrong when the state forbids it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from rest_kit import OTHER, Answer, Rest
from test_rest_openapi import check, document_of

from gd2raft.core import jobs, model


def asked(rest: Rest, method: str, path: str, body: object = None, status: int = 200) -> Any:
    """The body of an answer that must be as the description says."""
    answer = rest.ask(method, path.replace("{volume}", "v1").replace("{job}", job_id(rest)), body)
    assert answer.status == status, answer.body
    check(document_of(rest), method, path, answer)
    return answer.json


def job_id(rest: Rest) -> str:
    volume = rest.do(lambda: rest.api.view().volume("v1"))
    return volume.job if volume is not None else ""


@pytest.fixture
def two(rest: Rest) -> Rest:
    """A started distribute volume v1 of two bricks, one on each peer."""
    bricks = ["node1:/b1", "node2:/b2"]
    assert rest.ask("POST", "/v1/volumes", {"name": "v1", "bricks": bricks, "force": True}).status == 201
    assert rest.ask("POST", "/v1/volumes/v1/start").status == 200
    return rest


def end(rest: Rest, **counts: int) -> None:
    """All peers of the job of v1 say that they are done."""
    progress = jobs.Progress(status=jobs.Status.COMPLETED, **counts)
    job = rest.do(lambda: jobs.of_volume(rest.api.view(), rest.api.view().volume("v1")))
    for peer_id in job.peers:
        rest.do(lambda peer_id=peer_id: rest.api.put(jobs.result_key(job.id, peer_id), progress))


def test_a_rebalance_is_started_looked_at_and_stopped(two: Rest) -> None:
    started = asked(two, "POST", "/v1/volumes/{volume}/rebalance/start", {"option": "fix-layout"})
    assert (started["kind"], started["option"], started["status"]) == ("rebalance", "fix-layout", "in progress")
    assert [p["host"] for p in started["parts"]] == ["node1", "node2"]
    assert asked(two, "GET", "/v1/volumes/{volume}/rebalance")["id"] == started["id"]
    assert asked(two, "GET", "/v1/jobs/{job}")["id"] == started["id"]
    assert [j["id"] for j in asked(two, "GET", "/v1/jobs")] == [started["id"]]
    assert asked(two, "POST", "/v1/volumes/{volume}/rebalance/stop")["status"] == "stopped"


def test_the_counts_of_a_job_are_the_sums_of_its_parts(two: Rest) -> None:
    asked(two, "POST", "/v1/volumes/{volume}/rebalance/start")
    end(two, files=3, size=100)
    (found,) = asked(two, "GET", "/v1/jobs")
    assert (found["status"], found["files"], found["size"]) == ("completed", 6, 200)


def test_the_list_shows_how_far_a_job_is_that_runs(two: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(two, "POST", "/v1/volumes/{volume}/rebalance/start")

    async def progress(job: jobs.Job) -> dict[str, jobs.Progress]:
        return {p: jobs.Progress(status=jobs.Status.RUNNING, files=4) for p in job.peers}

    monkeypatch.setattr(two.api, "job_progress", progress)
    (found,) = asked(two, "GET", "/v1/jobs")
    assert (found["status"], found["files"]) == ("in progress", 8)


def test_the_jobs_of_one_volume_can_be_asked_for(two: Rest) -> None:
    asked(two, "POST", "/v1/volumes/{volume}/rebalance/start")
    assert [j["volume"] for j in two.ask("GET", "/v1/jobs?volume=v1").json] == ["v1"]
    assert two.ask("GET", "/v1/jobs?volume=v2").json == []


def test_bricks_leave_by_start_and_commit(two: Rest) -> None:
    body = {"bricks": ["node2:/b2"]}
    started = asked(two, "POST", "/v1/volumes/{volume}/remove-brick/start", body, status=202)
    assert (started["kind"], started["bricks"], [p["peer-id"] for p in started["parts"]]) == ("remove-brick", ["node2:/b2"], [OTHER])
    assert asked(two, "GET", "/v1/volumes/{volume}/remove-brick")["id"] == started["id"]
    end(two)
    left = asked(two, "POST", "/v1/volumes/{volume}/remove-brick/commit", body)
    assert [b["path"] for s in left["subvols"] for b in s["bricks"]] == ["/b1"]


def test_bricks_stay_when_their_removal_is_stopped(two: Rest) -> None:
    asked(two, "POST", "/v1/volumes/{volume}/remove-brick/start", {"bricks": ["node2:/b2"]}, status=202)
    assert asked(two, "POST", "/v1/volumes/{volume}/remove-brick/stop")["status"] == "stopped"
    refused(two.ask("GET", "/v1/volumes/v1/remove-brick"), 400, "no-remove-brick")


def test_bricks_are_added_in_glusterd2s_form_too(two: Rest) -> None:
    body = {"bricks": ["node1:/b3", {"peerid": OTHER, "path": "/b4"}], "force": True}
    asked(two, "POST", "/v1/volumes/{volume}/expand", body)
    volume = two.do(lambda: two.api.view().volume("v1"))
    assert [b.path for s in volume.subvols for b in s.bricks] == ["/b1", "/b2", "/b3", "/b4"]
    assert volume.brick_index_next == 4


def test_what_is_not_there_is_said(two: Rest) -> None:
    refused(two.ask("GET", "/v1/volumes/v1/rebalance"), 400, "no-rebalance")
    refused(two.ask("POST", "/v1/volumes/v1/rebalance/stop"), 400, "no-rebalance")
    refused(two.ask("GET", "/v1/jobs/nope"), 404, "job-not-found")
    refused(two.ask("POST", "/v1/volumes/nope/remove-brick/start", {"bricks": ["node1:/b1"]}), 404, "volume-not-found")


def test_a_malformed_body_is_refused_with_its_field(two: Rest) -> None:
    for path, body in (
        ("expand", {"bricks": [1]}),
        ("expand", {"bricks": ["node1:/x"], "nonsense": True}),
        ("remove-brick/start", {"bricks": "node1:/b1"}),
        ("rebalance/start", {"option": 5}),
    ):
        refused(two.ask("POST", f"/v1/volumes/v1/{path}", body), 400, "bad-request")


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.error["fields"]["code"]) == (status, code), answer.body


def test_no_secret_of_the_volume_is_in_a_job(two: Rest) -> None:
    two.ask("POST", "/v1/volumes/v1/rebalance/start")
    volume: model.Volume = two.do(lambda: two.api.view().volume("v1"))
    body = two.get(f"/v1/jobs/{volume.job}").body
    assert volume.username.encode() not in body and volume.password.encode() not in body


def test_jobs_come_in_pages(two: Rest) -> None:
    for name in ("a", "b", "c"):
        job = jobs.Job(
            id=f"j{name}", kind=jobs.Kind.REBALANCE, volume=name, volume_id="i", how=jobs.How.PLAIN, commit_hash=1, peers=(), started=0.0
        )
        two.do(lambda job=job: two.api.put(jobs.job_key(job.id), job))
    first = two.ask("GET", "/v1/jobs?limit=2")
    assert [j["id"] for j in first.json] == ["ja", "jb"]
    rest = two.ask("GET", f"/v1/jobs?limit=2&cursor={first.headers['x-gluster-next-cursor']}")
    assert [j["id"] for j in rest.json] == ["jc"] and "x-gluster-next-cursor" not in rest.headers


# ---- waiting


def test_long_work_says_where_its_job_is_and_202_when_it_did_not_end_within_the_wait(two: Rest) -> None:
    answer = two.ask("POST", "/v1/volumes/v1/rebalance/start?wait=1s")
    assert (answer.status, answer.headers["location"]) == (202, f"/v1/jobs/{answer.json['id']}")
    check(document_of(two), "POST", "/v1/volumes/{volume}/rebalance/start", answer)
    again = two.ask("GET", f"{answer.headers['location']}?wait=1")
    assert (again.status, again.json["status"]) == (200, "in progress")


def test_a_client_that_waits_is_answered_as_soon_as_the_job_ends(two: Rest) -> None:
    job = two.ask("POST", "/v1/volumes/v1/rebalance/start").json["id"]
    waiting = threading.Thread(target=lambda: answers.append(two.ask("GET", f"/v1/jobs/{job}?wait=60s")), daemon=True)
    answers: list[Answer] = []
    waiting.start()
    end(two, files=2)
    waiting.join(30)
    (answer,) = answers
    assert (answer.status, answer.json["status"], answer.json["files"]) == (200, "completed", 4)


@pytest.mark.parametrize("wait", ["", "x", "-1", "1.5", "301", "9" * 30])
def test_a_wait_that_is_no_time_is_refused_and_nothing_is_begun(two: Rest, wait: str) -> None:
    refused(two.ask("POST", f"/v1/volumes/v1/rebalance/start?wait={wait}"), 400, "bad-parameter")
    assert two.ask("GET", "/v1/jobs").json == []
