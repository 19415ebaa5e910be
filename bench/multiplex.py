"""`bench multiplex`: what one process for many bricks saves, and what it costs when that process dies. The real glusterd multiplexes, we don't.

Three sides, one after the other, each on a machine (namespace) of its own: glusterd with a process a brick, glusterd with
`cluster.brick-multiplex on`, and gd2raft. Each serves `--bricks` volumes of one brick. Measured: memory of the brick processes (PSS, so that
pages shared between them count once) idle and after some files were written to each volume through a mount; their threads; the time of
all `volume start` commands; the time from the start of the daemon until all bricks serve (a reboot); and what is served right after one
brick process was killed, and 15 s later.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

from bench import arguments, ours, theirs
from bench.namespaces import Host, Process, Rig
from bench.sides import BRICK, wait_for

FILES, FILE_BYTES = 50, 4096
WAIT_S = 120.0
LATER_S = 15.0
Numbers = dict[str, float]


class Separate:
    """glusterd as installed: a glusterfsd for every brick."""

    label = "glusterd, a process a brick"
    multiplex = False

    def __init__(self, host: Host) -> None:
        self.host = host
        for name in theirs.AS_INSTALLED:
            if (theirs.INSTALLED_STATE / name).is_dir():
                shutil.copytree(theirs.INSTALLED_STATE / name, host.folder / "lib" / name, symlinks=True)
        self._process: Process | None = None

    def begin(self) -> None:
        self._process = self.host.popen(["glusterd", "--no-daemon"])
        wait_for("glusterd answers", self._answers, WAIT_S, every=0.05)

    def end(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)

    def prepare(self) -> None:
        if self.multiplex:
            self._gluster("volume", "set", "all", "cluster.brick-multiplex", "on")

    def create(self, volume: str, path: Path) -> None:
        self._gluster("volume", "create", volume, f"{self.host.address}:{path}", "force")

    def start(self, volume: str) -> None:
        self._gluster("volume", "start", volume)

    def served(self) -> int:
        """Bricks that are online, as it says itself."""
        done = self.host.run(["gluster", "--mode=script", "volume", "status", "all", "--xml"], check=False)
        if done.returncode:
            return -1
        nodes = ElementTree.fromstring(done.stdout).iter("node")
        return sum(n.findtext("status") == "1" and (n.findtext("path") or "").startswith("/") for n in nodes)

    def _answers(self) -> bool:
        return self.host.run(["gluster", "--mode=script", "pool", "list"], check=False).returncode == 0

    def _gluster(self, *words: str) -> None:
        self.host.run(["gluster", "--mode=script", *words])


class Multiplexed(Separate):
    label = "glusterd, multiplexed"
    multiplex = True


class Ours:
    label = "gd2raft"

    def __init__(self, host: Host) -> None:
        self.host = host
        self._peer = ours.Peer(host)
        self._volumes: list[str] = []

    def begin(self) -> None:
        self._peer.start()
        wait_for("gd2raft answers", self._peer.ping, WAIT_S, every=0.05)

    def end(self) -> None:
        self._peer.kill()

    def prepare(self) -> None:
        """Nothing: there is a process a brick."""

    def create(self, volume: str, path: Path) -> None:
        self._peer.call("POST", "/v1/volumes", {"name": volume, "bricks": [f"{self.host.address}:{path}"], "force": True})
        self._volumes.append(volume)

    def start(self, volume: str) -> None:
        self._peer.call("POST", f"/v1/volumes/{volume}/start")

    def served(self) -> int:
        self._peer.close()  # it may have been closed while files were written
        return sum(bool(b["online"]) for v in self._volumes for b in self._peer.call("GET", f"/v1/volumes/{v}/bricks"))


Side = Separate | Ours
SIDES: tuple[Callable[[Host], Side], ...] = (Separate, Multiplexed, Ours)


def measure(side: Side, bricks: int) -> Numbers:
    host, names = side.host, [f"v{i}" for i in range(bricks)]
    found: Numbers = {}
    side.begin()
    side.prepare()
    for name in names:
        side.create(name, host.folder / "bricks" / name)
    began = time.monotonic()
    for name in names:
        side.start(name)
    all_serve(side, bricks)
    found["start s"] = time.monotonic() - began
    found |= {f"idle {key}": value for key, value in footprint(host).items()}
    for name in names:
        write_files(host, name)
    found |= {f"used {key}": value for key, value in footprint(host).items()}
    found |= killed(side, bricks)
    side.end()
    for pid in brick_pids(host):
        os.kill(pid, signal.SIGKILL)
    wait_for("no brick runs", lambda: not brick_pids(host), WAIT_S)
    began = time.monotonic()
    side.begin()
    all_serve(side, bricks)
    found["reboot s"] = time.monotonic() - began
    side.end()
    return found


def killed(side: Side, bricks: int) -> Numbers:
    """One brick process dies: how many bricks go with it, and how many are back 15 s later."""
    os.kill(brick_pids(side.host)[0], signal.SIGKILL)
    least, deadline = bricks, time.monotonic() + LATER_S
    while time.monotonic() < deadline:
        now = side.served()
        least = min(least, now) if now >= 0 else least
        time.sleep(0.1)
    return {"lost bricks": bricks - least, "lost bricks 15 s later": bricks - side.served()}


def all_serve(side: Side, bricks: int) -> None:
    wait_for(f"{bricks} bricks serve", lambda: side.served() == bricks, WAIT_S, every=0.05)


def write_files(host: Host, volume: str) -> None:
    mount = host.folder / "mount"
    mount.mkdir(exist_ok=True)
    log = host.folder / "mount.log"
    host.run(["mount", "-t", "glusterfs", "-o", f"log-file={log}", f"{host.address}:/{volume}", str(mount)])
    script = f"for i in $(seq {FILES}); do head -c {FILE_BYTES} /dev/zero > {mount}/$i || exit 1; done"
    try:
        host.run(["bash", "-c", script], timeout_s=WAIT_S)
    finally:
        host.run(["umount", "-l", str(mount)], check=False)


def footprint(host: Host) -> Numbers:
    """Of all brick processes together."""
    pids = brick_pids(host)
    return {
        "processes": len(pids),
        "MiB": sum(kib_of(pid, "Pss") for pid in pids) / 1024,
        "threads": sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids),
    }


def kib_of(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


def brick_pids(host: Host) -> list[int]:
    """As seen from here."""
    space, found = os.readlink(f"/proc/{host.pid}/ns/pid"), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name = os.path.basename((entry / "cmdline").read_bytes().split(b"\0")[0].decode())
                if name == BRICK and os.readlink(entry / "ns/pid") == space:
                    found.append(int(entry.name))
    return sorted(found)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench multiplex", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bricks", type=arguments.count, default=20)
    parser.add_argument("--rounds", type=arguments.count, default=3)
    arguments.output(parser, docs="")
    options = parser.parse_args(words)
    rounds: dict[str, list[Numbers]] = {}
    for _ in range(options.rounds):
        for make in SIDES:
            with Rig(1) as rig:
                side = make(rig.hosts[0])
                found = measure(side, options.bricks)
            rounds.setdefault(side.label, []).append(found)
            print(f"{side.label}: {json.dumps(found)}", file=sys.stderr)
    medians = {label: {k: statistics.median(r[k] for r in runs) for k in runs[0]} for label, runs in rounds.items()}
    print(json.dumps({"rounds": rounds, "medians": medians}) if options.json else table(medians))
    return 0


def table(medians: dict[str, Numbers]) -> str:
    rows = [f"| | {' | '.join(medians)} |", f"|---|{'---:|' * len(medians)}"]
    for key in next(iter(medians.values())):
        rows.append(f"| {key} | {' | '.join(f'{numbers[key]:.4g}' for numbers in medians.values())} |")
    return "\n".join(rows)
