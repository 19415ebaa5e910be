"""What a run of `bench life` came to, for people, for programs and for docs/benchmarks.md. This file must not know how it was found."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench import report
from bench.life.files import Found
from bench.proof import show_troubles


class Phase(NamedTuple):
    """`kills`: of daemons. `repeated`: how often a command was asked for again. `moved`: files, by rebalance. `written`: files, acknowledged."""

    name: str
    seconds: float
    kills: int
    commands: int
    repeated: int
    moved: int
    written: int


class Outcome(NamedTuple):
    """`files`: before it began; `acknowledged`: in all. `repeated`: why commands were asked for again. `violations`: in words.

    `informed`: of `clients`, those that worked with the replacement while its peer was dead still. Not a promise: a client of GlusterFS 10.3
    goes through its list of daemons once and stays with the last one, which may be the dead peer's.
    """

    seed: int
    files: int
    every_s: float
    phases: Sequence[Phase]
    acknowledged: int
    repeated: Counter[str]
    found: Found
    errors: Sequence[str]
    violations: Sequence[str]
    informed: int
    clients: int

    @property
    def kills(self) -> int:
        return sum(phase.kills for phase in self.phases)


def rows(outcome: Outcome) -> list[list[str]]:
    found = [["phase", "seconds", "daemons killed", "commands", "asked again", "files moved", "files written"]]
    for phase in outcome.phases:
        counts = (phase.kills, phase.commands, phase.repeated, phase.moved, phase.written)
        found.append([phase.name, f"{phase.seconds:.1f}", *map(str, counts)])
    sums = [sum(column) for column in zip(*(phase[1:] for phase in outcome.phases), strict=True)]
    return [*found, ["all", f"{sums[0]:.1f}", *(str(int(count)) for count in sums[1:])]]


def verdict(outcome: Outcome) -> str:
    found = outcome.found
    return (
        f"{outcome.acknowledged} files acknowledged: {len(found.wrong)} with a wrong checksum, {len(found.missing)} missing, "
        f"{len(found.unlisted)} not listed, {len(outcome.errors)} errors of clients, {len(outcome.violations)} violations in all"
    )


def informed(outcome: Outcome) -> str:
    return f"{outcome.informed} of {outcome.clients} clients knew of the replaced brick before its dead peer was back"


def show(outcome: Outcome) -> None:
    report.show(rows(outcome))
    show_troubles(outcome.repeated, outcome.violations)
    print(f"\n{informed(outcome)}")
    print(f"{verdict(outcome)}; seed {outcome.seed}")


def as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "name": "life",
        "files": outcome.acknowledged,
        "kills": outcome.kills,
        "repeated": outcome.repeated.total(),
        "moved": sum(phase.moved for phase in outcome.phases),
        "wrong": len(outcome.found.wrong),
        "missing": len(outcome.found.missing),
        "errors": len(outcome.errors),
        "violations": len(outcome.violations),
        "seconds": round(sum(phase.seconds for phase in outcome.phases), 1),
        "seed": outcome.seed,
    }


def write_docs(outcome: Outcome, repeat: str) -> None:
    """The section of docs/benchmarks.md. `repeat`: the arguments that make it again."""
    lines = [
        f"{datetime.datetime.now(datetime.UTC).date()}, commit {report.commit()}, seed {outcome.seed}.",
        f"{report.machine()}; five peers in network namespaces on this one machine, all bricks on one disk.",
        "A replica 3 volume; two mounted clients create files (written, fsynced, closed) all the time; daemons die by kill -9, one, two or all at once, "
        f"about {outcome.every_s:g} s after those before are back, and are started again within 2 s.",
        f"**{verdict(outcome)}**, by a fresh mount and on the disk of every brick.",
        f"{informed(outcome)}: a client of GlusterFS 10.3 goes through its list of daemons once and stays with the last, which may be that one.",
        "Asked again: a command that got no answer, or failed because a peer had just died, until it was done.",
        f"Repeat: `./dev bench life {repeat} --write-docs`.",
    ]
    body = "\n".join(["## A volume's life under kill -9", "", *(f"- {line}" for line in lines), "", report.markdown(rows(outcome))])
    report.replace_section(report.DOCS / "benchmarks.md", "life", body)
