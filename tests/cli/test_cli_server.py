"""gd2 against the daemon's own REST server and planners: that the two understand each other, word by word."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_kit import Cli, Result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rest"))
from rest_kit import SECRET, Rest

Ask = Callable[..., Result]


@pytest.fixture
def ask(gd2: Cli) -> Iterator[Ask]:
    rest = Rest()
    host, port = rest.address[:2]

    def run(line: str, code: int = 0) -> Result:
        result = gd2(*line.split(), peers=f"http://{host}:{port}", secret=SECRET.decode())
        assert result.code == code, f"gd2 {line}: exit {result.code}: {result.err}"
        return result

    yield run
    rest.close()


def test_a_volumes_whole_life_in_glusters_words(ask: Ask):
    assert "success" in ask("volume create v1 replica 2 node1:/b1 node2:/b1").out
    info = ask("volume info v1").out
    assert "Type: Replicate\n" in info and "Number of Bricks: 1 x 2 = 2\n" in info and "Brick2: node2:/b1\n" in info
    assert ask("volume list").out == "v1\n"
    ask("volume create v1 node1:/b2", 5)
    ask("volume start v1")
    assert "already started" in ask("volume start v1", 1).err
    ask("volume start v1 force")
    assert [b["info"]["path"] for b in json.loads(ask("--json volume status v1").out)] == ["/b1", "/b1"]
    ask("volume delete v1", 1)
    ask("volume stop v1")
    ask("volume stop v1", 1)
    ask("volume stop v1 force")
    ask("volume delete v1 force")
    ask("volume info v1", 4)
    assert json.loads(ask("--json volume list").out) == []


def test_options_are_set_shown_and_reset(ask: Ask):
    ask("volume create v1 node1:/b1")
    ask("volume set v1 performance.io-cache on")
    assert ask("volume get v1 performance.io-cache").out.splitlines()[1].split() == ["performance.io-cache", "on"]
    assert "did you mean" in ask("volume set v1 performance.io-cach on", 1).err
    ask("volume reset v1 performance.io-cache")
    assert "performance.io-cache" not in ask("volume info v1").out
    ask("volume reset v1 performance.io-cache")  # not set any more: as with gluster, that is no error
    assert "not valid for a single volume" in ask("volume reset v1 cluster.brick-multiplex", 1).err
    ask("volume reset v1 force")
    ask("volume get v1 nosuch", 4)
    ask("volume reset all cluster.brick-multiplex")
    assert ["cluster.localtime-logging", "disable", "(DEFAULT)"] in [line.split() for line in ask("volume get all all").out.splitlines()]
    ask("volume set all cluster.server-quorum-ratio 51")
    assert ["cluster.server-quorum-ratio", "51"] in [line.split() for line in ask("volume get all all").out.splitlines()]


def test_the_options_that_can_be_set_are_listed_with_what_they_do(ask: Ask):
    lines = ask("volume set help").out.splitlines()
    assert lines[0].split() == ["Option", "Default", "Description"]
    (ping,) = [line.split() for line in lines if line.startswith("network.ping-timeout ")]
    assert ping[1] == "42" and len(ping) > 3
    assert len(lines) > 200


def test_peers_come_and_go(ask: Ask):
    assert "success: node3" in ask("peer probe node3").out
    ask("peer add node3", 5)
    assert len(json.loads(ask("--json pool list").out)) == 3
    assert "Number of peers: 3" in ask("peer status").out
    ask("peer detach node3", 1)
    ask("peer detach node3 force")
    ask("peer detach node3", 4)


def test_the_shape_of_a_volume_survives_the_words(ask: Ask):
    ask("volume create arb replica 2 arbiter 1 node1:/a1 node2:/a2 node2:/a3 force")
    assert "Number of Bricks: 1 x (2 + 1) = 3" in ask("volume info arb").out
    ask("volume create disp --disperse --redundancy=1 node1:/d1 node1:/d2 node2:/d3 --force")
    assert "Number of Bricks: 1 x (2 + 1) = 3" in ask("volume info disp").out
    ask("volume create thin replica 2 thin-arbiter 1 node1:/t1 node2:/t2 node9:/t3")
    assert "Thin-arbiter-path: node9:/t3" in ask("volume info thin").out


def test_the_state_of_the_pool_is_shown(ask: Ask):
    assert "Quorum:    yes" in ask("cluster status").out
    assert ask("health").out.startswith("healthy: 2 peers")


def test_a_time_limit_is_in_the_servers_words(ask: Ask):
    ask("--timeout 5 volume create v1 node1:/b1")
    ask("--timeout 0.9 volume start v1")


def test_what_rest_offers_is_printed_as_the_daemon_describes_it(ask: Ask):
    assert "/v1/volumes" in json.loads(ask("cluster openapi").out)["paths"]
    ask("cluster openapi more", 2)
