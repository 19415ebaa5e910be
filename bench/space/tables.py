"""What a run of `bench space` came to, for people, for programs and for docs/benchmarks.md. This file must not know how it was found."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench import report
from bench.proof import show_troubles

COLUMNS = ("created", "expanded", "deleted", "no space", "failed")


class Outcome(NamedTuple):
    """`done`: (shape, one of COLUMNS) -> how often. `comparisons`: of books and disks, of so many bricks and bytes in all. `fullest`: the
    largest share of the capacity that was given away whenever somebody looked. `looks`: how often the books were looked at meanwhile. `repeated`: why commands were
    asked for again."""

    seed: int
    volumes: int
    peers: int
    devices: int
    clients: int
    every_s: float
    seconds: float
    kills: int
    done: Mapping[tuple[str, str], int]
    capacity: int
    comparisons: int
    compared_bytes: int
    fullest: float
    looks: int
    compared_bricks: int
    repeated: Counter[str]
    violations: Sequence[str]

    def total(self, column: str) -> int:
        return sum(times for (_, what), times in self.done.items() if what == column)


def rows(outcome: Outcome) -> list[list[str]]:
    shapes = sorted({shape for shape, _ in outcome.done})
    found = [["", *COLUMNS], *([shape, *(str(outcome.done.get((shape, column), 0)) for column in COLUMNS)] for shape in shapes)]
    return [*found, ["all", *(str(outcome.total(column)) for column in COLUMNS)]]


def verdict(outcome: Outcome) -> str:
    return (
        f"{outcome.total('created')} volumes created, {outcome.total('expanded')} enlarged, {outcome.total('deleted')} deleted, {outcome.kills} daemons killed: "
        f"{len(outcome.violations)} differences between books and disks, or other violations"
    )


def show(outcome: Outcome) -> None:
    report.show(rows(outcome))
    show_troubles(outcome.repeated, outcome.violations)
    print(f"\n{full(outcome)}\n{verdict(outcome)}; seed {outcome.seed}")


def full(outcome: Outcome) -> str:
    return (
        f"at most {100 * outcome.fullest:.0f} % of the devices were given away in {outcome.looks} looks at the books; "
        f"{outcome.comparisons} comparisons with the disks, of {outcome.compared_bricks} bricks with {outcome.compared_bytes} bytes in all"
    )


def as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "name": "space",
        "volumes": outcome.volumes,
        "peers": outcome.peers,
        **{column.replace(" ", "_"): outcome.total(column) for column in COLUMNS},
        "kills": outcome.kills,
        "repeated": outcome.repeated.total(),
        "capacity_bytes": outcome.capacity,
        "comparisons": outcome.comparisons,
        "compared_bytes": outcome.compared_bytes,
        "compared_bricks": outcome.compared_bricks,
        "fullest": round(outcome.fullest, 3),
        "looks": outcome.looks,
        "violations": len(outcome.violations),
        "seconds": round(outcome.seconds, 1),
        "seed": outcome.seed,
    }


def write_docs(outcome: Outcome, repeat: str) -> None:
    """The section of docs/benchmarks.md. `repeat`: the arguments that make it again."""
    lines = [
        f"{datetime.datetime.now(datetime.UTC).date()}, commit {report.commit()}, seed {outcome.seed}; {outcome.seconds:.0f} s.",
        f"{report.machine()}; three peers in network namespaces on this one machine, {outcome.devices} devices (folders with files on loop devices, XFS) of "
        f"{outcome.capacity // outcome.devices} bytes each.",
        f"{outcome.clients} clients ask all peers in turn for volumes by size, sizes to the byte; daemons die by kill -9, one, two or all at once, about "
        f"{outcome.every_s:g} s after those before are back, and are started again within 2 s. Some volumes are started.",
        f"**{verdict(outcome)}.**",
        "Compared, with the pool at rest, after each of four rounds and after the last volumes were deleted: sums of each device's bricks, image files and their sizes, mounts and the files "
        "behind them, the kernel's loop devices, the bricks of all volumes, what clients had acknowledged. At the end every device has its first free space again.",
        f"{full(outcome)}. No space: refused for want of it, then asked again once something had gone. Failed: undone, or found done by the next look.",
        f"Asked again: {outcome.repeated.total()} times, since a daemon had just died.",
        f"Repeat: `./dev bench space {repeat} --write-docs`.",
    ]
    body = "\n".join(["## Space for volumes under kill -9", "", *(f"- {line}" for line in lines), "", report.markdown(rows(outcome))])
    report.replace_section(report.DOCS / "benchmarks.md", "space", body)
