"""Real bricks and self-heal daemons: started, watched, restarted, stopped, and why not."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from process_kit import Rig, rig
from waiting import until

from gd2raft.process import BrickSpec, ProcessStatus, Timing

pytestmark = pytest.mark.real

TEST_S = 100


def play(folder: Path, test: Callable[[Rig], Awaitable[None]], timing: Timing | None = None, run: Path | None = None) -> None:
    """Runs a test against its own client port and manager, and leaves no process behind."""

    async def main() -> None:
        async with asyncio.timeout(TEST_S), rig(folder, timing, run) as made:
            await test(made)

    asyncio.run(main())


def status(r: Rig, brick: BrickSpec) -> ProcessStatus:
    return r.manager.status(brick.brick_path)


def killed(r: Rig, brick: BrickSpec) -> int:
    pid = status(r, brick).pid
    os.kill(pid, signal.SIGKILL)
    return pid


async def back(r: Rig, brick: BrickSpec, *, not_pid: int) -> None:
    await until(lambda: status(r, brick).online and status(r, brick).pid != not_pid, f"{brick.brick_path} is back")


def can_connect(host: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) == 0


def test_bricks_and_their_self_heal_daemon_start_sign_in_and_stop(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        bricks = [r.brick("v", f"b{i}") for i in range(3)]
        await r.want(*bricks, services=(r.shd("v", bricks),))
        for brick in bricks:
            port = r.manager.port_of(brick.brick_path)
            assert 49152 <= port <= 60999 and can_connect(r.host, port)
            assert not can_connect("127.0.0.1", port), "it listens on the address of its daemon only"
        (shd,) = r.manager.services_status()
        assert shd.online and shd.key == "shd/v" and len(r.processes()) == 4
        await r.want()
        assert await r.manager.settled([b.brick_path for b in bricks] + ["shd/v"], 30) == []
        assert r.processes() == [] and r.manager.port_of(bricks[0].brick_path) == 0 and r.manager.keys() == []

    play(tmp_path, test)


def test_a_rundir_too_long_for_a_socket_still_works(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        socket_path = r.manager.socket_of(brick.brick_path)
        assert len(socket_path.encode()) < 108 and Path(socket_path).is_socket()
        shutil.rmtree(Path(socket_path).parent)

    play(tmp_path, test, run=tmp_path / ("long" * 25))


def test_a_stop_is_a_terminate_to_the_brick_and_leaves_no_files(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick, other = r.brick("v"), r.brick("w")
        await r.want(brick, other)
        pid, pid_file = status(r, other).pid, r.manager.pid_file_of(brick.brick_path)
        await r.manager.follow([other], [])
        assert await r.manager.settled([brick.brick_path], 30) == []
        assert r.terminated == [brick.brick_path] and not Path(pid_file).exists()
        assert status(r, other).pid == pid, "the other one is left alone"

    play(tmp_path, test)


@pytest.mark.parametrize("failure", [OSError("no such socket"), None], ids=["it raises", "it is without effect"])
def test_a_terminate_that_does_not_work_is_followed_by_a_signal(tmp_path: Path, failure: Exception | None) -> None:
    refused: list[bool] = []

    async def test(r: Rig) -> None:
        async def terminate(socket_path: str, brick_path: str, timeout_s: float) -> None:
            now = r.manager.status(brick_path)
            refused.append(not r.manager.signed_in(brick_path, now.port, now.pid))
            if failure is not None:
                raise failure

        r.terminate = terminate  # type: ignore[method-assign]
        await r.restart_manager()
        await r.want(brick := r.brick("v"))
        await r.manager.follow([], [])
        assert await r.manager.settled([brick.brick_path], 30) == []
        assert r.processes() == [] and refused == [True]

    play(tmp_path, test, Timing(terminate_s=0.2))


def test_a_brick_that_ignores_everything_is_killed(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        os.kill(status(r, brick).pid, signal.SIGSTOP)
        await r.manager.follow([], [])
        assert await r.manager.settled([brick.brick_path], 30) == []
        assert r.processes() == []

    play(tmp_path, test, Timing(terminate_s=0.2, term_s=0.2))


def test_a_killed_brick_comes_back_by_itself_on_its_port(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        port = r.manager.port_of(brick.brick_path)
        r.changes.clear()
        pid = killed(r, brick)
        await back(r, brick, not_pid=pid)
        now = status(r, brick)
        assert (now.port, now.restarts) == (port, 1) and "SIGKILL" in now.last_error
        assert set(r.changes) == {brick.brick_path}
        with pytest.raises(ProcessLookupError):  # a zombie would still be there
            os.kill(pid, 0)

    play(tmp_path, test)


def test_a_killed_brick_whose_port_was_taken_meanwhile_comes_back_on_another(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        port, pid = r.manager.port_of(brick.brick_path), killed(r, brick)
        await until(lambda: not status(r, brick).online, "the end is noticed")
        with socket.create_server((r.host, port)):
            await back(r, brick, not_pid=pid)
            assert r.manager.port_of(brick.brick_path) not in (0, port)

    play(tmp_path, test, Timing(backoff_first_s=2))


def test_a_killed_self_heal_daemon_comes_back(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick, services=(r.shd("v", [brick]),))
        pid = r.manager.status("shd/v").pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: r.manager.status("shd/v").online and r.manager.status("shd/v").pid != pid, "shd is back")

    play(tmp_path, test)


def test_a_brick_ended_by_hand_is_offline_at_once_and_comes_back(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid = status(r, brick).pid
        os.kill(pid, signal.SIGTERM)
        await until(lambda: r.manager.port_of(brick.brick_path) == 0, "its port is gone")
        await back(r, brick, not_pid=pid)

    play(tmp_path, test)


def test_a_sign_out_that_is_not_followed_by_an_end_is_not_believed_for_long(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        before = status(r, brick)
        r.manager.signed_out(brick.brick_path)
        assert r.manager.port_of(brick.brick_path) == 0
        await until(lambda: status(r, brick).online, "it listens, so it is online")
        assert (status(r, brick).pid, status(r, brick).port) == (before.pid, before.port)

    play(tmp_path, test, Timing(leave_s=0.2))


def test_a_brick_that_cannot_start_is_a_problem_with_the_cause_from_its_log_and_is_tried_again_ever_later(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        shutil.rmtree(Path(brick.brick_path) / ".glusterfs")
        await r.manager.follow([brick], [])
        (problem,) = await r.manager.settled([brick.brick_path], 60)
        assert problem.key == brick.brick_path and "Failed to find parent dir" in problem.cause and ".log" in problem.hint
        now = status(r, brick)
        assert now.restarts >= 2 and not now.online and now.state in ("waiting", "starting")
        (Path(brick.brick_path) / ".glusterfs" / "indices").mkdir(parents=True)
        r.manager.retry([brick.brick_path])
        assert await r.manager.settled([brick.brick_path], 60) == []

    play(tmp_path, test, Timing(backoff_first_s=0.1))


def test_an_unknown_volfile_is_named_in_the_problem(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = msgspec.structs.replace(r.brick("v"), volfile_id="nonesuch")
        await r.manager.follow([brick], [])
        (problem,) = await r.manager.settled([brick.brick_path], 60)
        assert "nonesuch" in problem.cause and "volume file" in problem.cause

    play(tmp_path, test)


def test_a_missing_glusterfsd_names_the_package_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        monkeypatch.setattr("gd2raft.process.spawn._SYSTEM_PATH", "/nonesuch")
        monkeypatch.setenv("PATH", "/nonesuch")
        await r.manager.follow([brick], [])
        (problem,) = await r.manager.settled([brick.brick_path], 60)
        assert "glusterfsd" in problem.cause and "glusterfs-server" in problem.hint

    play(tmp_path, test)


def test_an_address_that_is_not_of_this_machine_is_a_clear_problem(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = msgspec.structs.replace(r.brick("v"), bind_address="203.0.113.7")
        await r.manager.follow([brick], [])
        (problem,) = await r.manager.settled([brick.brick_path], 60)
        assert "203.0.113.7" in problem.cause and "clientaddress" in problem.hint

    play(tmp_path, test)


def test_a_rundir_that_cannot_be_made_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        (r.run).write_text("a file")
        brick = r.brick("v")
        await r.manager.follow([brick], [])
        (problem,) = await r.manager.settled([brick.brick_path], 60)
        assert str(r.run) in problem.cause
        (r.run).unlink()

    play(tmp_path, test)


def test_a_brick_that_never_signs_in_is_stopped_and_tried_again(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        async def no_answer(*_: object) -> None:
            await asyncio.sleep(TEST_S)

        r.getspec = no_answer  # type: ignore[method-assign, assignment]
        brick = r.brick("v")
        await r.manager.follow([brick], [])
        (problem,) = await r.manager.settled([brick.brick_path], 60)
        assert "did not sign in" in problem.cause and not status(r, brick).online

    play(tmp_path, test, Timing(sign_in_s=0.3))


def test_wanting_and_not_wanting_in_quick_turns_ends_as_last_said(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        for turn in range(40):
            await r.manager.follow([brick] if turn % 2 else [], [])
            await asyncio.sleep(0.003 * (turn % 7))  # the turns meet it at different moments of its start and stop
        assert await r.manager.settled([brick.brick_path], 60) == []
        assert r.processes() == [status(r, brick).pid] and can_connect(r.host, r.manager.port_of(brick.brick_path))
        for turn in range(41):
            await r.manager.follow([brick] if turn % 2 else [], [])
            await asyncio.sleep(0.003 * (turn % 7))
        assert await r.manager.settled([brick.brick_path], 60) == []
        assert r.processes() == []

    play(tmp_path, test)


def test_a_brick_with_another_volfile_id_is_stopped_and_started_and_other_arguments_wait(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        await r.want(brick)
        pid = status(r, brick).pid
        await r.want(msgspec.structs.replace(brick, extra=("--log-level=DEBUG",)))
        assert status(r, brick).pid == pid
        r.volfiles["renamed"] = r.volfiles[brick.volfile_id]
        await r.want(msgspec.structs.replace(brick, volfile_id="renamed"))
        assert r.processes() == [status(r, brick).pid] != [pid]

    play(tmp_path, test)


def test_many_bricks_start_a_few_at_a_time_and_all_come_online(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        bricks = [r.brick("v", f"b{i}") for i in range(12)]
        await r.want(*bricks)
        assert len({r.manager.port_of(b.brick_path) for b in bricks}) == 12

    play(tmp_path, test, Timing(starts_at_once=2))


def test_a_service_that_is_done_stays_down_until_asked_again(tmp_path: Path) -> None:
    async def test(r: Rig) -> None:
        brick = r.brick("v")
        service = msgspec.structs.replace(r.shd("v", [brick]), name="rebalance/v", once=True)  # unknown volfile: ends with 0 at once
        await r.manager.follow([], [service])
        assert await r.manager.settled(["rebalance/v"], 60) == []
        assert r.manager.status("rebalance/v").finished and r.processes() == []
        r.volfiles["rebalance/v"] = r.volfiles["shd/v"]
        r.manager.retry(["rebalance/v"])
        await until(lambda: r.manager.status("rebalance/v").online, "it runs again")

    play(tmp_path, test)
