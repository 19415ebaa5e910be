"""A rig of machines that are network namespaces on one bridge: what a pool of peers needs of a machine, on one kernel.

    with Rig(3) as rig:
        daemon = rig.hosts[0].popen(["glusterd", "-N"])
        rig.hosts[0].run(["gluster", "peer", "probe", rig.hosts[1].address])

A host has its own network (one address), mounts (/run is an empty tmpfs; /var/lib/glusterd, /var/log/glusterfs (where they exist) and
/etc/hosts are its own), process ids and host name. The rest of the file system is shared, so `host.folder` is the same path inside and out.

Nothing is left behind, whatever happens: the namespaces have no names (they live as long as their process 1), and process 1 of
each ends when the pipe to this process closes, which even `kill -9` of this process does (then only the folder stays). Several
rigs never meet: each has its own bridge in its own namespace, so all of them can use the same addresses.

This file must not know GlusterFS's protocols nor our daemon.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

NETWORK = "10.77"  # of every rig; a host is 10.77.<i // 250>.<i % 250 + 1>
PREFIX_BITS = 16
HOSTS_MAX = 250 * 250
SETUP_DEADLINE_S = 20.0
END_DEADLINE_S = 10.0
POLL_S = 0.01
CLONE_NEWNET = 0x40000000
TCP_LISTEN = "0A"  # a socket's state in /proc/net/tcp

_UNSHARE = ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]

# Process 1 of a host. bash, because process 1 must reap what is re-parented to it (daemons fork twice); `read` waits for the
# pipe to close. Arguments: folder, name, address with prefix length.
_HOST_SCRIPT = """
set -e
folder=$1 name=$2 address=$3
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/gluster
for pair in lib:/var/lib/glusterd log:/var/log/glusterfs; do
  [ -d "${pair#*:}" ] || continue
  mkdir -p "$folder/${pair%%:*}"
  mount --bind "$folder/${pair%%:*}" "${pair#*:}"
done
mount --bind "$folder/hosts" /etc/hosts
hostname "$name"
ip link set lo up
echo ready
read -r go || exit 0
ip address add "$address" dev eth0
ip link set eth0 up
echo up
while read -r _; do :; done
"""
# A TCP segment without payload has 52 bytes with its IP header, with SACK up to 80.
_COUNTED = """table ip sent {
  chain out {
    type filter hook output priority 0;
    oifname "eth0" ip protocol tcp meta length > 84 counter
  }
}"""
_SWITCH_SCRIPT = """
ip link add br0 type bridge
ip link set br0 up
echo ready
while read -r _; do :; done
"""


class RigError(RuntimeError):
    """The world did not let us build or use the rig: not root, a missing tool, a deadline. The text says which."""


def why_not() -> str | None:
    """Why a rig can't be built here, as one line for a person; None when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "unshare", "nsenter", "bash") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (Debian: apt-get install iproute2 util-linux bash)" if missing else None


class Process(subprocess.Popen[bytes]):
    """A process inside a host. `pid` is that of nsenter outside; `inner_pid` is the process itself, as seen from outside.

    Signals go to the process itself; its exit status comes back as usual.
    """

    _inner: int | None = None

    @property
    def inner_pid(self) -> int:
        """Raises RigError when the process has ended before it could be found."""
        if self._inner is None:
            self._inner = _only_child(self)
        return self._inner

    def send_signal(self, sig: int) -> None:
        if self.poll() is not None:
            return
        try:
            pid = self.inner_pid
        except RigError:
            if self.poll() is None:
                raise
            return  # it ended by itself
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)
        if sig == signal.SIGSTOP:  # nsenter stops itself when its child stops
            self._wait_until_stopped()
        if sig in (signal.SIGCONT, signal.SIGKILL):  # a stopped nsenter would not tell of the end
            super().send_signal(signal.SIGCONT)

    def _wait_until_stopped(self) -> None:
        """Of nsenter: only then a later SIGCONT can't come too early for it."""
        deadline = time.monotonic() + END_DEADLINE_S
        while time.monotonic() < deadline and self.poll() is None:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                    return
            time.sleep(POLL_S)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Space:
    """A set of namespaces held by its process 1. Lives until close(), or until this process is gone."""

    def __init__(self, flags: Sequence[str], script: str, *arguments: str) -> None:
        self._holder = subprocess.Popen(
            [*flags, "bash", "-c", script, "rig", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; we end it
        )
        self.pid = 0

    def wait_for(self, word: str) -> None:
        assert self._holder.stdout and self._holder.stderr
        timer = threading.Timer(SETUP_DEADLINE_S, self._holder.kill)
        timer.start()
        line = self._holder.stdout.readline().decode().strip()
        timer.cancel()
        if line != word:
            self._holder.kill()
            raise RigError(f"rig: a namespace did not come up: {self._holder.stderr.read().decode().strip() or 'no output'}")
        if not self.pid:
            self.pid = _only_child(self._holder)

    def say(self, word: str) -> None:
        assert self._holder.stdin
        self._holder.stdin.write(word.encode() + b"\n")
        self._holder.stdin.flush()

    def close_begin(self) -> None:
        """The kernel ends everything in a pid namespace when its process 1 ends."""
        if self._holder.stdin:
            with contextlib.suppress(OSError):
                self._holder.stdin.close()

    def close(self) -> None:
        self.close_begin()
        try:
            self._holder.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid or self._holder.pid, signal.SIGKILL)
            self._holder.wait(END_DEADLINE_S)
        for pipe in (self._holder.stdout, self._holder.stderr):
            if pipe:
                pipe.close()


class Host(_Space):
    """One machine of a rig. Made by Rig."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.name = f"peer{number}"
        self.address = address_of(number)
        self.folder = folder
        folder.mkdir()
        (folder / "bricks").mkdir()
        (folder / "hosts").write_text("")
        super().__init__(_UNSHARE, _HOST_SCRIPT, str(folder), self.name, f"{self.address}/{PREFIX_BITS}")

    def popen(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        log: str | Path | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        env: dict[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> Process:
        """Start `command` inside. Output goes to `<folder>/<log>` (by default the program's name + `.log`) unless told otherwise:
        never to our own pipes by accident, since a brick would inherit them and hold them open.
        """
        path = self.folder / (log or f"{Path(os.fspath(command[0])).name}.log")
        with open(path, "ab") as sink:
            out = sink if stdout is None else stdout
            return Process(
                [*self._enter(), *(f"--wd={cwd}" for _ in [0] if cwd), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=stderr if stderr is not None else sink,
                env=env,
                start_new_session=True,
            )

    def run(
        self, command: Sequence[str | os.PathLike[str]], *, timeout_s: float = 60.0, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` inside to its end; output as text. Output goes through files, so that a daemon which the command leaves
        behind can't hold us. Raises RigError on a non-zero exit (check) and at the deadline.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.popen(command, stdout=out, stderr=err)
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise RigError(f"{self.name}: {_words(command)}: not done within {timeout_s:g} s") from None
            texts = [_text_of(out), _text_of(err)]
        if check and code:
            raise RigError(f"{self.name}: {_words(command)}: exit {code}: {(texts[1] or texts[0]).strip()[-400:]}")
        return subprocess.CompletedProcess(list(command), code, *texts)

    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--pid"]

    def move_to(self, address: str) -> None:
        """The machine gets another address instead of the one that it has, and tells its neighbours so."""
        moved = f"ip address flush dev eth0 && ip address add {address}/{PREFIX_BITS} dev eth0"
        self.run(["sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify && {moved}"])
        self.address = address

    def path(self, inside: str) -> Path:
        """Where a path of the host's private mounts (/run, ...) is found from outside. Links on the way to them (/var/run) are followed
        here: the kernel would follow an absolute one from our own root.
        """
        return Path(f"/proc/{self.pid}/root") / os.path.realpath(inside).lstrip("/")

    def network(self) -> contextlib.AbstractContextManager[None]:
        """This thread (no other) is in the host's network meanwhile."""
        return _network_of(self.pid)

    def new_socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket of our own process that lives in the host's network: it can be bound or connected there."""
        with self.network():
            return socket.socket(family, kind)

    def connect(self, port: int, address: str = "", timeout_s: float = 10.0) -> socket.socket:
        """A TCP connection made inside, by default to the host itself. Raises OSError as connect(2) does."""
        sock = self.new_socket()
        try:
            sock.settimeout(timeout_s)
            sock.connect((address or self.address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def processes(self) -> dict[int, list[str]]:
        """{pid inside: argv} of every process inside, zombies and kernel helpers left out."""
        found = {}
        for entry in self.path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    if line:
                        found[int(entry.name)] = line.decode(errors="replace").rstrip("\0").split("\0")
        return found

    def count_sent(self) -> None:
        """From now on packets that leave by the cable and carry something are counted: not acknowledgements, and what keeps connections alive."""
        self.run(["nft", _COUNTED])

    def sent(self) -> tuple[int, int]:
        """(packets, bytes) since count_sent(). What the kernel hands over in one piece counts as one packet (a veth takes 64 KiB)."""
        command = [*self._enter()[:2], "--net", "nft", "list", "table", "ip", "sent"]
        words = subprocess.run(command, capture_output=True, text=True, timeout=SETUP_DEADLINE_S, check=True).stdout.split()
        return int(words[words.index("packets") + 1]), int(words[words.index("bytes") + 1])

    def listening(self) -> set[int]:
        """TCP ports (IPv4) that something inside listens on."""
        rows = [line.split() for line in Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]]
        return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == TCP_LISTEN}


class Rig:
    """`size` hosts on one bridge. A context manager; `folder` (made when absent) holds everything the hosts write.

    keep: leave the folder when done, to look at logs. Raises RigError when it can't be built.
    """

    def __init__(self, size: int, *, folder: str | Path | None = None, keep: bool = False) -> None:
        if not 1 <= size <= HOSTS_MAX:
            raise ValueError(f"a rig has 1 to {HOSTS_MAX} hosts, not {size}")
        self.size, self.keep, self._wanted = size, keep, folder
        self.hosts: list[Host] = []
        self._switch: _Space | None = None
        self.folder = Path()

    def __enter__(self) -> Rig:
        if reason := why_not():
            raise RigError(f"rig: {reason}")
        self.folder = Path(tempfile.mkdtemp(prefix="gd2-rig-", dir=self._wanted))
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _build(self) -> None:
        self._switch = _Space(["unshare", "--net", "--pid", "--fork", "--kill-child"], _SWITCH_SCRIPT)
        for number in range(1, self.size + 1):
            self.hosts.append(Host(number, self.folder / f"peer{number}"))
        names = "127.0.0.1 localhost\n" + "".join(f"{host.address} {host.name}\n" for host in self.hosts)
        self._switch.wait_for("ready")
        for host in self.hosts:
            (host.folder / "hosts").write_text(names)
            host.wait_for("ready")
        self._plug()
        for host in self.hosts:
            host.say("go")
        for host in self.hosts:
            host.wait_for("up")

    def _plug(self) -> None:
        lines = []
        for host in self.hosts:
            lines.append(f"link add p{host.number} type veth peer name eth0 netns {host.pid}")
            lines.append(f"link set p{host.number} master br0 up")
        self._ip(lines)

    def _ip(self, lines: Sequence[str]) -> None:
        assert self._switch
        command = ["nsenter", f"--target={self._switch.pid}", "--net", "ip", "-batch", "-"]
        done = subprocess.run(command, input="\n".join(lines), text=True, capture_output=True, timeout=SETUP_DEADLINE_S)
        if done.returncode:
            raise RigError(f"rig: ip: {done.stderr.strip()[-400:]}")

    def unplug(self, host: Host) -> None:
        """Cut the host off from the others, as if its cable were pulled; it still reaches itself."""
        self._ip([f"link set p{host.number} down"])

    def plug(self, host: Host) -> None:
        self._ip([f"link set p{host.number} up"])

    def close(self) -> None:
        """End everything inside. Safe to call twice, and after a failed start."""
        spaces: list[_Space] = [*self.hosts, *([self._switch] if self._switch else [])]
        for space in spaces:
            space.close_begin()
        for space in spaces:
            space.close()
        self.hosts, self._switch = [], None
        if not self.keep and self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)


def address_of(number: int) -> str:
    """The address of host `number` (from 1).

    >>> address_of(1), address_of(251)
    ('10.77.0.1', '10.77.1.1')
    """
    return f"{NETWORK}.{(number - 1) // 250}.{(number - 1) % 250 + 1}"


@contextlib.contextmanager
def _network_of(pid: int) -> Iterator[None]:
    """This thread (no other) is in the network namespace of `pid` meanwhile. setns(2); Python has it only from 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(fd: int) -> None:
        if libc.setns(fd, CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, f"setns: {os.strerror(number)}")

    with open("/proc/thread-self/ns/net") as home, open(f"/proc/{pid}/ns/net") as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def _only_child(parent: subprocess.Popen[bytes]) -> int:
    """The pid of the one child of `parent`, waiting for it to be forked. RigError when the parent ends first."""
    deadline = time.monotonic() + SETUP_DEADLINE_S
    path = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if children := path.read_text().split():
                return int(children[0])
        if parent.poll() is not None:
            raise RigError(f"rig: {_words(parent.args)}: ended with {parent.returncode}")
        time.sleep(POLL_S)
    raise RigError(f"rig: {_words(parent.args)}: no process within {SETUP_DEADLINE_S:g} s")


def _words(command: object) -> str:
    return " ".join(os.fspath(word) for word in command) if isinstance(command, list | tuple) else str(command)


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
