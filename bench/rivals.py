"""`bench peers --glusterd --peers N`: the opponent of the same size, and the same experiments: N real glusterds that form a pool, at rest, and under commands.

Each is in its own network namespace (theirs.py). They are asked by the protocol of `gluster` over a kept connection: no command-line tool is forked
but where its own time is measured. What they say to each other is counted by the kernel on every peer's cable: packets that carry something and their
bytes, of glusterds, bricks and self-heal daemons. This file must not know our daemon.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench import kernel, namespaces, theirs
from bench.findings import Findings
from bench.glusterd_rpc import GlusterdBroken, GlusterdRefused
from bench.namespaces import RigError
from bench.sides import BRICK, CLIENT, NotDone, at_rest, count, fresh_bricks, serving_ports, wait_for

PEER_MIB, PIDS_EACH = 80.0, 32
"""A glusterd, its self-heal daemon and what holds its namespaces; hook scripts, and gsyncd while it starts."""
COMMANDS, LISTS = 5, 5
OPTION, VALUE = "performance.io-cache", "on"
REST_S, IDLE_S = 10.0, 20.0
AFTER_S = 2.0
"""After an answer, so that what comes later (bricks that connect, hook scripts, news of a change) is counted with the command."""
FORM_S, EACH_JOIN_S = 120.0, 6.0
CHECK_S = 60.0
NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default")
THRESHOLDS = ("gc_thresh3", "gc_thresh2", "gc_thresh1")


def why_not(size: int) -> str | None:
    """Why so many glusterds can't be started here, in one line for a person."""
    missing = None if shutil.which("nft") else "nft is not installed (Debian: apt-get install nftables)"
    return (
        namespaces.why_not() or theirs.why_not() or missing or kernel.why_no_room(f"{size} glusterds", size * PEER_MIB, size * PIDS_EACH)
    )  # fmt: skip


@contextlib.contextmanager
def room_for_neighbours(size: int) -> Iterator[None]:
    """All namespaces share one table of neighbours, by default too small for 32 who all talk to each other; set as before after it."""
    before = {name: int((NEIGHBOURS / name).read_text()) for name in THRESHOLDS}
    try:
        for name, value in before.items():
            (NEIGHBOURS / name).write_text(str(max(value, 2 * size * size)))
        yield
    finally:
        for name in reversed(THRESHOLDS):
            (NEIGHBOURS / name).write_text(str(before[name]))


class Counted(NamedTuple):
    """`packets` (that carry something) and `byte_count` have left all peers by their cables, `cpu_s` was used by all glusterds: so far, for something, or in a second."""

    packets: float
    byte_count: float
    cpu_s: float


class Cost(NamedTuple):
    """Of one thing that was asked, from the call to the answer in time."""

    seconds: float
    counted: Counted


class Rivals(Findings):
    """One pool of real glusterds from its forming to its end."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        super().__init__(name="glusterd", peers=options.peers, version=theirs.version())
        self.options, self.size = options, options.peers
        self._side = theirs.RealGlusterd(self.size, folder, joined=False)
        self._idle = Counted(0, 0, 0)  # in a second of a pool that nobody asks anything

    def run(self) -> None:
        """Raises NotDone, OSError."""
        try:
            with room_for_neighbours(self.size):
                self.say("experiment: start")
                began = time.monotonic()
                with self._side:
                    self.note(start_all_s=time.monotonic() - began)
                    for host in self._side.hosts:
                        host.count_sent()
                    self._resting = [set(host.processes()) for host in self._side.hosts]
                    self._experiments()
        except (GlusterdBroken, GlusterdRefused, RigError) as error:
            raise NotDone(f"{type(error).__name__}: {error}") from error

    def _experiments(self) -> None:
        steps: dict[str, Callable[[], None]] = {
            "form": self.form, "memory": self.memory, "rest": self.rest, "commands": self.commands, "lists": self.lists,
        }  # fmt: skip
        chosen = self.options.only.split(",") if self.options.only else [name for name in steps if name not in self.options.skip.split(",")]
        for name, step in steps.items():
            if name == "form" or name in chosen:
                self.say(f"experiment: {name}")
                step()

    def form(self) -> None:
        """All but the last are probed one after the other, as glusterd has it; the last one alone, and what it costs is counted."""
        before, began = self._counted(), time.monotonic()
        self._side.join(range(1, self.size - 1))
        probed = time.monotonic() - began
        self._side.until_whole(self.size - 1, FORM_S + EACH_JOIN_S * self.size)
        took, spent = time.monotonic() - began, _less(self._counted(), before)
        self.note(form_s=took, probed_s=probed, form_cpu_s=spent.cpu_s, packets_to_form=spent.packets, bytes_to_form=spent.byte_count)
        everywhere: list[float] = []

        def whole() -> None:
            everywhere.append(time.monotonic())
            self._side.until_whole(self.size, FORM_S)
            everywhere.append(time.monotonic())

        time.sleep(AFTER_S)
        self._idle = self._at_rest(REST_S)
        cost = self._cost(lambda: self._side.join([self.size - 1]), whole)
        self.note(
            join_ms=1000 * cost.seconds, join_everywhere_ms=1000 * (cost.seconds + everywhere[1] - everywhere[0]),
            packets_per_join=cost.counted.packets, bytes_per_join=cost.counted.byte_count,
        )  # fmt: skip

    def memory(self) -> None:
        """PSS: a page that several processes share counts in parts. Of glusterds alone."""
        each = kernel.pss_mib(self._side.pids)
        self.note(memory_gib=sum(each) / 1024, memory_mib_median=statistics.median(each))

    def rest(self) -> None:
        time.sleep(REST_S)
        self._idle = self._at_rest(IDLE_S)
        self.note(idle_cores=self._idle.cpu_s, idle_packets_per_s=self._idle.packets, idle_bytes_per_s=self._idle.byte_count)

    def commands(self) -> None:
        """A replica 3 volume on the three peers that joined last, asked of the first."""
        costs: dict[str, list[Cost]] = defaultdict(list)
        healers: list[int] = []
        for number in range(COMMANDS):
            self._life(f"bench{number}", costs, healers)
        self.note(
            **{f"{what}_ms": 1000 * statistics.median(cost.seconds for cost in found) for what, found in costs.items()},
            **{f"packets_per_{what}": statistics.median(cost.counted.packets for cost in found) for what, found in costs.items()},
            **{f"bytes_per_{what}": statistics.median(cost.counted.byte_count for cost in found) for what, found in costs.items()},
            **{f"cpu_ms_per_{what}": 1000 * statistics.median(cost.counted.cpu_s for cost in found) for what, found in costs.items()},
            heal_daemons=statistics.median(healers),
        )

    def _life(self, volume: str, costs: dict[str, list[Cost]], healers: list[int]) -> None:
        """Of one volume; after each command it is looked whether every peer knows."""
        side = self._side
        hosts = side.hosts[-3:]
        costs["create"].append(self._cost(lambda: side.create(volume, fresh_bricks(hosts, volume)), self._state(volume, "Created")))
        costs["start"].append(self._cost(lambda: side.start(volume), self._state(volume, "Started")))
        self._check("three bricks listen", lambda: count(hosts, BRICK) == 3 and all(map(serving_ports, hosts)))
        healers.append(count(side.hosts, CLIENT))
        costs["set"].append(self._cost(lambda: side.set(volume, OPTION, VALUE), self._state(volume, "Started", {OPTION: VALUE})))
        costs["stop"].append(self._cost(lambda: side.stop(volume), self._state(volume, "Stopped")))
        costs["delete"].append(self._cost(lambda: side.delete(volume), self._state(volume, None)))

    def _state(self, volume: str, state: str | None, options: dict[str, str] | None = None) -> Callable[[], None]:
        """Waits until every peer tells of the volume so (None: of no volume), and what the command left running has ended."""

        def known(via: int) -> bool:
            seen = self._side.seen(volume, via)
            return seen is None if state is None else seen is not None and seen[0] == state and (options or {}).items() <= seen[1].items()

        def wait() -> None:
            self._check(f"{volume} is {state} on every peer", lambda: all(map(known, range(self.size))))
            self._check("hook scripts end", lambda: at_rest(self._side.hosts, self._resting))

        return wait

    def lists(self) -> None:
        """The list of all peers: by the protocol; and `gluster peer status` and `pool list`, as a person waits for them."""
        first = self._side.hosts[0]
        self.note(
            peer_list_ms=self._median_ms(self._side.connection.peers),
            gluster_peer_status_ms=self._median_ms(functools.partial(first.run, ["gluster", "--mode=script", "peer", "status"])),
            gluster_pool_list_ms=self._median_ms(functools.partial(first.run, ["gluster", "--mode=script", "pool", "list"])),
        )

    @staticmethod
    def _median_ms(call: Callable[[], object]) -> float:
        times = []
        for _ in range(LISTS):
            began = time.monotonic()
            call()
            times.append(time.monotonic() - began)
        return 1000 * statistics.median(times)

    def _cost(self, call: Callable[[], object], until: Callable[[], object]) -> Cost:
        """What is counted goes on until AFTER_S after `until` has returned, less what a pool at rest has in as long."""
        before, began = self._counted(), time.monotonic()
        call()
        took = time.monotonic() - began
        until()
        time.sleep(AFTER_S)
        return Cost(took, _less(self._counted(), before, self._idle, time.monotonic() - began))

    def _at_rest(self, seconds: float) -> Counted:
        """In a second of these."""
        before, began = self._counted(), time.monotonic()
        time.sleep(seconds)
        spent, took = _less(self._counted(), before), time.monotonic() - began
        return Counted(*(number / took for number in spent))

    def _counted(self) -> Counted:
        """So far."""
        each = [host.sent() for host in self._side.hosts]
        return Counted(sum(packets for packets, _ in each), sum(sizes for _, sizes in each), kernel.cpu_s(self._side.pids))

    @staticmethod
    def _check(what: str, condition: Callable[[], object]) -> None:
        wait_for(what, condition, CHECK_S, 0.05)


def _less(now: Counted, before: Counted, rate: Counted | None = None, seconds: float = 0.0) -> Counted:
    """
    >>> _less(Counted(9, 90, 3.0), Counted(1, 10, 1.0), Counted(2, 20, 0.5), 2.0)
    Counted(packets=4.0, byte_count=40.0, cpu_s=1.0)
    """
    return Counted(*(new - old - each * seconds for new, old, each in zip(now, before, rate or Counted(0, 0, 0), strict=True)))
