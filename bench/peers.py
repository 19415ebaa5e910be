"""`bench peers --peers N`: a pool of N real daemons on this machine, and what it costs to be so many.

The daemons are whole ones, forked from a zygote (crowd.py), joined over the peer RPC, many by one request. Each
experiment prints what it found at once; raw results go to docs/plots/peers-N.json with --write-docs. Bricks are real ones.
With --glusterd it is the opponent's pool instead (rivals.py).
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import http.client
import json
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import arguments, ksm, report
from bench.crowd import Crowd, why_not
from bench.kernel import available_mib
from bench.peers_pool import Pool
from bench.peers_report import write_docs
from bench.report import percentile
from bench.rivals import Rivals
from bench.rivals import why_not as why_no_rivals
from bench.sides import NotDone

JOIN = ("join.ask", "join.invite", "step.run", "follow.open", "follow.snapshot", "command.run", "store.forward", "store.read")
"""What a join says besides; and `FEED` carries the change to everybody. (What others do at the same time is counted with it.)"""
FEED = ("follow.frames",)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BRICKS = 30
JOINED_AT_ONCE = 50
STARTED_AT_ONCE = 50
COMMANDS = 5
CHANGES, FAST_S, FAST_RATE, HALF_RATE = 20, 15.0, 50, 25
CURRENT_S, AT_REST_S = 60.0, 5.0
AFTER_FORMING_S = 95.0
"""Connections that peers joined by are closed after 60 to 90 s, and pinged until then."""
IDLE_S = 20.0
KSM_S = 240.0
BEHIND, APPLIED_PER_S = 10_000, 33_000
MANY_VOLUMES = 5_000


class Ended(NotDone):
    """By a signal: what was found until then counts."""


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within, the first of them raises Ended; later ones don't disturb the cleaning up."""

    def end(number: int, _: object) -> None:
        for one in ENDING:
            signal.signal(one, signal.SIG_IGN)
        raise Ended(f"it was ended by {signal.Signals(number).name}")

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, what in before.items():
            signal.signal(number, what)


class Experiments(Pool):
    """One pool from its forming to its end."""

    def run(self) -> None:
        steps: list[tuple[str, Callable[[], None]]] = [
            ("start", self.start), ("form", self.form), ("memory", self.memory), ("rest", self.rest), ("commands", self.commands), ("spread", self.spread),
            ("fast", self.fast), ("lists", self.lists), ("leader", self.kill_leader), ("relay", self.kill_relay), ("tenth", self.kill_tenth),
            ("behind", self.behind), ("storm", self.storm), ("thirty", self.thirty), ("volumes", self.volumes),
        ]  # fmt: skip
        chosen = (
            self.options.only.split(",") if self.options.only else [name for name, _ in steps if name not in self.options.skip.split(",")]
        )
        for name, step in steps:
            if name in ("start", "form") or name in chosen:
                self.say(f"experiment: {name}")
                if name not in ("start", "form"):
                    self.voters_first()
                step()

    # forming

    def start(self) -> None:
        self.free_before_mib = available_mib()
        began = time.monotonic()
        for first in range(0, self.size, STARTED_AT_ONCE):  # all at once, they would keep the zygote from the processor
            batch = range(first, min(first + STARTED_AT_ONCE, self.size))
            self.crowd.start(batch)
            for number in batch:
                self.crowd.until(f"peer {number} answers", functools.partial(self.crowd.answers, number))
            if first and first % 250 == 0:
                self.say(f"started {first}")
        self.note(start_all_s=time.monotonic() - began)

    def form(self) -> None:
        """All but the last join, JOINED_AT_ONCE by each request to the first peer, one request after the other."""
        before = self.crowd.cpu_s()
        began = time.monotonic()
        for first in range(1, self.size - 1, JOINED_AT_ONCE):
            batch = range(first, min(first + JOINED_AT_ONCE, self.size - 1))
            newcomers = [{"addresses": [self.crowd.address(number)]} for number in batch]
            self.crowd.ask(0, "POST", "/v1/cluster/peers?timeout=120", {"peers": newcomers}, 125.0)
            self.voters_first()
            if first > 1 and (self.size <= 300 or not first // JOINED_AT_ONCE % 2):
                self.say(f"joined {batch[-1]}")
        probed = time.monotonic() - began
        self.everybody_current(240)
        self.crowd.until("everybody is online and enough vote", self.is_whole, 240)
        self.note(form_s=time.monotonic() - began, probed_s=probed, form_cpu_s=self.crowd.cpu_s() - before)
        self.join_last()

    def join_last(self) -> None:
        """The last peer joins alone, and every message of all peers is counted."""
        before = self.said(self.alive(), JOIN), self.said(self.alive(), FEED)
        began = time.monotonic()
        self.crowd.ask(0, "POST", "/v1/peers", {"addresses": [self.crowd.address(self.size - 1)]})
        took = time.monotonic() - began
        self.joined = self.size
        self.crowd.until("the last one is online, too", self.is_whole, 120)
        after = self.said(self.alive(), JOIN), self.said(self.alive(), FEED)
        (frames, sizes), (fed, fed_bytes) = ((new[0] - old[0], new[1] - old[1]) for old, new in zip(before, after, strict=True))
        self.note(
            join_ms=1000 * took, messages_per_join=frames, bytes_per_join=sizes, feed_messages_per_join=fed, feed_bytes_per_join=fed_bytes
        )

    # at rest

    def rest(self) -> None:
        time.sleep(AFTER_FORMING_S)
        before, counted = self.crowd.cpu_s(), self.total(self.crowd.traffic(self.alive()))
        began = time.monotonic()
        time.sleep(IDLE_S)
        took = time.monotonic() - began
        cores = (self.crowd.cpu_s() - before) / took
        after = self.total(self.crowd.traffic(self.alive()))
        self.note(idle_cores=cores, idle_messages_per_s=sum((after - counted).values()) / took)

    def memory(self) -> None:
        """PSS: a page that several processes share counts in parts. And what the machine has less than before they were started."""
        if self.crowd.merged:
            self.note(ksm_s=ksm.merge(KSM_S))
        each = self.crowd.pss_mib(self.alive())
        self.note(
            memory_gib=sum(each) / 1024, memory_mib_median=statistics.median(each), memory_mib_leader=self.crowd.pss_mib([self.leader()])[0],
            memory_of_machine_gib=(self.free_before_mib - available_mib()) / 1024, ksm=self.crowd.merged,
        )  # fmt: skip

    # commands

    def commands(self) -> None:
        """A replica 3 volume on three peers that don't vote (where there are so many), asked of one that is none of them. These three go first, too."""
        status = self.status()
        voters = {self.number_of(peer) for peer in status["voters"]}
        others = [n for n in self.alive() if n not in voters] or self.alive()
        hosts = others[:3] if len(others) >= 3 else self.alive()[:3]
        self.crowd.go_first(hosts)
        leader = self.leader()
        strangers = [n for n in self.alive() if n not in hosts and n not in voters][:10]
        concerned = [leader, *hosts]
        times: dict[str, list[float]] = defaultdict(list)
        frames: dict[str, list[int]] = defaultdict(list)
        sizes: dict[str, list[int]] = defaultdict(list)
        cpu: list[float] = []
        bystanders = self.said(strangers)
        for number in range(COMMANDS):
            for what, method, path, body in self.life_of(f"bench{number}", hosts, 3):
                before, used = self.said(concerned), self.crowd.cpu_s([leader])
                began = time.monotonic()
                self.crowd.ask(leader, method, path, body)
                times[what].append(time.monotonic() - began)
                if what == "create":
                    cpu.append(self.crowd.cpu_s([leader]) - used)
                after = self.said(concerned)
                frames[what].append(after[0] - before[0])
                sizes[what].append(after[1] - before[1])
        self.note(
            **{f"{what}_ms": 1000 * statistics.median(found) for what, found in times.items()},
            **{f"messages_per_{what}": statistics.median(found) for what, found in frames.items()},
            **{f"bytes_per_{what}": statistics.median(found) for what, found in sizes.items()},
            messages_of_bystanders=self.said(strangers)[0] - bystanders[0],
            leader_cpu_ms_per_create=1000 * statistics.median(cpu),
        )

    def thirty(self) -> None:
        """Volumes of thirty bricks, on as many peers as there are for them."""
        leader, hosts = self.leader(), self.alive()[-BRICKS:]
        times: dict[str, list[float]] = defaultdict(list)
        for number in range(3):
            for what, method, path, body in self.life_of(f"thirty{number}", hosts, BRICKS):
                began = time.monotonic()
                self.crowd.ask(leader, method, path, body)
                times[what].append(time.monotonic() - began)
        self.note(**{f"{what}_thirty_ms": 1000 * statistics.median(found) for what, found in times.items()})

    # changes reach everybody

    def spread(self) -> None:
        """One change a second: from the leader's apply to the last peer's. The leader's CPU is without what it needs at rest in that time."""
        leader = self.leader()
        self.make_quiet_volume(leader)
        self.everybody_current(30)
        connection = http.client.HTTPConnection(self.crowd.address(leader), 24007, timeout=60)
        lasts, cpu = [], []
        time.sleep(2.0)  # making the volume were more than one change a second
        at_rest = self.cpu_at_rest(leader)
        for number in range(CHANGES):
            used, began = self.crowd.cpu_s([leader]), time.monotonic()
            revision = self.change(connection, leader, str(number))
            self.everybody_current(30, every=0.1)
            cpu.append(self.crowd.cpu_s([leader]) - used - at_rest * (time.monotonic() - began))
            lasts.append(self.late(revision, leader))
            time.sleep(1.0)
        lasts.sort()
        self.note(
            spread_p50_ms=1000 * percentile(lasts, 50),
            spread_p99_ms=1000 * percentile(lasts, 99),
            leader_cpu_ms_per_commit=1000 * statistics.median(cpu),
            leader_cpu_ms_per_s_at_rest=1000 * at_rest,
        )

    def cpu_at_rest(self, number: int) -> float:
        """What a peer needs while nothing happens: seconds of CPU a second."""
        used = self.crowd.cpu_s([number])
        time.sleep(AT_REST_S)
        return (self.crowd.cpu_s([number]) - used) / AT_REST_S

    def fast(self) -> None:
        """HALF_RATE, then FAST_RATE changes a second: how far behind anybody ever is. The first are asked of another peer, as nearly all are
        in a large pool: the leader has the plan and the commit to do then, not HTTP, JSON and tokens."""
        leader = self.leader()
        self.make_quiet_volume(leader)
        self.everybody_current(30)
        at_rest = self.cpu_at_rest(leader)
        other = next(n for n in self.alive() if n != leader)
        self.crowd.go_first([other])
        rate, behind, cpu_ms = self.drive(leader, HALF_RATE, at_rest, through=other)
        self.note(half_rate=rate, half_behind_max_s=behind, leader_cpu_ms_per_commit_asked_elsewhere=cpu_ms)
        rate, behind, cpu_ms = self.drive(leader, FAST_RATE, at_rest, through=leader)
        self.note(fast_rate=rate, fast_behind_max_s=behind, leader_cpu_ms_per_fast_commit=cpu_ms)

    def drive(self, leader: int, wanted: float, at_rest: float, *, through: int) -> tuple[float, float, float]:
        """That many changes a second, or as many as there can be, for FAST_S, asked of the peer `through`: how many there were, how far behind
        anybody ever was (s), and the leader's CPU for each (ms, without what it needs at rest)."""
        connection = http.client.HTTPConnection(self.crowd.address(through), 24007, timeout=60)
        revisions, used = [], self.crowd.cpu_s([leader])
        began = time.monotonic()
        for number in range(int(FAST_S * wanted)):
            time.sleep(max(0.0, began + number / wanted - time.monotonic()))
            revisions.append(self.change(connection, through, str(number)))
        took = time.monotonic() - began
        used = self.crowd.cpu_s([leader]) - used - at_rest * took
        self.everybody_current(CURRENT_S)
        behind = max(self.late(revision, leader) for revision in revisions[::5])
        return len(revisions) / took, behind, 1000 * used / len(revisions)

    def lists(self) -> None:
        for name, path in (("peer_list_ms", "/v1/peers?limit=1000"), ("cluster_status_ms", "/v1/cluster/status")):
            began = time.monotonic()
            self.crowd.ask(self.alive()[-1], "GET", path)
            self.note(**{name: 1000 * (time.monotonic() - began)})

    # deaths

    def kill_leader(self) -> None:
        leader = self.leader()
        self.make_quiet_volume(leader)
        self.everybody_current(30)
        others = [n for n in self.alive() if n != leader]
        self.crowd.kill([leader])
        took = self.writes_again(self.rng.sample(others, min(5, len(others))))
        current = took + self.everybody_current(60)
        self.crowd.start([leader])
        self.crowd.until("the old leader answers", lambda: self.crowd.answers(leader), 60)
        self.everybody_current(60)
        self.note(leader_kill_s=took, leader_kill_all_current_s=current)

    def kill_relay(self) -> None:
        """A peer that others follow and that doesn't vote; where there is none, a voter that doesn't lead."""
        status = self.status(self.alive()[0])
        voters = {self.number_of(peer) for peer in status["voters"]}
        relays = [n for n in self.alive() if n not in voters and self.status(n)["followers"]][:1] if self.size > 200 else []
        relay = relays[0] if relays else next(n for n in sorted(voters) if n != self.leader())
        self.crowd.kill([relay])
        through = self.alive()[:3]
        self.writes_again(through)
        current = self.everybody_current(60)
        self.crowd.start([relay])
        self.crowd.until("the relay answers", lambda: self.crowd.answers(relay), 60)
        self.note(relay_kill_all_current_s=current, relay_was_voter=not relays)

    def kill_tenth(self) -> None:
        leader = self.leader()
        doomed = self.rng.sample([n for n in self.alive() if n != leader], max(1, self.size // 10))
        self.crowd.kill(doomed)
        self.writes_again([leader], 60)
        current = self.everybody_current(60)
        began = time.monotonic()
        self.crowd.start(doomed)
        for number in doomed:
            self.crowd.until(f"peer {number} answers", functools.partial(self.crowd.answers, number), 120)
        self.everybody_current(120)
        self.note(tenth_kill_rest_current_s=current, tenth_back_s=time.monotonic() - began)

    def behind(self) -> None:
        """One peer away for many changes, as many a second as these processors apply everywhere: a writer that goes before all others (crowd.py) would starve
        those who don't, and be given up."""
        leader = self.leader()
        status = self.status()
        voters = {self.number_of(peer) for peer in status["voters"]}
        away = next((n for n in reversed(self.alive()) if n not in voters), None)
        if away is None:
            away = next(n for n in reversed(self.alive()) if n != leader)
        self.make_quiet_volume(leader)
        self.crowd.kill([away])
        count = self.options.behind

        connection = http.client.HTTPConnection(self.crowd.address(leader), 24007, timeout=60)
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number * self.size / APPLIED_PER_S - time.monotonic()))
            self.change(connection, leader, str(number))
        self.everybody_current(60)
        began = time.monotonic()
        self.crowd.start([away])
        self.everybody_current(60, [away])
        self.note(catch_up_s=time.monotonic() - began, catch_up_changes=count)

    def storm(self) -> None:
        """Everybody is killed at once, and started again at once."""
        before = self.revision()
        everybody = self.alive()
        self.crowd.kill(everybody)
        began = time.monotonic()
        self.crowd.start(everybody)
        board = self.crowd.board
        self.crowd.until("everybody has its state again", lambda: all(board.revision(n) >= before for n in everybody), 300, 0.1)
        states = time.monotonic() - began
        self.voters_first()
        self.writes_again(everybody[:3], 120)
        self.everybody_current(120)
        self.crowd.until("everybody is online", self.is_whole, 180)
        self.note(restart_all_s=time.monotonic() - began, restart_states_s=states)

    def volumes(self) -> None:
        """Many volumes in the store: made fast, by several writers."""
        leader = self.leader()
        hosts = self.alive()[:3]
        count = self.options.volumes
        for n in hosts:
            (self.crowd.place(n) / "many").mkdir(exist_ok=True)
        times_few = self.set_times(leader)

        def writer(first: int) -> None:
            connection = http.client.HTTPConnection(self.crowd.address(leader), 24007, timeout=120)
            for number in range(first, count, 8):
                n = hosts[number % len(hosts)]
                brick = f"{self.crowd.address(n)}:{self.crowd.place(n)}/many/{number}"
                self.crowd.ask_on(connection, leader, "POST", "/v1/volumes", {"name": f"many{number:05}", "bricks": [brick], "force": True})

        began = time.monotonic()
        all_at_once(writer, 8)
        made = time.monotonic() - began
        self.everybody_current(120)
        began = time.monotonic()
        self.crowd.ask(leader, "GET", "/v1/volumes?limit=100")
        listed = time.monotonic() - began
        times_many = self.set_times(leader)
        restarted = next(n for n in hosts if n != leader)
        self.crowd.kill([restarted])
        began = time.monotonic()
        self.crowd.start([restarted])
        self.crowd.until("it answers", lambda: self.crowd.answers(restarted), 60, 0.01)
        self.everybody_current(60, [restarted])
        took = time.monotonic() - began
        self.note(
            volumes=count, volumes_made_s=made, volumes_page_s=listed, volumes_restart_s=took,
            volumes_memory_mib=max(self.crowd.pss_mib([leader, restarted])), set_ms_few=times_few, set_ms_many=times_many,
        )  # fmt: skip


def all_at_once(writer: Callable[[int], None], count: int) -> None:
    """Each in a thread of its own. Raises what one of them raised: what was not written must not count."""
    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(writer, number) for number in range(count)]:
            done.result()


def ours(stack: contextlib.ExitStack, options: argparse.Namespace, folder: Path) -> Experiments:
    return Experiments(stack.enter_context(Crowd(options.peers, folder / "p", merged=options.ksm)), options)


def refusal(options: argparse.Namespace) -> str | None:
    """Why this can't be measured here."""
    if options.glusterd:
        return why_no_rivals(options.peers)
    return why_not(options.peers, merged=options.ksm) or (ksm.why_not() if options.ksm else None)


def measured(options: argparse.Namespace) -> dict[str, Any] | None:
    """What was found, also when it ended early ("failed" says why); None when nothing was begun."""
    experiments: Experiments | Rivals | None = None
    failed = {}
    try:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gd2-peers-", dir=options.folder))
            if options.ksm:
                stack.enter_context(ksm.switched_on())
            experiments = Rivals(options, Path(folder)) if options.glusterd else ours(stack, options, Path(folder))
            try:
                experiments.run()
            except NotDone:
                if isinstance(experiments, Experiments):
                    print("\n".join(("the daemons' last warnings:", *experiments.crowd.last_words())), file=sys.stderr)
                raise
    except (NotDone, OSError, http.client.HTTPException) as error:
        print(f"bench peers: {error}", file=sys.stderr)
        failed = {"failed": str(error) or type(error).__name__}
    if experiments is None:
        return None
    date = f"{datetime.datetime.now(datetime.UTC).date()}"
    return experiments.found | failed | {"commit": report.commit(), "date": date, "machine": report.machine()}


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench peers", description="A pool of many real daemons on this machine.")
    parser.add_argument("--peers", type=int, default=30)
    parser.add_argument(
        "--glusterd", action="store_true", help="the opponent: real glusterds, each in its own network namespace (needs root)"
    )
    parser.add_argument("--only", default="", help="experiments, with commas between (start and form always run)")
    parser.add_argument("--skip", default="volumes", help="experiments to leave out (default: %(default)s)")
    parser.add_argument("--behind", type=int, default=BEHIND, help="changes that a peer misses")
    parser.add_argument("--volumes", type=int, default=MANY_VOLUMES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the daemons' folders go (default: the system's for temporary files)"
    )
    parser.add_argument(
        "--ksm", action="store_true", help="let the kernel merge equal pages of the daemons (needs root; the table says so)"
    )
    arguments.output(parser, "write docs/plots/peers-N.json (glusterd-N.json), and the table and plots")
    parser.add_argument("--report", action="store_true", help="measure nothing: write table and plots of docs/ anew from the kept results")
    options = parser.parse_args(words)
    if options.report:
        write_docs()
        return 0
    if options.peers < 3:
        parser.error("--peers: 3 or more")
    if options.glusterd and options.ksm:
        parser.error("--ksm is for our daemons, not for --glusterd")
    if reason := refusal(options):
        print(f"bench peers: {reason}", file=sys.stderr)
        return 2
    with ended_by_signals():
        found = measured(options)
    if found is None:
        return 1
    rows = [
        ["what", str(options.peers)],
        *([name, f"{value:.4g}" if isinstance(value, float) else str(value)] for name, value in found.items()),
    ]
    report.show(rows)
    if options.write_docs:
        (report.DOCS / "plots" / f"{found['name']}-{options.peers}.json").write_text(json.dumps(found, indent=1) + "\n")
        write_docs()
    if options.json:
        print(json.dumps(found))
    return 1 if "failed" in found else 0
