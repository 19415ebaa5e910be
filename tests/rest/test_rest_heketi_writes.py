"""What heketi's clients change: told at once when it makes no sense, else an operation that is waited for. Steps don't run here."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from heketi_kit import CLUSTER, GIB, NODE, OTHER_NODE, UNKNOWN, ask, equipped, get, make_volume, refusal
from rest_kit import OTHER, PEER, Answer, Rest, eventually, make_token

from gd2raft.core import devices, heketi, model, plan
from gd2raft.core.devices import hex_of
from gd2raft.core.heketi import Operation
from gd2raft.rest.api import RequestContext
from gd2raft.rest.heketi import requests
from gd2raft.rest.heketi.queue import WAITING_MAX
from gd2raft.rest.heketi.texts import Invalid, NotOffered

pytestmark = pytest.mark.fast


def waited(rest: Rest, accepted: Answer) -> Answer:
    """The end of an operation: what it made, or 204, or 500."""
    assert accepted.status == 202, accepted
    path = accepted.headers["location"]
    assert path.startswith("/queue/")
    ended: Answer = eventually(lambda: (lambda a: None if "x-pending" in a.headers else a)(ask(rest, "GET", path)), "the operation ends")
    return ask(rest, "GET", ended.headers["location"]) if ended.status == 303 else ended


def created(rest: Rest, **fields: Any) -> Any:
    answer = waited(rest, ask(rest, "POST", "/volumes", {"size": 2, "durability": {"type": "replicate"}, **fields}))
    assert answer.status == 200, answer
    return answer.json


def record(rest: Rest, identity: str) -> model.Volume:
    return next(v for v in rest.api.view().volumes() if hex_of(v.id) == identity)


# nodes


def node(host: str = "node9", **more: Any) -> dict[str, Any]:
    return {"zone": 2, "hostnames": {"manage": [host], "storage": [f"{host}s"]}, "cluster": CLUSTER, **more}


def test_a_node_joins_by_its_storage_name_and_is_shown_with_both(rest: Rest) -> None:
    joins = str(uuid.uuid5(uuid.NAMESPACE_URL, "node9s"))
    rest.do(lambda: rest.api.pids.update({joins: 1}))
    body = waited(rest, ask(rest, "POST", "/nodes", node(tags={"rack": "r1"}))).json
    assert body["hostnames"] == {"manage": ["node9"], "storage": ["node9s"]}
    assert (body["zone"], body["tags"], body["state"], body["devices"]) == (2, {"rack": "r1"}, "online", [])
    assert refusal(ask(rest, "POST", "/nodes", node()))[0] == 409
    assert waited(rest, ask(rest, "DELETE", f"/nodes/{body['id']}")).status == 204
    assert refusal(ask(rest, "GET", f"/nodes/{body['id']}"))[0] == 404


def test_a_peer_that_is_in_the_pool_is_adopted_once(rest: Rest) -> None:
    wanted = {"zone": 1, "hostnames": {"manage": ["node2"], "storage": ["node2"]}, "cluster": CLUSTER}
    assert waited(rest, ask(rest, "POST", "/nodes", wanted)).json["id"] == OTHER_NODE
    assert refusal(ask(rest, "POST", "/nodes", wanted))[0] == 409


def test_the_only_peer_is_named_with_its_zone_and_is_no_node_any_more_when_it_is_deleted(rest: Rest) -> None:
    assert rest.ask("DELETE", "/v1/peers/node2").status == 204
    wanted = {"zone": 3, "hostnames": {"manage": ["node1"], "storage": ["node1"]}, "cluster": CLUSTER, "tags": {"rack": "r1"}}
    for _ in range(2):
        made = waited(rest, ask(rest, "POST", "/nodes", wanted)).json
        assert (made["id"], made["zone"], made["tags"]) == (NODE, 3, {"rack": "r1"})
        assert refusal(ask(rest, "DELETE", f"/clusters/{CLUSTER}"))[0] == 409
        assert waited(rest, ask(rest, "DELETE", f"/nodes/{NODE}")).status == 204
        assert get(rest, f"/clusters/{CLUSTER}")["nodes"] == [] and rest.api.view().peer(PEER) is not None
        assert ask(rest, "DELETE", f"/clusters/{CLUSTER}").status == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"zone": 0}, 400),
        ({"zone": "1"}, 422),
        ({"hostnames": {"manage": [], "storage": ["a"]}}, 400),
        ({"hostnames": {"manage": ["a"], "storage": ["-bad host"]}}, 400),
        ({"cluster": UNKNOWN}, 404),
        ({"cluster": "x"}, 400),
        ({"tags": {"": "x"}}, 400),
        ({"tags": {f"t{i}": "" for i in range(33)}}, 400),
    ],
)
def test_a_node_that_makes_no_sense_is_refused_at_once(rest: Rest, change: dict[str, Any], expected: int) -> None:
    assert refusal(ask(rest, "POST", "/nodes", node(**change)))[0] == expected


def test_a_node_with_devices_stays_and_so_does_the_one_that_is_asked(rest: Rest) -> None:
    assert refusal(ask(rest, "DELETE", f"/nodes/{NODE}")) == (409, "a peer can't remove itself from the pool (ask another peer)")
    equipped(rest)
    assert "contains 1 devices" in refusal(ask(rest, "DELETE", f"/nodes/{OTHER_NODE}"))[1]


def test_a_node_that_is_set_offline_gets_no_bricks(rest: Rest) -> None:
    equipped(rest)
    assert waited(rest, ask(rest, "POST", f"/nodes/{OTHER_NODE}/state", {"state": "offline"})).status == 204
    assert get(rest, f"/nodes/{OTHER_NODE}")["state"] == "offline"
    status, text = refusal(waited(rest, ask(rest, "POST", "/volumes", {"size": 2, "durability": {"type": "replicate"}})))
    assert status == 500 and text.startswith("Failed to allocate new volume: No space") and "node2:/srv/bricks" in text
    assert "its peer is set offline" in text
    assert waited(rest, ask(rest, "POST", f"/nodes/{OTHER_NODE}/state", {"state": "online"})).status == 204
    assert created(rest)["size"] == 2


def test_failed_comes_after_offline(rest: Rest) -> None:
    (device, _) = equipped(rest)
    for path in (f"/nodes/{NODE}/state", f"/devices/{device}/state"):
        assert refusal(ask(rest, "POST", path, {"state": "broken"}))[0] == 400
        status, text = refusal(ask(rest, "POST", path, {"state": "failed"}))
        assert status == 500 and "must be offline" in text
    assert waited(rest, ask(rest, "POST", f"/nodes/{NODE}/state", {"state": "offline"})).status == 204
    assert waited(rest, ask(rest, "POST", f"/nodes/{NODE}/state", {"state": "failed", "healcheck": "enable"})).status == 204
    assert get(rest, f"/devices/{device}")["state"] == "failed"


def test_a_resync_is_an_operation_that_a_get_begins(rest: Rest) -> None:
    (device, _) = equipped(rest)
    assert refusal(ask(rest, "GET", f"/devices/{UNKNOWN}/resync"))[0] == 404
    assert waited(rest, ask(rest, "GET", f"/devices/{device}/resync")).status == 204
    assert get(rest, f"/devices/{device}")["storage"]["total"] == 8 << 20


def test_tags_are_set_updated_and_deleted(rest: Rest) -> None:
    (device, _) = equipped(rest)
    for path in (f"/nodes/{NODE}/tags", f"/devices/{device}/tags"):
        for change, tags, after in (
            ("set", {"a": "1", "b": "2"}, {"a": "1", "b": "2"}),
            ("update", {"b": "3"}, {"a": "1", "b": "3"}),
            ("delete", {"a": ""}, {"b": "3"}),
        ):
            answer = ask(rest, "POST", path, {"change_type": change, "tags": tags})
            assert (answer.status, answer.json) == (200, after)
        assert get(rest, path.rpartition("/")[0])["tags"] == {"b": "3"}
        for wrong in (
            {"change_type": "", "tags": {}},
            {"change_type": "set", "tags": {"a b": ""}},
            {"change_type": "set", "tags": {"a": "x" * 65}},
        ):
            assert refusal(ask(rest, "POST", path, wrong))[0] == 400
        assert refusal(ask(rest, "POST", path, {"change_type": "set", "tags": {"a": 1}}))[0] == 422


def test_the_tags_of_a_node_are_those_of_its_devices_too(rest: Rest) -> None:
    ids = equipped(rest)
    ask(rest, "POST", f"/nodes/{OTHER_NODE}/tags", {"change_type": "set", "tags": {"tier": "gold"}})
    made = created(rest, durability={"type": "none"}, glustervolumeoptions=["user.heketi.device-tag-match tier=gold"])
    assert {brick["device"] for brick in made["bricks"]} == {ids[1]}


# devices


def test_a_folder_is_a_loop_device_and_a_disk_one_of_lvm(rest: Rest) -> None:
    for name, provisioner in (("/srv/bricks", "loop"), ("/dev/shm/bricks", "loop"), ("/dev/sdb", "lvm")):
        assert waited(rest, ask(rest, "POST", "/devices", {"node": NODE, "name": name, "tags": {"a": "b"}})).status == 204
        found = next(d for d in devices.all_devices(rest.api.view()) if d.path == name)
        assert (found.provisioner, found.peer_id, found.tags) == (provisioner, PEER, {"a": "b"})
        assert refusal(ask(rest, "POST", "/devices", {"node": NODE, "name": name}))[0] == 409


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"node": UNKNOWN}, 404), ({"node": "abc"}, 400), ({"name": "sdb"}, 400), ({"name": "/dev/s b"}, 400), ({"destroydata": True}, 501)],
)
def test_a_device_that_makes_no_sense_is_refused_at_once(rest: Rest, change: dict[str, Any], expected: int) -> None:
    assert refusal(ask(rest, "POST", "/devices", {"node": NODE, "name": "/srv/b", **change}))[0] == expected


def test_only_a_failed_device_without_bricks_is_removed(rest: Rest) -> None:
    (device, _) = equipped(rest)
    assert refusal(ask(rest, "DELETE", f"/devices/{device}"))[0] == 400
    volume = make_volume(rest)
    assert "contains 1 bricks" in refusal(ask(rest, "DELETE", f"/devices/{device}"))[1]
    assert rest.ask("DELETE", f"/v1/volumes/{volume.name}").status == 204
    for state in ("offline", "failed"):
        assert waited(rest, ask(rest, "POST", f"/devices/{device}/state", {"state": state})).status == 204
    assert waited(rest, ask(rest, "DELETE", f"/devices/{device}", {"forceforget": True})).status == 204
    assert refusal(ask(rest, "GET", f"/devices/{device}"))[0] == 404


# volumes


def test_a_volume_is_made_started_grown_and_deleted(rest: Rest) -> None:
    equipped(rest)
    made = created(rest)
    assert made["name"] == f"vol_{made['id']}" and made["durability"]["replicate"] == {"replica": 2} and made["cluster"] == CLUSTER
    assert record(rest, made["id"]).state is model.VolumeState.STARTED
    bigger = waited(rest, ask(rest, "POST", f"/volumes/{made['id']}/expand", {"expand_size": 3})).json
    assert bigger["size"] == 5 and len(bigger["bricks"]) == 4 and bigger["id"] == made["id"]
    assert get(rest, "/db/check")["totalinconsistencies"] == 0
    assert waited(rest, ask(rest, "DELETE", f"/volumes/{made['id']}")).status == 204
    assert get(rest, "/volumes") == {"volumes": []}


def test_a_cluster_whose_flag_says_no_file_volumes_gets_none(rest: Rest) -> None:
    equipped(rest)
    assert ask(rest, "POST", f"/clusters/{CLUSTER}/flags", {"file": False, "block": True}).status == 200
    status, text = refusal(ask(rest, "POST", "/volumes", {"size": 1}))
    assert status == 500 and text.startswith(f"Failed to allocate new volume: cluster {CLUSTER} does not support file volumes"), text
    assert ask(rest, "POST", f"/clusters/{CLUSTER}/flags", {"file": True, "block": True}).status == 200
    assert waited(rest, ask(rest, "POST", "/volumes", {"size": 1})).json["size"] == 1


def test_a_user_may_make_a_volume_and_wait_for_it(make_rest: Any) -> None:
    from gd2raft.rest.heketi.tokens import Keys

    rest = make_rest(heketi_keys=Keys(user="the-users-key-of-thirty-two-bytes!"))
    equipped(rest)
    secret = b"the-users-key-of-thirty-two-bytes!"
    accepted = ask(rest, "POST", "/volumes", {"size": 1}, role="user", secret=secret)
    assert accepted.status == 202
    path = accepted.headers["location"]
    eventually(lambda: ask(rest, "GET", path, role="user", secret=secret).status == 303, "the volume is made")
    assert refusal(ask(rest, "GET", "/clusters", role="user", secret=secret)) == (401, "Administrator access required")


def test_the_words_of_a_volume_become_those_of_a_create() -> None:
    identity = "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b"
    options = [
        "performance.io-cache off",
        "user.heketi.arbiter true",
        "user.heketi.average-file-size 128",
        "user.heketi.zone-checking strict",
    ]
    body = {
        "size": 10,
        "name": "data",
        "clusters": [CLUSTER],
        "gid": 2000,
        "durability": {"type": "replicate", "replicate": {"replica": 3}},
        "snapshot": {"enable": True, "factor": 1.5},
        "glustervolumeoptions": options,
    }
    made = requests.volume_create(msgspec.convert(body, requests.VolumeCreateBody), identity, CLUSTER)
    assert (made.name, made.size, made.identity, made.gid) == ("data", 10 * GIB, identity, 2000)
    assert (made.replica, made.arbiter, made.snapshot, made.snapshot_reserve_factor) == (3, 1, True, 1.5)
    assert (made.average_file_size, made.subvolume_zones_overlap) == (128 * 1024, False)
    assert made.options["performance.io-cache"] == "off" and made.options["user.heketi.arbiter"] == "true"
    dispersed = {"size": 1, "durability": {"type": "disperse", "disperse": {"data": 4, "redundancy": 2}}}
    made = requests.volume_create(msgspec.convert(dispersed, requests.VolumeCreateBody), identity, CLUSTER)
    assert (made.name, made.disperse, made.disperse_redundancy) == ("vol_8f1274b3fe824b68abd1f5ce10f68c2b", 6, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": -1},
        {"name": "no name"},
        {"clusters": [UNKNOWN]},
        {"gid": -1},
        {"gid": 1 << 32},
        {"durability": {"type": "raid"}},
        {"durability": {"type": "replicate", "replicate": {"replica": 4}}},
        {"durability": {"type": "disperse"}},
        {"durability": {"type": "disperse", "disperse": {"data": 3, "redundancy": 1}}},
        {"snapshot": {"enable": True}},
        {"snapshot": {"enable": True, "factor": 101}},
        {"glustervolumeoptions": ["nonsense"]},
        {"glustervolumeoptions": ["user.heketi.arbiter perhaps"]},
        {"glustervolumeoptions": ["user.heketi.arbiter true"], "durability": {"type": "none"}},
        {"glustervolumeoptions": ["user.heketi.average-file-size 0"]},
        {"glustervolumeoptions": ["user.heketi.zone-checking maybe"]},
        {"glustervolumeoptions": ["user.heketi.device-tag-match gold"]},
    ],
)
def test_a_volume_that_makes_no_sense_is_refused_at_once(change: dict[str, Any]) -> None:
    body = msgspec.convert({"size": 1, **change}, requests.VolumeCreateBody)
    with pytest.raises(Invalid, match="validation failed: "):
        requests.volume_create(body, UNKNOWN, CLUSTER)


@pytest.mark.parametrize(("size", "bound"), [(0, "no less than 1"), (10**30, "no greater than 1099511627776")])
def test_a_size_beyond_its_bounds_is_told_which(rest: Rest, size: int, bound: str) -> None:
    status, said = refusal(ask(rest, "POST", "/volumes", {"size": size}))
    assert status == 400 and f"size: must be {bound}" in said


def test_what_is_not_offered_is_told(rest: Rest) -> None:
    with pytest.raises(NotOffered):
        requests.volume_create(requests.VolumeCreateBody(size=1, block=True), UNKNOWN, CLUSTER)
    with pytest.raises(NotOffered):
        options = ["user.heketi.device-tag-match tier!=gold"]
        requests.volume_create(requests.VolumeCreateBody(size=1, glustervolumeoptions=options), UNKNOWN, CLUSTER)


def test_a_volume_is_cloned_and_the_clone_is_started(rest: Rest) -> None:
    equipped(rest)
    made = created(rest, gid=4711)
    named = waited(rest, ask(rest, "POST", f"/volumes/{made['id']}/clone", {"name": "copy"})).json
    unnamed = waited(rest, ask(rest, "POST", f"/volumes/{made['id']}/clone", {})).json
    assert named["name"] == "copy" and unnamed["name"] == f"vol_{unnamed['id']}"
    for clone in (named, unnamed):
        assert (clone["size"], clone["durability"], clone["gid"]) == (2, made["durability"], 4711)
        assert [b["device"] for b in clone["bricks"]] == [b["device"] for b in made["bricks"]]
        assert record(rest, clone["id"]).state is model.VolumeState.STARTED
    assert get(rest, "/db/check")["totalinconsistencies"] == 0
    status, said = refusal(waited(rest, ask(rest, "POST", f"/volumes/{made['id']}/clone", {"name": "copy"})))
    assert status == 500 and "volume copy already exists" in said
    full = waited(rest, ask(rest, "POST", f"/volumes/{unnamed['id']}/clone", {"name": "more"}))
    assert full.status == 200
    status, said = refusal(waited(rest, ask(rest, "POST", f"/volumes/{unnamed['id']}/clone", {})))
    assert (
        status == 500 and said.startswith("Failed to allocate cloned volume: No space: ") and "0 bytes are free, 2 GiB are needed" in said
    )
    assert refusal(ask(rest, "POST", f"/volumes/{made['id']}/clone", {"name": "a/b"}))[0] == 400
    assert refusal(ask(rest, "POST", f"/volumes/{UNKNOWN}/clone", {}))[0] == 404
    assert waited(rest, ask(rest, "DELETE", f"/volumes/{made['id']}")).status == 204
    assert get(rest, f"/volumes/{named['id']}")["name"] == "copy"


def test_a_brick_is_moved_to_another_device(rest: Rest) -> None:
    ids = equipped(rest)
    third = devices.Device(id="3" * 32, peer_id=PEER, path="/srv/more", provisioner="loop", size=8 * GIB, mounts="/state/mounts")
    made = created(rest)
    rest.do(lambda: rest.api.put(devices.device_key(third.id), third))
    brick = next(b for b in made["bricks"] if b["device"] == ids[0])
    assert refusal(ask(rest, "POST", f"/bricks/to-evict/{UNKNOWN}"))[0] == 404
    assert waited(rest, ask(rest, "POST", f"/bricks/to-evict/{brick['id']}")).status == 204
    assert {b["device"] for b in get(rest, f"/volumes/{made['id']}")["bricks"]} == {ids[1], third.id}


# operations


def test_the_same_idempotency_key_means_the_same_operation_and_the_same_volume(rest: Rest) -> None:
    equipped(rest)
    headers = {"Idempotency-Key": "k1", "Authorization": f"bearer {make_token('POST', '/volumes', iss='admin')}"}
    first = rest.ask("POST", "/volumes", {"size": 1}, token=None, headers=headers)
    again = rest.ask("POST", "/volumes", {"size": 1}, token=None, headers=headers)
    assert first.status == again.status == 202 and first.headers["location"] == again.headers["location"]
    waited(rest, first)
    assert len(get(rest, "/volumes")["volumes"]) == 1
    other = rest.ask("POST", "/volumes", {"size": 2}, token=None, headers=headers)
    assert refusal(other)[0] == 409


def interrupted(rest: Rest, driver: str) -> Operation:
    """An operation whose driver has died, before or after its first command."""
    request = requests.volume_create(requests.VolumeCreateBody(size=1), "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b", CLUSTER)
    operation = Operation(id=UNKNOWN, kind="volume-create", request=requests.as_data(request), driver=driver, started=1.0)
    rest.do(lambda: rest.api.put(heketi.operation_key(operation.id), operation))
    return operation


@pytest.mark.parametrize("driver", [PEER, "99999999-9999-4999-8999-999999999999"])
def test_an_operation_whose_driver_died_is_brought_to_its_end(rest: Rest, driver: str) -> None:
    equipped(rest)
    interrupted(rest, driver)
    eventually(lambda: ask(rest, "GET", f"/queue/{UNKNOWN}").status == 303, "another has taken it over")
    assert get(rest, "/volumes") == {"volumes": ["8f1274b3fe824b68abd1f5ce10f68c2b"]}
    keys = {context.idempotency_key for context in rest.api.contexts}
    assert keys == {f"heketi-{UNKNOWN}-volume-create", f"heketi-{UNKNOWN}-volume-start"}


def test_a_volume_that_was_made_before_the_driver_died_is_not_made_again_but_started(rest: Rest) -> None:
    equipped(rest)
    request = requests.volume_create(requests.VolumeCreateBody(size=1), "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b", CLUSTER)
    context = RequestContext(request_id="r", user="heketi", timeout_s=9.0, received=0.0)
    rest.wait(rest.api.run("volume-create", request, context))
    interrupted(rest, PEER)
    eventually(lambda: ask(rest, "GET", f"/queue/{UNKNOWN}").status == 303, "it is gone on with")
    assert record(rest, hex_of(request.identity)).state is model.VolumeState.STARTED
    assert [c.idempotency_key for c in rest.api.contexts[1:]] == [f"heketi-{UNKNOWN}-volume-start"]


def test_an_operation_of_a_peer_that_is_there_is_left_to_it(rest: Rest) -> None:
    equipped(rest)
    interrupted(rest, OTHER)
    assert ask(rest, "GET", f"/queue/{UNKNOWN}").headers["x-pending"] == "true"
    assert get(rest, "/operations") == {"total": 1, "in_flight": 1, "stale": 0, "failed": 0, "new": 1}
    rest.wait(rest.server._heketi.queue._look())
    assert not rest.api.contexts


def test_a_pool_without_a_quorum_keeps_an_operation_until_it_has_one(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    from gd2raft.rest.heketi import work

    monkeypatch.setattr(work, "RETRY_EVERY_S", 0.01)
    equipped(rest)
    rest.api.fail = plan.Unavailable("no quorum", code="no-quorum")
    accepted = ask(rest, "POST", "/volumes", {"size": 1})
    eventually(lambda: len(rest.api.contexts) > 2, "it is tried again")
    rest.api.fail = None
    assert waited(rest, accepted).status == 200


def test_more_operations_than_may_wait_are_refused_and_told_when_to_come_back(rest: Rest) -> None:
    async def fill() -> None:
        import asyncio

        for number in range(WAITING_MAX):
            rest.server._heketi.queue._working[str(number)] = asyncio.get_running_loop().create_task(asyncio.sleep(60))

    rest.wait(fill())
    answer = ask(rest, "POST", "/volumes", {"size": 1})
    assert refusal(answer)[0] == 429 and int(answer.headers["retry-after"]) > 0
