"""A machine on which systemd is process 1: a host of a rig with a root of its own, and in it namespaces of processes and control groups.

What of systemd would touch the kernel that all share (sysctl, udev, modules, mounts of the kernel's file systems) is masked, and /dev is
a private one with what GlusterFS needs. There is no way to the outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from deploy_machines import PREPARE_S, ROOT_SCRIPT
from waiting import until

from bench.namespaces import Host, Process, Rig

INIT = "/lib/systemd/systemd"
BOOT_S = 60.0
COMMAND_S = 120.0
HERE = "/root/here"
"""The folder in which all is typed."""
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "fuse", "kmsg")

# Arguments: the host's folder, a new control group, and "1" or "2", the version of its hierarchy. The rest is names of devices.
_BOOT_SCRIPT = r"""
set -e
root=$1/root group=$2 version=$3
shift 3
mkdir "$group"
echo $$ > "$group/cgroup.procs"
exec unshare --mount --cgroup --pid --fork --kill-child=KILL bash -c '
set -e
root=$0 version=$1
shift
mount --make-rprivate /
umount -R -l "$root/proc" "$root/sys" "$root/run" "$root/dev" "$root/bricks"
rmdir "$root/bricks"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$version" = 2 ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in "$@"; do [ ! -e "/dev/$node" ] || cp -a "/dev/$node" "$root/dev/$node"; done
cp -a "$LOOP" "$root/dev/sdb"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
for unit in systemd-sysctl.service systemd-modules-load.service systemd-random-seed.service systemd-update-utmp.service systemd-tmpfiles-setup.service \
    systemd-tmpfiles-setup-dev.service systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-journald-audit.socket sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount timers.target getty.target swap.target; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
printf "[Unit]\nDescription=nothing but what is started\nDefaultDependencies=no\n" > "$root/etc/systemd/system/quiet.target"
exec env -i container=rig PATH="$PATH" chroot "$root" /lib/systemd/systemd --system --unit=quiet.target --log-target=console
' "$root" "$version" "$@"
"""


class Said(NamedTuple):
    code: int
    out: str


class SystemdMachine:
    def __init__(self, host: Host, process: Process) -> None:
        self.host, self._process = host, process

    @property
    def pid(self) -> int:
        """Of systemd, from outside."""
        (child,) = Path(f"/proc/{self._process.inner_pid}/task/{self._process.inner_pid}/children").read_text().split()
        return int(child)

    def path(self, inside: str) -> Path:
        return Path(f"/proc/{self.pid}/root/{inside}")

    def type(self, command: str) -> Said:
        """A command for bash, as root types it there; its exit code and what it printed."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--net", "--pid", "--cgroup", "--root"]
        words = [*enter, "env", "-i", "-C", HERE, f"PATH={_PATH}", "HOME=/root", "NO_COLOR=1", "bash", "-c", command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_S)
        return Said(done.returncode, done.stdout + done.stderr)

    def done(self, command: str) -> str:
        said = self.type(command)
        assert said.code == 0, f"# {command}\n{said.out}"
        return said.out.strip()

    def booted(self) -> bool:
        assert self._process.poll() is None, self.log()
        with contextlib.suppress(ValueError):  # not forked yet
            return self.type("systemctl is-system-running").out.strip() in ("running", "degraded")
        return False

    def log(self) -> str:
        return (self.host.folder / "systemd.log").read_text()[-3000:]


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not() -> str:
    """Why systemd can't be process 1 of a machine here; "" when it can."""
    if not os.access(INIT, os.X_OK):
        return "systemd is not installed (Debian: systemd)"
    base, _ = _hierarchy()
    if base is None or not os.access(base, os.W_OK) or os.statvfs(base).f_flag & os.ST_RDONLY:
        return "control groups can't be made here"
    return ""


def _hierarchy() -> tuple[Path | None, str]:
    """Where systemd's control groups are, and the version."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.controllers").exists():
        return top, "2"
    return (top / "systemd", "1") if (top / "systemd").is_dir() else (None, "")


@contextlib.contextmanager
def systemd_machine(disk_bytes: int) -> Iterator[SystemdMachine]:
    """With an empty disk of that size, /dev/sdb."""
    base, version = _hierarchy()
    assert base is not None
    with Rig(1) as rig:
        host, group = rig.hosts[0], base / f"gd2-test-{os.getpid()}"
        host.run(["bash", "-c", ROOT_SCRIPT, "root", host.folder], timeout_s=PREPARE_S)
        host.run(["mkdir", "-p", f"{host.folder}/root{HERE}"])
        with _loop(host.folder / "disk", disk_bytes) as loop:
            words = ["bash", "-c", _BOOT_SCRIPT, "boot", host.folder, group, version, *DEVICES]
            process = host.popen(["env", f"LOOP={loop}", *words], log="systemd.log")
            try:
                machine = SystemdMachine(host, process)
                asyncio.run(until(machine.booted, "systemd is process 1", BOOT_S))
                yield machine
            finally:
                process.kill()
                process.wait(BOOT_S)
                asyncio.run(until(lambda: _emptied(group), "the control group is empty", BOOT_S))


@contextlib.contextmanager
def _loop(file: Path, size: int) -> Iterator[str]:
    with file.open("wb") as made:
        made.truncate(size)
    losetup = shutil.which("losetup") or "/usr/sbin/losetup"
    device = subprocess.run(
        [losetup, "--find", "--show", file], capture_output=True, text=True, check=True, timeout=PREPARE_S
    ).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run([losetup, "--detach", device], check=False, capture_output=True, timeout=PREPARE_S)


def _emptied(group: Path) -> bool:
    with contextlib.suppress(OSError):
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        group.rmdir()
    return not group.exists()
