"""Devices over REST: replies are as described, devices are found by path and id, and a placement is shown without being made."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from rest_kit import OTHER, PEER, Rest
from test_rest_repair import code_of, good

from gd2raft.core import devices

pytestmark = pytest.mark.fast

GIB = 1 << 30
ROUTE, ONE = "/v1/devices/{peer}", "/v1/devices/{peer}/{device}"
DISK = quote("/srv/bricks", safe="")


def equipped(rest: Rest) -> list[str]:
    """A device on both peers, as their peers would have found them; their ids."""
    found = []
    for number, peer in enumerate((PEER, OTHER), 1):
        device = devices.Device(
            id=f"{number:032x}", peer_id=peer, path="/srv/bricks", provisioner="loop", size=8 * GIB, mounts="/state/mounts"
        )
        rest.do(lambda device=device: rest.api.put(devices.device_key(device.id), device))
        found.append(device.id)
    return found


def sized(**more: Any) -> dict[str, Any]:
    return {"name": "v1", "size": 2 * GIB, "replica": 2, **more}


def test_a_device_is_added_looked_at_changed_and_removed(rest: Rest) -> None:
    body = {"device": "/srv/bricks", "provisioner": "loop", "size": 5 * GIB, "tags": {"tier": "gold"}}
    device = good(rest, "POST", "/v1/devices/node2", ROUTE, body, status=201)
    assert (device["device"], device["peer-id"], device["host"], device["state"]) == ("/srv/bricks", OTHER, "node2", "online")
    for name in (DISK, device["id"]):
        assert good(rest, "GET", f"/v1/devices/node2/{name}", ONE)["id"] == device["id"]
    assert good(rest, "GET", "/v1/devices", "/v1/devices") == good(rest, "GET", "/v1/devices/node2", ROUTE) == [device]
    assert good(rest, "GET", "/v1/devices/node1", ROUTE) == []
    assert good(rest, "POST", f"/v1/devices/node2/{DISK}", ONE, {"state": "failed"})["state"] == "failed"
    change = {"change-type": "update", "tags": {"a": "b"}}
    assert good(rest, "POST", f"/v1/devices/node2/{DISK}/tags", f"{ONE}/tags", change)["tags"] == {"tier": "gold", "a": "b"}
    assert good(rest, "POST", f"/v1/devices/node2/{DISK}/resync", f"{ONE}/resync", {})["id"] == device["id"]
    assert rest.ask("DELETE", f"/v1/devices/node2/{DISK}").status == 204
    assert code_of(rest, "GET", f"/v1/devices/node2/{DISK}") == (404, "device-not-found")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("nobody", {"device": "/d"}, (404, "peer-not-found")),
        ("node2", {"device": "sdb"}, (400, "bad-device")),
        ("node2", {"device": "/d", "provisioner": "zfs"}, (400, "bad-request")),
        ("node2", {"device": "/d", "nonsense": 1}, (400, "bad-request")),
        ("node2/" + DISK, {"state": "broken"}, (400, "bad-request")),
        ("node2/%2Fnowhere", {"state": "failed"}, (404, "device-not-found")),
        ("node2/" + DISK, {"state": "failed"}, (404, "device-not-found")),
    ],
)
def test_what_makes_no_sense_is_told(rest: Rest, path: str, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code_of(rest, "POST", f"/v1/devices/{path}", body) == expected


def test_a_placement_is_shown_without_being_made(rest: Rest) -> None:
    ids = equipped(rest)
    plan = good(rest, "POST", "/v1/placement", "/v1/placement", sized())
    (bricks,) = plan["sets"]
    assert plan["size"] == 2 * GIB and sorted(b["device"] for b in bricks) == ids
    assert {(b["size"], b["device-path"], b["type"]) for b in bricks} == {(2 * GIB, "/srv/bricks", "Brick")}
    assert rest.get("/v1/volumes").json == []
    why = rest.ask("POST", "/v1/placement", sized(replica=3)).error
    assert why["message"].startswith("No space: ") and "node1:/srv/bricks rejected because" in why["message"]
    assert code_of(rest, "POST", "/v1/placement", sized(name="-x")) == (400, "bad-name")


def test_a_volume_by_size_shows_its_capacity_and_its_bricks_on_their_devices(rest: Rest) -> None:
    equipped(rest)
    volume = good(rest, "POST", "/v1/volumes", "/v1/volumes", sized(), status=201)
    assert volume["capacity"] == 2 * GIB
    for device in good(rest, "GET", "/v1/devices", "/v1/devices"):
        (brick,) = device["bricks"]
        assert (brick["volume"], brick["taken"], brick["leaving"]) == ("v1", 2 * GIB, False)
        assert device["size"] == {"capacity": 8 * GIB, "used": 2 * GIB, "free": 6 * GIB}
    assert rest.ask("DELETE", "/v1/volumes/v1").status == 204
    assert [d["bricks"][0]["leaving"] for d in good(rest, "GET", "/v1/devices", "/v1/devices")] == [True, True]
