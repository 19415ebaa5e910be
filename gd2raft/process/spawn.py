"""Starts one glusterfsd or glusterfs, unless one already runs for the same pid file: that one is taken over instead.

Blocks: runs in a thread. Knows command lines and files, not why they are wanted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Collection
from pathlib import Path

import msgspec

from gd2raft.process import logtail, procfs
from gd2raft.process.command import SOCKET_PATH_BYTES_MAX, CommandLine, Launch, Places, parse_command_line
from gd2raft.process.handle import open_verified
from gd2raft.process.ports import choose_port
from gd2raft.process.specs import Refusal

GLUSTER_RUN = "/var/run/gluster"
"""Compiled into GlusterFS: a brick doesn't start when it can't make its changelog's socket in there, nor quotad its own (seen with 10.3)."""
_SYSTEM_PATH = "/usr/sbin:/usr/local/sbin"
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)  # Python ignores the first two
_PACKAGE = {"glusterfsd": "glusterfs-server", "glusterfs": "glusterfs-client"}


class PortRange(msgspec.Struct, frozen=True):
    low: int
    high: int


class Spawned(msgspec.Struct, frozen=True):
    """A process held by its pidfd. `adopted`: it was there already."""

    pid: int
    pidfd: int
    line: CommandLine
    log_offset: int
    adopted: bool = False


def spawn(launch: Launch, places: Places, preferred_port: int, taken: Collection[int], ports: PortRange) -> Spawned:
    """Raises Refusal, or OSError of the file system or of the exec."""
    if (running := find_running(launch, places)) is not None:
        return running
    program = _find_program(launch.program)
    _make_folders(launch, places)
    port = choose_port(launch.bind_address, preferred_port, taken, ports.low, ports.high) if launch.sign_in_name else 0
    words = [program, *launch.command_line(port)]
    offset = logtail.size_of(launch.log_file)
    pid = _execute(words)
    line = parse_command_line(words)
    assert line is not None
    return Spawned(pid, os.pidfd_open(pid), line, offset)  # our child: it can't be reaped, nor its pid reused, before we hold it


def find_running(launch: Launch, places: Places) -> Spawned | None:
    """The process that a daemon before us started, or that we started and lost sight of."""
    for pid in procfs.pids_of_pid_file(launch.pid_file):
        if (held := open_verified(pid, lambda line: line.pid_file == launch.pid_file)) is not None:
            return adopted(pid, *held)
    return None


def adopted(pid: int, pidfd: int, line: CommandLine) -> Spawned:
    """A verified process that was there already; its errors are those that it writes from now on."""
    return Spawned(pid, pidfd, line, logtail.size_of(line.log_file), adopted=True)


def forget_files(line: CommandLine) -> None:
    """Removes what a killed process left behind. A process that ends by itself removes its own."""
    for path in (line.pid_file, line.socket):
        if path:
            Path(path).unlink(missing_ok=True)


def _execute(words: list[str]) -> int:
    """In a session of its own, so that no signal for the daemon's group reaches it; without the daemon's files."""
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    try:
        return os.posix_spawn(words[0], words, os.environ, file_actions=null, setsid=True, setsigmask=(), setsigdef=_SIGNALS)
    except ValueError as error:
        raise Refusal(f"a name has a NUL byte: {error}", "no path of a file system holds one") from error


def _find_program(name: str) -> str:
    if found := shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"):
        return found
    raise Refusal(f"{name} is not in PATH nor in {_SYSTEM_PATH}", f"install GlusterFS (Debian: apt install {_PACKAGE[name]})")


def _make_folders(launch: Launch, places: Places) -> None:
    for path in (launch.pid_file, launch.log_file):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # without root nothing of this is tried
        Path(GLUSTER_RUN).mkdir(parents=True, exist_ok=True)
    if len(launch.socket.encode()) > SOCKET_PATH_BYTES_MAX:
        raise Refusal(f"the name of the socket {launch.socket} is longer than {SOCKET_PATH_BYTES_MAX} bytes", "choose a shorter rundir")
    folder = Path(launch.socket).parent
    if str(folder) == places.short_rundir:
        _own_folder(folder)


def _own_folder(folder: Path) -> None:
    """Its name can be guessed: somebody else's folder, or a link, must not get our sockets."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise Refusal(f"{folder}, where sockets go because rundir is too long a name, belongs to somebody else", "choose a shorter rundir")
