"""Machines that Ansible can be let loose on: hosts of a rig, each with a root file system of its own and an sshd.

A root is an overlay of this machine's, writable and private, in the memory of the host: what is installed here is installed there, what is
written there stays there. There is no systemd in it, and no way to the outside. The last host is the controller, too: from there, with this
machine's own root, `play` runs ansible-playbook.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.namespaces import Host, Rig

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
PREPARE_S, PLAY_S = 60.0, 400.0

# Arguments: the host's folder. /tmp and all the rest is the overlay's; bricks are on a file system that has trusted.* attributes.
ROOT_SCRIPT = """
set -e
folder=$1
mkdir "$folder/layer" "$folder/root"
mount -t tmpfs -o mode=755 tmpfs "$folder/layer"
mkdir "$folder/layer/upper" "$folder/layer/work"
mount -t overlay overlay -o lowerdir=/,upperdir="$folder/layer/upper",workdir="$folder/layer/work" "$folder/root"
for shared in proc sys dev run; do mount --rbind "/$shared" "$folder/root/$shared"; done
cd "$folder/root"
rm -rf var/lib/gd2raft var/log/gd2raft etc/gd2raft opt/gd2raft opt/gd2raft.tar etc/systemd/system/glusterd.service
rm -f etc/fstab
touch etc/fstab
cp "$folder/hosts" etc/hosts
mkdir -p bricks run/sshd
mount -t tmpfs -o mode=755 tmpfs bricks
"""
_SSHD = """Port 22
HostKey {folder}/host-key
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
SetEnv PIP_NO_COMPILE=1
"""
"""Byte code is left to the daemon, for what it loads: that of all packages is a good part of an installation's time."""


class Machines:
    """`hosts`: of the rig, all with sshd. `files`: of the controller: inventory, configuration, key."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.hosts = rig, rig.hosts
        self.files = rig.folder / "control"

    def prepare(self) -> None:
        self.files.mkdir()
        for name in ("key", "host-key"):
            made = subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.files / name], capture_output=True, timeout=PREPARE_S
            )
            assert made.returncode == 0, made.stderr
        (self.files / "sshd_config").write_text(_SSHD.format(folder=self.files))
        (self.files / "ansible.cfg").write_text(self._settings())
        for host in self.hosts:
            host.run(["bash", "-c", ROOT_SCRIPT, "root", host.folder], timeout_s=PREPARE_S)
            self.listen(host)

    def listen(self, host: Host) -> None:
        """Start its sshd: at first, and when everything in it has been killed."""
        host.popen(["chroot", host.folder / "root", "/usr/sbin/sshd", "-D", "-e", "-f", self.files / "sshd_config"], log="sshd.log")

    def _settings(self) -> str:
        """Quick: few round trips, one process for each host. Strict: a variable that is not defined, or a deprecated word, fails."""
        ssh = f"-o ControlMaster=auto -o ControlPersist=600 -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -i {self.files}/key"
        return (
            f"[defaults]\ninventory = {self.files}/inventory.yml\nroles_path = {DEPLOY}/roles\nforks = {len(self.hosts)}\n"
            f"local_tmp = {self.files}/tmp\nretry_files_enabled = false\nnocows = true\ninterpreter_python = /usr/bin/python3\n"
            f"gathering = explicit\nstdout_callback = default\ntimeout = 10\ndeprecation_warnings = true\n"
            f"[ssh_connection]\npipelining = true\ntransfer_method = piped\nssh_args = {ssh}\ncontrol_path_dir = {self.files}/cp\n"
        )

    def play(self, playbook: str, *words: str, code: int = 0) -> str:
        """Run a playbook on the controller; what it printed."""
        command = [ROOT / "dev", "ansible", "ansible-playbook", str(DEPLOY / playbook), *words]
        settings = {"ANSIBLE_CONFIG": f"{self.files}/ansible.cfg", "ANSIBLE_NOCOLOR": "1", "HOME": str(self.files)}
        said = self.hosts[-1].run(["env", *(f"{key}={value}" for key, value in settings.items()), *command], timeout_s=PLAY_S, check=False)
        assert said.returncode == code, f"{playbook}: exit {said.returncode}\n{said.stdout[-6000:]}\n{said.stderr[-3000:]}"
        return said.stdout

    def on(self, host: Host, command: str, check: bool = True) -> str:
        """Run a line of shell in the host's own root; what it printed, without white space at the end."""
        return host.run(["chroot", host.folder / "root", "/bin/sh", "-c", command], check=check).stdout.strip()

    def written(self, host: Host) -> set[str]:
        """Every file that the host has of its own, or has lost of this machine's."""
        upper = host.folder / "layer" / "upper"
        return set(host.run(["find", upper, "!", "-type", "d", "-printf", "/%P\\n"]).stdout.split())


@contextmanager
def machines(size: int) -> Iterator[Machines]:
    with Rig(size) as rig:
        made = Machines(rig)
        made.prepare()
        yield made
