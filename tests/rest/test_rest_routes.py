"""The shapes and statuses of GlusterD2, over a real socket."""

from __future__ import annotations

import msgspec
from rest_kit import OTHER, PEER, Rest

from gd2raft.core.phases import Phase, Transaction
from gd2raft.core.plan import Change, Plan
from gd2raft.rest.api import BrickFacts, SizeInfo


def test_ping_answers_everybody(rest: Rest) -> None:
    answer = rest.get("/ping", token=None)
    assert answer.status == 200
    assert answer.json == {"status": "ok"}


def test_version_says_daemon_and_api(rest: Rest) -> None:
    assert rest.get("/version").json == {"glusterd-version": "1.2.3", "api-version": 1}


def test_peers_have_glusterd2s_shape(rest: Rest) -> None:
    peers = rest.get("/v1/peers").json
    assert peers[0] == {
        "id": PEER,
        "name": "node1",
        "peer-addresses": ["node1:24008"],
        "client-addresses": ["node1:24007"],
        "online": True,
        "pid": 4711,
        "metadata": {"_zone": PEER},
        "state": "online",
        "tags": {},
    }
    assert [p["id"] for p in peers] == [PEER, OTHER]


def test_a_peer_out_of_sight_is_not_online(rest: Rest) -> None:
    rest.do(lambda: rest.api.pids.pop(OTHER))
    assert [p["online"] for p in rest.get("/v1/peers").json] == [True, False]


def test_a_peer_is_found_by_id_and_by_name(rest: Rest) -> None:
    assert rest.get(f"/v1/peers/{OTHER}").json["name"] == "node2"
    assert rest.get("/v1/peers/node2").json["id"] == OTHER
    missing = rest.get("/v1/peers/node9")
    assert (missing.status, missing.error["fields"]["code"]) == (404, "peer-not-found")


def test_adding_a_peer_answers_201_with_its_place(rest: Rest) -> None:
    answer = rest.ask("POST", "/v1/peers", {"addresses": ["node3"], "zone": "z"})
    assert answer.status == 201
    assert answer.headers["location"] == f"/v1/peers/{answer.json['id']}"
    assert answer.json["metadata"] == {"_zone": "z"}
    assert answer.json["online"] is False


def test_what_the_daemon_finds_out_about_a_peer_cannot_be_given_by_a_client(rest: Rest) -> None:
    answer = rest.ask("POST", "/v1/peers", {"addresses": ["node3"], "found": None})
    assert answer.status == 400
    assert answer.error["fields"]["field"] == "found"


def test_removing_a_peer_answers_204_without_a_body(rest: Rest) -> None:
    answer = rest.ask("DELETE", f"/v1/peers/{OTHER}")
    assert (answer.status, answer.body) == (204, b"")
    assert "content-type" not in answer.headers
    assert len(rest.get("/v1/peers").json) == 1


def test_removing_a_peer_with_bricks_is_forbidden(rest: Rest) -> None:
    rest.ask("POST", "/v1/volumes", {"name": "v1", "bricks": ["node2:/b"]})
    assert rest.ask("DELETE", f"/v1/peers/{OTHER}").status == 403


def test_creating_a_volume_answers_201_with_its_place_and_info(rest: Rest) -> None:
    answer = rest.create("v1", "/b1", "/b2", "/b3", replica=3, force=True, metadata={"owner": "me"})
    assert answer.status == 201
    assert answer.headers["location"] == "/v1/volumes/v1"
    info = answer.json
    assert (info["name"], info["type"], info["state"], info["transport"]) == ("v1", "Replicate", "Created", "tcp")
    assert (info["distribute-count"], info["replica-count"], info["arbiter-count"]) == (1, 3, 0)
    assert (info["snap-list"], info["capacity"], info["metadata"]) == ([], 0, {"owner": "me"})
    (subvol,) = info["subvols"]
    assert (subvol["name"], subvol["type"]) == ("v1-replicate-0", "Replicate")
    brick = subvol["bricks"][0]
    assert {k: brick[k] for k in brick if k != "id"} == {
        "path": "/b1",
        "volume-id": info["id"],
        "volume-name": "v1",
        "peer-id": PEER,
        "host": "node1",
        "type": "Brick",
    }
    assert rest.get("/v1/volumes/v1").json == info
    assert rest.get(f"/v1/volumes/{info['id']}").json == info
    assert rest.get("/v1/volumes").json == [info]


def test_type_names_and_counts_are_glusterd2s(rest: Rest) -> None:
    def shape(name: str, count: int, **fields: object) -> tuple[object, ...]:
        info = rest.create(name, *[f"/{name}/{i}" for i in range(count)], force=True, **fields).json
        return info["type"], info["distribute-count"], info["replica-count"], info["disperse-count"], info["disperse-redundancy-count"]

    assert shape("d", 4) == ("Distribute", 4, 1, 0, 0)
    assert shape("r", 2, replica=2) == ("Replicate", 1, 2, 0, 0)
    assert shape("dr", 6, replica=3) == ("Dist-Replicate", 2, 3, 0, 0)
    assert shape("e", 3, disperse=3) == ("Disperse", 1, 1, 3, 1)
    assert shape("de", 6, disperse=3) == ("Dist-Disperse", 2, 1, 3, 1)


def test_an_arbiter_brick_says_so(rest: Rest) -> None:
    info = rest.create("v1", "/1", "/2", "/3", replica=3, arbiter=1, force=True).json
    assert [b["type"] for b in info["subvols"][0]["bricks"]] == ["Brick", "Brick", "Arbiter"]
    assert info["arbiter-count"] == 1


def test_a_volumes_life_start_stop_delete(rest: Rest) -> None:
    rest.create("v1")
    assert rest.ask("POST", "/v1/volumes/v1/start").json["state"] == "Started"
    again = rest.ask("POST", "/v1/volumes/v1/start", {})
    assert again.status == 400
    assert rest.ask("DELETE", "/v1/volumes/v1").status == 400
    assert rest.ask("POST", "/v1/volumes/v1/stop").json["state"] == "Stopped"
    assert rest.ask("DELETE", "/v1/volumes/v1").status == 204
    assert rest.get("/v1/volumes").json == []
    assert rest.get("/v1/volumes/v1").status == 404


def test_bricks_of_peers_that_do_not_answer_are_offline(rest: Rest) -> None:
    info = rest.create("v1", "/b1", "/b2", force=True).json
    first = info["subvols"][0]["bricks"][0]
    facts = BrickFacts(
        online=True, pid=99, port=49152, fs_type="xfs", mount_opts="rw", device="/dev/sda", size=SizeInfo(capacity=3, used=1, free=2)
    )
    rest.do(lambda: rest.api.facts.update({first["id"]: facts}))
    up, down = rest.get("/v1/volumes/v1/bricks").json
    assert up == {
        "info": first,
        "known": True,
        "online": True,
        "pid": 99,
        "port": 49152,
        "fs-type": "xfs",
        "mount-opts": "rw",
        "device": "/dev/sda",
        "size": {"capacity": 3, "used": 1, "free": 2},
        "error": "",
    }
    assert (down["online"], down["pid"], down["port"]) == (False, 0, 0)


def test_status_of_a_volume_that_is_not_started_is_refused(rest: Rest) -> None:
    rest.create("v1")
    assert (rest.get("/v1/volumes/v1/status").status, rest.get("/v1/volumes/v1/status").error["fields"]["code"]) == (400, "not-started")


def test_a_volume_is_online_while_every_subvolume_can_be_read(rest: Rest) -> None:
    info = rest.create("v1", "/1", "/2", "/3", replica=3, arbiter=1, force=True).json
    rest.ask("POST", "/v1/volumes/v1/start")
    first, _, arbiter = [b["id"] for b in info["subvols"][0]["bricks"]]
    up = BrickFacts(online=True)
    rest.do(lambda: rest.api.facts.update({arbiter: up}))
    assert rest.get("/v1/volumes/v1/status").json["online"] is False
    rest.do(lambda: rest.api.facts.update({first: up}))
    status = rest.get("/v1/volumes/v1/status").json
    assert status["online"] is True
    assert status["size"] == {"capacity": 100, "used": 40, "free": 60}
    assert status["info"]["name"] == "v1"


def test_options_show_value_default_and_whether_they_were_set(rest: Rest) -> None:
    rest.create("v1")
    rest.ask("POST", "/v1/volumes/v1/options", {"options": {"performance.io-cache": "on"}})
    one = rest.get("/v1/volumes/v1/options/performance.io-cache").json
    assert (one["name"], one["value"], one["modified"], one["option-level"]) == ("performance.io-cache", "on", True, "Basic")
    listed = {o["name"]: o for o in rest.get("/v1/volumes/v1/options").json}
    assert listed["performance.io-cache"] == one
    assert listed["performance.read-ahead"]["modified"] is False
    assert listed["performance.read-ahead"]["value"] == listed["performance.read-ahead"]["default-value"]
    reset = rest.ask("DELETE", "/v1/volumes/v1/options", {"options": ["performance.io-cache"]})
    assert reset.status == 200
    assert rest.get("/v1/volumes/v1/options/performance.io-cache").json["modified"] is False


def test_an_option_that_does_not_exist_is_not_found_and_a_near_one_is_named(rest: Rest) -> None:
    rest.create("v1")
    answer = rest.get("/v1/volumes/v1/options/performance.io-cach")
    assert answer.status == 404
    assert "performance.io-cache" in answer.error["message"]


def test_options_of_the_pool_are_read_and_set(rest: Rest) -> None:
    answer = rest.ask("POST", "/v1/cluster/options", {"options": {"cluster.server-quorum-ratio": "51%"}})
    assert answer.status == 200
    listed = {o["key"]: o for o in rest.get("/v1/cluster/options").json}
    assert (listed["cluster.op-version"]["value"], listed["cluster.max-op-version"]["value"]) == ("100000", "100000")
    assert (listed["cluster.server-quorum-ratio"]["value"], listed["cluster.server-quorum-ratio"]["modified"]) == ("51%", True)


def test_cluster_status_is_what_the_daemon_says(rest: Rest) -> None:
    status = rest.get("/v1/cluster/status").json
    assert (status["leader"], status["quorum"], status["voters"], status["learners"]) == (PEER, True, [PEER], [OTHER])
    assert {p["id"]: p["disk-full"] for p in status["peers"]} == {PEER: False, OTHER: False}
    assert status["notices"] == []
    rest.api.noticed = [{"code": "LOG_LOST", "peer": OTHER, "what": "peer node2 had lost entries"}]
    assert rest.get("/v1/cluster/status").json["notices"] == rest.api.noticed
    rest.api.full = frozenset({OTHER})
    assert {p["id"]: p["disk-full"] for p in rest.get("/v1/cluster/status").json["peers"]} == {PEER: False, OTHER: True}


def test_a_transaction_that_is_stuck_is_shown_with_its_problems_but_without_its_plan(rest: Rest) -> None:
    plan = msgspec.to_builtins(Plan(locks=("volume/v1",), changes=(Change("volumes/v1", {"password": "pssst"}),)))
    record = Transaction(
        id="t1", command="volume-create", phase=Phase.STUCK, plan=plan, initiator=PEER, started=1.5, request_id="r", user="gd2",
        problems=({"peer": OTHER, "step": "brick.prepare", "error": "disk gone"},),
    )  # fmt: skip
    rest.do(lambda: rest.api.put("txn/t1", record))
    answer = rest.get("/v1/transactions")
    (shown,) = answer.json
    assert (shown["phase"], shown["locks"], shown["problems"][0]["error"]) == ("stuck", ["volume/v1"], "disk gone")
    assert b"pssst" not in answer.body
    assert rest.get("/v1/transactions/t1").json == shown
    assert rest.get("/v1/transactions/t2").error["fields"]["code"] == "transaction-not-found"


def test_endpoints_lists_every_route(rest: Rest) -> None:
    listed = {(e["methods"][0], e["path"]) for e in rest.get("/endpoints", token=None).json}
    assert listed == {(e.method, e.path) for e in rest.server.endpoints}
    assert ("POST", "/v1/volumes") in listed


def test_statedump_counts_and_keeps_secrets(rest: Rest) -> None:
    rest.create("v1")
    dump = rest.get("/statedump")
    assert dump.json["keys"]["volumes"] == 1
    assert dump.json["revision"] == rest.api.state.revision
    assert "password" not in dump.body.decode()
