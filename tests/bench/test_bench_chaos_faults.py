"""What `bench chaos` breaks is really broken, and whole again afterwards: links, in each direction, and disks."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.chaos import faults
from bench.chaos.network import Network
from bench.chaos.pool import build_shim
from bench.namespaces import Host, Rig

PORT, PATIENCE_S = 9000, 0.5


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(2, folder=tmp_path_factory.mktemp("rig")) as built:
        yield built


@pytest.fixture
def network(rig: Rig) -> Iterator[Network]:
    with Network(rig.hosts, random.Random(1)) as made:
        yield made


def arrive(sender: Host, receiver: Host, count: int = 1) -> list[tuple[int, float]]:
    """Datagrams that arrive, in order of arrival: (number, seconds after the first was sent)."""
    with sender.new_socket(kind=socket.SOCK_DGRAM) as out, receiver.new_socket(kind=socket.SOCK_DGRAM) as into:
        into.bind((receiver.address, PORT))
        into.settimeout(PATIENCE_S)
        began = time.monotonic()
        for number in range(count):
            out.sendto(bytes([number]), (receiver.address, PORT))
        found = []
        try:
            while len(found) < count:
                found.append((into.recv(10)[0], time.monotonic() - began))
        except TimeoutError:
            pass
        return found


@pytest.mark.real
def test_a_cut_holds_in_its_direction_only_until_every_fault_that_cut_it_is_over(rig: Rig, network: Network) -> None:
    one, two = rig.hosts
    network.cut([(0, 1)])
    network.cut([(0, 1)])
    assert arrive(one, two) == [] and len(arrive(two, one)) == 1
    network.mend([(0, 1)])
    assert arrive(one, two) == []
    network.mend([(0, 1)])
    assert len(arrive(one, two)) == 1


@pytest.mark.real
def test_half_of_the_packets_are_lost(rig: Rig, network: Network) -> None:
    network.lose([(0, 1)], 50)
    assert 50 < len(arrive(*rig.hosts, count=200)) < 150
    network.keep([(0, 1)])
    assert len(arrive(*rig.hosts, count=200)) == 200


@pytest.mark.real
def test_slow_links_delay_and_reorder(rig: Rig, network: Network) -> None:
    network.slow([(0, 1)], (0.05, 0.2))
    found = arrive(*rig.hosts, count=50)
    numbers = [number for number, _ in found]
    assert sorted(numbers) == list(range(50)) and numbers != sorted(numbers)
    assert min(after for _, after in found) >= 0.05
    assert [number for number, _ in arrive(*reversed(rig.hosts), count=50)] == list(range(50))
    network.quicken([(0, 1)])
    assert [number for number, _ in arrive(*rig.hosts, count=50)] == list(range(50))


@pytest.mark.real
def test_everything_can_be_mended_at_once(rig: Rig, network: Network) -> None:
    network.cut([(0, 1)])
    network.lose([(1, 0)], 99)
    network.slow([(0, 1)], (0.0, 0.1))
    network.mend_all()
    assert len(arrive(*rig.hosts)) == len(arrive(*reversed(rig.hosts))) == 1


WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
def attempt(what):
    try: what(); return "fine"
    except OSError as error: return os.strerror(error.errno)
os.write(fd, b"safe"); os.fdatasync(fd)
shown = lambda: os.pread(fd, 99, 0).decode()
order = os.environ["CHAOS_DISK"]
open(order, "w").write("fsync")
os.write(fd, b"lost"); os.pwrite(fd, b"LO", 1); os.pwrite(fd, b"ST", 2); print(attempt(lambda: os.fdatasync(fd)), shown())
open(order, "w").write("write")
print(attempt(lambda: os.write(fd, b"more")), attempt(lambda: os.pwrite(fd, b"x", 0)))
os.unlink(order)
os.pwrite(fd, b"S", 0); os.pwrite(fd, b"more", 4); print(attempt(lambda: os.fsync(fd)), shown())
"""


@pytest.mark.real
def test_a_broken_disk_fails_and_forgets_what_was_not_synced(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    env = {**os.environ, "LD_PRELOAD": str(build_shim(tmp_path)), "CHAOS_DISK": str(tmp_path / "order"), "CHAOS_STATE": str(state)}
    command = [sys.executable, "-c", WRITER]
    done = subprocess.run([*command, str(state / "log")], env=env, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == ["Input/output error safe", "Input/output error Input/output error", "fine Safemore"]
    assert (tmp_path / "order.failed").exists()
    beside = subprocess.run([*command, str(tmp_path / "log")], env=env, capture_output=True, text=True, timeout=30, check=True)
    assert beside.stdout.splitlines() == ["fine sLSTlost", "fine fine", "fine SLSTmoremore"]


@pytest.mark.fast
def test_one_seed_throws_the_same_faults() -> None:
    def thrown(seed: int) -> list[tuple[str, float]]:
        dice = random.Random(seed)
        return [(fault.name, seconds) for fault, seconds in (faults.throw(dice, faults.possible(3)) for _ in range(30))]

    assert thrown(1) == thrown(1) != thrown(2)


@pytest.mark.fast
def test_faults_that_need_five_peers_are_not_thrown_for_three() -> None:
    assert {"detach and join", "other number of voters"} == {f.name for f in faults.FAULTS} - {f.name for f in faults.possible(3)}
