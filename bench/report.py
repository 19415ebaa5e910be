"""What benchmarks say: statistics over samples, a table, a plot, and a marked section of docs/benchmarks.md.

This file must not know what was measured. Samples are seconds; everything shown is milliseconds.
"""

from __future__ import annotations

import datetime
import math
import os
import platform
import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
HEADING = "# Benchmarks\n\nWritten by `./dev bench NAME --write-docs`; every section says how to repeat it.\n"


class Samples:
    """Durations in seconds by (side, operation)."""

    def __init__(self) -> None:
        self._durations: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, side: str, operation: str, seconds: float) -> None:
        self._durations[side, operation].append(seconds)

    def of(self, side: str, operation: str) -> list[float]:
        """Sorted. Raises KeyError when nothing was measured: a table must not show what is not there."""
        if (side, operation) not in self._durations:
            raise KeyError(f"no sample of {operation} by {side}")
        return sorted(self._durations[side, operation])

    def median_ms(self, side: str, operation: str) -> float:
        return 1000 * statistics.median(self.of(side, operation))

    def percentile_ms(self, side: str, operation: str, percent: float) -> float:
        return 1000 * percentile(self.of(side, operation), percent)

    def ratio(self, operation: str, ours: str, theirs: str) -> float:
        """Median over median."""
        return self.median_ms(ours, operation) / self.median_ms(theirs, operation)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank: always a value that was really seen. With fewer than 100 values the 99th percentile is the largest.

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 99)
    (2, 4)
    """
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]


def milliseconds(value: float) -> str:
    """Three digits that matter.

    >>> [milliseconds(x) for x in (0.3456, 34.56, 2234.5)]
    ['0.346', '34.6', '2234']
    """
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Comparison:
    """What was measured: of one side, or of two (ours first) with goals for the ratio of medians."""

    samples: Samples
    labels: Sequence[str]
    operations: Sequence[str]
    goals: Mapping[str, float] = field(default_factory=dict)

    def ratio(self, operation: str) -> float:
        return self.samples.ratio(operation, self.labels[0], self.labels[1])

    def table(self) -> list[list[str]]:
        """Rows of cells, the heading first. With two sides: the ratio of medians, and whether it meets the goal (where there is one)."""
        compared = len(self.labels) == 2
        heading = ["ms"]
        for label in self.labels:
            heading += [f"{label} median", "middle half", "p99", "n"]
        rows = [heading + (["ours/theirs", "goal"] if compared else [])]
        for operation in self.operations:
            cells = [cell for label in self.labels for cell in self._cells(label, operation)]
            rows.append([operation, *cells, *(_verdict(self.ratio(operation), self.goals.get(operation)) if compared else [])])
        return rows

    def _cells(self, label: str, operation: str) -> list[str]:
        low, high, top = (milliseconds(self.samples.percentile_ms(label, operation, percent)) for percent in (25, 75, 99))
        median = milliseconds(self.samples.median_ms(label, operation))
        return [median, f"{low} - {high}", top, str(len(self.samples.of(label, operation)))]


def _verdict(ratio: float, goal: float | None) -> list[str]:
    if goal is None:
        return [f"{ratio:.3f}", ""]
    return [f"{ratio:.3f}", f"{goal:g} {'met' if ratio <= goal else 'MISSED'}"]


def show(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]))


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * (len(rows[0]) - 1) + "|", *lines[1:]])


def machine() -> str:
    """One line: what this ran on."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    gib = int(memory.group(1)) / 2**20 if memory else math.nan
    name = model.group(1).strip() if model else platform.machine()
    return f"{os.cpu_count()} cores ({name}), {gib:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`: the mount with the longest matching prefix."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(point), kind) for point, kind in mounts if path.resolve().is_relative_to(point)]
    return max(holding)[1] if holding else "unknown"


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=, with uncommitted changes"], cwd=ROOT, capture_output=True, text=True, timeout=10
    )
    return done.stdout.strip() or "unknown"


def write_docs(name: str, title: str, measured: Comparison, facts: Sequence[str], *, repeat: str = "") -> None:
    """Replace (or append) the section `name` in docs/benchmarks.md, and its plot docs/plots/<name>.svg. `repeat`: the benchmark, when it
    is called otherwise."""
    measured_on = commit()  # before the plot is written: that would be an uncommitted change
    plot(DOCS / "plots" / f"{name}.svg", title, measured)
    today = datetime.datetime.now(datetime.UTC).date()
    about = [f"{today}, commit {measured_on}.", f"{machine()}.", *facts, f"Repeat: `./dev bench {repeat or name} --write-docs`."]
    body = "\n".join([f"## {title}", "", *(f"- {line}" for line in about), "", markdown(measured.table())])
    note = "Middle half: 25th to 75th percentile. p99 is by nearest rank: with fewer than 100 values it is the largest."
    replace_section(DOCS / "benchmarks.md", name, f"{body}\n\n{note}\n\n![{title}](plots/{name}.svg)")


def replace_section(page: Path, name: str, body: str) -> None:
    """The text between `<!-- bench:NAME -->` and the next `<!-- end -->`; appended when the page has no such marks."""
    text = page.read_text() if page.exists() else HEADING
    section = f"<!-- bench:{name} -->\n{body}\n<!-- end -->"
    pattern = re.compile(rf"<!-- bench:{re.escape(name)} -->.*?<!-- end -->", re.DOTALL)
    text, found = pattern.subn(lambda _: section, text, count=1)
    if not found:
        text = f"{text.rstrip()}\n\n{section}\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)


def plot(path: Path, title: str, measured: Comparison) -> None:
    """Medians as dots on a logarithmic scale (bars would start nowhere), the whisker ends at p99."""
    import matplotlib  # here: a run without --write-docs must not pay for it, nor need it

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"  # the same numbers give the same file
    from matplotlib import pyplot

    samples, labels, operations = measured.samples, measured.labels, measured.operations
    figure, axes = pyplot.subplots(figsize=(8, 0.55 * len(operations) + 1.5))
    for index, label in enumerate(labels):
        medians = [samples.median_ms(label, operation) for operation in operations]
        whiskers = [max(samples.percentile_ms(label, name, 99) - median, 0.0) for name, median in zip(operations, medians, strict=True)]
        places = [row + 0.3 * (index - (len(labels) - 1) / 2) for row in range(len(operations))]
        axes.errorbar(medians, places, xerr=[[0.0] * len(medians), whiskers], fmt="o", capsize=3, label=label)
        for median, place in zip(medians, places, strict=True):
            axes.annotate(milliseconds(median), (median, place), (-7, 0), textcoords="offset points", ha="right", va="center", fontsize=8)
    axes.margins(x=0.15)
    axes.set_yticks(range(len(operations)), operations)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="milliseconds, median; whisker to p99", title=title)
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
