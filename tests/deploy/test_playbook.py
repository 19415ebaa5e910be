"""docs/deploy, let loose on machines with roots of their own by ssh: a pool, a volume and a mount come out of nothing, and then nothing changes any more."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_machines import DEPLOY, ROOT, Machines, machines

SLOW_S = 900
PEERS = 2
INSTALL_S = 300.0
RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.M)


def inventory(bundle: Path) -> dict[str, object]:
    """The last host is the client. Machines of the test have no systemd and can't reach Debian."""
    options = {"performance.io-cache": "off", "network.ping-timeout": 20}
    every = {
        "ansible_user": "root",
        "gd2raft_bundle": str(bundle),
        "gd2raft_service_manager": "process",
        "gd2raft_packages_age": 10**9,
        "gd2raft_join_secret": "of the test",
        "gd2raft_settings": {"loglevel": "DEBUG"},
        "gd2raft_volumes": [{"name": "data", "kind": f"replica {PEERS}", "options": options}],
        "gd2raft_mounts": [{"volume": "data", "path": "/mnt/data", "options": "log-level=WARNING"}],
    }
    peers = {f"peer{n}": None for n in range(1, PEERS + 1)}
    return {
        "all": {"vars": every},
        "gd2raft_peers": {"hosts": peers},
        "gd2raft_clients": {"hosts": {f"peer{PEERS + 1}": None}},
    }


@pytest.fixture(scope="module")
def tools() -> None:
    """Ansible, and what the machines need: installed here, since from inside there is no way to any package."""
    done = subprocess.run([ROOT / "dev", "ansible", "ansible-playbook", "--version"], capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundle") / "gd2raft.tar"
    done = subprocess.run([ROOT / "dev", "bundle", made], capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def there(tools: None, bundle: Path) -> Iterator[Machines]:
    with machines(PEERS + 1) as made:
        (made.files / "inventory.yml").write_text(json.dumps(inventory(bundle)))
        yield made


def changes(said: str) -> dict[str, tuple[int, int]]:
    """{host: (changed, unreachable)} of a play's recap; nothing may have failed."""
    found = {host: (int(changed), int(unreachable)) for host, changed, unreachable, failed in RECAP.findall(said) if failed == "0"}
    assert len(found) == PEERS + 1, said[-3000:]
    return found


@pytest.mark.real
@pytest.mark.timeout(SLOW_S)
def test_a_pool_comes_out_of_nothing_and_a_second_run_changes_nothing(there: Machines) -> None:
    first, second, client = there.hosts

    there.play("site.yml", "--check", "--limit", first.name)
    assert there.on(first, "ls -d /opt/gd2raft* /etc/gd2raft", check=False) == "", "a check changes nothing"

    there.play("site.yml")
    assert there.on(second, "gd2 health --check") == f"healthy: {PEERS} peers, 1 volume (1 started)"
    assert sorted(peer["peer-addresses"] for peer in json.loads(there.on(second, "gd2 --json peer list"))) == [
        ["peer1:24008"],
        ["peer2:24008"],
    ]
    assert there.on(first, "gd2 volume get data network.ping-timeout").split()[-1] == "20"
    assert there.on(first, "gd2raft --version; gd2 --version").splitlines() == ["gd2raft 0.1.0", "gd2 0.1.0"]
    there.on(client, "echo hello > /mnt/data/hello")
    assert [there.on(peer, "cat /bricks/data/hello") for peer in (first, second)] == ["hello"] * PEERS
    assert "gd2 volume create" in there.on(first, "zcat -f /usr/local/share/man/man1/gd2-volume.1").replace("\\", "")
    assert there.on(first, "stat -c %a /etc/gd2raft/join-secret /var/lib/gd2raft").split() == ["600", "700"]

    again = there.play("site.yml")
    assert changes(again) == {"peer1": (0, 0), "peer2": (0, 0), "peer3": (0, 0)}, again

    there.on(second, "kill -9 -1", check=False)  # as if its power had failed
    less = there.play("site.yml", "--check", code=4)
    assert changes(less) == {"peer1": (0, 0), "peer2": (0, 1), "peer3": (0, 0)}, less
    assert there.on(client, "cat /mnt/data/hello") == "hello"


@pytest.mark.real
@pytest.mark.timeout(SLOW_S)
def test_ansible_lint_finds_nothing_by_its_production_profile(tools: None) -> None:
    command = [
        ROOT / "dev",
        "ansible",
        "ansible-lint",
        "--offline",
        "--nocolor",
        "--profile",
        "production",
        "--project-dir",
        DEPLOY,
        DEPLOY,
    ]
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, timeout=SLOW_S)
    assert done.returncode == 0, done.stdout + done.stderr
