"""The life of the volume, in phases: what is done to it, and how its end is known. This file must not know who is killed meanwhile.

Three bricks of one replica set at first; three more; the first three go; one of the others loses its machine and is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.life import files
from bench.life.orders import Answered, Orders
from bench.namespaces import Host
from bench.ours import Peer
from bench.sides import NotDone, wait_for

VOLUME = "life"
PEERS_MIN = 5
BRICKS = 3
"""Of the volume that is left after remove-brick."""
JOB_S, HEAL_S, HEAL_FIRST_S = 1800.0, 600.0, 15.0
HEAL_EACH_S = 0.1
"""Beside HEAL_S, for each file that is missing on the new brick at first."""
AGAIN_MAX = 6
PROGRESS_S = 5.0
GLUSTER = ("glusterfsd", "glusterfs")

Say = Callable[[str], None]


class Volume:
    """`first`, `second`: the two sets. `spare`: takes the place of `second[0]`. `moved`: files, as its rebalance processes count."""

    def __init__(self, peers: Sequence[Peer], orders: Orders, say: Say) -> None:
        self._orders, self._say = orders, say
        a, b, c, d, e = peers[:PEERS_MIN]
        self.first = [(a, "a"), (b, "a"), (c, "a")]
        self.second = [(d, "b"), (e, "b"), (a, "b")]
        self.spare = (b, "c")
        self.doomed = d
        self.moved = 0

    def create(self) -> None:
        self._orders.give("/v1/volumes", {"name": VOLUME, "replica": 3, "bricks": _words(self.first), "force": True})
        self._orders.give(f"/v1/volumes/{VOLUME}/start")
        self._online(3)

    def add_bricks(self) -> None:
        self._orders.give(f"/v1/volumes/{VOLUME}/expand", {"bricks": _words(self.second), "force": True})
        self._online(6)

    def rebalance(self) -> None:
        for _ in range(AGAIN_MAX):
            self._orders.give(f"/v1/volumes/{VOLUME}/rebalance/start")
            if self._job("rebalance")["status"] == "completed":
                return
            self._orders.repeated["rebalance failed"] += 1
        raise NotDone(f"the rebalance failed {AGAIN_MAX} times")

    def remove_bricks(self) -> None:
        bricks = {"bricks": _words(self.first)}
        for _ in range(AGAIN_MAX):
            self._orders.give(f"/v1/volumes/{VOLUME}/remove-brick/start", bricks)
            job = self._job("remove-brick")
            if (job["status"], job["failures"], job["skipped"]) == ("completed", 0, 0):
                try:
                    force = {"force": True} if self._only_twins() else {}
                    self._orders.give(f"/v1/volumes/{VOLUME}/remove-brick/commit", bricks | force, final="still holds files")
                except Answered:
                    self._heal_first()
                else:
                    return self._online(BRICKS)
            self._orders.repeated["files left"] += 1
            self._orders.give(f"/v1/volumes/{VOLUME}/remove-brick/stop")
        raise NotDone(f"remove-brick left files {AGAIN_MAX} times")

    def _heal_first(self) -> None:
        """Files on bricks that are to go, after all were moved: of a client that had not learnt of it yet (the next round moves them), or
        moved while one brick of the set could not be reached, so that it learns by self-heal that they are gone."""
        self._orders.give(f"/v1/volumes/{VOLUME}/heal")
        until, places = time.monotonic() + HEAL_FIRST_S, {str(folder) for folder in self.folders(self.first)}
        while time.monotonic() < until:
            counts = self._orders.read(f"/v1/volumes/{VOLUME}/heal-count")
            if not any(count["entries"] for count in counts if count["info"]["path"] in places):
                return
            time.sleep(0.5)

    def _only_twins(self) -> bool:
        """Whether all that is left on bricks that are to go are twins of files that the others have. GlusterFS leaves an empty one where a
        file is made just when its folder's layout was changed on some bricks of a set and not yet on others; and a whole one where a file
        was moved while one brick of a set could not be reached, from which self-heal brings it back. No rebalance moves either."""
        left = [name for folder in self.folders(self.first) for name in files.left_on(folder)]
        return bool(left) and not self.strays()

    def strays(self) -> list[str]:
        """What is on the bricks of the first set, and not as a twin on those of the second."""
        (kept, *_) = self.folders(self.second[1:])
        return [name for folder in self.folders(self.first) for name in files.left_on(folder) if not files.is_twin(folder, kept, name)]

    def replace_dead(self) -> None:
        """The machine of `doomed` is dead already."""
        (old, old_name), (new, new_name) = self.second[0], self.spare
        self.second[0] = self.spare
        body = {
            "src-peerid": old.id,
            "src-brickpath": str(folder_of(old.host, old_name)),
            "dst-peerid": new.id,
            "dst-brickpath": str(folder_of(new.host, new_name)),
            "force": True,
        }
        self._orders.give(f"/v1/volumes/{VOLUME}/replacebrick", body)
        self._online(3)

    def heal(self, lacking: Callable[[Path], int]) -> None:
        """Until self-heal has filled the new brick. (What its counters say never comes to nothing while clients write.)"""
        (folder,) = self.folders([self.spare])
        seconds = HEAL_S + HEAL_EACH_S * lacking(folder)
        self._until(seconds, "files are missing on the new brick, until there is none", lambda: lacking(folder), lambda left: left == 0)

    def knows_new_brick(self, mount: Path) -> bool:
        """Whether a mounted client works with the graph that has it."""
        where = self.spare[0].host.address
        return any(path.read_text().split() == [where] for path in mount.glob(f".meta/graphs/active/{VOLUME}-client-*/options/remote-host"))

    def whole(self, mounts: Sequence[Path]) -> None:
        """Until every client has the graph without the removed bricks, and is connected to all of the others. A client takes up a new graph
        as soon as most bricks of a set have answered; it finds the others when their daemons, which know the ports, are there again."""

        def connected() -> list[int]:
            folders = [list(mount.glob(f".meta/graphs/active/{VOLUME}-client-*")) for mount in mounts]
            lines = [[(folder / "private").read_text().splitlines() for folder in found] for found in folders]
            return [sum("connected = 1" in line for line in found) if len(found) == BRICKS else 0 for found in lines]

        self._until(
            HEAL_S, f"until clients have {BRICKS} bricks and are connected to them", connected, lambda counts: min(counts) == BRICKS
        )

    def folders(self, bricks: Sequence[tuple[Peer, str]]) -> list[Path]:
        return [folder_of(peer.host, name) for peer, name in bricks]

    def _online(self, bricks: int) -> None:
        def count() -> int:
            return sum(brick["online"] for brick in self._orders.read(f"/v1/volumes/{VOLUME}/bricks"))

        self._until(HEAL_S, f"until {bricks} bricks are online", count, lambda found: found == bricks)

    def _job(self, what: str) -> dict[str, Any]:
        job: dict[str, Any] = self._until(
            JOB_S, f"until the {what} ends", lambda: self._orders.read(f"/v1/volumes/{VOLUME}/{what}"), _is_over
        )
        self.moved += job["files"]
        self._say(f"{what}: {_in_short(job)}" + "".join(f"; {p['host']}: {p['note']}" for p in job["parts"] if p.get("note")))
        return job

    def _until(self, seconds: float, what: str, look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
        began = said = time.monotonic()
        while not good(found := look()):
            now = time.monotonic()
            if now - began > seconds:
                raise NotDone(f"{what}: not within {seconds:g} s: {found}")
            if now - said > PROGRESS_S:
                said = now
                self._say(f"  {what}: {_in_short(found) if isinstance(found, dict) else found}")
            time.sleep(0.5)
        return found


def _is_over(job: dict[str, Any]) -> bool:
    return job["status"] in ("completed", "failed", "stopped")


def _in_short(job: dict[str, Any]) -> str:
    return f"{job['status']}, {job['files']} files moved, {job['failures']} failures, {job['skipped']} skipped"


def folder_of(host: Host, name: str) -> Path:
    return host.folder / "bricks" / name


def _words(bricks: Sequence[tuple[Peer, str]]) -> list[str]:
    return [f"{peer.host.address}:{folder_of(peer.host, name)}" for peer, name in bricks]


def kill_machine(peer: Peer) -> None:
    """Its daemon and all of GlusterFS on it, as if its power were gone."""
    peer.kill()

    def all_gone() -> bool:
        pids = [str(pid) for pid, argv in peer.host.processes().items() if Path(argv[0]).name in GLUSTER]
        if pids:
            peer.host.run(["kill", "-9", *pids], check=False)
        return not pids

    wait_for(f"nothing runs on {peer.host.name}", all_gone, every=0.1)


def mount(peer: Peer, name: str) -> Path:
    """The volume, mounted on the machine of `peer`; where it is seen from here. Raises RigError."""
    target = peer.host.folder / name
    target.mkdir()
    log = target.with_suffix(".log")
    peer.host.run(["mount", "-t", "glusterfs", "-o", f"log-file={log}", f"{peer.host.address}:/{VOLUME}", target])
    return peer.host.path(str(target))
