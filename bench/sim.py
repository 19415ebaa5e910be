"""`bench sim`: simulated lives of whole pools, one per seed, and bugs planted to see that the simulator would notice.

Each run is the real store on a virtual clock, network and disk (tests/store/sim.py); its checkers are the logs' invariants and
linearizability of what the clients saw. A run that fails prints its seed, what was wrong, and the command that replays it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from bench import arguments, report
from tests.store import planted, sim, simtransactions

PLANTED = {
    "acknowledge_before_fsync": "a follower acknowledges before its fsync",
    "commit_before_own_fsync": "the leader counts itself before its fsync",
    "stale_read": "a leader answers reads without asking whether it still leads",
    "apply_twice": "a repeated operation happens again",
    "vote_twice": "a voter votes for two in a term: two leaders",
    "two_votes": "a vote counts as often as it comes: two leaders",
    "propose_after_the_deadline": "what was refused stays queued and is proposed",
    "deadline_from_arrival": "a write's time on its way to the leader is forgotten",
    "forget_the_vote": "a vote does not survive a crash",
    "cut_what_matches": "a repeated message cuts the log behind it",
    "two_changes_at_once": "voters are changed while an earlier change is open",
    "answer_before_applied_here": "answered before the peer's own state holds it",
}
PLANTED_SEEDS_MAX = 1000
PROGRESS_EVERY_S = 5.0
CHUNK = 4
TRANSACTIONS_EVERY = 4


class Life(NamedTuple):
    """One run: what went wrong ("" if nothing), and how much happened."""

    seed: int
    problem: str
    writes: int = 0
    reads: int = 0
    entries: int = 0
    leaders: int = 0


def kind_of(seed: int) -> Any:
    """Every fourth life has transactions, with their own checks, beside the clients of the store."""
    return simtransactions if seed % TRANSACTIONS_EVERY == 0 else sim


def live(seed: int) -> Life:
    logging.disable(logging.CRITICAL)
    try:
        one = kind_of(seed).run(seed, peers=sim.peers_of(seed))
    except Exception as error:  # whatever it is: the seed counts
        return Life(seed, f"{type(error).__name__}: {error}")
    return Life(seed, "", len(one.writes), one.reads, len(one.committed), len(one.leaders))


def seeds_until_found(bug: str, first: int = 0) -> tuple[str, int | None, str]:
    """(bug, how many seeds were needed, None when PLANTED_SEEDS_MAX were not enough; by what it was noticed)."""
    logging.disable(logging.CRITICAL)
    for count in range(1, PLANTED_SEEDS_MAX + 1):
        seed = first + count - 1
        try:
            with planted.BUGS[bug]():
                sim.run(seed, peers=sim.peers_of(seed))
        except Exception as error:
            return bug, count, str(error)
    return bug, None, ""


def main(words: list[str]) -> int:
    options = _options(words)
    print(f"seeds {options.seed} to {options.seed + options.runs - 1} on {options.jobs} processes", file=sys.stderr)
    seeds = range(options.seed, options.seed + options.runs)
    known = kept(options.keep, seeds) if options.keep else {}
    with ProcessPoolExecutor(options.jobs) as pool:
        began = time.monotonic()
        left = [seed for seed in seeds if seed not in known]
        lives = [*known.values(), *_watched(_keeping(pool.map(live, left, chunksize=CHUNK), options.keep), len(left))]
        took = time.monotonic() - began
        found = list(pool.map(seeds_until_found, PLANTED)) if options.planted else []
    failed = [life for life in lives if life.problem]
    rows = _rows(lives, took)
    report.show(rows)
    if found:
        print()
        report.show(_planted_rows(found, short=True))
    if options.write_docs:
        _write_docs(options, rows, found)
    if options.json:
        print(json.dumps(_json(lives, failed, found)))
    return 1 if failed or any(count is None for _, count, _ in found) else 0


def kept(file: Path, seeds: range) -> dict[int, Life]:
    """The lives of these seeds that FILE has from earlier runs on the same commit. Ends with a message for a line that is none."""
    lives, commit = {}, report.commit()
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], 1):
        try:
            row = json.loads(line)
            life = Life(**row["life"])
        except (ValueError, TypeError, KeyError) as error:
            raise SystemExit(f"bench sim: {file}, line {number} is no life: {error}") from error
        if row["commit"] == commit and life.seed in seeds:
            lives[life.seed] = life
    return lives


def _keeping(lives: Iterator[Life], file: Path | None) -> Iterator[Life]:
    """Write each down at once: a run of hours may be stopped and continued."""
    if file is None:
        yield from lives
        return
    commit = report.commit()
    with file.open("a") as out:
        for life in lives:
            print(json.dumps({"commit": commit, "life": life._asdict()}), file=out, flush=True)
            yield life


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench sim", description="Simulated lives of whole pools, one per seed.")
    parser.add_argument("--runs", type=arguments.count, default=200, help="how many seeds (default %(default)s)")
    arguments.seed(parser, "the first one")
    parser.add_argument("--jobs", type=arguments.count, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--no-planted", dest="planted", action="store_false", help="leave out the planted bugs")
    parser.add_argument("--keep", type=Path, help="a file that remembers what was run, so that the same command continues a stopped run")
    arguments.output(parser)
    return parser.parse_args(words)


def _watched(lives: Iterator[Life], runs: int, show: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)) -> Any:
    """Pass the runs on, saying how far they are, and at once what failed."""
    said, failed = time.monotonic(), 0
    for number, life in enumerate(lives, 1):
        if life.problem:
            failed += 1
            show(f"FAILED: {life.problem}\n  replay: python -m {kind_of(life.seed).__name__} {life.seed}")
        if time.monotonic() - said > PROGRESS_EVERY_S:
            said = time.monotonic()
            show(f"{number} of {runs} runs, {failed} failed")
        yield life


def _rows(lives: list[Life], took: float) -> list[list[str]]:
    sums = [sum(getattr(life, name) for life in lives) for name in ("writes", "reads", "entries", "leaders")]
    failed = sum(1 for life in lives if life.problem)
    heading = ["runs", "failed", "writes", "linearizable reads", "log entries", "leaders", "seconds"]
    return [heading, [str(len(lives)), str(failed), *map(str, sums), f"{took:.0f}"]]


def _planted_rows(found: list[tuple[str, int | None, str]], *, short: bool = False) -> list[list[str]]:
    rows = [["planted bug", "seeds until found"]] if short else [["planted bug", "what it does", "seeds until found"]]
    for bug, count, _ in found:
        shown = f"not in {PLANTED_SEEDS_MAX}" if count is None else str(count)
        rows.append([bug, shown] if short else [bug, PLANTED[bug], shown])
    return rows


def _json(lives: list[Life], failed: list[Life], found: list[tuple[str, int | None, str]]) -> dict[str, Any]:
    return {
        "name": "sim",
        "runs": len(lives),
        "failed": len(failed),
        "failed_seeds": [life.seed for life in failed],
        "planted": {bug: count for bug, count, _ in found},
    }


def _write_docs(options: argparse.Namespace, rows: list[list[str]], found: list[tuple[str, int | None, str]]) -> None:
    lines = [
        "## Simulated pools",
        "",
        f"- Commit {report.commit()}; {report.machine()}.",
        f"- Seeds {options.seed} to {options.seed + options.runs - 1}; odd ones with 3 peers, even ones with 5.",
        f"- Repeat: `./dev bench sim --runs {options.runs} --seed {options.seed} --write-docs`; "
        "one of them with a trace: `python -m tests.store.sim SEED`, those that 4 divides `python -m tests.store.simtransactions SEED`.",
        "",
        report.markdown(rows),
    ]
    if found:
        lines += ["", f"Planted bugs, from seed 0 on, at most {PLANTED_SEEDS_MAX}:", "", report.markdown(_planted_rows(found))]
    report.replace_section(report.DOCS / "benchmarks.md", "sim", "\n".join(lines))
