"""docs/install.md, typed word for word on a machine with systemd as process 1; and what the page says that systemd does."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deploy_machines import ROOT
from systemd_machine import SystemdMachine, systemd_machine, why_not
from test_playbook import INSTALL_S, NEWER, STATE, newer
from waiting import until

from gd2raft import __version__

sys.path.insert(0, str(ROOT / "tests" / "docs"))

from docs_console import blocks

PAGE = ROOT / "docs" / "install.md"
UPGRADE, REMOVAL, END = "## Upgrade", "## Removal", "## What systemd does"
DISK_BYTES = 1 << 30
WAIT_S = 90.0
NOT_TYPED = {
    "./dev bundle": "the fixture does it, with the name of a file",
    "apt-get update": "the machine has no way to Debian; the packages that the next command names are there",
}
ELSEWHERE = ("/root/here/", "/var/log/journal/", "/var/log/glusterfs/", "/var/lib/dpkg/lock", "/var/cache/apt/", "/etc/.pwd.lock")
"""What systemd, apt and GlusterFS have written."""
HEALTHY = "healthy: 1 peer, 0 volumes (0 started)"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundle") / f"gd2raft-{__version__}.tar"
    done = subprocess.run([ROOT / "dev", "bundle", made], capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def machine(bundle: Path) -> Iterator[SystemdMachine]:
    if why := why_not():
        pytest.skip(why)
    with systemd_machine(DISK_BYTES) as made:
        home = made.path("/root/here")
        (home / bundle.name).write_bytes(bundle.read_bytes())
        newer(bundle, home / f"gd2raft-{NEWER}.tar")
        yield made


def typed(machine: SystemdMachine, after: str, before: str) -> list[str]:
    """All commands of that part of the page, each of which must work; what they printed."""
    steps = [step for block in blocks(PAGE, after, before) for step in block.steps]
    return [machine.done(step.command.replace("0.2.0", NEWER)) for step in steps if step.command not in NOT_TYPED]


def soon(condition: Callable[[], object], what: str) -> None:
    asyncio.run(until(condition, what, WAIT_S))


def bricks(machine: SystemdMachine) -> str:
    return machine.type("pgrep -x glusterfsd").out


@pytest.mark.real
def test_the_page_installs_upgrades_and_removes_word_for_word_and_systemd_does_what_it_says(machine: SystemdMachine) -> None:
    before = written(machine)
    said = typed(machine, "", UPGRADE)
    assert f"gd2 {__version__}" in said and HEALTHY in said and HEALTHY in PAGE.read_text()
    assert any("Active: active (running)" in each for each in said), said
    assert "/dev/sdb on /bricks type xfs" in machine.done("mount")

    machine.done("gd2 volume create v1 $(hostname):/bricks/v1 && gd2 volume start v1")
    soon(lambda: bricks(machine), "the brick runs")
    brick = bricks(machine)
    what_systemd_does(machine, brick)

    said = typed(machine, UPGRADE, REMOVAL)
    assert said[-1] == "healthy: 1 peer, 1 volume (1 started)"
    assert machine.done("gd2 --version") == f"gd2 {NEWER}" and bricks(machine) == brick

    machine.done("gd2 -y volume stop v1 && gd2 -y volume delete v1")
    typed(machine, REMOVAL, END)
    left = {path for path in written(machine) - before if not path.startswith((*STATE, *ELSEWHERE))}
    assert left == set(), "but configuration, state, logs and files on bricks nothing is left"


def written(machine: SystemdMachine) -> set[str]:
    """Every file that the machine has of its own, or has lost of this one's."""
    found = machine.host.run(["find", machine.host.folder / "layer" / "upper", "!", "-type", "d", "-printf", "/%P\\n"])
    return set(found.stdout.splitlines())


def what_systemd_does(machine: SystemdMachine, brick: str) -> None:
    """The rows of the page's table, but those of a boot and of want of memory."""
    machine.done("systemctl stop gd2raft")
    assert bricks(machine) == brick, "the brick runs on"
    machine.done("systemctl start gd2raft")
    assert bricks(machine) == brick, "it is adopted"

    def began_again(command: str) -> None:
        before = int(machine.done("systemctl show -p NRestarts --value gd2raft"))
        machine.done(command)
        soon(lambda: int(machine.done("systemctl show -p NRestarts --value gd2raft")) > before, "it is started again")
        soon(lambda: machine.type("systemctl is-active gd2raft").code == 0, "it is ready")
        assert bricks(machine) == brick

    main = "$(systemctl show -p MainPID --value gd2raft)"
    began_again(f"kill -KILL {main}")
    machine.done("mkdir -p /etc/systemd/system/gd2raft.service.d")
    machine.done("printf '[Service]\\nWatchdogSec=3\\n' > /etc/systemd/system/gd2raft.service.d/override.conf")  # as systemctl edit does
    machine.done("systemctl daemon-reload && systemctl restart gd2raft")
    began_again(f"kill -STOP {main}")
    machine.done("rm -r /etc/systemd/system/gd2raft.service.d && systemctl daemon-reload")

    machine.done("cp /etc/gd2raft/gd2raft.toml good && echo 'clientaddress = 5' >> /etc/gd2raft/gd2raft.toml")
    assert machine.type("systemctl restart gd2raft").code != 0
    assert "failed" in machine.type("systemctl is-active gd2raft").out
    last = machine.done("journalctl -u gd2raft -o cat")
    assert re.search(r"clientaddress", last), "the journal has a line that says why"
    machine.done("cp good /etc/gd2raft/gd2raft.toml && systemctl restart gd2raft")
    assert bricks(machine) == brick
