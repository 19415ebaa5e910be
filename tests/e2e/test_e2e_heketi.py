"""heketi's clients against real daemons: a topology is loaded, a volume by size is made, mounted, grown and deleted, an operation outlives its peer."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from kit.heketi import Heketi, HeketiError
from kit.pool import MakePool, Pool
from kit.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

GIB = 1 << 30
GID = 4711


def client(pool: Pool, numbers: tuple[int, ...] = (0, 1, 2)) -> Heketi:
    return Heketi([pool[n] for n in numbers], (pool[0].state / "auth").read_text().strip())


def topology(pool: Pool) -> list[dict[str, Any]]:
    """Of three nodes in zones of their own, each with a folder for files on loop devices."""
    return [
        {
            "nodes": [
                {
                    "node": {"hostnames": {"manage": [peer.address], "storage": [peer.address]}, "zone": number},
                    "devices": [{"name": str(peer.folder / "disk"), "tags": {"tier": "gold"}}],
                }
                for number, peer in enumerate(pool.peers, 1)
            ]
        }
    ]


def test_a_topology_is_loaded_and_volumes_live_and_die_through_any_peer(make_pool: MakePool) -> None:
    pool = make_pool(3).start()
    for peer in pool.peers:
        (peer.folder / "disk").mkdir()
    first = client(pool, (0,))
    made = first.topology_load(topology(pool))
    assert len([m for m in made if m.startswith("device")]) == 3 and len([m for m in made if m.startswith("node")]) >= 2
    assert first.topology_load(topology(pool)) == []
    pool.whole()
    heketi = client(pool)
    nodes = heketi.topology()
    assert {node["hostnames"]["storage"][0] for node in nodes} == {peer.address for peer in pool.peers}
    assert [node["devices"][0]["tags"] for node in nodes] == [{"tier": "gold"}] * 3
    free = {node["devices"][0]["id"]: node["devices"][0]["storage"]["free"] for node in nodes}

    volume = heketi.do("POST", "/volumes", {"size": 1, "durability": {"type": "replicate", "replicate": {"replica": 3}}, "gid": GID})
    name, identity = volume["name"], volume["id"]
    assert (volume["size"], name, volume["gid"], len(volume["bricks"])) == (1, f"vol_{identity}", GID, 3)
    assert volume == heketi.get(f"/volumes/{identity}")
    pool.online(name)
    mount = pool.mount(name, peer=1)
    assert (mount.path.stat().st_gid, mount.path.stat().st_mode & 0o7777) == (GID, 0o2775)
    (mount.path / "a").write_text("kept")

    grown = heketi.do("POST", f"/volumes/{identity}/expand", {"expand_size": 1})
    assert (grown["size"], len(grown["bricks"])) == (2, 6)
    until(lambda: os.statvfs(mount.path).f_blocks * os.statvfs(mount.path).f_frsize > 1.8 * GIB, "clients see the larger volume")
    assert (mount.path / "a").read_text() == "kept"
    check = heketi.get("/db/check")
    assert check["totalinconsistencies"] == 0 and check["bricks"]["ok"] == 6

    until(lambda: heketi.get("/internal/state/examine/gluster")["report"] == [], "the state and what runs are the same")

    with pytest.raises(HeketiError, match="No space") as caught:
        heketi.do("POST", "/volumes", {"size": 8, "durability": {"type": "disperse", "disperse": {"data": 4, "redundancy": 2}}})
    assert caught.value.status == 500 and "rejected because" in caught.value.text
    with pytest.raises(HeketiError, match="contains 2 bricks"):
        heketi.do("DELETE", f"/devices/{volume['bricks'][0]['device']}")

    mount.detach()
    heketi.do("DELETE", f"/volumes/{identity}")
    assert heketi.get("/volumes") == {"volumes": []}
    until(lambda: {d: heketi.get(f"/devices/{d}")["storage"]["free"] for d in free} == free, "all space is given back")
    measured = next(iter(free))
    assert heketi.get(f"/devices/{measured}/resync") is None
    now = heketi.get(f"/devices/{measured}")["storage"]
    assert now["used"] == 0 and now["total"] == now["free"] > 1 << 20

    an_operation_outlives_the_peer_that_took_it(pool)


def an_operation_outlives_the_peer_that_took_it(pool: Pool) -> None:
    victim, others = pool[2], client(pool, (0, 1))
    body = {"size": 1, "name": "orphan", "durability": {"type": "replicate", "replicate": {"replica": 2}}, "glustervolumeoptions": []}
    device = next(d["id"] for n in others.topology() if n["hostnames"]["storage"] == [victim.address] for d in n["devices"])
    others.do("POST", f"/devices/{device}/state", {"state": "offline"})  # so that it has no brick
    status, headers, text = client(pool, (2,)).ask("POST", "/volumes", body)
    victim.kill(signal.SIGKILL)
    assert status == 202, text
    status, ended, text = others.ended(headers["location"])
    assert status == 303, text
    assert others.get(ended["location"])["name"] == "orphan"
    others.do("DELETE", ended["location"])
