"""Peers join and leave a pool by the rules, and each rule says what it refuses and why."""

from __future__ import annotations

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool, open_pool
from kit.waiting import until

pytestmark = pytest.mark.real


def probe(by: Peer, *addresses: str) -> tuple[int, str]:
    answer = by.call("POST", "/v1/peers", {"addresses": list(addresses)})
    return answer.status, answer.message


def alone(peer: Peer) -> bool:
    return [p["id"] for p in peer.peers()] == [peer.id]


# probe


def test_a_peer_that_is_no_good_is_refused_with_the_reason(pool: Pool) -> None:
    first, second = pool[0], pool[1]
    status, message = probe(first, first.address)
    assert status == 400
    assert "itself" in message

    status, message = probe(first, second.address)
    assert status == 409
    assert "already in the pool" in message

    assert probe(first, "no spaces here")[0] == 400
    assert probe(first, "")[0] == 400
    for port in ("0", "65536", "24007x", "-1"):
        status, message = probe(first, f"{second.address}:{port}")
        assert status == 400, message
        assert "port" in message

    free = f"{second.address.rpartition('.')[0]}.99"
    for bad in ({"metadata": {"_x": "1"}}, {"metadata": {"x": "v" * 5000}}, {"addresses": []}, {"addresses": [free, "no spaces here"]}):
        answer = first.call("POST", "/v1/peers", {"addresses": [free]} | bad)
        assert answer.status == 400, "a bad body is refused before anybody is asked: " + answer.message
    answer = first.call("POST", f"/v1/peers/{second.id}", {"address": free, "metadata": {"_x": "1"}})
    assert answer.status == 400 and "reserved" in answer.message
    status, message = probe(first, free)
    assert status == 500
    assert f"could not connect to host {free}" in message
    assert "running" in message
    status, message = probe(first, second.id)  # an id is no address
    assert status == 500
    assert "could not connect to host" in message
    status, message = probe(first, f"{second.address}:24007")  # REST answers there, not the peer RPC
    assert status == 500
    assert f"could not connect to host {second.address}:24007: at port 24007 answers the REST of a gd2raft" in message

    assert len(pool.settled()) == 0
    assert len(first.peers()) == 3


def test_many_join_at_once_and_one_that_cant_keeps_all_of_them_out(make_pool: MakePool) -> None:
    pool = make_pool(6).start()
    first, precious = pool[0], pool[5]
    pool.made("precious", peers=[5], by=5, started=False)
    free = f"{first.address.rpartition('.')[0]}.99"
    newcomers = [peer.address for peer in pool.peers[1:5]]
    ran = first.gd2("peer", "probe", *newcomers, precious.address)
    assert ran.code == 5 and "1 of 5 peers can't join, so none did" in ran.err and "it has 1 volume (precious)" in ran.err
    ran = first.gd2("peer", "probe", *newcomers, free, f"{first.address}:24007")
    assert ran.code == 1 and "2 of 6 peers can't join, so none did" in ran.err and free in ran.err and "answers the REST" in ran.err
    assert first.gd2("peer", "probe", newcomers[0], "no spaces").code == 1
    assert all(alone(peer) for peer in pool.peers)
    answer = first.call("POST", "/v1/cluster/peers", {"peers": [{"addresses": [a]} for a in newcomers], "found": []})
    assert answer.status == 400 and "found" in answer.message

    ran = first.gd2_done("peer", "probe", *newcomers[:2], newcomers[1])
    assert ran.out.count("is in the pool") == 2
    ran = first.gd2_done("peer", "probe", first.address, *newcomers)  # who is in it already is passed over
    assert ran.out.count("is in the pool") == 5
    pool.whole(pool.peers[:5])
    assert alone(precious) and list(precious.volumes()) == ["precious"]


def test_a_newcomer_that_changes_its_mind_when_it_is_invited_keeps_all_out_and_they_can_join_later(make_pool: MakePool) -> None:
    pool = make_pool(4)
    pool[3].altered(
        "from gd2raft.peers import joining\nfrom gd2raft.rpc.errors import RpcRefusal\n"
        "async def refuse(*_): raise RpcRefusal('refuses', 'not today')\njoining.Probed.on_invite = refuse"
    )
    pool.start()
    newcomers = [peer.address for peer in pool.peers[1:]]
    ran = pool[0].gd2("peer", "probe", *newcomers)
    assert ran.code == 1 and "does not join: not today" in ran.err
    until(lambda: all(alone(peer) for peer in pool.peers), "everybody is a pool of one again")
    pool[3].altered("pass")
    pool[3].restart().ready()
    pool[0].gd2_done("peer", "probe", *newcomers)
    pool.whole()


def test_peers_with_volumes_or_of_another_pool_are_refused_and_keep_what_they_have(make_pool: MakePool) -> None:
    pool = make_pool(6).start().form(3)
    precious, *other = pool.peers[3:]
    pool.made("precious", peers=[3], by=3, started=False)
    status, message = probe(pool[0], precious.address)
    assert status == 409
    assert "precious" in message
    assert alone(precious)

    other[0].must("POST", "/v1/peers", {"addresses": [other[1].address]})
    for member in other:
        status, message = probe(pool[0], member.address)
        assert status == 409
        assert "another pool" in message
        assert len(member.peers()) == 2

    # Nor does a peer of a pool steal others by probing members of a bigger one.
    status, message = probe(other[0], pool[2].address)
    assert status == 409
    assert "another pool" in message
    assert len(pool[2].peers()) == 3
    assert list(precious.volumes()) == ["precious"]


@pytest.mark.parametrize(("lowest", "highest"), [(30_600, 90_000), (120_000, 130_000)], ids=["older", "newer"])
def test_a_daemon_of_another_release_that_cannot_follow_the_pool_is_refused_and_goes_on_alone(
    make_pool: MakePool, lowest: int, highest: int
) -> None:
    pool = make_pool(2)
    pool[1].altered(f"from gd2raft.core import model; model.OP_VERSION_MIN, model.OP_VERSION = {lowest}, {highest}")
    pool.start()
    for by, other in ((0, 1), (1, 0)):
        status, message = probe(pool[by], pool[other].address)
        assert status == 400, message
        assert "supports op-versions" in message
        assert alone(pool[0])
        assert alone(pool[1])
    pool[1].restart().ready()
    assert alone(pool[1])


def test_a_daemon_with_a_join_secret_joins_only_who_knows_it(make_pool: MakePool) -> None:
    pool = make_pool(3)
    secret = pool[0].folder / "join-secret"
    secret.write_text("correct horse battery staple\n")
    wrong = pool[0].folder / "wrong-secret"
    wrong.write_text("something else\n")
    pool[0].configure(joinsecretfile=str(wrong))
    pool[1].configure(joinsecretfile=str(secret))
    pool.start()
    for stranger in (pool[0], pool[2]):  # knows a wrong secret, knows none
        status, message = probe(stranger, pool[1].address)
        assert status == 500
        assert "secret" in message
        assert alone(pool[1])
        assert alone(stranger)
    wrong.write_text(secret.read_text())
    assert probe(pool[0], pool[1].address)[0] == 201
    until(lambda: len(pool[1].peers()) == 2, "it joined")


# detach


def test_a_peer_that_must_stay_is_not_detached(pool: Pool) -> None:
    answer = pool[0].call("DELETE", f"/v1/peers/{pool[0].id}")
    assert answer.status == 400
    assert "itself" in answer.message

    answer = pool[0].call("DELETE", "/v1/peers/no-such-peer")
    assert answer.status == 404

    pool.made("held", peers=[1, 2], started=False)
    for force in (False, True):
        answer = pool[0].call("DELETE", f"/v1/peers/{pool[1].id}", {"force": force})
        assert answer.status == 403
        assert "held" in answer.message
    pool.remove("held")
    pool.whole()


def test_a_detached_peer_founds_a_volume_of_its_own_or_joins_again(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    stays, leaves = pool[0], pool[2]
    pool_secret = (stays.state / "auth").read_text()
    stays.must("DELETE", f"/v1/peers/{leaves.id}")
    until(lambda: alone(leaves), "the detached peer is a pool of one")
    assert (leaves.state / "auth").read_text() != pool_secret, "it still knows the pool's secret"
    pool.whole(pool.peers[:2])

    pool.made("own", peers=[2], by=2)
    assert "own" not in stays.volumes()
    assert probe(stays, leaves.address)[0] == 409
    pool.remove("own", by=2)

    assert probe(stays, leaves.address)[0] == 201
    pool.whole()
    pool.settled()
    assert (leaves.state / "auth").read_text() == pool_secret


def test_a_peer_that_is_down_is_detached_with_force_and_learns_of_it_when_it_returns(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    stays, gone = pool[0], pool[2]
    gone_id = gone.id
    gone.kill()
    answer = stays.call("DELETE", f"/v1/peers/{gone_id}")
    assert answer.status == 500
    assert "down" in answer.message
    assert "force" in answer.message

    stays.gd2_done("peer", "detach", gone.address, "force")
    pool.whole(pool.peers[:2])
    gone.start().ready()
    until(lambda: alone(gone), "it has learnt that it is a pool of one")
    assert gone.id != gone_id, "it must never vote under its old name again"
    assert len(stays.peers()) == 2
    assert probe(stays, gone.address)[0] == 201
    pool.whole()


def test_the_leader_is_detached_like_any_other_peer_and_the_rest_goes_on_until_one_is_left(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    leader = pool.leader()
    rest = [p for p in pool.peers if p is not leader]
    rest[0].must("DELETE", f"/v1/peers/{leader.id}")
    until(lambda: alone(leader), "the former leader is a pool of one")
    pool.whole(rest)
    by = pool.peers.index(rest[0])
    pool.made("still", peers=[by], by=by)

    # Two shrink to one, whichever of them leads.
    leaves = rest[1]
    rest[0].must("DELETE", f"/v1/peers/{leaves.id}")
    until(lambda: alone(leaves), "the second one is a pool of one")
    pool.whole(rest[:1])
    assert pool.settled(rest[:1])["still"]["state"] == "Started"
    pool.remove("still", by=by)


def test_of_two_peers_the_dead_one_is_removed_by_the_one_that_still_has_the_say(make_pool: MakePool) -> None:
    pool = make_pool(2).start().form()
    voter = pool.leader()
    other = next(p for p in pool.peers if p is not voter)
    other_id = other.id
    other.kill()
    until(lambda: {p["id"]: p["online"] for p in voter.peers()}[other_id] is False, "it is seen to be down")
    voter.must("DELETE", f"/v1/peers/{other_id}", {"force": True})
    assert alone(voter)
    by = pool.peers.index(voter)
    pool.made("serves", peers=[by], by=by)
    pool.remove("serves", by=by)


def test_a_pool_of_five_forms_in_one_go_and_every_peer_answers_any_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_pool(5, tmp_path_factory.mktemp("p")) as pool:
        pool.start().form()
        assert sorted(len(p.status["voters"]) for p in pool.peers) == [3] * 5
        learner = next(p for p in pool.peers if p.id in p.status["learners"])
        by = pool.peers.index(learner)
        pool.made("asked-a-learner", peers=[by, (by + 1) % 5, (by + 2) % 5], by=by, replica=3)
        assert set(pool.settled()) == {"asked-a-learner"}
        pool.remove("asked-a-learner", by=(by + 3) % 5)
        assert pool.settled() == {}


def test_a_peer_that_was_just_probed_can_be_used_at_once(make_pool: MakePool) -> None:
    pool = make_pool(5).start()
    for number, peer in enumerate(pool.peers[1:], 1):
        pool[0].must("POST", "/v1/peers", {"addresses": [peer.address]})
        asked = pool.peers[number - 1]
        asked.must("POST", "/v1/volumes", {"name": f"v{number}", "bricks": [peer.brick(f"b{number}")], "force": True})
