"""What /proc says about glusterfs and glusterfsd processes. Knows nothing of specs; reads only, and never raises for one that is gone.

Everything here blocks (shortly): call it in a thread where it looks at more than one process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gd2raft.process.command import CommandLine, parse_command_line

_CMDLINE_BYTES_MAX = 1 << 17
_PID_FILE_BYTES_MAX = 32
_LISTENING = "0A"
_START_TIME_FIELD = 19  # of what follows the name in /proc/<pid>/stat: field 22 in proc(5)


def command_line_of(pid: int) -> CommandLine | None:
    """None when there is no such process, it is a zombie, or it isn't a glusterfs or glusterfsd of our user.

    Anybody can start a program under such a name and with our paths, and would be given a brick's clients.
    """
    try:
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return None
    except OSError:
        return None
    data = _read(f"/proc/{pid}/cmdline", _CMDLINE_BYTES_MAX)
    return parse_command_line([os.fsdecode(word) for word in data.split(b"\0")[:-1]]) if data else None


def running() -> Iterator[tuple[int, CommandLine]]:
    """Every glusterfs and glusterfsd of our user, of whichever daemon."""
    for name in os.listdir("/proc"):
        if name.isascii() and name.isdigit() and (line := command_line_of(int(name))):
            yield int(name), line


def pids_where(fits: Callable[[CommandLine], bool]) -> Iterator[int]:
    """Those with a fitting command line."""
    return (pid for pid, line in running() if fits(line))


def bricks() -> Iterator[tuple[int, CommandLine]]:
    """Those that serve a brick."""
    return ((pid, line) for pid, line in running() if line.brick_name.startswith("/"))


def pids_of_pid_file(pid_file: str) -> list[int]:
    """Who runs with exactly this pid file, whatever the file says: it may be missing, garbage, or name a stranger."""
    claimed = read_pid_file(pid_file)
    if claimed and (line := command_line_of(claimed)) and line.pid_file == pid_file:
        return [claimed]
    return list(pids_where(lambda line: line.pid_file == pid_file))


def read_pid_file(path: str) -> int:
    """0 when it is missing or holds anything but a pid."""
    text = _read(path, _PID_FILE_BYTES_MAX).strip()
    return int(text) if text.isdigit() and len(text) <= 10 else 0


def started_at(pid: int) -> float:
    """Seconds since 1970, 0 when it is gone. The name in stat may hold anything, also a bracket: cut at the last one."""
    fields = _read(f"/proc/{pid}/stat", 4096).rpartition(b")")[2].split()
    boot = next((line.split()[1] for line in _read("/proc/stat", 1 << 20).splitlines() if line.startswith(b"btime ")), b"")
    return int(boot) + int(fields[_START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK") if boot and len(fields) > _START_TIME_FIELD else 0.0


def listens(pid: int, port: int) -> bool:
    """Does this process listen on this TCP port, on any address?"""
    return bool(inodes := _listening_inodes(pid, port)) and any(inode in inodes for inode in _socket_inodes(pid))


def _listening_inodes(pid: int, port: int) -> set[bytes]:
    rows: Iterable[list[bytes]] = (
        line.split() for table in ("tcp", "tcp6") for line in _read(f"/proc/{pid}/net/{table}", 1 << 26).splitlines()[1:]
    )
    wanted = f"{port:04X}".encode()
    return {row[9] for row in rows if len(row) > 9 and row[3] == _LISTENING.encode() and row[1].rpartition(b":")[2] == wanted}


def _socket_inodes(pid: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(path.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1].encode()


def _read(path: str, bytes_max: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(bytes_max)
    except OSError:
        return b""
