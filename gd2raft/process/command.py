"""From a spec to a command line and its files, and back from a command line to what it serves.

Pure: no process is looked at here. A process is ours when its -p lies in our rundir, and it is *this* one
when -p is exactly its pid file; everything that adopts or kills rests on that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

import msgspec

from gd2raft.process.specs import BrickSpec, ServiceSpec

SOCKET_PATH_BYTES_MAX = 107
_NAME_BYTES_MAX = 180
_PORT = "\0"


class Places(msgspec.Struct, frozen=True):
    """Where files go. `short_rundir` holds the sockets when rundir is too long a name for one (108 bytes with its end)."""

    rundir: str
    logdir: str
    short_rundir: str

    def socket(self, key: str) -> str:
        name = f"{_digest(key, 16)}.socket"
        wanted = f"{self.rundir}/{name}"
        return wanted if len(wanted.encode()) <= SOCKET_PATH_BYTES_MAX else f"{self.short_rundir}/{name}"

    def owns(self, pid_file: str) -> bool:
        """Is this a pid file that `pid_file` could have made? Not those of a daemon whose rundir lies in ours."""
        folder, _, below = pid_file.partition(f"{self.rundir}/")
        return not folder and below.count("/") == 2 and below.endswith(".pid")

    def pid_file(self, spec: BrickSpec | ServiceSpec) -> str:
        """The digest keeps /a/b and /a-b apart: glusterfsd locks this file, so that there is one process for one of them."""
        if isinstance(spec, BrickSpec):
            return f"{self.rundir}/vols/{spec.volume}/{_file_name(spec.brick_path, always_digest=True)}.pid"
        kind, _, of = spec.name.partition("/")
        return f"{self.rundir}/{kind}/{_file_name(of)}/{_file_name(of)}-{kind}.pid"

    def log_file(self, spec: BrickSpec | ServiceSpec) -> str:
        if isinstance(spec, BrickSpec):
            return f"{self.logdir}/bricks/{_file_name(spec.brick_path)}.log"
        return f"{self.logdir}/{spec.log_file}"


class Launch(msgspec.Struct, frozen=True):
    """One process that should run: its files, its command line, and what of it may not change while it runs."""

    key: str
    program: str
    sign_in_name: str
    """The brick's name that it signs in with; empty: it doesn't."""
    bind_address: str
    pid_file: str
    socket: str
    log_file: str
    arguments: tuple[str, ...]
    """Without the program; `command_line` puts the port in where a NUL stands (no argument can hold one by itself)."""
    identity: tuple[str, ...]
    once: bool
    volfile_ids: tuple[str, ...] = ()
    """Of a brick: the one that it is started with, then those that it may run under as well."""

    def command_line(self, port: int) -> list[str]:
        return [text.replace(_PORT, str(port)) for text in self.arguments]


def launch_of(spec: BrickSpec | ServiceSpec, places: Places) -> Launch:
    return _brick(spec, places) if isinstance(spec, BrickSpec) else _service(spec, places)


def _brick(spec: BrickSpec, places: Places) -> Launch:
    server = f"{spec.volume}-server"
    bind = ("--xlator-option", f"{server}.transport.socket.bind-address={spec.bind_address}") if spec.bind_address else ()
    pid_file, socket, log_file = places.pid_file(spec), places.socket(spec.brick_path), places.log_file(spec)
    server_of = _server(spec.host, spec.port_of_daemon)
    arguments = (
        *server_of, "--volfile-id", spec.volfile_id, "-p", pid_file, "-S", socket, "--brick-name", spec.brick_path, "-l", log_file,
        "--xlator-option", f"*-posix.glusterd-uuid={spec.peer_id}", "--process-name", "brick", "--brick-port", _PORT,
        "--xlator-option", f"{server}.listen-port={_PORT}", *bind, *spec.extra, "-N",
    )  # fmt: skip
    identity = (*server_of, "-p", pid_file, spec.brick_path, spec.bind_address, spec.peer_id)
    return Launch(
        key=spec.brick_path,
        program="glusterfsd",
        sign_in_name=spec.brick_path,
        bind_address=spec.bind_address,
        pid_file=pid_file,
        socket=socket,
        log_file=log_file,
        arguments=arguments,
        identity=identity,
        volfile_ids=(spec.volfile_id, *spec.volfile_ids_before),
        once=False,
    )


def _service(spec: ServiceSpec, places: Places) -> Launch:
    pid_file, socket, log_file = places.pid_file(spec), places.socket(spec.name), places.log_file(spec)
    fixed = (*_server(spec.host, spec.port_of_daemon), "--volfile-id", spec.name, "-p", pid_file)
    signs_in = ("--brick-name", spec.brick_name, "--brick-port", _PORT) if spec.brick_name else ()
    options = tuple(word for option in spec.xlator_options for word in ("--xlator-option", option.replace("{port}", _PORT)))
    client_pid = (f"--client-pid={spec.client_pid}",) if spec.client_pid else ()
    arguments = (
        *fixed,
        "-S",
        socket,
        "-l",
        log_file,
        *signs_in,
        *options,
        "--process-name",
        spec.process_name,
        *client_pid,
        *spec.extra,
        "-N",
    )
    return Launch(
        key=spec.name,
        program=spec.program,
        sign_in_name=spec.brick_name,
        bind_address=spec.bind_address,
        pid_file=pid_file,
        socket=socket,
        log_file=log_file,
        arguments=arguments,
        identity=arguments,
        once=spec.once,
    )


class CommandLine(msgspec.Struct, frozen=True):
    """What a running glusterfs or glusterfsd says of itself, from /proc/<pid>/cmdline."""

    pid_file: str = ""
    socket: str = ""
    volfile_id: str = ""
    brick_name: str = ""
    log_file: str = ""
    port: int = 0
    words: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """As in the specs: a brick's path, else the service's name."""
        return self.brick_name if self.brick_name.startswith("/") else self.volfile_id

    def is_as(self, launch: Launch) -> bool:
        """Would a restart change what it serves, to whom, or from where?"""
        if launch.identity == launch.arguments:
            return self.words[1:] == tuple(launch.command_line(self.port))
        return self.volfile_id in launch.volfile_ids and self.identity_words() == launch.identity

    def identity_words(self) -> tuple[str, ...]:
        """The words that a brick's Launch.identity is made of, in its order."""
        host = ("-s", _after(self.words, "-s"), "--volfile-server-port", _after(self.words, "--volfile-server-port") or "24007")
        served = ("-p", self.pid_file, self.brick_name)
        return (*host, *served, _option(self.words, ".transport.socket.bind-address="), _option(self.words, "*-posix.glusterd-uuid="))


def parse_command_line(words: Sequence[str]) -> CommandLine | None:
    """None when it isn't a glusterfs or glusterfsd.

    >>> parse_command_line(["/usr/sbin/glusterfsd", "-p", "/run/gd2raft/vols/v/b1.pid", "--brick-port", "50000"]).port
    50000
    """
    if not words or PurePosixPath(words[0]).name not in ("glusterfs", "glusterfsd"):
        return None
    port = _after(words, "--brick-port")
    return CommandLine(
        _after(words, "-p"),
        _after(words, "-S"),
        _after(words, "--volfile-id"),
        _after(words, "--brick-name"),
        _after(words, "-l"),
        int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0,
        tuple(words),
    )


def _server(host: str, port: int) -> tuple[str, ...]:
    return ("-s", host, "--volfile-server-port", str(port))


def _after(words: Sequence[str], flag: str) -> str:
    try:
        return words[words.index(flag) + 1]
    except (ValueError, IndexError):
        return ""


def _option(words: Sequence[str], part: str) -> str:
    """The value of the --xlator-option whose text has this part."""
    for flag, text in pairwise(words):
        if flag == "--xlator-option" and part in text:
            return text.partition(part)[2]
    return ""


def _file_name(path: str, *, always_digest: bool = False) -> str:
    """A path as one file name: /bricks/v/b1 -> bricks-v-b1[-<digest>]; a long one is cut, and the digest keeps it apart."""
    name = path.strip("/").replace("/", "-")
    short = name.encode()[:_NAME_BYTES_MAX].decode(errors="ignore")
    return f"{short}-{_digest(path, 8)}" if always_digest or short != name else name


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
