"""Repairing and inspecting volumes over REST: replies are as described, asks go to the peers concerned only, and bad requests are told."""

from __future__ import annotations

from typing import Any

import pytest
from rest_kit import OTHER, PEER, Answer, Rest
from test_rest_openapi import check, document_of

from gd2raft.rest.api import Answered

pytestmark = pytest.mark.fast

V1 = "/v1/volumes/v1"
BRICK = {"error": "the brick is not online"}


def started(rest: Rest) -> dict[str, Any]:
    volume: dict[str, Any] = rest.create("v1", "/b1", "/b2", "/b3", replica=3, force=True).json
    rest.ask("POST", f"{V1}/start")
    return volume


def bricks_of(volume: dict[str, Any]) -> list[dict[str, Any]]:
    return [b for s in volume["subvols"] for b in s["bricks"]]


def good(rest: Rest, method: str, path: str, template: str, body: Any = None, status: int = 200) -> Any:
    answer: Answer = rest.ask(method, path, body)
    assert answer.status == status, answer.body
    check(document_of(rest), method, template, answer)
    return answer.json


def code_of(rest: Rest, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = rest.ask(method, path, body)
    return answer.status, answer.error["fields"]["code"]


def test_a_brick_is_replaced_and_keeps_its_place(rest: Rest) -> None:
    started(rest)
    body = {"src-peerid": "node1", "src-brickpath": "/b1", "dst-peerid": "node2", "dst-brickpath": "/new", "force": True}
    info = good(rest, "POST", f"{V1}/replacebrick", "/v1/volumes/{volume}/replacebrick", body)
    assert bricks_of(info)[0]["path"] == "/new"
    assert code_of(rest, "POST", f"{V1}/replacebrick", body) == (400, "no-such-brick")


def test_a_lost_peer_is_replaced_and_its_bricks_are_the_new_ones(rest: Rest) -> None:
    bricks = bricks_of(started(rest))
    body = {"addresses": ["node2"], "force": True}
    assert code_of(rest, "POST", "/v1/peers/node2/replace", body) == (400, "peer-online")
    old = rest.get("/v1/peers/node2").json["id"]
    del rest.api.pids[old]
    info = good(rest, "POST", "/v1/peers/node2/replace", "/v1/peers/{peer}/replace", body)
    assert info["id"] != old and rest.get(f"/v1/peers/{old}").status == 404
    after = bricks_of(rest.get(V1).json)
    assert [b["peer-id"] for b in after] == [info["id"] if b["peer-id"] == old else b["peer-id"] for b in bricks]
    assert [b["id"] for b in after] == [b["id"] for b in bricks]


def test_a_brick_is_reset_and_comes_back(rest: Rest) -> None:
    started(rest)
    body = {"peerid": "node1", "path": "/b1"}
    assert code_of(rest, "POST", f"{V1}/resetbrick/commit", body) == (400, "not-reset")
    good(rest, "POST", f"{V1}/resetbrick/start", "/v1/volumes/{volume}/resetbrick/start", body)
    assert code_of(rest, "POST", f"{V1}/resetbrick/start", body) == (400, "already-reset")
    good(rest, "POST", f"{V1}/resetbrick/commit", "/v1/volumes/{volume}/resetbrick/commit", {**body, "force": True})


def test_profile_is_started_shown_and_stopped(rest: Rest) -> None:
    volume = started(rest)
    assert code_of(rest, "GET", f"{V1}/profile/info") == (400, "profile-not-started")
    good(rest, "POST", f"{V1}/profile/start", "/v1/volumes/{volume}/profile/start")
    stats = {"duration-s": 1, "read-bytes": 0, "write-bytes": 0, "blocks": [], "fops": []}
    first = bricks_of(volume)[0]
    rest.api.answers[first["peer-id"]] = Answered(value={first["id"]: {"cumulative": stats}})
    found = good(rest, "GET", f"{V1}/profile/info-peek", "/v1/volumes/{volume}/profile/{option}")
    assert found[0]["details"] == {"cumulative": stats}
    assert found[1]["error"]
    assert code_of(rest, "GET", f"{V1}/profile/infos") == (400, "bad-parameter")
    good(rest, "POST", f"{V1}/profile/stop", "/v1/volumes/{volume}/profile/stop")
    assert code_of(rest, "POST", f"{V1}/profile/stop") == (400, "profile-not-started")


def test_status_asks_each_peer_with_bricks_once(rest: Rest) -> None:
    started(rest)
    found = good(rest, "GET", f"{V1}/status/clients", "/v1/volumes/{volume}/status/{what}")
    assert [b["error"] for b in found] == ["the peer is down"] * 3
    [(ask, arguments, peers)] = rest.api.asked
    assert (ask, arguments) == ("brick-status", {"of": "clients"})
    assert sorted(peers) == sorted({PEER, OTHER} & set(peers)), peers
    assert code_of(rest, "GET", f"{V1}/status/everything") == (400, "bad-parameter")


def test_the_daemons_beside_the_bricks_are_named_peer_by_peer(rest: Rest) -> None:
    rest.ask("POST", "/v1/volumes", {"name": "v1", "bricks": ["node1:/b1", "node2:/b2"], "replica": 2, "force": True})
    assert [s["name"] for s in rest.get(f"{V1}/services").json] == ["", ""], "of a volume that isn't started nothing should run"
    rest.ask("POST", f"{V1}/start")
    rest.api.answers[PEER] = Answered(value={"services": [{"name": "Self-heal Daemon", "online": True, "pid": 7}]})
    found = good(rest, "GET", f"{V1}/services", "/v1/volumes/{volume}/services")
    assert {s["peer-id"]: (s["name"], s["pid"], s["error"]) for s in found}[PEER] == ("Self-heal Daemon", 7, "")
    silent = [(s["name"], s["online"], s["pid"], s["error"]) for s in found if s["peer-id"] != PEER]
    assert silent == [("Self-heal Daemon", False, 0, "the peer is down")], "that one should run there, and who didn't answer is told"
    assert code_of(rest, "GET", "/v1/volumes/nope/services")[0] == 404


def test_top_refuses_what_makes_no_sense(rest: Rest) -> None:
    started(rest)
    good(rest, "GET", f"{V1}/top/open?count=5", "/v1/volumes/{volume}/top/{of}")
    for query in ("top/close", "top/open?bs=1&blocks=1", "top/read-perf?bs=4096", "top/open?count=1000000", "top/open?count=x"):
        assert code_of(rest, "GET", f"{V1}/{query}")[0] == 400, query
    assert code_of(rest, "GET", f"{V1}/top/open?brick=node1:/nope") == (400, "no-such-brick")


def test_a_statedump_says_what_was_written_where(rest: Rest) -> None:
    started(rest)
    assert code_of(rest, "POST", f"{V1}/statedump", {}) == (400, "bad-request")
    assert code_of(rest, "POST", f"{V1}/statedump", {"bricks": True, "sections": ["soul"]}) == (400, "bad-parameter")
    assert code_of(rest, "POST", f"{V1}/statedump", {"bricks": True}) == (500, "no-dump"), "no peer answers"
    peers = rest.api.view().volume("v1").peer_ids()
    for peer in peers:
        rest.api.answers[peer] = Answered(value={"dumps": [], "folder": "/var/run/gluster"})
    assert code_of(rest, "POST", f"{V1}/statedump", {"quotad": True}) == (400, "no-dump"), "nobody has failed: there is no quotad"
    rest.api.answers[PEER] = Answered(value={"dumps": [{"key": "/b1", "pid": 7}], "folder": "/var/run/gluster"})
    found = good(rest, "POST", f"{V1}/statedump", "/v1/volumes/{volume}/statedump", {"bricks": True})
    assert {"key": "/b1", "pid": 7} in [d for p in found for d in p["dumps"]]


CLEAR = {"path": "/d/f", "kind": "granted", "type": "inode"}


def test_locks_are_cleared_by_the_peer_that_is_asked(rest: Rest) -> None:
    assert code_of(rest, "POST", "/v1/volumes/nope/clear-locks", CLEAR)[0] == 404
    started(rest)
    rest.api.answers[PEER] = Answered(value={"lines": ["v1-locks: inode blocked locks=0 granted locks=1"]})
    found = good(rest, "POST", f"{V1}/clear-locks", "/v1/volumes/{volume}/clear-locks", {**CLEAR, "range": "0,0-100"})
    assert found == {"lines": ["v1-locks: inode blocked locks=0 granted locks=1"]}
    assert rest.api.asked == [("clear-locks", {"path": "/d/f", "key": "glusterfs.clrlk.tinode.kgranted.0,0-100"}, [PEER])]
    rest.api.answers[PEER] = Answered(value={"missing": True})
    assert code_of(rest, "POST", f"{V1}/clear-locks", CLEAR) == (404, "no-such-path")
    rest.api.answers[PEER] = Answered(error="volume v1 can't be mounted")
    assert code_of(rest, "POST", f"{V1}/clear-locks", CLEAR) == (500, "not-cleared")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"path": "d"}, {"path": "/../d"}, {"kind": "some"}, {"type": "mandatory"}, {"range": "0-100"}, {"basename": "f"}),
        *({"type": "entry", **more} for more in ({"range": "0,0-1"}, {"basename": "a/b"}, {"basename": "x" * 255})),
    ],
)
def test_locks_of_nothing_that_can_be_are_refused(rest: Rest, wrong: dict[str, str]) -> None:
    started(rest)
    assert rest.ask("POST", f"{V1}/clear-locks", {**CLEAR, **wrong}).status == 400


def test_logs_are_rotated_brick_by_brick(rest: Rest) -> None:
    brick = bricks_of(started(rest))[0]["id"]
    rest.api.answers[PEER] = Answered(value={brick: {"log": "/l/b1.log", "kept": "/l/b1.log.7"}})
    found = good(rest, "POST", f"{V1}/rotate-logs", "/v1/volumes/{volume}/rotate-logs", {})
    assert [b["kept"] for b in found if b["info"]["id"] == brick] == ["/l/b1.log.7"] and len(found) == 3
    assert [b["info"]["path"] for b in rest.ask("POST", f"{V1}/rotate-logs", {"brick": "node1:/b1"}).json] == ["/b1"]
    assert code_of(rest, "POST", f"{V1}/rotate-logs", {"brick": "node1:/nope"}) == (400, "no-such-brick")


def test_heal_info_counts_what_is_known(rest: Rest) -> None:
    started(rest)
    assert code_of(rest, "GET", f"{V1}/heal-info") == (500, "heal-tool")
    brick = {
        "brick": "node1:/b1",
        "connected": True,
        "status": "Connected",
        "total-entries": 1,
        "entries": [{"path": "/f", "state": "split-brain"}],
    }
    rest.api.answers[PEER] = Answered(value={"bricks": [brick]})
    found = good(rest, "GET", f"{V1}/heal-info", "/v1/volumes/{volume}/heal-info")
    assert (found[0]["host-id"], found[0]["entries"][0]["state"], found[0]["heal-pending"]) == (PEER, "split-brain", None)
    good(rest, "GET", f"{V1}/info-summary/heal-info", "/v1/volumes/{volume}/{what}/heal-info")
    assert code_of(rest, "GET", f"{V1}/gossip/heal-info") == (400, "bad-parameter")
    counts = good(rest, "GET", f"{V1}/heal-count", "/v1/volumes/{volume}/heal-count")
    assert [c["entries"] for c in counts] == [None] * 3


def test_heal_info_that_takes_too_long_says_what_is_known_of_each_brick_and_which_did_not_answer(rest: Rest) -> None:
    one, *_ = bricks = bricks_of(started(rest))
    names = [f"{b['host']}:{b['path']}" for b in bricks]
    known = {"brick": names[1], "connected": True, "status": "Connected", "total-entries": 1, "entries": []}
    hung = {"brick": names[0], "connected": False, "status": "", "total-entries": None, "entries": []}
    rest.api.answers[PEER] = Answered(value={"bricks": [known, hung], "late": True, one["id"]: {"entries": 7}})
    answer = rest.ask("GET", f"{V1}/info-summary/heal-info")
    first, second, third = answer.json
    assert (first["connected"], first["total-entries"], first["status"]) == (False, 7, "looking through it did not end in time")
    assert (second["connected"], second["total-entries"]) == (True, 1)
    assert (third["total-entries"], third["status"]) == (None, "not looked through in time (its peer doesn't know this brick yet)")
    assert f"not all bricks were looked through in time: {names[0]}, {names[2]}" in answer.headers["x-gluster-warning"]


def test_heal_tells_the_daemons_and_says_who_has_not_begun(rest: Rest) -> None:
    started(rest)
    assert code_of(rest, "POST", f"{V1}/heal?type=half") == (400, "bad-parameter")
    assert code_of(rest, "POST", f"{V1}/heal") == (500, "not-begun")
    rest.api.answers[PEER] = Answered(value={})
    assert good(rest, "POST", f"{V1}/heal?type=full", "/v1/volumes/{volume}/heal")["begun"] == [PEER]
    rest.ask("POST", f"{V1}/options", {"options": {"cluster.self-heal-daemon": "off"}})
    assert code_of(rest, "POST", f"{V1}/heal") == (400, "shd-off")


def test_split_brain_is_settled_by_a_file_or_a_brick_that_exists(rest: Rest) -> None:
    started(rest)
    rest.api.answers[PEER] = Answered(value={"done": True, "message": "Healed /f."})
    found = good(rest, "POST", f"{V1}/split-brain/bigger-file", "/v1/volumes/{volume}/split-brain/{operation}", {"filename": "/f"})
    assert found == {"message": "Healed /f."}
    assert rest.api.asked[-1][1] == {"words": ["bigger-file", "/f"]}
    assert code_of(rest, "POST", f"{V1}/split-brain/bigger-file", {}) == (400, "bad-request")
    assert code_of(rest, "POST", f"{V1}/split-brain/toss-a-coin", {}) == (400, "bad-parameter")
    assert code_of(rest, "POST", f"{V1}/split-brain/source-brick", {"hostname": "node1", "brickname": "/x"}) == (400, "no-such-brick")
    rest.api.answers[PEER] = Answered(value={"done": False, "message": "Healing /f failed: File not in split-brain."})
    assert code_of(rest, "POST", f"{V1}/split-brain/latest-mtime", {"filename": "/f"}) == (500, "not-healed")


@pytest.mark.parametrize("path", ["heal-info", "heal-count", "status/mem", "top/open"])
def test_nothing_is_asked_about_a_volume_that_is_not_started(rest: Rest, path: str) -> None:
    rest.create("v1", "/b1", "/b2", "/b3", replica=3, force=True)
    assert code_of(rest, "GET", f"{V1}/{path}") == (400, "not-started")
    assert rest.api.asked == []


def test_a_distribute_volume_has_nothing_to_heal(rest: Rest) -> None:
    rest.create("v1", "/b1", force=True)
    rest.ask("POST", f"{V1}/start")
    assert code_of(rest, "GET", f"{V1}/heal-info") == (400, "not-redundant")
    assert code_of(rest, "POST", f"{V1}/heal") == (400, "not-redundant")
    body = {"src-peerid": "node1", "src-brickpath": "/b1", "dst-peerid": "node2", "dst-brickpath": "/new"}
    assert code_of(rest, "POST", f"{V1}/replacebrick", body) == (400, "not-redundant")
