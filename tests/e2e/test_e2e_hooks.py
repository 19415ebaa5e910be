"""Hook scripts around commands of real daemons: which run, where, with which words, and that they hold nothing up for long."""

from __future__ import annotations

import secrets
import shutil
import signal
import time
from pathlib import Path

import pytest
from kit.peer import BIN, REST_PORT, Peer
from kit.pool import MakePool, Pool
from kit.waiting import pause, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

DEBIAN_HOOKS = "/var/lib/glusterd/hooks"
OPERATIONS = ("create", "start", "stop", "delete", "set", "reset", "add-brick", "remove-brick")


@pytest.fixture
def nap() -> str:
    """A command that no other test and no other test run on this kernel has."""
    return f"sleep 1000.{secrets.randbelow(10**9):09}"


def put(peer: Peer, where: str, text: str = "", name: str = "S50test", mode: int = 0o755) -> Path:
    """A script of the peer's that notes its place and words, then does `text`."""
    path = peer.hooks / "1" / where / name
    path.parent.mkdir(parents=True, exist_ok=True)
    note = f'printf "%s\\n" "{where} {name} $*" >> {peer.folder}/ran'
    path.write_text(f"#!/bin/sh\n{note}\n{text}\n")
    path.chmod(mode)
    return path


def ran(peer: Peer) -> list[str]:
    notes = peer.folder / "ran"
    return notes.read_text().splitlines() if notes.exists() else []


def known(peer: Peer, where: str) -> None:
    """Wait until the pool knows that this peer has such a script: some milliseconds after it was put there."""
    until(lambda: f"found=['{where}']" in peer.log_tail(), f"{peer} has seen its script {where}")
    pause(0.3)  # one commit


@pytest.fixture
def four(make_pool: MakePool) -> Pool:
    """Three peers have bricks in these tests, the fourth has none."""
    pool = make_pool(4)
    for peer in pool.peers:
        for operation in OPERATIONS:
            for when in ("pre", "post"):
                put(peer, f"{operation}/{when}")
    return pool.start().form()


def test_scripts_run_around_every_operation_on_the_peers_of_its_bricks_with_glusterds_words(four: Pool) -> None:
    by, concerned, stranger = four[3], four.peers[:3], four[3]
    four.made("v1", peers=(0, 1, 2), replica=3, by=3)
    by.gd2_done("volume", "set", "v1", "performance.io-cache", "on", "user.note", "a b")
    by.gd2_done("volume", "reset", "v1", "user.note")
    by.gd2_done("volume", "add-brick", "v1", *(p.brick("more") for p in concerned), "force")
    by.gd2_done("volume", "remove-brick", "v1", *(p.brick("more") for p in concerned), "force")
    by.gd2_done("volume", "stop", "v1")
    by.gd2_done("volume", "delete", "v1")
    for peer in concerned:
        workdir = f"--gd-workdir={peer.state}"
        versioned = f"--version=1 --volume-op={{}} {workdir}"
        words = {
            "create": "--volname=v1",
            "start": f"--volname=v1 --first=yes {versioned.format('start')}",
            "set": f"--volname=v1 -o performance.io-cache=on user.note=a b {workdir}",
            "reset": f"--volname=v1 {versioned.format('reset')}",
            "add-brick": f"--volname=v1 {versioned.format('add-brick')}",
            "remove-brick": "--volname=v1",
            "stop": "--volname=v1 --last=yes",
            "delete": "--volname=v1",
        }
        wanted = [f"{operation}/{when} S50test {text}" for operation, text in words.items() for when in ("pre", "post")]
        until(lambda peer=peer, wanted=wanted: len(ran(peer)) >= len(wanted), f"all scripts of {peer} have run")
        assert sorted(ran(peer)) == sorted(wanted)
        order = [line.split()[0] for line in ran(peer)]
        for operation in words:  # the one after may come late, but never before the one before
            assert order.index(f"{operation}/pre") < order.index(f"{operation}/post")
    assert ran(stranger) == [], "a peer without bricks ran scripts"


def test_options_of_the_pool_run_scripts_on_every_peer_after(four: Pool) -> None:
    four[1].gd2_done("volume", "set", "all", "cluster.server-quorum-ratio", "60%")
    line = "--volname=all -o cluster.server-quorum-ratio=60%"
    for peer in four.peers:
        until(lambda peer=peer: any(r.startswith(f"set/post S50test {line}") for r in ran(peer)), f"the script of {peer} has run")
    assert [p for p in four.peers if any(r.startswith("set/pre") for r in ran(p))] == [four[1]], "before: the asked peer alone"


def test_scripts_find_the_volume_as_glusterd_would_have_it_in_its_folder(make_pool: MakePool) -> None:
    pool = make_pool(1)
    for where in ("start/pre", "start/post", "delete/pre", "delete/post"):
        copy = f'd=$(echo "$*" | tr " " "\\n" | sed -n s/--gd-workdir=//p); cat "${{d:-$GLUSTERD_WORKDIR}}/vols/v1/info" > {pool[0].folder}/{where.replace("/", "-")} 2>&1'
        put(pool[0], where, copy)
    pool.start()
    pool.made("v1", options={"user.smb": "disable"})
    pool.remove("v1")
    until(lambda: len(ran(pool[0])) == 4 and (pool[0].folder / "delete-post").stat().st_size, "all scripts have run")
    found = {where: (pool[0].folder / where).read_text() for where in ("start-pre", "start-post", "delete-pre", "delete-post")}
    assert "status=0\n" in found["start-pre"] and "user.smb=disable\n" in found["start-pre"]
    assert "status=1\n" in found["start-post"] and "status=2\n" in found["delete-pre"]
    assert "No such file" in found["delete-post"]
    assert "password" not in "".join(found.values())


def test_a_script_that_is_put_there_while_the_daemons_run_is_run_by_the_next_command(make_pool: MakePool) -> None:
    pool = make_pool(3).start().form()
    pool.made("v1", replica=3)
    put(pool[1], "stop/pre")
    known(pool[1], "stop/pre")
    pool[0].must("POST", "/v1/volumes/v1/stop")
    assert ran(pool[1]) == ["stop/pre S50test --volname=v1 --last=yes"], "it ran before the answer"


def test_scripts_that_fail_or_cannot_run_change_nothing_about_the_command(make_pool: MakePool) -> None:
    pool = make_pool(1)
    put(pool[0], "start/pre", "exit 7", name="S10fails")
    put(pool[0], "start/pre", name="S20plain", mode=0o644)
    put(pool[0], "start/pre", name="S30last")
    pool.start()
    pool.made("v1")
    assert [line.split()[1] for line in ran(pool[0])] == ["S10fails", "S30last"]
    assert "outcome='exit 7'" in pool[0].log_tail()


def test_a_script_that_hangs_before_a_command_delays_it_for_its_time_and_no_longer(make_pool: MakePool, nap: str) -> None:
    pool = make_pool(1)
    put(pool[0], "stop/pre", f"exec {nap}")
    pool[0].altered("from gd2raft import hooks; assert hooks.BEFORE_SCRIPT_S == 20; hooks.BEFORE_SCRIPT_S = 4.0")
    pool.start()
    pool.made("v1")
    began = time.monotonic()
    pool[0].must("POST", "/v1/volumes/v1/stop")
    assert 4 < time.monotonic() - began < 20
    assert "took too long" in pool[0].log_tail()
    assert nap not in running(), "what hung still runs"


def test_a_script_that_hangs_after_a_command_delays_nobody(make_pool: MakePool, nap: str) -> None:
    pool = make_pool(1)
    put(pool[0], "start/post", f"exec {nap}")
    pool.start()
    began = time.monotonic()
    pool.made("v1")
    pool[0].must("POST", "/v1/volumes/v1/options", {"options": {"performance.io-cache": "on"}})
    pool[0].must("POST", "/v1/volumes/v1/stop")
    assert time.monotonic() - began < 15
    until(lambda: nap in running(), "the script hangs")
    pool[0].kill(signal.SIGTERM)
    until(lambda: nap not in running(), "it ends with the daemon")


def test_a_daemon_killed_while_a_script_runs_leaves_a_command_that_ends(make_pool: MakePool) -> None:
    """The peer of the script dies, and the leader with it: the next leader undoes the command, and the same one works afterwards."""
    pool = make_pool(3).start().form()
    pool.made("v1", replica=3)
    leader = pool.leader()
    script = put(leader, "stop/pre", "exec sleep 20.5")
    known(leader, "stop/pre")
    other = next(p for p in pool.peers if p is not leader)
    asked = leader.machine.start([*gd2(leader), "volume", "stop", "v1"], leader.folder / "stop.log")
    until(lambda: ran(leader), "the script runs")
    leader.kill()
    asked.wait(60)
    until(lambda: not other.status["transactions"] and not other.status["locks"], "nothing is left of the command", 60)
    assert other.volumes()["v1"]["state"] == "Started"
    script.unlink()
    leader.start().ready()
    pool.settled()
    other.must("POST", "/v1/volumes/v1/stop")
    assert other.volumes()["v1"]["state"] == "Stopped"


def test_the_scripts_of_the_debian_package_run_for_our_volumes_without_harm(make_pool: MakePool) -> None:
    pool = make_pool(1)
    shutil.copytree(DEBIAN_HOOKS, pool[0].hooks, dirs_exist_ok=True)  # a machine with a network of its own has its own /var/lib/glusterd
    fstab = Path("/etc/fstab").read_bytes() if Path("/etc/fstab").exists() else b""
    pool.start()
    pool.made("v1")
    pool[0].gd2_done("volume", "set", "v1", "user.note", "x")
    pool[0].gd2_done("volume", "add-brick", "v1", pool[0].brick("more"), "force")
    pool.online("v1")
    until(
        lambda: {"S30samba-start.sh", "S29CTDBsetup.sh", "S31ganesha-start.sh"} <= outcomes(pool[0]).keys(), "scripts after start have run"
    )
    pool.remove("v1")
    until(lambda: "S10selinux-del-fcontext.sh" in outcomes(pool[0]), "scripts before delete have run")
    found = outcomes(pool[0])
    for name in ("S30samba-start.sh", "S29CTDBsetup.sh", "S31ganesha-start.sh", "S30samba-set.sh", "S10selinux-label-brick.sh"):
        assert found[name] == "exit 0", found
    assert (Path("/etc/fstab").read_bytes() if Path("/etc/fstab").exists() else b"") == fstab


def outcomes(peer: Peer) -> dict[str, str]:
    """Script -> how it ended, from the daemon's log."""
    found = {}
    for line in peer.log.read_text(errors="replace").splitlines():
        if "hook script" in line and "script=" in line and "outcome=" in line:
            script, outcome = (line.split(f"{word}=")[1] for word in ("script", "outcome"))
            found[script.split()[0].strip("'")] = outcome.split("'")[1] if outcome.startswith("'") else outcome.split()[0]
    return found


def gd2(peer: Peer) -> list[str]:
    return [str(BIN / "gd2"), "--endpoints", f"http://{peer.address}:{REST_PORT}", "--secret-file", str(peer.state / "auth"), "-y"]


def running() -> str:
    """The command lines of all processes of this machine."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes().decode(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return "\n".join(lines)
