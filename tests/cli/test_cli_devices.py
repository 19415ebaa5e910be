"""gd2 device, and volume create by size: which requests their words become, how devices look, and what is refused before it is sent."""

from __future__ import annotations

import json

import pytest
from cli_kit import PEER_1, cluster_status, peer_info, volume_info

pytestmark = pytest.mark.fast

ID = "0123456789abcdef0123456789abcdef"
BRICK = {"id": "b1", "path": "/m/b1/brick", "volume": "v1", "size": 2 << 30, "taken": 2 << 30, "leaving": True}
DEVICE = {
    "id": ID, "peer-id": PEER_1, "host": "node1", "zone": PEER_1, "device": "/srv/b", "provisioner": "loop", "state": "online",
    "size": {"capacity": 8 << 30, "used": 2 << 30, "free": 6 << 30}, "tags": {"tier": "gold"}, "bricks": [BRICK], "note": "",
}  # fmt: skip
PLACE = "POST /v1/devices/node1/%2Fsrv%2Fb"


@pytest.mark.parametrize(
    ("line", "request_line", "body"),
    [
        ("add node1 /dev/sdb", "POST /v1/devices/node1", {"device": "/dev/sdb"}),
        (
            "add node1 /srv/b provisioner loop --size 8GiB tags tier=gold,a=b",
            "POST /v1/devices/node1",
            {"device": "/srv/b", "provisioner": "loop", "size": 8 << 30, "tags": {"tier": "gold", "a": "b"}},
        ),
        ("set node1:/srv/b offline", PLACE, {"state": "offline"}),
        ("tags node1:/srv/b update tier=gold a=", f"{PLACE}/tags", {"change-type": "update", "tags": {"tier": "gold", "a": ""}}),
        ("tags node1:/srv/b delete tier", f"{PLACE}/tags", {"change-type": "delete", "tags": {"tier": ""}}),
        ("resync node1:/srv/b", f"{PLACE}/resync", None),
        ("remove node1:/srv/b force", "DELETE /v1/devices/node1/%2Fsrv%2Fb", {"force": True}),
        ("info node1:/srv/b", "GET /v1/devices/node1/%2Fsrv%2Fb", None),
        ("list node1", "GET /v1/devices/node1", None),
    ],
)
def test_words_become_one_request(gd2, peer, line, request_line, body):
    peer.answers[request_line] = (
        200,
        [DEVICE] if " /v1/devices/node1" in request_line and "GET" in request_line and "%2F" not in request_line else DEVICE,
    )
    result = gd2("-y", "device", *line.split(), peers=peer)
    assert (result.code, result.err) == (0, "")
    (seen,) = peer.seen
    assert (f"{seen.method} {seen.target}", seen.body or None) == (request_line, body)


def test_a_device_is_named_by_its_id_alone(gd2, peer):
    peer.answers["GET /v1/devices"] = (200, [DEVICE])
    peer.answers[f"POST /v1/devices/{PEER_1}/{ID}"] = (200, {**DEVICE, "state": "failed"})
    result = gd2("-y", "device", "set", ID, "failed", peers=peer)
    assert result.code == 0 and "node1:/srv/b is failed" in result.out and "gd2 device info" in result.out
    assert gd2("device", "info", "f" * 32, peers=peer).code == 4


@pytest.mark.parametrize(
    "line",
    [
        "device add node1 /srv/b size much", "device add node1 /srv/b provisioner zfs", "device set node1:/b broken", "device info sdb",
        "device tags node1:/b update nonsense", "device tags node1:/b rename a=b", "device tags node1:/b update", "volume create v size 0GB",
        "volume create v size 2GiB node1:/b", "volume create v node1:/b zones strict", "volume create v size 2GiB zones loose",
        "volume create v size 2GiB snapshot-factor x", "volume create v size 2GiB disperse",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_usage_error_and_nothing_is_sent(gd2, peer, line):
    result = gd2(*line.split(), peers=peer)
    assert result.code == 2 and result.err and not peer.seen


def test_devices_are_a_table_and_one_is_told_with_its_bricks(gd2, peer):
    peer.answers["GET /v1/devices"] = (200, [DEVICE])
    lines = gd2("device", "list", peers=peer).out.splitlines()
    assert lines[1].split() == [ID, "node1:/srv/b", "loop", "online", "8.0", "GiB", "6.0", "GiB", "1", "-"]
    peer.answers["GET /v1/devices/node1/%2Fsrv%2Fb"] = (200, {**DEVICE, "note": "no room elsewhere"})
    out = gd2("device", "info", "node1:/srv/b", peers=peer).out
    assert "used 2.0 GiB, free 6.0 GiB" in out and "tier=gold" in out and "no room elsewhere" in out and "leaving" in out
    peer.answers["GET /v1/devices"] = (200, [])
    assert "there are no devices" in gd2("device", "list", peers=peer).out


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ("--size 20GiB --replica 3", {"size": 20 << 30, "replica": 3}),
        ("size 2T replica 2 arbiter 1 zones strict", {"size": 2 << 40, "replica": 2, "arbiter": 1, "subvolume-zones-overlap": False}),
        (
            "size 9GB disperse 3 max-brick-size 1.5G distribute 4",
            {"size": 9 << 30, "disperse": 3, "max-brick-size": 3 << 29, "distribute": 4},
        ),
        (
            "size 9GB disperse disperse-data 4 redundancy 2 tags tier=gold provisioner lvm",
            {"size": 9 << 30, "disperse-data": 4, "disperse-redundancy": 2, "device-tags": {"tier": "gold"}, "provisioner": "lvm"},
        ),
        (
            "size 9GB snapshot-factor 1.5 average-file-size 1MB",
            {"size": 9 << 30, "snapshot": True, "snapshot-reserve-factor": 1.5, "average-file-size": 1 << 20},
        ),
    ],
)
def test_a_size_takes_the_place_of_bricks(gd2, peer, words, body):
    peer.answers["POST /v1/volumes"] = (201, volume_info())
    assert gd2("volume", "create", "v1", *words.split(), peers=peer).code == 0
    assert peer.seen[0].body == {"name": "v1", **body}


def test_a_dry_run_shows_where_bricks_would_go(gd2, peer):
    brick = {
        "peer-id": PEER_1,
        "host": "node1",
        "zone": "z1",
        "path": "/m/x",
        "type": "Arbiter",
        "size": 1 << 30,
        "device": ID,
        "device-path": "/srv/b",
    }
    peer.answers["POST /v1/placement"] = (200, {"name": "v1", "size": 1 << 30, "sets": [[brick]]})
    result = gd2("volume", "create", "v1", "size", "1GiB", "--dry-run", peers=peer)
    assert result.out.splitlines()[-1].split() == ["1", "node1:/srv/b", "1.0", "GiB", "Arbiter", "z1"]
    assert len(peer.seen) == 1


@pytest.mark.parametrize(
    "line", ["volume create v1 --size 4PiB", "device add node1 /srv/b provisioner loop size 10PiB", "volume expand v1 size 910T"]
)
def test_a_size_that_is_too_large_is_refused_with_the_largest_one(gd2, peer, line):
    result = gd2(*line.split(), peers=peer)
    assert result.code == 2 and f"{line.split()[-1]!r} is too large" in result.err and "at most 909TiB" in result.err and not peer.seen
    peer.answers["POST /v1/volumes"] = (201, volume_info())
    assert gd2("volume", "create", "v1", "size", "909TiB", peers=peer).code == 0


def test_a_volume_is_expanded_by_size(gd2, peer):
    peer.answers["POST /v1/volumes/v1/expand"] = (200, volume_info(capacity=3 << 30))
    for word in ("add-brick", "expand"):
        result = gd2("volume", word, "v1", "size", "1GiB", "distribute", "2", peers=peer)
        assert result.code == 0 and "it has 3.0 GiB now" in result.out
    assert [seen.body for seen in peer.seen] == [{"size": 1 << 30, "distribute": 2}] * 2
    assert gd2("volume", "expand", "v1", "size", "1GiB", "node1:/b", peers=peer).code == 2


def test_space_that_is_missing_is_shown_beside_what_is_free_by_the_book(gd2, peer):
    peer.answers["GET /v1/devices"] = (200, [{**DEVICE, "short": 5 << 30}, DEVICE])
    peer.answers["GET /v1/devices/node1/%2Fsrv%2Fb"] = (200, {**DEVICE, "short": 5 << 30})
    first, second = gd2("device", "list", peers=peer).out.splitlines()[-2:]
    assert "6.0 GiB (5.0 GiB missing)" in first and "missing" not in second
    assert "Missing:     5.0 GiB of its size" in gd2("device", "info", "node1:/srv/b", peers=peer).out


def test_health_names_devices_that_should_have_no_bricks_and_have_some(gd2, peer):
    staying = {**BRICK, "leaving": False}
    devices = [
        {**DEVICE, "device": "/srv/a", "bricks": [staying]},
        {**DEVICE, "state": "failed", "note": "no room elsewhere", "bricks": [staying, {**staying, "volume": "v0"}, BRICK]},
        {**DEVICE, "device": "/srv/c", "state": "offline", "bricks": [staying]},
        {**DEVICE, "device": "/srv/d", "state": "failed"},
        {**DEVICE, "device": "/srv/e", "state": "offline", "bricks": []},
        {**DEVICE, "device": "/srv/f", "short": 2 << 30},
    ]
    peer.answers["GET /v1/cluster/status"] = (200, cluster_status())
    peer.answers["GET /v1/peers"] = (200, [peer_info()])
    peer.answers["GET /v1/volumes"] = (200, [])
    peer.answers["GET /v1/devices"] = (200, devices)
    findings = json.loads(gd2("health", "--json", peers=peer).out)["findings"]
    assert [(f["code"], f["what"]) for f in findings] == [
        ("DEVICE_FAILED", "device node1:/srv/b still has 2 bricks, of v0, v1: no room elsewhere"),
        ("DEVICE_OFFLINE", "device node1:/srv/c still has 1 brick, of v1"),
        ("DEVICE_SHORT", "device node1:/srv/f: 2.0 GiB of its 8.0 GiB are not there: its bricks fill up before they should"),
    ]
    assert "gd2 device add gives room" in gd2("health", peers=peer).out and gd2("health", "--check", peers=peer).code == 1
