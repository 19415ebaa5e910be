"""The opponent: a pool of real glusterds, each in its own namespace, set up from the installed Debian package."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.glusterd_rpc import Glusterd, GlusterdBroken, GlusterdRefused
from bench.namespaces import Host, Process, Rig
from bench.sides import READY_DEADLINE_S, Brick, NotDone, wait_for

SOCKET = "/run/glusterd.socket"
INSTALLED_STATE = Path("/var/lib/glusterd")
AS_INSTALLED = ("groups", "hooks")  # what the package puts there; never this machine's own volumes or identity
STATES = {"0": "Created", "1": "Started", "2": "Stopped"}
START_S = 3.0  # of a processor, for one (it runs gsyncd 25 times), with something beside
NO_SUCH_VOLUME = 30806  # op_errno EG_NOVOL


def why_not() -> str | None:
    if shutil.which("glusterd") is None:
        return "glusterd is not installed (Debian: apt-get install glusterfs-server)"
    return None


def version() -> str:
    words = subprocess.run(["glusterd", "--version"], capture_output=True, text=True, timeout=10).stdout.split()
    return words[1] if len(words) > 1 else "unknown"


class RealGlusterd:
    """`size` glusterds in one pool; commands go to the first over its own unix socket."""

    def __init__(self, size: int, folder: str | Path | None = None, *, hooks: bool = True, joined: bool = True) -> None:
        """`hooks`: whether it has its hook scripts (several processes a peer for each command). `joined`: into one pool; else by join()."""
        self.label = f"glusterd {version()}"
        self._installed = [name for name in AS_INSTALLED if hooks or name != "hooks"]
        self.hosts: list[Host] = []
        self._size, self._folder, self._joined = size, folder, joined
        self._stack = contextlib.ExitStack()
        self._peers: list[Glusterd] = []
        self._processes: list[Process] = []

    def __enter__(self) -> RealGlusterd:
        with contextlib.ExitStack() as stack:
            self.hosts = stack.enter_context(Rig(self._size, folder=self._folder)).hosts[:]
            for host in self.hosts:
                for name in self._installed:
                    if (INSTALLED_STATE / name).is_dir():
                        shutil.copytree(INSTALLED_STATE / name, host.folder / "lib" / name, symlinks=True)
            self._processes = [host.popen(["glusterd", "--no-daemon"]) for host in self.hosts]
            stack.callback(self._disconnect)
            self._connect()
            if self._joined:
                self.join(range(1, self._size))
                self.until_whole(self._size)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def connection(self) -> Glusterd:
        """To the first peer."""
        return self._peers[0]

    def revive(self) -> list[str]:
        """Start those that have died again, and connect anew: what was found. A glusterd of 10.3 dies now and then (a race of its own)."""
        found = []
        self._disconnect()
        for number, (host, process) in enumerate(zip(self.hosts, self._processes, strict=True)):
            if (code := process.poll()) is not None:
                found.append(f"glusterd on {host.name} had ended with {code}")
                self._processes[number] = host.popen(["glusterd", "--no-daemon"])
        self._connect()
        self.until_whole(self._size)
        return found or ["glusterd closed the connection, but runs"]

    def join(self, numbers: Iterable[int]) -> None:
        """Each probed by the first (0), one after the other. What the others hear of it comes later: until_whole()."""
        for number in numbers:
            self._peers[0].probe(self.hosts[number].address)

    def until_whole(self, size: int, seconds: float = READY_DEADLINE_S) -> float:
        """Until each of the first `size` sees the others, connected: seconds."""
        first = self._peers[:size]
        return wait_for("every glusterd sees the others", lambda: all(_sees(peer, size - 1) for peer in first), seconds, every=0.05)

    @property
    def pids(self) -> list[int]:
        """Of the glusterds, seen from outside."""
        return [process.inner_pid for process in self._processes]

    def _connect(self) -> None:
        """They start at once, so each takes longer where there are many."""
        self._peers = []
        for host in self.hosts:
            self._peers.append(_connected(host, READY_DEADLINE_S + START_S * self._size))

    def _disconnect(self) -> None:
        for peer in self._peers:
            peer.close()

    def create(self, volume: str, bricks: list[Brick]) -> None:
        self._peers[0].create_replicated(volume, [f"{brick.host.address}:{brick.path}" for brick in bricks])

    def start(self, volume: str) -> None:
        self._peers[0].start(volume)

    def set(self, volume: str, key: str, value: str) -> None:
        self._peers[0].set(volume, key, value)

    def info(self, volume: str) -> object:
        return self._peers[0].info(volume)

    def seen(self, volume: str, via: int) -> tuple[str, dict[str, str]] | None:
        try:
            info = self._peers[via].info(volume)
        except GlusterdRefused as error:
            if error.code == NO_SUCH_VOLUME:
                return None
            raise
        options = {key.removeprefix("option."): value for key, value in info.items() if key.startswith("option.")}
        return STATES[info["status"]], options

    def unmount_quota(self, volume: str) -> None:
        """What `gluster` does after a quota list: glusterd has mounted the volume for it, and leaves it so."""
        self.hosts[0].run(["umount", f"/run/gluster/{volume}_quota_list"])

    def stop(self, volume: str) -> None:
        self._peers[0].stop(volume)

    def delete(self, volume: str) -> None:
        self._peers[0].delete(volume)


def _connected(host: Host, seconds: float) -> Glusterd:
    """glusterd listens before it serves: a first answer says that it is up."""
    found: list[Glusterd] = []

    def answers() -> bool:
        with contextlib.suppress(GlusterdBroken):
            found.append(Glusterd(host.path(SOCKET)))
            found[-1].peers()
            return True
        return False

    try:
        wait_for(f"glusterd on {host.name} answers", answers, seconds, every=0.1)
    except NotDone as error:
        log = host.folder / "log" / "glusterd.log"
        raise NotDone(f"{error}; it says: {log.read_text()[-600:] if log.exists() else 'nothing'}") from None
    return found[-1]


def _sees(peer: Glusterd, others: int) -> bool:
    states = [(entry["connected"], entry["state"]) for entry in peer.peers()]
    return states == [("1", "Peer in Cluster")] * others
