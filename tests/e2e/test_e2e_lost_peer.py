"""A peer whose state is lost: a fresh daemon takes its place, as the message says, and nothing of the data is lost."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from kit.peer import Peer
from kit.pool import MakePool, Pool
from kit.waiting import until
from test_e2e_repair import fill, healed, kill_machine, tree

pytestmark = pytest.mark.real


def damage_log(pool: Pool, peer: Peer) -> str:
    """Damage the log where it holds what was acknowledged; what the daemon says when it is started."""
    for n in range(20):  # the first part of the log is in its snapshot too: damage there is no loss
        pool[0].must("POST", "/v1/volumes/v1/options", {"options": {"user.n": str(n)}})
    pool.settled()
    peer.kill()
    (wal,) = (peer.state / "raft").glob("*/raft.wal")
    data = bytearray(wal.read_bytes())
    data[len(data.rstrip(b"\0")) // 2] ^= 0xFF  # zeros are written ahead of the records
    wal.write_bytes(data)
    peer.start()
    assert peer.ended() != 0
    return peer.log_tail()


def begin_anew(peer: Peer, number: int) -> None:
    peer.state.rename(peer.folder / f"state.away{number}")
    peer.start().ready()


def way_out(told: str, peer: Peer, address: Peer) -> list[str]:
    """The command that the message names, with what it says for its two words."""
    found = re.search(r"gd2 (peer replace) PEER ADDRESS", told)
    assert found is not None and "move the folder away" in told, told
    return [*shlex.split(found[1]), peer.address, address.address]


def serves(pool: Pool, root: Path, wanted: dict[str, str]) -> None:
    until(lambda: len(pool[0].peers()) == 3 and all(p["online"] for p in pool[0].peers()), "three peers are online")
    pool.online("v1")
    assert tree(root) == wanted
    until(lambda: len(pool[0].status["voters"]) == 3, "three peers vote", 60.0)


def test_a_peer_with_a_damaged_log_gets_its_place_back_by_what_the_message_says(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    pool.made("v1", peers=(0, 1, 2), replica=3)
    pool.online("v1")
    mount = pool.mount("v1")
    fill(mount.path, "before")
    lost, old = pool[2], pool[2].id
    told = damage_log(pool, lost)
    fill(mount.path, "while-away")
    wanted = tree(mount.path)
    begin_anew(lost, 1)
    pool[0].gd2_done(*way_out(told, lost, lost))
    assert lost.id != old, "it came back under the identity that it had voted by"
    serves(pool, mount.path, wanted)
    healed(lost.brick_folder("v1"), mount)
    assert len(lost.brick_pids()) == 1, "one process for the brick"

    kill_machine(lost)  # now the disk of the brick is lost too
    shutil.rmtree(lost.brick_folder("v1"))
    begin_anew(lost, 2)
    command = way_out(told, lost, lost)
    refused = pool[1].gd2(*command)
    assert refused.code == 1 and "does not exist" in refused.err, refused.err
    assert len(pool[1].peers()) == 3, "a peer that was refused stayed in the pool"
    until(lambda: len(lost.peers()) == 1, "the refused daemon is a pool of one again")
    pool[1].gd2_done(*command, "force")
    serves(pool, mount.path, wanted)
    healed(lost.brick_folder("v1"), mount)


def test_a_wiped_voter_that_runs_again_is_told_of_as_one_that_waits_to_be_given_its_place(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    wiped = pool.leader()
    old = wiped.id
    others = [peer for peer in pool.peers if peer is not wiped]
    wiped.kill()
    shutil.rmtree(wiped.state)
    wiped.start().ready()
    told = [stranger(peer, wiped) for peer in others]
    assert len(set(told)) == 1
    assert old in told[0] and f"a fresh daemon of another pool (peer {wiped.id}, pool " in told[0] and "was its disk wiped?" in told[0]
    leader = pool.leader(others)
    assert leader.log.read_text(errors="replace").count("another daemon answers where a peer is missed") == 1
    command = told[0].partition("gd2 peer replace ")[2].split()
    others[0].gd2_done("peer", "replace", *command)
    pool.whole()
    until(lambda: others[1].gd2_done("--json", "health").json["healthy"], "nothing is wrong any more")


def test_a_wiped_peer_that_was_given_another_join_secret_is_told_of_too(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(3).start().form()
    wiped = next(peer for peer in pool.peers if peer is not pool.leader())
    wiped.kill()
    shutil.rmtree(wiped.state)
    secret = tmp_path / "secret"
    secret.write_text("only it knows this")
    secret.chmod(0o600)
    wiped.configure(joinsecretfile=str(secret))
    wiped.start().ready()
    told = stranger(pool.leader(), wiped)
    assert "with another join secret" in told and "joinsecretfile" in told


def stranger(asked: Peer, where: Peer) -> str:
    """What health says of who answers there."""

    def found() -> str:
        findings = asked.gd2_done("--json", "health").json["findings"]
        return next((str(f["what"]) for f in findings if f["code"] == "PEER_STRANGER"), "")

    told = until(found, f"{asked} tells who answers at {where}")
    assert told.startswith(f"{where.address}:24008, where peer ")
    return told


def test_a_peer_that_is_online_is_not_replaced(make_pool: MakePool) -> None:
    pool = make_pool(3).start()
    pool[0].gd2_done("peer", "probe", pool[1].address)
    refused = pool[0].gd2("peer", "replace", pool[1].address, pool[2].address)
    assert refused.code == 1 and "is online: only a lost one can be replaced" in refused.err
    assert len(pool[0].peers()) == 2 and len(pool[2].peers()) == 1
