"""The rig of network namespaces: what its users rely on. Needs root, not GlusterFS; marked real because of that."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.namespaces import Process, Rig, RigError, address_of
from bench.sides import wait_for

pytestmark = pytest.mark.real
DEADLINE_S = 30.0
SERVER = "import socket,sys; s=socket.create_server((sys.argv[1],8000)); c=s.accept()[0]; c.sendall(b'here'); c.close()"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(2, folder=tmp_path_factory.mktemp("rig")) as built:
        yield built


def test_a_host_reaches_another_by_name_and_address(rig: Rig) -> None:
    server = rig.hosts[1].popen([sys.executable, "-c", SERVER, rig.hosts[1].address])
    wait_for("the server listens", lambda: 8000 in rig.hosts[1].listening(), DEADLINE_S)
    client = "import socket; print(socket.create_connection(('peer2', 8000), 10).recv(9))"
    assert rig.hosts[0].run([sys.executable, "-c", client]).stdout.strip() == "b'here'"
    assert server.wait(DEADLINE_S) == 0


def test_we_reach_a_port_inside_without_being_inside(rig: Rig) -> None:
    server = rig.hosts[0].popen([sys.executable, "-c", SERVER, rig.hosts[0].address])
    wait_for("the server listens", lambda: 8000 in rig.hosts[0].listening(), DEADLINE_S)
    before = Path("/proc/thread-self/ns/net").readlink()
    with rig.hosts[0].connect(8000) as connection:
        assert connection.recv(9) == b"here"
    assert Path("/proc/thread-self/ns/net").readlink() == before
    assert server.wait(DEADLINE_S) == 0


def test_an_unplugged_host_is_cut_off_until_it_is_plugged_in_again(rig: Rig) -> None:
    first, second = rig.hosts
    knock = [sys.executable, "-c", f"import socket; socket.create_connection(('{second.address}', 1), 2)"]
    assert "ConnectionRefusedError" in first.run(knock, check=False).stderr
    rig.unplug(second)
    assert "ConnectionRefusedError" not in first.run(knock, check=False).stderr
    rig.plug(second)
    wait_for("the way is open", lambda: "ConnectionRefusedError" in first.run(knock, check=False).stderr, DEADLINE_S)


def test_a_signal_reaches_the_process_and_its_status_comes_back(rig: Rig) -> None:
    sleeper = rig.hosts[0].popen(["sleep", "1000"])
    assert Path(f"/proc/{sleeper.inner_pid}/comm").read_text().strip() in ("sleep", "nsenter")
    sleeper.terminate()
    assert sleeper.wait(DEADLINE_S) == -signal.SIGTERM


def test_a_stopped_process_goes_on_after_cont(rig: Rig) -> None:
    sleeper = rig.hosts[0].popen(["sleep", "1000"])
    wait_for("sleep runs", lambda: _state(sleeper) == "S" and ["sleep", "1000"] in rig.hosts[0].processes().values(), DEADLINE_S)
    sleeper.send_signal(signal.SIGSTOP)
    wait_for("it is stopped", lambda: _state(sleeper) == "T", DEADLINE_S)
    sleeper.send_signal(signal.SIGCONT)
    wait_for("it goes on", lambda: _state(sleeper) == "S", DEADLINE_S)
    sleeper.kill()
    assert sleeper.wait(DEADLINE_S) == -signal.SIGKILL


def test_a_stopped_process_that_is_killed_tells_of_its_end(rig: Rig) -> None:
    sleeper = rig.hosts[0].popen(["sleep", "1000"])
    sleeper.send_signal(signal.SIGSTOP)
    sleeper.kill()
    assert sleeper.wait(DEADLINE_S) == -signal.SIGKILL


def test_a_host_that_moved_is_reached_at_its_new_address_only(rig: Rig) -> None:
    first, second = rig.hosts
    old, new = second.address, f"{second.address.rpartition('.')[0]}.77"
    second.move_to(new)
    for address, refuses in ((new, True), (old, False)):
        knock = [sys.executable, "-c", f"import socket; socket.create_connection(('{address}', 1), 2)"]
        assert ("ConnectionRefusedError" in first.run(knock, check=False).stderr) == refuses
    second.move_to(old)


def test_what_lies_below_a_link_to_a_mount_of_the_host_is_seen_from_outside(rig: Rig) -> None:
    rig.hosts[0].run(["sh", "-c", "echo here > /var/run/told"])
    assert rig.hosts[0].path("/var/run/told").read_text() == "here\n"
    assert not Path("/run/told").exists()


def _state(process: Process) -> str:
    return Path(f"/proc/{process.inner_pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_daemon_left_behind_by_a_command_neither_holds_us_nor_becomes_a_zombie(rig: Rig) -> None:
    host = rig.hosts[0]
    host.run(["bash", "-c", "(sleep 0.3; exit 3) & (sleep 1000) &"], timeout_s=DEADLINE_S)
    wait_for("the long one runs", lambda: ["sleep", "1000"] in host.processes().values(), DEADLINE_S)
    states = ["ps", "-e", "-o", "stat="]
    wait_for("the short one ended", lambda: ["sleep", "0.3"] not in host.processes().values(), DEADLINE_S)
    wait_for("no zombie is left", lambda: "Z" not in host.run(states).stdout, DEADLINE_S)


def test_a_failing_command_says_who_what_and_why(rig: Rig) -> None:
    with pytest.raises(RigError, match=r"peer1: ls /nowhere: exit 2: .*No such file"):
        rig.hosts[0].run(["ls", "/nowhere"])
    with pytest.raises(RigError, match=r"peer1: sleep 1000: not done within 0\.2 s"):
        rig.hosts[0].run(["sleep", "1000"], timeout_s=0.2)


def test_run_is_private_and_the_folder_is_shared(rig: Rig) -> None:
    first, second = rig.hosts
    first.run(["bash", "-c", f"echo a > /run/mine; echo b > {first.folder}/ours"])
    assert first.path("/run/mine").read_text() == "a\n"
    assert (first.folder / "ours").read_text() == "b\n"
    assert not second.path("/run/mine").exists()
    assert not Path("/run/mine").exists()


def test_two_rigs_at_once_have_the_same_addresses_and_do_not_meet(rig: Rig, tmp_path: Path) -> None:
    with Rig(1, folder=tmp_path) as other:
        assert other.hosts[0].address == rig.hosts[0].address
        rig.hosts[0].popen([sys.executable, "-c", SERVER, rig.hosts[0].address])
        wait_for("the server listens", lambda: 8000 in rig.hosts[0].listening(), DEADLINE_S)
        assert 8000 not in other.hosts[0].listening()
        with pytest.raises(ConnectionRefusedError):
            other.hosts[0].connect(8000)
        rig.hosts[0].connect(8000).close()


def test_everything_inside_ends_with_the_rig(tmp_path: Path) -> None:
    with Rig(1, folder=tmp_path) as rig:
        rig.hosts[0].run(["bash", "-c", "setsid sleep 1000 &"])
        outside = _outside_pids(rig)
        assert len(outside) >= 2
    assert not [pid for pid in outside if Path(f"/proc/{pid}").exists()]
    assert list(tmp_path.iterdir()) == []


def test_everything_inside_ends_even_when_the_owner_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom bench.namespaces import Rig\n"
        f"with Rig(1, folder={str(tmp_path)!r}) as rig:\n"
        "    rig.hosts[0].popen(['sleep', '1000'])\n"
        "    print(rig.hosts[0].pid, flush=True)\n"
        "    time.sleep(1000)\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as owner:
        assert owner.stdout
        first = int(owner.stdout.readline())
        assert Path(f"/proc/{first}").exists()
        owner.kill()
    wait_for("process 1 ended", lambda: not Path(f"/proc/{first}").exists(), DEADLINE_S)


def test_a_rig_that_can_not_be_built_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Rig) -> None:
        raise RigError("rig: ip: no")

    monkeypatch.setattr(Rig, "_plug", broken)
    with pytest.raises(RigError), Rig(2, folder=tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_sizes_and_addresses_have_limits() -> None:
    assert (address_of(1), address_of(250), address_of(251)) == ("10.77.0.1", "10.77.0.250", "10.77.1.1")
    for size in (0, 62501):
        with pytest.raises(ValueError, match="a rig has 1 to"):
            Rig(size)


def _outside_pids(rig: Rig) -> list[int]:
    """Pids, as we see them, of everything in the rig's pid namespaces."""
    spaces = {Path(f"/proc/{host.pid}/ns/pid").readlink() for host in rig.hosts}
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns/pid").readlink() in spaces:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_packets_that_carry_something_are_counted_and_bare_ones_are_not(tmp_path: Path) -> None:
    with Rig(2, folder=tmp_path) as own:
        first, second = own.hosts
        for host in own.hosts:
            host.count_sent()
        second.popen([sys.executable, "-c", SERVER.replace("b'here'", "b'x' * 500"), second.address])
        wait_for("the server listens", lambda: 8000 in second.listening(), DEADLINE_S)
        with first.connect(8000, second.address) as connection:
            assert connection.recv(1000) == b"x" * 500
        assert first.sent() == (0, 0), "it only connected and acknowledged"
        packets, sizes = second.sent()
        assert packets == 1 and 500 < sizes < 600
