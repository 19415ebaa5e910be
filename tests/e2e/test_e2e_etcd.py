"""Real daemons whose pool is kept in a real etcd: forming, volumes, a killed leader, a lost etcd, and the doors between the stores."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool
from kit.waiting import until

from tests.store.etcd_servers import EtcdServers, etcd_servers

pytestmark = pytest.mark.real


MEMBERS = 3

WithEtcd = Callable[[int], tuple[Pool, EtcdServers]]
"""size -> a pool that is not started yet, and an etcd of three members on machines of their own in the same network."""


@pytest.fixture
def with_etcd(make_pool: MakePool, tmp_path: Path) -> Iterator[WithEtcd]:
    with contextlib.ExitStack() as stack:

        def make(size: int) -> tuple[Pool, EtcdServers]:
            pool = make_pool(size, spare=MEMBERS + 1)
            return pool, stack.enter_context(etcd_servers(tmp_path, places=pool.spare[:MEMBERS]))

        yield make


@pytest.fixture
def on_etcd(with_etcd: WithEtcd) -> WithEtcd:
    """Started, with its state in that etcd."""

    def make(size: int) -> tuple[Pool, EtcdServers]:
        pool, etcd = with_etcd(size)
        for peer in pool.peers:
            keep_in(etcd, peer)
        return pool.start(), etcd

    return make


def keep_in(etcd: EtcdServers, peer: Peer) -> None:
    peer.configure(store="etcd", etcdendpoints=",".join(etcd.endpoints))


def probe(pool: Pool, members: Sequence[Peer] = ()) -> None:
    members = members or pool.peers
    for peer in members[1:]:
        pool[0].must("POST", "/v1/peers", {"addresses": [peer.address]})
    for peer in members:
        until(lambda peer=peer: [p["online"] for p in peer.peers()] == [True] * len(members), f"{peer} sees {len(members)} peers online")


def test_a_pool_in_etcd_forms_makes_volumes_and_goes_on_when_its_leader_is_killed(on_etcd: WithEtcd) -> None:
    pool, _ = on_etcd(3)
    probe(pool)
    status = pool[1].status
    assert (status["store"], status["etcd-members"], status["voters"]) == ("etcd", ["etcd:e0", "etcd:e1", "etcd:e2"], [])
    assert "etcd, members e0, e1, e2" in pool[1].gd2_done("cluster", "status").out
    pool.made("v1", replica=3)
    before = pool.online("v1")
    mount = pool.mount("v1")
    (mount.path / "file").write_text("kept")

    leader = pool.leader()
    term = leader.status["term"]
    leader.kill()
    rest = [peer for peer in pool.peers if peer is not leader]
    names = {peer.id for peer in rest}
    until(
        lambda: all((s := peer.status)["leader"] in names and s["term"] > term for peer in rest), "one of the others leads, in a later term"
    )
    by = pool.peers.index(rest[0])
    until(lambda: [p["online"] for p in rest[0].peers() if p["id"] not in names] == [False], "the killed one is missed")
    pool.made("v2", peers=[pool.peers.index(peer) for peer in rest], by=by, replica=2)
    assert (mount.path / "file").read_text() == "kept"

    leader.start().ready()
    assert set(pool.settled()) == {"v1", "v2"}
    assert pool.online("v1") == before, "its brick ran on and was adopted"
    pool.remove("v2", by)
    pool.remove("v1")


def test_without_etcd_changes_are_refused_reads_go_on_and_it_goes_on_by_itself(on_etcd: WithEtcd) -> None:
    pool, etcd = on_etcd(2)
    probe(pool)
    pool.made("v", started=False)
    for number in (0, 1):
        etcd.kill(number)
    for peer in pool.peers:
        until(lambda peer=peer: not peer.status["quorum"], f"{peer} sees no quorum")
        assert list(peer.volumes()) == ["v"]
        refused = peer.call("POST", "/v1/volumes/v/start")
        assert (refused.status, refused.code) == (503, "no-quorum")
    etcd.start(0)
    until(lambda: pool[0].call("POST", "/v1/volumes/v/start").status == 200, "the volume can be started")
    pool.online("v")


def test_all_daemons_and_etcd_are_killed_and_come_back_with_everything(on_etcd: WithEtcd) -> None:
    pool, etcd = on_etcd(2)
    probe(pool)
    pool.made("v", replica=2)
    pids = pool.online("v")
    for peer in pool.peers:
        peer.kill()
    for number in range(3):
        etcd.kill(number)
    for peer in pool.peers:
        peer.start()
    for number in range(3):
        etcd.start(number)
    for peer in pool.peers:
        peer.ready()
    assert set(pool.settled()) == {"v"} and pool.online("v") == pids


def test_a_daemon_that_starts_while_etcd_is_away_serves_what_it_knew_and_catches_up(on_etcd: WithEtcd) -> None:
    pool, etcd = on_etcd(2)
    probe(pool)
    pool.made("v", replica=2)
    pids = pool.online("v")
    pool[1].kill(signal.SIGTERM)
    pool[0].must("POST", "/v1/volumes/v/options", {"options": {"network.ping-timeout": "17"}})
    revision = pool[0].status["revision"]
    for number in range(3):
        etcd.kill(number)
    pool[1].start().ready()
    status = pool[1].status
    assert not status["quorum"] and status["revision"] < revision and list(pool[1].volumes()) == ["v"]
    assert pool[1].call("POST", "/v1/volumes/v/stop").status == 503
    mount = pool.mount("v", peer=1)
    (mount.path / "file").write_text("written while etcd was away")
    for number in range(3):
        etcd.start(number)
    until(lambda: pool[1].status["quorum"] and pool[1].status["revision"] >= revision, "it has caught up")
    assert pool.online("v", by=1) == pids


def test_a_peer_is_detached_the_leader_too_and_is_a_pool_of_its_own_again(on_etcd: WithEtcd) -> None:
    pool, _ = on_etcd(3)
    probe(pool)
    leader = pool.leader()
    stays = [peer for peer in pool.peers if peer is not leader]
    stays[0].gd2_done("peer", "detach", leader.address)
    for peer in stays:
        until(lambda peer=peer: len(peer.peers()) == 2, f"{peer} sees two")
    until(lambda: len(leader.peers()) == 1 and leader.status["leader"] == leader.id, "the detached one is alone, and leads itself")
    pool.leader(stays)
    stays[0].must("POST", "/v1/peers", {"addresses": [leader.address]})
    until(lambda: len(leader.peers()) == 3, "it has joined again")


def test_a_daemon_with_another_store_or_another_etcd_does_not_join(with_etcd: WithEtcd, tmp_path: Path) -> None:
    pool, etcd = with_etcd(3)
    with etcd_servers(tmp_path / "other", places=pool.spare[MEMBERS:]) as other:
        keep_in(etcd, pool[0])
        keep_in(other, pool[2])
        pool.start()
        refused = pool[0].call("POST", "/v1/peers", {"addresses": [pool[1].address]})
        assert refused.status == 409 and "keeps its state in raft" in refused.message
        refused = pool[1].call("POST", "/v1/peers", {"addresses": [pool[0].address]})
        assert refused.status == 409 and "keeps its state in etcd" in refused.message
        refused = pool[0].call("POST", "/v1/peers", {"addresses": [pool[2].address]})
        assert refused.status >= 400 and "another etcd" in refused.message
        for peer in pool.peers:
            assert len(peer.peers()) == 1
        pool.made("alone", peers=[2], by=2)
        pool[2].kill(signal.SIGTERM)


def test_a_pool_is_not_moved_from_one_store_to_the_other(with_etcd: WithEtcd) -> None:
    pool, etcd = with_etcd(2)
    keep_in(etcd, pool[1])
    pool.start()
    keep_in(etcd, pool[0])
    pool[1].configure()
    for peer in pool.peers:
        peer.kill()
        peer.start()
        assert peer.ended() != 0
        assert "can't be moved" in peer.log_tail()


def test_a_daemon_whose_etcd_can_not_be_reached_says_so_and_does_not_start(make_pool: MakePool) -> None:
    pool = make_pool(1)
    pool[0].configure(store="etcd", etcdendpoints=[f"http://{pool[0].address}:1", "http://nowhere.invalid:2379"])
    for _ in range(2):
        pool[0].start()
        assert pool[0].ended() == 1
        said = pool[0].log_tail()
        assert f"{pool[0].address}:1" in said and "is it up" in said and "Traceback" not in said and "can't be moved" not in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"store": "consul"}, "possible are raft, etcd"),
        ({"store": "etcd"}, "needs etcdendpoints"),
        ({"store": "etcd", "etcdendpoints": "ftp://a"}, "http://HOST:PORT"),
        ({"store": "etcd", "etcdendpoints": "http://a", "etcdprefix": "no-slash"}, "begins with /"),
        ({"store": "etcd", "etcdendpoints": "https://a", "etcdcertfile": "/x"}, "belong together"),
        ({"store": "etcd", "etcdendpoints": "https://a", "etcdcafile": "/not/there"}, "/not/there"),
    ],
)
def test_a_wrong_word_about_etcd_is_one_line_that_says_what_is_possible(make_pool: MakePool, settings: dict[str, str], words: str) -> None:
    pool = make_pool(1)
    pool[0].configure(**settings)
    pool[0].start()
    assert pool[0].ended() in (1, 2)
    assert words in pool[0].log_tail() and "Traceback" not in pool[0].log_tail()
