"""`bench commit`: commits of 300 bytes on three daemons with fsync, against three of etcd with fsync.

The sides alternate in every round, on one machine and one disk, each driven by a process of its own that speaks the side's
own protocol to the leader (commit_load.py). A side that acknowledged more than its revision grew by fails the benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench import arguments, report
from bench.commit_load import VALUE_BYTES
from bench.commit_sides import Etcd, Ours, Servers, version, why_not
from bench.sides import NotDone

CONCURRENCY = (1, 16, 256)
GOALS = {"throughput_c1": 1.0, "throughput_c16": 1.8, "throughput_c256": 4.0, "p99_c1": 1.0, "p99_c16": 1.0, "p99_c256": 1.0}
GOALS |= {"failover": 1.0, "rss": 1.0}
FAILOVER_S = 12.0
FLOOR_COUNT = 300
CHECK_LOADS = ("s", "m", "l", "xl")
CHILD_EXTRA_S = 60.0

Numbers = dict[tuple[str, str], list[float]]  # by (side, what)


def main(words: list[str]) -> int:
    options = _options(words)
    if reason := why_not():
        print(f"bench commit: {reason}", file=sys.stderr)
        return 1
    numbers: Numbers = defaultdict(list)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-commit-", dir=options.folder) as folder:
            checked = _measure(Path(folder), options, numbers)
            floor = _floor(Path(folder))
            kind = report.file_system(Path(folder))
    except (NotDone, OSError) as error:
        print(f"bench commit: {error}", file=sys.stderr)
        return 1
    ratios = _ratios(numbers)
    report.show(_rows(numbers, ratios))
    print(_floor_text(floor), *checked, sep="\n")
    if options.write_docs:
        _write_docs(options, numbers, ratios, [*checked, f"{_floor_text(floor)}."], kind)
    if options.json:
        print(json.dumps({"name": "commit", "ours_over_theirs": ratios, "floor_ms": round(sum(floor[:1]) + 2 * floor[1], 4)}))
    return 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench commit", description="Commits of three daemons with fsync, against etcd.")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default %(default)s)")
    parser.add_argument("--failovers", type=int, default=3, help="leaders to kill on each side (default %(default)s)")
    help = "etcdctl check perf with this load too (xl: 15,000 writes a second, if it can), for a minute"
    parser.add_argument("--check-perf", choices=CHECK_LOADS, default=None, help=help)
    parser.add_argument("--folder", default=None, help="where the data goes (default: the folder for temporary files)")
    arguments.output(parser, "write the section of docs/benchmarks.md, and its plot")
    return parser.parse_args(words)


def _measure(folder: Path, options: argparse.Namespace, numbers: Numbers) -> list[str]:
    """What etcd's own check says, when asked for."""
    with Ours(folder / "ours") as ours, Etcd(folder / "etcd") as etcd:
        sides: list[Servers] = [ours, etcd]
        for round_ in range(options.rounds):
            for concurrency in CONCURRENCY:
                for side in sides if round_ % 2 == 0 else sides[::-1]:
                    _load(side, concurrency, options.seconds, numbers)
        for side in sides:
            numbers[side.side, "rss"].append(side.rss_mib())
        for _ in range(options.failovers):
            for side in sides:
                numbers[side.side, "failover"].append(_failover(side))
                _say(f"{side.label}: failover {numbers[side.side, 'failover'][-1]:.2f} s")
        return [f"`etcdctl check perf --load={options.check_perf}`: {etcd.check(options.check_perf)}."] if options.check_perf else []


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _load(side: Servers, concurrency: int, seconds: float, numbers: Numbers) -> None:
    before, cpu = side.revision(), side.cpu_s()
    began = time.monotonic()
    child = _child(side, "load", concurrency, seconds)
    out, errors = child.communicate(json.dumps(side.targets()), timeout=seconds + CHILD_EXTRA_S)
    if child.returncode != 0:
        raise NotDone(f"the client of {side.label} failed at concurrency {concurrency}: {errors[-600:]}")
    result = json.loads(out)
    grown, took = side.revision() - before, time.monotonic() - began
    if grown < result["total"]:
        raise NotDone(f"{side.label} acknowledged {result['total']} commits, its revision grew by {grown}")
    for key, name in (("per_s", "throughput"), ("p50", "p50"), ("p99", "p99"), ("client_busy", "client")):
        numbers[side.side, f"{name}_c{concurrency}"].append(result[key])
    numbers[side.side, f"cores_c{concurrency}"].append((side.cpu_s() - cpu) / took)
    _say(f"{side.label} c={concurrency}: {result['per_s']:.0f}/s, p99 {1000 * result['p99']:.2f} ms")


def _child(side: Servers, what: str, concurrency: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.commit_load", side.side, what, str(concurrency), str(seconds)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=report.ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _failover(side: Servers) -> float:
    """Seconds from the kill of the leader to the end of the first commit that began after it."""
    side.wait_ready()
    targets = side.targets()
    child = _child(side, "failover", 1, FAILOVER_S)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps(targets))
    child.stdin.close()
    for _ in range(20):
        if not child.stdout.readline():
            raise NotDone(f"{side.label}: no commits before the failover: {child.stderr.read()[-600:] if child.stderr else ''}")
    killed = time.monotonic()
    side.kill(targets["leader"])
    watchdog = threading.Timer(FAILOVER_S + CHILD_EXTRA_S, child.kill)
    watchdog.start()
    ends: list[float] = [end for began, end in map(json.loads, child.stdout) if began > killed]
    watchdog.cancel()
    child.wait(CHILD_EXTRA_S)
    side.start(targets["leader"])
    if not ends:
        raise NotDone(f"{side.label}: no commit within {FAILOVER_S:g} s after its leader was killed")
    side.wait_ready()
    return min(ends) - killed


def _floor(folder: Path) -> tuple[float, float]:
    """Medians in ms: writing and fdatasync of 350 bytes in this folder; a round trip on the loopback interface."""
    with (folder / "floor").open("wb", buffering=0) as file:
        writes = []
        for _ in range(FLOOR_COUNT):
            began = time.perf_counter()
            file.write(bytes(VALUE_BYTES + 50))
            os.fdatasync(file.fileno())
            writes.append(time.perf_counter() - began)
    return 1000 * statistics.median(writes), 1000 * _round_trip()


def _round_trip() -> float:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        echo = threading.Thread(target=_echo, args=(far,), daemon=True)
        echo.start()
        times = []
        for _ in range(FLOOR_COUNT):
            began = time.perf_counter()
            near.sendall(bytes(VALUE_BYTES))
            near.recv(4096)
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def _echo(end: socket.socket) -> None:
    with end:
        while data := end.recv(4096):
            end.sendall(data)


def _floor_text(floor: tuple[float, float]) -> str:
    sync, trip = floor
    return (
        f"floor: write and fdatasync {sync:.3f} ms, loopback round trip {trip:.3f} ms; a commit needs two round trips and one fdatasync: "
        f"{sync + 2 * trip:.3f} ms, {1000 / (sync + 2 * trip):.0f}/s one at a time"
    )


def _ratios(numbers: Numbers) -> dict[str, float]:
    """Median over median; a p99 is the median of the rounds' p99."""
    return {what: round(_median(numbers, "ours", what) / _median(numbers, "etcd", what), 3) for what in GOALS}


def _median(numbers: Numbers, side: str, what: str) -> float:
    return statistics.median(numbers[side, what])


def _verdict(what: str, ratio: float) -> str:
    goal = GOALS[what]
    met = ratio >= goal if what.startswith("throughput") else ratio <= goal
    return f"{'>=' if what.startswith('throughput') else '<='} {goal:g} {'met' if met else 'MISSED'}"


def _cell(numbers: Numbers, side: str, what: str) -> str:
    """Median and range, in the unit of the row."""
    scale, form = (1000, ".2f") if what.startswith(("p50", "p99")) else (1, ".2f" if what == "failover" else ".0f")
    values = [scale * value for value in numbers[side, what]]
    spread = f" ({min(values):{form}} - {max(values):{form}})" if len(values) > 1 else ""
    return f"{statistics.median(values):{form}}{spread}"


def _rows(numbers: Numbers, ratios: dict[str, float]) -> list[list[str]]:
    rows = [["", "ours", "etcd", "ours/etcd", "goal"]]
    units = {"throughput": "commits/s", "p99": "p99 ms", "p50": "p50 ms"}
    for what in [f"{kind}_c{c}" for c in CONCURRENCY for kind in ("throughput", "p50", "p99")] + ["failover", "rss"]:
        kind, _, concurrency = what.partition("_c")
        name = (
            f"{units[kind]}, {concurrency} at a time" if kind in units else {"failover": "failover s", "rss": "memory MiB, all three"}[kind]
        )
        cells = [_cell(numbers, "ours", what), _cell(numbers, "etcd", what)]
        rows.append([name, *cells, *([f"{ratios[what]:.2f}", _verdict(what, ratios[what])] if what in ratios else ["", ""])])
    for kind, name in (("client", "client's use of a core"), ("cores", "cores used by the servers")):
        for c in CONCURRENCY:
            cells = [f"{_median(numbers, side, f'{kind}_c{c}'):.2f}" for side in ("ours", "etcd")]
            rows.append([f"{name}, {c} at a time", *cells, "", ""])
    return rows


def _write_docs(options: argparse.Namespace, numbers: Numbers, ratios: dict[str, float], notes: list[str], kind: str) -> None:
    load, check = os.getloadavg()[0], f" --check-perf {options.check_perf}" if options.check_perf else ""
    lines = [
        "## Commits, against etcd",
        "",
        f"- Commit {report.commit()}; {report.machine()}, {kind}; load average at the end {load:.1f}.",
        f"- etcd {version()}, three members, default options; ours: three daemons, default options. Both fsync before they acknowledge. "
        f"{options.rounds} alternating rounds of {options.seconds:g} s, values of {VALUE_BYTES} bytes, median (lowest - highest).",
        "- Clients: one process that talks to the leader; ours speaks the peer RPC (store.forward), as every other peer does "
        "(commits asked for in one turn of its event loop share a frame), etcd's is gRPC over a small HTTP/2 client of the benchmark's "
        "own (a gRPC library in Python costs more than the rest of the client).",
        *(f"- {note}" for note in notes),
        f"- Repeat: `./dev bench commit --rounds {options.rounds} --seconds {options.seconds:g}{check} --write-docs`.",
        "",
        report.markdown(_rows(numbers, ratios)),
        "",
        "![Commits a second](plots/commit.svg)",
    ]
    _plot(report.DOCS / "plots" / "commit.svg", numbers)
    report.replace_section(report.DOCS / "benchmarks.md", "commit", "\n".join(lines))


def _plot(path: Path, numbers: Numbers) -> None:
    import matplotlib  # here: a run without --write-docs must not pay for it

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, 2, figsize=(9, 3.5))
    panels: list[tuple[Any, str, str, float]] = [
        (plots[0], "throughput", "commits a second", 1),
        (plots[1], "p99", "99th percentile, ms", 1000),
    ]
    for axes, kind, label, scale in panels:
        for side in ("ours", "etcd"):
            axes.plot(CONCURRENCY, [scale * _median(numbers, side, f"{kind}_c{c}") for c in CONCURRENCY], marker="o", label=side)
        axes.set(xscale="log", yscale="log", xlabel="commits at a time", ylabel=label)
        axes.set_xticks(CONCURRENCY, [str(c) for c in CONCURRENCY])
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
