"""docs/deploy, let loose on machines with roots of their own by ssh: a pool, a volume and a mount come out of nothing, are upgraded, and go again."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deploy_machines import DEPLOY, ROOT, Machines, machines
from waiting import until

from bench.namespaces import Host
from gd2raft import __version__

SLOW_S = 900
PEERS = 2
INSTALL_S = 300.0
NEWER = f"{__version__}.1"
NAMES = f"gd2raft-{__version__}", f"gd2raft-{NEWER}"
STATE = ("/etc/gd2raft/", "/var/lib/gd2raft/", "/var/log/gd2raft/")
HEALTHY = f"healthy: {PEERS} peers, 1 volume (1 started)"
STEADY_S = 60.0
# A client at work: it writes and reads until the file /tmp/enough is there, and tells how often, or ends with an error.
_STEADY = """
n=0
until [ -e /tmp/enough ]; do
  n=$((n + 1))
  echo $n > /mnt/data/steady && [ "$(cat /mnt/data/steady)" = $n ] || exit 1
  sleep 0.1
done
rm /tmp/enough
echo $n
"""
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


def newer(bundle: Path, target: Path) -> Path:
    """The same as version NEWER: another wheel of gd2raft is in it, and in its list."""
    with tarfile.open(bundle) as old, tarfile.open(target, "w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            data = file.read()
            if re.search(r"/gd2raft-[^/]*\.whl$", member.name):
                data = newer_wheel(data)
            elif member.name.endswith("/wheels.txt"):
                data = data.replace(NAMES[0].encode(), NAMES[1].encode())
            member.name, member.size = member.name.replace(*NAMES), len(data)
            member.pax_headers = {}  # a long name is in there too, and would win
            new.addfile(member, io.BytesIO(data))
    return target


def newer_wheel(wheel: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "gd2raft/__init__.py" or entry.filename.endswith((".dist-info/METADATA", ".dist-info/RECORD")):
                data = data.replace(__version__.encode(), NEWER.encode())
            entry.filename = entry.filename.replace(*NAMES)
            new.writestr(entry, data)
    return made.getvalue()


def changes(said: str, hosts: int = PEERS + 1) -> dict[str, tuple[int, int]]:
    """{host: (changed, unreachable)} of a play's recap; nothing may have failed."""
    found = {host: (int(changed), int(unreachable)) for host, changed, unreachable, failed in RECAP.findall(said) if failed == "0"}
    assert len(found) == hosts, said[-3000:]
    return found


def daemon(host: Host) -> set[int]:
    return {pid for pid, words in host.processes().items() if words[0].startswith("/opt/gd2raft/bin/python")}


def gluster(host: Host) -> dict[int, str]:
    """Bricks, self-heal daemons and mounts: {pid: program}."""
    programs = {pid: Path(words[0]).name for pid, words in host.processes().items()}
    return {pid: program for pid, program in programs.items() if program in ("glusterfs", "glusterfsd")}


@contextmanager
def client_at_work(there: Machines, client: Host) -> Iterator[None]:
    """Not one call of it on the mount may fail."""
    log = client.folder / "steady.log"
    work = client.popen(["chroot", client.folder / "root", "/bin/sh", "-c", _STEADY], log=log)
    try:
        yield
        there.on(client, "touch /tmp/enough")
        assert work.wait(STEADY_S) == 0, log.read_text()
        assert int(log.read_text()) > 1
    finally:
        work.kill()


def is_formed(there: Machines) -> None:
    first, second, client = there.hosts
    before = there.written(first)
    there.play("site.yml", "--check", "--limit", first.name)
    assert there.written(first) == before, "a check changes nothing"

    there.play("site.yml")
    assert there.on(second, "gd2 health --check") == HEALTHY
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


def is_left_alone_by_a_second_run(there: Machines) -> None:
    again = there.play("site.yml")
    assert changes(again) == {"peer1": (0, 0), "peer2": (0, 0), "peer3": (0, 0)}, again


def goes_on_without_a_peer_that_is_down(there: Machines, another: Path) -> None:
    """The others are looked after, but not upgraded, and nothing is removed: mounts neither."""
    first, second, client = there.hosts
    there.on(second, "kill -9 -1", check=False)  # as if its power had failed
    less = there.play("site.yml", "--check", code=4)
    assert changes(less) == {"peer1": (0, 0), "peer2": (0, 1), "peer3": (0, 0)}, less
    assert there.on(client, "cat /mnt/data/hello") == "hello"

    asyncio.run(until(lambda: "PEER_OFFLINE" in there.on(first, "gd2 health"), "the dead peer is missed"))
    processes = daemon(first), gluster(first), gluster(client)
    refused = there.play("upgrade.yml", "-e", f"gd2raft_bundle={another}", code=2)
    assert "Nothing is done on peer1 and the peers after it" in refused and "PEER_OFFLINE" in refused, refused
    refused = there.play("remove.yml", code=2)
    assert "peer2 can't be reached, so nothing is removed" in refused, refused
    assert (daemon(first), gluster(first), gluster(client)) == processes
    assert there.on(first, "gd2raft --version") == "gd2raft 0.1.0"

    there.listen(second)
    back = there.play("site.yml")
    assert changes(back) == {"peer1": (0, 0), "peer2": (1, 0), "peer3": (0, 0)}, back
    assert there.on(first, "gd2 health --check") == HEALTHY


def is_upgraded_under_a_client_at_work(there: Machines, another: Path) -> None:
    first, second, client = there.hosts
    daemons, others = [daemon(peer) for peer in (first, second)], [gluster(host) for host in there.hosts]
    assert all(daemons) and all(sorted(found.values()) == ["glusterfs", "glusterfsd"] for found in others[:PEERS])
    bundle = f"gd2raft_bundle={another}"

    there.play("upgrade.yml", "--check", "-e", bundle)
    assert [daemon(peer) for peer in (first, second)] == daemons
    assert there.on(first, "gd2raft --version") == "gd2raft 0.1.0"

    with client_at_work(there, client):
        said = there.play("upgrade.yml", "-e", bundle).partition("PLAY RECAP")[0]
    assert said.rindex("[peer1]") < said.index("[peer2]"), "one after the other"
    assert all(daemon(peer).isdisjoint(old) for peer, old in zip((first, second), daemons, strict=True))
    assert [gluster(host) for host in there.hosts] == others, "bricks, self-heal daemons and mounts are the same processes"
    versions = [json.loads(there.on(peer, "gd2 cluster openapi"))["info"]["version"] for peer in (first, second)]
    assert versions == [NEWER] * PEERS, "those that run"

    again = there.play("upgrade.yml", "-e", bundle)
    assert changes(again, PEERS) == {"peer1": (0, 0), "peer2": (0, 0)}, again


def loses_its_first_peer(there: Machines, before: set[str]) -> None:
    """Another peer of the group is away meanwhile, so the play has to find one that can be asked."""
    first, second, client = there.hosts
    wider = json.loads((there.files / "inventory.yml").read_text())
    wider["gd2raft_peers"]["hosts"] = {"peer0": None, **wider["gd2raft_peers"]["hosts"]}
    (there.files / "wider.yml").write_text(json.dumps(wider))
    words = ("remove.yml", "-i", str(there.files / "wider.yml"), "--limit", first.name)

    refused = there.play(*words, code=2)
    assert "peer peer1 has 1 brick of volume data" in refused, refused
    assert daemon(first) and gluster(first)

    there.on(second, "gd2 -y volume remove-brick data replica 1 peer1:/bricks/data force")
    there.play(*words)
    assert [peer["name"] for peer in json.loads(there.on(second, "gd2 --json peer list"))] == ["peer2"]
    assert not daemon(first) and not gluster(first)
    kept = there.written(first) - before
    assert kept and all(path.startswith(STATE) for path in kept), kept
    assert there.on(first, "cat /bricks/data/hello") == "hello", "files on bricks stay"
    assert there.on(client, "echo more > /mnt/data/more; cat /mnt/data/hello /mnt/data/more").split() == ["hello", "more"]


def is_removed_with_its_state(there: Machines, before: list[set[str]]) -> None:
    first, second, client = there.hosts
    words = ("remove.yml", "-e", "gd2raft_remove_state=true")
    processes, files = (daemon(second), gluster(second), gluster(client)), there.on(second, "ls -R /opt/gd2raft /etc/gd2raft")
    there.play(*words, "--check")
    assert (daemon(second), gluster(second), gluster(client)) == processes
    assert there.on(second, "ls -R /opt/gd2raft /etc/gd2raft") == files

    there.play(*words)
    for host, own in zip(there.hosts, before, strict=True):
        assert not daemon(host) and not gluster(host)
        left = {path for path in there.written(host) - own if not path.startswith("/var/log/glusterfs/")}  # a client's, and not ours
        assert left == set()
    assert there.on(second, "ls -d /run/gd2raft*", check=False) == ""
    assert [there.on(peer, "cat /bricks/data/hello") for peer in (first, second)] == ["hello"] * PEERS, "files on bricks stay"
    assert "glusterfs" not in there.on(client, "cat /etc/fstab")

    again = there.play(*words)
    assert changes(again) == {"peer1": (0, 0), "peer2": (0, 0), "peer3": (0, 0)}, again


@pytest.mark.real
@pytest.mark.timeout(SLOW_S)
def test_a_pool_comes_out_of_nothing_is_left_alone_upgraded_and_removed(there: Machines, bundle: Path) -> None:
    """All on one pool: to form it takes most of the time."""
    before = [there.written(host) for host in there.hosts]
    another = newer(bundle, there.files / "newer.tar")
    is_formed(there)
    is_left_alone_by_a_second_run(there)
    goes_on_without_a_peer_that_is_down(there, another)
    is_upgraded_under_a_client_at_work(there, another)
    loses_its_first_peer(there, before[0])
    is_removed_with_its_state(there, before)


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
