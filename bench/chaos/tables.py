"""What a run of `bench chaos` came to, for people, for programs and for docs/benchmarks.md. This file must not know how it was found."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench import report
from bench.chaos.restarts import Restart

SHOWN_MAX = 10
ACKNOWLEDGED = ("write done", "cas done", "append done")


class Outcome(NamedTuple):
    """`faults`, `counts`, `odd`: how often each was done, told to a client, told to a client and not expected. `violations`: in words.

    `recoveries`: seconds until the pool had found itself, with everything mended. `lost`: acknowledged writes.
    """

    kill_all: bool
    keys: int
    seed: int
    minutes: float
    peers: int
    faults: Counter[str]
    counts: Counter[str]
    violations: Sequence[str]
    odd: Counter[str]
    recoveries: Sequence[float]
    restarts: Sequence[Restart]
    lost: int

    @property
    def acknowledged(self) -> int:
        return sum(self.counts[name] for name in ACKNOWLEDGED)


def show(outcome: Outcome) -> None:
    report.show(count_rows("fault", outcome.faults))
    print()
    report.show(count_rows("clients were told", outcome.counts))
    for text, times in outcome.odd.most_common(SHOWN_MAX):
        print(f"unexpected answer, {times} times: {text}")
    if outcome.restarts:
        print()
        report.show(restart_rows(outcome.restarts))
    print(f"\nviolations: {len(outcome.violations)}; {_recoveries(outcome)}seed {outcome.seed}")


def _recoveries(outcome: Outcome) -> str:
    times = outcome.recoveries
    return f"the pool found itself {len(times)} times, within {max(times):.1f} s at most; " if times else ""


def count_rows(heading: str, counts: Counter[str]) -> list[list[str]]:
    return [[heading, "times"], *([name, str(times)] for name, times in sorted(counts.items()))]


def restart_rows(found: Sequence[Restart]) -> list[list[str]]:
    rows = [["seconds after kill -9 of all", "median", "p99", "slowest", "times"]]
    for title, times in (
        ("every daemon has served a read", sorted(restart.reads for restart in found)),
        ("a change was acknowledged", sorted(restart.commit for restart in found)),
        ("CPU of a daemon until its first read", sorted(restart.cpu for restart in found)),
    ):
        rows.append([title, *(f"{report.percentile(times, percent):.2f}" for percent in (50, 99, 100)), str(len(times))])
    return rows


def as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "name": "chaos",
        "minutes": outcome.minutes,
        "peers": outcome.peers,
        "faults": outcome.faults.total(),
        "acknowledged": outcome.acknowledged,
        "lost": outcome.lost,
        "violations": len(outcome.violations),
        "seed": outcome.seed,
        **({"restart_s": max(restart.reads for restart in outcome.restarts)} if outcome.restarts else {}),
    }


def write_docs(outcome: Outcome, state: str, commit: str, repeat: str, *, first: bool = False) -> None:
    """Each kind of run has a section of its own. `repeat`: the arguments that make it again."""
    kind = "kill-all" if outcome.kill_all else str(outcome.peers)
    title = f"Chaos: {'every daemon killed again and again' if outcome.kill_all else f'{outcome.peers} daemons'}"
    lines = [
        f"{datetime.datetime.now(datetime.UTC).date()}, commit {commit}, seed {outcome.seed}.",
        f"{report.machine()}; the state on {'a disk' if state == 'disk' else 'a tmpfs for each daemon'}"
        f"{', the daemons scheduled before all else on the machine' if first else ''}.",
        f"{outcome.minutes:g} minutes, {outcome.faults.total()} faults, {outcome.acknowledged} acknowledged writes{_with_keys(outcome)}: "
        f"**{outcome.lost} lost, {len(outcome.violations)} violations**; {_recoveries(outcome)}states of all peers identical at the end.",
        "What is done and what is checked: [design/chaos.md](design/chaos.md).",
        f"Repeat: `./dev bench chaos {repeat} --write-docs`.",
    ]
    tables = [count_rows("fault", outcome.faults), count_rows("clients were told", outcome.counts)]
    if outcome.restarts:
        tables[0] = restart_rows(outcome.restarts)
    body = "\n".join([f"## {title}", "", *(f"- {line}" for line in lines), "", "\n\n".join(map(report.markdown, tables))])
    report.replace_section(report.DOCS / "benchmarks.md", f"chaos-{kind}", body)


def _with_keys(outcome: Outcome) -> str:
    return f" ({outcome.keys} of them before the first fault)" if outcome.keys else ""
