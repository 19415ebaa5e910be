"""Services that a peer has once for all volumes: which are wanted, and when a running one must be replaced."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gd2raft import node_services
from gd2raft.core import model
from gd2raft.describer import Describer
from gd2raft.gluster import is_about

sys.path.append(str(Path(__file__).parents[1] / "commands"))
from pool_kit import Pool, peer_id

pytestmark = pytest.mark.fast


def pool_of(*names: str) -> Pool:
    pool = Pool(3)
    for name in names:
        pool.volume(name, f"node1:/b/{name}", f"node2:/b/{name}", force=True)
        do(pool, "volume-start", name)
        do(pool, "quota-enable", name)
    return pool


def do(pool: Pool, command: str, volume: str, **fields: object) -> None:
    assert pool.do(command, volume=volume, **fields).outcome == "done"


def digests(pool: Pool) -> dict[str, str]:
    """Service -> the option of its command line that tells its graph."""
    view = pool.view()
    describe = Describer(view, peer_id(1), "/w").describe
    started = [v for v in view.volumes() if v.state is model.VolumeState.STARTED]
    return {spec.name: spec.xlator_options[0] for spec in node_services.wanted(started, describe, "h", 1)}


def test_quotad_is_wanted_while_a_started_volume_has_quota() -> None:
    pool = pool_of("a", "b")
    do(pool, "quota-disable", "a")
    assert list(digests(pool)) == [node_services.QUOTAD]
    do(pool, "volume-stop", "b")
    assert digests(pool) == {}
    do(pool, "volume-start", "b")
    do(pool, "quota-disable", "b")
    assert digests(pool) == {}


def test_another_graph_replaces_the_process_and_other_options_do_not() -> None:
    pool = pool_of("a", "b")
    before = digests(pool)
    do(pool, "volume-set", "a", options={"network.ping-timeout": "20"})
    do(pool, "quota-edit", "a", soft_timeout="10")
    assert digests(pool) == before
    do(pool, "quota-disable", "b")
    assert digests(pool) != before


def test_a_brick_that_takes_the_place_of_another_replaces_the_process() -> None:
    pool = Pool(3)
    pool.volume("a", "node1:/b/a", "node2:/b/a", force=True, replica=2)
    do(pool, "volume-start", "a")
    do(pool, "quota-enable", "a")
    before = digests(pool)
    moved = {"src_peerid": "node2", "src_brickpath": "/b/a", "dst_peerid": "node3", "dst_brickpath": "/b/a", "force": True}
    do(pool, "volume-replace-brick", "a", **moved)
    assert digests(pool) != before


def test_processes_of_several_volumes_are_looked_at_whichever_volume_changes() -> None:
    assert is_about("gluster/quotad", {"v"})
    assert is_about("client/v", {"v"})
    assert not is_about("client/w", {"v"})
