"""A volume described for gd2volgen: hosts are the present names of peers, and the description can be read back and rendered."""

from __future__ import annotations

import msgspec
import pytest
from pool_kit import Pool, peer_id

import gd2volgen
from gd2raft.core import model
from gd2raft.describer import Describer
from gd2volgen.description import decode

pytestmark = pytest.mark.fast


def pool_of(*bricks: str, **words: object) -> Pool:
    pool = Pool()
    pool.volume("v", *bricks, force=True, **words)
    return pool


def rename(pool: Pool, number: int, host: str, *former: str) -> None:
    peer = pool.view().peer(peer_id(number))
    assert peer is not None
    pool.store(model.peer_key(peer.id), msgspec.structs.replace(peer, hostname=host, former=former))


def described(pool: Pool, number: int = 1):  # type: ignore[no-untyped-def]
    volume = pool.view().volume("v")
    assert volume is not None
    return Describer(pool.view(), peer_id(number), "/var/lib/glusterd").describe(volume)


def test_a_description_is_read_back_as_it_was_and_renders_the_same_volfiles() -> None:
    made = described(pool_of("node1:/b/1", "node2:/b/2", "node3:/b/3", replica=3))
    again = decode(msgspec.json.encode(made))
    assert again == made
    assert gd2volgen.all_volfiles([again]) == gd2volgen.all_volfiles([made])


def test_bricks_and_the_thin_arbiter_have_the_present_names_of_their_peers() -> None:
    pool = pool_of("node1:/b/1", "node2:/b/2", "node3:/ta", replica=2, thin_arbiter=1)
    rename(pool, 2, "moved2", "node2")
    rename(pool, 3, "moved3", "node3")
    subvol = described(pool).subvols[0]
    assert [b.host for b in subvol.bricks] == ["node1", "moved2"]
    assert (subvol.thin_arbiter.host, subvol.thin_arbiter.path) == ("moved3", "/ta")
    client = gd2volgen.client_volfile(described(pool), False)
    assert "remote-host moved2" in client and "remote-host node2" not in client


def test_a_thin_arbiter_outside_of_the_pool_keeps_the_host_that_was_given() -> None:
    pool = pool_of("node1:/b/1", "node2:/b/2", "far.example.net:/ta", replica=2, thin_arbiter=1)
    assert described(pool).subvols[0].thin_arbiter.host == "far.example.net"


def test_a_brick_has_an_id_of_the_present_name_first_and_those_of_former_names_after_it() -> None:
    pool = pool_of("node1:/b/1")
    rename(pool, 1, "new", "node1", "older")
    ids = Describer(pool.view(), peer_id(1), "/w").brick_ids("v", "/b/1")
    assert ids == ("v.new.b-1", "v.node1.b-1", "v.older.b-1")


def test_only_bricks_of_the_peer_itself_share_its_file_systems() -> None:
    pool = pool_of("node1:/b/1", "node2:/b/2", "node3:/b/3", replica=3)
    counts = [b.shared_brick_count for b in described(pool, 2).subvols[0].bricks]
    assert counts == [0, 1, 0]
