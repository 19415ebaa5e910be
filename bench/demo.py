"""The main job, shown: three daemons on loopback, a replicated volume of real bricks, a real mount, a daemon killed and back.

Run by `./dev demo` and, with --clean, by `./dev clean`. It knows the daemon and `gd2` only as programs, as a user does, and it uses the
standard library only, so that --clean works without a .venv. Everything lives in one folder FOLDERS; what the demo starts
is found again by that folder in its command line or its mount point, and ended by pid.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

PREFIX = "gd2raft-demo-"
BIN = Path(__file__).resolve().parents[1] / ".venv" / "bin"
DAEMON, GLUSTER = "gd2raft", ("glusterfsd", "glusterfs")
PORTS = (24007, 24008)  # GlusterFS and REST; peers
START_WAIT_S = 30.0
COMMAND_WAIT_S = 60.0
END_WAIT_S = 10.0
FILE_BYTES = 4 << 20
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))
T = TypeVar("T")


class Failed(Exception):
    """The demo can't go on: what was tried, what came of it, where to look."""


class CommandFailed(Failed):
    """A command said no; while we wait for something, it may say yes the next time (no leader yet, say)."""


def say(text: str = "") -> None:
    print(text, flush=True)


def shown(words: list[str | Path]) -> str:
    """A command as a user in the checkout would type it."""
    here = f"{Path.cwd()}/"
    return shlex.join(str(word).removeprefix(here) for word in words)


def wait_for(what: str, condition: Callable[[], T], seconds: float) -> T:
    """Poll `condition` until it gives something true; Failed names `what` and the last error."""
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except (CommandFailed, OSError, ValueError, KeyError) as error:
            last = f" (last: {error})"
        time.sleep(0.1)
    raise Failed(f"{what}: not within {seconds:g} s{last}")


def free_net(size: int) -> int:
    """A number n so that nothing listens on the PORTS of 127.n.0.1 ... 127.n.0.size."""
    for n in random.sample(range(2, 250), 200):
        try:
            for i in range(1, size + 1):
                for port in PORTS:
                    with socket.socket() as s:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        s.bind((f"127.{n}.0.{i}", port))
            return n
        except OSError:
            continue
    raise Failed("no free loopback addresses: something listens on every address of port 24007 or 24008; is glusterd running?")


# ---- What a demo started, found again by its folder


def processes_of(folder: Path, names: tuple[str, ...] = (DAEMON, *GLUSTER)) -> list[int]:
    """Pids of daemons, bricks, self-heal daemons and mounts of one demo. An editor or a `tail` on its files is none of them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        # The second word, too: a script runs as `python3 .../gd2raft ...`.
        if any(Path(word).name in names for word in words[:2]) and any(f"{folder}/" in word for word in words):
            found.append(int(entry.name))
    return found


def mounts_of(folder: Path) -> list[str]:
    points = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return [point for point in points if point.startswith(f"{folder}/")]


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end_processes(folder: Path, names: tuple[str, ...]) -> None:
    """Ask, then insist."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal_all(processes_of(folder, names), number)
        try:
            wait_for(f"the end of {', '.join(names)}", lambda: not processes_of(folder, names), END_WAIT_S)
            return
        except Failed:
            continue


def end_all(folder: Path) -> None:
    """Unmount, end the daemons, then what they would have restarted. Raises Failed when something is still there."""
    for mount in mounts_of(folder):
        subprocess.run(["umount", "-l", mount], stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_WAIT_S)
    end_processes(folder, (DAEMON,))
    end_processes(folder, GLUSTER)
    left = [*map(str, processes_of(folder)), *mounts_of(folder)]
    if left:
        raise Failed(f"could not end {', '.join(left)} of {folder}")


def owner_alive(folder: Path) -> int:
    """The pid of the demo that still uses this folder, or 0."""
    try:
        pid = int((folder / "demo.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return 0
    return pid if any(word.endswith(b"demo.py") for word in words) else 0


def clean() -> int:
    """End every demo whose own process is gone. One that is still at it belongs to somebody: it is only named."""
    folders = sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
    for folder in folders:
        if pid := owner_alive(folder):
            say(f"{folder}: its demo still runs as pid {pid}; end that with Ctrl-C or kill {pid}")
            continue
        count = len(processes_of(folder))
        end_all(folder)
        shutil.rmtree(folder)
        say(f"{folder}: removed, {count} processes ended")
    if not folders:
        say("no demo left anything behind")
    return 0


# ---- The demo


class Peer:
    """One daemon with its own address and folder."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.url = f"http://{address}:{PORTS[0]}"
        self.secret = folder / "state" / "auth"
        self.config, self.log = folder / "gd2raft.toml", folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "bricks").mkdir(parents=True)
        self.config.write_text(
            f'localstatedir = "{folder}/state"\nrundir = "{folder}/run"\nlogdir = "{folder}/log"\nlogfile = "-"\n'
            f'peeraddress = "{address}:{PORTS[1]}"\nclientaddress = "{address}:{PORTS[0]}"\n'
        )

    def start(self) -> None:
        words: list[str | Path] = [BIN / "gd2raft", "--config", self.config]
        say(f"  $ {shown(words)} 2>> {self.log} &")
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C is for the demo, which then ends the daemons in order.
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.folder / "daemon.pid").write_text(f"{self.process.pid}\n")

    def wait_until_up(self) -> None:
        wait_for(f"the daemon on {self.address} answers (see {self.log})", self.answers, START_WAIT_S)

    def answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise Failed(f"the daemon on {self.address} ended: {lines[-1] if lines else 'without a word'}")
        with HTTP.open(f"{self.url}/ping", timeout=2) as reply:
            return bool(reply.status == 200)

    def kill(self) -> None:
        assert self.process is not None
        say(f"  $ kill -9 {self.process.pid}")
        self.process.kill()
        self.process.wait(END_WAIT_S)


class Demo:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        net = free_net(3)
        self.peers = [Peer(folder / f"peer{i}", f"127.{net}.0.{i}") for i in (1, 2, 3)]
        self.mount_point = folder / "mnt"

    def run(self, *words: str | Path, show: bool = True) -> str:
        """Run a command, as shown, and return what it printed."""
        if show:
            say(f"  $ {shown(list(words))}")
        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_WAIT_S)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"{shown(list(words))}: no answer within {COMMAND_WAIT_S:g} s") from None
        if done.returncode:
            raise CommandFailed(f"{shown(list(words))}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def options(self, peer: int) -> tuple[str | Path, ...]:
        return "--endpoints", self.peers[peer].url, "--secret-file", self.peers[peer].secret, "--mode=script"

    def gd2(self, *words: str, peer: int = 0) -> None:
        """Run `gd2` against one peer, and show what it says."""
        output = self.run(BIN / "gd2", *self.options(peer), *words)
        say("".join(f"    {line}\n" for line in output.rstrip().splitlines()).rstrip("\n"))

    def ask(self, *words: str, peer: int = 0) -> Any:
        """Like gd2, but for our own use: not shown, as JSON."""
        return json.loads(self.run(BIN / "gd2", *self.options(peer), "--json", *words, show=False))

    def bricks(self, peer: int = 0) -> dict[str, int]:
        """Brick path -> pid, of the bricks that are online."""
        return {brick["info"]["path"]: brick["pid"] for brick in self.ask("volume", "status", "demo", peer=peer) if brick["online"]}

    def all_bricks(self) -> dict[str, int]:
        return found if len(found := self.bricks()) == len(self.peers) else {}

    def form_pool(self) -> None:
        say("\nThree daemons, each on its own address. A fresh one is a pool of one.")
        for peer in self.peers:
            peer.start()
        for peer in self.peers:
            peer.wait_until_up()
        say("\nThey become one pool.")
        for peer in self.peers[1:]:
            self.gd2("peer", "probe", peer.address)
        wait_for("three voters", lambda: len(self.ask("cluster", "status")["voters"]) == 3, START_WAIT_S)
        self.gd2("peer", "list")

    def make_volume(self) -> None:
        say("\nA volume of three bricks that hold the same. `force`, because these bricks are on the root file system.")
        bricks = [f"{peer.address}:{peer.folder}/bricks/b1" for peer in self.peers]
        self.gd2("volume", "create", "demo", "replica", "3", *bricks, "force")
        self.gd2("volume", "start", "demo")
        wait_for("three bricks online", self.all_bricks, START_WAIT_S)
        say("\nSeen from another peer:")
        self.gd2("volume", "status", "demo", peer=1)

    def use_it(self) -> None:
        say("\nMounted as any GlusterFS volume is; a file written, read back, and found on every brick.")
        self.mount_point.mkdir()
        source, log = f"{self.peers[0].address}:/demo", self.folder / "mount.log"
        self.run("mount", "-t", "glusterfs", "-o", f"log-file={log}", source, self.mount_point)
        data = os.urandom(FILE_BYTES)
        (self.mount_point / "hello").write_bytes(data)
        copies = [self.mount_point / "hello", *(peer.folder / "bricks" / "b1" / "hello" for peer in self.peers)]
        for copy in copies:
            if copy.read_bytes() != data:
                raise Failed(f"{copy} differs from what was written")
            say(f"    {len(data)} bytes, as written: {copy}")

    def lose_a_daemon(self) -> None:
        victim, before = self.peers[0], self.all_bricks()
        say("\nThe daemon that served this mount is killed. Bricks and mount go on, and the other two take changes.")
        victim.kill()
        (self.mount_point / "while-it-is-away").write_text("written without it\n")
        say(f"    written and read back: {(self.mount_point / 'while-it-is-away').read_text().strip()!r}")
        self.gd2("volume", "set", "demo", "performance.io-cache", "on", peer=1)
        say("\nStarted again, it finds its brick running, and learns what was changed.")
        victim.start()
        victim.wait_until_up()
        wait_for("it knows the change", self.change_known, START_WAIT_S)
        after = wait_for("the bricks are adopted", self.all_bricks, START_WAIT_S)
        if after != before:
            raise Failed(f"the bricks should have gone on as {before}, and are {after}")
        self.gd2("volume", "info", "demo")
        say(f"    the same brick processes as before: {', '.join(map(str, sorted(after.values())))}")

    def change_known(self) -> bool:
        return bool(self.ask("volume", "info", "demo")["options"].get("performance.io-cache") == "on")

    def what_next(self) -> None:
        first, second, third = self.peers
        say(
            f"\nIt is yours now. In another terminal, in {Path.cwd()}:\n"
            f'    export GD2_ENDPOINTS={first.url},{second.url},{third.url} GD2_AUTH_SECRET="$(cat {first.secret})"\n'
            f"    .venv/bin/gd2 cluster status\n"
            f"    .venv/bin/gd2 volume status demo        # then kill -9 a brick by its pid, and look again\n"
            f"    .venv/bin/gd2 volume get demo all\n"
            f"    kill -9 $(cat {self.folder}/peer*/daemon.pid); ls -l {self.mount_point}    # no daemon at all: the volume goes on\n"
            f"    .venv/bin/gd2raft --config {first.config}    # and back\n"
            f"The logs are in {self.folder}/peer*/daemon.log. Ctrl-C here ends everything and removes the folder."
        )


def show(once: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / "demo.pid").write_text(f"{os.getpid()}\n")
    code = 1
    try:
        code = perform(folder, once)
    finally:
        code = finish(folder, code)
    return code


def perform(folder: Path, once: bool) -> int:
    """0: shown, 1: failed, 130: interrupted before the end."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    done = False
    try:
        say(f"gd2raft: a demonstration, in {folder}")
        demo = Demo(folder)
        for act in (demo.form_pool, demo.make_volume, demo.use_it, demo.lose_a_daemon):
            act()
        done = True
        if not once:
            demo.what_next()
            signal.pause()
    except KeyboardInterrupt:
        return 0 if done else 130
    except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        say(f"\nThe demo failed: {error or type(error).__name__}\nThe logs stay in {folder} until ./dev clean.")
        return 1
    return 0


def finish(folder: Path, code: int) -> int:
    """End what runs, whatever the demo came to; a second Ctrl-C does not cut this short."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    try:
        end_all(folder)
    except Failed as error:
        say(f"{error}; ./dev clean tries again")
        return 1
    if code != 1:
        shutil.rmtree(folder)
    say("\nEverything that the demo started has ended.")
    return code


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--once", action="store_true", help="end and tidy up when all has been shown")
    parser.add_argument("--clean", action="store_true", help="only end what earlier demos left behind")
    arguments = parser.parse_args()
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    if arguments.clean:
        return clean()
    if os.geteuid() != 0:
        say("the demo needs root: it starts bricks and mounts a volume")
        return 1
    return show(arguments.once)


if __name__ == "__main__":
    sys.exit(main())
