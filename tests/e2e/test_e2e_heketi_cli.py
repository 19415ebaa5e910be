"""The real heketi-cli against three daemons with folders for files on loop devices. docs/design/heketi.md says how it is built.

GD2_HEKETI_CLI names the program; else it is looked for in PATH. It is no part of CI: heketi is no package any more.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kit.peer import REST_PORT
from kit.pool import MakePool, Pool

CLI = os.environ.get("GD2_HEKETI_CLI") or shutil.which("heketi-cli")
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CLI, reason="heketi-cli is not there: docs/design/heketi.md says how to build it (GD2_HEKETI_CLI names it)"),
]
UNKNOWN = "0123456789abcdef" * 2
USER_KEY = "of-users"
OPERATION_S = 180.0


class Cli:
    """`cli("volume", "list")` is what heketi-cli prints; a peer is asked in turn. `refused` is what it says when it exits with an error."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.key, self._turn = pool, (pool[0].state / "auth").read_text().strip(), 0

    def run(self, *words: str, peer: int = -1, user: str = "admin", key: str = "", server: str = "") -> subprocess.CompletedProcess[str]:
        self._turn += 1
        asked = self.pool[peer if peer >= 0 else self._turn % len(self.pool.peers)]
        server = server or f"http://{asked.address}:{REST_PORT}"
        return asked.machine.run([str(CLI), "--server", server, "--user", user, "--secret", key or self.key, *words], OPERATION_S)

    def __call__(self, *words: str, **of: Any) -> str:
        done = self.run(*words, **of)
        assert done.returncode == 0, f"heketi-cli {' '.join(words)}: {done.stderr or done.stdout}"
        return done.stdout

    def json(self, *words: str, **of: Any) -> Any:
        return json.loads(self(*words, "--json", **of))

    def refused(self, *words: str, **of: Any) -> str:
        done = self.run(*words, **of)
        assert done.returncode != 0 and not done.stdout, f"heketi-cli {' '.join(words)}: {done.stdout}"
        return done.stderr.removeprefix("Error: ").strip()


def devices_of(pool: Pool, number: int) -> list[str]:
    return [str(pool[number].folder / name) for name in ("disk", "disk2")]


def topology_file(pool: Pool, folder: Path) -> str:
    """As heketi's own topology-sample.json: `zone` of each node, devices as objects and, as in old files, as plain names."""
    nodes = []
    for number, peer in enumerate(pool.peers):
        first, second = devices_of(pool, number)
        for device in (first, second):
            Path(device).mkdir()
        hosts = {"manage": [peer.address], "storage": [peer.address]}
        nodes.append({"node": {"hostnames": hosts, "zone": number + 1}, "devices": [{"name": first, "destroydata": False}, second]})
    path = folder / "topology.json"
    path.write_text(json.dumps({"clusters": [{"nodes": nodes}]}))
    return str(path)


def test_heketi_cli_loads_a_topology_and_all_its_words_do_what_they_say(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(3)
    for peer in pool.peers:
        peer.configure(**{"heketi-user-key": USER_KEY})
    cli = Cli(pool.start())
    file = topology_file(pool, tmp_path)

    said = cli("topology", "load", f"--json={file}", peer=0)
    assert said.count("Creating node") == 3 and said.count("OK") == 6 and "Unable" not in said, said
    pool.whole()
    said = cli("topology", "load", f"--json={file}")
    assert said.count("Found node") == 3 and said.count("Found device") == 6, said
    (cluster,) = cli.json("topology", "info")["clusters"]
    nodes = {node["hostnames"]["manage"][0]: node for node in cluster["nodes"]}
    assert {host: node["zone"] for host, node in nodes.items()} == {peer.address: n for n, peer in enumerate(pool.peers, 1)}
    assert cli("topology", "info").count("Known Paths:") == 6

    clusters(cli, cluster["id"], nodes)
    nodes_and_devices(cli, pool, cluster["id"], [nodes[peer.address] for peer in pool.peers])
    volumes(cli, pool, cluster["id"])
    keepers(cli, pool)
    users(cli, pool)
    goes_away(cli, pool, cluster["id"], [nodes[peer.address]["id"] for peer in pool.peers])


def clusters(cli: Cli, cluster: str, nodes: dict[str, Any]) -> None:
    assert cluster in cli("cluster", "list") and cli.json("cluster", "list") == {"clusters": [cluster]}
    info = cli.json("cluster", "info", cluster)
    assert (info["file"], info["block"], set(info["nodes"])) == (True, True, {node["id"] for node in nodes.values()})
    cli("cluster", "setflags", "--file=false", cluster)
    assert cli.refused("volume", "create", "--size=1").startswith("Failed to allocate new volume: ")
    cli("cluster", "setflags", "--file=true", "--block=false", cluster)
    assert cli("cluster", "create", "--block=false") == f"Cluster id: {cluster}\n"
    assert "has nodes" in cli.refused("cluster", "delete", cluster)
    assert cli.refused("cluster", "info", UNKNOWN) == "Id not found"


def nodes_and_devices(cli: Cli, pool: Pool, cluster: str, nodes: list[dict[str, Any]]) -> None:
    node, device = nodes[1]["id"], nodes[1]["devices"][0]["id"]
    assert len(cli("node", "list").splitlines()) == 3
    for what, identity in (("node", node), ("device", device)):
        cli(what, "settags", identity, "tier:gold", "rack:r1")
        assert cli.json(what, "info", identity)["tags"] == {"tier": "gold", "rack": "r1"}
        cli(what, "settags", "--exact", identity, "a:b", "c:d")
        cli(what, "rmtags", identity, "a")
        assert cli.json(what, "info", identity)["tags"] == {"c": "d"}
        cli(what, "rmtags", "--all", identity)
        assert "Tags" not in cli(what, "info", identity)
        cli(what, "disable", identity)
        assert cli.json(what, "info", identity)["state"] == "offline"
        cli(what, "enable", identity)
        assert "State: online" in cli(what, "info", identity)
        assert "must be offline" in cli.refused(what, "remove", identity)
        assert cli.refused(what, "info", UNKNOWN) == "Id not found"
    hosts = (f"--management-host-name={pool[1].address}", f"--storage-host-name={pool[1].address}")
    assert "already used" in cli.refused("node", "add", "--zone=1", f"--cluster={cluster}", *hosts)
    assert cli.refused("node", "add", "--zone=1", f"--cluster={UNKNOWN}", *hosts) == "Cluster id does not exist"
    assert "contains 2 devices" in cli.refused("node", "delete", node)

    more = pool[1].folder / "more"
    more.mkdir()
    assert "No such file" in cli.refused("device", "add", f"--name={more}-not", f"--node={node}")
    assert "destroydata is not offered" in cli.refused("device", "add", f"--name={more}", f"--node={node}", "--destroy-existing-data")
    cli("device", "add", f"--name={more}", f"--node={node}")
    assert "already used" in cli.refused("device", "add", f"--name={more}", f"--node={node}")
    (added,) = [each["id"] for each in cli.json("node", "info", node)["devices"] if each["name"] == str(more)]
    cli("device", "resync", added)
    assert cli("device", "resync", "--cluster", cluster).count("updated") == 7
    cli("device", "disable", added)
    assert "not in failed state" in cli.refused("device", "delete", added)
    assert "is now removed" in cli("device", "remove", added)
    assert "State: removed" in cli("device", "info", added)
    cli("device", "delete", added)
    assert cli.refused("device", "info", added) == "Id not found"


def volumes(cli: Cli, pool: Pool, cluster: str) -> None:
    options = "--gluster-volume-options=performance.rda-cache-limit 10MB,performance.nl-cache-positive-entry no"
    made = cli.json("volume", "create", "--size=1", "--replica=2", "--name=two", "--gid=4711", f"--clusters={cluster}", options)
    assert (made["name"], made["size"], made["gid"], len(made["bricks"])) == ("two", 1, 4711, 2)
    assert {"performance.rda-cache-limit 10MB", "performance.nl-cache-positive-entry no"} <= set(made["glustervolumeoptions"])
    identity = made["id"]
    mount = pool.mount("two")
    (mount.path / "kept").write_text("kept")

    assert "Durability Type: none" in cli("volume", "create", "--size=1", "--durability=none", "--name=none")
    said = cli("volume", "create", "--size=2", "--durability=disperse", "--disperse-data=2", "--redundancy=1", "--name=ec")
    assert "Disperse Data Count: 2" in said and "Disperse Redundancy Count: 1" in said
    said = cli("volume", "create", "--size=1", "--persistent-volume", "--persistent-volume-endpoint=ep", "--name=kept")
    assert json.loads(said)["spec"]["glusterfs"] == {"endpoints": "ep", "path": "kept"}
    refusals = {
        ("--durability=foo",): "Unknown durability type",
        ("--replica=5",): "Invalid replica value",
        ("--durability=disperse", "--disperse-data=3", "--redundancy=1"): "Invalid dispersion combination",
        ("--block",): "block volumes are not offered",
        ("--name=two",): "two",
        ("--name=a/b",): "valid format",
        ("--gluster-volume-options=no.option yes",): "does not exist",
        (f"--clusters={UNKNOWN}",): "not found",
        ("--snapshot-factor=1.5",): "files on loop devices have no volume snapshots",
    }
    for words, why in refusals.items():
        assert why in cli.refused("volume", "create", "--size=1", *words), words
    assert "No space" in cli.refused("volume", "create", "--size=4000")

    assert "Size: 2\n" in cli("volume", "expand", f"--volume={identity}", "--expand-size=1")
    assert cli.json("volume", "info", identity)["size"] == 2
    cloned(cli, pool, identity)
    brick = made["bricks"][0]["id"]
    assert cli("brick", "evict", brick) == f"Brick {brick} evicted\n"
    moved = [each["id"] for each in cli.json("volume", "info", identity)["bricks"]]
    assert brick not in moved and len(moved) == 4 and (mount.path / "kept").read_text() == "kept"
    addresses = re.findall(r'"ip":"([^"]*)"', cli("volume", "endpoint", "patch", identity))
    assert addresses and set(addresses) <= {peer.address for peer in pool.peers}
    assert "not offered" in cli.refused("volume", "set-block-hosting-restriction", "locked", identity)
    mount.detach()

    listed = cli.json("volume", "list")["volumes"]
    assert len(listed) == 4 and f"Id:{identity}    Cluster:{cluster}    Name:two" in cli("volume", "list")
    for each in listed:
        assert cli("volume", "delete", each) == f"Volume {each} deleted\n"
    assert cli.refused("volume", "delete", identity) == "Id not found" and cli.json("volume", "list") == {"volumes": []}


def cloned(cli: Cli, pool: Pool, identity: str) -> None:
    clone = cli.json("volume", "clone", identity, "--name=copy")
    assert (clone["name"], clone["size"], len(clone["bricks"])) == ("copy", 2, 4)
    assert "already exists" in cli.refused("volume", "clone", identity, "--name=copy")
    mount = pool.mount("copy")
    assert (mount.path / "kept").read_text() == "kept"
    mount.detach()
    assert cli("volume", "delete", clone["id"]) == f"Volume {clone['id']} deleted\n"


def keepers(cli: Cli, pool: Pool) -> None:
    assert set(json.loads(cli("db", "dump"))["nodeentries"]) == {peer.id.replace("-", "") for peer in pool.peers}
    assert json.loads(cli("db", "check"))["totalinconsistencies"] == 0
    assert json.loads(cli("server", "state", "examine", "gluster"))["report"] == []
    assert cli("server", "operations", "info").split() == [
        "Operation",
        "Counts:",
        "Total:",
        "0",
        "In-Flight:",
        "0",
        "New:",
        "0",
        "Failed:",
        "0",
        "Stale:",
        "0",
    ]
    assert cli("server", "operations", "list") == ""
    cli("server", "operations", "cleanup")
    assert cli("server", "mode", "get") == "normal\n"
    cli("server", "mode", "set", "read-only", peer=0)
    assert cli("server", "mode", "get", peer=0) == "read-only\n" and "read-only" in cli.refused("volume", "create", "--size=1", peer=0)
    cli("server", "mode", "set", "normal", peer=0)
    assert cli("loglevel", "get") == "info\n" and "loglevel" in cli.refused("loglevel", "set", "debug")
    assert cli("blockvolume", "list") == "" and "not offered" in cli.refused("blockvolume", "create", "--size=1")


def users(cli: Cli, pool: Pool) -> None:
    assert cli.json("volume", "list", user="user", key=USER_KEY) == {"volumes": []}
    assert "Administrator access required" in cli.refused("cluster", "list", user="user", key=USER_KEY)
    assert "signature is invalid" in cli.refused("cluster", "list", key="wrong")
    assert cli.refused("cluster", "list", user="nobody") == "Unknown user"
    assert "refused" in cli.refused("cluster", "list", server=f"http://{pool[0].address}:1")
    assert cli("cluster", "list", server=f"http://{pool[0].address}:{REST_PORT}/") == cli("cluster", "list")


def goes_away(cli: Cli, pool: Pool, cluster: str, nodes: list[str]) -> None:
    """Back to an empty cluster: the peer that is asked goes last, and stays as a pool of its own."""
    for number in (1, 2, 0):
        cli("node", "disable", nodes[number], peer=0)
        assert "is now removed" in cli("node", "remove", nodes[number], peer=0)
        for device in cli.json("node", "info", nodes[number], peer=0)["devices"]:
            cli("device", "delete", device["id"], peer=0)
        cli("node", "delete", nodes[number], peer=0)
    assert cli("node", "list", peer=0) == ""
    assert cli("cluster", "delete", cluster, peer=0) == f"Cluster {cluster} deleted\n"
