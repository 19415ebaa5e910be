"""A pool of thirty real daemons: five vote, the others learn, and what strangers left in their folders hurts nobody."""

from __future__ import annotations

import random

import pytest
from kit.pool import MakePool
from kit.waiting import until

pytestmark = pytest.mark.real
PEERS = 30


@pytest.mark.timeout(300)
def test_thirty_peers_with_strange_files_in_their_folders_form_one_pool(make_pool: MakePool) -> None:
    pool = make_pool(PEERS)
    chance = random.Random(30)
    for peer in pool.peers:
        for name in ("junk", "raft/junk", "undo/junk.json", "peer.json.old", ".auth.1.new"):
            path = peer.state / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.randbytes(chance.randrange(300)))
    for peer in pool.peers:  # one after the other: thirty at once take longer than any of them may
        peer.start()
        peer.ready()
    first = pool[0]
    first.gd2_done("peer", "probe", *(peer.address for peer in pool.peers[1:]))

    def whole() -> bool:
        last = pool[PEERS - 1].peers()
        return len(last) == PEERS and all(p["online"] for p in last) and len(first.get("/v1/cluster/status")["voters"]) == 5

    until(whole, "thirty peers in sight of the last one, five of them voters", 90)
    pool.made("v", peers=[3, 17, 29], by=11, replica=3)
    pool.settled()
    assert len(pool.online("v", by=22)) == 3
    pool.remove("v", by=5)
    assert all(peer.alive for peer in pool.peers)
