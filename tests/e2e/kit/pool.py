"""Several peers, their volumes and mounts; what must hold of all of them; and a teardown that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .machine import SETTINGS, USUAL, Machine
from .peer import Answer, Peer
from .waiting import until

OPEN: list[Pool] = []
"""Pools of this test process, so that a failed test can show their logs."""
VOLUME_ID = "trusted.glusterfs.volume-id"


class Mount:
    """A volume mounted on the machine of `peer`. `path`: where the test sees it."""

    def __init__(self, peer: Peer, volume: str, target: Path) -> None:
        self.peer, self.volume, self.target = peer, volume, target
        self.path = peer.machine.seen(target)
        self.log = target.with_suffix(".log")

    def attach(self) -> Mount:
        self.target.mkdir(parents=True)
        source = f"{self.peer.address}:/{self.volume}"
        done = self.peer.machine.run(["mount", "-t", "glusterfs", "-o", f"log-file={self.log}", source, str(self.target)])
        assert done.returncode == 0, f"mount of {source}: {done.stderr or done.stdout}; {self.log_tail()}"
        return self

    def detach(self) -> None:
        self.peer.machine.run(["umount", "-l", str(self.target)])

    def xlators(self) -> set[str]:
        """Names in the graph that the client uses at the moment."""
        active = self.path / ".meta" / "graphs" / "active"
        return {name for _, folders, _ in os.walk(active) for name in folders}

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else "(no log)"

    def complaints(self) -> str:
        """What the client warned of, the last of it; without the graphs, which fill the rest of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else "(no log)"
        return "\n".join(line for line in text.splitlines() if "] W [" in line or "] E [" in line or " C [" in line)[-6000:]


class Pool:
    """`machines` with a daemon each, not started yet, and `spare` ones in the same network for what else the test needs."""

    def __init__(self, machines: Sequence[Machine], spare: Sequence[Machine] = ()) -> None:
        self.peers = [Peer(machine) for machine in machines]
        self.spare = spare
        self.mounts: list[Mount] = []

    def __getitem__(self, number: int) -> Peer:
        return self.peers[number]

    # forming

    def start(self) -> Pool:
        for peer in self.peers:
            peer.start()
        for peer in self.peers:
            peer.ready()
        return self

    def form(self, size: int = 0) -> Pool:
        """The first peer probes the others; done when the voters vote and everyone sees everyone."""
        members = self.peers[: size or len(self.peers)]
        for peer in members[1:]:
            self[0].must("POST", "/v1/peers", {"addresses": [peer.address]})
        self.whole(members)
        return self

    def whole(self, members: Sequence[Peer] = ()) -> None:
        """Wait until all members are online, as each of them sees it, and as many vote as should."""
        members = members or self.peers
        voters = 1 if len(members) < 3 else 3 if len(members) < 7 else 5
        for peer in members:
            until(lambda peer=peer: is_whole(peer, len(members), voters), f"{peer} sees {len(members)} peers online and {voters} voters")

    def leader(self, members: Sequence[Peer] = ()) -> Peer:
        """The peer that leads, as some member with a quorum sees it."""

        def found() -> Peer | None:
            for peer in members or self.peers:
                if peer.alive and not peer.cut_off and (status := peer.status)["quorum"] and status["leader"]:
                    return next(p for p in self.peers if p.alive and p.id == status["leader"])
            return None

        leader = until(found, "the pool has a leader")
        assert leader is not None
        return leader

    # volumes

    def create(self, name: str, *, peers: Sequence[int] = (), by: int = 0, **words: object) -> Answer:
        """POST /v1/volumes, asked of peer `by`: one brick folder `name` on each of `peers` (default: all), and glusterd's words."""
        bricks = [self[p].brick(name if i < len(self.peers) else f"{name}-{i}") for i, p in enumerate(peers or range(len(self.peers)))]
        body = {"name": name, "force": True, "bricks": bricks} | {word.replace("_", "-"): value for word, value in words.items()}
        return self[by].call("POST", "/v1/volumes", body)

    def made(self, name: str, *, peers: Sequence[int] = (), by: int = 0, started: bool = True, **words: object) -> dict[str, Any]:
        """A volume that must come to be."""
        answer = self.create(name, peers=peers, by=by, **words)
        assert answer.status == 201, answer.message
        if started:
            self[by].must("POST", f"/v1/volumes/{name}/start")
        volume: dict[str, Any] = answer.body
        return volume

    def brick_status(self, volume: str, by: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self[by].get(f"/v1/volumes/{volume}/bricks")
        return found

    def online(self, volume: str, by: int = 0) -> dict[str, int]:
        """Wait until every brick is online; {ADDRESS:/path: pid on its machine}."""

        def pids() -> dict[str, int] | None:
            bricks = self.brick_status(volume, by)
            if not all(b["online"] and b["pid"] for b in bricks):
                return None
            return {f"{b['info']['host']}:{b['info']['path']}": b["pid"] for b in bricks}

        found = until(pids, f"all bricks of {volume} are online")
        assert found is not None
        return found

    def remove(self, name: str, by: int = 0) -> None:
        """Stop and delete, whatever state it is in."""
        peer = self[by]
        if (volume := peer.volumes().get(name)) is not None:
            if volume["state"] == "Started":
                peer.must("POST", f"/v1/volumes/{name}/stop")
            peer.must("DELETE", f"/v1/volumes/{name}")

    def mount(self, volume: str, peer: int = 0) -> Mount:
        mount = Mount(self[peer], volume, self[peer].folder / "mounts" / f"{volume}-{len(self.mounts)}")
        self.mounts.append(mount)
        return mount.attach()

    # what must hold

    def settled(self, members: Sequence[Peer] = (), seconds: float = 60.0) -> dict[str, dict[str, Any]]:
        """Wait until no lock or transaction is left and all members have the same revision and volumes; these volumes."""
        members = members or self.peers
        return until(lambda: same_state(members), "all peers have the same state, without locks and transactions", seconds)[0]

    def close(self) -> None:
        """Everything that was started ends; AssertionError when something stays."""
        for mount in self.mounts:
            with contextlib.suppress(Exception):
                mount.detach()
        for peer in self.peers:
            with contextlib.suppress(AssertionError):
                peer.kill()
        until(self._nothing_runs, "all bricks and clients have ended", 20)
        self._unmount_bricks()
        mounted = [line for line in Path("/proc/self/mounts").read_text().splitlines() if f" {self[0].folder.parent}/" in line]
        assert not mounted, f"still mounted: {mounted}"

    def _unmount_bricks(self) -> None:
        """Those on devices: they outlive a daemon, and a test that failed."""
        for peer in self.peers:
            for mount in peer.machine.seen(peer.state / "mounts").glob("*"):
                peer.machine.run(["umount", str(peer.state / "mounts" / mount.name)])

    def _nothing_runs(self) -> bool:
        pids = [(peer, pid) for peer in self.peers for pid in peer.machine.gluster_processes()]
        for peer, pid in pids:
            peer.machine.run(["kill", f"-{int(signal.SIGKILL)}", str(pid)])
        return not pids

    def logs(self) -> list[tuple[str, str]]:
        daemons = [(f"daemon of {peer} ({peer.log})", peer.log_tail()) for peer in self.peers]
        return daemons + [(f"mount of {mount.volume} ({mount.log})", mount.complaints()) for mount in self.mounts]


MakePool = Callable[..., Pool]
"""(size, setting = USUAL, spare = 0) -> a pool that is not started yet and ends with the test: the fixture `make_pool`."""


def is_whole(peer: Peer, size: int, voters: int) -> bool:
    online = [p["online"] for p in peer.peers()]
    return online == [True] * size and len(peer.status["voters"]) == voters


def same_state(members: Sequence[Peer]) -> tuple[dict[str, dict[str, Any]]] | None:
    """(volumes,) when all members agree and nothing is under way; None when not."""
    found = []
    for peer in members:
        status, answer = peer.status, peer.call("GET", "/v1/volumes")
        if status["locks"] or status["transactions"] or not status["quorum"]:
            return None
        peers = peer.peers()
        found.append((answer.headers["X-Gluster-Revision"], answer.body, sorted(p["id"] for p in peers)))
    if any(other != found[0] for other in found[1:]):
        return None
    return ({v["name"]: v for v in found[0][1]},)


def mark_of(folder: Path) -> bytes | None:
    """The volume-id on a brick folder; None for no folder or no mark."""
    try:
        return os.getxattr(folder, VOLUME_ID)
    except OSError:
        return None


@contextlib.contextmanager
def open_pool(size: int, folder: Path, setting: str = USUAL, spare: int = 0) -> Iterator[Pool]:
    """Daemons that are not started yet; nothing is left of them afterwards but files in `folder`."""
    with SETTINGS[setting](size + spare, folder) as machines:
        pool = Pool(machines[:size], machines[size:])
        OPEN.append(pool)
        try:
            yield pool
        finally:
            OPEN.remove(pool)
            pool.close()
