"""Peers that get new addresses are found again: by themselves when they return, or because somebody says where they are.

A peer is known by its UUID; everybody finds it without a restart, its bricks and the mounted clients go on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kit.moves import Writer, known_at, move, other_address, place_of, settle_at
from kit.peer import PEER_PORT, REST_PORT, Peer
from kit.pool import MakePool, Pool
from kit.waiting import pause, until

pytestmark = pytest.mark.real


def others(pool: Pool, peer: Peer) -> list[Peer]:
    return [p for p in pool.peers if p is not peer]


def follower(pool: Pool) -> Peer:
    """A voter that doesn't lead, and isn't the first (which the tests ask)."""
    leader = pool.leader()
    return next(p for p in reversed(pool.peers) if p is not leader)


def edit(by: Peer, peer: str, address: str, **more: object) -> tuple[int, str, str]:
    answer = by.call("POST", f"/v1/peers/{peer}", {"address": address, **more})
    return answer.status, answer.code, answer.message


def takes_changes(pool: Pool, volume: str = "v") -> None:
    """A command that concerns every brick is done."""
    pool.online(volume)
    pool[0].must("POST", f"/v1/volumes/{volume}/options", {"options": {"performance.io-cache": "on"}})
    pool.settled()


def test_a_voter_with_a_brick_moves_under_a_running_writer_and_nothing_fails(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    pool.made("v", replica=3)
    pool.online("v")
    mover = follower(pool)
    mount = pool.mount("v", peer=pool.peers.index(pool.leader()))
    old = mover.address
    with Writer(mount.path / "d") as writer:
        writer.more()
        move(mover, other_address(mover, 77))
        known_at(mover, pool.peers)
        writer.more()
        hosts = until(lambda: [h for h in brick_hosts(pool, "v") if h == mover.address], "volume info shows the new host")
        assert len(hosts) == 1 and old not in brick_hosts(pool, "v")
        until(lambda: mover.address in client_hosts(mount.path), "the mounted client was told the new host")
        assert old not in client_hosts(mount.path)
        writer.more()
    assert writer.errors == []
    writer.all_there(mount.path / "d")
    until(lambda: writer.all_there(mover.brick_folder("v") / "d"), "what the moved brick missed is healed", 120.0)
    until(lambda: not_healed(pool, "v") == 0, "nothing is left to be healed", 120.0)
    takes_changes(pool)
    assert pool[0].gd2("volume", "heal", "v", "info").out.count(f"Brick {mover.address}:") == 1
    # What names the brick by its new name, or still by its old one, means the moved brick.
    for name in (mover.address, old):
        refused = pool[0].gd2("volume", "reset-brick", "v", f"{name}:{mover.brick_folder('v')}", "start")
        assert refused.code == 0, refused.err
        pool[0].gd2_done("volume", "reset-brick", "v", f"{name}:{mover.brick_folder('v')}", "commit", "force")
        pool.online("v")


def brick_hosts(pool: Pool, volume: str) -> list[str]:
    return [b["info"]["host"] for b in pool.brick_status(volume)]


def client_hosts(mounted: Path) -> set[str]:
    """The machines of the graph that the client uses at the moment."""
    active = mounted / ".meta" / "graphs" / "active"
    found = set()
    for private in active.glob("*-client-*/private"):
        found |= {
            line.partition("=")[2].strip() for line in private.read_text().splitlines() if "remote_host" in line or "remote-host" in line
        }
    for options in active.glob("*-client-*/options/remote-host"):
        found.add(options.read_text().strip())
    return found


def not_healed(pool: Pool, volume: str) -> int:
    told = pool[0].gd2("volume", "heal", volume, "info", "summary")
    assert told.code == 0, told.err
    return sum(int(line.rpartition(":")[2]) for line in told.out.splitlines() if line.startswith("Total Number of entries"))


def test_the_leader_moves_and_another_one_leads(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    mover = pool.leader()
    move(mover, other_address(mover, 77))
    known_at(mover, pool.peers)
    pool.whole()
    pool.made("v", replica=3)
    takes_changes(pool)


def test_a_learner_moves(make_pool: MakePool) -> None:
    pool = make_pool(4).start().form()
    voters = set(pool[0].status["voters"])
    (mover,) = (p for p in pool.peers if p.id not in voters)
    move(mover, other_address(mover, 77))
    known_at(mover, pool.peers)
    pool.made("v", replica=2)
    takes_changes(pool)


def test_two_of_three_voters_move_at_once_and_are_found_though_nobody_can_vote_before(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    for peer in pool.peers[1:]:
        peer.kill()
        settle_at(peer, other_address(peer, 70 + pool.peers.index(peer)))
    for peer in pool.peers[1:]:
        peer.start()
    for peer in pool.peers[1:]:
        known_at(peer.ready(), pool.peers)
    pool.whole()
    pool.made("v", replica=3)
    takes_changes(pool)


def test_two_peers_that_have_traded_their_addresses_are_changed_in_one_step(make_pool: MakePool) -> None:
    pool = make_pool(4).start().form()
    one, two = others(pool, pool.leader())[:2]
    pool.made("v", peers=[pool.peers.index(one), pool.peers.index(two)], replica=2)
    pool.online("v")
    for peer in (one, two):
        peer.kill()
    first, second = one.address, two.address
    settle_at(one, second)
    settle_at(two, first)
    one.start().ready()
    two.start().ready()
    for peer in (one, two):
        known_at(peer, pool.peers)
    takes_changes(pool)


def test_a_peer_that_moved_to_where_another_one_still_is_known_is_not_taken_for_it(make_pool: MakePool) -> None:
    pool = make_pool(3, "loopback").start().form()  # in a network, the dead machine would still answer for its address
    mover = follower(pool)
    gone = next(p for p in pool.peers if p is not mover and p is not pool.leader())
    pool.made("v", replica=3)
    pool.online("v")
    before = {p.id: place_of(p.id, pool.leader())[:3] for p in pool.peers}
    gone.kill()
    mover.kill()
    held, first = gone.address, mover.address
    settle_at(mover, held)
    mover.start().ready()
    until(lambda: f"address {held}" in mover.log_tail() and "belongs to peer" in mover.log_tail(), "it is refused", 60.0)
    assert all(place_of(peer_id, pool.leader())[:3] == at for peer_id, at in before.items())
    until(lambda: not bricks_below(mover), "it serves no brick where clients would take it for the other peer's")
    move(mover, first)
    gone.start().ready()
    pool.whole()
    takes_changes(pool)


def bricks_below(peer: Peer) -> list[int]:
    """Processes of bricks in the peer's folder (another peer's may have the same address in their command line)."""
    return [pid for pid in peer.brick_pids() if any(f"{peer.folder}/" in word for word in peer.machine.gluster_processes().get(pid, []))]


# said by somebody


def test_an_address_is_changed_by_hand_only_to_where_the_peer_answers(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    first, moved = pool[0], pool[2]
    before = place_of(moved.id, first)
    free = other_address(moved, 99)
    status, code, text = edit(first, moved.id, free)
    assert (status, code) == (500, "unreachable") and "force" in text and moved.id in text
    status, code, text = edit(first, moved.id, pool[1].address, force=True)
    assert (status, code) == (409, "wrong-peer") and pool[1].id in text
    for bad in ("no spaces here", "10.0.0.1:0", "a" * 300):
        assert edit(first, moved.id, bad)[:2] == (400, "bad-address")
    assert edit(first, "no-such-peer", free)[0] == 404
    assert place_of(moved.id, first) == before, "a refused change changed something"

    ran = first.gd2("peer", "edit", moved.address)
    assert ran.code == 2 and "nothing is to be changed" in ran.err
    ran = first.gd2("peer", "edit", moved.address, "address", free)
    assert ran.code == 1 and "does not answer" in ran.err
    first.gd2_done("peer", "edit", moved.address, "--address", f"{moved.address}:{PEER_PORT}")  # where it is: nothing changes
    assert place_of(moved.id, first) == before


def test_with_force_a_peer_that_is_down_gets_the_address_where_it_will_be(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    mover = follower(pool)
    mover_id, old = mover.id, mover.address
    mover.kill()
    asked = others(pool, mover)[0]
    new = other_address(mover, 77)
    told = asked.gd2_done("peer", "edit", old, "address", new, "zone", "rack7", "force").out
    assert new in told and mover_id in told and "rack7" in told
    assert place_of(mover_id, asked)[:3] == (f"{new}:{PEER_PORT}", f"{new}:{REST_PORT}", new)
    settle_at(mover, new)
    mover.start().ready()
    known_at(mover, pool.peers)
    pool.whole()


def test_a_copied_state_folder_at_another_address_does_not_take_the_peers_place(make_pool: MakePool) -> None:
    pool = make_pool(3, spare=1)
    copy = Peer(pool.spare[0])
    pool.start().form()
    pool.made("v", replica=3)
    pool.online("v")
    original = follower(pool)
    place = place_of(original.id, pool[0])
    bricks = original.brick_pids()
    shutil.copytree(original.state, copy.state, ignore=shutil.ignore_patterns("lock"))
    pool.peers.append(copy)
    try:
        copy.start()
        assert edit(pool[0], original.id, copy.address)[1] in ("runs-twice", "unreachable")
        assert copy.ended(90.0) != 0
        assert "must not run twice" in copy.log_tail()
        assert copy.brick_pids() | original.brick_pids() == bricks, "a second process uses the folder of a brick"
    finally:
        copy.kill()
        pool.peers.remove(copy)
    assert original.alive and place_of(original.id, pool[0]) == place
    pool.whole()


@pytest.mark.parametrize("killed", ["who moves", "who leads"])
def test_kill_9_while_a_peer_moves_leaves_one_address_or_the_other_and_it_ends_at_the_new_one(make_pool: MakePool, killed: str) -> None:
    pool = make_pool(3).start().form()
    pool.made("v", replica=3)
    pool.online("v")
    mover, leader = follower(pool), pool.leader()
    mover_id, old, new = mover.id, mover.address, other_address(mover, 77)
    mover.kill()
    settle_at(mover, new)
    for moment_s in (0.5, 1.0, 1.6):  # while it starts, finds the pool, is written down
        mover.start()
        victim = mover if killed == "who moves" else leader
        pause(moment_s)
        victim.kill()
        watcher = next(p for p in pool.peers if p.alive and p is not mover)
        assert place_of(mover_id, watcher)[2] in (old, new)
        if victim is leader:
            victim.start().ready()
            mover.kill()
    mover.start().ready()
    known_at(mover, pool.peers)
    takes_changes(pool)


def test_a_machine_that_gets_another_address_under_a_running_daemon_keeps_its_bricks(make_pool: MakePool) -> None:
    """A daemon that listens on every address notices by itself; its bricks don't even stop."""
    pool = make_pool(3, "namespaces")
    for peer in pool.peers:
        peer.configure(peeraddress=f":{PEER_PORT}", clientaddress=f":{REST_PORT}")
    pool.start().form()
    pool.made("v", replica=3, options={"network.ping-timeout": "4"})  # (42 s is the time that writes would wait)
    pids = sorted(pool.online("v").values())
    mover = follower(pool)
    mount = pool.mount("v", peer=pool.peers.index(pool.leader()))
    new = other_address(mover, 77)
    with Writer(mount.path / "d") as writer:
        writer.more()
        mover.machine.move_to(new)
        mover.address = new
        known_at(mover, pool.peers)
        until(lambda: new in client_hosts(mount.path), "the mounted client was told the new host")
        writer.more()
    assert writer.errors == []
    assert sorted(pool.online("v").values()) == pids, "a brick was started anew"
    takes_changes(pool)
