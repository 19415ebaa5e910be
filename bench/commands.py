"""`bench commands`: create, start, set, info, stop, delete of a replica 3 volume, ours against the real glusterd, side by side.

Three peers each, every peer in its own network namespace, all bricks on the same disk. Both are driven by their own protocol over a
kept connection (glusterd: its RPC on the unix socket; ours: REST with a token), no command-line tool is forked. Rounds alternate which
side goes first; every round has a new volume on new brick folders. Timed: from the call to the acknowledgement. After each the work is
checked on every peer and in the process table, and the benchmark fails when it was not done.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import arguments, ours, report, theirs
from bench.namespaces import why_not as why_no_rig
from bench.report import Comparison, Samples
from bench.sides import BRICK, CLIENT, NotDone, Side, at_rest, count, fresh_bricks, serving_ports, wait_for

PEERS = 3
OPERATIONS = ("create", "start", "set", "info", "stop", "delete")
GOALS = {"create": 0.5, "start": 0.25, "set": 0.5, "stop": 0.1, "delete": 0.5}  # at most, of the opponent's median
SERVING, GONE = "start, until all bricks listen", "stop, until no brick runs"
ROUNDS, ROUNDS_ALL = 20, 3
SETS, INFOS = 5, 20  # of one volume: these are quick, and a percentile wants many
OPTION, VALUES = "performance.cache-size", ("64MB", "96MB")
CHECK_DEADLINE_S = 20.0
PAUSE_S = 0.1  # between commands, so that one does not pay for what the one before left running
TURN_S = 1.0  # before a side's turn: the kernel is still taking the other side's processes, sockets and folders apart
DISK = Path("/var/tmp")  # a real disk, unlike /tmp on many machines


class Round:
    """One volume's life on one side, timed into `samples` and checked."""

    def __init__(self, side: Side, samples: Samples, number: int, resting: list[set[int]]) -> None:
        self.side, self.samples, self.volume, self.resting = side, samples, f"bench{number}", resting

    def run(self) -> None:
        side, volume = self.side, self.volume
        bricks = fresh_bricks(side.hosts, volume)
        self._timed("create", lambda: side.create(volume, bricks))
        self._check_state("Created")
        self._start()
        for turn in range(SETS):
            value = VALUES[turn % 2]
            self._timed("set", functools.partial(side.set, volume, OPTION, value))
            self._check("the option is set on every peer", functools.partial(self._options_are, value))
        for _ in range(INFOS):
            self._timed("info", lambda: side.info(volume), settle=False)
        self._stop()
        self._timed("delete", lambda: side.delete(volume))
        self._check("the volume is gone on every peer", lambda: all(seen is None for seen in self._seen()))

    def _start(self) -> None:
        began = self._timed("start", lambda: self.side.start(self.volume))
        if (running := count(self.side.hosts, BRICK)) != PEERS:
            raise NotDone(f"{self.side.label}: start was acknowledged with {running} of {PEERS} bricks running")
        self._check("every brick listens", lambda: all(serving_ports(host) for host in self.side.hosts))
        self.samples.add(self.side.label, SERVING, time.perf_counter() - began)
        self._check("a self-heal daemon runs on every peer", lambda: count(self.side.hosts, CLIENT) == PEERS)
        self._check_state("Started")

    def _stop(self) -> None:
        began = self._timed("stop", lambda: self.side.stop(self.volume))
        self._check("no brick runs", lambda: count(self.side.hosts, BRICK) == 0)
        self.samples.add(self.side.label, GONE, time.perf_counter() - began)
        self._check("no self-heal daemon runs", lambda: count(self.side.hosts, CLIENT) == 0)
        self._check_state("Stopped")

    def _timed(self, operation: str, call: Callable[[], object], settle: bool = True) -> float:
        """Times `call`; returns when it began."""
        if settle:
            self._settle()
        began = time.perf_counter()
        call()
        self.samples.add(self.side.label, operation, time.perf_counter() - began)
        return began

    def _settle(self) -> None:
        """Wait for what an earlier command left running beside its answer (glusterd's hook scripts)."""
        self._check("hook scripts end", lambda: at_rest(self.side.hosts, self.resting))
        time.sleep(PAUSE_S)

    def _check(self, what: str, condition: Callable[[], object]) -> None:
        wait_for(f"{self.side.label}: {self.volume}: {what}", condition, CHECK_DEADLINE_S)

    def _check_state(self, state: str) -> None:
        self._check(f"{state} on every peer", lambda: all(seen is not None and seen[0] == state for seen in self._seen()))

    def _options_are(self, value: str) -> bool:
        return all(seen is not None and seen[1].get(OPTION) == value for seen in self._seen())

    def _seen(self) -> list[tuple[str, dict[str, str]] | None]:
        return [self.side.seen(self.volume, via) for via in range(len(self.side.hosts))]


def measure(sides: list[Side], rounds: int, progress: Callable[[str], None], kind: type[Round] = Round) -> Samples:
    """`rounds` alternating rounds of a `kind`, and one before them that does not count (first use of folders, caches, connections)."""
    samples = Samples()
    resting = [[set(host.processes()) for host in side.hosts] for side in sides]
    pairs = list(zip(sides, resting, strict=True))
    for number in range(rounds + 1):
        into = samples if number else Samples()
        for side, idle in pairs if number % 2 else reversed(pairs):
            time.sleep(TURN_S)
            kind(side, into, number, idle).run()
        progress(f"round {number} of {rounds}" if number else "warmed up")
    return samples


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="bench commands", description="Volume commands, ours against the real glusterd.")
    options.add_argument("--all", action="store_true", help="instead of these six, the other commands that both sides have")
    options.add_argument("--rounds", type=int, default=None, help=f"alternating rounds [{ROUNDS}; with --all {ROUNDS_ALL}]")
    arguments.output(options, "put table and plot into docs/")
    options.add_argument("--only", choices=["ours", "theirs"], help="one side, to look at it (no ratio, no JSON, no docs)")
    options.add_argument("--folder", type=Path, default=DISK, help=f"where all bricks and states are [{DISK}]")
    return options


def main(words: list[str]) -> int:
    options = parser().parse_args(words)
    if options.rounds is None:
        options.rounds = ROUNDS_ALL if options.all else ROUNDS
    if options.rounds < 1:
        return _refuse("--rounds must be 1 or more")
    if options.only and (options.json or options.write_docs):
        return _refuse("--only compares nothing: it goes without --json and --write-docs")
    wanted = [name for name in ("ours", "theirs") if options.only in (None, name)]
    reasons = [why_no_rig(), *(module.why_not() for module in (ours, theirs) if module.__name__.split(".")[1] in wanted)]
    if blocked := [reason for reason in reasons if reason]:
        return _refuse("; ".join(blocked))
    try:
        return _run(options, wanted)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        print(f"bench commands: failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, wanted: list[str]) -> int:
    began, load = time.monotonic(), os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        sides: list[Side] = []
        if "ours" in wanted:
            sides.append(stack.enter_context(ours.Gd2raft(PEERS, options.folder)))
        if "theirs" in wanted:
            sides.append(stack.enter_context(theirs.RealGlusterd(PEERS, options.folder)))
        what = _plan(options)
        samples = measure(sides, options.rounds, lambda line: print(f"  {line}", file=sys.stderr, flush=True), what.kind)
    measured = Comparison(samples, [side.label for side in sides], what.operations, what.goals)
    report.show(measured.table())
    if options.only:
        return 0
    if options.write_docs:
        report.write_docs(what.name, what.title, measured, _facts(options, time.monotonic() - began, load), repeat=what.repeat)
    if options.json:
        print(json.dumps(result(measured, what.told, what.name)))
    return 0


class Plan(NamedTuple):
    """What is measured. `operations`: rows of the table; `told`: those of the JSON object; `name`, `repeat`: of the section of the docs."""

    kind: type[Round]
    operations: Sequence[str]
    told: Sequence[str]
    goals: Mapping[str, float]
    name: str
    title: str
    repeat: str


def _plan(options: argparse.Namespace) -> Plan:
    if not options.all:
        return Plan(Round, [*OPERATIONS, SERVING, GONE], OPERATIONS, GOALS, "commands", "Volume commands", "commands")
    from bench import every_command  # here: it builds on this file

    names = every_command.NAMES
    return Plan(every_command.EveryCommand, names, names, {}, "commands-all", "The other volume commands", "commands --all")


JOBS_FACT = (
    "rebalance start and remove-brick start: glusterd answers when its process runs, after 10 s asleep; ours when the pool has agreed on the job, "
    "whose processes begin 5 s after a change of bricks. Neither waits for its end."
)


def _facts(options: argparse.Namespace, took_s: float, load: float) -> list[str]:
    disk = report.file_system(options.folder)
    return [
        *([JOBS_FACT] if options.all else []),
        f"{options.rounds} alternating rounds after one that does not count, {took_s:.0f} s in all; load before: {load:.2f}.",
        f"{PEERS} peers a side, each in its own network namespace, on this one machine; all disk use on one {disk}.",
        f"glusterd with the package's hook scripts, as installed; both sides come to rest between commands ({TURN_S:g} s before a side's turn); glusterd's own sleeps count.",
        f"Time from call to acknowledgement, over a kept connection (glusterd: RPC on its unix socket; {ours.PROGRAM}: REST with a token).",
    ]


def result(measured: Comparison, names: Sequence[str] = OPERATIONS, called: str = "commands") -> dict[str, object]:
    """The object of --json: medians in milliseconds, and ours over theirs."""
    mine, other = ({name: round(measured.samples.median_ms(label, name), 3) for name in names} for label in measured.labels)
    ratios = {name: round(measured.ratio(name), 4) for name in names}
    return {"name": called, "ours_over_theirs": ratios, "ours_ms": mine, "theirs_ms": other}


def _refuse(reason: str) -> int:
    print(f"bench commands: can't run: {reason}", file=sys.stderr)
    return 2
