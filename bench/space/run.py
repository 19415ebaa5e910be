"""`bench space`: exits non-zero when a byte of a device is lost or given away twice, or anything else that was promised did not hold.

Three peers with devices; clients create, enlarge and delete volumes by size, more than there is room for, while daemons are killed (-9). After each
round the daemons are left in peace, and books and disks are compared; at the end all volumes are deleted, under kills too, and everything must be as
at the beginning.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench import arguments, ours
from bench.life.killer import Killer
from bench.life.orders import Orders
from bench.namespaces import why_not as no_rig
from bench.proof import proved
from bench.sides import BRICK, NotDone, count, wait_for
from bench.space import books, tables, volumes
from bench.space.tables import Outcome
from bench.space.volumes import Client, Ledger

FOLDER = Path("/var/tmp")  # a real disk, unlike /tmp on many machines
PEERS, DEVICES = 3, 2
ROUNDS_MAX, ROUND_VOLUMES = 4, 10
REST_S, SAME_S, END_S = 120.0, 60.0, 60.0
LOOK_EVERY_S, STALL_S = 1.0, 900.0
SHOWN_MAX = 10


def main(words: list[str]) -> int:
    options = _options(words)
    return proved(
        "space",
        options,
        f"{options.volumes} volumes",
        lambda folder: Space(options, folder).run(),
        cannot=no_rig() or ours.why_not() or (None if shutil.which("mkfs.xfs") else "mkfs.xfs is missing (apt-get install xfsprogs)"),
        show=tables.show,
        write_docs=lambda outcome: tables.write_docs(outcome, f"--volumes {options.volumes} --seed {options.seed}"),
        as_json=tables.as_json,
    )


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench space", description="Volumes by size come, grow and go under kill -9 of daemons; do the books say what the disks say?"
    )
    parser.add_argument("--volumes", type=arguments.count, default=200, help="that are created in all (default %(default)s)")
    arguments.seed(parser, "of sizes, shapes and kills")
    parser.add_argument("--clients", type=arguments.count, default=6, help="at a time (default %(default)s)")
    parser.add_argument("--gib", type=arguments.count, default=12, help="of each device, at least 5 (default %(default)s)")
    parser.add_argument("--every", type=arguments.positive, default=3.0, help="seconds between kills, about (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where devices, states and logs go (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep that folder in any case")
    arguments.output(parser)
    options = parser.parse_args(words)
    if options.gib < 5:
        parser.error("--gib: a brick may have 4 GiB, so less than 5 make no sense")
    if PEERS * DEVICES * options.gib < (wanted := options.clients * volumes.KEPT_GIB):
        parser.error(
            f"--clients: {options.clients} may keep {wanted} GiB, and there are {PEERS * DEVICES * options.gib}: fewer, or a larger --gib"
        )
    return options


class Space:
    """One run."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options, self._folder, self._seed = options, folder, str(options.seed)
        self._ledger = Ledger()
        self._log = (folder / "space.log").open("a")
        self._kills = self._looks = self._comparisons = self._compared_bytes = self._compared_bricks = 0
        self._fullest = 0.0
        self._pool: ours.Gd2raft
        self._asker: Orders

    def run(self) -> Outcome:
        with contextlib.ExitStack() as stack:
            self._pool = stack.enter_context(ours.Gd2raft(PEERS, self._folder, keep=True))
            self._asker = Orders(self._pool.peers, self._seed, self._note)
            stack.callback(self._asker.close)
            volumes.devices_of(self._pool.peers, self._asker, DEVICES, self._options.gib * volumes.GIB)
            began, clients = time.monotonic(), self._clients(stack)
            rounds = max(1, min(ROUNDS_MAX, self._options.volumes // ROUND_VOLUMES))
            for number in range(rounds):
                self._round(number, rounds, clients)
            self._say(f"the last {len(self._ledger.held)} volumes are deleted")
            self._under_kills("last", [threading.Thread(target=client.empty, name=client.name, daemon=True) for client in clients])
            self._judge()
            self._all_is_back()
            repeated: Counter[str] = sum((client.orders.repeated for client in clients), Counter())
            return self._outcome(time.monotonic() - began, repeated)

    def _round(self, number: int, rounds: int, clients: list[Client]) -> None:
        count = self._options.volumes
        numbers = range(count * number // rounds, count * (number + 1) // rounds)
        self._say(f"round {number + 1} of {rounds}: {len(clients)} clients make {len(numbers)} volumes")
        wishes = volumes.share(numbers, len(clients), self._seed)
        makers = [
            threading.Thread(target=client.live, args=(mine,), name=client.name, daemon=True)
            for client, mine in zip(clients, wishes, strict=True)
        ]
        self._under_kills(f"round {number}", makers)
        self._judge()

    def _outcome(self, seconds: float, repeated: Counter[str]) -> Outcome:
        options = self._options
        capacity = PEERS * DEVICES * options.gib * volumes.GIB
        return Outcome(
            seed=options.seed,
            volumes=options.volumes,
            peers=PEERS,
            devices=PEERS * DEVICES,
            clients=options.clients,
            every_s=options.every,
            seconds=seconds,
            kills=self._kills,
            done=self._ledger.done,
            capacity=capacity,
            comparisons=self._comparisons,
            compared_bytes=self._compared_bytes,
            fullest=self._fullest,
            looks=self._looks,
            compared_bricks=self._compared_bricks,
            repeated=repeated,
            violations=self._ledger.violations,
        )

    # what goes on meanwhile

    def _clients(self, stack: contextlib.ExitStack) -> list[Client]:
        found = []
        for number in range(self._options.clients):
            orders = Orders(self._pool.peers, f"{self._seed} orders {number}", self._note)
            stack.callback(orders.close)
            found.append(Client(orders, self._ledger, f"{self._seed} {number}"))
        return found

    def _under_kills(self, when: str, threads: list[threading.Thread]) -> None:
        """Start them, and wait until all have ended. Raises NotDone when nothing is done any more."""
        with self._kills_at(when), self._watched():
            for thread in threads:
                thread.start()
            self._all_end(threads)

    def _all_end(self, threads: list[threading.Thread]) -> None:
        last, since = -1, time.monotonic()
        while any(thread.is_alive() for thread in threads):
            done = sum(self._ledger.done.values())
            if done != last:
                last, since = done, time.monotonic()
                self._note(f"  {done} commands; {len(self._ledger.held)} volumes")
            if time.monotonic() - since > STALL_S:
                raise NotDone(f"nothing was done for {STALL_S:g} s")
            time.sleep(LOOK_EVERY_S)

    @contextlib.contextmanager
    def _kills_at(self, when: str) -> Iterator[None]:
        killer = Killer(self._pool.peers, f"{self._seed} killer {when}", self._options.every, self._note)
        killer.start()
        try:
            yield
        finally:
            killer.end()
            self._kills += killer.kills
            for text in killer.violations:
                self._violate(text)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """The books are looked at all the time: they must be right at any moment, whoever is asked."""
        end = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(end,), name="watcher", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            end.set()
            watcher.join(END_S)

    def _watch(self, end: threading.Event) -> None:
        orders = Orders(self._pool.peers, f"{self._seed} watcher", self._note)
        while not end.wait(LOOK_EVERY_S):
            with contextlib.suppress(NotDone):
                devices = orders.read("/v1/devices")
                self._looks += 1
                for text in books.sums(devices):
                    self._violate(text)
                total = sum(device["size"]["capacity"] for device in devices)
                self._fullest = max(self._fullest, sum(device["size"]["used"] for device in devices) / total)
        orders.close()

    # verdict

    def _judge(self) -> None:
        """Compare all, with the pool at rest."""
        try:
            wait_for("the pool is whole and at rest", lambda: not ours.ailments(self._pool.peers), REST_S, every=0.25)
        except NotDone as error:
            self._violate(f"{error}: {ours.ailments(self._pool.peers)}")
        found: list[str] = []

        def same() -> bool:
            found[:] = self._differences()
            return not found

        try:
            wait_for("books and disks say the same", same, SAME_S, every=1.0)
        except NotDone:
            for text in found:
                self._violate(text)
        devices = self._asker.latest("/v1/devices").body
        given, bricks = sum(d["size"]["used"] for d in devices), sum(len(d["bricks"]) for d in devices)
        self._comparisons, self._compared_bytes, self._compared_bricks = (
            self._comparisons + 1,
            self._compared_bytes + given,
            self._compared_bricks + bricks,
        )
        self._say(f"compared: {len(self._ledger.held)} volumes, {bricks} bricks, {given} bytes")

    def _differences(self) -> list[str]:
        devices, there = self._asker.latest("/v1/devices").body, self._asker.latest("/v1/volumes").body
        hosts = {peer.id: peer.host for peer in self._pool.peers}
        disks = {}
        for identity, host in hosts.items():
            mine = [device for device in devices if device["peer-id"] == identity]
            disks[mine[0]["host"]] = books.look(host, [Path(device["device"]) for device in mine])
        images = sum(len(disk.images) for folders in disks.values() for disk in folders.values())
        held = books.loops_below(self._pool.hosts[0].folder.parent)
        found = books.differences(devices, there, disks)
        if len(held) != images:
            found.append(f"the kernel holds {len(held)} loop devices, the disks {images} images: {held[:3]}")
        capacities = {volume["name"]: volume["capacity"] for volume in there}
        if capacities != self._ledger.held:
            odd = sorted(set(capacities.items()) ^ set(self._ledger.held.items()))
            found.append(f"volumes of the pool and acknowledged ones differ: {odd[:6]}")
        return found

    def _all_is_back(self) -> None:
        """After the last volume is gone, nothing is held by anybody."""
        for device in self._asker.latest("/v1/devices").body:
            if device["size"]["free"] != self._options.gib * volumes.GIB:
                self._violate(f"{books.name_of(device)}: {device['size']['free']} bytes are free, {self._options.gib} GiB were")
        try:
            wait_for("no brick runs", lambda: not count(self._pool.hosts, BRICK), END_S, every=0.5)
        except NotDone:
            self._violate(f"{count(self._pool.hosts, BRICK)} bricks run, and there is no volume")

    def _violate(self, text: str) -> None:
        self._ledger.violate(text)
        if len(self._ledger.violations) <= SHOWN_MAX:
            self._say(f"VIOLATION: {text}")

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
        self._note(text)

    def _note(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=self._log, flush=True)
