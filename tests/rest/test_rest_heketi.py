"""heketi's endpoints: the rules of its protocol, and what its clients read."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from heketi_kit import CLUSTER, NODE, OTHER_NODE, UNKNOWN, ask, equipped, get, make_volume, refusal
from rest_kit import OTHER, PEER, Rest, eventually, make_token
from test_rest_openapi import complaints

from gd2raft.core import devices, heketi, kv, model
from gd2raft.core.devices import hex_of
from gd2raft.core.heketi import Operation, Outcome
from gd2raft.rest.api import BrickFacts

pytestmark = pytest.mark.fast


def test_hello_needs_no_token_and_all_else_does(rest: Rest) -> None:
    answer = rest.ask("GET", "/hello", token=None)
    assert (answer.status, answer.body) == (200, b"Hello from Heketi")
    assert refusal(rest.ask("GET", "/clusters", token=None)) == (401, "Required authorization token not found")


def test_a_token_of_v1_does_not_open_heketis_door_and_the_other_way_round(rest: Rest) -> None:
    assert refusal(rest.get("/clusters")) == (401, "Unknown user")
    assert rest.get("/v1/peers", token=make_token("GET", "/v1/peers", iss="admin")).status == 401


def test_without_auth_no_token_is_needed(make_rest: Any) -> None:
    assert make_rest(auth_required=False).ask("GET", "/clusters", token=None).json == {"clusters": [CLUSTER]}


def test_a_slash_at_the_end_leads_to_the_path_without_it(rest: Rest) -> None:
    answer = ask(rest, "GET", "/clusters/")
    assert (answer.status, answer.headers["location"]) == (301, "/clusters")


def test_a_server_given_with_a_slash_at_its_end_leads_to_the_same_path_and_a_post_stays_one(rest: Rest) -> None:
    answer = ask(rest, "GET", "//clusters")
    assert (answer.status, answer.headers["location"]) == (301, "/clusters")
    answer = ask(rest, "POST", "//clusters", {"file": True})
    assert (answer.status, answer.headers["location"]) == (308, "/clusters")


def test_what_is_no_path_of_heketi_is_told_in_its_words(rest: Rest) -> None:
    for path in ("/volumes/no-hex", "/clusters/a/b/c", "/db", "/nodes/x/y", "/queue", "/hello/x"):
        assert refusal(ask(rest, "GET", path)) == (404, "Invalid path or request"), path


def test_an_id_that_nothing_has_is_not_found(rest: Rest) -> None:
    for path in ("/clusters/", "/nodes/", "/devices/", "/volumes/", "/queue/", "/operations/pending/", "/blockvolumes/"):
        for identity in (UNKNOWN, "ABC", "0" * 3000):
            assert refusal(ask(rest, "GET", path + identity)) == (404, "Id not found"), path


def test_another_method_is_refused_with_an_empty_body(rest: Rest) -> None:
    answer = ask(rest, "PUT", "/clusters")
    assert (answer.status, answer.body) == (405, b"") and "POST" in answer.headers["allow"]


def test_a_body_that_cant_be_parsed_is_422(rest: Rest) -> None:
    for body in (b"", b"{", b"[]", b"nonsense", b'{"file": "yes"}', b"\xff", b"[" * 5000):
        status, text = refusal(ask(rest, "POST", "/clusters", body))
        assert status == 422 and text.startswith("request unable to be parsed"), body


def test_unknown_fields_and_nulls_are_passed_over_whatever_the_body_is_called(rest: Rest) -> None:
    token = make_token("POST", "/clusters", iss="admin")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = rest.ask("POST", "/clusters", {"file": True, "block": None, "more": [1]}, token=None, headers=headers)
    assert answer.status == 201 and (answer.json["file"], answer.json["block"]) == (True, False)


def test_a_client_that_makes_a_cluster_is_given_the_pool(rest: Rest) -> None:
    made = ask(rest, "POST", "/clusters", {"file": True, "block": True})
    assert made.status == 201
    assert made.json == get(rest, f"/clusters/{CLUSTER}")
    assert made.json["nodes"] == [OTHER_NODE, NODE] == get(rest, "/nodes")["nodes"]  # the one that answers last: it can't leave before
    assert get(rest, "/clusters") == {"clusters": [CLUSTER]} and (made.json["file"], made.json["block"]) == (True, True)
    assert ask(rest, "POST", f"/clusters/{CLUSTER}/flags", {"file": True, "block": False}).status == 200
    assert get(rest, f"/clusters/{CLUSTER}")["block"] is False


def test_a_cluster_that_is_made_without_flags_may_have_volumes(rest: Rest) -> None:
    made = ask(rest, "POST", "/clusters", {}).json
    assert (made["file"], made["block"]) == (True, False)


def test_the_only_peer_of_a_new_pool_is_no_node_until_it_is_named_or_used(rest: Rest) -> None:
    """heketi-cli topology load passes over nodes that are there: the zone of its file would never be told."""
    assert rest.ask("DELETE", "/v1/peers/node2").status == 204
    assert get(rest, f"/clusters/{CLUSTER}")["nodes"] == get(rest, "/nodes")["nodes"] == []
    assert refusal(ask(rest, "GET", f"/nodes/{NODE}")) == (404, "Id not found")
    equipped(rest)
    assert get(rest, f"/clusters/{CLUSTER}")["nodes"] == [NODE] and get(rest, f"/nodes/{NODE}")["id"] == NODE


def test_a_pool_of_several_peers_is_no_cluster_to_delete_but_that_of_one_is(rest: Rest) -> None:
    assert refusal(ask(rest, "DELETE", f"/clusters/{CLUSTER}"))[0] == 409
    removed = rest.ask("DELETE", "/v1/peers/node2")
    assert removed.status == 204, removed
    assert ask(rest, "DELETE", f"/clusters/{CLUSTER}").status == 200
    assert get(rest, "/clusters") == {"clusters": [CLUSTER]}


def test_a_node_shows_its_devices_and_a_volume_its_bricks(rest: Rest) -> None:
    ids = equipped(rest)
    volume = make_volume(rest)
    node = get(rest, f"/nodes/{NODE.upper()}")
    (device,) = node["devices"]
    assert (node["id"], node["cluster"], node["state"]) == (NODE, CLUSTER, "online")
    assert node["hostnames"] == {"manage": ["node1"], "storage": ["node1"]} and node["zone"] >= 1
    assert device == get(rest, f"/devices/{ids[0]}")
    assert device["storage"] == {"total": 8 << 20, "free": 6 << 20, "used": 2 << 20}
    shown = get(rest, f"/volumes/{hex_of(volume.id)}")
    assert (shown["size"], shown["name"], shown["durability"]["type"]) == (2, "v1", "replicate")
    assert shown["durability"] == {"type": "replicate", "replicate": {"replica": 2}, "disperse": {}}
    assert {brick["device"] for brick in shown["bricks"]} == set(ids) and device["bricks"][0] in shown["bricks"]
    assert {(brick["volume"], brick["size"]) for brick in shown["bricks"]} == {(hex_of(volume.id), 2 << 20)}
    first, *others = shown["mount"]["glusterfs"]["hosts"]
    assert shown["mount"]["glusterfs"]["device"] == f"{first}:v1"
    assert shown["mount"]["glusterfs"]["options"] == {"backup-volfile-servers": ",".join(others)}
    assert get(rest, "/volumes") == {"volumes": [hex_of(volume.id)]}


def test_zones_are_numbers_and_peers_without_one_are_in_zones_of_their_own(rest: Rest) -> None:
    peer = rest.api.view().peer(PEER)
    assert peer is not None
    rest.do(lambda: rest.api.put(model.peer_key(PEER), msgspec.structs.replace(peer, zone="7")))
    assert (get(rest, f"/nodes/{NODE}")["zone"], get(rest, f"/nodes/{OTHER_NODE}")["zone"]) == (7, 8)


def test_there_are_no_block_volumes_and_that_is_told(rest: Rest) -> None:
    assert get(rest, "/blockvolumes") == {"blockvolumes": []}
    assert refusal(ask(rest, "POST", "/blockvolumes", {"size": 1}))[0] == 501


def test_read_only_stops_changes_but_its_own_end(rest: Rest) -> None:
    assert get(rest, "/admin") == {"state": "normal"}
    assert refusal(ask(rest, "POST", "/admin", {"state": "broken"}))[0] == 400
    assert refusal(ask(rest, "POST", "/admin", {"state": "local-client"}))[0] == 501
    assert ask(rest, "POST", "/admin", {"state": "read-only"}).status == 204
    answer = ask(rest, "POST", "/clusters", {})
    assert refusal(answer)[0] == 503 and int(answer.headers["retry-after"]) > 0
    assert get(rest, "/clusters") == {"clusters": [CLUSTER]}
    assert ask(rest, "POST", "/admin", {"state": "normal"}).status == 204
    assert ask(rest, "POST", "/clusters", {}).status == 201


def test_the_data_base_is_dumped_checked_and_copied(rest: Rest) -> None:
    equipped(rest)
    volume = make_volume(rest)
    dumped = get(rest, "/db/dump")
    assert set(dumped["volumeentries"]) == {hex_of(volume.id)} and len(dumped["brickentries"]) == 2
    assert volume.password not in str(dumped)
    checked = get(rest, "/db/check")
    assert checked["totalinconsistencies"] == 0 and checked["bricks"]["ok"] == 2
    copy = ask(rest, "GET", "/backup/db")
    assert copy.status == 200 and copy.headers["content-disposition"] == "attachment; filename=heketi.db"
    assert get(rest, "/internal/logging") == {"loglevel": {"glusterfs": "info"}}


def test_a_check_finds_space_without_a_brick_and_a_brick_without_space(rest: Rest) -> None:
    (first, _) = equipped(rest)
    volume = make_volume(rest)
    lost = next(brick for brick in volume.bricks() if brick.device == first)
    space = devices.Space(brick="f" * 32, volume="gone", path="/x", size=1, pool=1)
    rest.do(lambda: rest.api.put(devices.space_key(first, space.brick), space))
    rest.do(lambda: rest.api.apply(kv.Commit(delete=(devices.space_key(first, lost.id),))))
    checked = get(rest, "/db/check")
    assert checked["totalinconsistencies"] == 2
    assert "f" * 32 in checked["devices"]["inconsistencies"][0] and hex_of(lost.id) in checked["bricks"]["inconsistencies"][0]


def test_an_examination_says_where_the_state_and_what_runs_differ(rest: Rest) -> None:
    (first, _) = equipped(rest)
    volume = make_volume(rest)
    assert get(rest, "/internal/state/examine/gluster")["report"] == [], "a volume that isn't started has no bricks that should run"
    rest.ask("POST", f"/v1/volumes/{volume.name}/start", {})
    good, bad = volume.bricks()
    rest.api.facts = {good.id: BrickFacts(online=True), bad.id: BrickFacts(error="exited with code 1")}
    space = devices.Space(brick="f" * 32, volume="gone", path="/x", size=1, pool=1)
    rest.do(lambda: rest.api.put(devices.space_key(first, space.brick), space))
    told = get(rest, "/internal/state/examine/gluster")
    assert told["heketidb"] == get(rest, "/db/dump")
    books, brick = told["report"]
    assert "f" * 32 in books and hex_of(bad.id) in brick and brick.endswith("is offline: exited with code 1")
    rest.api.facts = {good.id: BrickFacts(online=True)}
    assert get(rest, "/internal/state/examine/gluster")["report"][1].endswith("is offline: its node does not answer")


# the queue


def put_operation(rest: Rest, **fields: Any) -> Operation:
    given = {"id": UNKNOWN, "kind": "unknown-here", "request": {"name": "v1"}, "driver": PEER, "started": time.time(), **fields}
    operation = Operation(**given)
    rest.do(lambda: rest.api.put(heketi.operation_key(operation.id), operation))
    return operation


def test_an_operation_is_pending_then_it_is_told_as_often_as_it_is_asked(rest: Rest) -> None:
    put_operation(rest)
    waiting = ask(rest, "GET", f"/queue/{UNKNOWN}")
    assert (waiting.status, waiting.headers["x-pending"]) == (200, "true")
    assert get(rest, "/operations") == {"total": 1, "in_flight": 1, "stale": 0, "failed": 0, "new": 1}
    assert [o["id"] for o in get(rest, "/operations/pending")["pendingoperations"]] == [UNKNOWN]
    assert get(rest, f"/operations/pending/{UNKNOWN}")["changes"][0]["id"] == "v1"
    put_operation(rest, outcome=Outcome.DONE, ended=time.time(), location="/volumes/abc")
    for _ in range(2):
        done = ask(rest, "GET", f"/queue/{UNKNOWN}")
        assert (done.status, done.headers["location"]) == (303, "/volumes/abc") and "x-pending" not in done.headers


def test_an_operation_without_a_result_is_204_and_a_failed_one_500_with_its_text(rest: Rest) -> None:
    put_operation(rest, outcome=Outcome.DONE, ended=time.time())
    assert ask(rest, "GET", f"/queue/{UNKNOWN}").status == 204
    put_operation(rest, outcome=Outcome.FAILED, ended=time.time(), error="No space: because")
    assert refusal(ask(rest, "GET", f"/queue/{UNKNOWN}")) == (500, "No space: because")
    assert get(rest, "/operations") == {"total": 0, "in_flight": 0, "stale": 0, "failed": 0, "new": 0}  # nothing is left to clean up


def test_an_outcome_is_forgotten_after_an_hour(rest: Rest) -> None:
    put_operation(rest, outcome=Outcome.DONE, ended=time.time() - heketi.KEPT_S - 1)
    eventually(lambda: ask(rest, "GET", f"/queue/{UNKNOWN}").status == 404, "the outcome is forgotten")


def test_of_outcomes_the_oldest_are_forgotten_first() -> None:
    ended = [
        Operation(id=str(i), kind="k", request={}, driver=OTHER, started=0.0, outcome=Outcome.DONE, ended=float(i))
        for i in range(heketi.KEPT_MAX + 2)
    ]
    assert [o.id for o in heketi.outlived(ended, now=10.0)] == ["0", "1"]


def test_replies_are_as_described(rest: Rest) -> None:
    (device, _) = equipped(rest)
    volume = make_volume(rest)
    put_operation(rest)
    described = rest.get("/openapi-heketi.json").json
    ids = {"clusters": CLUSTER, "nodes": NODE, "devices": device, "volumes": hex_of(volume.id), "operations": UNKNOWN}
    looked_at = 0
    for path, methods in described["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "application/json" in content:
            schema = content["application/json"]["schema"]
            assert complaints(get(rest, path.replace("{id}", ids.get(path.split("/")[1], ""))), schema, described) == [], path
            looked_at += 1
    assert looked_at >= 13


def test_the_description_says_what_a_body_must_have_and_that_null_is_nothing(rest: Rest) -> None:
    described = rest.get("/openapi-heketi.json").json
    body = described["paths"]["/volumes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    create = described["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert create["required"] == ["size"] and create["properties"]["size"]["minimum"] == 1
    assert {"type": "null"} in create["properties"]["block"]["anyOf"]
    parts = [schema for name, schema in described["components"]["schemas"].items() if name.endswith("requests.Snapshot")]
    assert [{"type": "null"} in part["properties"]["factor"]["anyOf"] for part in parts] == [True], "a reply has a part of the same name"
    assert refusal(ask(rest, "POST", "/volumes", {}))[0] == refusal(ask(rest, "POST", "/volumes", {"size": None}))[0] == 400
    assert ask(rest, "POST", "/volumes", {"size": 1, "block": None}).status == 202


def test_a_whole_number_may_be_written_with_a_point_and_half_a_gib_is_none(rest: Rest) -> None:
    assert ask(rest, "POST", "/volumes", {"size": 3.0, "gid": 7.0, "snapshot": {"factor": 1}}).status == 202
    assert refusal(ask(rest, "POST", "/volumes", {"size": 1.5}))[0] == 422


def test_heketis_metrics_are_told_beside_ours_of_the_peers_own_devices(rest: Rest) -> None:
    device, _ = equipped(rest)
    make_volume(rest, "v1")
    shown = get(rest, f"/devices/{device}")
    lines = dict(line.rsplit(" ", 1) for line in rest.get("/metrics", token=None).body.decode().splitlines() if line.startswith("heketi_"))
    cluster, host = f'cluster="{CLUSTER}"', get(rest, f"/nodes/{NODE}")["hostnames"]["manage"][0]
    assert float(lines[f"heketi_volumes_count{{{cluster}}}"]) == 1 and float(lines["heketi_up"]) == 1
    assert float(lines[f"heketi_nodes_count{{{cluster}}}"]) == len(get(rest, f"/clusters/{CLUSTER}")["nodes"])
    assert float(lines[f'heketi_device_count{{{cluster},hostname="{host}"}}']) == 1
    of_device = f'{{{cluster},device="{shown["name"]}",hostname="{host}"}}'
    for name in ("size", "free", "used"):
        told = lines[f"heketi_device_{name}_bytes{of_device}"]
        assert float(told) == 1024 * shown["storage"]["total" if name == "size" else name]
    assert float(lines[f"heketi_device_brick_count{of_device}"]) == len(shown["bricks"]) > 0
    assert sum(line.startswith("heketi_device_size_bytes") for line in lines) == 1, "the devices of other peers are told by those"


def test_the_description_has_every_route_and_no_route_of_v1(rest: Rest) -> None:
    described = rest.get("/openapi-heketi.json").json
    assert {"/volumes/{id}", "/queue/{id}", "/clusters/{id}/flags"} <= set(described["paths"])
    assert not [path for path in described["paths"] if path.startswith("/v1")]
    assert not [path for path in rest.get("/openapi.json").json["paths"] if path.startswith("/clusters")]
