"""Processes outlive the daemon: who is adopted, who is left in peace, and who may sign in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from process_kit import Rig
from test_process_bricks import back, can_connect, killed, play, status
from waiting import until

from gd2raft.process import Timing
from gd2raft.process.command import Places, launch_of
from gd2raft.process.spawn import PortRange, spawn

pytestmark = pytest.mark.real


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of the daemon's business."""
    null = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=null, stderr=null) as process:
        yield process
        process.kill()


def test_the_next_daemon_adopts_bricks_and_services_and_restarts_none(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        shd = r.shd("v", [brick])
        await r.want(brick, services=(shd,))
        before, shd_pid = status(r, brick), r.manager.status("shd/v").pid
        await r.restart_manager()
        assert (status(r, brick).pid, r.manager.port_of(brick.brick_path)) == (before.pid, before.port), "known before it signs in again"
        r.signed_in.clear()
        await r.want(brick, services=(shd,))
        await until(lambda: r.signed_in, "it signs in again by itself")
        assert (status(r, brick).pid, r.manager.status("shd/v").pid) == (before.pid, shd_pid)
        assert sorted(r.processes()) == sorted([before.pid, shd_pid])

    play(tmp_path, test)


def test_an_adopted_brick_is_restarted_when_it_is_killed_and_stopped_when_it_is_not_wanted(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        await r.restart_manager()
        await r.want(brick)
        pid = killed(r, brick)
        await back(r, brick, not_pid=pid)
        await r.restart_manager()
        await r.want()
        assert await r.manager.settled([brick.brick_path], 30) == []
        assert r.processes() == []

    play(tmp_path, test)


def test_nothing_is_started_or_stopped_before_the_daemon_knows_what_is_wanted(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid = status(r, brick).pid
        await r.restart_manager()
        await until(lambda: len(r.signed_in) >= 2, "it signs in again")
        assert r.processes() == [pid] and status(r, brick).online
        os.kill(pid, 9)
        await until(lambda: status(r, brick).state == "down", "its end is noticed")
        assert r.processes() == []

    play(tmp_path, test)


def test_a_brick_without_its_pid_file_is_found_and_no_second_one_is_started(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid = status(r, brick).pid
        Path(r.manager.pid_file_of(brick.brick_path)).unlink()
        await r.restart_manager()
        await r.want(brick)
        assert status(r, brick).pid == pid and r.processes() == [pid]

    play(tmp_path, test)


def test_a_brick_that_was_spawned_but_never_became_known_is_taken_over_not_doubled(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.manager.follow([brick], [])
        await until(r.processes, "it is spawned")
        await r.restart_manager()  # in the middle of its start: it ends, goes on, or hangs
        await r.want(brick)
        assert r.processes() == [status(r, brick).pid]

    play(tmp_path, test)


def test_a_spawn_takes_over_what_runs_already_also_without_a_pid_file(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid, pid_file = status(r, brick).pid, Path(r.manager.pid_file_of(brick.brick_path))
        places = Places(str(r.run), str(r.folder / "log"), "")
        for _ in ("by its pid file", "by its command line"):
            held = await asyncio.to_thread(spawn, launch_of(brick, places), places, 0, (), PortRange(50000, 60000))
            os.close(held.pidfd)
            assert held.adopted and held.pid == pid and r.processes() == [pid]
            pid_file.unlink(missing_ok=True)

    play(tmp_path, test)


def test_an_adopted_brick_that_hangs_in_its_start_is_replaced(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        async def no_answer(*_: object) -> None:
            asked.set()
            await asyncio.sleep(100)

        asked, getspec, brick = asyncio.Event(), r.getspec, r.brick("v")
        r.getspec = no_answer  # type: ignore[method-assign, assignment]
        await r.manager.follow([brick], [])
        await asked.wait()
        (pid,) = r.processes()
        await r.manager.close()
        r.manager = r.new_manager()
        await r.manager.start()  # its connection, and so its wait, goes on: it hangs as after a crash of its daemon
        r.getspec = getspec  # type: ignore[method-assign]
        await r.want(brick)
        assert r.processes() == [status(r, brick).pid] != [pid]

    play(tmp_path, test, Timing(adopted_s=0.3))


def test_a_pid_file_that_names_a_stranger_harms_nobody(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid_file = Path(r.manager.pid_file_of(brick.brick_path))
        await r.want()
        await r.manager.settled([brick.brick_path], 30)
        pid_file.write_text(f"{stranger.pid}\n")
        await r.restart_manager()
        assert r.manager.keys() == []
        await r.want(brick)
        assert status(r, brick).pid != stranger.pid
        await r.want()
        await r.manager.settled([brick.brick_path], 30)
        assert stranger.poll() is None

    play(tmp_path, test)


@pytest.mark.parametrize("content", [b"", b"\0\xff garbage", b"-1", b"99999999999999999999", b"1\n2\n"])
def test_a_garbage_pid_file_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        pid_file = Path(Places(str(r.run), "", "").pid_file(brick))
        pid_file.parent.mkdir(parents=True)
        pid_file.write_bytes(content)
        await r.restart_manager()
        await r.want(brick)
        assert r.processes() == [status(r, brick).pid]

    play(tmp_path, test)


def test_only_the_process_that_serves_the_brick_may_sign_in(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    async def test(r: Rig) -> None:
        brick, other = r.brick("v"), r.brick("w")
        await r.want(brick, other)
        good, wrong = status(r, brick), status(r, other)
        sign_in = r.manager.signed_in
        assert sign_in(brick.brick_path, good.port, good.pid)
        assert not sign_in(brick.brick_path, good.port, stranger.pid)
        assert not sign_in(brick.brick_path, good.port + 1, good.pid)
        assert not sign_in(brick.brick_path, wrong.port, wrong.pid)
        assert not sign_in("/bricks/unheard-of", good.port, good.pid)
        assert not sign_in(brick.brick_path, good.port, 2**22 + 1)
        assert not sign_in(brick.brick_path, -1, -1)
        assert not sign_in("", 0, 0)
        assert status(r, brick) == good

    play(tmp_path, test)


def test_somebody_elses_program_that_calls_itself_a_brick_may_not_sign_in(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid_file, port = r.manager.pid_file_of(brick.brick_path), r.manager.port_of(brick.brick_path)
        await r.want()
        await r.manager.settled([brick.brick_path], 30)
        words = ["glusterfsd", "-c", "read x", "-p", pid_file, "--brick-name", brick.brick_path, "--brick-port", str(port)]
        null = subprocess.DEVNULL
        with subprocess.Popen(words, executable="/bin/sh", user=65534, stdin=subprocess.PIPE, stdout=null, stderr=null) as liar:  # noqa: ASYNC220 - a moment, in a test
            assert not r.manager.signed_in(brick.brick_path, port, liar.pid)
            await r.restart_manager()
            assert r.manager.keys() == []
            liar.kill()

    play(tmp_path, test)


def test_a_brick_shares_neither_session_nor_open_files_with_the_daemon(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        with (tmp_path / "a file of the daemon").open("w") as file:
            await r.want(brick)
            pid = status(r, brick).pid
            links = {entry.name: str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        assert os.getsid(pid) == pid
        assert {links[number] for number in "012"} == {os.devnull} and file.name not in links.values()

    play(tmp_path, test)


def test_a_brick_of_another_daemon_is_neither_adopted_nor_stopped(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid, port = status(r, brick).pid, r.manager.port_of(brick.brick_path)

        async def neighbour(n: Rig) -> None:
            assert n.manager.keys() == []
            await n.manager.follow([], [])
            assert not n.manager.signed_in(brick.brick_path, port, pid)

        await asyncio.create_task(_beside(tmp_path / "neighbour", neighbour))
        assert r.processes() == [pid] and can_connect(r.host, port)

    play(tmp_path / "mine", test)


async def _beside(folder: Path, test: object) -> None:
    from process_kit import rig

    async with rig(folder) as made:
        await test(made)  # type: ignore[operator]


def test_bricks_survive_a_daemon_that_is_killed_without_a_word(tmp_path: Path) -> None:
    """The parent of the brick is another process here, as for a daemon after its restart: adopted, watched, not reaped by us."""

    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        line = Path(f"/proc/{status(r, brick).pid}/cmdline").read_bytes().split(b"\0")[:-1]
        await r.want()
        await r.manager.settled([brick.brick_path], 30)
        code = "import os,sys\nif os.fork()==0:\n os.setsid()\n os.execv(sys.argv[1],sys.argv[1:])\n"
        null = subprocess.DEVNULL
        await r.manager.close()
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, *line], stdin=null, stdout=null, stderr=null, check=True)
        r.manager = r.new_manager()
        await until(r.processes, "the orphan runs")
        await r.manager.start()
        (pid,) = r.processes()
        await r.want(brick)
        assert status(r, brick).pid == pid, "adopted"
        killed(r, brick)
        await back(r, brick, not_pid=pid)

    play(tmp_path, test, Timing(sign_in_s=30))
