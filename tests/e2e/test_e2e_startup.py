"""A daemon that can't start says so in one clear line; what lies damaged on its disk is named, never guessed at; a full disk is survived."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.machine import tmpfs
from kit.peer import BIN, PEER_PORT, REST_PORT, Peer
from kit.pool import MakePool, Pool
from kit.waiting import until

pytestmark = pytest.mark.real

STARTS_WITHIN_S = 60.0


@pytest.fixture
def pool(make_pool: MakePool) -> Pool:
    """One peer that has not been started."""
    return make_pool(1)


@pytest.fixture
def peer(pool: Pool) -> Peer:
    return pool[0]


def fails(peer: Peer, *words: str, code: int = 1) -> str:
    """The daemon ends with `code`, and its last words are one line to people that has all of `words`."""
    done = peer.machine.run([BIN / "gd2raft", "--config", peer.config], STARTS_WITHIN_S)
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("gd2raft: ")]
    assert len(lines) == 1, f"one line for people was expected: {done.stderr[-2000:]}"
    for word in words:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"
    return lines[0]


# configuration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localstatedir = [", ("not valid TOML",)),
        ('peeraddress = "no-port"', ("peeraddress", "no-port", "HOST:PORT")),
        ('clientaddress = "1.2.3.4:70000"', ("clientaddress", "70000")),
        ('loglevel = "LOUD"', ("loglevel", "LOUD", "INFO")),
        (f'zone = "{"z" * 256}"', ("zone", "256", "255")),
        ('localstatedir = "here"', ("localstatedir", "here", "absolute")),
        ("localstatedir = 7", ("gd2raft.toml", "localstatedir should be a text in quotes", "but is a number, '7'")),
        ('restauth = "perhaps"', ("restauth", "perhaps")),
        ("\x00\xff", ("not valid TOML",)),
    ],
)
def test_a_broken_configuration_is_one_line_that_names_the_key_and_the_file(peer: Peer, text: str, words: tuple[str, ...]) -> None:
    peer.config.write_bytes(text.encode("latin-1"))
    fails(peer, *words, code=2)
    if "TOML" in words[0]:
        fails(peer, str(peer.config), code=2)


def test_a_join_secret_that_is_not_there_or_empty_does_not_look_as_if_it_were_in_force(peer: Peer) -> None:
    secret = peer.folder / "secret"
    peer.configure(joinsecretfile=str(secret))
    fails(peer, "joinsecretfile", str(secret), "No such file", code=2)
    secret.write_text(" \n")
    fails(peer, "joinsecretfile", str(secret), "empty", code=2)


def test_a_configuration_that_is_not_there_is_named(peer: Peer) -> None:
    peer.config.unlink()
    fails(peer, str(peer.config), "No such file", code=2)


def test_an_unknown_key_is_a_warning_that_names_it(peer: Peer) -> None:
    peer.configure(colour="green", etcdendpoints="http://1.2.3.4")
    peer.start().ready()
    log = peer.log.read_text()
    assert "colour" in log
    assert "etcdendpoints" in log


# addresses and folders


@pytest.mark.parametrize("port", [REST_PORT, PEER_PORT])
def test_a_taken_port_is_named_and_nothing_is_begun(peer: Peer, port: int) -> None:
    with peer.machine.listen(port):
        fails(peer, peer.address, str(port))
    peer.start().ready()


def test_an_address_that_is_not_ours_is_named(peer: Peer) -> None:
    peer.configure(clientaddress=f"203.0.113.7:{REST_PORT}")
    fails(peer, "203.0.113.7")


def test_two_daemons_do_not_share_a_state_folder(make_pool: MakePool) -> None:
    pool = make_pool(2)
    pool[0].start().ready()
    pool[1].configure(localstatedir=str(pool[0].state))
    fails(pool[1], str(pool[0].state), "another gd2raft")
    assert pool[0].answers()


def test_a_state_folder_of_another_user_is_refused(peer: Peer) -> None:
    peer.state.mkdir()
    os.chown(peer.state, 12345, 12345)
    fails(peer, str(peer.state), "12345", "chown")


def test_a_state_folder_that_is_no_folder_or_can_not_be_written_is_named(peer: Peer, tmp_path: Path) -> None:
    peer.state.write_text("a file")
    fails(peer, str(peer.state))
    with tmpfs(peer.machine, tmp_path / "ro", "ro,size=1m") as mounted:
        peer.configure(localstatedir=str(mounted / "state"))
        fails(peer, str(mounted), "ead-only file system")
        peer.configure(localstatedir=str(mounted))
        fails(peer, str(mounted), "ead-only file system")


# damaged files


@pytest.fixture
def history(pool: Pool) -> Iterator[dict[str, Any]]:
    """The only peer has run, holds two volumes, and is stopped now."""
    peer = pool[0].start().ready()
    pool.made("v1", started=False)
    pool.made("v2", started=False, metadata={"note": "x" * 1000})
    peer.must("POST", "/v1/volumes/v1/options", {"options": {"performance.io-cache": "on"}})
    volumes = peer.volumes()
    peer.kill()
    yield volumes


def wal_of(peer: Peer) -> Path:
    (found,) = peer.state.glob("raft/*/raft.wal")
    return found


def records_of(wal: Path) -> bytes:
    """Without the zeros that are written ahead of them."""
    return wal.read_bytes().rstrip(b"\0")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("file", ["peer.json", "auth"])
def test_a_flipped_byte_in_the_identity_or_the_secret_is_named_with_the_way_out(peer: Peer, history: object, file: str) -> None:
    path = peer.state / file
    good = path.read_bytes()
    for at in (len(good) // 3, len(good) - 3):
        path.write_bytes(good)
        flip(path, at)
        line = fails(peer, str(path), "damaged")
        assert "opy" in line or "estore" in line, line
    path.write_bytes(b"")
    fails(peer, str(path))
    path.write_bytes(good)
    peer.start().ready()
    assert peer.volumes() == history


def test_a_missing_identity_with_a_log_beside_it_stops_the_daemon(peer: Peer, history: object) -> None:
    good = (peer.state / "peer.json").read_bytes()
    (peer.state / "peer.json").unlink()
    fails(peer, "peer.json", "missing")
    (peer.state / "peer.json").write_bytes(good)
    peer.start().ready()
    assert peer.volumes() == history


def test_a_flipped_byte_in_the_log_is_never_believed(peer: Peer, history: object) -> None:
    """Each time the daemon either names the file and stops, or had all it needs all the same."""
    wal = wal_of(peer)
    good = records_of(wal)
    for part in (0.0, 0.3, 0.95):
        wal.write_bytes(good)
        flip(wal, int(part * len(good)))
        line = fails(peer, str(wal))
        assert any(word in line for word in ("estore", "move", "again", "detach")), f"no way out in: {line}"
    wal.write_bytes(good)
    peer.start().ready()
    assert peer.volumes() == history


def test_a_log_that_is_gone_is_not_made_anew(peer: Peer, history: object) -> None:
    wal = wal_of(peer)
    kept = wal.with_suffix(".kept")
    wal.rename(kept)
    fails(peer, str(wal), "missing")
    kept.rename(wal)
    peer.start().ready()
    assert peer.volumes() == history


def test_a_folder_of_logs_that_is_gone_is_not_made_anew(peer: Peer, history: object) -> None:
    """Else a founder would found its pool a second time, and a voter could vote twice."""
    kept = peer.state / "kept"
    (peer.state / "raft").rename(kept)
    fails(peer, "raft.wal", "missing", "peer replace")
    assert not (peer.state / "raft").exists(), "the refusal wrote something"
    kept.rename(peer.state / "raft")
    peer.start().ready()
    assert peer.volumes() == history


def test_a_torn_tail_of_the_log_is_recovered_without_losing_what_was_acknowledged(peer: Peer, history: dict[str, Any]) -> None:
    wal = wal_of(peer)
    wanted = history
    for tail in ("cut", "garbage", "zeros", "half a record"):
        data = records_of(wal)
        torn = {
            "cut": data[:-5],  # of the mark that is written after an fsync
            "garbage": data + os.urandom(100),
            "zeros": data + bytes(4096),
            "half a record": data + data[-40:-10],
        }
        wal.write_bytes(torn[tail])
        peer.start().ready()
        assert peer.volumes() == wanted, tail
        peer.must("POST", "/v1/volumes/v1/options", {"options": {"user.tail": tail}})
        wanted = peer.volumes()
        peer.kill()


# a full disk


def fill(folder: Path) -> Path:
    """All the space that is left."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    return path


def test_a_full_disk_refuses_changes_clearly_and_nothing_is_lost_when_there_is_space_again(peer: Peer, tmp_path: Path) -> None:
    with tmpfs(peer.machine, tmp_path / "small", "size=3m") as mounted:
        peer.configure(localstatedir=str(mounted))
        peer.state = mounted
        peer.start().ready()
        body = {"name": "v1", "force": True, "bricks": [peer.brick("v1")]}
        peer.must("POST", "/v1/volumes", body)
        filler = fill(peer.machine.seen(mounted))
        acknowledged, refusals = [], []
        while len(refusals) < 2:
            key = f"user.k{len(acknowledged) + len(refusals)}"
            ran = peer.gd2("--timeout", "8", "volume", "set", "v1", key, "x" * 4000)  # the log has written 256 KiB ahead
            if ran.code == 0:
                acknowledged.append(key)
                assert len(acknowledged) < 20, "the disk was not full"
            else:
                assert ran.code in (1, 6, 7), ran.err
                assert "full" in ran.err, ran.err
                refusals.append(ran)
        assert refusals[-1].code == 6, "an earlier refusal may not know the outcome; a later one must"
        assert set(peer.volumes()) == {"v1"}, "reads stopped"
        assert peer.status["disk-full"] is True
        filler.unlink()
        until(lambda: peer.gd2("volume", "set", "v1", "user.after", "yes").code == 0, "changes are possible again")
        options = peer.volumes()["v1"]["options"]
        assert set(acknowledged) <= set(options)
        peer.restart().ready()
        assert peer.volumes()["v1"]["options"] == options
        peer.kill()


def test_a_peer_with_a_full_disk_does_not_stop_the_others(make_pool: MakePool, tmp_path: Path) -> None:
    """Not even when it leads: it hands over."""
    pool = make_pool(3)
    with tmpfs(pool[0].machine, tmp_path / "small", "size=3m") as mounted:
        pool[0].configure(localstatedir=str(mounted))
        pool[0].state = mounted
        pool.start().form()
        pool.made("v1", peers=[1], started=False)
        filler = fill(pool[0].machine.seen(mounted))
        done = []
        for i in range(6):
            answer = pool[1].call("POST", "/v1/volumes/v1/options", {"options": {f"user.k{i}": "x" * 700}})
            if answer.status == 200:
                done.append(f"user.k{i}")
        assert done, "no change was possible though a majority has space"
        until(
            lambda: pool[2].call("POST", "/v1/volumes/v1/options", {"options": {"user.late": "x"}}).status == 200,
            "the peers with space go on",
        )

        def noticed() -> bool:
            """The log has space that was reserved before: it takes some changes to use that up."""
            pool[2].call("POST", "/v1/volumes/v1/options", {"options": {"user.more": os.urandom(2000).hex()}})
            return bool(pool[0].status["disk-full"])

        until(noticed, "it knows that its disk is full")
        told = {p["id"]: p["disk-full"] for p in pool[1].status["peers"]}
        assert told == {p.id: p is pool[0] for p in pool.peers}, "another peer tells whose disk is full"
        assert "DISK_FULL" in pool[2].gd2_done("health").out
        refused = pool[0].gd2("--timeout", "8", "volume", "set", "v1", "user.full", "x")
        assert refused.code == 6 and "full on this peer: nothing was changed" in refused.err, refused.err
        filler.unlink()
        if not pool[0].alive:
            pool[0].start()
        pool.whole()
        options = pool.settled()["v1"]["options"]
        assert {*done, "user.late"} <= set(options)
        pool[0].kill()


def test_a_state_folder_that_was_moved_works_at_its_new_place(peer: Peer, history: object, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(peer.state, moved)
    peer.configure(localstatedir=str(moved))
    peer.state = moved
    peer.start().ready()
    assert peer.volumes() == history


def test_a_stopped_daemon_ends_with_0_and_leaves_its_bricks_running(pool: Pool) -> None:
    peer = pool[0].start().ready()
    pool.made("v")
    pids = set(pool.online("v").values())
    assert peer.process is not None
    peer.process.terminate()
    assert peer.ended() == 0
    assert peer.brick_pids() == pids
    peer.start().ready()
    assert set(pool.online("v").values()) == pids


def test_version_and_help_are_answered_without_touching_anything() -> None:
    for flag in ("--version", "--help"):
        done = subprocess.run([BIN / "gd2raft", flag], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert "gd2raft" in done.stdout
